package io.tidegate.streams;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.MockConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.streams.processor.internals.ProcessorMetadata;
import org.apache.kafka.streams.processor.internals.TopicPartitionMetadata;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** The pauses of Kafka Streams and those of the alignment, on one consumer. */
class AlignedReadsTest {
    private static final TopicPartition FAST = new TopicPartition("signals", 0);
    private static final TopicPartition SLOW = new TopicPartition("signals", 1);
    private static final TopicPartition OTHER = new TopicPartition("tenant-commands", 0);
    private static final long LATENESS_MAX_MS = 80_000;
    private static final long WINDOW_MS = 70_000;
    /** An eighth of the window: the limit rises in such steps. */
    private static final long STEP_MS = WINDOW_MS / 8;

    private static final long START_MS = 120 * STEP_MS;
    private static final Duration TIMEOUT = Duration.ofMillis(100);

    private final AtomicLong nowMs = new AtomicLong(START_MS + 10_000_000);
    private final Alignment alignment = new Alignment(List.of("signals"), LATENESS_MAX_MS, 60_000, nowMs::get);
    private final MockConsumer<byte[], byte[]> consumer = new MockConsumer<>("earliest");
    private final Readiness readiness = new Readiness(List.of("signals"));
    private final AlignedReads.Source source = new AlignedReads.Source() {
        @Override
        public ConsumerRecords<byte[], byte[]> poll(Duration timeout) {
            lastTimeout = timeout;
            return consumer.poll(timeout);
        }

        @Override
        public Set<TopicPartition> assignment() {
            return consumer.assignment();
        }

        @Override
        public void pause(Collection<TopicPartition> partitions) {
            consumer.pause(partitions);
        }

        @Override
        public void resume(Collection<TopicPartition> partitions) {
            consumer.resume(partitions);
        }

        @Override
        public void seek(TopicPartition partition, long offset) {
            consumer.seek(partition, offset);
        }
    };
    private final AlignedReads reads = new AlignedReads(alignment, readiness, source);
    private Duration lastTimeout = Duration.ZERO;
    private int commitsRequested;

    @BeforeEach
    void assign() {
        List<TopicPartition> all = List.of(FAST, SLOW, OTHER);
        consumer.assign(all);
        Map<TopicPartition, Long> beginnings = new HashMap<>();
        all.forEach(partition -> beginnings.put(partition, 0L));
        consumer.updateBeginningOffsets(beginnings);
        alignment.opened(0, () -> commitsRequested++);
        alignment.learn(limit -> {
            limit.partitions(List.of(FAST, SLOW));
            limit.end(FAST, 1_000, nowMs.get());
            limit.end(SLOW, 1_000, nowMs.get());
        });
        committed(FAST, 0, START_MS);
        committed(SLOW, 0, START_MS);
    }

    private void committed(TopicPartition partition, long offset, long timeMs) {
        String metadata = new TopicPartitionMetadata(timeMs, new ProcessorMetadata()).encode();
        alignment.committed(Map.of(partition, new OffsetAndMetadata(offset, metadata)));
    }

    /** Adds records to a partition, one for every ten seconds. */
    private void arrive(TopicPartition partition, long fromOffset, int count) {
        for (long offset = fromOffset; offset < fromOffset + count; offset++) {
            arrive(partition, offset, START_MS + 10_000 * (offset + 1));
        }
    }

    private void arrive(TopicPartition partition, long offset, long timeMs) {
        consumer.addRecord(new ConsumerRecord<>(
                partition.topic(),
                partition.partition(),
                offset,
                timeMs,
                TimestampType.LOG_APPEND_TIME,
                0,
                0,
                null,
                null,
                new RecordHeaders(),
                Optional.empty()));
    }

    private List<Long> poll(TopicPartition partition) {
        return offsets(reads.poll(TIMEOUT), partition);
    }

    private static List<Long> offsets(ConsumerRecords<byte[], byte[]> records, TopicPartition partition) {
        return records.records(partition).stream().map(ConsumerRecord::offset).toList();
    }

