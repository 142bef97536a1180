package io.tidegate.wal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tidegate.tenant.TenantId;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.zip.CRC32C;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Every stored byte is pinned: a file written by an older version must be read by every later one. */
class StoredFormatTest {
    private static final int SHARD = 3;
    private static final TenantId TENANT = TenantId.of(42);
    private static final TenantId LAST = TenantId.of(-1);

    @TempDir
    Path root;

    private static byte[] golden(String name) throws IOException {
        try (InputStream in = StoredFormatTest.class.getResourceAsStream(name)) {
            assertThat(in).as(name).isNotNull();
            String text = new String(in.readAllBytes(), StandardCharsets.US_ASCII);
            return HexFormat.of().parseHex(text.replaceAll("#[^\n]*|\\s", ""));
        }
    }

    private static Checkpoint checkpoint() {
        Map<TenantId, Checkpoint.Log> logs = new LinkedHashMap<>();
        logs.put(TENANT, new Checkpoint.Log(filled(), 2, 4, true));
        logs.put(LAST, new Checkpoint.Log(SegmentState.empty(7), 7, 7, false));
        return new Checkpoint(1234567890123L, true, logs);
    }

    private static SegmentState filled() {
        return new SegmentState(3, 5, 0x102, 0x203, 0xdeadbeef, 1_700_000_000_000L);
    }

    @Test
    void writesAndReadsTheCheckpointOfVersion2() throws IOException {
        byte[] golden = golden("checkpoint-v2.hex");

        assertThat(HexFormat.of().formatHex(checkpoint().bytes(SHARD)))
                .isEqualTo(HexFormat.of().formatHex(golden));
        assertThat(Checkpoint.parse(golden, SHARD)).isEqualTo(checkpoint());
    }

    @Test
    void readsTheCheckpointOfVersion1WhichHasNoBeginningsOfLogs() throws IOException {
        Map<TenantId, Checkpoint.Log> logs = Map.of(
                TENANT, new Checkpoint.Log(filled(), Checkpoint.Log.UNKNOWN, 5, false),
                LAST, new Checkpoint.Log(SegmentState.empty(0), Checkpoint.Log.UNKNOWN, 0, false));

        assertThat(Checkpoint.parse(golden("checkpoint-v1.hex"), SHARD))
                .isEqualTo(new Checkpoint(1234567890123L, true, logs));
    }

    @Test
    void rejectsACheckpointWithAnyBitFlippedOrTruncatedAnywhere() throws IOException {
        byte[] golden = golden("checkpoint-v2.hex");
        for (int bit = 0; bit < golden.length * 8; bit++) {
            byte[] wrong = golden.clone();
            wrong[bit / 8] ^= (byte) (1 << bit % 8);
            assertThatThrownBy(() -> Checkpoint.parse(wrong, SHARD))
                    .as("bit %d", bit)
                    .isInstanceOf(IllegalArgumentException.class);
        }
        for (int length = 0; length < golden.length; length++) {
            byte[] cut = Arrays.copyOf(golden, length);
            assertThatThrownBy(() -> Checkpoint.parse(cut, SHARD))
                    .as("length %d", length)
                    .isInstanceOf(IllegalArgumentException.class);
        }
    }

    @Test
    void opensNoShardWithAnotherShardsCheckpointOrAnotherVersionOrAWrongCount() throws IOException {
        DataDir dir = new DataDir(root);
        byte[] golden = golden("checkpoint-v2.hex");
        rejects(dir, resealed(golden, 4, (byte) 4), "the checkpoint is of shard 4");
        rejects(dir, resealed(golden, 0, (byte) 3), "the checkpoint's version is 3, this program reads 1 and 2");
        rejects(dir, resealed(golden, 17, (byte) 3), "the checkpoint counts 3 tenants in");
        rejects(dir, Arrays.copyOf(golden, 21), "a checkpoint of 21 bytes is truncated");
        rejects(dir, Arrays.copyOf(golden, golden.length - 1), "the checkpoint's checksum is wrong");
    }

    @Test
    void aDirectoryInPlaceOfACheckpointIsDamage(@TempDir Path root) throws IOException {
        DataDir dir = new DataDir(root);
        Files.createDirectories(dir.checkpoint(SHARD));

        assertThatThrownBy(() -> new Shard(dir, SHARD, AcceptedTopic.settings(100)))
                .isInstanceOfSatisfying(
                        WalException.class, e -> assertThat(e.kind()).isEqualTo(WalException.Kind.DAMAGE))
                .hasMessageContaining("it is a directory")
                .hasMessageContaining("move this file away");
    }

    /** {@code bytes} with one byte changed and the matching checksum. */
    private static byte[] resealed(byte[] bytes, int at, byte changed) {
        byte[] copy = bytes.clone();
        copy[at] = changed;
        CRC32C crc = new CRC32C();
        crc.update(copy, 0, copy.length - Integer.BYTES);
        ByteBuffer.wrap(copy).putInt(copy.length - Integer.BYTES, (int) crc.getValue());
        return copy;
    }

