package io.tidegate.topologytests;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Locale;
import java.util.Map;
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
        return scene(1, test, settings);
    }

    private FaultScene scene(int hotShare, TestInfo test, String... settings) throws Exception {
        String name = test.getTestMethod().orElseThrow().getName().toLowerCase(Locale.ROOT);
        return FaultScene.start(cluster, name, temp, SEED, hotShare, System.out::println, settings);
    }

    /** RocksDB flushes all the time, so each kill also loses the task directories, as Kafka Streams wants it. */
    @Test
    void tenKillsAtRandomLoseNothingAndLeaveSealedFilesAlone(TestInfo test) throws Exception {
        try (FaultScene scene = scene(test, "kafka.rocksdb.config.setter=" + TinyMemtables.class.getName())) {
            scene.startInstance("a");
            scene.startInstance("b");
            scene.startInstance("c");
            scene.awaitProgress("start");
            for (int i = 0; i < 10; i++) {
                String killed = scene.anyInstance();
                Map<Path, Object> files = FaultScene.fileKeys(scene.dataDir(killed));
                scene.killAndRestart(killed);
                assertThat(FaultScene.fileKeys(scene.dataDir(killed)))
                        .as("files that are the same as before")
                        .containsAllEntriesOf(files);
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
            scene.poisonConfigs();
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

    @Test
    void instancesThatJoinAndLeaveAllTheTimeChangeNoDecision(TestInfo test) throws Exception {
        try (FaultScene scene = scene(test)) {
            scene.startInstance("a");
            scene.startInstance("b");
            for (int i = 0; i < 4; i++) {
                scene.startInstance("c");
                scene.stop(scene.anyOf("b", "c"));
                scene.stopIfRunning("c");
                scene.startIfStopped("b");
            }
            scene.settleAndCheck();
        }
    }

    @Test
    void aTenantAtAHundredTimesItsRateChangesNobodyElsesDecisions(TestInfo test) throws Exception {
        // 8/s are allowed, 800/s come; the others send 400/s.
        try (FaultScene scene = scene(3, test)) {
            scene.startInstance("a");
            scene.awaitProgress("start");
            scene.progress().takeLongestDelayMs();
            scene.awaitProgress("ten seconds of flood", System.currentTimeMillis() + 10_000);
            scene.reportDelay();
            scene.settleAndCheck();
        }
    }

    @Test
    void aFullDataDirIsAPauseAndNothingGoesToTheDeadLetters(TestInfo test) throws Exception {
        Path full = Files.createDirectories(temp.resolve("data-a"));
        assumeThat(run("mount", "-t", "tmpfs", "-o", "size=192m", "tmpfs", full.toString()))
                .as("mounting a small file system, which only root can")
                .isZero();
        try (FaultScene scene = scene(test, "disk.min.free.bytes=" + (48L << 20))) {
            TidegateProcess instance = scene.startInstance("a");
            scene.awaitProgress("start");
            // First down to a little, then to nothing.
            for (int leftMib : new int[] {16, 0}) {
                int pauses = occurrences(instance, "paused, the disk is nearly full");
                int resumes = occurrences(instance, "resumed, the disk has room again");
                Path ballast = fill(full, leftMib);
                TidegateProcess.await(
                        Duration.ofSeconds(30),
                        "a pause; the log: ",
                        instance::logText,
                        () -> occurrences(instance, "paused, the disk is nearly full") > pauses);
                Files.delete(ballast);
                TidegateProcess.await(
                        Duration.ofSeconds(30),
                        "the end of it; the log: ",
                        instance::logText,
                        () -> occurrences(instance, "resumed, the disk has room again") > resumes);
                scene.awaitProgress("disk full up to " + leftMib + " MiB, now with room again");
            }
            scene.settleAndCheck();
        } finally {
            run("umount", "-l", full.toString());
        }
    }

    private static int occurrences(TidegateProcess instance, String text) {
        return instance.logText().split(java.util.regex.Pattern.quote(text), -1).length - 1;
    }

    private static Path fill(Path dir, int leftMib) throws IOException {
        Path ballast = dir.resolve("ballast");
        byte[] mib = new byte[1 << 20];
        try (var out = Files.newOutputStream(ballast)) {
            while (Files.getFileStore(dir).getUsableSpace() > (long) leftMib << 20) {
                out.write(mib);
            }
        } catch (IOException e) {
            // to the last byte
        }
        return ballast;
    }

    private static int run(String... command) throws Exception {
        try {
            return new ProcessBuilder(command).start().waitFor();
        } catch (IOException e) {
            return -1;
        }
    }
}
