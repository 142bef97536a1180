package io.tidegate.streams;

import java.time.Duration;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.LongSupplier;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.streams.processor.internals.TopicPartitionMetadata;
import org.jspecify.annotations.Nullable;

/**
 * The state that the threads of an instance share so that no partition of {@code signals} is read too far ahead of the
 * others, in this instance and in all others of the group.
 *
 * <pre>
 *   AlignedReads, one for each consumer:  withholds records beyond {@link #limitMs}
 *   TransactionalClients' producers:      {@link #committed}, at once
 *   PartitionWatch, one for the instance: the group's commits, and the ends of partitions
 * </pre>
 *
 * <p>The offsets that Kafka Streams commits carry the partition's time in their metadata. So the group's offsets
 * announce the progress of each instance to the others, and nothing else has to be written. Thread-safe.
 */
public final class Alignment {
    /** The key in a consumer's config. */
    static final String CONSUMER_KEY = "tidegate.alignment";

    /** The key in the config of Kafka Streams. */
    public static final String KEY = "main.consumer." + CONSUMER_KEY;

    /** An eighth of the allowed skew is reserved for clocks that differ and for times that step back. */
    private static final int MARGIN_SHARE = 8;

    /**
     * The limit rises in steps of this share of the window. A waiting partition then continues with many records at
     * once, and not with a few after each commit of the slowest: a commit of few records costs as much as one of many.
     */
    private static final int STEPS = 8;

    private final Set<String> topics;
    private final boolean hasDerived;
    private final LongSupplier clockMs;
    private final ReadLimit limit;
    private final long stepMs;
    private final Map<Integer, Runnable> commitRequests = new ConcurrentHashMap<>();
    private volatile long limitMs = ReadLimit.NOTHING;

    /**
     * @param topics the topics whose partitions are aligned
     * @param latenessMaxMs the maximum distance, in record time, between the partitions as they are read
     * @param waitMaxMs the maximum time to wait for a partition that does not progress
     * @param clockMs the wall clock
     */
    public Alignment(Collection<String> topics, long latenessMaxMs, long waitMaxMs, LongSupplier clockMs) {
        this(topics, null, latenessMaxMs, waitMaxMs, clockMs);
    }

    /** @param derived a topic to which the signals of the others are written, and which is read together with them */
    public Alignment(
            Collection<String> others,
            @Nullable String derived,
            long latenessMaxMs,
            long waitMaxMs,
            LongSupplier clockMs) {
        Set<String> all = new HashSet<>(others);
        if (derived != null) {
            all.add(derived);
        }
        topics = Set.copyOf(all);
        hasDerived = derived != null;
        this.clockMs = clockMs;
        long windowMs = latenessMaxMs - latenessMaxMs / MARGIN_SHARE;
        stepMs = Math.max(1, (hasDerived ? windowMs / 2 : windowMs) / STEPS);
        limit = new ReadLimit(
                windowMs,
                waitMaxMs,
                derived == null ? null : partition -> partition.topic().equals(derived));
    }

    /** Returns an alignment that does nothing: each partition is read as fast as possible. */
    public static Alignment none() {
        Alignment none = new Alignment(List.of(), 0, 0, System::currentTimeMillis);
        none.limitMs = ReadLimit.EVERYTHING;
        return none;
    }

    /** Returns the alignment in a config of Kafka Streams; null if partitions are not aligned. */
    public static @Nullable Alignment of(Map<String, ?> config) {
        return (Alignment) config.get(KEY);
    }

    /** Registers a task that reads partitions with this number, so that it can be asked to commit early. */
    public void opened(int partition, Runnable requestCommit) {
        commitRequests.put(partition, requestCommit);
    }

    /** Removes a closed task. */
    public void closed(int partition, Runnable requestCommit) {
        commitRequests.remove(partition, requestCommit);
    }

