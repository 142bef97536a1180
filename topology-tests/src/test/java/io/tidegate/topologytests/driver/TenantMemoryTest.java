package io.tidegate.topologytests.driver;

import static io.tidegate.topologytests.driver.TopologyFixture.ACCEPTED;
import static io.tidegate.topologytests.driver.TopologyFixture.T0;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tidegate.admission.TenantUsage;
import io.tidegate.tenant.TenantId;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import org.apache.kafka.streams.test.TestRecord;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The state that admit keeps in memory between two commits, and the time at which it is written. */
class TenantMemoryTest {
    @TempDir
    private Path dir;

    /** The driver commits after each record; nothing else makes admit write. */
    @Test
    void writesATenantsUsageBeforeTheCommitThatFollowsItsSignal() {
        try (TopologyFixture tidegate = TopologyFixture.in(dir).start()) {
            tidegate.config("42", "\"max_signals_per_sec\":1");
            tidegate.send("42", T0);
            tidegate.send("42", T0);
            List<TestRecord<byte[], byte[]>> written = tidegate.readChangelog("usage");
            assertThat(written).hasSize(2);
            assertThat(written)
                    .allSatisfy(
                            record -> assertThat(ByteBuffer.wrap(record.key()).getLong())
                                    .isEqualTo(TenantId.of(42).bits()));
            TenantUsage last = TenantUsage.read(written.get(1).value());
            assertThat(last.acceptedCount()).isEqualTo(1);
            assertThat(last.acceptedBytes()).isEqualTo("{\"tenant_id\":42}".length());
            assertThat(last.lastRejectionMs()).isEqualTo(T0);
        }
    }

    /** The driver deletes its stores when it is closed, as if somebody had deleted the changelogs. The WAL stays. */
    @Test
    void acceptsNothingWithAUsageThatIsOlderThanTheWal() {
        try (TopologyFixture tidegate = TopologyFixture.in(dir).start()) {
            tidegate.config("42", "");
            tidegate.send("42", T0);
            tidegate.send("42", T0);
        }
        try (TopologyFixture tidegate = TopologyFixture.in(dir).start()) {
            tidegate.config("42", "");
            tidegate.config("43", "");
            assertThat(tidegate.send("43", T0).verdict()).isEqualTo(ACCEPTED);
            assertThatThrownBy(() -> tidegate.send("42", T0))
                    .hasStackTraceContaining(
                            "the stored state of tenant t42 is incomplete: it continues with the sequence"
                                    + " number 0, and the WAL has records up to 1. The topic with a name that ends in usage-changelog");
        }
    }

    @Test
    void writesNothingForAKnownEntityButTheUsage() {
        try (TopologyFixture tidegate = TopologyFixture.in(dir).start()) {
            tidegate.config("42", "");
            tidegate.send("42", T0, "\"item\":1");
            assertThat(tidegate.readChangelog("entities")).hasSize(1);
            tidegate.send("42", T0, "\"item\":1");
            assertThat(tidegate.readChangelog("entities")).isEmpty();
            assertThat(tidegate.readChangelog("usage")).hasSize(2);
        }
    }

    /** Entities fill chunks, tenants evict one another from memory, and the count stays exact. */
    @ParameterizedTest
    @ValueSource(longs = {0, 6_000})
    void countsEntitiesExactlyHoweverLittleMemoryThereIs(long cacheBytes) {
        SplittableRandom random = new SplittableRandom(7);
        int max = 80;
        List<Set<Integer>> model = new ArrayList<>();
        try (TopologyFixture tidegate =
                TopologyFixture.in(dir).cacheBytes(cacheBytes).start()) {
            for (int tenant = 0; tenant < 3; tenant++) {
                tidegate.config(Integer.toString(tenant + 1), "\"max_entities\":" + max);
                model.add(new HashSet<>());
            }
            for (int step = 0; step < 700; step++) {
                int tenant = random.nextInt(3);
                int item = random.nextInt(160);
                Set<Integer> known = model.get(tenant);
                boolean fits = known.contains(item) || known.size() < max;
                String verdict = tidegate.send(Integer.toString(tenant + 1), T0, "\"item\":" + item)
                        .verdict();
                assertThat(verdict).as("step %d", step).isEqualTo(fits ? ACCEPTED : "entity_limit");
                if (fits) {
                    known.add(item);
                }
            }
        }
    }

    @Test
    void noTenantHasMoreEntitiesThanTheInstanceAllows() {
        try (TopologyFixture tidegate = TopologyFixture.in(dir).entitiesMax(2).start()) {
            tidegate.config("1", "");
            tidegate.config("2", "\"max_entities\":1000");
            tidegate.config("3", "\"mode\":\"observe\"");
            for (String tenant : List.of("1", "2")) {
                assertThat(tidegate.send(tenant, T0, "\"item\":1,\"user\":1").verdict())
                        .isEqualTo(ACCEPTED);
                var rejected = tidegate.send(tenant, T0, "\"item\":2");
                assertThat(rejected.verdict()).isEqualTo("entity_limit");
                assertThat(new String(
                                rejected.record()
                                        .headers()
                                        .lastHeader("tidegate.limit")
                                        .value(),
                                StandardCharsets.UTF_8))
                        .isEqualTo("2");
                assertThat(tidegate.send(tenant, T0, "\"item\":1").verdict()).isEqualTo(ACCEPTED);
            }
            for (int item = 0; item < 5; item++) {
                assertThat(tidegate.send("3", T0, "\"item\":" + item).verdict()).isEqualTo(ACCEPTED);
            }
            var written = tidegate.readChangelog("usage");
            assertThat(TenantUsage.read(written.get(written.size() - 1).value()).entityCount())
                    .isEqualTo(2);
        }
    }
}
