package io.tidegate.streams;

import java.time.Duration;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Predicate;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.jspecify.annotations.Nullable;

/**
 * Withholds the records of a consumer that are beyond the {@linkplain Alignment#limitMs limit} or not {@linkplain
 * Readiness ready}, and delivers them when the limit has risen and they are ready.
 *
 * <p>A poll returns many records of a partition at once, which may span more record time than the whole window. So the
 * limit applies within a poll: the records beyond it stay here, at most those of one poll per partition, and the
 * partition is paused in the meantime. The caller pauses partitions too. A partition is fetched only if neither has
 * paused it, and the caller sees only its own pauses and positions.
 *
 * <p>A record with a time in the future is never withheld: it could not be known when to deliver it.
 *
 * <p>Not thread-safe, like any consumer.
 */
final class AlignedReads {
    /** The interval of polls while records are withheld and none are delivered. */
    private static final Duration POLLS_WITHIN = Duration.ofMillis(5);

    /**
     * The maximum interval of the commits that announce the progress of partitions, while the limit holds back readers.
     */
    private static final long ANNOUNCES_WITHIN_MS = 500;

    /** The consumer itself. */
    interface Source {
        ConsumerRecords<byte[], byte[]> poll(Duration timeout);

        Set<TopicPartition> assignment();

        void pause(Collection<TopicPartition> partitions);

        void resume(Collection<TopicPartition> partitions);

        void seek(TopicPartition partition, long offset);
    }

    /**
     * The records that were polled and not delivered.
     *
     * @param next the consumer's next position after them
     */
    private record Withheld(
            List<ConsumerRecord<byte[], byte[]>> records,
            @Nullable OffsetAndMetadata next) {
        ConsumerRecord<byte[], byte[]> first() {
            return records.get(0);
        }
    }

    private final Alignment alignment;
    private final Readiness readiness;
    private final Source source;
    private final Map<TopicPartition, Withheld> withheld = new HashMap<>();
    private final Set<TopicPartition> pausedByCaller = new HashSet<>();
    /** Partitions whose records were read. The alignment must be informed when they are revoked. */
    private final Set<TopicPartition> read = new HashSet<>();

    private long askedToCommitMs;

    AlignedReads(Alignment alignment, Readiness readiness, Source source) {
        this.alignment = alignment;
        this.readiness = readiness;
        this.source = source;
    }

    ConsumerRecords<byte[], byte[]> poll(Duration timeout) {
        // The consumer keeps fetched records of the partitions that are paused here. As long as it has any, a poll does
        // not block: it checks them in a loop until the timeout, and uses a whole core.
        boolean waits = !withheld.isEmpty() && timeout.compareTo(POLLS_WITHIN) > 0;
        ConsumerRecords<byte[], byte[]> polled = source.poll(waits ? Duration.ZERO : timeout);
        long nowMs = alignment.nowMs();
        long limitMs = alignment.limitMs();
        boolean isFree = withheld.isEmpty() && limitMs >= nowMs && readiness.concernsNothing();
        ConsumerRecords<byte[], byte[]> delivered = isFree ? polled : withinLimit(polled, limitMs, nowMs);
        if (isFree) {
            polled.partitions().forEach(partition -> noteRead(partition, polled.records(partition)));
        }
        if (limitMs < nowMs) {
            announce(delivered.isEmpty() && !withheld.isEmpty(), nowMs);
        }
        if (waits && delivered.isEmpty()) {
            alignment.awaitOtherLimit(limitMs, POLLS_WITHIN);
        }
        return delivered;
    }

    private ConsumerRecords<byte[], byte[]> withinLimit(
            ConsumerRecords<byte[], byte[]> polled, long limitMs, long nowMs) {
        Map<TopicPartition, List<ConsumerRecord<byte[], byte[]>>> delivered = new HashMap<>();
        Map<TopicPartition, OffsetAndMetadata> next = new HashMap<>(polled.nextOffsets());
        release(limitMs, nowMs, delivered, next);
        for (TopicPartition partition : polled.partitions()) {
            List<ConsumerRecord<byte[], byte[]>> records = polled.records(partition);
            int count = countDeliverable(partition, records, limitMs, nowMs);
            if (count > 0) {
                noteRead(partition, records.subList(0, count));
            }
            if (count < records.size()) {
                source.pause(Set.of(partition));
                withhold(partition, records.subList(count, records.size()), next.remove(partition));
            }
            if (count > 0) {
                deliver(partition, records.subList(0, count), delivered, next);
            } else {
                // Only markers and aborted records may precede it: the caller's position advances past them.
                next.put(partition, positionOf(records.get(0)));
            }
        }
        return new ConsumerRecords<>(delivered, next);
    }

    /** Delivers the withheld records that the limit allows now. */
    private void release(
            long limitMs,
            long nowMs,
            Map<TopicPartition, List<ConsumerRecord<byte[], byte[]>>> delivered,
            Map<TopicPartition, OffsetAndMetadata> next) {
        for (TopicPartition partition : List.copyOf(withheld.keySet())) {
            Withheld waiting = withheld.get(partition);
            int count = pausedByCaller.contains(partition)
                    ? 0
                    : countDeliverable(partition, waiting.records(), limitMs, nowMs);
            if (count == 0) {
                prepare(partition, waiting.records());
                continue;
            }
            noteRead(partition, waiting.records().subList(0, count));
            if (count < waiting.records().size()) {
                withhold(
                        partition,
                        waiting.records().subList(count, waiting.records().size()),
                        waiting.next());
            } else {
                withheld.remove(partition);
                reportWithheld(partition, ReadLimit.NONE);
                source.resume(Set.of(partition));
                if (waiting.next() != null) {
                    next.put(partition, waiting.next());
                }
            }
            deliver(partition, waiting.records().subList(0, count), delivered, next);
        }
    }

