package io.tidegate.topologytests.faults;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import io.tidegate.topologytests.support.BrokerCluster;
import io.tidegate.topologytests.support.TidegateProcess;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
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
 * Faults of the disk of a running instance under load: full, failing, without power. Each test ends with the check of all
 * promises. Needs Linux and root, and strace for failing system calls.
 */
@Timeout(value = 15, unit = TimeUnit.MINUTES)
@Tag("long")
final class DiskFaultTest {
    private static final long SEED = 20_260_102;
    private static final Duration NOTICED_WITHIN = Duration.ofMinutes(8);
    private static final Duration ATTACHED_FOR = Duration.ofSeconds(30);

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
        String name = test.getTestMethod().orElseThrow().getName().toLowerCase(Locale.ROOT) + temp.getFileName();
        return FaultScene.start(cluster, name, temp, SEED, System.out::println, settings);
    }

    @ParameterizedTest
    @ValueSource(strings = {"", ".tidegate/streams"})
    void aFullDiskPausesTheInstanceAndNothingIsDeadLettered(String below, TestInfo test) throws Exception {
        Path full = Files.createDirectories(temp.resolve("data-a").resolve(below));
        mountSmall(full, "size=192m");
        try (FaultScene scene = scene(test, "disk.min.free.bytes=" + (48L << 20))) {
            TidegateProcess instance = scene.startInstance("a");
            scene.awaitProgress("start");
            // First almost full, then full.
            for (int leftMib : new int[] {16, 0}) {
                int pauses = occurrences(instance, "paused, the disk is nearly full");
                int resumes = occurrences(instance, "resumed, the disk has room again");
                Path ballast = fill(full, leftMib);
                awaitMore(instance, "paused, the disk is nearly full", pauses);
                Files.delete(ballast);
                awaitMore(instance, "resumed, the disk has room again", resumes);
                scene.awaitProgress("disk full up to " + leftMib + " MiB, now with room again");
            }
            scene.settleAndCheck();
        } finally {
            run("umount", "-l", full.toString());
        }
    }

    /** Bytes are left, but no file can be created. */
    @Test
    void aDiskWithoutInodesPausesTheInstance(TestInfo test) throws Exception {
        Path full = Files.createDirectories(temp.resolve("data-a"));
        mountSmall(full, "size=192m,nr_inodes=4000");
        try (FaultScene scene = scene(test, "disk.min.free.bytes=" + (16L << 20))) {
            TidegateProcess instance = scene.startInstance("a");
            scene.awaitProgress("start");
            Path ballast = Files.createDirectory(full.resolve("ballast"));
            useUpInodes(ballast);
            // The next state or segment needs a file.
            awaitMore(instance, "paused, the disk takes no new files", 0);
            try (Stream<Path> files = Files.walk(ballast)) {
                for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                    Files.delete(file);
                }
            }
            awaitMore(instance, "resumed, the disk has room again", 0);
            scene.awaitProgress("with inodes again");
            scene.settleAndCheck();
        } finally {
            run("umount", "-l", full.toString());
        }
    }

    private static void mountSmall(Path at, String options) throws Exception {
        assumeThat(run("mount", "-t", "tmpfs", "-o", options, "tmpfs", at.toString()))
                .as("mounting a small file system, which only root can")
                .isZero();
    }

    private static void useUpInodes(Path dir) {
        try {
            for (int i = 0; ; i++) {
                Files.createFile(dir.resolve(Integer.toString(i)));
            }
        } catch (IOException e) {
            // until there are none
        }
    }

    /** Written data without an fsync is lost, as after a power failure; the file system's journal stays as it is. */
    @Test
    void aPowerFailureUnderLoadLosesNothingDurable(TestInfo test) throws Exception {
        Path image = temp.resolve("disk.img");
        Path disk = Files.createDirectories(temp.resolve("data-a"));
        assumeThat(run("truncate", "-s", "512M", image.toString())
                        + run("mkfs.ext4", "-q", "-F", image.toString())
                        + run("mount", "-o", "loop", image.toString(), disk.toString()))
                .as("mounting a file system of its own, which only root can")
                .isZero();
        Files.deleteIfExists(disk.resolve("lost+found"));
        try (FaultScene scene = scene(test)) {
            scene.startInstance("a");
            scene.awaitProgress("start");
            for (int i = 0; i < 2; i++) {
                cutPower(disk);
                long cutMs = System.currentTimeMillis();
                scene.crash("a");
                run("umount", disk.toString());
                assumeThat(run("mount", "-o", "loop", image.toString(), disk.toString()))
                        .isZero();
                scene.startInstance("a");
                scene.awaitProgress("power lost", cutMs);
            }
            scene.settleAndCheck();
        } finally {
            run("umount", "-l", disk.toString());
        }
    }

    /** A disk that fails for a while, and one that turns read-only, while the instance runs. */
    @Test
    void failedSystemCallsAreRetriedAndNothingIsDeadLettered(TestInfo test) throws Exception {
        // strace stops the instance at each system call.
        try (FaultScene scene = scene(test, "session.timeout.ms=30000")) {
            TidegateProcess instance = scene.startInstance("a");
            scene.awaitProgress("start");
            assumeThat(mayTrace(instance)).as("strace may attach").isTrue();
            fail(scene, "fsync,fdatasync", "EIO", "Input/output error");
            fail(scene, "write,pwrite64", "EIO", "Input/output error");
            fail(scene, "write,pwrite64,rename,ftruncate,mkdir", "EROFS", "Read-only file system");
            scene.settleAndCheck();
        }
    }

    private void fail(FaultScene scene, String calls, String error, String message) throws Exception {
        TidegateProcess instance = scene.instance("a");
        int told = occurrences(instance, message);
        Process strace = strace(instance, scene.dataDir("a"), calls, "error=" + error);
        try {
            awaitMore(instance, message, told);
        } finally {
            stop(strace);
        }
        scene.awaitProgress("%s failed with %s for a while".formatted(calls, error));
    }

    /** Kills at the n-th such system call on the files of the WAL: in the middle of appends, seals, checkpoints. */
    @Test
    void anInstanceKilledAtASystemCallOfTheWalLosesNothing(TestInfo test) throws Exception {
        try (FaultScene scene = scene(test)) {
            TidegateProcess first = scene.startInstance("a");
            scene.awaitProgress("start");
            assumeThat(mayTrace(first)).as("strace may attach").isTrue();
            String[] points = {"write,pwrite64:2", "fsync,fdatasync:3", "rename:1"};
            for (String point : points) {
                killAt(scene, point);
                long killedMs = System.currentTimeMillis();
                scene.crash("a");
                scene.startInstance("a");
                scene.awaitProgress("killed at " + point, killedMs);
            }
            scene.settleAndCheck();
        }
    }

    /**
     * Attaches again from time to time: strace counts the calls of each thread on the files that existed when it attached, and a
     * busy instance soon creates other files.
     */
    private void killAt(FaultScene scene, String point) throws Exception {
        String[] callAndCount = point.split(":", -1);
        TidegateProcess instance = scene.instance("a");
        long deadline = System.nanoTime() + NOTICED_WITHIN.toNanos();
        while (instance.isAlive()) {
            assertThat(System.nanoTime())
                    .as("the instance is to be killed at " + point)
                    .isLessThan(deadline);
            Process strace =
                    strace(instance, scene.dataDir("a"), callAndCount[0], "signal=KILL:when=" + callAndCount[1]);
            try {
                var unused = instance.endsWithin(ATTACHED_FOR);
            } finally {
                stop(strace);
            }
        }
    }

    private boolean mayTrace(TidegateProcess instance) throws Exception {
        Process strace = strace(instance, temp, "sync", "error=EIO");
        boolean attached = strace.isAlive();
        stop(strace);
        return attached;
    }

    /** Attaches to the instance. Calls that write are filtered by the files that exist now. */
    private Process strace(TidegateProcess instance, Path dataDir, String calls, String what) throws Exception {
        List<String> command = new ArrayList<>(List.of("strace", "-f", "-o", "/dev/null", "-e", "trace=" + calls));
        if (calls.contains("write")) {
            FaultScene.ownFiles(dataDir).stream()
                    .flatMap(file -> Stream.of(file, file.getParent()))
                    .filter(file ->
                            file.getParent().endsWith("wal") || file.endsWith("wal") || file.endsWith("checkpoints"))
                    .distinct()
                    .forEach(file -> command.addAll(List.of("-P", file.toString())));
        }
        command.addAll(List.of("-e", "inject=" + calls + ":" + what, "-p", Long.toString(instance.pid())));
        Path log = Files.createTempFile(temp, "strace-", ".log");
        Process strace;
        try {
            strace = new ProcessBuilder(command)
                    .redirectErrorStream(true)
                    .redirectOutput(log.toFile())
                    .start();
        } catch (IOException e) {
            assumeThat(false).as("strace is there: " + e.getMessage()).isTrue();
            throw e;
        }
        TidegateProcess.await(
                NOTICED_WITHIN,
                "strace to attach",
                () -> "",
                () -> !strace.isAlive() || read(log).contains("attached"));
        return strace;
    }

    private static void stop(Process process) throws InterruptedException {
        process.destroy();
        process.waitFor();
    }

    /** EXT4_IOC_SHUTDOWN without a flush of the journal; there is no command for it. */
    private static void cutPower(Path mountPoint) throws Exception {
        assumeThat(run(
                        "python3",
                        "-c",
                        "import fcntl,os,struct,sys;"
                                + "fcntl.ioctl(os.open(sys.argv[1],os.O_RDONLY),0x8004587d,struct.pack('I',2))",
                        mountPoint.toString()))
                .as("cutting a file system off")
                .isZero();
    }

    private static void awaitMore(TidegateProcess instance, String text, int than) throws InterruptedException {
        TidegateProcess.await(
                NOTICED_WITHIN,
                "another \"%s\"; the log: ".formatted(text),
                instance::logText,
                () -> occurrences(instance, text) > than);
    }

    private static int occurrences(TidegateProcess instance, String text) {
        return instance.logText().split(java.util.regex.Pattern.quote(text), -1).length - 1;
    }

    private static String read(Path file) {
        try {
            return Files.readString(file);
        } catch (IOException e) {
            return "";
        }
    }

    private static Path fill(Path dir, int leftMib) throws IOException {
        Path ballast = dir.resolve("ballast");
        byte[] mib = new byte[1 << 20];
        try (var out = Files.newOutputStream(ballast)) {
            while (Files.getFileStore(dir).getUsableSpace() > (long) leftMib << 20) {
                out.write(mib);
            }
        } catch (IOException e) {
            // until the disk is full
        }
        return ballast;
    }

    private static int run(String... command) throws Exception {
        try {
            return new ProcessBuilder(command).inheritIO().start().waitFor();
        } catch (IOException e) {
            return -1;
        }
    }
}
