package io.tidegate.contract;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidegate.wal.WalRecord;
import java.nio.charset.StandardCharsets;
import java.util.SplittableRandom;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.record.internal.SimpleRecord;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class RecordSizesTest {
    @Test
    void countsKeyValueAndHeaders() {
        assertThat(RecordSizes.of(null, null, new RecordHeaders())).isZero();
        assertThat(RecordSizes.of(new byte[3], new byte[5], new RecordHeaders()))
                .isEqualTo(8);
        assertThat(RecordSizes.of(null, null, new RecordHeaders().add("ab", null)))
                .isEqualTo(16);
    }

    /** Compares with Kafka's own size of a batch with this record alone. */
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
    void kafkasDefaultsLeaveTheHeadroomBelowOneMebibyte() {
        RecordSizes sizes = RecordSizes.kafkaDefaults();
        assertThat(sizes.recordBytesMax() + RecordSizes.HEADROOM_BYTES).isEqualTo(1 << 20);
        assertThat(sizes.deadLetterBytesMax()).isEqualTo(sizes.recordBytesMax());
        assertThat(TidegateHeaders.TRUNCATED_FROM.getBytes(StandardCharsets.UTF_8))
                .hasSizeLessThan(40);
    }
}
