package io.tidegate.admission;

import static io.tidegate.admission.AcceptedRun.NEVER;
import static io.tidegate.admission.BucketLimits.TOKEN;

import java.nio.ByteBuffer;
import java.util.function.BiConsumer;
import org.jspecify.annotations.Nullable;

/**
 * A token bucket in exact integers, whose answers do not depend on the order in which signals are read.
 *
 * <p>The level is kept in thousandths of a token ({@link BucketLimits}). In the order of time, this is an ordinary token bucket:
 * a level, the time at which it held, and a refill. A signal that is older than the newest acceptance is judged by the {@link
 * AcceptedHistory}: at its own time, and by what it takes away from later acceptances.
 *
 * <p>Example: 100/s with a burst of 200. A new bucket starts with one second of tokens, 100. 200 signals at one instant:
 * 100 pass, 100 do not, and each of these can come again in 10 ms (1,000 ÷ 100), when exactly one more passes. After two idle seconds
 * the level is 200 and stays there. A signal of the first second that is read only now passes if 100 were not yet taken in it.
 *
 * <p>Time is passed in. {@link #adopt} takes over changed limits: the level carries over, capped at the new size. Looking ({@link
 * #has}, {@link #retryAfterMs}) changes nothing; only {@link #take} does. Not thread-safe.
 */
final class TokenBucket {
    static final int BYTES = 3 * Long.BYTES;

    /** Size of the {@linkplain #writeHistory stored head} of the history. */
    static final int HISTORY_BYTES = 2 * Long.BYTES + AcceptedHistory.HEAD_BYTES;

    private static final long NANOS_PER_THOUSANDTH = 1_000_000L;
    private static final long MS_PER_S = 1_000L;
    private static final BucketLimits NONE = new BucketLimits(0, 0, false);

    private final AcceptedHistory history = new AcceptedHistory();
    private final boolean weighted;
    private BucketLimits limits = NONE;
    private int runsToLoad;
    private boolean historyIsStale;
    private long fullAtMsUntilLoaded = NEVER;

    /** A bucket of which each taking takes one token. */
    TokenBucket() {
        this(false);
    }

    /** @param weighted whether a taking can take more tokens than the rate has in a second, as bytes of a large signal */
    TokenBucket(boolean weighted) {
        this.weighted = weighted;
    }

    /** Forgets everything: what a tenant without a rate has. */
    void reset() {
        if (isUsed()) {
            // A copy to try limits on is read without its history.
            runsToLoad = 0;
            history.clear();
            limits = NONE;
        }
    }

    /** Whether a token was ever taken since it was new or reset. */
    boolean isUsed() {
        return history.endMs() != NEVER;
    }

    /** Takes over limits, if they changed; neither is 0. Must come before each look and each take. */
    void adopt(long ratePerSec, long burst) {
        if (!limits.are(ratePerSec, burst)) {
            requireLoaded();
            limits = new BucketLimits(ratePerSec, burst, weighted);
            if (isUsed()) {
                history.rebase(limits, Math.min(history.endLevel(), limits.size));
            }
        }
    }

    /** Whether tokens can be taken at a time. */
    boolean has(long tokens, long nowMs) {
        long cost = tokens * TOKEN;
        return nowMs >= history.endMs() ? levelAt(nowMs, cost) >= cost : history.allows(limits, nowMs, cost);
    }

    /**
     * Takes tokens. Only after {@link #has} said so for the same arguments: for a late signal, this is not checked again.
     *
     * @param bounds for how long and for how many acceptances late signals can be judged exactly
     * @return whether the history gave up acceptances that were not old enough, because it was full
     */
    boolean take(int tokens, long nowMs, HistoryBounds bounds) {
        requireLoaded();
        if (nowMs >= history.endMs()) {
            long level = levelAt(nowMs, tokens * TOKEN);
            if (level < tokens * TOKEN) {
                throw new IllegalStateException(
                        "take without a token: level %d thousandths".formatted(history.endLevel()));
            }
            history.append(nowMs, tokens, level, level == limits.size);
        } else {
            history.take(limits, nowMs, tokens * TOKEN, tokens);
        }
        return history.fold(limits, nowMs - bounds.latenessMaxMs(), bounds.entriesMax());
    }

    private void requireLoaded() {
        if (runsToLoad > 0) {
            throw new IllegalStateException("%d chunks of the history are not loaded".formatted(runsToLoad));
        }
    }

    /** The level at a time that is not older than the newest acceptance, for a taking of that cost. */
    private long levelAt(long nowMs, long cost) {
        return isUsed()
                ? limits.refilled(history.endLevel(), nowMs - history.endMs())
                : limits.first(limits.start(), cost);
    }

