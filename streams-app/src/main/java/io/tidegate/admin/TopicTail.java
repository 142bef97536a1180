package io.tidegate.admin;

import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.PriorityQueue;
import java.util.function.BooleanSupplier;
import java.util.function.Predicate;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.OffsetAndTimestamp;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.WakeupException;
import org.jspecify.annotations.Nullable;

/**
 * Selects records of topics by time and content: the last ones, or all, in the order of time over all partitions; then those
 * that arrive.
 *
 * <p>A partition is almost in the order of time: a record carries the time of the signal, not of the write. Sorting everything
 * would take unbounded memory, so records are merged over the partitions and then sorted within a window of records and bytes.
 *
 * <p>Not thread-safe.
 */
public final class TopicTail {
    private static final Comparator<ConsumerRecord<byte[], byte[]>> BY_TIME =
            Comparator.<ConsumerRecord<byte[], byte[]>>comparingLong(ConsumerRecord::timestamp)
                    .thenComparing(ConsumerRecord::topic)
                    .thenComparingInt(ConsumerRecord::partition)
                    .thenComparingLong(ConsumerRecord::offset);
    private static final Duration POLL = Duration.ofMillis(200);
    private static final Duration SILENCE_MAX = Duration.ofSeconds(60);
    private static final int WINDOW_RECORDS_MAX = 10_000;
    private static final long WINDOW_BYTES_MAX = 32L * 1024 * 1024;

    /** How many offsets {@link #last} looks back at first, and the factor by which it widens the range. */
    private static final long SPAN_MIN = 500;

    private static final int WIDER = 4;

    private final Consumer<byte[], byte[]> consumer;
    private final Collection<TopicPartition> partitions;
    private final @Nullable Instant since;
    private final @Nullable Instant until;
    private final Predicate<ConsumerRecord<byte[], byte[]>> wanted;
    private final Map<TopicPartition, Long> ends;

    /**
     * Selects among the existing records.
     *
     * @param consumer will be assigned other partitions and positions
     * @param since the earliest time, inclusive; null = the first record
     * @param until the latest time, exclusive; null = the last record
     */
    TopicTail(
            Consumer<byte[], byte[]> consumer,
            Collection<TopicPartition> partitions,
            @Nullable Instant since,
            @Nullable Instant until,
            Predicate<ConsumerRecord<byte[], byte[]>> wanted) {
        this.consumer = consumer;
        this.partitions = List.copyOf(partitions);
        this.since = since;
        this.until = until;
        this.wanted = wanted;
        ends = consumer.endOffsets(this.partitions);
    }

    private boolean isWanted(ConsumerRecord<byte[], byte[]> record) {
        return (since == null || record.timestamp() >= since.toEpochMilli())
                && (until == null || record.timestamp() < until.toEpochMilli())
                && wanted.test(record);
    }

    /** Returns where the first record of the range can be, in each partition. */
    private Map<TopicPartition, Long> begins() {
        Map<TopicPartition, Long> begins = new HashMap<>(consumer.beginningOffsets(partitions));
        if (since != null) {
            Map<TopicPartition, Long> times = new HashMap<>();
            partitions.forEach(partition -> times.put(partition, Math.max(0, since.toEpochMilli())));
            Map<TopicPartition, @Nullable OffsetAndTimestamp> found = consumer.offsetsForTimes(times);
            partitions.forEach(partition -> {
                OffsetAndTimestamp first = found.get(partition);
                begins.put(partition, first == null ? ends.get(partition) : first.offset());
            });
        }
        return begins;
    }

    /** Passes on the newest {@code max} wanted records, oldest first. Reads no further back than necessary. */
    public void last(int max, java.util.function.Consumer<ConsumerRecord<byte[], byte[]>> each) {
        Map<TopicPartition, Long> begins = begins();
        PriorityQueue<ConsumerRecord<byte[], byte[]>> newest = new PriorityQueue<>(BY_TIME);
        for (TopicPartition partition : partitions) {
            newest.addAll(last(partition, begins.get(partition), ends.get(partition), max));
            while (newest.size() > max) {
                newest.remove();
            }
        }
        while (!newest.isEmpty()) {
            each.accept(newest.remove());
        }
    }

    private Collection<ConsumerRecord<byte[], byte[]>> last(TopicPartition partition, long begin, long end, int max) {
        Deque<ConsumerRecord<byte[], byte[]>> found = new ArrayDeque<>();
        consumer.assign(List.of(partition));
        for (long span = Math.max(max, SPAN_MIN); ; span *= WIDER) {
            long from = Math.max(begin, end - span);
            found.clear();
            consumer.seek(partition, from);
            SilenceDetector silence = new SilenceDetector(List.of(partition));
            while (consumer.position(partition) < end) {
                ConsumerRecords<byte[], byte[]> records = consumer.poll(POLL);
                silence.check(!records.isEmpty());
                for (ConsumerRecord<byte[], byte[]> record : records) {
                    if (record.offset() < end && isWanted(record)) {
                        found.add(record);
                        if (found.size() > max) {
                            found.remove();
                        }
                    }
                }
            }
            if (found.size() == max || from <= begin) {
                return found;
            }
        }
    }

