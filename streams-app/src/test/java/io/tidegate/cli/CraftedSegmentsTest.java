package io.tidegate.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tidegate.tenant.TenantId;
import io.tidegate.wal.DataDir;
import io.tidegate.wal.SegmentName;
import io.tidegate.wal.Shard;
import io.tidegate.wal.WalException;
import io.tidegate.wal.WalRecord;
import io.tidegate.wal.WalRepair;
import io.tidegate.wal.WalSettings;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import java.util.zip.CRC32C;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.utils.ByteBufferOutputStream;
import org.apache.kafka.common.utils.ByteUtils;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Segment files with valid checksums and invalid content, as an attacker or a bug of the writer could produce. They are always
 * reported as damage with their coordinates, in bounded memory, and the reports of other tenants are complete.
 */
@Timeout(value = 10, unit = TimeUnit.MINUTES)
final class CraftedSegmentsTest {
    private static final int SHARD = 3;
    private static final TenantId BEFORE = TenantId.of(41);
    private static final TenantId TENANT = TenantId.of(42);
    private static final TenantId AFTER = TenantId.of(43);
    private static final WalSettings SETTINGS = WalSettings.of(1 << 20, Duration.ofHours(1), 8, Compression.NONE);
    private static final int NONE = 0;
    private static final int GZIP = 1;
    private static final int SNAPPY = 2;
    private static final int LZ4 = 3;
    private static final int ZSTD = 4;
    private static final int CONTROL = 0x20;
    private static final int MIB = 1024 * 1024;

    /** Contents of a segment by their description. Most of the time of a test was their compression, so they are shared. */
    private static final Map<String, byte[]> CRAFTED = crafted();

    @TempDir
    private Path root;

    private DataDir dir;

    @BeforeEach
    void writeTheOtherTenants() {
        dir = new DataDir(root);
        try (Shard shard = new Shard(dir, SHARD, SETTINGS)) {
            append(shard, BEFORE);
            append(shard, AFTER);
            shard.flush();
        }
    }

    private static void append(Shard shard, TenantId tenant) {
        shard.append(tenant, new WalRecord(0, 1000, null, new byte[] {'{', '}'}, new Header[0]));
    }

    /** A record in the right format, with the offset and length given by the row. */
    private static byte[] record(int length, int offset, byte[] rest) {
        ByteBuffer record = ByteBuffer.allocate(64 + rest.length);
        ByteBuffer body = ByteBuffer.allocate(32 + rest.length);
        body.put((byte) 0);
        ByteUtils.writeVarlong(0, body);
        ByteUtils.writeVarint(offset, body);
        body.put(rest).flip();
        ByteUtils.writeVarint(length < 0 ? body.remaining() : length, record);
        record.put(body).flip();
        byte[] bytes = new byte[record.remaining()];
        record.get(bytes);
        return bytes;
    }

    /** A record without a key, with an empty value and no headers. */
    private static byte[] record(int offset) {
        return record(-1, offset, new byte[] {1, 0, 0});
    }

    private static byte[] records(int... offsets) {
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        for (int offset : offsets) {
            all.writeBytes(record(offset));
        }
        return all.toByteArray();
    }

    private static byte[] varint(int value) {
        ByteBuffer bytes = ByteBuffer.allocate(5);
        ByteUtils.writeVarint(value, bytes);
        return java.util.Arrays.copyOf(bytes.array(), bytes.position());
    }

    private static byte[] concat(byte[]... parts) {
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        for (byte[] part : parts) {
            all.writeBytes(part);
        }
        return all.toByteArray();
    }

    private static byte[] compressed(Compression compression, byte[]... content) {
        ByteBufferOutputStream bytes = new ByteBufferOutputStream(MIB);
        try (OutputStream out = compression.wrapForOutput(bytes, (byte) 2)) {
            for (byte[] part : content) {
                out.write(part);
            }
        } catch (IOException e) {
            throw new AssertionError(e);
        }
        ByteBuffer all = bytes.buffer().flip();
        byte[] copy = new byte[all.remaining()];
        all.get(copy);
        return copy;
    }

