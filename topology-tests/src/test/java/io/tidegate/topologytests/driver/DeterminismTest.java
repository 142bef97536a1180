package io.tidegate.topologytests.driver;

import static io.tidegate.topologytests.driver.TopologyFixture.ACCEPTED;
import static io.tidegate.topologytests.driver.TopologyFixture.DEAD_LETTER;
import static io.tidegate.topologytests.driver.TopologyFixture.QUOTA_EXCEEDED;
import static io.tidegate.topologytests.driver.TopologyFixture.SIGNALS_ACCEPTED;
import static io.tidegate.topologytests.driver.TopologyFixture.T0;
import static io.tidegate.topologytests.driver.TopologyFixture.WAL_SEGMENTS;
import static io.tidegate.topologytests.driver.TopologyFixture.lines;
import static io.tidegate.topologytests.driver.TopologyFixture.record;
import static io.tidegate.topologytests.driver.TopologyFixture.text;
import static org.assertj.core.api.Assertions.assertThat;

import io.tidegate.tenant.UnknownTenants;
import io.tidegate.topologytests.driver.TopologyFixture.Outcome;
import io.tidegate.topologytests.driver.TopologyFixture.Setup;
import io.tidegate.wal.WalRecord;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.function.UnaryOperator;
import java.util.stream.LongStream;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.test.TestRecord;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Decisions depend only on configs, state and record times. */
@Timeout(600)
class DeterminismTest {
    private static final List<String> TENANTS = List.of("0", "1", "2", "3", "18446744073709551615");

    @TempDir(factory = MemoryDir.class)
    private Path dir;

    private interface Step {
        void on(TopologyFixture topology);
    }

    /** Signals, invalid records and config changes of several tenants, with times that occasionally step back. */
    private static List<Step> script(long seed, int steps) {
        Random random = new Random(seed);
        List<Step> script = new ArrayList<>();
        long nowMs = T0;
        for (int i = 0; i < steps; i++) {
            nowMs += random.nextInt(10) == 0 ? -random.nextInt(2_000) : random.nextInt(300);
            String tenant = TENANTS.get(random.nextInt(TENANTS.size()));
            int kind = i < TENANTS.size() ? 0 : random.nextInt(30);
            if (kind == 0) {
                String owner = i < TENANTS.size() ? TENANTS.get(i) : tenant;
                String fields = "\"max_signals_per_sec\":" + random.nextInt(6) + ",\"max_entities\":"
                        + random.nextInt(20) + ",\"max_storage_bytes\":" + random.nextInt(30_000)
                        + (i % 2 == 0 ? "" : ",\"entity_idle_ttl\":\"PT%dS\"".formatted(1 + i % 20));
                script.add(topology -> topology.config(owner, fields));
            } else if (kind == 1) {
                TestRecord<byte[], byte[]> rubbish = record("rubbish " + i).at(nowMs);
                script.add(topology -> topology.pipe(TopologyFixture.SIGNALS, rubbish));
            } else {
                TestRecord<byte[], byte[]> signal = TopologyFixture.signal(
                        tenant, nowMs, "\"item\":" + random.nextInt(15), "\"user\":" + random.nextInt(5));
                script.add(topology -> topology.pipe(TopologyFixture.SIGNALS, signal));
            }
        }
        return script;
    }

    /** Everything that a run writes, in the order of each topic. */
    private List<String> run(List<Step> script, String name, UnaryOperator<Setup> setup, Duration wallClockStep) {
        try (TopologyFixture topology = setup.apply(
                        TopologyFixture.in(dir.resolve(name)).segmentBytes(1_500))
                .start()) {
            for (Step step : script) {
                step.on(topology);
                if (!wallClockStep.isZero()) {
                    topology.advanceWallClock(wallClockStep);
                }
            }
            List<String> written = new ArrayList<>();
            for (String topic : List.of(SIGNALS_ACCEPTED, QUOTA_EXCEEDED, DEAD_LETTER, WAL_SEGMENTS)) {
                for (TestRecord<byte[], byte[]> record : topology.read(topic)) {
                    written.add(topic + " " + text(record.key()) + " " + text(record.value()) + " " + record.timestamp()
                            + " " + lines(record.headers()));
                }
            }
            return written;
        }
    }

