package io.tidegate.topology;

import io.tidegate.contract.TenantPartitions;
import io.tidegate.tenant.TenantId;
import java.nio.charset.StandardCharsets;
import java.util.Optional;
import java.util.Set;
import org.apache.kafka.common.serialization.Serializer;
import org.apache.kafka.streams.processor.StreamPartitioner;
import org.jspecify.annotations.Nullable;

/**
 * The key of an outgoing record: the bytes to write, and the tenant that decides the partition independently of these
 * bytes.
 *
 * @param tenant decides the partition
 * @param bytes the record's key, or null
 */
@SuppressWarnings("ArrayRecordComponent") // bytes pass through; keys are not compared
public record TenantKey(TenantId tenant, byte @Nullable [] bytes) {
    static final Serializer<TenantKey> SERIALIZER = (topic, key) -> key.bytes;

    /** Partitions another region's ingress topic over all its partitions. */
    static final StreamPartitioner<TenantKey, byte[]> FORWARDED =
            (topic, key, value, partitions) -> Optional.of(Set.of(TenantPartitions.of(key.tenant, partitions)));

    /**
     * Partitions by tenant. A topic's additional partitions stay empty, so a tenant never moves away from its state and
     * WAL.
     */
    public static StreamPartitioner<TenantKey, byte[]> partitioner(int shards) {
        return (topic, key, value, partitions) ->
                Optional.of(Set.of(TenantPartitions.of(key.tenant, shards, partitions)));
    }

    /** Returns the key {@code 42:1234} of {@code signals-accepted} and {@code wal-segments}. */
    public static TenantKey numbered(TenantId tenant, long seq) {
        return new TenantKey(tenant, (tenant.decimal() + ":" + seq).getBytes(StandardCharsets.US_ASCII));
    }
}
