package io.tidegate.topologytests;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInfo;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * What can happen to instances, under load, with two or three of them and standby replicas. Each test ends with the check of
 * all promises.
 */
@Timeout(value = 6, unit = TimeUnit.MINUTES)
final class InstanceFaultTest {
    private static final long SEED = 20_260_101;

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
        String name = test.getTestMethod().orElseThrow().getName().toLowerCase(Locale.ROOT);
        return FaultScene.start(cluster, name, temp, SEED, FaultScene.printing(), settings);
    }

    @Test
    void tenKillsAtRandomLoseNothing(TestInfo test) throws Exception {
        try (FaultScene scene = scene(test)) {
            scene.startInstance("a");
            scene.startInstance("b");
            scene.startInstance("c");
            scene.awaitProgress("start");
            for (int i = 0; i < 10; i++) {
                scene.killAndRestart(scene.anyInstance());
            }
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
            assertThat(scene.stop("a"))
                    .as("ms until others go on after a clean stop")
                    .isLessThan(30_000);
            scene.kill("b");
            scene.settleAndCheck();
        }
    }

    @Test
    void anInstanceThatSleptThroughItsSessionWritesNothingNew(TestInfo test) throws Exception {
        try (FaultScene scene = scene(test)) {
            scene.startInstance("a");
            scene.startInstance("b");
            scene.awaitProgress("start");
            scene.pause("a");
            scene.pause("b");
            scene.settleAndCheck();
        }
    }
}
