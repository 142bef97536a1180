package io.tidegate.topologytests.faults;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.tidegate.contract.RecordSizes;
import io.tidegate.topologytests.broker.TinyMemtables;
import io.tidegate.topologytests.support.BrokerCluster;
import io.tidegate.topologytests.support.Deployment;
import io.tidegate.topologytests.support.Http;
import io.tidegate.topologytests.support.TidegateProcess;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.errors.RecordTooLargeException;
import org.apache.kafka.common.serialization.StringSerializer;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInfo;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Faults of two or three instances under load, with standby replicas. Each test ends with the check of all promises.
 */
@Timeout(value = 20, unit = TimeUnit.MINUTES)
@Tag("long")
final class InstanceFaultTest {
    private static final long SEED = 20_260_101;

    /** Enough to hit different moments; FaultSoak runs many more. */
    private static final int KILLS = 3;

    @TempDir
    static Path brokerDir;

    @TempDir
    Path temp;

    private static BrokerCluster cluster;

    @BeforeAll
    static void startBroker() throws Exception {
        cluster = BrokerCluster.start(brokerDir, 1);
    }

    @AfterAll
    static void stopBroker() {
        cluster.close();
    }

    private FaultScene scene(TestInfo test, String... settings) throws Exception {
        return scene(1, test, settings);
    }

    private FaultScene scene(int hotShare, TestInfo test, String... settings) throws Exception {
        String name = test.getTestMethod().orElseThrow().getName().toLowerCase(Locale.ROOT);
        return scene(hotShare, name, settings);
    }

    private FaultScene scene(int hotShare, String name, String... settings) throws Exception {
        return FaultScene.start(cluster, name, temp, SEED, hotShare, System.out::println, settings);
    }

    /** RocksDB flushes all the time, so after each kill Kafka Streams deletes the task directories. */
    @Test
    void killsAtRandomLoseNothingAndLeaveWalFilesAlone(TestInfo test) throws Exception {
        try (FaultScene scene = scene(test, "kafka.rocksdb.config.setter=" + TinyMemtables.class.getName())) {
            scene.startInstances("a", "b", "c");
            scene.awaitProgress("start");
            for (int i = 0; i < 2 * KILLS; i++) {
                String killed = scene.anyInstance();
                Map<Path, Object> files = FaultScene.fileKeys(scene.dataDir(killed));
                scene.killAndRestart(killed);
                Map<Path, Object> after = FaultScene.fileKeys(scene.dataDir(killed));
                files.entrySet().removeIf(file -> file.getValue().equals(after.get(file.getKey())));
                assertThat(files)
                        .as("files that are gone or others than before")
                        .isEmpty();
            }
            scene.settleAndCheck();
        }
    }

    /** The check replays the inner log: a takeover from a standby, or from the changelog, must let the same entities expire. */
    @Test
    void idleEntitiesExpireAlikeOverKillsAndTakeovers(TestInfo test) throws Exception {
        try (FaultScene scene = scene(test)) {
            scene.startInstances("a", "b");
            scene.awaitProgress("start");
            for (int i = 0; i < KILLS; i++) {
                scene.killAndRestart(scene.anyInstance());
                long ttls = System.currentTimeMillis() + 12_000;
                scene.awaitProgress("two ttls without a fault", ttls);
            }
            scene.kill("a");
            scene.settleAndCheck();
        }
    }

    /** Half of the signals are in their tenant's partition, the others take the inner topic. */
    @ParameterizedTest
    @ValueSource(strings = {"streams", "classic"})
    void killsAtRandomLoseNothingWithKeyedIngress(String protocol) throws Exception {
        String[] settings = {
            FaultScene.KEYED_INGRESS,
            "group.protocol=" + protocol,
            "kafka.rocksdb.config.setter=" + TinyMemtables.class.getName()
        };
        try (FaultScene scene = scene(1, "keyed-" + protocol, settings)) {
            scene.startInstances("a", "b", "c");
            scene.awaitProgress("start");
            for (int i = 0; i < KILLS; i++) {
                scene.killAndRestart(scene.anyInstance());
            }
            scene.pause("a");
            scene.settleAndCheck();
        }
    }

    @Test
    void fromOneInstanceToThreeAndBackNoDecisionDiffers(TestInfo test) throws Exception {
        try (FaultScene scene = scene(test)) {
            scene.startInstance("a");
            scene.awaitProgress("start");
            scene.startInstance("b");
            scene.startInstance("c");
            scene.awaitProgress("three instances");
            scene.poisonConfigs();
            var unused = scene.stop("a");
            scene.kill("b");
            scene.settleAndCheck();
        }
    }

    @Test
    void anInstanceThatSleptThroughItsSessionWritesNothingNew(TestInfo test) throws Exception {
        try (FaultScene scene = scene(test)) {
            scene.startInstances("a", "b");
            scene.awaitProgress("start");
            scene.pause("a");
            scene.pause("b");
            scene.settleAndCheck();
        }
    }

    @Test
    void instancesThatJoinAndLeaveAllTheTimeChangeNoDecision(TestInfo test) throws Exception {
        try (FaultScene scene = scene(test)) {
            scene.startInstances("a", "b");
            for (int i = 0; i < 2; i++) {
                scene.startInstance("c");
                scene.stop(scene.anyOf("b", "c"));
                scene.stopIfRunning("c");
                scene.startIfStopped("b");
            }
            scene.settleAndCheck();
        }
    }

