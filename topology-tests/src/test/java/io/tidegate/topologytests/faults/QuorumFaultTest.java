package io.tidegate.topologytests.faults;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidegate.topologytests.broker.Backlog;
import io.tidegate.topologytests.support.BrokerCluster;
import io.tidegate.topologytests.support.Deployment;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInfo;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Faults of brokers and of the network, with three brokers, three copies of everything and two instances under load. Each test
 * ends with the check of all promises.
 */
@Timeout(value = 30, unit = TimeUnit.MINUTES)
@Tag("long")
final class QuorumFaultTest {
    private static final long SEED = 20_260_102;
    private static final Duration FREEZE = Duration.ofSeconds(6);

    /** Longer than a transaction may last. */
    private static final Duration OUTAGE = Duration.ofSeconds(15);

    @TempDir
    static Path brokerDir;

    @TempDir
    Path temp;

    private static BrokerCluster cluster;

    @BeforeAll
    static void startBrokers() throws Exception {
        cluster = BrokerCluster.start(brokerDir, 3);
    }

    @AfterAll
    static void stopBrokers() {
        cluster.close();
    }

    private FaultScene scene(TestInfo test, String... settings) throws Exception {
        String name = test.getTestMethod().orElseThrow().getName().toLowerCase(Locale.ROOT);
        return FaultScene.start(cluster, name, temp, SEED, System.out::println, settings);
    }

    /** The outage of two is longer than a transaction may last. */
    @Test
    void killingEveryBrokerInTurnAndThenTwoAtOnceIsOnlyAPause(TestInfo test) throws Exception {
        try (FaultScene scene = scene(test)) {
            scene.startInstances("a", "b");
            scene.awaitProgress("start");
            for (int broker = 0; broker < cluster.size(); broker++) {
                scene.killBrokers(Duration.ofSeconds(2), broker);
            }
            scene.freezeBroker("the group's coordinator", scene.groupCoordinator(), FREEZE);
            scene.killBrokers(OUTAGE, 0, 2);
            scene.settleAndCheck();
        }
    }

    @Test
    void anInstanceThatIsCutOffFromBrokersDoesNoHarm(TestInfo test) throws Exception {
        try (FaultScene scene = scene(test)) {
            scene.startInstanceByWire("a");
            scene.startInstance("b");
            scene.awaitProgress("start");
            scene.cut(OUTAGE, scene.random(cluster.size()));
            scene.cut(OUTAGE, 0, 1, 2);
            scene.settleAndCheck();
        }
    }

    /** The only broker with a partition is down: signals in the partition wait, and those in all others are read. */
    @Test
    void aPartitionWithoutALeaderHoldsUpTheOthersForTheLongestWaitOnly() throws Exception {
        Duration outage = Duration.ofMinutes(5);
        try (Deployment app = new Deployment(
                cluster.bootstrapServers(),
                "leaderless",
                temp,
                "signals.require.log.append.time=false",
                "alignment.wait.max.ms=5000")) {
            Backlog backlog = Backlog.create(app, 3, Map.of(0, List.of(1), 1, List.of(2), 2, List.of(3)));
            app.set("42", "--rate", "1000000/s", "--burst", "1000000");
            backlog.send("42", System.currentTimeMillis() - outage.toMillis(), outage, 30);
            cluster.kill(2);
            try {
                app.launch("a");
                backlog.awaitRead(Duration.ofSeconds(90), 0, 1);
            } finally {
                cluster.restart(2);
            }
            assertThat(backlog.await().accepted()).isEqualTo(outage.toSeconds() * 30);
            cluster.awaitInSync();
        }
    }
}
