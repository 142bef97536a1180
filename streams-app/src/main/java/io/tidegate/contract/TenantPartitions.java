package io.tidegate.contract;

import io.tidegate.tenant.TenantId;
import org.apache.kafka.common.utils.Utils;

/**
 * Assigns tenants to partitions as Kafka's default partitioner does for the tenant's decimal key. So a record that any
 * producer keys by tenant id goes to the same partition as Tidegate's own, and a tenant has the same partition number
 * in all topics with the same number of partitions.
 */
public final class TenantPartitions {
    private TenantPartitions() {}

    /**
     * Returns the partition of a tenant in a topic that is partitioned by tenant. It depends only on {@code shards},
     * unless the topic has fewer partitions than shards, which topics with a tenant's state and WAL never have.
     *
     * @param partitions the current number of partitions of the topic
     */
    public static int of(TenantId tenant, int shards, int partitions) {
        return of(tenant, Math.min(shards, partitions));
    }

    public static int of(TenantId tenant, int partitions) {
        return Utils.toPositive(Utils.murmur2(tenant.key())) % partitions;
    }
}
