package io.tidegate.streams;

import java.time.Duration;
import java.util.Collection;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.apache.kafka.clients.consumer.CloseOptions;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.consumer.internals.AsyncKafkaConsumer;
import org.apache.kafka.clients.consumer.internals.StreamsRebalanceData;
import org.apache.kafka.clients.consumer.internals.StreamsRebalanceListener;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.streams.internals.ConsumerWrapper;
import org.jspecify.annotations.Nullable;

/**
 * A thread's consumer for the streams group protocol, whose partitions are {@linkplain AlignedReads aligned}.
 *
 * <p>Not thread-safe, like any consumer.
 */
public class AlignedConsumer extends ConsumerWrapper {
    private @Nullable AlignedReads reads;

    @Override
    public void wrapConsumer(
            AsyncKafkaConsumer<byte[], byte[]> delegate,
            Map<String, Object> config,
            Optional<StreamsRebalanceData> streamsRebalanceData) {
        super.wrapConsumer(delegate, config, streamsRebalanceData);
        if (config.get(Readiness.CONSUMER_KEY) instanceof Readiness readiness) {
            Alignment aligned =
                    config.get(Alignment.CONSUMER_KEY) instanceof Alignment alignment ? alignment : Alignment.none();
            reads = new AlignedReads(aligned, readiness, new AlignedReads.Source() {
                @Override
                public ConsumerRecords<byte[], byte[]> poll(Duration timeout) {
                    return delegate.poll(timeout);
                }

                @Override
                public Set<TopicPartition> assignment() {
                    return delegate.assignment();
                }

                @Override
                public void pause(Collection<TopicPartition> partitions) {
                    delegate.pause(partitions);
                }

                @Override
                public void resume(Collection<TopicPartition> partitions) {
                    delegate.resume(partitions);
                }

                @Override
                public void seek(TopicPartition partition, long offset) {
                    delegate.seek(partition, offset);
                }
            });
        }
    }

    @Override
    public void subscribe(Collection<String> topics, StreamsRebalanceListener listener) {
        AlignedReads aligned = reads;
        super.subscribe(
                topics,
                aligned == null
                        ? listener
                        : new StreamsRebalanceListener() {
                            @Override
                            public void onTasksRevoked(Set<StreamsRebalanceData.TaskId> tasks) {
                                aligned.beforeRebalance();
                                listener.onTasksRevoked(tasks);
                            }

                            @Override
                            public void onTasksAssigned(StreamsRebalanceData.Assignment assignment) {
                                aligned.afterRebalance();
                                listener.onTasksAssigned(assignment);
                            }

                            @Override
                            public void onAllTasksLost() {
                                aligned.lost();
                                listener.onAllTasksLost();
                            }
                        });
    }

    @Override
    public void unsubscribe() {
        lost();
        super.unsubscribe();
    }

    @Override
    public ConsumerRecords<byte[], byte[]> poll(Duration timeout) {
        return reads == null ? super.poll(timeout) : reads.poll(timeout);
    }

    @Override
    public Set<TopicPartition> paused() {
        return reads == null ? super.paused() : reads.paused();
    }

    @Override
    public void pause(Collection<TopicPartition> partitions) {
        if (reads == null) {
            super.pause(partitions);
        } else {
            reads.pause(partitions);
        }
    }

    @Override
    public void resume(Collection<TopicPartition> partitions) {
        if (reads == null) {
            super.resume(partitions);
        } else {
            reads.resume(partitions);
        }
    }

    @Override
    public long position(TopicPartition partition) {
        Long position = reads == null ? null : reads.position(partition);
        return position == null ? super.position(partition) : position;
    }

    @Override
    public long position(TopicPartition partition, Duration timeout) {
        Long position = reads == null ? null : reads.position(partition);
        return position == null ? super.position(partition, timeout) : position;
    }

    @Override
    public void seek(TopicPartition partition, long offset) {
        moved(Set.of(partition));
        super.seek(partition, offset);
    }

    @Override
    public void seek(TopicPartition partition, OffsetAndMetadata offset) {
        moved(Set.of(partition));
        super.seek(partition, offset);
    }

    @Override
    public void seekToBeginning(Collection<TopicPartition> partitions) {
        moved(partitions);
        super.seekToBeginning(partitions);
    }

    @Override
    public void seekToEnd(Collection<TopicPartition> partitions) {
        moved(partitions);
        super.seekToEnd(partitions);
    }

    @Override
    public void close() {
        lost();
        super.close();
    }

    @Override
    public void close(CloseOptions options) {
        lost();
        super.close(options);
    }

    private void moved(Collection<TopicPartition> partitions) {
        if (reads != null) {
            reads.moved(partitions);
        }
    }

    private void lost() {
        if (reads != null) {
            reads.lost();
        }
    }
}
