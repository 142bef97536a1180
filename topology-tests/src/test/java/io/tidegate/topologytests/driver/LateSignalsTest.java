package io.tidegate.topologytests.driver;

import static io.tidegate.topologytests.driver.TopologyFixture.ACCEPTED;
import static io.tidegate.topologytests.driver.TopologyFixture.QUOTA_EVENTS;
import static io.tidegate.topologytests.driver.TopologyFixture.T0;
import static io.tidegate.topologytests.driver.TopologyFixture.bytes;
import static org.assertj.core.api.Assertions.assertThat;

import io.tidegate.admission.HistoryBounds;
import io.tidegate.admission.Reason;
import io.tidegate.admission.TenantUsage;
import io.tidegate.topology.TopologyListener;
import io.tidegate.topologytests.driver.TopologyFixture.Outcome;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.apache.kafka.streams.test.TestRecord;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Signals out of the order of their times: the decisions on them, and the reports about them. */
final class LateSignalsTest {
    private static final String TENANT = "42";
    private static final int PARTITIONS = 8;

    @TempDir(factory = MemoryDir.class)
    private Path dir;

    private final List<Boolean> late = new ArrayList<>();
    private TopologyFixture topology;

    private final TopologyListener listener = new TopologyListener() {
        @Override
        public void late(boolean beyond) {
            late.add(beyond);
        }
    };

    @BeforeEach
    void start() {
        topology = TopologyFixture.in(dir).listener(listener).start();
    }

    @AfterEach
    void stop() {
        topology.close();
    }

    private String verdict(long timestampMs) {
        return topology.send(TENANT, timestampMs).verdict();
    }

    /** The times of a steady load, one partition after the other, as if each was read in one go. */
    private static long[] partitionByPartition(int seconds, int perSecond) {
        return IntStream.range(0, PARTITIONS)
                .flatMap(partition -> IntStream.range(0, seconds * perSecond).filter(i -> i % PARTITIONS == partition))
                .mapToLong(i -> T0 + i * 1_000L / perSecond)
                .toArray();
    }

    private List<String> verdicts(long... timesMs) {
        List<String> verdicts = new ArrayList<>();
        for (long timeMs : timesMs) {
            verdicts.add(verdict(timeMs));
        }
        return verdicts;
    }

    /** The tenant's usage as stored last. */
    private TenantUsage usage(String tenant) {
        byte[] stored = null;
        for (TestRecord<byte[], byte[]> written : topology.readChangelog("usage")) {
            if (ByteBuffer.wrap(written.key()).getLong() == Long.parseLong(tenant)) {
                stored = written.value();
            }
        }
        return TenantUsage.read(stored);
    }

    @Test
    void lateSignalsAreReportedWithinAndBeyondTheBound() {
        topology.close();
        topology = TopologyFixture.in(dir.resolve("bounded"))
                .history(new HistoryBounds(5_000, HistoryBounds.ENTRIES_MIN))
                .listener(listener)
                .start();
        topology.config(TENANT, "\"max_signals_per_sec\":10");
        for (int i = 0; i < 200; i++) {
            assertThat(verdict(T0 + i * 100L)).isEqualTo(ACCEPTED);
        }
        assertThat(late).isEmpty();

        verdict(T0 + 19_000);
        verdict(T0);

        assertThat(late).containsExactly(false, true);
    }

    @Test
    void equalTimestampsAreOneInstantHoweverManyPartitionsTheyComeFrom() {
        topology.config(TENANT, "\"max_signals_per_sec\":4,\"burst_signals\":4");

        assertThat(topology.verdicts(5, TENANT, T0))
                .containsExactly(ACCEPTED, ACCEPTED, ACCEPTED, ACCEPTED, "burst_exceeded");
        assertThat(late).isEmpty();
    }

    /** A negative time counts as 0, and the tokens of the epoch are not those of the present. */
    @Test
    void negativeTimestampsAreOneInstantAndCostThePresentNothing() {
        topology.config(TENANT, "\"max_signals_per_sec\":2,\"burst_signals\":2");
        verdict(T0);
        List<String> negative = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            negative.add(
                    topology.sendAtNegativeTime(bytes("{\"tenant_id\":42}")).verdict());
        }

        assertThat(negative).containsExactly(ACCEPTED, ACCEPTED, "burst_exceeded");
        assertThat(verdict(T0)).isEqualTo(ACCEPTED);
    }

    @ParameterizedTest
    @ValueSource(longs = {4_102_444_800_000L, Long.MAX_VALUE})
    void aTimestampInTheFarFutureCostsThePresentNothing(long farMs) {
        topology.config(TENANT, "\"max_signals_per_sec\":10");
        assertThat(verdict(T0)).isEqualTo(ACCEPTED);
        assertThat(topology.verdicts(20, TENANT, farMs)).containsOnly(ACCEPTED);
        assertThat(verdict(farMs)).isEqualTo("burst_exceeded");

        assertThat(verdicts(partitionByPartition(40, 9))).containsOnly(ACCEPTED);
    }

    @Test
    void aBacklogBelowItsRateCausesNoQuotaEvent() {
        topology.config(TENANT, "\"max_signals_per_sec\":10");

        assertThat(verdicts(partitionByPartition(50, 6))).containsOnly(ACCEPTED);
        verdict(T0 + 60_000);
        assertThat(topology.read(QUOTA_EVENTS)).isEmpty();
    }

    /** In enforce mode, the same signals in the same order are rejected for the same reasons. */
    @Test
    void observeModeCountsWhatOfABacklogWouldBeRejected() {
        long[] backlog = partitionByPartition(30, 15);
        topology.config(TENANT, "\"max_signals_per_sec\":10,\"burst_signals\":10");
        topology.config("43", "\"max_signals_per_sec\":10,\"burst_signals\":10,\"mode\":\"observe\"");
        List<String> enforced = verdicts(backlog);
        for (long timeMs : backlog) {
            assertThat(topology.send("43", timeMs).verdict()).isEqualTo(ACCEPTED);
        }

        TenantUsage observed = usage("43");
        for (Reason reason : List.of(Reason.RATE_LIMITED, Reason.BURST_EXCEEDED)) {
            assertThat(observed.observedCount(reason))
                    .as(reason.id())
                    .isEqualTo(enforced.stream().filter(reason.id()::equals).count());
        }
        assertThat(enforced.stream().filter(ACCEPTED::equals).count()).isBetween(297L, 310L);
    }

    @Test
    void aRejectedLateSignalSaysWhenItWouldPass() {
        topology.config(TENANT, "\"max_signals_per_sec\":10,\"burst_signals\":10");
        topology.verdicts(10, TENANT, T0);
        topology.verdicts(10, TENANT, T0 + 1_000);
        topology.verdicts(10, TENANT, T0 + 2_000);

        Outcome rejected = topology.send(TENANT, T0 + 500);

        assertThat(rejected.verdict()).isEqualTo("burst_exceeded");
        assertThat(rejected.header("tidegate.retry_after_ms")).isEqualTo("1600");
        assertThat(verdict(T0 + 500 + 1_599)).isEqualTo("burst_exceeded");
        assertThat(verdict(T0 + 500 + 1_600)).isEqualTo(ACCEPTED);
        assertThat(usage(TENANT).lastDecisionMs()).isEqualTo(T0 + 2_100);
    }
}
