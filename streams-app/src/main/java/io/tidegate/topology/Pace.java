package io.tidegate.topology;

import java.util.function.IntSupplier;

/**
 * Keeps work that comes at intervals to a share of its thread's time: after it took long twice in a row, it is left out
 * for nine times as long as the shorter of the two, for each task that shares the thread, or for {@value #REST_MAX_MS} ms
 * where that is less. So the work of all of them takes a tenth of the time; with very many tenants more signals gather for
 * each file meanwhile, so that less is written and fsynced; and a disk that is held up once holds up nothing more. Not
 * thread-safe.
 */
final class Pace {
    static final long REST_MAX_MS = 30_000;
    private static final int REST_FACTOR = 9;

    private final IntSupplier sharing;
    private long endedMs;
    private long lastMs;
    private long restMs;

    /** @param sharing how many tasks with such work the thread has at the moment, this one included */
    Pace(IntSupplier sharing) {
        this.sharing = sharing;
    }

    /** Does the work unless it is to rest; {@code nowMs} may jump, and backwards ends the rest. */
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
