package io.tidegate.streams;

import java.time.Duration;
import java.util.Collection;
import java.util.HashSet;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.consumer.OffsetOutOfRangeException;
import org.apache.kafka.clients.consumer.internals.AsyncKafkaConsumer;
import org.apache.kafka.clients.consumer.internals.StreamsRebalanceData;
import org.apache.kafka.clients.consumer.internals.StreamsRebalanceListener;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.ApiException;
import org.apache.kafka.common.errors.TimeoutException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A thread's consumer, which seeks to the committed offsets of new partitions before it can request them by itself.
 *
 * <p>In Kafka 4.3.1, two concurrent requests for the offsets of the same partitions end in endless recursion if a
 * request must be repeated, for example while a transaction has some pending (KAFKA-20765). Then the request is never
 * answered, and the partitions may never be read again. So no two requests are for the same partitions: each request
 * here has one more partition, which does not exist and differs each time, and the consumer has nothing left to
 * request.
 *
 * <p>Created by Kafka Streams, by reflection, with the streams group protocol only. Not thread-safe, like any consumer.
 */
public final class PositioningConsumer extends AlignedConsumer {
    private static final Logger LOG = LoggerFactory.getLogger(PositioningConsumer.class);

    private static final Duration ANSWER_WITHIN = Duration.ofSeconds(5);

    /** Transactions end earlier, even {@linkplain OpenTransactions those that the brokers forgot}. */
    private static final Duration STABLE_WITHIN = Duration.ofMinutes(2);

    /** The key under which Kafka Streams passes a {@link Continuity} on to the consumer. */
    static final String CONTINUITY = "__tidegate.continuity__";

    /** The key for {@link LostRecords}. */
    static final String LOST = "__tidegate.lost.records__";

    private final Set<TopicPartition> positioned = new HashSet<>();
    private int questions;
    private LostRecords lost;
    private Continuity continuity;

    @SuppressWarnings("NullAway.Init") // Kafka Streams calls wrapConsumer before anything else
    public PositioningConsumer() {}

    @Override
    public void wrapConsumer(
            AsyncKafkaConsumer<byte[], byte[]> consumer,
            Map<String, Object> config,
            Optional<StreamsRebalanceData> rebalanceData) {
        super.wrapConsumer(consumer, config, rebalanceData);
        continuity = (Continuity) Objects.requireNonNull(config.get(CONTINUITY), CONTINUITY);
        lost = (LostRecords) Objects.requireNonNull(config.get(LOST), LOST);
    }

    @Override
    public ConsumerRecords<byte[], byte[]> poll(Duration timeout) {
        ThreadProgress thread = continuity.ofThread();
        thread.beforePoll(this);
        try {
            ConsumerRecords<byte[], byte[]> polled = super.poll(timeout);
            thread.delivered(polled);
            return polled;
        } catch (OffsetOutOfRangeException e) {
            lost.outOfRange(delegate, e);
            throw e;
        }
    }

    @Override
    public void seek(TopicPartition partition, long offset) {
        super.seek(partition, offset);
        continuity.ofThread().soughtTo(partition, offset);
    }

    @Override
    public void seek(TopicPartition partition, OffsetAndMetadata offset) {
        super.seek(partition, offset);
        continuity.ofThread().soughtTo(partition, offset.offset());
    }

    @Override
    public void seekToBeginning(Collection<TopicPartition> partitions) {
        super.seekToBeginning(partitions);
        continuity.ofThread().soughtToBeginning(partitions);
    }

    @Override
    public void resume(Collection<TopicPartition> partitions) {
        continuity.ofThread().resumed(this, partitions);
        super.resume(partitions);
    }

    @Override
    public void subscribe(Collection<String> topics, StreamsRebalanceListener listener) {
        super.subscribe(topics, new StreamsRebalanceListener() {
            @Override
            public void onTasksRevoked(Set<StreamsRebalanceData.TaskId> tasks) {
                listener.onTasksRevoked(tasks);
            }

            @Override
            public void onTasksAssigned(StreamsRebalanceData.Assignment assignment) {
                listener.onTasksAssigned(assignment);
                continuity.ofThread().retain(delegate.assignment());
                positionNew();
            }

            @Override
            public void onAllTasksLost() {
                positioned.clear();
                listener.onAllTasksLost();
                continuity.ofThread().retain(Set.of());
            }
        });
    }

    @Override
    public void unsubscribe() {
        positioned.clear();
        super.unsubscribe();
        continuity.ofThread().retain(Set.of());
    }

    @Override
    public Map<TopicPartition, OffsetAndMetadata> committed(Set<TopicPartition> partitions) {
        return committed(partitions, ANSWER_WITHIN);
    }

    @Override
    public Map<TopicPartition, OffsetAndMetadata> committed(Set<TopicPartition> partitions, Duration timeout) {
        if (partitions.isEmpty()) {
            return Map.of();
        }
        String topic = partitions.iterator().next().topic();
        TopicPartition mark = new TopicPartition(topic, Integer.MAX_VALUE - (questions++ & 0xffff));
        Set<TopicPartition> marked = new HashSet<>(partitions);
        marked.add(mark);
        Map<TopicPartition, OffsetAndMetadata> offsets = delegate.committed(marked, timeout);
        offsets.remove(mark);
        continuity.ofThread().committedAre(offsets);
        return offsets;
    }

    private void positionNew() {
        Set<TopicPartition> assigned = delegate.assignment();
        positioned.retainAll(assigned);
        Set<TopicPartition> fresh = new HashSet<>(assigned);
        fresh.removeAll(positioned);
        if (fresh.isEmpty()) {
            return;
        }
        try {
            stableOffsets(fresh).forEach((partition, offset) -> {
                // At the very first start there is none, and the consumer starts where it is configured to.
                if (offset != null) {
                    seek(partition, offset);
                }
            });
        } catch (TimeoutException e) {
            throw e;
        } catch (ApiException e) {
            // For example, the group no longer knows this member and will revoke its tasks.
            LOG.debug("where to begin is left to the consumer partitions={}", fresh, e);
        }
        positioned.addAll(fresh);
    }

    /** Returns the committed offsets, after waiting for transactions that are about to change them. */
    private Map<TopicPartition, OffsetAndMetadata> stableOffsets(Set<TopicPartition> partitions) {
        long beganNanos = System.nanoTime();
        boolean told = false;
        while (true) {
            try {
                return committed(partitions);
            } catch (TimeoutException e) {
                if (System.nanoTime() - beganNanos > STABLE_WITHIN.toNanos()) {
                    throw e;
                }
                if (!told) {
                    LOG.warn("waiting for the committed offsets, a transaction may be open partitions={}", partitions);
                    told = true;
                }
            }
        }
    }
}
