package io.tidegate.streams;

import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.streams.processor.api.ProcessorSupplier;

/**
 * Ensures that no stage of an instance skips a record or commits one twice: it compares the records that a thread's
 * consumer delivers, those that the thread's stages process, and the offsets that the thread's producer commits.
 *
 * <p>Kafka Streams 4.3.1 has several ways in which a thread continues after its transaction was aborted, or after its
 * consumer moved past records that no task processed. Each of them ends in a commit of an offset above records without
 * a decision. {@link ThreadProgress} fails the thread before such a commit, for every stage and with both group
 * protocols; the thread that replaces it starts at the committed offset. One object per instance. Thread-safe.
 */
public final class Continuity {
    /**
     * Queries the brokers; used only if a thread's consumer has moved in an unexpected way, or a partition makes no
     * progress.
     */
    @FunctionalInterface
    public interface Records {
        /** Whether a partition has committed records from one offset up to, but not including, another. */
        boolean exist(TopicPartition partition, long from, long to);
    }

    private final Records records;
    private final ThreadLocal<ThreadProgress> ofThread;
    private final AfterCommit afterCommit;

    /** Creates an object that leaves commits to Kafka Streams. */
    public Continuity(Records records) {
        this(records, new AfterCommit(), Long.MAX_VALUE);
    }

    /**
     * @param afterCommit the work of stages after a transaction is committed
     * @param commitIntervalMs the commit interval of a thread without a backlog
     */
    public Continuity(Records records, AfterCommit afterCommit, long commitIntervalMs) {
        this(records, afterCommit, commitIntervalMs, System::nanoTime);
    }

    Continuity(Records records, AfterCommit afterCommit, long commitIntervalMs, LongSupplier nanos) {
        this.records = records;
        this.afterCommit = afterCommit;
        long intervalNanos = TimeUnit.MILLISECONDS.toNanos(commitIntervalMs);
        ofThread = ThreadLocal.withInitial(() -> new ThreadProgress(records, new CommitPace(intervalNanos, nanos)));
    }

    Records records() {
        return records;
    }

    /** The progress of the current thread; called only on stream threads. */
    ThreadProgress ofThread() {
        return ofThread.get();
    }

    /** The work of stages after their thread's transaction is committed. */
    public AfterCommit afterCommit() {
        return afterCommit;
    }

    /** Wraps a stage so that its thread fails rather than skip a record. */
    public <K, V> ProcessorSupplier<byte[], byte[], K, V> guarded(ProcessorSupplier<byte[], byte[], K, V> stage) {
        return () -> new GuardedStage<>(stage.get(), this);
    }
}
