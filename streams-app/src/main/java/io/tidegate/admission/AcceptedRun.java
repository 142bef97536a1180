package io.tidegate.admission;

import java.nio.ByteBuffer;
import java.util.Arrays;

/**
 * A run of acceptances in the order of their times: the tokens taken in each millisecond, and the resulting levels of
 * the bucket. Part of an {@link AcceptedHistory}; not thread-safe.
 *
 * <p>The levels are a function of the level before the run, the acceptances and the limits. So only the acceptances are
 * stored:
 *
 * <pre>
 *  version = 1 (1) | acceptances: ms since the one before (varint), tokens (varint)
 * </pre>
 */
final class AcceptedRun {
    /**
     * A longer run is split. This bounds the work of a late acceptance, which reads one run, and of a commit, which
     * writes the changed runs.
     */
    static final int ENTRIES_MAX = 256;

    /** The result if an acceptance does not fit. */
    static final long REJECT = Long.MIN_VALUE;

    static final long NEVER = -1;

    private static final byte VERSION = 1;
    private static final int ENTRIES_MIN = 4;
    private static final long OBJECT_BYTES = 152;

    int id;
    boolean changed;

    /** Whether a chunk of the history has the run, though maybe not its last changes. */
    boolean stored;

    private long[] ms = new long[ENTRIES_MIN];
    private int[] tokens = new int[ENTRIES_MIN];

    // The level after each acceptance, plus lowered, so that all of them can be lowered at once. With them, a late
    // acceptance reads only the part of the run whose levels it changes.
    private long[] levels = new long[ENTRIES_MIN];
    private long lowered;
    private int size;

    private long min;

    /** The number of acceptances just before which the bucket was full. */
    private int full;

    private long fullAtMs;

    AcceptedRun(int id) {
        begin(id);
    }

    /** Resets this to an empty run with a new id. */
    void begin(int newId) {
        id = newId;
        changed = true;
        stored = false;
        size = 0;
        clearLevels();
    }

    private void clearLevels() {
        lowered = 0;
        min = Long.MAX_VALUE;
        full = 0;
        fullAtMs = NEVER;
    }

    int size() {
        return size;
    }

    /**
     * Whether the run will soon need more memory. Depends only on its acceptances, so that a restart changes nothing.
     */
    boolean isAboutToGrow() {
        return size >= ENTRIES_MIN && Integer.bitCount(size) == 1;
    }

    long firstMs() {
        return ms[0];
    }

    long lastMs() {
        return ms[size - 1];
    }

    long msAt(int i) {
        return ms[i];
    }

    /** The level after an acceptance. */
    long levelAt(int i) {
        return levels[i] - lowered;
    }

    private long costOf(int i) {
        return tokens[i] * BucketLimits.TOKEN;
    }

    /** The level just before an acceptance. */
    private long levelBefore(int i) {
        return levelAt(i) + costOf(i);
    }

    /** The level after the last acceptance. */
    long end() {
        return levelAt(size - 1);
    }

    /** The smallest level after an acceptance. */
    long min() {
        return min;
    }

    /** The last time at which the bucket was full, just before an acceptance; -1 = never. */
    long fullAtMs() {
        return fullAtMs;
    }

    /** Returns the maximum memory of some runs, whose arrays double as they grow. */
    static long memoryBytes(int runs, int entries) {
        long places = Math.min((long) runs * ENTRIES_MAX, (long) runs * ENTRIES_MIN + 2L * entries);
        return runs * OBJECT_BYTES + places * (2 * Long.BYTES + Integer.BYTES);
    }

    /**
     * Adds an acceptance that is not older than the last one. The run must have room.
     *
     * @param again whether its time is that of the last acceptance
     */
    void append(long atMs, int amount, long levelBefore, boolean wasFull, boolean wasNew, boolean again) {
        if (again && size > 0 && tokens[size - 1] <= Integer.MAX_VALUE - amount) {
            tokens[size - 1] += amount;
        } else {
            if (size == ms.length) {
                grow();
            }
            ms[size] = atMs;
            tokens[size] = amount;
            size++;
        }
        changed = true;
        if (wasFull) {
            full++;
        }
        if (wasFull || wasNew) {
            fullAtMs = atMs;
        }
        long level = levelBefore - amount * BucketLimits.TOKEN;
        levels[size - 1] = level + lowered;
        min = Math.min(min, level);
    }

    private void grow() {
        int capacity = Math.min(2 * ms.length, ENTRIES_MAX);
        ms = Arrays.copyOf(ms, capacity);
        tokens = Arrays.copyOf(tokens, capacity);
        levels = Arrays.copyOf(levels, capacity);
    }

