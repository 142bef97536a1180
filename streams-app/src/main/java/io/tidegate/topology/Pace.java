package io.tidegate.topology;

import java.util.function.IntSupplier;

/**
 * Limits periodic work to a tenth of its thread's time. After two consecutive runs the work rests for nine times the
 * shorter duration, multiplied by the number of tasks with such work on the thread, up to {@value #REST_MAX_MS} ms.
 *
 * <p>So all tasks together use a tenth of the time. With very many tenants, more signals gather for each file while the
 * work rests, so fewer writes and fsyncs are needed. A single slow run causes no rest. Not thread-safe.
 */
final class Pace {
    static final long REST_MAX_MS = 30_000;
    private static final int REST_FACTOR = 9;

    private final IntSupplier sharing;
    private long endedMs;
    private long lastMs;
    private long restMs;

    /** @param sharing the number of tasks with such work on the thread, this one included */
    Pace(IntSupplier sharing) {
        this.sharing = sharing;
    }

    /** Runs the work unless it rests. {@code nowMs} may jump; a jump backwards ends the rest. */
    void run(long nowMs, Runnable work) {
        if (nowMs >= endedMs && nowMs - endedMs < restMs) {
            return;
        }
        long began = System.nanoTime();
        work.run();
        tookMs(nowMs, (System.nanoTime() - began) / 1_000_000);
    }

    void tookMs(long beganMs, long durationMs) {
        endedMs = beganMs + durationMs;
        restMs = Math.min(Math.min(durationMs, lastMs) * REST_FACTOR * sharing.getAsInt(), REST_MAX_MS);
        lastMs = durationMs;
    }
}
