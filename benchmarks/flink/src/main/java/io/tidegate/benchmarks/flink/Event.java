package io.tidegate.benchmarks.flink;

import org.jspecify.annotations.Nullable;

/** A signal between operators, as Flink's own serializer for plain objects wants it: public, with public fields. */
@SuppressWarnings("NullAway.Init")
public final class Event {
    public long tenant;
    public long timestampMs;
    public int partition;
    public long offset;
    public @Nullable String item;
    public @Nullable String user;
    public @Nullable String creator;
    public byte[] value;

    /** Why it was rejected; null before the decision and where it was accepted. */
    public @Nullable String reason;

    public long retryAfterMs;
}