    /** Otherwise, the caller takes the offset of the marker for one whose record it has missed. */
    @Test
    void theCallersPositionAdvancesPastAMarkerBeforeWithheldRecords() {
        arrive(FAST, 0, 7);
        assertThat(poll(FAST)).hasSize(7);
        arrive(FAST, 8, START_MS + WINDOW_MS + 1);

        ConsumerRecords<byte[], byte[]> polled = reads.poll(TIMEOUT);

        assertThat(polled.isEmpty()).isTrue();
        assertThat(reads.position(FAST)).isEqualTo(8);
        assertThat(polled.nextOffsets().get(FAST).offset()).isEqualTo(8);
    }

    @Test
    void waitsUntilTheLimitChanges() throws Exception {
        arrive(FAST, 0, 20);
        assertThat(poll(FAST)).hasSize(7);
        long knownMs = alignment.limitMs();
        Thread waiting = new Thread(() -> alignment.awaitOtherLimit(knownMs, Duration.ofMinutes(10)));
        waiting.start();
        while (waiting.isAlive() && waiting.getState() != Thread.State.TIMED_WAITING) {
            Thread.onSpinWait();
        }

        committed(FAST, 7, START_MS + WINDOW_MS);
        committed(SLOW, 100, START_MS + 4 * STEP_MS);
        waiting.join(Duration.ofMinutes(1).toMillis());

        assertThat(waiting.isAlive()).isFalse();
        assertThat(alignment.limitMs()).isGreaterThan(knownMs);
        alignment.awaitOtherLimit(knownMs, Duration.ofMinutes(10)); // returns at once
    }

    @Test
    void aPollEndsAtTheLimitAndTheNextOneContinuesThere() {
        arrive(FAST, 0, 20);
        ConsumerRecords<byte[], byte[]> first = reads.poll(TIMEOUT);
        assertThat(offsets(first, FAST)).containsExactly(0L, 1L, 2L, 3L, 4L, 5L, 6L);
        assertThat(first.nextOffsets().get(FAST).offset()).isEqualTo(7);
        assertThat(reads.position(FAST)).isEqualTo(7);
        assertThat(consumer.paused()).containsExactly(FAST);
        assertThat(reads.paused()).isEmpty();

        assertThat(poll(FAST)).isEmpty();
        assertThat(lastTimeout)
                .as("a consumer with paused records does not wait")
                .isEqualTo(Duration.ZERO);
        committed(FAST, 7, START_MS + WINDOW_MS);
        committed(SLOW, 100, START_MS + 4 * STEP_MS);
        ConsumerRecords<byte[], byte[]> second = reads.poll(TIMEOUT);
        assertThat(offsets(second, FAST)).containsExactly(7L, 8L, 9L);
        assertThat(second.nextOffsets().get(FAST).offset()).isEqualTo(10);

        committed(FAST, 10, START_MS + 100_000);
        committed(SLOW, 200, START_MS + 300_000);
        ConsumerRecords<byte[], byte[]> third = reads.poll(TIMEOUT);
        assertThat(offsets(third, FAST)).containsExactly(10L, 11L, 12L, 13L, 14L, 15L, 16L);
        committed(FAST, 17, START_MS + 170_000);
        ConsumerRecords<byte[], byte[]> last = reads.poll(TIMEOUT);
        assertThat(offsets(last, FAST)).containsExactly(17L, 18L, 19L);
        assertThat(last.nextOffsets().get(FAST).offset()).isEqualTo(20);
        assertThat(consumer.paused()).isEmpty();
        assertThat(reads.position(FAST)).isNull();
    }

    @Test
    void theCallersResumeDoesNotEndThePauseOfTheAlignment() {
        arrive(FAST, 0, 20);
        reads.poll(TIMEOUT);
        reads.pause(List.of(FAST, SLOW));
        reads.resume(List.of(FAST, SLOW));
        assertThat(consumer.paused()).containsExactly(FAST);
        assertThat(reads.paused()).isEmpty();
        arrive(SLOW, 0, 1);
        assertThat(poll(SLOW)).containsExactly(0L);
    }

