package io.tidegate.wal;

import static io.tidegate.wal.AcceptedTopic.FIRST;
import static io.tidegate.wal.AcceptedTopic.LAST;
import static io.tidegate.wal.AcceptedTopic.SECOND;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tidegate.tenant.TenantId;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Damage, and files in the wrong place. */
class WalVerifierTest {
    private static final int SHARD = 3;

    @TempDir
    Path root;

    private DataDir dir;

    @BeforeEach
    void dataDir() {
        dir = new DataDir(root);
    }

    private void write(TenantId tenant, int records) {
        write(dir, tenant, SHARD, records, true);
    }

    private static void write(DataDir dir, TenantId tenant, int number, int records, boolean checkpoint) {
        AcceptedTopic topic = AcceptedTopic.of(tenant, records);
        try (Shard shard = new Shard(dir, number, AcceptedTopic.settings(300))) {
            topic.applyAll(shard);
            if (checkpoint) {
                shard.checkpoint(records - 1);
            }
        }
    }

    private static void append(DataDir dir, TenantId tenant, int offset) {
        try (Shard shard = new Shard(dir, SHARD, AcceptedTopic.settings(300))) {
            AcceptedTopic.of(tenant, offset + 1).apply(shard, offset);
        }
    }

    private Path segment(TenantId tenant, long firstSeq) {
        return dir.walOf(tenant).resolve(new SegmentName(firstSeq, SHARD).fileName());
    }

    private WalVerifier.TenantReport verify(TenantId tenant) throws IOException {
        return new WalVerifier(dir, id -> SHARD).verify(tenant, bytes -> {});
    }

    private List<String> found(TenantId tenant) throws IOException {
        return verify(tenant).damage().stream()
                .map(damage -> "%s %s %d: %s"
                        .formatted(damage.tenant(), damage.path().getFileName(), damage.position(), damage.what()))
                .toList();
    }

    @Test
    void countsWhatIsThere() throws IOException {
        write(SECOND, 8);
        AtomicLong progress = new AtomicLong();
        long bytes = 0;
        for (long firstSeq : new long[] {0, 3, 6}) {
            bytes += Files.size(segment(SECOND, firstSeq));
        }

        assertThat(new WalVerifier(dir, null).verify(SECOND, progress::addAndGet))
                .isEqualTo(new WalVerifier.TenantReport(SECOND, 3, 8, bytes, 0, 7, 0, List.of()));
        assertThat(progress).hasValue(bytes);
        assertThat(verify(LAST)).isEqualTo(new WalVerifier.TenantReport(LAST, 0, 0, 0, -1, -1, 0, List.of()));
    }

    @Test
    @Timeout(600)
    void findsEveryFlippedBitWithTenantSegmentAndPosition() throws IOException {
        write(LAST, 5);
        for (long firstSeq : new long[] {0, 3}) {
            Path path = segment(LAST, firstSeq);
            byte[] right = Files.readAllBytes(path);
            for (int bit = 0; bit < right.length * 8; bit++) {
                byte[] wrong = right.clone();
                wrong[bit / 8] ^= (byte) (1 << bit % 8);
                Files.write(path, wrong);
                // Each segment is one batch here, so damage is reported at its first byte.
                assertThat(verify(LAST).damage())
                        .as("segment %d, bit %d", firstSeq, bit)
                        .isNotEmpty()
                        .first()
                        .extracting(WalVerifier.Damage::tenant, WalVerifier.Damage::path, WalVerifier.Damage::position)
                        .containsExactly(LAST, path, 0L);
            }
            Files.write(path, right);
        }
        assertThat(verify(LAST).damage()).isEmpty();
    }

    @Test
    void takesAHalfWrittenBatchAboveTheCheckpointForWorkInProgress() throws IOException {
        write(SECOND, 4);
        long durable = Files.size(segment(SECOND, 3));
        append(dir, SECOND, 4);
        byte[] bytes = Files.readAllBytes(segment(SECOND, 3));
        for (int cut = (int) durable + 1; cut < bytes.length; cut++) {
            Files.write(segment(SECOND, 3), Arrays.copyOf(bytes, cut));
            WalVerifier.TenantReport report = verify(SECOND);
            assertThat(report.damage()).isEmpty();
            assertThat(report.unfinishedBytes()).isEqualTo(cut - durable);
            assertThat(report.lastSeq()).isEqualTo(3);
        }
    }