    @Test
    void theSameInputGivesTheSameOutput() {
        List<Step> script = script(1, 400);

        List<String> first = run(script, "first", setup -> setup, Duration.ZERO);
        List<String> second = run(script, "second", setup -> setup, Duration.ZERO);

        assertThat(second).isEqualTo(first);
        assertThat(first).as("the script reaches every end").anyMatch(line -> line.startsWith(SIGNALS_ACCEPTED));
        assertThat(first).anyMatch(line -> line.contains("reason=rate_limited"));
        assertThat(first).anyMatch(line -> line.contains("reason=burst_exceeded"));
        assertThat(first).anyMatch(line -> line.contains("reason=entity_limit"));
        assertThat(first).anyMatch(line -> line.contains("reason=storage_limit"));
        assertThat(first).anyMatch(line -> line.startsWith(DEAD_LETTER));
        assertThat(first).anyMatch(line -> line.startsWith(WAL_SEGMENTS));
    }

    /** The timing of file writes may differ, so this compares only the decisions. */
    @Test
    void theWallClockIsNotRead() {
        List<Step> script = script(2, 300);

        List<String> still = run(script, "still", setup -> setup, Duration.ZERO);
        List<String> running = run(
                script,
                "running",
                setup -> setup.wallClock(Instant.parse("1999-12-31T23:59:59Z")),
                Duration.ofHours(31));

        assertThat(decisions(running)).isEqualTo(decisions(still));
    }

    private static List<String> decisions(List<String> written) {
        return written.stream()
                .filter(line -> !line.startsWith(WAL_SEGMENTS))
                .map(line -> line.replaceAll("tidegate\\.(observed|message)=[^,\\]]*", ""))
                .toList();
    }

    @Test
    void howManyTenantsAreKeptInMemoryChangesNothing() {
        List<Step> script = script(3, 300);

        List<String> all = run(script, "all", setup -> setup, Duration.ZERO);
        List<String> one = run(script, "one", setup -> setup.cachedTenants(1), Duration.ZERO);

        assertThat(one).isEqualTo(all);
    }

    /** A rejection that leaves no state of a tenant without a config must not move its clock in memory either. */
    @Test
    void aRejectedSignalOfATenantWithoutConfigDecidesNoLaterOne() {
        assertThat(verdictsOfTenant9(1_000))
                .isEqualTo(verdictsOfTenant9(1))
                .containsExactly("signal_too_large", ACCEPTED, ACCEPTED, ACCEPTED);
    }

    private List<String> verdictsOfTenant9(int cachedTenants) {
        List<String> verdicts = new ArrayList<>();
        try (TopologyFixture topology = TopologyFixture.in(dir.resolve("cached-" + cachedTenants))
                .unknown(UnknownTenants.DEFAULT_CONFIG)
                .cachedTenants(cachedTenants)
                .start()) {
            topology.config("0", "\"max_signal_bytes\":100,\"max_entities\":1,\"entity_idle_ttl\":\"PT1S\"");
            String large = "\"pad\":\"%s\"".formatted("x".repeat(200));
            verdicts.add(topology.send("9", T0 + 50_000, large).verdict());
            verdicts.add(topology.send("8", T0 + 50_000).verdict());
            verdicts.add(topology.send("9", T0 + 10_000, "\"item\":\"x\"").verdict());
            verdicts.add(topology.send("9", T0 + 12_000, "\"item\":\"y\"").verdict());
        }
        return verdicts;
    }

    @Test
    void aSignalThatSkipsTheInnerTopicGetsTheOutputOfOneThatTakesIt() {
        List<Step> script = script(5, 300);

        List<String> inner = run(script, "inner", setup -> setup, Duration.ZERO);
        List<String> inPlace = run(script, "in-place", setup -> setup.keyed(true), Duration.ZERO);

        assertThat(inPlace).isEqualTo(inner);
    }

    @Test
    void aFloodOfOneTenantChangesNothingForAnother() {
        assertThat(decisionsForTenant1(Flood.OF_TENANT_2)).isEqualTo(decisionsForTenant1(Flood.NONE));
        assertThat(decisionsForTenant1(Flood.OF_UNKNOWN_TENANTS)).isEqualTo(decisionsForTenant1(Flood.NONE));
    }

    private enum Flood {
        NONE,
        OF_TENANT_2,
        OF_UNKNOWN_TENANTS
    }