    @Test
    void withheldRecordsArriveInLargePortionsAndNotAfterEachCommitOfTheSlowest() {
        for (int offset = 0; offset < 100; offset++) {
            arrive(FAST, offset, START_MS + WINDOW_MS + STEP_MS * offset / 50);
        }
        assertThat(poll(FAST)).containsExactly(0L);
        committed(FAST, 1, START_MS + WINDOW_MS);
        committed(SLOW, 1, START_MS + STEP_MS / 2);
        assertThat(poll(FAST)).isEmpty();
        committed(SLOW, 2, START_MS + STEP_MS);
        assertThat(poll(FAST)).hasSize(50);
    }

    @Test
    void theEndOfTheAlignmentsPauseDoesNotEndTheCallers() {
        arrive(FAST, 0, 20);
        reads.poll(TIMEOUT);
        reads.pause(List.of(FAST));
        committed(FAST, 7, START_MS + 5_000_000);
        committed(SLOW, 100, START_MS + 5_000_000);
        assertThat(poll(FAST)).as("its buffer is full").isEmpty();
        assertThat(consumer.paused()).containsExactly(FAST);
        reads.resume(List.of(FAST));
        assertThat(poll(FAST)).hasSize(13);
        assertThat(consumer.paused()).isEmpty();
    }

    @Test
    void otherTopicsAreNotDelayed() {
        arrive(OTHER, 0, 100);
        assertThat(poll(OTHER)).hasSize(100);
    }

    @Test
    void theSlowestPartitionIsNeverWithheldForItself() {
        committed(FAST, 100, START_MS + 60_000);
        arrive(SLOW, 0, START_MS + 4_000_000);
        reads.poll(TIMEOUT);
        assertThat(reads.position(SLOW)).as("FAST may come to have older ones").isEqualTo(0);
        arrive(FAST, 0, START_MS + 4_001_000);
        reads.poll(TIMEOUT);
        assertThat(poll(SLOW)).as("it has none").containsExactly(0L);
    }

    @Test
    void aTimeInTheFutureDelaysNothingBehindIt() {
        arrive(FAST, 0, nowMs.get() + 1_000_000_000);
        arrive(FAST, 1, START_MS + 1_000);
        assertThat(poll(FAST)).containsExactly(0L, 1L);
    }

    @Test
    void aThreadThatWaitsCommitsOffsetsThatOthersMayWaitFor() {
        arrive(FAST, 0, 20);
        reads.poll(TIMEOUT);
        commitsRequested = 0;
        reads.poll(TIMEOUT);
        assertThat(commitsRequested).isEqualTo(1);
        committed(FAST, 7, START_MS + WINDOW_MS);
        reads.poll(TIMEOUT);
        assertThat(commitsRequested).as("there is nothing more to commit").isEqualTo(1);
    }

    @Test
    void aRebalanceGivesWithheldRecordsBack() {
        arrive(FAST, 0, 20);
        reads.poll(TIMEOUT);
        reads.beforeRebalance();
        assertThat(consumer.position(FAST)).isEqualTo(7);
        assertThat(consumer.paused()).isEmpty();
        // In the meantime another instance owned the partition and read on.
        consumer.assign(List.of(SLOW, OTHER));
        reads.afterRebalance();
        consumer.assign(List.of(FAST, SLOW, OTHER));
        consumer.seek(FAST, 15);
        reads.afterRebalance();
        for (int offset = 15; offset < 20; offset++) {
            arrive(FAST, offset, START_MS + 20_000 + offset);
        }
        assertThat(poll(FAST)).containsExactly(15L, 16L, 17L, 18L, 19L);
    }

    @Test
    void aSeekDropsWithheldRecords() {
        arrive(FAST, 0, 20);
        reads.poll(TIMEOUT);
        reads.moved(List.of(FAST));
        consumer.seek(FAST, 3);
        arrive(FAST, 3, START_MS + 3_000);
        assertThat(poll(FAST)).containsExactly(3L);
    }