    private static void rejects(DataDir dir, byte[] checkpoint, String why) throws IOException {
        dir.files().replace(dir.checkpoint(SHARD), checkpoint);
        assertThatThrownBy(() -> new Shard(dir, SHARD, AcceptedTopic.settings(100)))
                .isInstanceOfSatisfying(
                        WalException.class, e -> assertThat(e.kind()).isEqualTo(WalException.Kind.DAMAGE))
                .hasMessageContaining(why)
                .hasMessageContaining(dir.checkpoint(SHARD).toString());
    }

    private static List<WalRecord> records() {
        return List.of(
                new WalRecord(0, 1_700_000_000_000L, null, AcceptedTopic.ascii("{\"signal\":\"a\"}"), new Header[0]),
                new WalRecord(1, 1_700_000_000_005L, AcceptedTopic.ascii("k"), null, new Header[] {
                    new RecordHeader("source", AcceptedTopic.ascii("signals:0:7")), new RecordHeader("é", (byte[]) null)
                }),
                new WalRecord(2, 1_700_000_000_001L, new byte[0], new byte[0], new Header[0]));
    }

    @Test
    void writesAndReadsTheSegmentOfVersion1() throws IOException {
        DataDir dir = new DataDir(root);
        byte[] golden = golden("segment-v1.hex");
        try (Shard shard = new Shard(dir, SHARD, AcceptedTopic.settings(10_000))) {
            append(shard, records().get(0));
            append(shard, records().get(1));
            shard.flush();
            append(shard, records().get(2));
        }
        Path segment = root.resolve("tenants/42/wal/00000000000000000000.shard-00003.log");
        assertThat(HexFormat.of().formatHex(Files.readAllBytes(segment)))
                .isEqualTo(HexFormat.of().formatHex(golden));

        Files.write(segment, golden);
        assertThat(AcceptedTopic.stored(dir, TENANT))
                .isEqualTo(records().stream().map(AcceptedTopic::text).toList());
    }

    private static void append(Shard shard, WalRecord record) {
        shard.append(TENANT, record);
    }

    @Test
    void theFormulasOfOwnBytesAndContentChecksumsDoNotChange() {
        int chained = 0;
        for (WalRecord record : records()) {
            chained = record.chainedCrc(chained, WalRecord.scratch());
        }

        assertThat(records()).extracting(WalRecord::ownBytes).containsExactly(38, 43, 24);
        assertThat(Integer.toHexString(chained)).isEqualTo("4ad41195");
        assertThat(RecordBatches.stamp(TENANT, SHARD)).isEqualTo(0xa215081);
        assertThat(RecordBatches.stamp(LAST, 0)).isNotNegative();
    }

    @Test
    void distinguishesContentsThatDifferOnlyInTheEndOfOnePart() {
        byte[] a = AcceptedTopic.ascii("a");
        byte[] none = new byte[0];
        Header[] headers = {};
        assertThat(List.of(
                                new WalRecord(0, 0, a, none, headers),
                                new WalRecord(0, 0, none, a, headers),
                                new WalRecord(0, 0, null, a, headers),
                                new WalRecord(0, 0, a, null, headers),
                                new WalRecord(0, 0, none, none, new Header[] {new RecordHeader("a", none)}),
                                new WalRecord(0, 0, none, none, new Header[] {new RecordHeader("a", null)}),
                                new WalRecord(0, 0, none, none, new Header[] {new RecordHeader("", a)}))
                        .stream()
                        .map(record -> record.chainedCrc(0, WalRecord.scratch())))
                .doesNotHaveDuplicates();
    }

    @Test
    void namesSegmentsSoThatTheyAreReadBack() {
        SegmentName name = new SegmentName(81920, 3);
        assertThat(name.fileName()).isEqualTo("00000000000000081920.shard-00003.log");
        assertThat(SegmentName.tryParse(name.fileName())).isEqualTo(name);
        SegmentName largest = new SegmentName(Long.MAX_VALUE, 99_999);
        assertThat(SegmentName.tryParse(largest.fileName())).isEqualTo(largest);
        for (String wrong : List.of(
                "09223372036854775808.shard-00003.log",
                "99999999999999999999.shard-00003.log",
                "0000000000000081920.shard-00003.log",
                "-0000000000000081920.shard-00003.log",
                "00000000000000081920.shard-00003.log.tmp",
                "00000000000000081920.shard-3.log",
                "٠٠٠٠٠٠٠٠٠٠٠٠٠٠٠٨١٩٢٠.shard-00003.log",
                "")) {
            assertThat(SegmentName.tryParse(wrong)).as(wrong).isNull();
        }
    }

    @Test
    void keepsTheSettingsThatDecideWhereSegmentsEnd() {
        assertThat(WalSettings.SEGMENT_BYTES_DEFAULT).isEqualTo(64 * 1024 * 1024);
        WalSettings settings = WalSettings.of(1000, Duration.ofHours(1), 7, Compression.NONE);
        assertThat(settings.segmentBytes()).isEqualTo(1000);
        assertThat(settings.openFiles()).isEqualTo(7);
    }
}
