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
 * Withholds the records of a consumer that lie beyond the {@linkplain Alignment#limitMs limit} or are not {@linkplain Readiness
 * ready}, and delivers them when the limit has risen and they are.
 *
 * <p>A poll returns many records of a partition at once, which may span more record time than the whole window. So the
 * limit cuts within a poll: what lies beyond it stays here, at most one poll's records of each partition, and the partition
 * is paused meanwhile. The caller pauses partitions too. A partition is fetched only if neither has paused it, and the
 * caller sees its own pauses and positions only.
 *
 * <p>A record whose time is later than now is never withheld: nobody could say when to deliver it.
 *
 * <p>Not thread-safe, like any consumer.
 */
final class AlignedReads {
    /** While records are withheld and nothing comes, how soon the consumer is polled again. */
    private static final Duration POLLS_WITHIN = Duration.ofMillis(5);

    /** While partitions are behind, commits announce how far they are at least this often. */
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
     * Records that were polled and not delivered.
     *
     * @param next where the consumer goes on after them
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
    /** Partitions of which records came, and that the alignment has to be told about when they go. */
    private final Set<TopicPartition> read = new HashSet<>();

    private long askedToCommitMs;

    AlignedReads(Alignment alignment, Readiness readiness, Source source) {
        this.alignment = alignment;
        this.readiness = readiness;
        this.source = source;
    }

    ConsumerRecords<byte[], byte[]> poll(Duration timeout) {
        // The consumer holds fetched records of the partitions that are paused here. As long as it has any, it does not
        // wait
        // in a poll: it looks at them again and again until the time is over, and takes a whole core.
        boolean waits = !withheld.isEmpty() && timeout.compareTo(POLLS_WITHIN) > 0;
        ConsumerRecords<byte[], byte[]> polled = source.poll(waits ? Duration.ZERO : timeout);
        long nowMs = alignment.nowMs();
        long limitMs = alignment.limitMs();
        boolean isFree = withheld.isEmpty() && limitMs >= nowMs && readiness.concernsNothing();
        ConsumerRecords<byte[], byte[]> delivered = isFree ? polled : withinLimit(polled, limitMs, nowMs);
        if (isFree) {
            polled.partitions().forEach(partition -> remember(partition, polled.records(partition)));
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
                remember(partition, records.subList(0, count));
            }
            if (count < records.size()) {
                source.pause(Set.of(partition));
                withhold(partition, records.subList(count, records.size()), next.remove(partition));
            }
            if (count > 0) {
                deliver(partition, records.subList(0, count), delivered, next);
            }
        }
        return new ConsumerRecords<>(delivered, next);
    }

    /** Takes what the limit allows by now of what is withheld. */
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
                continue;
            }
            remember(partition, waiting.records().subList(0, count));
            if (count < waiting.records().size()) {
                withhold(
                        partition,
                        waiting.records().subList(count, waiting.records().size()),
                        waiting.next());
            } else {
                withheld.remove(partition);
                tellWithheld(partition, ReadLimit.NONE);
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
        tellWithheld(partition, records.get(0).timestamp());
        if (readiness.concerns(partition)) {
            readiness.prepare(records);
        }
    }

    /** Others wait for the partition, or do not any more; not where partitions are not aligned. */
    private void tellWithheld(TopicPartition partition, long timeMs) {
        if (alignment.isAligned(partition)) {
            read.add(partition);
            alignment.withheld(partition, timeMs);
        }
    }

    /** Where a part of a partition's records is withheld, the caller goes on with the first of them. */
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
            next.put(
                    partition,
                    new OffsetAndMetadata(rest.first().offset(), rest.first().leaderEpoch(), ""));
        }
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

    /** Before it is said what is withheld behind these records: they are not committed. */
    private void remember(TopicPartition partition, List<ConsumerRecord<byte[], byte[]>> delivered) {
        if (alignment.isAligned(partition)) {
            read.add(partition);
            alignment.read(partition, delivered.get(delivered.size() - 1).offset() + 1);
        }
    }

    /** A thread that waits has time to commit; one that does not commits at its interval, if that is short enough. */
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

    /** The pauses of the caller. */
    Set<TopicPartition> paused() {
        return Set.copyOf(pausedByCaller);
    }

    /** Where the caller goes on in a partition; null where that is where the consumer goes on. */
    @Nullable
    Long position(TopicPartition partition) {
        Withheld waiting = withheld.get(partition);
        return waiting == null ? null : waiting.first().offset();
    }

    /** The caller goes on somewhere else. */
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
     * Gives the withheld records back before partitions are taken away: those that stay are fetched again. Records that
     * are kept while another instance has the partition would be delivered twice, or others left out.
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
            tellWithheld(partition, ReadLimit.NONE);
        }
        withheld.clear();
    }

    /** All partitions are gone already. */
    void lost() {
        pausedByCaller.clear();
        withheld.clear();
        leave(partition -> true);
    }

    /** Forgets partitions that are not assigned any more. */
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
