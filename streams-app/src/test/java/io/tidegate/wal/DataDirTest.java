package io.tidegate.wal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tidegate.tenant.TenantId;
import java.io.Closeable;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

class DataDirTest {
    @TempDir
    Path temporary;

    private Path root;
    private DataDir dir;

    @BeforeEach
    void dataDir() {
        root = temporary.resolve("data");
        dir = new DataDir(root);
    }

    @Test
    void givesTheDefaultTenantTheFirstDirectoryAndEveryOtherItsOwn() {
        assertThat(dir.walOf(TenantId.DEFAULT)).isEqualTo(root.resolve("wal"));
        assertThat(dir.walOf(TenantId.of(42))).isEqualTo(root.resolve("tenants/42/wal"));
        assertThat(dir.walOf(TenantId.parse("18446744073709551615")))
                .isEqualTo(root.resolve("tenants/18446744073709551615/wal"));
    }

    @Test
    void listsTenantsAsUnsignedNumbers() throws IOException {
        assertThat(dir.tenants()).isEmpty();
        for (String id : new String[] {"18446744073709551615", "9", "10", "9223372036854775808"}) {
            Files.createDirectories(dir.walOf(TenantId.parse(id)));
        }
        Files.createDirectories(root.resolve("wal"));

        assertThat(dir.tenants().stream().map(TenantId::decimal))
                .containsExactly("0", "9", "10", "9223372036854775808", "18446744073709551615");
    }

    @Test
    void removesAllOfAnInstanceAndNothingElse() throws IOException {
        assertThat(dir.isUsed()).isFalse();
        dir.lock().close();
        Files.createDirectories(dir.walOf(TenantId.of(42)));
        Files.createDirectories(root.resolve("wal"));
        Path outside = Files.createDirectory(temporary.resolve("outside"));
        Path kept = Files.writeString(outside.resolve("kept"), "x");
        Files.createSymbolicLink(dir.walOf(TenantId.of(42)).resolve("link"), outside);
        Path notes = Files.writeString(root.resolve("notes.txt"), "x");
        assertThat(dir.isUsed()).isTrue();

        dir.removeAll();

        assertThat(dir.isUsed()).isFalse();
        assertThat(root).isDirectoryContaining(path -> path.equals(notes));
        try (Stream<Path> left = Files.list(root)) {
            assertThat(left).containsExactly(notes);
        }
        assertThat(kept).exists();
    }

    @Test
    void removesNothingWhileAProcessHasTheDirectory() throws IOException {
        try (Closeable held = dir.lock()) {
            assertThat(held).isNotNull();
            Files.createDirectories(dir.walOf(TenantId.of(42)));

            assertThatThrownBy(dir::removeAll).hasMessageContaining("in use by process");

            assertThat(dir.walOf(TenantId.of(42))).exists();
        }
    }

    @Test
    void rejectsASecondUserInTheSameProcessAndNamesTheFirst() throws IOException {
        try (Closeable first = dir.lock()) {
            assertThat(first).isNotNull();
            for (int time = 0; time < 2; time++) {
                assertThatThrownBy(() -> new DataDir(root).lock())
                        .isInstanceOfSatisfying(
                                WalException.class, e -> assertThat(e.kind()).isEqualTo(WalException.Kind.REJECTED))
                        .hasMessageContaining(
                                "in use by process " + ProcessHandle.current().pid());
            }
        }
        dir.lock().close();
    }

    @Test
    @Timeout(600)
    void rejectsAnotherProcessAlsoAfterOneInThisProcessWasRejected() throws Exception {
        try (Closeable first = dir.lock()) {
            assertThat(first).isNotNull();
            assertThatThrownBy(dir::lock).isInstanceOf(WalException.class);

            assertThat(otherProcess("try"))
                    .contains("in use by process " + ProcessHandle.current().pid());
        }
        assertThat(otherProcess("try")).isEqualTo("locked");
    }

