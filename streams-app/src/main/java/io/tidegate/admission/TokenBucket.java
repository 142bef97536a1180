package io.tidegate.admission;

import static io.tidegate.admission.AcceptedRun.NEVER;
import static io.tidegate.admission.BucketLimits.TOKEN;

import java.nio.ByteBuffer;
import java.util.function.BiConsumer;
import org.jspecify.annotations.Nullable;

/**
 * A token bucket in exact integers, whose answers do not depend on the order in which signals are read.
 *
 * <p>The level is in thousandths of a token ({@link BucketLimits}). In the order of time, this is an ordinary token
 * bucket: a level, the time at which it applied, and a refill. A signal that is older than the newest acceptance is
 * judged by the {@link AcceptedHistory}: at its own time, and by its effect on later acceptances.
 *
 * <p>Example: 100/s with a burst of 200. A new bucket starts with one second of tokens, 100. Of 200 signals at one
 * instant, 100 pass and 100 do not. Each of these can be sent again in 10 ms (1,000 ÷ 100), when exactly one more
 * passes. After two idle seconds the level is 200 and stays there. A signal of the first second that is read only now
 * passes if fewer than 100 tokens were taken in that second.
 *
 * <p>Time is passed in. {@link #adopt} applies changed limits: the level carries over, capped at the new size. Queries
 * ({@link #has}, {@link #retryAfterMs}) change nothing; only {@link #take} does. Not thread-safe.
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

    /** Creates a bucket in which each take takes one token. */
    TokenBucket() {
        this(false);
    }

    /** @param weighted whether one take can exceed the tokens of one second, as the bytes of a large signal do */
    TokenBucket(boolean weighted) {
        this.weighted = weighted;
    }

    /** Resets to the state of a tenant without a rate. */
    void reset() {
        if (isUsed()) {
            // A copy for trying limits is read without its history.
            runsToLoad = 0;
            history.clear();
            limits = NONE;
        }
    }

    /** Whether a token was ever taken since the bucket was new or reset. */
    boolean isUsed() {
        return history.endMs() != NEVER;
    }

    /** Adopts changed limits, neither of which may be 0. Must be called before each query and each take. */
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
     * Takes tokens. Requires {@link #has} for the same arguments before it: for a late signal, this method does not
     * check again.
     *
     * @param bounds how long, and for how many acceptances, late signals can be judged exactly
     * @return whether the full history dropped acceptances that were not old enough
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

    /** Returns the level at a time that is not older than the newest acceptance, for a take of this cost. */
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
     * @return milliseconds, exact, at least 1; 0 if the bucket is too small for the tokens
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

    /**
     * Returns the whole tokens in the bucket at {@code nowMs} under limits that need not be adopted. For a time in the
     * past, returns those of the newest level.
     */
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

    /** Whether a time is too old to be judged exactly. */
    boolean isBeyondHistory(long nowMs) {
        return history.isFolded(nowMs);
    }

    int historyEntries() {
        return history.entries();
    }

    long memoryBytes() {
        return history.memoryBytes();
    }

    /** Returns the unit of the stored level: levels of bytes would not fit in nano-tokens. */
    private long storedPerThousandth() {
        return weighted ? 1 : NANOS_PER_THOUSANDTH;
    }

    void write(ByteBuffer out) {
        long fullAtMs = runsToLoad > 0 ? fullAtMsUntilLoaded : history.fullAtMs(limits, Long.MAX_VALUE);
        out.putLong(history.endLevel() * storedPerThousandth())
                .putLong(history.endMs())
                .putLong(fullAtMs);
    }

    /**
     * Reads the newest level. Without a stored history, which older versions did not write, the history begins here.
     */
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

    /** Whether {@link #writeShortHistory} can store the history without chunks. */
    boolean isHistoryShort() {
        return runsToLoad == 0 && history.isShort();
    }

    void writeShortHistory(ByteBuffer out) {
        writeHistory(out);
        history.writeShort(out);
    }

    /** Returns an upper bound of what {@link #writeShortHistory} adds to {@link #writeHistory}. */
    int shortHistoryBytesMax() {
        return history.shortBytesMax();
    }

    /** Reads a history without chunks, after {@link #read}. */
    void readShortHistory(ByteBuffer in) {
        readHistory(in);
        history.readShort(in);
        loaded();
    }

    /** Reads the head of the history after {@link #read}. */
    void readHistory(ByteBuffer in) {
        limits = new BucketLimits(in.getLong(), in.getLong(), weighted);
        runsToLoad = history.read(in);
    }

    /**
     * Notes that stored chunks of the history must be deleted: an older build, which does not know them, has decided
     * since.
     */
    void staleHistory() {
        historyIsStale = true;
    }

    boolean isHistoryStale() {
        return historyIsStale;
    }

    /** Returns the number of chunks of the history that must be loaded. */
    int runsToLoad() {
        return runsToLoad;
    }

    void loadRun(int id, byte[] chunk) {
        history.load(id, chunk);
    }

    /** Completes loading, after all chunks were passed to {@link #loadRun}. */
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

    /** Passes on each stored chunk of the history that changed; null for each removed one. */
    void writeRuns(BiConsumer<Integer, byte @Nullable []> chunks) {
        history.writeRuns(chunks);
    }

    /** Passes on null for each stored chunk, because {@link #writeShortHistory} has written the history. */
    void removeRuns(BiConsumer<Integer, byte @Nullable []> chunks) {
        history.removeRuns(chunks);
    }
}
