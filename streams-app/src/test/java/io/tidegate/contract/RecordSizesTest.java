package io.tidegate.contract;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidegate.wal.WalRecord;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.SplittableRandom;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.record.internal.SimpleRecord;
import org.apache.kafka.streams.processor.api.Record;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class RecordSizesTest {
    private static final RecordSizes SIZES = new RecordSizes(1_000, 1_000);

    private static Record<byte[], byte[]> record(int keyBytes, int valueBytes, int headerBytes) {
        byte[] value = new byte[valueBytes];
        for (int i = 0; i < valueBytes; i++) {
            value[i] = (byte) i;
        }
        Headers headers = new RecordHeaders();
        if (headerBytes > 0) {
            headers.add("h", new byte[headerBytes]);
        }
        return new Record<>(new byte[keyBytes], value, 17L, headers);
    }

    private static @Nullable String truncatedFrom(Record<byte[], byte[]> record) {
        return TidegateHeaders.text(record.headers(), TidegateHeaders.TRUNCATED_FROM);
    }

    @Test
    void countsKeyValueAndHeaders() {
        assertThat(RecordSizes.of(null, null, new RecordHeaders())).isZero();
        assertThat(RecordSizes.of(new byte[3], new byte[5], new RecordHeaders()))
                .isEqualTo(8);
        assertThat(RecordSizes.of(null, null, new RecordHeaders().add("ab", null)))
                .isEqualTo(16);
    }

    /** Kafka's own count of a batch with this record alone. */
    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3})
    void isAnUpperBoundOfWhatKafkaWrites(long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        for (int step = 0; step < 500; step++) {
            byte[] key = random.nextInt(4) == 0 ? null : new byte[random.nextInt(300)];
            byte[] value = random.nextInt(4) == 0 ? null : new byte[random.nextInt(300_000)];
            Headers headers = new RecordHeaders();
            for (int count = random.nextInt(40); count > 0; count--) {
                String name = "n€é".substring(random.nextInt(3)).repeat(1 + random.nextInt(60));
                headers.add(name, random.nextInt(4) == 0 ? null : new byte[random.nextInt(200)]);
            }
            int written = MemoryRecords.withRecords(
                            Compression.NONE, new SimpleRecord(Long.MAX_VALUE, key, value, headers.toArray()))
                    .sizeInBytes();
            assertThat(RecordSizes.of(key, value, headers) + RecordSizes.HEADROOM_BYTES)
                    .as("seed %d, step %d", seed, step)
                    .isGreaterThanOrEqualTo(written);
        }
    }

    @Test
    void takesNoRecordThatTheWalCannotReadBack() {
        RecordSizes boundless = new RecordSizes(Integer.MAX_VALUE, Integer.MAX_VALUE);
        assertThat(boundless.recordBytesMax()).isLessThan(WalRecord.BYTES_MAX);
        Headers headers = new RecordHeaders();
        for (int i = 0; i < 10_000; i++) {
            headers.add("h", null);
        }
        assertThat(RecordSizes.of(null, null, headers)).isGreaterThan(9_000L * WalRecord.HEADER_BYTES);
    }

    @Test
    void leavesARecordThatFits() {
        Record<byte[], byte[]> record = record(10, 990, 0);
        assertThat(SIZES.fitDeadLetter(record)).isSameAs(record);
        assertThat(truncatedFrom(record)).isNull();
    }

    @Test
    void cutsTheValueFirstAndSaysHowLongItWas() {
        Record<byte[], byte[]> record = record(10, 5_000, 87);
        Record<byte[], byte[]> fitting = SIZES.fitDeadLetter(record);
        assertThat(fitting.value()).isEqualTo(Arrays.copyOf(record.value(), 890));
        assertThat(fitting.key()).isEqualTo(record.key());
        assertThat(fitting.timestamp()).isEqualTo(17);
        assertThat(fitting.headers().lastHeader("h").value()).hasSize(87);
        assertThat(truncatedFrom(fitting)).isEqualTo("5000");
    }

    @Test
    void dropsKeyAndHeadersWhereCuttingTheValueIsNotEnough() {
        Record<byte[], byte[]> fitting = SIZES.fitDeadLetter(record(10, 500, 2_000));
        assertThat(fitting.key()).isNull();
        assertThat(fitting.headers().lastHeader("h")).isNull();
        assertThat(fitting.value()).hasSize(500);
        assertThat(truncatedFrom(fitting)).isEqualTo("500");
    }

    @Test
    void dropsKeyAndHeadersAndCutsTheValueWhereAllAreTooLarge() {
        Record<byte[], byte[]> fitting = SIZES.fitDeadLetter(record(3_000, 2_500, 2_000));
        assertThat(fitting.key()).isNull();
        assertThat(fitting.value()).hasSize(1_000);
        assertThat(truncatedFrom(fitting)).isEqualTo("2500");
    }

    @Test
    void fitsANullValueWithAHugeKey() {
        Record<byte[], byte[]> record = new Record<>(new byte[5_000], null, 0L, new RecordHeaders());
        Record<byte[], byte[]> fitting = SIZES.fitDeadLetter(record);
        assertThat(fitting.key()).isNull();
        assertThat(fitting.value()).isNull();
        assertThat(truncatedFrom(fitting)).isEqualTo("0");
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3})
    void alwaysFitsWithItsOwnHeaderInTheHeadroom(long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        for (int step = 0; step < 2_000; step++) {
            int keyBytes = random.nextInt(2_000);
            int valueBytes = random.nextInt(3_000);
            int headerBytes = random.nextInt(2_000);
            Record<byte[], byte[]> fitting = SIZES.fitDeadLetter(record(keyBytes, valueBytes, headerBytes));
            assertThat(RecordSizes.of(fitting.key(), fitting.value(), fitting.headers()))
                    .as("seed %d, step %d: %d, %d, %d bytes", seed, step, keyBytes, valueBytes, headerBytes)
                    .isLessThanOrEqualTo(1_000 + 150);
        }
    }

    @Test
    void kafkasDefaultsLeaveTheHeadroomBelowOneMebibyte() {
        RecordSizes sizes = RecordSizes.kafkaDefaults();
        assertThat(sizes.recordBytesMax() + RecordSizes.HEADROOM_BYTES).isEqualTo(1 << 20);
        assertThat(sizes.deadLetterBytesMax()).isEqualTo(sizes.recordBytesMax());
        assertThat(TidegateHeaders.TRUNCATED_FROM.getBytes(StandardCharsets.UTF_8))
                .hasSizeLessThan(40);
    }
}