    /** Offsets are unstable while the transaction of a dead producer is open. Tasks wait for them, and then continue. */
    @Test
    void temporarilyUnstableOffsetsDelayNoTaskAfterwards(TestInfo test) throws Exception {
        try (FaultScene scene = scene(test, "threads=" + FaultScene.TASKS)) {
            // One task for each thread, whose consumer and the task itself request the same offsets.
            scene.startInstance("a");
            scene.awaitProgress("start");
            scene.crash("a");
            // A request that is never answered would delay its task for two minutes or more.
            assertThat(scene.withUnstableOffsets(Duration.ofSeconds(5), () -> scene.startInstance("a")))
                    .as("ms until all tasks run after the offsets are stable")
                    .isBetween(0L, 119_000L);
            scene.awaitProgress("unstable offsets");
            scene.settleAndCheck();
        }
    }

    @Test
    void aTenantAtAHundredTimesItsRateChangesNobodyElsesDecisions(TestInfo test) throws Exception {
        // The limit is 8/s and the tenant sends 800/s; the others send 400/s.
        try (FaultScene scene = scene(3, test)) {
            scene.startInstance("a");
            scene.awaitProgress("start");
            // Otherwise the delay would be that of signals that waited for the start.
            scene.awaitProgress("the signals that had waited are read", System.currentTimeMillis() + 5_000);
            scene.progress().takeLongestDelayMs();
            scene.awaitProgress("five seconds of flood", System.currentTimeMillis() + 5_000);
            scene.reportDelay();
            scene.settleAndCheck();
        }
    }

    @Test
    void aMillionConfigUpdatesDelayNoSignals(TestInfo test) throws Exception {
        try (FaultScene scene = scene(test)) {
            TidegateProcess instance = scene.startInstance("a");
            scene.awaitProgress("start");
            String last = scene.floodConfigs(1_000_000);
            scene.awaitProgress("a million config updates");
            TidegateProcess.await(
                    Duration.ofMinutes(2),
                    "the last update to take effect",
                    instance::logText,
                    () -> Http.of(instance)
                                    .get("/v1/tenants/" + last)
                                    .json()
                                    .at("/limits/max_entities/value")
                                    .asInt()
                            == 1_000_000);
            scene.settleAndCheck();
        }
    }

    /** One byte below and above Tidegate's limit, and up to the last byte that the broker accepts. */
    @Test
    void recordsOfEverySizeEndInOnePlace() throws Exception {
        int brokerMax = 1_048_588;
        int tidegateMax = brokerMax - RecordSizes.HEADROOM_BYTES;
        List<Integer> valueBytes = new ArrayList<>();
        for (int around : new int[] {-300, -150, -100, -80, -70, -2, -1, 0, 1, 2, 100}) {
            valueBytes.add(tidegateMax + around);
        }
        for (int below = 0; below < 100; below += 4) {
            valueBytes.add(brokerMax - below);
        }
        try (Deployment app = new Deployment(cluster.bootstrapServers(), "sizes", temp)) {
            TidegateProcess instance = app.start("a");
            app.set("42", "--label", "Large");
            app.awaitUsable("42");
            int taken = 0;
            for (int bytes : valueBytes) {
                taken += sendOfSize(app.signals(), bytes, 0) ? 1 : 0;
            }
            taken += sendOfSize(app.signals(), 1_000, 200) ? 1 : 0;
            taken += sendOfSize(app.signals(), tidegateMax - 200, 200) ? 1 : 0;
            assertThat(taken).as("records that the broker took").isBetween(13, valueBytes.size() + 1);

            JsonNode verified = app.verify("a");

            long probes = verified.at("/tenants/42/in").asLong();
            long dead = verified.at("/tenants/42/dead_lettered").asLong();
            // Probes before the instance had read the config.
            long early = verified.at("/tenants/42/rejected/tenant_unknown").asLong();
            assertThat(verified.at("/tenants/42/in_wal").asLong()).isEqualTo(probes - dead - early);
            assertThat(dead).isBetween(3L, (long) taken);
            assertThat(instance.logText()).doesNotContain("RecordTooLarge", "a thread failed");
        }
    }

    /** Whether the broker accepted it. */
    private static boolean sendOfSize(String topic, int valueBytes, int headers) throws Exception {
        String head = "{\"tenant_id\":42,\"pad\":\"";
        String value = head + "x".repeat(valueBytes - head.length() - 2) + "\"}";
        Map<String, Object> config =
                Map.of("bootstrap.servers", cluster.bootstrapServers(), "max.request.size", 4 << 20, "acks", "all");
        try (var producer = new KafkaProducer<>(config, new StringSerializer(), new StringSerializer())) {
            ProducerRecord<String, String> record = new ProducerRecord<>(topic, value);
            for (int i = 0; i < headers; i++) {
                record.headers().add("header-" + i, new byte[] {1});
            }
            producer.send(record).get(30, TimeUnit.SECONDS);
            return true;
        } catch (ExecutionException e) {
            assertThat(e).hasCauseInstanceOf(RecordTooLargeException.class);
            return false;
        }
    }

    @Test
    void aSessionThatTheBrokersRejectIsAWarningAndNoFailure() throws Exception {
        try (Deployment app =
                new Deployment(cluster.bootstrapServers(), "session", temp, "session.timeout.ms=1800000")) {
            TidegateProcess instance = app.start("a");

            assertThat(instance.logText())
                    .contains("session.timeout.ms=1800000 has no effect")
                    .contains("group.streams.min.session.timeout.ms");
        }
    }
}