    /** Whether the bucket was full, or new, within the last burst ÷ rate seconds: then a lack of tokens is a spike. */
    boolean wasFullRecently(long nowMs) {
        if (!isUsed()
                || (nowMs >= history.endMs() ? levelAt(nowMs, TOKEN) == limits.size : history.isFull(limits, nowMs))) {
            return true;
        }
        long fullAtMs = history.fullAtMs(limits, nowMs);
        return fullAtMs != NEVER && nowMs - fullAtMs <= limits.burst * MS_PER_S / limits.ratePerSec;
    }

    /**
     * Returns how long to wait until the tokens can be taken, if none are taken meanwhile.
     *
     * <p>The wait ends after the last acceptance that leaves too few. An acceptance beyond the horizon counts only if the tokens cannot be
     * taken before it: a signal dated far in the future must not make present ones wait for its time.
     *
     * @return milliseconds, exact, at least 1; 0 if the bucket is too small for it
     */
    long retryAfterMs(long tokens, long nowMs, long horizonMs) {
        long cost = tokens * TOKEN;
        if (cost > limits.size) {
            return 0;
        }
        if (!isUsed()) {
            return Math.max(1, limits.refillMs(limits.start(), cost));
        }
        if (horizonMs < history.endMs()) {
            long availableMs = Math.max(nowMs + 1, history.availableMs(limits, cost, horizonMs));
            if (has(tokens, availableMs)) {
                return availableMs - nowMs;
            }
        }
        return Math.max(1, history.availableMs(limits, cost, Long.MAX_VALUE) - nowMs);
    }

    /** Whole tokens in the bucket at {@code nowMs} under limits that need not be adopted; of the past, only the newest level. */
    long tokens(long ratePerSec, long burst, long nowMs) {
        BucketLimits under = limits.are(ratePerSec, burst) ? limits : new BucketLimits(ratePerSec, burst, weighted);
        if (!isUsed()) {
            return under.start() / TOKEN;
        }
        long level = Math.min(history.endLevel(), under.size);
        return under.refilled(level, Math.max(0, nowMs - history.endMs())) / TOKEN;
    }

    /** Whether a time is older than the newest acceptance. */
    boolean isLate(long nowMs) {
        return nowMs < history.endMs();
    }

    /** Whether a time is so old that it cannot be judged exactly any more. */
    boolean isBeyondHistory(long nowMs) {
        return history.isFolded(nowMs);
    }

    int historyEntries() {
        return history.entries();
    }

    long memoryBytes() {
        return history.memoryBytes();
    }

    /** Levels of bytes would not fit in nano-tokens. */
    private long storedPerThousandth() {
        return weighted ? 1 : NANOS_PER_THOUSANDTH;
    }

    void write(ByteBuffer out) {
        long fullAtMs = runsToLoad > 0 ? fullAtMsUntilLoaded : history.fullAtMs(limits, Long.MAX_VALUE);
        out.putLong(history.endLevel() * storedPerThousandth())
                .putLong(history.endMs())
                .putLong(fullAtMs);
    }

    /** Reads the newest level. Without a stored history, as older versions wrote it, the history begins here. */
    void read(ByteBuffer in) {
        long level = in.getLong() / storedPerThousandth();
        long atMs = in.getLong();
        long fullAtMs = in.getLong();
        fullAtMsUntilLoaded = fullAtMs;
        history.base(atMs, level, fullAtMs, atMs == NEVER ? Long.MAX_VALUE : level);
    }

    void writeHistory(ByteBuffer out) {
        out.putLong(limits.ratePerSec).putLong(limits.burst);
        history.write(out, runsToLoad > 0 ? runsToLoad : history.runs());
    }

    /** Reads the head of the history after {@link #read}. */
    void readHistory(ByteBuffer in) {
        limits = new BucketLimits(in.getLong(), in.getLong(), weighted);
        runsToLoad = history.read(in);
    }

    /** Notes that stored chunks of the history must be removed: a build that does not know them has decided since. */
    void staleHistory() {
        historyIsStale = true;
    }

    boolean isHistoryStale() {
        return historyIsStale;
    }

    /** How many chunks of the history must be loaded. */
    int runsToLoad() {
        return runsToLoad;
    }

    void loadRun(int id, byte[] chunk) {
        history.load(id, chunk);
    }

    /** All chunks were passed to {@link #loadRun}. */
    void loaded() {
        long endMs = history.endMs();
        long endLevel = history.endLevel();
        if (history.runs() != runsToLoad) {
            throw new IllegalStateException(
                    "the history has %d chunks and counts %d".formatted(history.runs(), runsToLoad));
        }
        runsToLoad = 0;
        history.loaded(limits);
        if (history.endMs() != endMs || history.endLevel() != endLevel) {
            throw new IllegalStateException("the history ends with level %d at %d, the bucket has %d at %d"
                    .formatted(history.endLevel(), history.endMs(), endLevel, endMs));
        }
    }

    /** Passes on each stored chunk of the history that changed; null for each that is gone. */
    void writeRuns(BiConsumer<Integer, byte @Nullable []> chunks) {
        history.writeRuns(chunks);
    }
}
