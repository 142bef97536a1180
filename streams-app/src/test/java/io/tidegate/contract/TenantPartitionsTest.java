package io.tidegate.contract;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidegate.tenant.TenantId;
import io.tidegate.topology.TenantKey;
import java.util.HashSet;
import java.util.Optional;
import java.util.Set;
import java.util.SplittableRandom;
import org.apache.kafka.clients.producer.internals.BuiltInPartitioner;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class TenantPartitionsTest {
    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3})
    void isThePartitionThatKafkasProducerPicksForTheDecimalKey(long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        for (int step = 0; step < 5_000; step++) {
            TenantId tenant = TenantId.of(random.nextBoolean() ? random.nextInt(1_000) : random.nextLong());
            int partitions = 1 + random.nextInt(100);
            assertThat(TenantPartitions.of(tenant, partitions))
                    .as("seed %d, step %d: %s of %d", seed, step, tenant, partitions)
                    .isEqualTo(BuiltInPartitioner.partitionForKey(tenant.key(), partitions));
        }
    }

    /** The places of tenants on disk and in existing topics: these numbers must never change. */
    @ParameterizedTest
    @CsvSource({
        "0, 6, 2",
        "0, 12, 8",
        "1, 6, 3",
        "1, 12, 3",
        "42, 6, 4",
        "42, 12, 4",
        "43, 6, 0",
        "43, 12, 6",
        "18446744073709551615, 6, 1",
        "18446744073709551615, 12, 1"
    })
    void neverMovesATenant(String tenant, int partitions, int expected) {
        assertThat(TenantPartitions.of(TenantId.parse(tenant), partitions)).isEqualTo(expected);
    }

    @Test
    void usesAllPartitions() {
        Set<Integer> used = new HashSet<>();
        for (long id = 0; id < 200; id++) {
            used.add(TenantPartitions.of(TenantId.of(id), 12));
        }
        assertThat(used).hasSize(12);
    }

    @Test
    void recordsArePartitionedByTheirTenantWhateverTheirKey() {
        TenantId tenant = TenantId.of(42);
        assertThat(TenantKey.partitioner(12).partitions("topic", new TenantKey(tenant, new byte[] {1, 2, 3}), null, 12))
                .isEqualTo(Optional.of(Set.of(TenantPartitions.of(tenant, 12))));
    }

    @Test
    void aTopicThatGainsPartitionsKeepsEachTenantWhereItIs() {
        for (long id = 0; id < 200; id++) {
            TenantKey key = new TenantKey(TenantId.of(id), null);
            assertThat(TenantKey.partitioner(4).partitions("topic", key, null, 9))
                    .isEqualTo(TenantKey.partitioner(4).partitions("topic", key, null, 4));
        }
    }

    @Test
    void aTopicWithFewerPartitionsThanShardsGetsNoneThatItDoesNotHave() {
        for (long id = 0; id < 200; id++) {
            assertThat(TenantPartitions.of(TenantId.of(id), 12, 3)).isBetween(0, 2);
        }
    }
}
