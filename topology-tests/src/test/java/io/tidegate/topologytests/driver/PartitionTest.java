package io.tidegate.topologytests.driver;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidegate.contract.TenantPartitions;
import io.tidegate.tenant.TenantId;
import java.util.Arrays;
import java.util.Random;
import org.apache.kafka.clients.producer.internals.BuiltInPartitioner;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * The partition of a tenant. Only a test with a broker can show that the topology writes to it, because in the driver every
 * topic has one partition.
 */
class PartitionTest {
    @Test
    void aTenantsPartitionIsTheOneOfAProducerThatKeysByItsId() {
        long seed = 11;
        Random random = new Random(seed);
        for (int i = 0; i < 2_000; i++) {
            TenantId tenant = TenantId.of(i < 100 ? i : random.nextLong());
            int partitions = 1 + random.nextInt(64);
            assertThat(TenantPartitions.of(tenant, partitions))
                    .as("seed %d, tenant %s of %d partitions", seed, tenant, partitions)
                    .isEqualTo(BuiltInPartitioner.partitionForKey(tenant.key(), partitions));
        }
    }

    /** Stored files name their shard: a tenant that moved would have its WAL in two shards. */
    @ParameterizedTest
    @CsvSource({"0, 8, 4", "1, 8, 7", "42, 8, 4", "18446744073709551615, 8, 5"})
    void aTenantsPartitionNeverChanges(String tenant, int partitions, int expected) {
        assertThat(TenantPartitions.of(TenantId.parse(tenant), partitions)).isEqualTo(expected);
    }

    @Test
    void consecutiveTenantsSpreadOverAllPartitions() {
        int[] tenants = new int[8];
        for (int id = 0; id < 8_000; id++) {
            tenants[TenantPartitions.of(TenantId.of(id), 8)]++;
        }

        assertThat(Arrays.stream(tenants).boxed())
                .allSatisfy(count -> assertThat(count).isBetween(800, 1_200));
    }
}