    private List<String> decisionsForTenant1(Flood flood) {
        Random random = new Random(4);
        List<String> decisions = new ArrayList<>();
        try (TopologyFixture topology = TopologyFixture.in(dir.resolve(flood + "-" + System.nanoTime()))
                .segmentBytes(1_500)
                .cachedTenants(2)
                .start()) {
            String quotas = "\"max_signals_per_sec\":3,\"max_entities\":12,\"max_storage_bytes\":4000";
            topology.config("1", quotas);
            topology.config("2", quotas);
            for (int i = 0; i < 80; i++) {
                long nowMs = T0 + i * 150L;
                for (int j = 0; flood == Flood.OF_TENANT_2 && j < 10; j++) {
                    topology.send("2", nowMs + 10_000, "\"item\":" + (i * 10 + j));
                }
                for (int j = 0; flood == Flood.OF_UNKNOWN_TENANTS && j < 10; j++) {
                    topology.send(Integer.toString(1_000 + i * 10 + j), nowMs, "\"item\":" + j);
                }
                Outcome outcome = topology.send("1", nowMs, "\"item\":" + random.nextInt(20));
                decisions.add(outcome.verdict() + " " + outcome.header("tidegate.retry_after_ms") + " "
                        + outcome.header("tidegate.observed") + " " + outcome.header("tidegate.limit"));
            }
            decisions.add("stored " + topology.wal("1").size());
        }
        return decisions;
    }

    /**
     * Only the data that Kafka Streams keeps survives: the changelogs of the stores, and the files. The driver empties its own
     * directory when it is closed, so the second driver restores from the changelogs, as on a new machine.
     */
    @Test
    void aRestartKeepsTheBucketTheEntitiesTheStorageAndTheSequence() {
        Path data = dir.resolve("data");
        String quotas = "\"max_signals_per_sec\":2,\"burst_signals\":2,\"max_entities\":2";
        String longHistory = "\"max_signals_per_sec\":50,\"burst_signals\":50";
        List<List<TestRecord<byte[], byte[]>>> changelogs = new ArrayList<>();
        List<String> stores = List.of("usage", "entities", "segments", "history");
        try (TopologyFixture before = TopologyFixture.in(data).segmentBytes(300).start()) {
            before.config("1", quotas);
            before.config("2", "\"max_storage_bytes\":1");
            before.send("1", T0, "\"item\":\"a\"", "\"user\":\"u\"");
            before.send("1", T0);
            while (before.send("2", T0).verdict().equals(ACCEPTED)) {
                assertThat(before.wal("2")).hasSizeLessThan(20);
            }
            // More acceptances than the usage itself has room for.
            before.config("3", longHistory);
            for (int i = 0; i < 50; i++) {
                assertThat(before.send("3", T0 + i).verdict()).isEqualTo(ACCEPTED);
            }
            stores.forEach(store -> changelogs.add(before.readChangelog(store)));
        }

        try (TopologyFixture after = TopologyFixture.in(data).segmentBytes(300).start()) {
            for (int i = 0; i < stores.size(); i++) {
                assertThat(changelogs.get(i)).as(stores.get(i)).isNotEmpty();
                KeyValueStore<Bytes, byte[]> store = after.store(stores.get(i));
                changelogs.get(i).forEach(record -> store.put(Bytes.wrap(record.key()), record.value()));
            }
            after.config("1", quotas);
            after.config("2", "\"max_storage_bytes\":1");
            int storedOf2 = after.wal("2").size();

            assertThat(after.send("1", T0 + 1).verdict()).as("bucket").isEqualTo("burst_exceeded");
            Outcome next = after.send("1", T0 + 1_000, "\"item\":\"a\"", "\"user\":\"u\"");
            assertThat(next.key()).as("sequence").isEqualTo("1:2");
            assertThat(after.send("1", T0 + 1_000, "\"item\":\"b\"").verdict())
                    .as("entities")
                    .isEqualTo("entity_limit");
            assertThat(after.send("2", T0 + 1_000).verdict()).as("storage").isEqualTo("storage_limit");
            after.config("3", longHistory);
            // 50 ms have refilled two tokens and a half.
            assertThat(after.send("3", T0 + 49).verdict()).isEqualTo(ACCEPTED);
            assertThat(after.send("3", T0 + 49).verdict()).isEqualTo(ACCEPTED);
            assertThat(after.send("3", T0 + 49).verdict()).as("history").isEqualTo("burst_exceeded");
            assertThat(after.send("3", T0 + 20).verdict())
                    .as("a late signal, which would take a token from a later one")
                    .isEqualTo("burst_exceeded");
            assertThat(after.wal("1"))
                    .extracting(WalRecord::seq)
                    .containsExactlyElementsOf(LongStream.range(0, 3).boxed().toList());
            assertThat(after.wal("2")).hasSize(storedOf2);
        }
    }
}
