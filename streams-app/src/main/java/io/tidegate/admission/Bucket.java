package io.tidegate.admission;

import io.tidegate.tenant.TenantConfig;
import java.util.List;
import java.util.stream.IntStream;

/**
 * A token bucket of a tenant: for its signals, for its bytes, or for a value of {@code signal} with its own limit.
 *
 * @param key identifies the bucket in the keys of its history
 */
public record Bucket(byte key) {
    public static final Bucket SIGNALS = new Bucket((byte) 0);
    public static final Bucket BYTES = new Bucket((byte) 1);
    private static final int FIRST_SLOT = 2;

    /** All buckets that a tenant can have. */
    public static final List<Bucket> ALL = IntStream.range(0, FIRST_SLOT + TenantConfig.SIGNALS_MAX)
            .mapToObj(key -> new Bucket((byte) key))
            .toList();

    /** The buckets of a tenant that never had a limit for a value of {@code signal}. */
    static final List<Bucket> WITHOUT_TYPES = List.of(SIGNALS, BYTES);

    /** Returns the slot of a bucket of {@link SignalBuckets}; negative for other buckets. */
    int slot() {
        return key - FIRST_SLOT;
    }
}
