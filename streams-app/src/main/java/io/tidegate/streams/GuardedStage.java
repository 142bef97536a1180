package io.tidegate.streams;

import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.processor.api.RecordMetadata;
import org.jspecify.annotations.Nullable;

/** Reports each processed record of a stage to its thread's {@link ThreadProgress}. Owned by the task's thread. */
final class GuardedStage<K, V> implements Processor<byte[], byte[], K, V> {
    private final Processor<byte[], byte[], K, V> stage;
    private final Continuity continuity;
    private ThreadProgress thread;
    private ProcessorContext<K, V> context;
    /** The partition of the last record; records arrive in runs of one topic, and a task has one partition of each. */
    private @Nullable PartitionProgress partition;

    private boolean isOrphaned;

    @SuppressWarnings("NullAway.Init") // Kafka Streams calls init before anything else
    GuardedStage(Processor<byte[], byte[], K, V> stage, Continuity continuity) {
        this.stage = stage;
        this.continuity = continuity;
    }

    @Override
    public void init(ProcessorContext<K, V> context) {
        this.context = context;
        partition = null;
        isOrphaned = false;
        thread = continuity.ofThread();
        stage.init(context);
        thread.opened(this);
    }

    @Override
    public void process(Record<byte[], byte[]> record) {
        if (isOrphaned) {
            throw thread.orphanFailure(this);
        }
        RecordMetadata metadata = context.recordMetadata().orElseThrow();
        PartitionProgress current = partition;
        if (current == null || !current.id().topic().equals(metadata.topic())) {
            current = thread.of(new TopicPartition(metadata.topic(), metadata.partition()));
            partition = current;
        }
        current.processes(metadata.offset());
        stage.process(record);
        thread.processed(this);
    }

    void requestCommit() {
        context.commit();
    }

    @Override
    public void close() {
        thread.closed(this);
        stage.close();
    }

    /** Stops the stage, because the transaction with its outputs was aborted while the stage was open. */
    void orphan() {
        isOrphaned = true;
    }

    boolean isOrphaned() {
        return isOrphaned;
    }

    @Override
    public String toString() {
        return "task " + context.taskId();
    }
}
