package io.tidegate.wal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tidegate.tenant.TenantId;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.header.Header;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class WalExportTest {
    private static final TenantId TENANT = TenantId.of(42);
    private static final int SHARD = 3;
    private static final WalSettings SETTINGS = WalSettings.of(2048, Duration.ofHours(1), 8, Compression.NONE);
    private static final int RECORDS_PER_SEGMENT = 10;

    @TempDir
    private Path root;

    private DataDir source() {
        return new DataDir(root.resolve("source"));
    }

    private DataDir archive() {
        return new DataDir(root.resolve("archive"));
    }

    private static WalRecord record(long seq, String value) {
        return new WalRecord(seq, 1_000 + seq, null, value.getBytes(StandardCharsets.UTF_8), new Header[0]);
    }

    private static void append(Shard shard, long from, long to, String text) {
        for (long seq = from; seq < to; seq++) {
            shard.append(TENANT, record(seq, text + seq), seq % RECORDS_PER_SEGMENT == 0);
            if (seq % 3 == 2) {
                shard.flush(); // several batches per segment
            }
        }
    }

    /** Writes records and makes those below {@code durable} durable. */
    private void write(DataDir dir, long durable, long all, String text) {
        try (Shard shard = new Shard(dir, SHARD, SETTINGS)) {
            append(shard, 0, durable, text);
            shard.checkpoint(durable);
            append(shard, durable, all, text);
            shard.flush();
        }
    }

    private WalExport.Report export() throws IOException {
        return new WalExport(source(), archive()).export(TENANT, bytes -> {});
    }

    private static List<String> values(DataDir dir) throws IOException {
        List<String> values = new ArrayList<>();
        try (WalReader reader = WalReader.open(dir, TENANT, 0)) {
            for (WalRecord record = reader.next(); record != null; record = reader.next()) {
                values.add(record.seq() + " " + new String(record.value(), StandardCharsets.UTF_8));
            }
        }
        return values;
    }

    private static List<Path> files(DataDir dir) throws IOException {
        try (Stream<Path> files = Files.list(dir.walOf(TENANT))) {
            return files.sorted().toList();
        }
    }

    private static void flip(Path path, int index) throws IOException {
        byte[] bytes = Files.readAllBytes(path);
        bytes[index] ^= 1;
        Files.write(path, bytes);
    }

    @Test
    void anArchiveHasTheDurableRecordsAndIsClean() throws IOException {
        write(source(), 25, 28, "v");

        WalExport.Report report = export();

        assertThat(report.segments()).isEqualTo(3);
        assertThat(report.written()).isEqualTo(3);
        assertThat(report.records()).isEqualTo(25);
        assertThat(report.firstSeq()).isZero();
        assertThat(report.lastSeq()).isEqualTo(24);
        assertThat(values(archive())).hasSize(25).startsWith("0 v0").endsWith("24 v24");
        assertThat(report.bytes())
                .isEqualTo(files(archive()).stream()
                        .mapToLong(path -> path.toFile().length())
                        .sum());
        assertThat(new WalVerifier(archive(), null).verify(TENANT, bytes -> {}).damage())
                .isEmpty();
    }

    @Test
    void anotherExportWritesOnlyTheSegmentsThatAreNewOrHaveGrown() throws IOException {
        write(source(), 25, 25, "v");
        export();
        Path sealed = files(archive()).get(0);
        Object sealedFile = Files.readAttributes(sealed, java.nio.file.attribute.BasicFileAttributes.class)
                .fileKey();
        try (Shard shard = new Shard(source(), SHARD, SETTINGS)) {
            append(shard, 25, 33, "v");
            shard.checkpoint(33);
        }

        WalExport.Report report = export();

        assertThat(report.segments()).isEqualTo(4);
        assertThat(report.written()).isEqualTo(2);
        assertThat(values(archive())).hasSize(33).endsWith("32 v32");
        assertThat(Files.readAttributes(sealed, java.nio.file.attribute.BasicFileAttributes.class)
                        .fileKey())
                .isEqualTo(sealedFile);
        assertThat(export().written()).isZero();
    }

    @Test
    void recordsThatWerePrunedBeforeTheyWereExportedAreReportedAndLeaveNoHole() throws IOException {
        write(source(), 25, 25, "v");
        export();
        try (Shard shard = new Shard(source(), SHARD, SETTINGS)) {
            append(shard, 25, 53, "v");
            shard.checkpoint(53);
        }
        for (Path pruned : files(source()).subList(0, 4)) {
            Files.delete(pruned);
        }

        assertThatThrownBy(this::export)
                .hasMessageContaining("ends with the sequence number 24, and the WAL begins with 40")
                .hasMessageContaining("Export the tenant to another directory");
        assertThat(values(archive())).hasSize(25);
        assertThat(new WalVerifier(archive(), null).verify(TENANT, bytes -> {}).damage())
                .isEmpty();
    }

    /** After a reset, the same sequence numbers have other signals. */
    @Test
    void anotherOriginIsRejectedBeforeAnythingIsWritten() throws IOException {
        source().bind(Map.of("topic.id", "t1"));
        write(source(), 25, 25, "v");
        export();
        DataDir other = new DataDir(root.resolve("other"));
        other.bind(Map.of("topic.id", "t2"));
        write(other, 33, 33, "w");
        List<String> before = values(archive());

        assertThatThrownBy(() -> new WalExport(other, archive()).export(TENANT, bytes -> {}))
                .hasMessageContaining("its topic.id is t1, but that of the exported directory is t2");

        assertThat(values(archive())).isEqualTo(before);
        assertThat(export().written()).isZero();

        // An archive keeps its origin when it is exported again.
        DataDir second = new DataDir(root.resolve("second"));
        new WalExport(archive(), second).export(TENANT, bytes -> {});
        assertThatThrownBy(() -> new WalExport(other, second).export(TENANT, bytes -> {}))
                .hasMessageContaining("its topic.id is t1");
    }

    @Test
    void noInstanceAdoptsAnArchiveAndItStaysOne() throws IOException {
        source().bind(Map.of("topic.id", "t1"));
        write(source(), 25, 25, "v");
        export();

        archive().lock().close();
        assertThatThrownBy(() -> archive().bind(Map.of("topic.id", "t1"))).hasMessageContaining("it is an archive");

        assertThat(export().written()).isZero();
    }

    @Test
    void segmentsThatWerePrunedSinceStayInTheArchive() throws IOException {
        write(source(), 25, 25, "v");
        export();
        Files.delete(files(source()).get(0));

        WalExport.Report report = export();

        assertThat(report.firstSeq()).isEqualTo(RECORDS_PER_SEGMENT);
        assertThat(report.written()).isZero();
        assertThat(values(archive())).hasSize(25);
    }

    @Test
    void damageInTheSourceEndsTheExportAndReachesNoFile() throws IOException {
        write(source(), 25, 25, "v");
        flip(files(source()).get(1), 80);

        assertThatThrownBy(this::export)
                .isInstanceOf(WalException.class)
                .hasMessageContaining("damage in the WAL")
                .hasMessageContaining(files(source()).get(1).toString());

        assertThat(files(archive())).hasSize(1);
    }

    @Test
    void missingDurableRecordsAtTheEndAreDamage() throws IOException {
        write(source(), 25, 25, "v");
        Path last = files(source()).get(2);
        try (var file = java.nio.channels.FileChannel.open(last, StandardOpenOption.WRITE)) {
            file.truncate(file.size() - 5);
        }
        assertThatThrownBy(this::export).isInstanceOf(WalException.class).hasMessageContaining(last.toString());

        Files.delete(last);

        assertThatThrownBy(this::export)
                .isInstanceOf(WalException.class)
                .hasMessageContaining("the checkpoint has those up to 24");
    }

    @Test
    void aMissingSegmentIsAGap() throws IOException {
        write(source(), 25, 25, "v");
        Files.delete(files(source()).get(1));

        assertThatThrownBy(this::export)
                .isInstanceOf(WalException.class)
                .hasMessageContaining("lacks the sequence numbers 10 to 19");
    }

    @Test
    void aDamagedSegmentOfTheArchiveIsWrittenAgain() throws IOException {
        write(source(), 25, 25, "v");
        export();
        flip(files(archive()).get(0), 80);

        assertThat(export().written()).isEqualTo(1);

        assertThat(values(archive())).hasSize(25);
    }

    @Test
    void anArchiveOfOtherRecordsIsRejectedAndStays() throws IOException {
        write(source(), 25, 25, "v");
        export();
        DataDir other = new DataDir(root.resolve("other"));
        write(other, 25, 25, "w");

        assertThatThrownBy(() -> new WalExport(other, archive()).export(TENANT, bytes -> {}))
                .isInstanceOf(WalException.class)
                .hasMessageContaining("export to an empty directory");

        assertThat(values(archive())).hasSize(25).startsWith("0 v0");
    }

    @Test
    void anArchiveOfOtherRecordsIsNotExtendedEither() throws IOException {
        write(source(), 25, 25, "v");
        export();
        DataDir other = new DataDir(root.resolve("other"));
        write(other, 28, 28, "w");
        Files.delete(files(other).get(0));
        Files.delete(files(other).get(0));

        assertThatThrownBy(() -> new WalExport(other, archive()).export(TENANT, bytes -> {}))
                .isInstanceOf(WalException.class)
                .hasMessageContaining("export to an empty directory");

        assertThat(values(archive())).hasSize(25).endsWith("24 v24");
    }

    @Test
    void anOlderCopyRemovesNoRecordFromTheArchive() throws IOException {
        write(source(), 28, 28, "v");
        export();
        DataDir older = new DataDir(root.resolve("older"));
        write(older, 25, 25, "v");

        assertThat(new WalExport(older, archive()).export(TENANT, bytes -> {}).written())
                .isZero();

        assertThat(values(archive())).hasSize(28);
    }

    @Test
    void aDataDirectoryOfAnInstanceIsNoArchive() throws IOException {
        write(source(), 25, 25, "v");
        DataDir used = new DataDir(root.resolve("used"));
        used.lock().close();

        assertThatThrownBy(() -> new WalExport(source(), used)).hasMessageContaining("export to another one");
        assertThatThrownBy(() -> new WalExport(source(), source())).hasMessageContaining("export to another one");
        assertThatThrownBy(() ->
                        new WalExport(source(), new DataDir(source().root().resolve("archive"))))
                .hasMessageContaining("export to another one");
    }

    @Test
    void anInterruptedExportLeavesNoFileThatLooksComplete() throws IOException {
        write(source(), 25, 25, "v");
        Path leftOver = archive().walOf(TENANT).resolve("00000000000000000000.shard-00003.log.tmp");
        Files.createDirectories(leftOver.getParent());
        Files.writeString(leftOver, "half");

        export();

        assertThat(leftOver).doesNotExist();
        assertThat(values(archive())).hasSize(25);
    }
}
