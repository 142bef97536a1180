package io.tidegate.streams;

import java.time.Duration;
import java.util.Collection;
import java.util.Map;
import java.util.Set;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.consumer.OffsetOutOfRangeException;
import org.apache.kafka.common.TopicPartition;

/** A thread's consumer for the classic group protocol, which reports the delivered records to {@link Continuity}. */
final class GuardedConsumer extends AlignedClassicConsumer {
    private final Continuity continuity;
    private final LostRecords lost;

    GuardedConsumer(
            Map<String, Object> config,
            Alignment alignment,
            Readiness readiness,
            Continuity continuity,
            LostRecords lost) {
        super(config, alignment, readiness);
        this.continuity = continuity;
        this.lost = lost;
    }

    @Override
    public void subscribe(Collection<String> topics, ConsumerRebalanceListener listener) {
        super.subscribe(topics, new ConsumerRebalanceListener() {
            @Override
            public void onPartitionsAssigned(Collection<TopicPartition> partitions) {
                listener.onPartitionsAssigned(partitions);
            }

            @Override
            public void onPartitionsRevoked(Collection<TopicPartition> partitions) {
                listener.onPartitionsRevoked(partitions);
                continuity.ofThread().lost(partitions);
            }

            @Override
            public void onPartitionsLost(Collection<TopicPartition> partitions) {
                listener.onPartitionsLost(partitions);
                continuity.ofThread().lost(partitions);
            }
        });
    }

    @Override
    public void unsubscribe() {
        super.unsubscribe();
        continuity.ofThread().retain(Set.of());
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
            lost.outOfRange(this, e);
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
    public Map<TopicPartition, OffsetAndMetadata> committed(Set<TopicPartition> partitions) {
        Map<TopicPartition, OffsetAndMetadata> offsets = super.committed(partitions);
        continuity.ofThread().committedAre(offsets);
        return offsets;
    }
}