    /** A batch with a valid checksum and the stamp of tenant 42. */
    private static byte[] batch(long firstSeq, int lastOffset, int count, int attributes, byte[] content) {
        CRC32C stamp = new CRC32C();
        stamp.update(("42:" + SHARD).getBytes(StandardCharsets.US_ASCII));
        ByteBuffer batch = ByteBuffer.allocate(61 + content.length);
        batch.putLong(firstSeq).putInt(49 + content.length);
        batch.putInt((int) stamp.getValue() & Integer.MAX_VALUE).put((byte) 2).putInt(0);
        batch.putShort((short) attributes).putInt(lastOffset).putLong(1000).putLong(1000);
        batch.putLong(-1).putShort((short) -1).putInt(-1).putInt(count).put(content);
        CRC32C crc = new CRC32C();
        crc.update(batch.array(), 21, batch.capacity() - 21);
        return batch.putInt(17, (int) crc.getValue()).array();
    }

    /** A record whose value consists of this many zeros, which compress well. */
    private static byte[][] bomb(int bytes) {
        byte[] head = record(-1, 0, concat(new byte[] {1}, varint(bytes)));
        byte[][] parts = new byte[1 + bytes / MIB][];
        parts[0] = head;
        for (int i = 1; i < parts.length; i++) {
            parts[i] = new byte[MIB];
        }
        return parts;
    }

    private static byte[] manySmall(int count) {
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        for (int i = 0; i < count; i++) {
            all.writeBytes(record(i));
        }
        return all.toByteArray();
    }

    private static byte[] snappy(int chunkLength, int uncompressed) {
        return concat(
                new byte[] {(byte) 0x82, 'S', 'N', 'A', 'P', 'P', 'Y', 0, 0, 0, 0, 1, 0, 0, 0, 1},
                ByteBuffer.allocate(4).putInt(chunkLength).array(),
                new byte[] {
                    (byte) (uncompressed | 0x80),
                    (byte) (uncompressed >>> 7 | 0x80),
                    (byte) (uncompressed >>> 14 | 0x80),
                    (byte) (uncompressed >>> 21 | 0x80),
                    (byte) (uncompressed >>> 28)
                },
                new byte[16]);
    }

    private static Map<String, byte[]> crafted() {
        Map<String, byte[]> rows = new LinkedHashMap<>();
        rows.put("a record count of -1", batch(0, 0, -1, NONE, record(0)));
        rows.put("a record count of 2^31-1", batch(0, 0, Integer.MAX_VALUE, NONE, record(0)));
        rows.put("2^31-1 records claimed", batch(0, Integer.MAX_VALUE - 1, Integer.MAX_VALUE, NONE, record(0)));
        rows.put(
                "rubbish records",
                batch(0, 1, 2, NONE, "this is no record at all".getBytes(StandardCharsets.US_ASCII)));
        rows.put("an unknown compression", batch(0, 0, 1, 7, record(0)));
        rows.put("an undefined attribute", batch(0, 0, 1, 0x100, record(0)));
        rows.put("a broken zstd stream", batch(0, 0, 1, ZSTD, record(0)));
        rows.put("a broken gzip stream", batch(0, 0, 1, GZIP, record(0)));
        rows.put("a broken lz4 stream", batch(0, 0, 1, LZ4, record(0)));
        rows.put("a broken snappy stream", batch(0, 0, 1, SNAPPY, record(0)));
        byte[] zstd = compressed(Compression.zstd().build(), manySmall(500));
        rows.put("a truncated zstd stream", batch(0, 499, 500, ZSTD, java.util.Arrays.copyOf(zstd, zstd.length / 2)));
        rows.put("more offsets claimed than records", batch(0, 99, 5, NONE, records(0, 1, 2, 3, 4)));
        rows.put("more records claimed than held", batch(0, 99, 100, NONE, records(0, 1, 2, 3, 4)));
        rows.put("offsets with a hole", batch(0, 9, 2, NONE, records(0, 9)));
        rows.put("offsets with a hole and the right count", batch(0, 1, 2, NONE, records(0, 9)));
        rows.put("offsets that go back", batch(0, 1, 2, NONE, records(1, 0)));
        rows.put("an empty batch", batch(0, 4, 0, NONE, new byte[0]));
        rows.put("an empty batch of one offset", batch(0, 0, 0, NONE, new byte[0]));
        rows.put("a control batch", batch(0, 0, 1, CONTROL, record(0)));
        rows.put("a negative last offset", batch(0, -1, 0, NONE, new byte[0]));
        rows.put("records after the last", batch(0, 0, 1, NONE, records(0, 1)));
        rows.put("a record longer than it is", batch(0, 0, 1, NONE, record(20, 0, new byte[] {1, 0, 0})));
        rows.put("a negative value length", batch(0, 0, 1, NONE, record(-1, 0, concat(new byte[] {1}, varint(-2)))));
        rows.put(
                "2^31-1 headers",
                batch(0, 0, 1, NONE, record(-1, 0, concat(new byte[] {1, 0}, varint(Integer.MAX_VALUE)))));
        rows.put("a header without a name", batch(0, 0, 1, NONE, record(-1, 0, new byte[] {1, 0, 2, 1, 1})));
        rows.put(
                "a value of 2 GiB",
                batch(0, 0, 1, NONE, record(-1, 0, concat(new byte[] {1}, varint(Integer.MAX_VALUE)))));
        rows.put(
                "a compressed record of 2 GiB",
                batch(
                        0,
                        0,
                        1,
                        ZSTD,
                        compressed(
                                Compression.zstd().build(),
                                record(Integer.MAX_VALUE, 0, concat(new byte[] {1}, varint(Integer.MAX_VALUE - 9))))));
        rows.put(
                "a zstd bomb",
                batch(0, 0, 1, ZSTD, compressed(Compression.zstd().build(), bomb(600 * MIB))));
        rows.put(
                "a gzip bomb",
                batch(0, 0, 1, GZIP, compressed(Compression.gzip().build(), bomb(100 * MIB))));
        rows.put("a snappy chunk of 2 GiB", batch(0, 0, 1, SNAPPY, snappy(Integer.MAX_VALUE, 10)));
        rows.put("a snappy chunk that expands to 2 GiB", batch(0, 0, 1, SNAPPY, snappy(21, Integer.MAX_VALUE)));
        rows.put(
                "millions of small records",
                batch(
                        0,
                        1_999_999,
                        2_000_000,
                        ZSTD,
                        compressed(Compression.zstd().build(), manySmall(2_000_000))));
        rows.put("a number that does not end", batch(0, 0, 1, NONE, new byte[] {-1, -1, -1, -1, -1, -1, -1}));
        return rows;
    }

