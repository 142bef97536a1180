package io.tidegate.streams;

import java.time.Duration;

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
}
