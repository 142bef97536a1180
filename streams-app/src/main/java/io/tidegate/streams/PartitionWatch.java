package io.tidegate.streams;

import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.BiConsumer;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.ListConsumerGroupOffsetsOptions;
import org.apache.kafka.clients.admin.ListOffsetsOptions;
import org.apache.kafka.clients.admin.ListOffsetsResult;
import org.apache.kafka.clients.admin.ListOffsetsResult.ListOffsetsResultInfo;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.IsolationLevel;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.TopicPartitionInfo;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Queries the brokers for the progress of the whole group and the ends of the partitions, for the {@link Alignment}.
 *
 * <p>Once a second while no partition is behind; ten times a second while one is; and every {@value #PRESSING_MS} ms
 * while records are withheld here because of a partition that another instance reads, because this delay bounds the
 * speed of all. At most one request of each kind is in progress for the whole instance. Answers are processed as they
 * arrive: a partition without a leader delays no other.
 */
final class PartitionWatch implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(PartitionWatch.class);

    static final int PRESSING_MS = 20;
    private static final int BEHIND_MS = 100;
    private static final int RESTING_MS = 1_000;
    private static final int TICK_MS = 20;
    private static final long PARTITIONS_EVERY_MS = Duration.ofMinutes(1).toMillis();
    private static final int ANSWER_WITHIN_MS = 3_000;

    private static final long CHECKS_AGAIN_MS = 1_000;

    private final Alignment alignment;
    private final Admin admin;
    private final String group;
    private final Continuity.Records records;
    private final ScheduledExecutorService thread = Daemons.one("tidegate-alignment");
    /** For queries that block. */
    private final ScheduledExecutorService checks = Daemons.one("tidegate-alignment-records");

    private final AtomicBoolean isChecking = new AtomicBoolean();
    private final AtomicBoolean asksPartitions = new AtomicBoolean();
    private final AtomicBoolean asksCommitted = new AtomicBoolean();
    private final Set<TopicPartition> asksEnd = ConcurrentHashMap.newKeySet();
    private final Set<TopicPartition> asksFirstUnread = ConcurrentHashMap.newKeySet();
    private volatile boolean knowsPartitions;
    private long askedPartitionsMs = Long.MIN_VALUE / 2;
    private long askedCommittedMs = Long.MIN_VALUE / 2;
    private long askedEndsMs = Long.MIN_VALUE / 2;

    public PartitionWatch(Alignment alignment, Admin admin, String group, Continuity.Records records) {
        this.alignment = alignment;
        this.admin = admin;
        this.group = group;
        this.records = records;
    }

    public void start() {
        var unused = thread.scheduleWithFixedDelay(this::look, 0, TICK_MS, TimeUnit.MILLISECONDS);
    }

    @Override
    public void close() {
        thread.shutdownNow();
        checks.shutdownNow();
    }

    private void look() {
        try {
            long nowMs = alignment.nowMs();
            alignment.learn(limit -> limit.tick(nowMs));
            askPartitions(nowMs);
            askCommitted(nowMs);
            askEnds(nowMs);
            askFirstUnread(nowMs);
            checkForRecords();
        } catch (RuntimeException e) {
            LOG.debug("could not ask how far partitions have been read", e);
        }
    }

    private void askPartitions(long nowMs) {
        if (nowMs - askedPartitionsMs < (knowsPartitions ? PARTITIONS_EVERY_MS : RESTING_MS)
                || !asksPartitions.compareAndSet(false, true)) {
            return;
        }
        askedPartitionsMs = nowMs;
        answer(admin.describeTopics(alignment.topics()).allTopicNames(), (topics, failure) -> {
            asksPartitions.set(false);
            if (failure != null) {
                LOG.debug("the partitions are not known", failure);
                return;
            }
            List<TopicPartition> all = new ArrayList<>();
            topics.forEach((name, topic) -> {
                for (TopicPartitionInfo one : topic.partitions()) {
                    all.add(new TopicPartition(name, one.partition()));
                }
            });
            alignment.learn(limit -> limit.partitions(all));
            knowsPartitions = true;
        });
    }

    private void askCommitted(long nowMs) {
        long everyMs = alignment.ask(
                limit -> limit.waitsForOthers() ? PRESSING_MS : limit.isBehind() ? BEHIND_MS : RESTING_MS);
        if (!knowsPartitions || nowMs - askedCommittedMs < everyMs || !asksCommitted.compareAndSet(false, true)) {
            return;
        }
        askedCommittedMs = nowMs;
        List<TopicPartition> all = alignment.ask(limit -> List.copyOf(limit.partitions()));
        var asked = admin.listConsumerGroupOffsets(
                group, new ListConsumerGroupOffsetsOptions().timeoutMs(ANSWER_WITHIN_MS));
        answer(asked.partitionsToOffsetAndMetadata(), (offsets, failure) -> {
            asksCommitted.set(false);
            if (failure != null) {
                LOG.debug("the group's offsets are not known", failure);
                return;
            }
            Map<TopicPartition, OffsetAndMetadata> known = new HashMap<>(offsets);
            known.values().removeIf(offset -> offset == null);
            alignment.learn(limit -> all.stream()
                    .filter(partition -> !known.containsKey(partition))
                    .forEach(partition -> limit.committed(partition, ReadLimit.NONE, ReadLimit.NONE, nowMs)));
            alignment.committed(known, nowMs);
        });
    }

    private void askEnds(long nowMs) {
        // Records after the end of a derived partition are as new as the other partitions at the time of the query.
        boolean isSoon = alignment.hasDerived() && alignment.ask(ReadLimit::isBehind);
        if (!knowsPartitions || nowMs - askedEndsMs < (isSoon ? BEHIND_MS : RESTING_MS)) {
            return;
        }
        askedEndsMs = nowMs;
        long othersMs = alignment.ask(limit -> limit.othersMs(nowMs));
        Map<TopicPartition, OffsetSpec> question = new HashMap<>();
        for (TopicPartition partition : alignment.ask(limit -> List.copyOf(limit.partitions()))) {
            if (asksEnd.add(partition)) {
                question.put(partition, OffsetSpec.latest());
            }
        }
        askOffsets(question, (partition, answer) -> {
            asksEnd.remove(partition);
            if (answer == null) {
                alignment.learn(limit -> limit.unavailable(partition));
            } else {
                alignment.learn(limit -> limit.end(partition, answer.offset(), nowMs, othersMs));
            }
        });
    }

    private void askFirstUnread(long nowMs) {
        long othersMs = alignment.ask(limit -> limit.othersMs(nowMs));
        Map<TopicPartition, ReadLimit.Committed> unclear = alignment.ask(ReadLimit::unclear);
        Map<TopicPartition, OffsetSpec> question = new HashMap<>();
        unclear.forEach((partition, committed) -> {
            if (asksFirstUnread.add(partition)) {
                question.put(partition, OffsetSpec.forTimestamp(committed.timeMs() + 1));
            }
        });
        askOffsets(question, (partition, answer) -> {
            asksFirstUnread.remove(partition);
            if (answer != null) {
                ReadLimit.Committed committed = unclear.get(partition);
                // A group whose offsets were set manually has no times, and the query finds older records first.
                boolean isRead = answer.offset() >= 0 && answer.offset() < committed.offset() && committed.timeMs() < 0;
                long timeMs = isRead ? nowMs : answer.timestamp();
                alignment.learn(limit -> limit.firstUnread(partition, committed.offset(), timeMs, nowMs, othersMs));
            }
        });
    }

    /** Looks for records in partitions that make no progress. */
    private void checkForRecords() {
        Map<TopicPartition, ReadLimit.Offsets> unchecked = alignment.ask(ReadLimit::unchecked);
        if (unchecked.isEmpty() || !isChecking.compareAndSet(false, true)) {
            return;
        }
        checks.execute(() -> {
            try {
                unchecked.forEach((partition, offsets) -> {
                    boolean exist = records.exist(partition, offsets.from(), offsets.to());
                    alignment.learn(limit -> limit.checked(partition, offsets, exist));
                });
                isChecking.set(false);
            } catch (RuntimeException e) {
                LOG.debug("could not look for records in partitions that make no progress", e);
                var unused = checks.schedule(() -> isChecking.set(false), CHECKS_AGAIN_MS, TimeUnit.MILLISECONDS);
            }
        });
    }

    /** Passes on each answer as it arrives; null if there is none. */
    private void askOffsets(
            Map<TopicPartition, OffsetSpec> question, BiConsumer<TopicPartition, ListOffsetsResultInfo> receiver) {
        if (question.isEmpty()) {
            return;
        }
        // Records of an open transaction cannot be read yet, and are not waited for.
        ListOffsetsResult asked = admin.listOffsets(
                question, new ListOffsetsOptions(IsolationLevel.READ_COMMITTED).timeoutMs(ANSWER_WITHIN_MS));
        for (TopicPartition partition : question.keySet()) {
            answer(asked.partitionResult(partition), (info, failure) -> {
                if (failure != null) {
                    LOG.debug("an offset is not known partition={}", partition, failure);
                }
                receiver.accept(partition, failure == null ? info : null);
            });
        }
    }

    private static <T> void answer(KafkaFuture<T> future, KafkaFuture.BiConsumer<T, Throwable> receiver) {
        var unused = future.whenComplete(receiver);
    }
}