    static List<String> rows() {
        return List.copyOf(CRAFTED.keySet());
    }

    private static Path segment(DataDir dir, TenantId tenant) {
        return dir.walOf(tenant).resolve(new SegmentName(0, SHARD).fileName());
    }

    private Path write(TenantId tenant, byte[] content) throws IOException {
        Path segment = segment(dir, tenant);
        Files.createDirectories(segment.getParent());
        return Files.write(segment, content);
    }

    private Cli run(String... args) {
        return Cli.run(Stream.concat(Stream.of(args), Stream.of("--data-dir", root.toString()))
                .toArray(String[]::new));
    }

    @ParameterizedTest
    @MethodSource("rows")
    void everyReaderReportsDamageWithItsPlaceAndContinues(String row) throws IOException {
        Path segment = write(TENANT, CRAFTED.get(row));

        Cli verify = run("wal", "verify");
        assertThat(verify.exitCode()).as(verify.out() + verify.err()).isEqualTo(ExitCodes.DAMAGE);
        assertThat(verify.out())
                .contains("DAMAGE tenant t42, " + segment + ", byte 0: ")
                .containsPattern("(?m)^ *41 .* clean$")
                .containsPattern("(?m)^ *42 .* DAMAGED$")
                .containsPattern("(?m)^ *43 .* clean$");

        Cli cat = run("wal", "cat", "42");
        assertThat(cat.exitCode()).as(cat.err()).isEqualTo(ExitCodes.DAMAGE);
        assertThat(cat.out()).isEmpty();
        assertThat(cat.err()).contains("tenant t42, segment " + segment + ", byte 0: ");

        assertThat(run("wal", "ls").out()).hasLineCount(4);

        try (Shard shard = new Shard(dir, SHARD, SETTINGS)) {
            assertThatThrownBy(() -> append(shard, TENANT))
                    .isInstanceOfSatisfying(
                            WalException.class,
                            failure -> assertThat(failure.kind()).isEqualTo(WalException.Kind.DAMAGE))
                    .hasMessageContaining("tenant t42, segment " + segment + ", byte 0: ");
        }

        var outcomes = new WalRepair(dir, tenant -> SHARD, SETTINGS)
                .repair(new TreeSet<>(List.of(BEFORE, TENANT, AFTER)), (shard, each) -> {});
        assertThat(outcomes).extracting(WalRepair.Outcome::tenant).containsOnly(TENANT);
    }

