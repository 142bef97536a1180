package io.tidegate.streams;

import java.time.Duration;
import java.util.function.BooleanSupplier;

/**
 * Notices that an instance has waited for tasks for too long.
 *
 * <p>Such an instance may be one whom the group forgot: a new member is given tasks. An instance that has tasks, and waits
 * for them to be restored, is left alone.
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
     * Looks once; true when the wait has been too long, and then again only after as long.
     *
     * @param rebalancing whether tasks are being given out or restored
     * @param hasTasks whether there are tasks here, in any state; asked only when the time is over
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