    private void withhold(
            TopicPartition partition, List<ConsumerRecord<byte[], byte[]>> records, @Nullable OffsetAndMetadata next) {
        withheld.put(partition, new Withheld(records, next));
        reportWithheld(partition, records.get(0).timestamp());
        prepare(partition, records);
    }

    private void prepare(TopicPartition partition, List<ConsumerRecord<byte[], byte[]>> records) {
        if (readiness.concerns(partition)) {
            readiness.prepare(records);
        }
    }

    /** Informs the alignment about the first withheld record of an aligned partition, or that there is none. */
    private void reportWithheld(TopicPartition partition, long timeMs) {
        if (alignment.isAligned(partition)) {
            read.add(partition);
            alignment.withheld(partition, timeMs);
        }
    }

    /**
     * Adds records to the result. If the rest of the partition's records is withheld, the caller's next position is the
     * first of them.
     */
    private void deliver(
            TopicPartition partition,
            List<ConsumerRecord<byte[], byte[]>> records,
            Map<TopicPartition, List<ConsumerRecord<byte[], byte[]>>> delivered,
            Map<TopicPartition, OffsetAndMetadata> next) {
        delivered.put(partition, records);
        next.putIfAbsent(
                partition, new OffsetAndMetadata(records.get(records.size() - 1).offset() + 1));
        Withheld rest = withheld.get(partition);
        if (rest != null) {
            next.put(partition, positionOf(rest.first()));
        }
    }

    private static OffsetAndMetadata positionOf(ConsumerRecord<?, ?> record) {
        return new OffsetAndMetadata(record.offset(), record.leaderEpoch(), "");
    }

    private int countDeliverable(
            TopicPartition partition, List<ConsumerRecord<byte[], byte[]>> records, long limitMs, long nowMs) {
        int within = alignment.isAligned(partition) ? countWithin(records, limitMs, nowMs) : records.size();
        return readiness.concerns(partition) ? readiness.countReady(records.subList(0, within)) : within;
    }

    private static int countWithin(List<ConsumerRecord<byte[], byte[]>> records, long limitMs, long nowMs) {
        for (int i = 0; i < records.size(); i++) {
            long timeMs = records.get(i).timestamp();
            if (timeMs > limitMs && timeMs <= nowMs) {
                return i;
            }
        }
        return records.size();
    }

    /**
     * Notes delivered records as read but not committed. Must be called before withheld records after them are
     * reported.
     */
    private void noteRead(TopicPartition partition, List<ConsumerRecord<byte[], byte[]>> delivered) {
        if (alignment.isAligned(partition)) {
            read.add(partition);
            alignment.read(partition, delivered.get(delivered.size() - 1).offset() + 1);
        }
    }

    /** Requests a commit: at once if the thread is idle, else at most once per interval. */
    private void announce(boolean idle, long nowMs) {
        if (idle || nowMs - askedToCommitMs >= ANNOUNCES_WITHIN_MS) {
            askedToCommitMs = nowMs;
            alignment.commitEarly(read);
        }
    }

    void pause(Collection<TopicPartition> partitions) {
        pausedByCaller.addAll(partitions);
        source.pause(partitions);
    }

    void resume(Collection<TopicPartition> partitions) {
        pausedByCaller.removeAll(partitions);
        Set<TopicPartition> resumed = new HashSet<>(partitions);
        resumed.removeAll(withheld.keySet());
        source.resume(resumed);
    }

    /** The partitions that the caller has paused. */
    Set<TopicPartition> paused() {
        return Set.copyOf(pausedByCaller);
    }

    /** Returns the caller's next position in a partition; null if it equals the consumer's. */
    @Nullable
    Long position(TopicPartition partition) {
        Withheld waiting = withheld.get(partition);
        return waiting == null ? null : waiting.first().offset();
    }

    /** Drops the withheld records of partitions in which the caller has changed its position. */
    void moved(Collection<TopicPartition> partitions) {
        for (TopicPartition partition : partitions) {
            if (withheld.remove(partition) != null) {
                if (alignment.isAligned(partition)) {
                    alignment.left(partition);
                }
                if (!pausedByCaller.contains(partition)) {
                    source.resume(Set.of(partition));
                }
            }
        }
    }

    /**
     * Drops the withheld records before partitions are revoked: those of partitions that stay are fetched again.
     * Records that are kept while another instance owns the partition could be delivered twice, or others could be
     * skipped.
     */
    void beforeRebalance() {
        Set<TopicPartition> assigned = source.assignment();
        for (Map.Entry<TopicPartition, Withheld> waiting : withheld.entrySet()) {
            TopicPartition partition = waiting.getKey();
            if (assigned.contains(partition)) {
                source.seek(partition, waiting.getValue().first().offset());
                if (!pausedByCaller.contains(partition)) {
                    source.resume(Set.of(partition));
                }
            }
            reportWithheld(partition, ReadLimit.NONE);
        }
        withheld.clear();
    }

    /** Drops everything, because all partitions are already lost. */
    void lost() {
        pausedByCaller.clear();
        withheld.clear();
        leave(partition -> true);
    }

    /** Forgets partitions that are no longer assigned. */
    void afterRebalance() {
        Set<TopicPartition> assigned = source.assignment();
        pausedByCaller.retainAll(assigned);
        withheld.keySet().retainAll(assigned);
        leave(partition -> !assigned.contains(partition));
    }

    private void leave(Predicate<TopicPartition> which) {
        List<TopicPartition> left = read.stream().filter(which).toList();
        left.forEach(alignment::left);
        left.forEach(read::remove);
    }
}