    @Test
    @Timeout(600)
    void isRejectedWhileAnotherProcessHasItAndGetsItWhenThatOneIsKilled() throws Exception {
        Process holder = start("hold");
        try {
            assertThat(holder.inputReader().readLine()).isEqualTo("locked");
            assertThatThrownBy(dir::lock).hasMessageContaining("in use by process " + holder.pid());
        } finally {
            holder.destroyForcibly();
            holder.waitFor();
        }
        dir.lock().close();
    }

    private Process start(String what) throws IOException {
        return new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-cp",
                        System.getProperty("surefire.test.class.path", System.getProperty("java.class.path")),
                        LockingProcess.class.getName(),
                        root.toString(),
                        what)
                .redirectErrorStream(true)
                .start();
    }

    private String otherProcess(String what) throws Exception {
        Process process = start(what);
        String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8).trim();
        assertThat(process.waitFor(30, TimeUnit.SECONDS)).isTrue();
        return said;
    }

    /** The main class of a separate process. */
    static final class LockingProcess {
        private LockingProcess() {}

        @SuppressWarnings("SystemOut")
        public static void main(String[] arguments) throws Exception {
            try (Closeable lock = new DataDir(Path.of(arguments[0])).lock()) {
                System.out.println(lock == null ? "nothing" : "locked");
                System.out.flush();
                if (arguments[1].equals("hold")) {
                    System.in.read();
                }
            } catch (WalException e) {
                System.out.println(e.getMessage());
            }
        }
    }

    @Test
    void isBoundToTheIdentityOfItsFiles() {
        Map<String, String> identity = Map.of("cluster", "c1", "topic", "t1");
        dir.bind(identity);
        dir.bind(identity);

        assertThatThrownBy(() -> dir.bind(Map.of("cluster", "c1", "topic", "t2")))
                .isInstanceOfSatisfying(
                        WalException.class, e -> assertThat(e.kind()).isEqualTo(WalException.Kind.REJECTED))
                .hasMessageContaining("its topic is t1, here it is t2");
        dir.bind(identity);
    }

    @Test
    void segmentsWithoutAnIdentityAreNotAdopted() throws IOException {
        Path segment = dir.walOf(TenantId.of(42)).resolve(new SegmentName(0, 3).fileName());
        Files.createDirectories(segment.getParent());
        Files.write(segment, new byte[5]);

        assertThatThrownBy(() -> dir.bind(Map.of("cluster", "c1")))
                .isInstanceOfSatisfying(
                        WalException.class, e -> assertThat(e.kind()).isEqualTo(WalException.Kind.REJECTED))
                .hasMessageContaining("it is an archive, or a part of a data directory");
        assertThat(dir.isBound()).isFalse();

        Files.delete(segment);
        dir.bind(Map.of("cluster", "c1"));
        Files.write(segment, new byte[5]);
        dir.bind(Map.of("cluster", "c1"));
    }

    @Test
    void aCopyLosesTheIdOfTheProcessAndARenamedDirectoryKeepsIt() throws IOException {
        Assumptions.assumeTrue(
                FileSystems.getDefault().supportedFileAttributeViews().contains("unix"));
        dir.lock().close();
        Path id =
                Files.createDirectories(dir.streamsState().resolve("tidegate")).resolve(DataDir.PROCESS_FILE);
        Files.writeString(id, "{}");
        assertThat(dir.separateFromOriginal()).isFalse();
        assertThat(dir.separateFromOriginal()).isFalse();
        assertThat(id).exists();

        Path renamed = Files.move(root, temporary.resolve("renamed"));
        assertThat(new DataDir(renamed).separateFromOriginal()).isFalse();
        assertThat(renamed.resolve(root.relativize(id))).exists();

        Path copy = temporary.resolve("copy");
        try (Stream<Path> all = Files.walk(renamed)) {
            for (Path path : all.toList()) {
                Files.copy(path, copy.resolve(renamed.relativize(path)));
            }
        }
        assertThat(new DataDir(copy).separateFromOriginal()).isTrue();
        assertThat(copy.resolve(root.relativize(id))).doesNotExist();
        assertThat(new DataDir(copy).separateFromOriginal()).isFalse();
        assertThat(new DataDir(renamed).separateFromOriginal()).isFalse();
        assertThat(renamed.resolve(root.relativize(id))).exists();
    }

    @Test
    void writesTheIdentityAsLinesOfText() throws IOException {
        dir.bind(Map.of("topic", "t1", "cluster", "c1"));

        assertThat(root.resolve(".tidegate/identity")).hasContent("cluster=c1\nformat=2\ntopic=t1\n");
    }

    @Test
    void aDirectoryOfAnotherFormatIsRejectedWithARemedy() throws IOException {
        dir.bind(Map.of("cluster", "c1"));
        for (String other : List.of("1", "3")) {
            Files.writeString(root.resolve(".tidegate/identity"), "cluster=c1\nformat=" + other + "\n");

            assertThatThrownBy(() -> dir.bind(Map.of("cluster", "c1")))
                    .hasMessageContaining("has format %s, and this version of Tidegate works with format 2", other)
                    .hasMessageContaining("set data.dir to an empty directory");
        }
    }

    @Test
    void aTruncatedIdentityIsCalledDamaged() throws IOException {
        Path identity = root.resolve(".tidegate/identity");
        for (String rest : List.of("", "cluster=c1\n", "cluster=c1\nformat=2\nto")) {
            dir.bind(Map.of("cluster", "c1", "topic", "t1"));
            Files.writeString(identity, rest);

            assertThatThrownBy(() -> dir.bind(Map.of("cluster", "c1", "topic", "t1")))
                    .hasMessageContaining(
                            "the file %s is damaged: it has no %s", identity, rest.contains("2") ? "topic" : "format")
                    .hasMessageContaining("set data.dir to an empty directory");
            Files.delete(identity);
        }
    }

    @Test
    void createsEverythingForItsOwnerAlone() throws IOException {
        Assumptions.assumeTrue(
                FileSystems.getDefault().supportedFileAttributeViews().contains("posix"));
        try (Closeable lock = dir.lock();
                Shard shard = new Shard(dir, 0, AcceptedTopic.settings(300))) {
            assertThat(lock).isNotNull();
            dir.bind(Map.of("cluster", "c1"));
            AcceptedTopic.random(1, 50).applyAll(shard);
            shard.checkpoint(49);
        }
        try (Stream<Path> all = Files.walk(root)) {
            for (Path path : all.toList()) {
                assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(path)))
                        .as(path.toString())
                        .isEqualTo(Files.isDirectory(path) ? "rwx------" : "rw-------");
            }
        }
    }

    @Test
    void keepsTheOldFileUntilTheNewOneIsWhole() throws IOException {
        Path disk = Files.createDirectory(temporary.resolve("disk"));
        FaultyDisk faulty = new FaultyDisk(disk);
        DataDir failing = new DataDir(faulty.root());
        Path file = faulty.root().resolve("file");
        failing.files().replace(file, new byte[] {1, 2, 3, 4});
        int at = 1;
        do {
            faulty.breakAt(at, false);
            try {
                failing.files().replace(file, new byte[] {5, 6, 7, 8});
            } catch (IOException e) {
                assertThat(faulty.broke()).isTrue();
            }
            assertThat(Files.readAllBytes(disk.resolve("file")))
                    .as("change %d", at)
                    .isIn(new byte[] {1, 2, 3, 4}, new byte[] {5, 6, 7, 8});
            at++;
        } while (faulty.broke());
        assertThat(Files.readAllBytes(disk.resolve("file"))).containsExactly(5, 6, 7, 8);
        assertThat(at).isGreaterThan(5);
    }

    @Test
    void reportsTheFreeBytes() throws IOException {
        Files.createDirectories(root);

        assertThat(dir.freeBytes()).isPositive();
    }
}