    /**
     * Inserts an acceptance by its time, and computes the levels that it changes. The run must have room.
     *
     * @param startMs the time at which the bucket had the level {@code start}; -1 = the bucket is new at the first
     *     acceptance
     */
    void insert(BucketLimits limits, long startMs, long start, long atMs, int amount) {
        int at = after(atMs);
        changed = true;
        if (at > 0 && ms[at - 1] == atMs && tokens[at - 1] <= Integer.MAX_VALUE - amount) {
            at--;
            tokens[at] += amount;
            levels[at] -= amount * BucketLimits.TOKEN;
        } else {
            if (size == ms.length) {
                grow();
            }
            System.arraycopy(ms, at, ms, at + 1, size - at);
            System.arraycopy(tokens, at, tokens, at + 1, size - at);
            System.arraycopy(levels, at, levels, at + 1, size - at);
            ms[at] = atMs;
            tokens[at] = amount;
            levels[at] = lowered - costOf(at); // as if the bucket were empty before it: not full
            size++;
        }
        recomputeFrom(limits, startMs, start, at, at + 1);
    }

    /** Moves the later half to an empty run. {@link #recompute} of this run, and then of the later one, must follow. */
    void splitInto(AcceptedRun later) {
        int half = size / 2;
        int rest = size - half;
        if (later.ms.length < rest) {
            later.ms = new long[ENTRIES_MAX];
            later.tokens = new int[ENTRIES_MAX];
            later.levels = new long[ENTRIES_MAX];
        }
        System.arraycopy(ms, half, later.ms, 0, rest);
        System.arraycopy(tokens, half, later.tokens, 0, rest);
        later.size = rest;
        size = half;
        changed = true;
    }

    /** Removes the first {@code n} acceptances. {@link #recompute} must follow. */
    void removeFirst(int n) {
        System.arraycopy(ms, n, ms, 0, size - n);
        System.arraycopy(tokens, n, tokens, 0, size - n);
        size -= n;
        changed = true;
    }

