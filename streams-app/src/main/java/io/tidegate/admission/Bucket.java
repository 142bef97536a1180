package io.tidegate.admission;

import io.tidegate.tenant.TenantConfig;
import java.util.List;
import java.util.stream.IntStream;

/**
 * A token bucket of a tenant: of its signals, of its bytes, or of one of the values of {@code signal} that have a limit.
 *
 * @param key the byte that stands for the bucket in the keys of its history
 */
public record Bucket(byte key) {
    public static final Bucket SIGNALS = new Bucket((byte) 0);
    public static final Bucket BYTES = new Bucket((byte) 1);
    private static final int FIRST_SLOT = 2;

    /** All that a tenant can have. */
    public static final List<Bucket> ALL = IntStream.range(0, FIRST_SLOT + TenantConfig.SIGNALS_MAX)
            .mapToObj(key -> new Bucket((byte) key))
            .toList();

    /** What a tenant has for which no value of {@code signal} ever had a limit. */
    static final List<Bucket> WITHOUT_TYPES = List.of(SIGNALS, BYTES);

    /** The slot of a bucket of {@link SignalBuckets}; negative for the others. */
    int slot() {
        return key - FIRST_SLOT;
    }
}