    /** Returns the progress of the partitions, for the whole group as far as it is known here. */
    public synchronized List<Progress> progress() {
        return limit.status().stream()
                .map(one -> new Progress(
                        one.partition(),
                        one.behindMs(),
                        one.ignored() == null ? null : one.ignored().name().toLowerCase(Locale.ROOT)))
                .toList();
    }

    /** Returns the number of partitions whose records are withheld here. */
    public synchronized long withheldPartitions() {
        return limit.withheldCount();
    }

    /**
     * The progress of one partition.
     *
     * @param behindMs how much newer the newest committed record of any partition is
     * @param ignored the reason why no other partition waits for this one; null if others wait for it, or if all of it
     *     is read
     */
    public record Progress(
            TopicPartition partition,
            long behindMs,
            @Nullable String ignored) {}

    Set<String> topics() {
        return topics;
    }

    boolean hasDerived() {
        return hasDerived;
    }

    boolean isAligned(TopicPartition partition) {
        return topics.contains(partition.topic());
    }

    long nowMs() {
        return clockMs.getAsLong();
    }

    long limitMs() {
        return limitMs;
    }

    /**
     * Waits until the limit differs from {@code knownMs}, up to a maximum time. An interrupt ends the wait and stays
     * set.
     */
    synchronized void awaitOtherLimit(long knownMs, Duration atMost) {
        long deadline = System.nanoTime() + atMost.toNanos();
        try {
            for (long left = atMost.toNanos(); limitMs == knownMs && left > 0; left = deadline - System.nanoTime()) {
                TimeUnit.NANOSECONDS.timedWait(this, left);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** Notes the offsets of a transaction that was committed here. */
    public void committed(Map<TopicPartition, OffsetAndMetadata> offsets) {
        committed(offsets, nowMs());
    }

    /** @param askedMs the time at which the offsets were requested */
    synchronized void committed(Map<TopicPartition, OffsetAndMetadata> offsets, long askedMs) {
        offsets.forEach((partition, offset) -> {
            if (isAligned(partition)) {
                limit.committed(partition, offset.offset(), timeIn(offset), askedMs);
            }
        });
        update();
    }

    private static long timeIn(OffsetAndMetadata offset) {
        return offset.metadata().isEmpty()
                ? ReadLimit.NONE
                : TopicPartitionMetadata.decode(offset.metadata()).partitionTime();
    }

    synchronized void read(TopicPartition partition, long nextOffset) {
        limit.read(partition, nextOffset);
    }

    synchronized void withheld(TopicPartition partition, long timeMs) {
        limit.withheld(partition, timeMs);
        update();
    }

    synchronized void left(TopicPartition partition) {
        limit.left(partition);
        update();
    }

    /** Returns the offset up to which a partition has no unread record, given the group's committed offset. */
    synchronized long readUpTo(TopicPartition partition, long committed) {
        return limit.readUpTo(partition, committed);
    }

    /** Requests commits of the partitions that others may wait for. */
    void commitEarly(Collection<TopicPartition> partitions) {
        for (TopicPartition partition : partitions) {
            Runnable request = commitRequests.get(partition.partition());
            if (request != null && isWorthACommit(partition)) {
                request.run();
            }
        }
    }

    private synchronized boolean isWorthACommit(TopicPartition partition) {
        return limit.isWorthACommit(partition);
    }

    /** Updates several observations in one step. */
    synchronized void learn(Consumer<ReadLimit> change) {
        change.accept(limit);
        update();
    }

    synchronized <T> T ask(Function<ReadLimit, T> question) {
        return question.apply(limit);
    }

    private void update() {
        long exactMs = limit.limitMs(nowMs());
        boolean isTime = exactMs != ReadLimit.NOTHING && exactMs != ReadLimit.EVERYTHING;
        long newMs = isTime ? Math.floorDiv(exactMs, stepMs) * stepMs : exactMs;
        if (newMs != limitMs) {
            limitMs = newMs;
            notifyAll();
        }
    }
}
