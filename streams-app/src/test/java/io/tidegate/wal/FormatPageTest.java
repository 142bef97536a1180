package io.tidegate.wal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.tidegate.admission.EntitySet;
import io.tidegate.admission.Reason;
import io.tidegate.admission.TenantUsage;
import io.tidegate.tenant.TenantId;
import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.Arrays;
import java.util.Map;
import java.util.Properties;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.zip.CRC32C;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The numbers in {@code docs/wal-format.md} are those of the code. */
class FormatPageTest {
    private static final Path PAGE = Path.of("..", "docs", "wal-format.md");
    /** Tag and length of a section of the usage. */
    private static final Pattern SECTION_ROW = Pattern.compile("(?m)^\\| (\\d+) \\| ([0-9n +]+) \\| `");

    private static final Pattern CONSTANT = Pattern.compile("(?m)^ {4}([A-Z][A-Z0-9_]+) = (\\d+)$");
    private static final Pattern TABLE_ROW = Pattern.compile("(?m)^\\| (\\d+) \\| (?:(\\d+)(?: u)? )?\\| ([^|]+) \\|");

    /** Base offset and batch length, which the batch length does not include. */
    private static final int PREFIX_BYTES = 12;

    private static String page = "";

    @BeforeAll
    static void readThePage() throws IOException {
        page = Files.readString(PAGE);
    }

    @Test
    void everyConstantOnThePageIsTheCodes(@TempDir Path dir) throws IOException {
        WalSettings defaults =
                WalSettings.of(WalSettings.SEGMENT_BYTES_DEFAULT, Duration.ofHours(24), 8, Compression.NONE);
        byte[] none = new Checkpoint(0, false, Map.of()).bytes(0);
        byte[] one = new Checkpoint(
                        0, false, Map.of(TenantId.of(1), new Checkpoint.Log(SegmentState.empty(0), 0, 0, false)))
                .bytes(0);
        byte[] usage = TenantUsage.fresh(1, 2).write();

        Map<String, Long> code = new TreeMap<>();
        code.put("BATCH_OVERHEAD_BYTES", (long) new RecordBatches.Builder(0, 0, Compression.NONE, 512).bytes());
        code.put("MAGIC", (long) batch().get(16));
        code.put("BATCH_BYTES_MAX", largestPossibleBatch(dir));
        code.put("STAMP_OF_TENANT_2_SHARD_0", (long) RecordBatches.stamp(TenantId.of(2), 0));
        code.put("BATCH_BYTES", (long) defaults.batchBytes());
        code.put("PENDING_BYTES", defaults.pendingBytes());
        code.put("OVERHEAD_BYTES", (long) WalRecord.OVERHEAD_BYTES);
        code.put("SEGMENT_BYTES_DEFAULT", WalSettings.SEGMENT_BYTES_DEFAULT);
        code.put("CHECKPOINT_VERSION", (long) none[0]);
        code.put("CHECKPOINT_HEAD_BYTES", (long) none.length - Integer.BYTES);
        code.put("CHECKPOINT_ENTRY_BYTES", (long) one.length - none.length);
        code.put("TAIL_BYTES", (long) SegmentState.BYTES);
        code.put("FORMAT", identityFormat(dir));
        code.put("USAGE_VERSION", (long) usage[0]);
        code.put("USAGE_BYTES", (long) usage.length);
        code.put("REASONS", (long) Reason.values().length);
        code.put("CHUNK_VERSION", chunkVersion());
        code.put("CHUNK_ENTITIES", (long) EntitySet.CHUNK_ENTITIES);

        assertThat(constantsOnThePage()).isEqualTo(code);
    }

