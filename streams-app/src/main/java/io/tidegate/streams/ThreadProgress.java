package io.tidegate.streams;

import java.time.Duration;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.InvalidOffsetException;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.TimeoutException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The records that one stream thread was delivered and has processed, and the offsets that it commits.
 *
 * <p>Invariants, each checked before any commit:
 *
 * <ul>
 *   <li>An offset is committed only if every record between it and the partition's last committed offset was delivered to
 *       this thread and processed by one of its stages, in transactions that are committed or about to be.
 *   <li>A transaction is committed only with the offsets of all records that were processed in it.
 *   <li>A stage that was open when its thread's transaction was aborted processes no further records, and its thread
 *       commits nothing more.
 * </ul>
 *
 * <p>The last one ends a thread that Kafka Streams keeps alive after it aborted the transaction: it closes one task
 * dirty, for example because of a {@code TaskCorruptedException} during a rebalance of the classic protocol, while it
 * cannot commit the others. Throwing from {@code abortTransaction} would not end the thread: Kafka Streams swallows the
 * exceptions of a dirty close. A thread that lost all its tasks, or that stops, closes the stages itself, and is not
 * affected.
 *
 * <p>Not thread-safe; owned by the thread.
 */
final class ThreadProgress {
    private static final Logger LOG = LoggerFactory.getLogger(ThreadProgress.class);

    private final Continuity.Records records;
    private final Map<TopicPartition, PartitionProgress> partitions = new HashMap<>();
    private final Set<GuardedStage<?, ?>> open = new HashSet<>();
    private Map<TopicPartition, OffsetAndMetadata> committing = Map.of();
    private final CommitPace pace;
    /** The stage that processed the last record of the open transaction. */
    private @Nullable GuardedStage<?, ?> lastToProcess;

    private boolean commitIsDue;
    private boolean hasOrphans;
    /** The reason why the stages are orphans although their transaction was committed; null if there is none. */
    private @Nullable RuntimeException failureAfterCommit;

    ThreadProgress(Continuity.Records records, CommitPace pace) {
        this.records = records;
        this.pace = pace;
    }

    // Events of the consumer.

    /** Fails if the thread must not continue, and detects a position that moved unexpectedly. */
    void beforePoll(Consumer<?, ?> consumer) {
        requireNoOrphans();
        Set<TopicPartition> assigned = consumer.assignment();
        partitions.keySet().retainAll(assigned);
        for (PartitionProgress partition : partitions.values()) {
            if (partition.isPositioned()) {
                position(consumer, partition);
            }
        }
    }

    /** Notes that a task is about to receive records of these partitions. */
    void resumed(Consumer<?, ?> consumer, Collection<TopicPartition> resumed) {
        for (TopicPartition id : resumed) {
            PartitionProgress partition = of(id);
            // Without a committed offset there is no position yet, and requesting it is an error that only poll may
            // throw.
            if (!partition.isPositioned() && partition.hasCommitted()) {
                try {
                    position(consumer, partition);
                } catch (KafkaException e) {
                    LOG.debug("the first records will tell where it begins partition={}", id, e);
                }
            }
        }
    }

    private static void position(Consumer<?, ?> consumer, PartitionProgress partition) {
        long position;
        try {
            position = consumer.position(partition.id(), Duration.ZERO);
        } catch (TimeoutException | IllegalStateException | InvalidOffsetException e) {
            // It has no position at the moment; the next records will show it. Kafka Streams resets an invalid position
            // when it polls; thrown from resume, the exception would end the thread.
            return;
        }
        partition.positionIs(position);
    }

    void delivered(ConsumerRecords<byte[], byte[]> polled) {
        polled.nextOffsets().forEach((id, next) -> {
            List<ConsumerRecord<byte[], byte[]>> batch = polled.records(id);
            PartitionProgress partition = of(id);
            if (batch.isEmpty()) {
                partition.advanced(next.offset());
            } else {
                long[] offsets = new long[batch.size()];
                for (int i = 0; i < offsets.length; i++) {
                    offsets[i] = batch.get(i).offset();
                }
                partition.delivered(offsets, next.offset());
            }
        });
        commitIsDue = pace.isDue(pendingCount());
        if (commitIsDue && lastToProcess != null) {
            lastToProcess.requestCommit();
        }
    }