    @Test
    void partitionsThatAreLostLeaveNothingBehind() {
        arrive(FAST, 0, 20);
        reads.poll(TIMEOUT);
        assertThat(alignment.withheldPartitions()).isEqualTo(1);
        reads.lost();
        assertThat(alignment.withheldPartitions()).isZero();
        assertThat(reads.position(FAST)).isNull();
    }

    @Test
    void aRecordThatIsNotReadyWaitsWithThePartitionBehindIt() {
        Set<Long> ready = new HashSet<>(Set.of(0L, 2L));
        Set<Long> asked = new HashSet<>();
        readiness.decidedBy(record -> {
            asked.add(record.offset());
            return ready.contains(record.offset());
        });
        for (long offset = 0; offset < 3; offset++) {
            arrive(FAST, offset, START_MS + offset);
            arrive(OTHER, offset, START_MS + offset);
        }

        ConsumerRecords<byte[], byte[]> first = reads.poll(TIMEOUT);
        assertThat(offsets(first, FAST)).containsExactly(0L);
        assertThat(offsets(first, OTHER)).as("another topic is not asked about").containsExactly(0L, 1L, 2L);
        assertThat(first.nextOffsets().get(FAST).offset()).isEqualTo(1);
        assertThat(reads.position(FAST)).isEqualTo(1);
        assertThat(consumer.paused()).containsExactly(FAST);
        assertThat(asked).as("later records are prepared too").contains(2L);

        arrive(SLOW, 0, START_MS);
        readiness.decidedBy(record -> record.partition() == SLOW.partition() || ready.contains(record.offset()));
        ConsumerRecords<byte[], byte[]> second = reads.poll(TIMEOUT);
        assertThat(offsets(second, SLOW)).as("other partitions continue").containsExactly(0L);
        assertThat(offsets(second, FAST)).isEmpty();

        ready.add(1L);
        ConsumerRecords<byte[], byte[]> third = reads.poll(TIMEOUT);
        assertThat(offsets(third, FAST)).containsExactly(1L, 2L);
        assertThat(third.nextOffsets().get(FAST).offset()).isEqualTo(3);
        assertThat(consumer.paused()).isEmpty();
        assertThat(reads.position(FAST)).isNull();
    }

    @Test
    void recordsThatWaitArePreparedAgainAtEachPoll() {
        Set<Long> ready = new HashSet<>();
        Set<Long> asked = new HashSet<>();
        readiness.decidedBy(record -> {
            // There is room for a hundred at a time, as in a gate of schemas.
            if (!ready.contains(record.offset()) && asked.size() < 100) {
                asked.add(record.offset());
            }
            return ready.contains(record.offset());
        });
        for (long offset = 0; offset < 300; offset++) {
            arrive(FAST, offset, START_MS + offset);
        }

        assertThat(reads.poll(TIMEOUT)).isEmpty();
        assertThat(asked).hasSize(100).contains(0L);
        ready.addAll(asked);
        ready.remove(0L);
        asked.clear();

        assertThat(reads.poll(TIMEOUT)).as("the first one still waits").isEmpty();

        assertThat(asked).hasSize(100).contains(0L, 198L);
    }

    @Test
    void recordsWaitUntilTheyAreReadyAlsoWherePartitionsAreNotAligned() {
        Set<Long> ready = new HashSet<>();
        Alignment none = Alignment.none();
        AlignedReads unaligned = new AlignedReads(none, readiness, source);
        readiness.decidedBy(record -> ready.contains(record.offset()));
        arrive(FAST, 0, START_MS);
        arrive(SLOW, 5, START_MS);

        assertThat(unaligned.poll(TIMEOUT).isEmpty()).isTrue();
        assertThat(none.limitMs()).isEqualTo(ReadLimit.EVERYTHING);
        ready.add(5L);
        assertThat(offsets(unaligned.poll(TIMEOUT), SLOW)).containsExactly(5L);
        unaligned.beforeRebalance();
        unaligned.afterRebalance();
        assertThat(consumer.position(FAST)).as("fetched again").isZero();
        assertThat(consumer.paused()).isEmpty();
        assertThat(none.limitMs()).isEqualTo(ReadLimit.EVERYTHING);
    }
}
