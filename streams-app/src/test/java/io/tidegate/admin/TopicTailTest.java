package io.tidegate.admin;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.function.Predicate;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.MockConsumer;
import org.apache.kafka.clients.consumer.OffsetAndTimestamp;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.record.TimestampType;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class TopicTailTest {
    private static final int POLLED_MAX = 7;

    /** A topic whose records can be read again from any offset. */
    private static final class Topic extends MockConsumer<byte[], byte[]> {
        private final Map<TopicPartition, List<ConsumerRecord<byte[], byte[]>>> records = new HashMap<>();
        private long read;

        Topic(int partitions) {
            super("earliest");
            for (int i = 0; i < partitions; i++) {
                records.put(new TopicPartition("q", i), new ArrayList<>());
            }
        }

        void add(int partition, long timeMs) {
            List<ConsumerRecord<byte[], byte[]>> log = records.get(new TopicPartition("q", partition));
            log.add(new ConsumerRecord<>(
                    "q",
                    partition,
                    log.size(),
                    timeMs,
                    TimestampType.CREATE_TIME,
                    -1,
                    10,
                    null,
                    new byte[10],
                    new RecordHeaders(),
                    java.util.Optional.empty()));
            ends();
        }

        private void ends() {
            Map<TopicPartition, Long> begins = new HashMap<>();
            Map<TopicPartition, Long> ends = new HashMap<>();
            records.forEach((partition, log) -> {
                begins.put(partition, 0L);
                ends.put(partition, (long) log.size());
            });
            updateBeginningOffsets(begins);
            updateEndOffsets(ends);
        }

        @Override
        public synchronized ConsumerRecords<byte[], byte[]> poll(Duration timeout) {
            Map<TopicPartition, List<ConsumerRecord<byte[], byte[]>>> found = new HashMap<>();
            for (TopicPartition partition : assignment()) {
                if (!paused().contains(partition)) {
                    List<ConsumerRecord<byte[], byte[]>> log = records.get(partition);
                    int from = (int) position(partition);
                    int to = Math.min(log.size(), from + POLLED_MAX);
                    if (from < to) {
                        found.put(partition, List.copyOf(log.subList(from, to)));
                        read += to - from;
                        seek(partition, to);
                    }
                }
            }
            return new ConsumerRecords<>(found, Map.of());
        }

        @Override
        public synchronized Map<TopicPartition, OffsetAndTimestamp> offsetsForTimes(Map<TopicPartition, Long> times) {
            Map<TopicPartition, @Nullable OffsetAndTimestamp> found = new HashMap<>();
            times.forEach((partition, time) -> found.put(
                    partition,
                    records.get(partition).stream()
                            .filter(record -> record.timestamp() >= time)
                            .findFirst()
                            .map(record -> new OffsetAndTimestamp(record.offset(), record.timestamp()))
                            .orElse(null)));
            return found;
        }

        TopicTail tail(
                @Nullable Instant since, @Nullable Instant until, Predicate<ConsumerRecord<byte[], byte[]>> wanted) {
            return new TopicTail(this, records.keySet(), since, until, wanted);
        }
    }

    private final List<Long> times = new ArrayList<>();

    private void take(ConsumerRecord<byte[], byte[]> record) {
        times.add(record.timestamp());
    }

    private static Topic topicOfFour() {
        Topic topic = new Topic(4);
        for (int i = 0; i < 400; i++) {
            topic.add(i % 4, 1_000 + i);
        }
        return topic;
    }

    @Test
    void theLastRecordsOverAllPartitionsAreHandedOnByTime() {
        topicOfFour().tail(null, null, record -> true).last(5, this::take);

        assertThat(times).containsExactly(1_395L, 1_396L, 1_397L, 1_398L, 1_399L);
    }

    @Test
    void theLastMatchingRecordsAreFoundHoweverFarBackTheyAre() {
        Topic topic = new Topic(2);
        for (int i = 0; i < 20_000; i++) {
            topic.add(0, i);
        }

        topic.tail(null, null, record -> record.timestamp() % 1_000 == 0 && record.timestamp() < 4_000)
                .last(3, this::take);

        assertThat(times).containsExactly(1_000L, 2_000L, 3_000L);
    }

    @Test
    void theLastRecordsOfALongTopicAreReadWithoutTheRest() {
        Topic topic = new Topic(1);
        for (int i = 0; i < 100_000; i++) {
            topic.add(0, i);
        }

        topic.tail(null, null, record -> true).last(10, this::take);

        assertThat(times).hasSize(10).last().isEqualTo(99_999L);
        assertThat(topic.read).isLessThan(1_000);
    }

    @Test
    void moreRecordsThanExistAreAllRecords() {
        topicOfFour().tail(null, null, record -> true).last(1_000, this::take);

        assertThat(times).hasSize(400).isSorted();
    }

    @Test
    void onlyTheRangeIsHandedOn() {
        TopicTail tail = topicOfFour().tail(Instant.ofEpochMilli(1_100), Instant.ofEpochMilli(1_104), record -> true);

        tail.all(() -> true, this::take);
        tail.last(2, this::take);

        assertThat(times).containsExactly(1_100L, 1_101L, 1_102L, 1_103L, 1_102L, 1_103L);
    }

    @Test
    void aRangeWithoutRecordsIsEmpty() {
        TopicTail tail = topicOfFour().tail(Instant.ofEpochMilli(9_000), null, record -> true);

        tail.all(() -> true, this::take);
        tail.last(2, this::take);

        assertThat(times).isEmpty();
    }

    /** Records have the times of their signals, which arrive slightly out of order. */
    @Test
    void allRecordsAreInTheOrderOfTimeThoughEachPartitionStepsBack() {
        Topic topic = new Topic(3);
        SplittableRandom random = new SplittableRandom(18);
        for (int i = 0; i < 3_000; i++) {
            // The first partition is long, the last one short.
            topic.add(Math.min(random.nextInt(3), random.nextInt(3)), 10_000L + i * 10L - random.nextInt(500));
        }

        topic.tail(null, null, record -> true).all(() -> true, this::take);

        assertThat(times).hasSize(3_000).isSorted();
    }

    @Test
    void readingStopsAfterEnoughRecords() {
        topicOfFour().tail(null, null, record -> true).all(() -> times.size() < 3, this::take);

        assertThat(times).containsExactly(1_000L, 1_001L, 1_002L);
    }

    @Test
    void followingStartsAtTheEndOfTheLastRecords() {
        Topic topic = topicOfFour();
        TopicTail tail = topic.tail(null, null, record -> true);
        tail.last(1, this::take);
        topic.add(2, 2_000);
        topic.add(0, 2_001);

        tail.follow(() -> times.size() == 3, this::take);

        assertThat(times).containsExactlyInAnyOrder(1_399L, 2_000L, 2_001L);
    }
}
