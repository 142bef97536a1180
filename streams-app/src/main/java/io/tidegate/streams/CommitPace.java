package io.tidegate.streams;

import java.util.function.LongSupplier;

/**
 * When a thread commits before Kafka Streams does it by itself: at the commit interval, unless it has much to process.
 *
 * <p>A commit takes time, and writes what has changed of every tenant. A thread that has caught up commits often, so that
 * nobody waits for what it wrote. A thread that works on a backlog loses a large part of its time to such commits, and nobody
 * gains from them; it commits at the longer interval that Kafka Streams is given.
 *
 * <p>Time comes from a monotonic clock. Not thread-safe; owned by the thread.
 */
final class CommitPace {
    /** A thread with as many records to process has a backlog: more than come during one commit in normal operation. */
    static final int BACKLOG_RECORDS = 500;

    private final long intervalNanos;
    private final LongSupplier nanos;
    private long committedNanos;

    CommitPace(long intervalNanos, LongSupplier nanos) {
        this.intervalNanos = intervalNanos;
        this.nanos = nanos;
        committedNanos = nanos.getAsLong();
    }

    /** @param pending records that were delivered to the thread and not processed */
    boolean isDue(int pending) {
        return pending < BACKLOG_RECORDS && nanos.getAsLong() - committedNanos >= intervalNanos;
    }

    void committed() {
        committedNanos = nanos.getAsLong();
    }
}