    @Test
    void theBatchTablesOffsetsAreWhereTheFieldsAre() throws IOException {
        Map<String, Integer> at = offsets("### Batch", "### Record");
        ByteBuffer batch = batch();

        assertThat(batch.getLong(at.get("base offset"))).isEqualTo(7);
        assertThat(batch.getInt(at.get("batch length"))).isEqualTo(batch.limit() - PREFIX_BYTES);
        assertThat(batch.getInt(at.get("partition leader epoch"))).isEqualTo(RecordBatches.stamp(TenantId.of(42), 3));
        assertThat(batch.get(at.get("magic"))).isEqualTo((byte) 2);
        assertThat(batch.getInt(at.get("CRC"))).isEqualTo(crcFrom(at.get("attributes"), batch));
        assertThat(batch.getShort(at.get("attributes"))).isZero();
        assertThat(batch.getInt(at.get("last offset delta"))).isEqualTo(1);
        assertThat(batch.getLong(at.get("base timestamp"))).isEqualTo(1000);
        assertThat(batch.getLong(at.get("max timestamp"))).isEqualTo(1001);
        assertThat(batch.getLong(at.get("producer id"))).isEqualTo(-1);
        assertThat(batch.getShort(at.get("producer epoch"))).isEqualTo((short) -1);
        assertThat(batch.getInt(at.get("base sequence"))).isEqualTo(-1);
        assertThat(batch.getInt(at.get("record count"))).isEqualTo(2);
        assertThat(at.get("records")).isEqualTo(at.get("record count") + Integer.BYTES);
    }

    /** Each section of a new usage is on the page with its tag and, if it is fixed, its length. */
    @Test
    void theUsageTableHasTheSectionsThatAreWritten() {
        String usage = section("### Usage", "### Entities");
        Map<Integer, String> lengths = new TreeMap<>();
        Matcher row = SECTION_ROW.matcher(usage);
        while (row.find()) {
            lengths.put(Integer.parseInt(row.group(1)), row.group(2));
        }
        ByteBuffer stored = ByteBuffer.wrap(TenantUsage.fresh(1, 2).write()).position(1);
        while (stored.hasRemaining()) {
            int tag = stored.get();
            int length = stored.getShort();
            stored.position(stored.position() + length);
            assertThat(lengths).containsKey(tag);
            if (!lengths.get(tag).contains("n")) {
                assertThat(lengths.get(tag)).as("section %d", tag).isEqualTo(Integer.toString(length));
            }
        }
        assertThat(usage)
                .containsSubsequence(Arrays.stream(Reason.values())
                        .map(reason -> "`" + reason.id() + "`")
                        .toList());
    }

    @Test
    void theContentChecksumIsMadeOfTheBytesOnThePage() throws IOException {
        Header[] headers = {new RecordHeader("a", bytes("1")), new RecordHeader("ü", null)};
        WalRecord record = new WalRecord(5, 1234, null, bytes("value"), headers);
        ByteArrayOutputStream stored = new ByteArrayOutputStream();
        DataOutputStream out = new DataOutputStream(stored);
        out.writeInt(99);
        out.writeLong(5);
        out.writeLong(1234);
        out.writeInt(-1);
        out.writeInt(5);
        out.writeInt(2);
        out.write(bytes("value"));
        out.writeInt(1);
        out.writeInt(1);
        out.write(bytes("a"));
        out.write(bytes("1"));
        out.writeInt(2);
        out.writeInt(-1);
        out.write(bytes("ü"));

        assertThat(record.chainedCrc(99, WalRecord.scratch())).isEqualTo(crcOf(stored.toByteArray()));
    }

    @Test
    void aHeadersNameCountsInUtf16UnitsAndNullAsNothing() {
        Header[] headers = {new RecordHeader("a", bytes("1")), new RecordHeader("ü", null)};

        WalRecord record = new WalRecord(5, 1234, null, bytes("value"), headers);

        assertThat(record.ownBytes()).isEqualTo(24 + 5 + (1 + 1) + 1);
    }

