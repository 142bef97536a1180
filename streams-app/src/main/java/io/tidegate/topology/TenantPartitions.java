package io.tidegate.topology;

import io.tidegate.tenant.TenantId;
import org.apache.kafka.common.utils.Utils;

/**
 * Which partition is a tenant's: that which Kafka's default partitioner gives for the tenant's decimal key. So a record
 * that any producer keys by tenant id lands where Tidegate would put it, and a tenant has the same partition number in
 * all topics with as many partitions.
 */
public final class TenantPartitions {
    private TenantPartitions() {}

    public static int of(TenantId tenant, int partitions) {
        return Utils.toPositive(Utils.murmur2(tenant.key())) % partitions;
    }
}
