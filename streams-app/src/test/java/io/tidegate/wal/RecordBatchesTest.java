package io.tidegate.wal;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.common.record.internal.MemoryRecordsBuilder;
import org.apache.kafka.common.record.internal.RecordBatch;
import org.apache.kafka.common.utils.ByteBufferOutputStream;
import org.apache.kafka.common.utils.Utils;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Compares batches with those of Kafka's own builder, which defines the format. */
class RecordBatchesTest {
    private static final int STAMP = 77;
    private static final int BATCHES = 2_000;

    /** Lengths at which a varint becomes a byte longer, and those around them. */
    private static final int[] LENGTHS = {0, 1, 2, 62, 63, 64, 65, 127, 128, 200, 8190, 8191, 8192, 20_000};

    private final SplittableRandom random = new SplittableRandom(11);

    @Test
    void writesByteForByteWhatKafkasBuilderWrites() throws Exception {
        for (int i = 0; i < BATCHES; i++) {
            List<WalRecord> records = someRecords();
            assertThat(written(records, Compression.NONE)).isEqualTo(ByteBuffer.wrap(writtenByKafka(records)));
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"none", "gzip", "snappy", "lz4", "zstd"})
    void givesBackWhatWasWritten(String compression, @TempDir Path dir) throws Exception {
        try (FileChannel file = FileChannel.open(
                dir.resolve("segment"), StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
            for (int i = 0; i < 50; i++) {
                List<WalRecord> records = someRecords();
                ByteBuffer batch = written(records, RecordBatches.compression(compression));
                int size = batch.remaining();
                while (batch.hasRemaining()) {
                    file.write(batch, batch.position());
                }

                var stored = RecordBatches.read(file, 0, size);

                assertThat(stored.end()).isEqualTo(size);
                assertThat(stored.stamp()).isEqualTo(STAMP);
                assertThat(stored.firstSeq()).isEqualTo(records.get(0).seq());
                assertThat(stored.lastSeq())
                        .isEqualTo(records.get(records.size() - 1).seq());
                assertThat(contents(stored.records())).isEqualTo(contents(records));
            }
        }
    }

    /** Random bytes, which cannot be compressed, and many small headers, which take the most memory. */
    @ParameterizedTest
    @ValueSource(strings = {"none", "lz4", "zstd"})
    void readsTheLargestRecordsThatAreAccepted(String compression, @TempDir Path dir) throws Exception {
        byte[] value = new byte[WalRecord.BYTES_MAX];
        random.nextBytes(value);
        Header[] headers = new Header[WalRecord.BYTES_MAX / (WalRecord.HEADER_BYTES + 13)];
        java.util.Arrays.fill(headers, new RecordHeader("h", null));
        for (WalRecord record :
                List.of(new WalRecord(0, 0, null, value, new Header[0]), new WalRecord(0, 0, null, null, headers))) {
            Path segment = Files.write(
                    dir.resolve("segment"),
                    Utils.toArray(written(List.of(record), RecordBatches.compression(compression))));
            try (FileChannel file = FileChannel.open(segment)) {
                var stored = RecordBatches.read(file, 0, file.size());
                assertThat(contents(stored.records())).isEqualTo(contents(List.of(record)));
            }
        }
    }

    private static ByteBuffer written(List<WalRecord> records, Compression compression) throws Exception {
        var builder = new RecordBatches.Builder(records.get(0).seq(), STAMP, compression, 512);
        records.forEach(builder::append);
        return builder.build();
    }

    private static byte[] writtenByKafka(List<WalRecord> records) {
        var builder = new MemoryRecordsBuilder(
                new ByteBufferOutputStream(512),
                RecordBatch.MAGIC_VALUE_V2,
                Compression.NONE,
                TimestampType.CREATE_TIME,
                records.get(0).seq(),
                RecordBatch.NO_TIMESTAMP,
                RecordBatch.NO_PRODUCER_ID,
                RecordBatch.NO_PRODUCER_EPOCH,
                RecordBatch.NO_SEQUENCE,
                false,
                false,
                STAMP,
                Integer.MAX_VALUE);
        for (WalRecord record : records) {
            builder.appendWithOffset(
                    record.seq(),
                    record.timestampMs(),
                    Utils.wrapNullable(record.key()),
                    Utils.wrapNullable(record.value()),
                    record.headers());
        }
        return Utils.toArray(builder.build().buffer());
    }

    /** All parts of a record, in a comparable form. */
    private static List<String> contents(List<WalRecord> records) {
        int crc = 0;
        List<String> all = new ArrayList<>();
        for (WalRecord record : records) {
            crc = record.chainedCrc(crc, WalRecord.scratch());
            all.add(record.seq() + " " + record.timestampMs() + " " + crc);
        }
        return all;
    }

    private List<WalRecord> someRecords() {
        List<WalRecord> records = new ArrayList<>();
        long seq = random.nextLong(1L << 40);
        int count = 1 + random.nextInt(random.nextInt(10) == 0 ? 200 : 5);
        for (int i = 0; i < count; i++) {
            // Times also decrease, and jump.
            long timestampMs = random.nextInt(20) == 0 ? random.nextLong(1L << 50) : random.nextLong(1_000);
            Header[] headers = new Header[random.nextInt(4)];
            for (int j = 0; j < headers.length; j++) {
                headers[j] = new RecordHeader(name(), count > 5 ? null : bytes());
            }
            records.add(new WalRecord(seq++, timestampMs, bytes(), count > 5 ? null : bytes(), headers));
        }
        return records;
    }

    private String name() {
        return switch (random.nextInt(5)) {
            case 0 -> "";
            case 1 -> "größe-名前-\uD83C\uDF0A";
            case 2 -> "n".repeat(LENGTHS[random.nextInt(LENGTHS.length - 4)]);
            default -> "tidegate-source";
        };
    }

    private byte @Nullable [] bytes() {
        if (random.nextInt(6) == 0) {
            return null;
        }
        byte[] bytes = new byte[LENGTHS[random.nextInt(LENGTHS.length)]];
        random.nextBytes(bytes);
        return random.nextBoolean() ? bytes : "a".repeat(bytes.length).getBytes(StandardCharsets.US_ASCII);
    }
}