    @Test
    void theCheckpointIsMadeOfTheBytesOnThePage() throws IOException {
        SegmentState tail = new SegmentState(10, 20, 30, 40, 50, 60);
        ByteArrayOutputStream stored = new ByteArrayOutputStream();
        DataOutputStream out = new DataOutputStream(stored);
        out.writeByte(2);
        out.writeInt(3);
        out.writeLong(1234);
        out.writeByte(1);
        out.writeInt(1);
        out.writeLong(42);
        out.writeLong(10);
        out.writeLong(20);
        out.writeLong(30);
        out.writeLong(40);
        out.writeInt(50);
        out.writeLong(60);
        out.writeLong(5);
        out.writeLong(19);
        out.writeByte(1);
        out.writeInt(crcOf(stored.toByteArray()));

        byte[] written =
                new Checkpoint(1234, true, Map.of(TenantId.of(42), new Checkpoint.Log(tail, 5, 19, true))).bytes(3);

        assertThat(written).isEqualTo(stored.toByteArray());
    }

    private static Map<String, Long> constantsOnThePage() {
        Map<String, Long> constants = new TreeMap<>();
        Matcher match = CONSTANT.matcher(page);
        while (match.find()) {
            assertThat(constants.put(match.group(1), Long.parseLong(match.group(2))))
                    .as(match.group(1))
                    .isNull();
        }
        return constants;
    }

    private static String section(String from, String to) {
        int begin = page.indexOf("\n" + from + "\n");
        int end = page.indexOf("\n" + to + "\n", begin);
        assertThat(begin).as(from).isNotNegative();
        assertThat(end).as(to).isGreaterThan(begin);
        return page.substring(begin, end);
    }

    private static Map<String, Integer> offsets(String from, String to) {
        Map<String, Integer> offsets = new TreeMap<>();
        Matcher row = TABLE_ROW.matcher(section(from, to));
        while (row.find()) {
            offsets.put(row.group(3), Integer.parseInt(row.group(1)));
        }
        return offsets;
    }

    /** Two records of tenant 42 in shard 3, with the sequence numbers 7 and 8 and the times 1000 and 1001. */
    private static ByteBuffer batch() throws IOException {
        var builder = new RecordBatches.Builder(7, RecordBatches.stamp(TenantId.of(42), 3), Compression.NONE, 512);
        builder.append(new WalRecord(7, 1000, null, bytes("a"), new Header[0]));
        builder.append(new WalRecord(8, 1001, null, bytes("b"), new Header[0]));
        return builder.build();
    }

    private static int crcFrom(int position, ByteBuffer batch) {
        CRC32C crc = new CRC32C();
        crc.update(batch.duplicate().position(position));
        return (int) crc.getValue();
    }

    private static int crcOf(byte[] bytes) {
        CRC32C crc = new CRC32C();
        crc.update(bytes);
        return (int) crc.getValue();
    }

    /** The size above which the reader calls a batch impossible, by bisection. */
    private static long largestPossibleBatch(Path dir) throws IOException {
        int possible = 1024;
        int impossible = Integer.MAX_VALUE;
        try (FileChannel file = FileChannel.open(
                dir.resolve("batch"),
                StandardOpenOption.CREATE_NEW,
                StandardOpenOption.READ,
                StandardOpenOption.WRITE)) {
            while (impossible - possible > 1) {
                int size = possible + (impossible - possible) / 2;
                ByteBuffer head = ByteBuffer.allocate(61).putInt(8, size - PREFIX_BYTES);
                file.write(head, 0);
                BadBatchException said = catchThrowableOfType(
                        BadBatchException.class, () -> RecordBatches.read(file, 0, head.capacity()));
                if (said.getMessage().contains("impossible")) {
                    impossible = size;
                } else {
                    possible = size;
                }
            }
        }
        return possible;
    }

    private static long identityFormat(Path dir) throws IOException {
        new DataDir(dir).bind(Map.of());
        Properties identity = new Properties();
        try (var in = Files.newBufferedReader(dir.resolve(".tidegate").resolve("identity"))) {
            identity.load(in);
        }
        return Long.parseLong(identity.getProperty("format"));
    }

    /** The only version with which an empty chunk can be read. */
    private static long chunkVersion() {
        long found = -1;
        for (int version = 0; version <= Byte.MAX_VALUE; version++) {
            try {
                new EntitySet().load(0, new byte[] {(byte) version});
                found = version;
            } catch (IllegalStateException e) {
                assertThat(e).hasMessageContaining("version");
            }
        }
        return found;
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }
}
