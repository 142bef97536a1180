package io.tidegate.streams;

import java.util.function.LongSupplier;

/**
 * Decides when a thread commits earlier than Kafka Streams would: at the commit interval, unless the thread has a
 * backlog.
 *
 * <p>A commit takes time, and writes the changes of every tenant. A thread that has caught up commits often, so that
 * its output is visible soon. A thread with a backlog would lose a large part of its time to such commits without
 * benefit; it commits at the longer interval of Kafka Streams.
 *
 * <p>Time comes from a monotonic clock. Not thread-safe; owned by the thread.
 */
final class CommitPace {
    /**
     * The number of records to process that counts as a backlog: more than arrive during one commit in normal
     * operation.
     */
    static final int BACKLOG_RECORDS = 500;

    private final long intervalNanos;
    private final LongSupplier nanos;
    private long committedNanos;

    CommitPace(long intervalNanos, LongSupplier nanos) {
        this.intervalNanos = intervalNanos;
        this.nanos = nanos;
        committedNanos = nanos.getAsLong();
    }

    /** @param pending the number of records delivered to the thread and not processed */
    boolean isDue(int pending) {
        return pending < BACKLOG_RECORDS && nanos.getAsLong() - committedNanos >= intervalNanos;
    }

    void committed() {
        committedNanos = nanos.getAsLong();
    }
}
