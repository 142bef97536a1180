package io.tidegate.contract;

import io.tidegate.tenant.TenantId;
import org.apache.kafka.common.utils.Utils;

/**
 * Which partition is a tenant's: that which Kafka's default partitioner gives for the tenant's decimal key. So a record
 * that any producer keys by tenant id lands where Tidegate would put it, and a tenant has the same partition number in
 * all topics with as many partitions.
 */
public final class TenantPartitions {
    private TenantPartitions() {}

    /**
     * The partition of a tenant in a topic that is partitioned by tenant. It depends on {@code shards} alone; only in a topic
     * that has fewer partitions than shards, which those with a tenant's state and WAL never have, does it depend on these.
     *
     * @param partitions that the topic has now
     */
    public static int of(TenantId tenant, int shards, int partitions) {
        return of(tenant, Math.min(shards, partitions));
    }

    public static int of(TenantId tenant, int partitions) {
        return Utils.toPositive(Utils.murmur2(tenant.key())) % partitions;
    }
}