    @Test
    void damageAfterGoodBatchesIsReportedAtItsByte() throws IOException {
        byte[] good = batch(0, 1, 2, NONE, records(0, 1));
        Path segment = write(TENANT, concat(good, batch(2, 3, 4, NONE, records(0, 1, 2))));

        Cli verify = run("wal", "verify", "42");

        assertThat(verify.out()).contains("DAMAGE tenant t42, %s, byte %d: ".formatted(segment, good.length));
        assertThat(run("wal", "cat", "42").out()).hasLineCount(2);
    }

    /** Reads all rows in a process with a small heap: none may need more memory than the largest batch. */
    @Test
    void aHeapOf256MiBReadsEveryOneOfThem() throws Exception {
        Map<String, byte[]> all = new LinkedHashMap<>(CRAFTED);
        byte[] huge = new byte[250 * MIB];
        ByteBuffer.wrap(huge).putLong(0).putInt(huge.length - 12);
        all.put("a batch of 250 MiB", huge);
        byte[] largest = batch(
                0,
                0,
                1,
                NONE,
                concat(record(40 * MIB, 0, concat(new byte[] {1}, varint(40 * MIB))), new byte[40 * MIB]));
        all.put("a large record", largest);
        int number = 0;
        for (byte[] content : all.values()) {
            write(TenantId.of(100 + number++), content);
        }
        try (var sparse =
                new RandomAccessFile(write(TenantId.of(99), new byte[0]).toFile(), "rw")) {
            sparse.setLength(1L << 40);
        }
        Path out = root.resolve("out.txt");
        Process verify = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-Xmx256m",
                        "-XX:+UseSerialGC",
                        "-cp",
                        System.getProperty("java.class.path"),
                        "io.tidegate.cli.Tidegate",
                        "wal",
                        "verify",
                        "--data-dir",
                        root.toString())
                .redirectErrorStream(true)
                .redirectOutput(out.toFile())
                .start();
        verify.waitFor();

        String said = Files.readString(out);
        assertThat(verify.exitValue()).as(said).isEqualTo(ExitCodes.DAMAGE);
        assertThat(said)
                .doesNotContain("OutOfMemoryError")
                .contains("DAMAGE tenant t99, " + segment(dir, TenantId.of(99)));
        for (int i = 0; i < all.size(); i++) {
            assertThat(said).contains("DAMAGE tenant t%d, ".formatted(100 + i));
        }
    }

    @Test
    void aDanglingLinkIsDamageOfItsTenantAndTheOthersAreListed() throws IOException {
        Files.createDirectories(dir.walOf(TENANT));
        Path link = Files.createSymbolicLink(segment(dir, TENANT), root.resolve("nowhere"));

        for (String command : List.of("ls", "verify")) {
            Cli run = run("wal", command);

            assertThat(run.exitCode()).isEqualTo(ExitCodes.DAMAGE);
            assertThat(run.out()).containsPattern("(?m)^ *41 ").containsPattern("(?m)^ *43 ");
            assertThat(run.out() + run.err())
                    .contains("DAMAGE tenant t42, " + link + ", byte 0: a regular file is expected");
        }
        assertThat(run("wal", "cat", "42").exitCode()).isEqualTo(ExitCodes.DAMAGE);
    }

    @ParameterizedTest
    @org.junit.jupiter.params.provider.ValueSource(strings = {"tenants/42", "tenants/42/wal"})
    void aFileInPlaceOfATenantsDirectoryIsDamageOfItsTenantAndTheOthersAreListed(String name) throws IOException {
        Path file = root.resolve(name);
        Files.createDirectories(file.getParent());
        Files.writeString(file, "x");

        for (String command : List.of("ls", "verify")) {
            Cli all = run("wal", command);

            assertThat(all.exitCode()).isEqualTo(ExitCodes.DAMAGE);
            assertThat(all.out()).containsPattern("(?m)^ *41 ").containsPattern("(?m)^ *43 ");
            assertThat(all.out() + all.err()).contains("DAMAGE tenant t42, " + file + ", byte 0: ");
        }
        Cli one = run("wal", "verify", "42");
        assertThat(one.exitCode()).isEqualTo(ExitCodes.DAMAGE);
        assertThat(one.out()).contains("DAMAGE tenant t42, " + file);
        Cli cat = run("wal", "cat", "42");
        assertThat(cat.exitCode()).isEqualTo(ExitCodes.DAMAGE);
        assertThat(cat.err()).contains("tenant t42, segment " + dir.walOf(TENANT), "a directory is expected");
    }
}
