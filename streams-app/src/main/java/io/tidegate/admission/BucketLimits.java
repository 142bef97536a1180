package io.tidegate.admission;

/**
 * Rate and size of a {@link TokenBucket}, in thousandths of a token.
 *
 * <p>A rate of r tokens a second refills r thousandths per millisecond, so a refill is an exact product of integers.
 * Every product is guarded: a refill that would overflow fills the bucket.
 */
final class BucketLimits {
    /** A token. */
    static final long TOKEN = 1_000;

    /** The largest rate and burst; larger ones are treated as equal to it. */
    static final long TOKENS_MAX = Long.MAX_VALUE / 4 / TOKEN;

    /** Above every level; half of it can be added twice. */
    private static final long LEVEL_MAX = Long.MAX_VALUE / 4;

    final long ratePerSec;
    final long burst;

    /** Whether one take can exceed one second of tokens. */
    private final boolean weighted;

    /** The level of a full bucket. */
    final long size;

    /** From this many ms on, a refill fills every bucket. */
    private final long overflowMs;

    BucketLimits(long ratePerSec, long burst, boolean weighted) {
        this.weighted = weighted;
        this.ratePerSec = ratePerSec;
        this.burst = burst;
        size = thousandths(burst);
        overflowMs = ratePerSec == 0 ? Long.MAX_VALUE : LEVEL_MAX / ratePerSec;
    }

    boolean are(long otherRatePerSec, long otherBurst) {
        return ratePerSec == otherRatePerSec && burst == otherBurst;
    }

    /** The level of a new bucket: one second of tokens. */
    long start() {
        return Math.min(thousandths(ratePerSec), size);
    }

    /**
     * Returns the level of a new bucket before its first take. A weighted bucket has enough for that one: an unused
     * bucket is not refilled, so a signal that needs more than one second of tokens could never pass.
     */
    long first(long level, long cost) {
        return weighted ? Math.max(level, Math.min(cost, size)) : level;
    }

    /** Returns the level after a time without acceptances. */
    long refilled(long level, long elapsedMs) {
        return elapsedMs >= overflowMs ? size : Math.min(level + elapsedMs * ratePerSec, size);
    }

    /** Returns the time of a refill from one level to a higher one, in ms, rounded up. */
    long refillMs(long from, long to) {
        long missing = to - from;
        return missing / ratePerSec + (missing % ratePerSec == 0 ? 0 : 1);
    }

    static long thousandths(long tokens) {
        return tokens > LEVEL_MAX / TOKEN ? LEVEL_MAX : tokens * TOKEN;
    }
}
