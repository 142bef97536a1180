package io.tidegate.topology;

/**
 * Keeps work that comes at an interval to a share of the time: after it took long, it is left out for nine times as
 * long, or for {@value #REST_MAX_MS} ms where that is less. With very many tenants this lets more signals gather for each
 * file, so that less is written. Not thread-safe.
 */
final class Pace {
    static final long REST_MAX_MS = 30_000;
    private static final int REST_FACTOR = 9;

    private long endedMs;
    private long restMs;

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
        restMs = Math.min(REST_FACTOR * durationMs, REST_MAX_MS);
    }
}
