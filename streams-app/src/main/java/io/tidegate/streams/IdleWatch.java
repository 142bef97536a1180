package io.tidegate.streams;

import java.time.Duration;
import java.util.function.BooleanSupplier;

/**
 * Detects that an instance has waited for tasks for too long.
 *
 * <p>The group may have forgotten such an instance: if it joins again, it is assigned tasks. An instance that has
 * tasks, and waits for them to be restored, is left alone.
 *
 * <p>Not thread-safe.
 */
final class IdleWatch {
    private final long patienceNanos;
    private boolean waiting;
    private long sinceNanos;

    IdleWatch(Duration patience) {
        this.patienceNanos = patience.toNanos();
    }

    /**
     * Checks once. Returns true when the wait has been too long, and then again only after the same time.
     *
     * @param rebalancing whether tasks are being assigned or restored
     * @param hasTasks whether there are tasks here, in any state; called only when the time is over
     */
    boolean tooLong(boolean rebalancing, BooleanSupplier hasTasks, long nowNanos) {
        if (!rebalancing || !waiting) {
            waiting = rebalancing;
            sinceNanos = nowNanos;
            return false;
        }
        if (nowNanos - sinceNanos < patienceNanos) {
            return false;
        }
        sinceNanos = nowNanos;
        return !hasTasks.getAsBoolean();
    }
}