    private int pendingCount() {
        int count = 0;
        for (PartitionProgress partition : partitions.values()) {
            count += partition.pendingCount();
        }
        return count;
    }

    void soughtTo(TopicPartition partition, long offset) {
        of(partition).positionIs(offset);
    }

    void soughtToBeginning(Collection<TopicPartition> sought) {
        sought.forEach(partition -> of(partition).positionIsReset());
    }

    void committedAre(Map<TopicPartition, OffsetAndMetadata> offsets) {
        offsets.forEach((partition, offset) -> of(partition).committedIs(offset == null ? 0 : offset.offset()));
    }

    /** Forgets partitions that other threads may now read. */
    void lost(Collection<TopicPartition> lost) {
        lost.forEach(partitions::remove);
    }

    void retain(Collection<TopicPartition> assigned) {
        partitions.keySet().retainAll(assigned);
    }

    // Events of the stages.

    void opened(GuardedStage<?, ?> stage) {
        open.add(stage);
    }

    void closed(GuardedStage<?, ?> stage) {
        open.remove(stage);
        if (lastToProcess == stage) {
            lastToProcess = null;
        }
    }

    /**
     * Notes that a stage has processed a record. Requests a due commit, because Kafka Streams commits only when it has
     * nothing left to process, or after a while.
     */
    void processed(GuardedStage<?, ?> stage) {
        lastToProcess = stage;
        if (commitIsDue) {
            commitIsDue = false;
            stage.requestCommit();
        }
    }

    PartitionProgress of(TopicPartition id) {
        return partitions.computeIfAbsent(id, partition -> new PartitionProgress(partition, records));
    }

    // Events of the producer.

    /** @throws IllegalStateException if the commit would skip a record, or include a record without its offset */
    void requireCommittable(Map<TopicPartition, OffsetAndMetadata> offsets) {
        requireNoOrphans();
        for (PartitionProgress partition : partitions.values()) {
            if (partition.isInTransaction() && !offsets.containsKey(partition.id())) {
                throw new IllegalStateException(
                        "signals would be decided twice: the transaction has records of %s and not its offset; so the thread ends"
                                .formatted(partition.id()));
            }
        }
        offsets.forEach((id, offset) -> of(id).requireCommittable(offset.offset()));
        committing = Map.copyOf(offsets);
    }

    void transactionCommitted() {
        committing.forEach((id, offset) -> of(id).transactionCommitted(offset.offset()));
        committing = Map.of();
        lastToProcess = null;
        commitIsDue = false;
        pace.committed();
    }

    void transactionAborted() {
        committing = Map.of();
        open.forEach(GuardedStage::orphan);
        hasOrphans = true;
        partitions.values().forEach(PartitionProgress::transactionAborted);
    }

    /** Notes that work after a commit has failed: the stages process no further records, and the thread ends. */
    void failedAfterCommit(RuntimeException failure) {
        failureAfterCommit = failure;
        open.forEach(GuardedStage::orphan);
        hasOrphans = true;
    }

    private void requireNoOrphans() {
        if (hasOrphans) {
            for (GuardedStage<?, ?> stage : open) {
                if (stage.isOrphaned()) {
                    throw orphanFailure(stage);
                }
            }
            hasOrphans = false;
        }
    }

    RuntimeException orphanFailure(GuardedStage<?, ?> stage) {
        if (failureAfterCommit != null) {
            return failureAfterCommit;
        }
        return new IllegalStateException(
                ("the transaction was aborted while %s was open: its writes are lost, and it would continue after them; so the"
                                + " thread ends, and another one begins at the committed offset")
                        .formatted(stage));
    }
}