    @Test
    void noticesSwappedSegmentsOfTwoTenants() throws IOException {
        write(FIRST, 4);
        write(SECOND, 4);
        Path aside = root.resolve("aside");
        Files.move(segment(FIRST, 3), aside);
        Files.move(segment(SECOND, 3), segment(FIRST, 3));
        Files.move(aside, segment(SECOND, 3));

        assertThat(found(FIRST))
                .hasSize(1)
                .first()
                .asString()
                .contains(".shard-00003.log 0: ", "not of tenant t0, shard 3");
        assertThat(found(SECOND)).hasSize(1).first().asString().contains("not of tenant t42, shard 3");
        assertThatThrownBy(() -> AcceptedTopic.stored(dir, SECOND)).hasMessageContaining("not of tenant t42");
        Files.delete(dir.checkpoint(SHARD));
        assertThatThrownBy(() -> append(dir, SECOND, 4))
                .isInstanceOf(WalException.class)
                .hasMessageContaining("not of tenant t42");
    }

    @Test
    void noticesASegmentOfAnotherShard() throws IOException {
        write(SECOND, 3);
        DataDir other = new DataDir(root.resolve("other"));
        write(other, SECOND, 7, 3, false);
        Path foreign = dir.walOf(SECOND).resolve(new SegmentName(0, 7).fileName());
        Files.copy(other.walOf(SECOND).resolve(foreign.getFileName()), foreign);

        assertThat(found(SECOND))
                .contains("t42 00000000000000000000.shard-00007.log 0: the segment is of shard 7, not 3");
        assertThatThrownBy(() -> append(dir, SECOND, 3)).hasMessageContaining("the segment is of another shard than 3");
        assertThatThrownBy(() -> AcceptedTopic.stored(dir, SECOND)).hasMessageContaining("of another shard than 3");
    }

    @Test
    void noticesASegmentThatWasRenamedToTheRightShard() throws IOException {
        write(dir, SECOND, 7, 2, false);
        Files.move(dir.walOf(SECOND).resolve(new SegmentName(0, 7).fileName()), segment(SECOND, 0));

        assertThat(verify(SECOND).damage().get(0).what()).contains("not of tenant t42, shard 3");
    }

    @Test
    void noticesNamesThatAreNoSegments() throws IOException {
        write(SECOND, 2);
        for (String name :
                List.of("notes.txt", "0.log", "00000000000000000000.log", "00000000000000000002.shard-3.log")) {
            Files.createFile(dir.walOf(SECOND).resolve(name));
        }
        Files.createDirectories(root.resolve("tenants/007/wal"));
        Files.createDirectories(root.resolve("tenants/0/wal"));
        Files.createFile(root.resolve("tenants/9"));

        assertThat(found(SECOND)).hasSize(4).allMatch(found -> found.contains("the name is not a segment's"));
        assertThat(new WalVerifier(dir, null).strays())
                .extracting(damage -> damage.path().getFileName().toString())
                .containsExactlyInAnyOrder("007", "0", "9");
        assertThat(dir.tenants()).containsExactly(SECOND);
    }

    @Test
    void noticesAMissingMiddleSegmentWithItsSequenceNumbers() throws IOException {
        write(SECOND, 8);
        Files.delete(segment(SECOND, 3));

        assertThat(found(SECOND))
                .containsExactly(
                        "t42 00000000000000000006.shard-00003.log 0: the sequence numbers 3 to 5 before this segment"
                                + " are missing");
        assertThatThrownBy(() -> AcceptedTopic.stored(dir, SECOND))
                .isInstanceOf(WalException.class)
                .hasMessageContaining("lacks the sequence numbers 3 to 5.");
    }

    @Test
    void noticesAnEmptiedSegment() throws IOException {
        write(SECOND, 8);
        Files.write(segment(SECOND, 3), new byte[0]);
        assertThat(found(SECOND)).hasSize(1).first().asString().contains("3 to 5 before this segment are missing");

        write(LAST, 2);
        Files.write(segment(LAST, 0), new byte[0]);
        assertThat(found(LAST)).hasSize(1).first().asString().contains("the file ends here, but the checkpoint has");
    }

    @Test
    void noticesASegmentTwice() throws IOException {
        write(SECOND, 8);
        Files.copy(segment(SECOND, 3), segment(SECOND, 4));

        assertThat(found(SECOND)).anyMatch(found -> found.contains("begins with 4, the one before ends with 5"));
    }

    @Test
    void rejectsASymbolicLinkInPlaceOfATenant() throws IOException {
        write(SECOND, 2);
        Path victim = root.resolve("tenants/43");
        Files.createDirectories(victim.resolve("wal"));
        Files.createSymbolicLink(root.resolve("tenants/44"), victim);

        TenantId linked = TenantId.of(44);
        assertThatThrownBy(() -> append(dir, linked, 0))
                .isInstanceOf(WalException.class)
                .hasMessageContaining(root.resolve("tenants/44") + " is a symbolic link");
        assertThatThrownBy(() -> AcceptedTopic.stored(dir, linked)).isInstanceOf(WalException.class);
        assertThat(victim.resolve("wal")).isEmptyDirectory();
        assertThat(dir.tenants()).doesNotContain(linked);
        assertThat(new WalVerifier(dir, null).strays())
                .extracting(WalVerifier.Damage::tenant, WalVerifier.Damage::path)
                .containsExactly(org.assertj.core.groups.Tuple.tuple(linked, root.resolve("tenants/44")));
    }

