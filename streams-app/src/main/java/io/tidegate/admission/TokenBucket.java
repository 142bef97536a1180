package io.tidegate.admission;

import java.nio.ByteBuffer;

/**
 * A token bucket in exact integers.
 *
 * <p>The level is kept in nano-tokens, so that a refill is a product of integers: a rate of {@code r} tokens a second
 * gives {@code r} nano-tokens a nanosecond, that is {@code r × 1,000,000} a millisecond, without rounding. The largest
 * bucket (2 × the largest u32, in nano-tokens) is 8.6 × 10^18 and fits a long; before any multiplication it is checked
 * that the product stays below the bucket's size.
 *
 * <p>Example: 100/s with a burst of 200. A new bucket starts with one second of tokens, 100. 200 signals at one instant:
 * 100 pass, 100 do not, and each of these is told to come back in 10 ms (10^9 ÷ (100 × 10^6)), when exactly one more
 * passes. After two idle seconds the level is 200 and stays there.
 *
 * <p>Rate and burst are passed in with each call, so a changed config applies at once: the level carries over, cut to
 * the new size. Time is passed in too; time that goes back refills nothing. Looking ({@link #hasToken}, {@link
 * #retryAfterMs}) changes nothing; only {@link #take} does. Not thread-safe.
 */
final class TokenBucket {
    static final long NANOS_PER_TOKEN = 1_000_000_000L;
    static final int BYTES = 3 * Long.BYTES;
    private static final long NANOS_PER_MS = 1_000_000L;
    private static final long MS_PER_S = 1_000L;
    private static final long NEVER = -1;

    private long levelNanos;
    private long refilledAtMs;
    private long fullAtMs;

    /** A bucket that has not been used: it will hold one second of tokens at its first signal. */
    TokenBucket() {
        reset();
    }

    /** Forgets the level: what a tenant without a rate has. */
    void reset() {
        levelNanos = 0;
        refilledAtMs = NEVER;
        fullAtMs = NEVER;
    }

    /** Whether a token was ever taken since it was new or reset. */
    boolean isUsed() {
        return refilledAtMs != NEVER;
    }

    boolean hasToken(long ratePerSec, long burst, long nowMs) {
        return levelNanosAt(ratePerSec, burst, nowMs) >= NANOS_PER_TOKEN;
    }

    /** Takes one token. Only after {@link #hasToken} for the same arguments. */
    void take(long ratePerSec, long burst, long nowMs) {
        long level = levelNanosAt(ratePerSec, burst, nowMs);
        if (level < NANOS_PER_TOKEN) {
            throw new IllegalStateException("take without a token: level %d nano-tokens".formatted(level));
        }
        fullAtMs = fullAtMs(level, burst, nowMs);
        refilledAtMs = Math.max(refilledAtMs, nowMs);
        levelNanos = level - NANOS_PER_TOKEN;
    }

    /** Whether the bucket was full, or new, within the last burst ÷ rate seconds: then a lack of tokens is a spike. */
    boolean wasFullRecently(long ratePerSec, long burst, long nowMs) {
        long fullAt = fullAtMs(levelNanosAt(ratePerSec, burst, nowMs), burst, nowMs);
        return nowMs - fullAt <= burst * MS_PER_S / ratePerSec;
    }

    /**
     * How long until there is a token if none is taken meanwhile.
     *
     * @return milliseconds, exact, at least 1; only for {@code ratePerSec > 0}, {@code burst > 0} and an empty bucket
     */
    long retryAfterMs(long ratePerSec, long burst, long nowMs) {
        long missing = NANOS_PER_TOKEN - levelNanosAt(ratePerSec, burst, nowMs);
        long steppedBackMs = Math.max(0, refilledAtMs - nowMs);
        return steppedBackMs + ceilDiv(missing, ratePerSec * NANOS_PER_MS);
    }

    /** Whole tokens in the bucket at {@code nowMs}. */
    long tokens(long ratePerSec, long burst, long nowMs) {
        return levelNanosAt(ratePerSec, burst, nowMs) / NANOS_PER_TOKEN;
    }

    private long levelNanosAt(long ratePerSec, long burst, long nowMs) {
        long size = burst * NANOS_PER_TOKEN;
        if (refilledAtMs == NEVER) {
            return Math.min(ratePerSec * NANOS_PER_TOKEN, size);
        }
        long level = Math.min(levelNanos, size);
        long elapsedMs = nowMs - refilledAtMs;
        if (elapsedMs <= 0 || ratePerSec == 0) {
            return level;
        }
        long perMs = ratePerSec * NANOS_PER_MS;
        return elapsedMs >= ceilDiv(size - level, perMs) ? size : level + elapsedMs * perMs;
    }

    private long fullAtMs(long level, long burst, long nowMs) {
        boolean fullOrNew = level == burst * NANOS_PER_TOKEN || refilledAtMs == NEVER;
        return fullOrNew ? Math.max(fullAtMs, nowMs) : fullAtMs;
    }

    private static long ceilDiv(long dividend, long divisor) {
        return dividend / divisor + (dividend % divisor == 0 ? 0 : 1);
    }

    void write(ByteBuffer out) {
        out.putLong(levelNanos).putLong(refilledAtMs).putLong(fullAtMs);
    }

    void read(ByteBuffer in) {
        levelNanos = in.getLong();
        refilledAtMs = in.getLong();
        fullAtMs = in.getLong();
    }
}