    /** Passes on all wanted records, by time, as long as {@code shouldContinue} returns true. */
    public void all(BooleanSupplier shouldContinue, java.util.function.Consumer<ConsumerRecord<byte[], byte[]>> each) {
        Map<TopicPartition, Long> begins = begins();
        consumer.assign(partitions);
        partitions.forEach(partition -> consumer.seek(partition, begins.get(partition)));
        Window window = new Window(shouldContinue, each);
        Map<TopicPartition, Deque<ConsumerRecord<byte[], byte[]>>> ready = new HashMap<>();
        partitions.forEach(partition -> ready.put(partition, new ArrayDeque<>()));
        SilenceDetector silence = new SilenceDetector(partitions);
        while (shouldContinue.getAsBoolean()) {
            List<TopicPartition> needed = new ArrayList<>();
            for (TopicPartition partition : partitions) {
                if (ready.get(partition).isEmpty() && consumer.position(partition) < ends.get(partition)) {
                    needed.add(partition);
                }
            }
            if (needed.isEmpty()) {
                Deque<ConsumerRecord<byte[], byte[]>> oldest = oldest(ready.values());
                if (oldest == null) {
                    break;
                }
                window.add(oldest.remove());
                continue;
            }
            consumer.pause(partitions);
            consumer.resume(needed);
            ConsumerRecords<byte[], byte[]> records = consumer.poll(POLL);
            silence.check(!records.isEmpty());
            for (ConsumerRecord<byte[], byte[]> record : records) {
                TopicPartition partition = new TopicPartition(record.topic(), record.partition());
                if (record.offset() < ends.get(partition) && isWanted(record)) {
                    ready.get(partition).add(record);
                }
            }
        }
        consumer.resume(consumer.paused());
        window.flush();
    }

    private static @Nullable Deque<ConsumerRecord<byte[], byte[]>> oldest(
            Collection<Deque<ConsumerRecord<byte[], byte[]>>> sequences) {
        Deque<ConsumerRecord<byte[], byte[]>> oldest = null;
        for (Deque<ConsumerRecord<byte[], byte[]>> one : sequences) {
            if (!one.isEmpty() && (oldest == null || BY_TIME.compare(one.peek(), oldest.peek()) < 0)) {
                oldest = one;
            }
        }
        return oldest;
    }

    /**
     * Passes on the wanted records that arrive after this object was created, until {@code done}, which is called between
     * polls, returns true.
     */
    public void follow(BooleanSupplier done, java.util.function.Consumer<ConsumerRecord<byte[], byte[]>> each) {
        consumer.assign(partitions);
        partitions.forEach(partition -> consumer.seek(partition, ends.get(partition)));
        BrokerContact contact = new BrokerContact(consumer, partitions, System::nanoTime);
        try {
            while (!done.getAsBoolean()) {
                ConsumerRecords<byte[], byte[]> records = consumer.poll(POLL);
                contact.polled(!records.isEmpty());
                for (ConsumerRecord<byte[], byte[]> record : records) {
                    if (!done.getAsBoolean() && isWanted(record)) {
                        each.accept(record);
                    }
                }
            }
        } catch (WakeupException e) {
            // asked to stop
        }
    }

    /** Sorts records that are almost sorted. */
    private static final class Window {
        private final PriorityQueue<ConsumerRecord<byte[], byte[]>> records = new PriorityQueue<>(BY_TIME);
        private final BooleanSupplier shouldContinue;
        private final java.util.function.Consumer<ConsumerRecord<byte[], byte[]>> each;
        private long bytes;

        Window(BooleanSupplier shouldContinue, java.util.function.Consumer<ConsumerRecord<byte[], byte[]>> each) {
            this.shouldContinue = shouldContinue;
            this.each = each;
        }

        void add(ConsumerRecord<byte[], byte[]> record) {
            records.add(record);
            bytes += size(record);
            while (records.size() > WINDOW_RECORDS_MAX || (bytes > WINDOW_BYTES_MAX && records.size() > 1)) {
                take();
            }
        }

        void flush() {
            while (!records.isEmpty() && shouldContinue.getAsBoolean()) {
                take();
            }
        }

        private void take() {
            ConsumerRecord<byte[], byte[]> record = records.remove();
            bytes -= size(record);
            if (shouldContinue.getAsBoolean()) {
                each.accept(record);
            }
        }

        private static long size(ConsumerRecord<byte[], byte[]> record) {
            return (long) Math.max(0, record.serializedKeySize()) + Math.max(0, record.serializedValueSize());
        }
    }

    /** Fails if nothing arrives for long: a consumer waits indefinitely for a lost broker. */
    private static final class SilenceDetector {
        private final Collection<TopicPartition> partitions;
        private long sinceNanos = System.nanoTime();

        SilenceDetector(Collection<TopicPartition> partitions) {
            this.partitions = partitions;
        }

        void check(boolean arrived) {
            long now = System.nanoTime();
            if (arrived) {
                sinceNanos = now;
            } else if (now - sinceNanos > SILENCE_MAX.toNanos()) {
                throw new AdminException("no record of %s arrived for %d s: is the broker up?"
                        .formatted(partitions, SILENCE_MAX.toSeconds()));
            }
        }
    }
}