    @Test
    void rejectsASymbolicLinkInPlaceOfAWalDirectory() throws IOException {
        Path victim = Files.createDirectory(root.resolve("victim"));
        Files.createDirectories(root.resolve("tenants/44"));
        Files.createSymbolicLink(root.resolve("tenants/44/wal"), victim);
        Files.createSymbolicLink(root.resolve("wal"), victim);

        for (TenantId linked : List.of(TenantId.of(44), FIRST)) {
            assertThatThrownBy(() -> append(dir, linked, 0))
                    .isInstanceOf(WalException.class)
                    .hasMessageContaining("is a symbolic link");
        }
        assertThat(victim).isEmptyDirectory();
        assertThat(dir.tenants()).isEmpty();
        assertThat(new WalVerifier(dir, null).strays())
                .extracting(WalVerifier.Damage::path)
                .containsExactlyInAnyOrder(root.resolve("tenants/44/wal"), root.resolve("wal"));
    }

    @Test
    void rejectsASymbolicLinkInPlaceOfAllTenants() throws IOException {
        Path victim = Files.createDirectory(root.resolve("victim"));
        Files.createDirectories(victim.resolve("42/wal"));
        Files.createSymbolicLink(root.resolve("tenants"), victim);

        assertThatThrownBy(() -> append(dir, SECOND, 0)).hasMessageContaining("tenants is a symbolic link");
        assertThat(victim.resolve("42/wal")).isEmptyDirectory();
        assertThat(dir.tenants()).isEmpty();
        assertThat(new WalVerifier(dir, null).strays()).hasSize(1);
    }

    @Test
    void rejectsASymbolicLinkOrADirectoryInPlaceOfASegment() throws IOException {
        write(SECOND, 4);
        Path moved = root.resolve("moved");
        Files.move(segment(SECOND, 3), moved);
        byte[] before = Files.readAllBytes(moved);
        Files.createSymbolicLink(segment(SECOND, 3), moved);
        for (boolean link : new boolean[] {true, false}) {
            if (!link) {
                Files.delete(segment(SECOND, 3));
                Files.createDirectory(segment(SECOND, 3));
            }
            assertThatThrownBy(() -> append(dir, SECOND, 4))
                    .isInstanceOfSatisfying(
                            WalException.class, e -> assertThat(e.mayPass()).isFalse())
                    .hasMessageContaining("a regular file is expected");
            assertThatThrownBy(() -> AcceptedTopic.stored(dir, SECOND)).isInstanceOf(WalException.class);
            assertThat(found(SECOND)).anyMatch(found -> found.contains("a regular file is expected"));
        }
        assertThat(Files.readAllBytes(moved)).isEqualTo(before);
    }

    @Test
    void writesThroughNoLinkThatWaitsWhereTheNextSegmentWillBe() throws IOException {
        write(SECOND, 2);
        Path victim = Files.createFile(root.resolve("victim"));
        Files.createSymbolicLink(segment(SECOND, 3), victim);

        assertThatThrownBy(() -> append(dir, SECOND, 2)).isInstanceOf(WalException.class);

        assertThat(victim).isEmptyFile();
    }

    @Test
    void continuesWithoutADamagedCheckpoint() throws IOException {
        write(SECOND, 4);
        Files.write(dir.checkpoint(SHARD), new byte[] {1}, StandardOpenOption.APPEND);

        assertThat(verify(SECOND).damage()).isEmpty();
        assertThat(verify(SECOND).records()).isEqualTo(4);
        assertThat(new WalVerifier(dir, null).strays())
                .singleElement()
                .satisfies(damage -> assertThat(damage.path()).isEqualTo(dir.checkpoint(SHARD)));
    }

    /** Segments of three records; the prune happens after the first of them is read. */
    @ParameterizedTest
    @ValueSource(longs = {3, 6, 9, 11})
    void doesNotRegardAPruneAsDamage(long belowSeq) throws IOException {
        write(SECOND, 11);
        AtomicBoolean pruned = new AtomicBoolean();

        WalVerifier.TenantReport report = new WalVerifier(dir, id -> SHARD).verify(SECOND, bytes -> {
            if (!pruned.getAndSet(true)) {
                try (Shard shard = new Shard(dir, SHARD, AcceptedTopic.settings(300))) {
                    shard.prune(SECOND, belowSeq);
                    shard.checkpoint(10);
                }
            }
        });

        assertThat(dir.segments(SECOND)).hasSize((int) (11 - belowSeq + 2) / 3);
        assertThat(report.damage()).isEmpty();
    }
}