    /** Returns the number of acceptances that are not newer than a time. */
    int after(long atMs) {
        int low = 0;
        int high = size;
        while (low < high) {
            int middle = (low + high) >>> 1;
            if (ms[middle] <= atMs) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        return low;
    }

    /**
     * Computes all levels again.
     *
     * @param startMs the time at which the bucket had the level {@code start}; -1 = the bucket is new at the first
     *     acceptance
     */
    void recompute(BucketLimits limits, long startMs, long start) {
        recompute(limits, startMs, start, size);
    }

    /** Computes the levels as if the run ended after its first {@code n} acceptances. */
    void recompute(BucketLimits limits, long startMs, long start, int n) {
        clearLevels();
        long atMs = startMs;
        long level = start;
        for (int i = 0; i < n; i++) {
            long before = before(limits, atMs, level, i);
            if (before >= limits.size) {
                full++;
            }
            if (before >= limits.size || atMs == NEVER) {
                fullAtMs = ms[i];
            }
            level = before - costOf(i);
            levels[i] = level;
            min = Math.min(min, level);
            atMs = ms[i];
        }
    }

    /**
     * Computes the levels from an acceptance on, up to the first one that stays as it was: all later ones do too.
     *
     * @param untouched the first acceptance that has not changed itself
     */
    private void recomputeFrom(BucketLimits limits, long startMs, long start, int from, int untouched) {
        if (from == 0 && startMs == NEVER) {
            recompute(limits, startMs, start); // another acceptance is the first one of the bucket
            return;
        }
        long atMs = from == 0 ? startMs : ms[from - 1];
        long level = from == 0 ? start : levelAt(from - 1);
        boolean raised = false;
        int i = from;
        for (; i < size; i++) {
            long before = before(limits, atMs, level, i);
            level = before - costOf(i);
            long old = levelAt(i);
            if (i >= untouched && level == old) {
                break;
            }
            raised |= i >= untouched && level > old;
            full += (before >= limits.size ? 1 : 0) - (levelBefore(i) >= limits.size ? 1 : 0);
            levels[i] = level + lowered;
            min = Math.min(min, level);
            atMs = ms[i];
        }
        if (raised) {
            min = smallestLevel();
        }
        if (i > from && fullAtMs <= ms[i - 1]) {
            fullAtMs = fullAtMs(limits, startMs, ms[i - 1]);
        }
    }

    private long smallestLevel() {
        long smallest = Long.MAX_VALUE;
        for (int i = 0; i < size; i++) {
            smallest = Math.min(smallest, levelAt(i));
        }
        return smallest;
    }

    /** Returns the level before an acceptance; {@code atMs} = -1 if it is the first of a new bucket. */
    private long before(BucketLimits limits, long atMs, long level, int i) {
        return atMs == NEVER ? limits.first(level, costOf(i)) : limits.refilled(level, ms[i] - atMs);
    }

    /**
     * Returns the level at the end if {@code cost} were taken at a time within or after this run; {@link #REJECT} if
     * the level at that time, or after a later acceptance in this run, does not allow it.
     */
    long endWith(BucketLimits limits, long startMs, long start, long takenMs, long cost) {
        int i = after(takenMs);
        long newLevel;
        if (i > 0) {
            newLevel = limits.refilled(levelAt(i - 1), takenMs - ms[i - 1]) - cost;
        } else {
            newLevel =
                    (startMs == NEVER ? limits.first(start, cost) : limits.refilled(start, takenMs - startMs)) - cost;
        }
        return newLevel < 0 ? REJECT : endFrom(limits, i, takenMs, newLevel);
    }

    /**
     * Returns the level at the end if the run began with another level; {@link #REJECT} if an acceptance in this run
     * does not allow it.
     *
     * @param newStart the level at {@code newMs} from which the run would start
     */
    long endAfter(BucketLimits limits, long newMs, long newStart) {
        long before = levelBefore(0);
        long newBefore = limits.refilled(newStart, ms[0] - newMs);
        if (isShifted(before, newBefore)) {
            long lower = before - newBefore;
            return lower > 0 && min < lower ? REJECT : end() - lower;
        }
        return endFrom(limits, 0, newMs, newStart);
    }

    /** Returns the level at the end if the level were {@code newStart} at {@code newMs}, before some acceptance. */
    private long endFrom(BucketLimits limits, int from, long newMs, long newStart) {
        long atMs = newMs;
        long newLevel = newStart;
        for (int i = from; i < size; i++) {
            long newBefore = limits.refilled(newLevel, ms[i] - atMs);
            if (newBefore == levelBefore(i)) {
                return end();
            }
            newLevel = newBefore - costOf(i);
            if (newLevel < 0 && newLevel < levelAt(i)) {
                return REJECT;
            }
            atMs = ms[i];
        }
        return newLevel;
    }

    /** Applies the change that {@link #endAfter} computed. */
    void startAt(BucketLimits limits, long newMs, long newStart) {
        long before = levelBefore(0);
        long newBefore = limits.refilled(newStart, ms[0] - newMs);
        if (isShifted(before, newBefore)) {
            min -= before - newBefore;
            lowered += before - newBefore;
        } else {
            recomputeFrom(limits, newMs, newStart, 0, 0);
        }
    }

    /**
     * Whether all levels of the run are lowered by the same amount, because no refill was lost. Then the run need not
     * be read.
     */
    private boolean isShifted(long before, long newBefore) {
        return full == 0 && newBefore <= before;
    }

    /**
     * Returns the time at which the level is back at {@code cost} after the last acceptance up to {@code untilMs} that left less; -1 if none
     * left less.
     */
    long availableMs(BucketLimits limits, long cost, long untilMs) {
        for (int i = after(untilMs) - 1; i >= 0; i--) {
            if (levelAt(i) < cost) {
                return ms[i] + limits.refillMs(levelAt(i), cost);
            }
        }
        return NEVER;
    }

    /** Whether the bucket was full, or new, at a time within or after this run. */
    boolean isFull(BucketLimits limits, long startMs, long start, long untilMs) {
        int i = after(untilMs);
        long atMs = i == 0 ? startMs : ms[i - 1];
        long level = i == 0 ? start : levelAt(i - 1);
        return atMs == NEVER || limits.refilled(level, untilMs - atMs) >= limits.size;
    }

    /**
     * Returns the last time up to {@code untilMs} at which the bucket was full, or new, at an acceptance of this run;
     * -1 = never.
     */
    long fullAtMs(BucketLimits limits, long startMs, long untilMs) {
        int last = after(untilMs) - 1;
        for (int i = full == 0 ? -1 : last; i >= 0; i--) {
            if (levelBefore(i) >= limits.size) {
                return ms[i];
            }
        }
        return startMs == NEVER && last >= 0 ? ms[0] : NEVER;
    }

    byte[] write() {
        ByteBuffer out = ByteBuffer.allocate(bytesMax());
        write(out);
        return Arrays.copyOf(out.array(), out.position());
    }

    /** Returns an upper bound of the size of the stored form. */
    int bytesMax() {
        int number = Varints.bytes(lastMs() - firstMs()) + Varints.bytes(Integer.MAX_VALUE);
        return 1 + Varints.BYTES_MAX + number * size;
    }

    void write(ByteBuffer out) {
        out.put(VERSION);
        long before = 0;
        for (int i = 0; i < size; i++) {
            Varints.put(out, ms[i] - before);
            Varints.put(out, tokens[i]);
            before = ms[i];
        }
    }

    /** Reads all that remains as a run; {@link #recompute} must follow. */
    static AcceptedRun read(int id, ByteBuffer in) {
        int length = in.remaining();
        if (length < 3 || in.get() != VERSION) {
            throw new IllegalStateException(
                    "history chunk %d of %d bytes is not of version %d".formatted(id, length, VERSION));
        }
        AcceptedRun run = new AcceptedRun(id);
        long before = 0;
        while (in.hasRemaining()) {
            before += varint(id, in);
            long amount = varint(id, in);
            if (run.size == ENTRIES_MAX || before < 0 || amount <= 0 || amount > Integer.MAX_VALUE) {
                throw new IllegalStateException("history chunk %d is damaged at byte %d".formatted(id, in.position()));
            }
            if (run.size == run.ms.length) {
                run.grow();
            }
            run.ms[run.size] = before;
            run.tokens[run.size] = (int) amount;
            run.size++;
        }
        run.changed = false;
        return run;
    }

    private static long varint(int id, ByteBuffer in) {
        try {
            return Varints.get(in);
        } catch (IllegalStateException e) {
            throw new IllegalStateException("history chunk %d is damaged at byte %d".formatted(id, in.position()), e);
        }
    }
}
