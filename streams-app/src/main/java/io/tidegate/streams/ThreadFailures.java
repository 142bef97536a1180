package io.tidegate.streams;

import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;

/**
 * Counts failures of threads: whether there were too many, whether they continue, and how long the next thread must
 * wait.
 *
 * <p>One cause often fails all threads at about the same time; failures within {@link #ONE_FAILURE} are counted once.
 * Thread-safe; the time is passed in, from a monotonic clock.
 */
final class ThreadFailures {
    /** The maximum number of failures within {@link #WITHIN}; one more ends the instance. */
    public static final int MAX = 10;

    public static final Duration WITHIN = Duration.ofMinutes(5);

    /** Two failures within this time count as repeated. */
    public static final Duration LATELY = Duration.ofMinutes(1);

    private static final Duration ONE_FAILURE = Duration.ofSeconds(5);
    private static final long PAUSE_MIN_MS = 100;
    private static final long PAUSE_MAX_MS = 10_000;

    private final Deque<Long> failures = new ArrayDeque<>();
    private long lastNanos;
    private int inARow;

    /** Counts a failure; returns true if there are now too many. */
    synchronized boolean add(long nowNanos) {
        boolean isFirst = failures.isEmpty();
        inARow = isFirst || nowNanos - lastNanos > LATELY.toNanos() ? 1 : inARow + 1;
        lastNanos = nowNanos;
        if (!isFirst && nowNanos - failures.getLast() < ONE_FAILURE.toNanos()) {
            return false;
        }
        failures.addLast(nowNanos);
        while (nowNanos - failures.getFirst() > WITHIN.toNanos()) {
            failures.removeFirst();
        }
        return failures.size() > MAX;
    }

    /** Returns how long a failed thread waits before another one replaces it: longer with each consecutive failure. */
    synchronized long pauseMs() {
        int doublings = Math.min(Math.max(0, inARow - 1), 20);
        return Math.min(PAUSE_MIN_MS << doublings, PAUSE_MAX_MS);
    }

    /** Whether threads have failed repeatedly within the last minute. */
    synchronized boolean areRepeating(long nowNanos) {
        return failures.stream().filter(at -> nowNanos - at <= LATELY.toNanos()).count() > 1;
    }
}
