package io.tidegate.benchmarks.flink;

import org.jspecify.annotations.Nullable;

/** A signal between operators. It is public and has public fields, as Flink's serializer for plain objects requires. */
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

    /** The reason of a rejection; null before the decision and for accepted signals. */
    public @Nullable String reason;

    public long retryAfterMs;
}
