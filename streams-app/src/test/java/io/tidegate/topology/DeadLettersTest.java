package io.tidegate.topology;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidegate.contract.RecordSizes;
import io.tidegate.contract.TidegateHeaders;
import java.util.Arrays;
import java.util.SplittableRandom;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.streams.processor.api.Record;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class DeadLettersTest {
    private static final int BYTES_MAX = 1_000;

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

    /** A record of a megabyte: dropping the headers one by one would take longer than a transaction may. */
    @Test
    @Timeout(120)
    void dropsHundredsOfThousandsOfHeadersAtOnce() {
        Headers headers = new RecordHeaders();
        for (int i = 0; i < 200_000; i++) {
            headers.add(Integer.toString(i, Character.MAX_RADIX), new byte[0]);
        }

        Record<byte[], byte[]> fitting =
                DeadLetters.fit(new Record<>(new byte[10], new byte[500], 17L, headers), BYTES_MAX);

        assertThat(fitting.headers().toArray()).hasSize(1);
        assertThat(fitting.value()).hasSize(500);
    }

    @Test
    void leavesARecordThatFits() {
        Record<byte[], byte[]> record = record(10, 990, 0);
        assertThat(DeadLetters.fit(record, BYTES_MAX)).isSameAs(record);
        assertThat(truncatedFrom(record)).isNull();
    }

    @Test
    void countsManyHeadersByTheirBytesAlone() {
        RecordHeaders headers = new RecordHeaders();
        for (int i = 0; i < 16_000; i++) {
            headers.add("h", new byte[0]);
        }
        Record<byte[], byte[]> record = new Record<>(new byte[10], new byte[500], 17L, headers);

        assertThat(DeadLetters.fit(record, 250_000)).isSameAs(record);
        assertThat(RecordSizes.of(record.key(), record.value(), headers)).isGreaterThan(1_000_000);
    }

    @Test
    void truncatesTheValueFirstAndReportsItsLength() {
        Record<byte[], byte[]> record = record(10, 5_000, 87);
        Record<byte[], byte[]> fitting = DeadLetters.fit(record, BYTES_MAX);
        assertThat(fitting.value()).isEqualTo(Arrays.copyOf(record.value(), 890));
        assertThat(fitting.key()).isEqualTo(record.key());
        assertThat(fitting.timestamp()).isEqualTo(17);
        assertThat(fitting.headers().lastHeader("h").value()).hasSize(87);
        assertThat(truncatedFrom(fitting)).isEqualTo("5000");
    }

    @Test
    void dropsKeyAndHeadersIfTruncatingTheValueIsNotEnough() {
        Record<byte[], byte[]> fitting = DeadLetters.fit(record(10, 500, 2_000), BYTES_MAX);
        assertThat(fitting.key()).isNull();
        assertThat(fitting.headers().lastHeader("h")).isNull();
        assertThat(fitting.value()).hasSize(500);
        assertThat(truncatedFrom(fitting)).isEqualTo("500");
    }

    @Test
    void dropsKeyAndHeadersAndTruncatesTheValueIfAllAreTooLarge() {
        Record<byte[], byte[]> fitting = DeadLetters.fit(record(3_000, 2_500, 2_000), BYTES_MAX);
        assertThat(fitting.key()).isNull();
        assertThat(fitting.value()).hasSize(1_000);
        assertThat(truncatedFrom(fitting)).isEqualTo("2500");
    }

    @Test
    void fitsANullValueWithAHugeKey() {
        Record<byte[], byte[]> record = new Record<>(new byte[5_000], null, 0L, new RecordHeaders());
        Record<byte[], byte[]> fitting = DeadLetters.fit(record, BYTES_MAX);
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
            Record<byte[], byte[]> fitting = DeadLetters.fit(record(keyBytes, valueBytes, headerBytes), BYTES_MAX);
            assertThat(RecordSizes.of(fitting.key(), fitting.value(), fitting.headers()))
                    .as("seed %d, step %d: %d, %d, %d bytes", seed, step, keyBytes, valueBytes, headerBytes)
                    .isLessThanOrEqualTo(1_000 + 150);
        }
    }
}
