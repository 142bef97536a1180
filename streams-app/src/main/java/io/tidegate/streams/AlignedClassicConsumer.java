package io.tidegate.streams;

import java.time.Duration;
import java.util.Collection;
import java.util.Map;
import java.util.Set;
import org.apache.kafka.clients.consumer.CloseOptions;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/**
 * A thread's consumer for the classic group protocol, whose partitions are {@linkplain AlignedReads aligned}.
 *
 * <p>Not thread-safe, like any consumer.
 */
class AlignedClassicConsumer extends KafkaConsumer<byte[], byte[]> {
    private final AlignedReads reads;

    AlignedClassicConsumer(Map<String, Object> config, Alignment alignment, Readiness readiness) {
        super(config, new ByteArrayDeserializer(), new ByteArrayDeserializer());
        reads = new AlignedReads(alignment, readiness, new Unaligned());
    }

    @Override
    public void subscribe(Collection<String> topics, ConsumerRebalanceListener listener) {
        super.subscribe(topics, new ConsumerRebalanceListener() {
            @Override
            public void onPartitionsRevoked(Collection<TopicPartition> partitions) {
                reads.beforeRebalance();
                listener.onPartitionsRevoked(partitions);
            }

            @Override
            public void onPartitionsAssigned(Collection<TopicPartition> partitions) {
                reads.afterRebalance();
                listener.onPartitionsAssigned(partitions);
            }

            @Override
            public void onPartitionsLost(Collection<TopicPartition> partitions) {
                reads.lost();
                listener.onPartitionsLost(partitions);
            }
        });
    }

    @Override
    public void unsubscribe() {
        reads.lost();
        super.unsubscribe();
    }

    @Override
    public ConsumerRecords<byte[], byte[]> poll(Duration timeout) {
        return reads.poll(timeout);
    }

    @Override
    public Set<TopicPartition> paused() {
        return reads.paused();
    }

    @Override
    public void pause(Collection<TopicPartition> partitions) {
        reads.pause(partitions);
    }

    @Override
    public void resume(Collection<TopicPartition> partitions) {
        reads.resume(partitions);
    }

    @Override
    public long position(TopicPartition partition) {
        Long position = reads.position(partition);
        return position == null ? super.position(partition) : position;
    }

    @Override
    public long position(TopicPartition partition, Duration timeout) {
        Long position = reads.position(partition);
        return position == null ? super.position(partition, timeout) : position;
    }

    @Override
    public void seek(TopicPartition partition, long offset) {
        reads.moved(Set.of(partition));
        super.seek(partition, offset);
    }

    @Override
    public void seek(TopicPartition partition, OffsetAndMetadata offset) {
        reads.moved(Set.of(partition));
        super.seek(partition, offset);
    }

    @Override
    public void seekToBeginning(Collection<TopicPartition> partitions) {
        reads.moved(partitions);
        super.seekToBeginning(partitions);
    }

    @Override
    public void seekToEnd(Collection<TopicPartition> partitions) {
        reads.moved(partitions);
        super.seekToEnd(partitions);
    }

    @Override
    public void close() {
        reads.lost();
        super.close();
    }

    @Override
    public void close(CloseOptions options) {
        reads.lost();
        super.close(options);
    }

    /** This consumer without the alignment. */
    private final class Unaligned implements AlignedReads.Source {
        @Override
        public ConsumerRecords<byte[], byte[]> poll(Duration timeout) {
            return AlignedClassicConsumer.super.poll(timeout);
        }

        @Override
        public Set<TopicPartition> assignment() {
            return AlignedClassicConsumer.super.assignment();
        }

        @Override
        public void pause(Collection<TopicPartition> partitions) {
            AlignedClassicConsumer.super.pause(partitions);
        }

        @Override
        public void resume(Collection<TopicPartition> partitions) {
            AlignedClassicConsumer.super.resume(partitions);
        }

        @Override
        public void seek(TopicPartition partition, long offset) {
            AlignedClassicConsumer.super.seek(partition, offset);
        }
    }
}
