package io.tidegate.streams;

import java.time.Duration;
import org.apache.kafka.common.errors.TimeoutException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Keeps the replacement of failed threads apart from the removal of idle ones.
 *
 * <p>{@code KafkaStreams.removeStreamThread} holds a lock while it waits for the removed thread to end, possibly without a bound. A failing
 * thread needs that lock to be replaced, and ends only afterwards. So a thread that fails while it is being removed would
 * block both for good. Idle threads are therefore removed only if no thread has failed for a while, and a thread that fails
 * meanwhile must not be replaced.
 *
 * <p>Thread-safe; the time is passed in, from a monotonic clock.
 */
final class ThreadReplacement {
    private static final Logger LOG = LoggerFactory.getLogger(ThreadReplacement.class);

    /** The stream threads of an instance. */
    interface Threads {
        /** Returns the number of threads that have not ended and were not removed. */
        int live();

        /** @throws TimeoutException if the removed thread has not ended yet; it ends later */
        void remove();

        void add();
    }

    /** Longer than a failed thread takes from the end of its handler to its replacement. */
    static final Duration QUIET = ThreadFailures.LATELY;

    private int failing;
    private boolean removing;
    private boolean hasFailed;
    private long failedNanos;

    /** Begins the removal of idle threads; returns false if a thread fails now or has failed lately. */
    synchronized boolean removalBegins(long nowNanos) {
        if (failing > 0 || (hasFailed && nowNanos - failedNanos < QUIET.toNanos())) {
            return false;
        }
        removing = true;
        return true;
    }

    synchronized void removalEnds() {
        removing = false;
    }

    /** Begins the handling of a failure; returns whether the thread may be replaced. */
    synchronized boolean failureBegins() {
        failing++;
        return !removing;
    }

    synchronized void failureEnds(long nowNanos) {
        failing--;
        hasFailed = true;
        failedNanos = nowNanos;
    }

    /**
     * Replaces all live threads, and adds the missing ones. A thread that does not end in time has a successor meanwhile; it
     * may be removed again instead of another one, which then stays.
     */
    static void replaceAll(Threads threads, int wanted) {
        int live = threads.live();
        for (int i = 0; i < live; i++) {
            try {
                threads.remove();
            } catch (TimeoutException e) {
                LOG.warn("a thread takes long to end, its successor starts meanwhile", e);
            } finally {
                addMissing(threads, wanted);
            }
        }
        addMissing(threads, wanted);
    }

    private static void addMissing(Threads threads, int wanted) {
        for (int missing = wanted - threads.live(); missing > 0; missing--) {
            threads.add();
        }
    }
}
