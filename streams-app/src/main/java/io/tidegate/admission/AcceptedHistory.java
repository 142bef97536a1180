package io.tidegate.admission;

import static io.tidegate.admission.AcceptedRun.NEVER;
import static io.tidegate.admission.AcceptedRun.REJECT;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.function.BiConsumer;
import org.jspecify.annotations.Nullable;

/**
 * The times at which a bucket's tokens were taken, so that a late signal can be judged at its own time.
 *
 * <pre>
 *   folded              │ base │ run │ run │ run │ end
 *   only the smallest   │ time, level    acceptances by ms    time, level
 *   level is known      │
 * </pre>
 *
 * <p>A late acceptance is allowed if the level at its time, and after each later acceptance, stays at or above zero. It
 * lowers the later levels up to the next point at which the bucket was full, because the refill beyond that level was
 * lost anyway. So the accepted set is always one that a bucket reading it in the order of time would accept, and the
 * order of reading does not matter.
 *
 * <p>Old runs are folded into the base. Of the time before the base, only the smallest level after an acceptance is
 * known. An acceptance there must leave that level, and the levels from the base on, at or above zero, as if no refill
 * was ever lost. This may reject too early, and never accepts too much.
 *
 * <p>When limits change, the history is judged by the new ones, but the newest level carries over. The difference
 * between the carried level and the level under the new limits is stored as one correction after the run that was the
 * last at that time.
 *
 * <p>Not thread-safe; part of a {@link TokenBucket}.
 */
final class AcceptedHistory {
    /** Size of the {@link #write stored head}. */
    static final int HEAD_BYTES = 6 * Long.BYTES + 3 * Integer.BYTES;

    /** A history that has only one run, with at most so many entries, needs no chunk: it is stored with the usage. */
    static final int SHORT_ENTRIES_MAX = 32;

    private static final int NO_RUN = -1;

    private final List<AcceptedRun> runs = new ArrayList<>(1);
    private @Nullable AcceptedRun spare;
    private int[] removed = new int[0];
    private int nextId;
    private int entries;

    // The outer runs. A signal in the order of time reads neither the list nor the oldest run.
    private @Nullable AcceptedRun oldest;
    private @Nullable AcceptedRun newest;
    private long oldestEndsMs;

    private long baseMs = NEVER;
    private long baseLevel;
    private long baseFullAtMs = NEVER;
    private long floor = Long.MAX_VALUE;

    private int correctedId = NO_RUN;
    private long correction;

    /** The last time at which the bucket was full under the limits before the correction; -1 = never. */
    private long carriedFullAtMs = NEVER;

    /** Whether the correction is after the newest run. */
    private boolean correctedAtEnd;

    private long endMs = NEVER;
    private long endLevel;

    /** The time of the newest acceptance; -1 = the bucket is new. */
    long endMs() {
        return endMs;
    }

    /** The level after the newest acceptance. */
    long endLevel() {
        return endLevel;
    }

    /** The number of distinct milliseconds with acceptances. */
    int entries() {
        return entries;
    }

    int runs() {
        return runs.size();
    }

    /** Whether a time is before the base, so that its details are folded. */
    boolean isFolded(long atMs) {
        return atMs < baseMs;
    }

    /** Returns an upper bound, without reading the runs. */
    long memoryBytes() {
        return AcceptedRun.memoryBytes(runs.size(), entries);
    }

    void clear() {
        while (!runs.isEmpty()) {
            remove(runs.size() - 1);
        }
        findOuterRuns();
        entries = 0;
        base(NEVER, 0, NEVER, Long.MAX_VALUE);
    }

    /** Starts the history at a bucket of which only the newest level is known. */
    void base(long atMs, long level, long fullAtMs, long smallestBefore) {
        baseMs = atMs;
        baseLevel = level;
        baseFullAtMs = fullAtMs;
        floor = smallestBefore;
        correctedId = NO_RUN;
        correction = 0;
        correctedAtEnd = false;
        endMs = atMs;
        endLevel = level;
    }

    /** Adds an acceptance that is not older than the newest one. */
    void append(long atMs, int amount, long levelBefore, boolean wasFull) {
        boolean wasNew = endMs == NEVER;
        AcceptedRun run = newest;
        if (run == null || correctedAtEnd || run.size() == AcceptedRun.ENTRIES_MAX) {
            run = newRun(runs.size(), correctedAtEnd ? correctedId : nextId++);
            correctedAtEnd = false;
            findOuterRuns();
        }
        int before = run.size();
        run.append(atMs, amount, levelBefore, wasFull, wasNew, atMs == endMs);
        entries += run.size() - before;
        endMs = atMs;
        endLevel = run.end();
    }

    /** Whether tokens can be taken at a time that is older than the newest acceptance. */
    boolean allows(BucketLimits limits, long atMs, long cost) {
        if (atMs < baseMs) {
            return floor >= cost && baseLevel >= cost && allowsFrom(limits, 0, baseLevel, baseMs, baseLevel - cost);
        }
        int at = takenIn(atMs);
        AcceptedRun run = runs.get(at);
        long end = run.endWith(limits, startMs(at), startLevel(limits, at), atMs, cost);
        return end != REJECT && allowsFrom(limits, at + 1, run.end(), Math.max(run.lastMs(), atMs), end);
    }

    private boolean allowsFrom(BucketLimits limits, int from, long oldEnd, long newMs, long newEnd) {
        long afterMs = newMs;
        long before = oldEnd;
        long after = newEnd;
        for (int i = from; i < runs.size(); i++) {
            AcceptedRun run = runs.get(i);
            before = corrected(run.id, before);
            after = corrected(run.id, after);
            if (after < 0 && after < before) {
                return false;
            }
            after = run.endAfter(limits, afterMs, after);
            if (after == REJECT) {
                return false;
            }
            if (after == run.end()) {
                return true;
            }
            before = run.end();
            afterMs = run.lastMs();
        }
        long last = correctedAtEnd ? after + correction : after;
        return last >= 0 || after >= before;
    }

    /** Takes tokens that {@link #allows} allowed. */
    void take(BucketLimits limits, long atMs, long cost, int amount) {
        if (baseMs == NEVER && correctedId != NO_RUN) {
            long before = endBeforeCorrection();
            insert(limits, atMs, cost, amount);
            keepCorrected(limits, before);
        } else {
            insert(limits, atMs, cost, amount);
        }
        findEnd();
    }

    /**
     * Keeps the level after the correction from rising. It would rise if a signal before the first one moves the begin of the
     * bucket: the runs have been judged by the changed limits since, and the refill from then on would be one by these.
     *
     * @param before the level before the correction that the correction belongs to
     */
    private void keepCorrected(BucketLimits limits, long before) {
        long raisedBy = endBeforeCorrection() - before;
        if (raisedBy > 0) {
            correction -= raisedBy;
            recompute(limits);
        }
    }

    /** Returns the level at the end of the last run before the correction. There is a correction. */
    private long endBeforeCorrection() {
        int last = runs.size() - 1;
        if (!correctedAtEnd) {
            while (runs.get(last).id != correctedId) {
                last--;
            }
            last--;
        }
        return runs.get(last).end();
    }

    private void insert(BucketLimits limits, long atMs, long cost, int amount) {
        if (atMs < baseMs) {
            long before = baseLevel;
            baseLevel -= cost;
            floor -= cost;
            startFrom(limits, 0, baseMs, before, baseMs, baseLevel);
        } else {
            int at = takenIn(atMs);
            AcceptedRun run = runs.get(at);
            if (run.size() == AcceptedRun.ENTRIES_MAX) {
                AcceptedRun later = newRun(at + 1, nextId++);
                run.splitInto(later);
                run.recompute(limits, startMs(at), startLevel(limits, at));
                later.recompute(limits, startMs(at + 1), startLevel(limits, at + 1));
                findOuterRuns();
                if (atMs >= later.firstMs()) {
                    at++;
                    run = later;
                }
            }
            long oldMs = run.lastMs();
            long oldEnd = run.end();
            int before = run.size();
            run.insert(limits, startMs(at), startLevel(limits, at), atMs, amount);
            entries += run.size() - before;
            startFrom(limits, at + 1, oldMs, oldEnd, run.lastMs(), run.end());
            if (at == 0) {
                oldestEndsMs = run.lastMs();
            }
        }
    }

    private void startFrom(BucketLimits limits, int from, long oldMs, long oldEnd, long newMs, long newEnd) {
        long beforeMs = oldMs;
        long before = oldEnd;
        long afterMs = newMs;
        long after = newEnd;
        for (int i = from; i < runs.size() && (before != after || beforeMs != afterMs); i++) {
            AcceptedRun run = runs.get(i);
            long runEnd = run.end();
            run.startAt(limits, afterMs, corrected(run.id, after));
            before = runEnd;
            after = run.end();
            beforeMs = run.lastMs();
            afterMs = beforeMs;
        }
    }

    /** Applies other limits to the history; the newest level carries over as {@code carried}. */
    void rebase(BucketLimits limits, long carried) {
        carriedFullAtMs = fullAtMs(limits, Long.MAX_VALUE);
        correctedId = NO_RUN;
        correction = 0;
        correctedAtEnd = false;
        floor = Math.min(floor, limits.size);
        if (runs.isEmpty()) {
            baseLevel = carried;
        } else {
            baseLevel = Math.min(baseLevel, limits.size);
            recompute(limits);
            correction = carried - runs.get(runs.size() - 1).end();
            correctedId = nextId++;
            correctedAtEnd = true;
        }
        findEnd();
    }

    private void recompute(BucketLimits limits) {
        for (int i = 0; i < runs.size(); i++) {
            runs.get(i).recompute(limits, startMs(i), startLevel(limits, i));
        }
    }

    private void findEnd() {
        endMs = newest == null ? baseMs : newest.lastMs();
        endLevel = (newest == null ? baseLevel : newest.end()) + (correctedAtEnd ? correction : 0);
    }

    /** Must be called after each change of the runs. */
    private void findOuterRuns() {
        oldest = runs.isEmpty() ? null : runs.get(0);
        newest = runs.isEmpty() ? null : runs.get(runs.size() - 1);
        // A run that has just begun is empty; then it is the newest.
        oldestEndsMs = oldest == null || oldest.size() == 0 ? NEVER : oldest.lastMs();
    }

    /**
     * Folds the oldest run if all of it is older than {@code olderThanMs}, or if there are more than {@code entriesMax}
     * entries. Folds at most one run, so that a signal with a time in the far future does not drop the whole history.
     *
     * @return whether the run was not old enough
     */
    boolean fold(BucketLimits limits, long olderThanMs, int entriesMax) {
        AcceptedRun only = newest;
        if (only != oldest) {
            boolean old = oldestEndsMs < olderThanMs;
            if (old || entries > entriesMax) {
                fold(limits, runs.get(0).size());
                return !old;
            }
        } else if (only != null && only.isAboutToGrow() && only.firstMs() < olderThanMs) {
            fold(limits, Math.min(only.after(olderThanMs - 1), only.size() - 1));
        }
        return false;
    }

    private void fold(BucketLimits limits, int n) {
        AcceptedRun run = runs.get(0);
        int size = run.size();
        if (n < size) {
            run.recompute(limits, baseMs, startLevel(limits, 0), n);
        }
        baseLevel = run.levelAt(n - 1);
        baseFullAtMs = Math.max(baseFullAtMs, run.fullAtMs());
        floor = Math.min(floor, run.min());
        if (run.id == correctedId) {
            baseFullAtMs = Math.max(baseFullAtMs, carriedFullAtMs);
            correctedId = NO_RUN;
        }
        baseMs = run.msAt(n - 1);
        entries -= n;
        if (n == size) {
            remove(0);
            findOuterRuns();
            if (!runs.isEmpty() && runs.get(0).id == correctedId) {
                baseLevel += correction;
                baseFullAtMs = Math.max(baseFullAtMs, carriedFullAtMs);
                correctedId = NO_RUN;
            }
        } else {
            run.removeFirst(n);
            run.recompute(limits, baseMs, baseLevel);
        }
    }

    /**
     * Returns the time from which the level stays at or above {@code cost}, judged by the acceptances up to {@code
     * untilMs}. Valid only if the level was below it after one of them.
     */
    long availableMs(BucketLimits limits, long cost, long untilMs) {
        if (untilMs >= endMs && endLevel < cost) {
            return endMs + limits.refillMs(endLevel, cost);
        }
        int newestRun = untilMs >= endMs || runs.isEmpty() ? runs.size() - 1 : runOf(untilMs);
        for (int i = newestRun; i >= 0; i--) {
            AcceptedRun run = runs.get(i);
            if (run.min() < cost) {
                long availableMs = run.availableMs(limits, cost, untilMs);
                if (availableMs != NEVER) {
                    return Math.min(raisedMs(i), availableMs);
                }
            }
            if (startMs(i) != NEVER && startLevel(limits, i) < cost) {
                return startMs(i) + limits.refillMs(startLevel(limits, i), cost);
            }
        }
        return baseMs;
    }

    /** Returns the time of the next level that is known besides those of a run: a correction may have raised it. */
    private long raisedMs(int run) {
        if (run + 1 < runs.size()) {
            return runs.get(run + 1).id == correctedId
                    ? runs.get(run).lastMs()
                    : runs.get(run + 1).firstMs();
        }
        return correctedAtEnd ? endMs : Long.MAX_VALUE;
    }

    /** Whether the bucket was full, or new, at a time that is older than the newest acceptance. */
    boolean isFull(BucketLimits limits, long atMs) {
        if (runs.isEmpty() || isFolded(atMs)) {
            return false;
        }
        int at = runOf(atMs);
        return runs.get(at).isFull(limits, startMs(at), startLevel(limits, at), atMs);
    }

    /**
     * Returns the last time up to {@code untilMs} at which the bucket was full, just before an acceptance; -1 = never.
     */
    long fullAtMs(BucketLimits limits, long untilMs) {
        if (untilMs >= endMs) {
            return fullAtMs();
        }
        int at = runs.isEmpty() ? -1 : runOf(untilMs);
        if (at >= 0 && untilMs < runs.get(at).lastMs()) {
            long fullAtMs = runs.get(at).fullAtMs(limits, startMs(at), untilMs);
            if (fullAtMs != NEVER) {
                return fullAtMs;
            }
            at--;
        }
        for (; at >= 0; at--) {
            if (runs.get(at).fullAtMs() != NEVER) {
                return runs.get(at).fullAtMs();
            }
        }
        return baseFullAtMs;
    }

    private long fullAtMs() {
        if (correctedAtEnd) {
            return carriedFullAtMs;
        }
        for (int i = runs.size() - 1; i >= 0; i--) {
            AcceptedRun run = runs.get(i);
            if (run.fullAtMs() != NEVER) {
                return run.fullAtMs();
            }
            if (run.id == correctedId) {
                return carriedFullAtMs;
            }
        }
        return baseFullAtMs;
    }

    /** Returns the newest run that begins at or before a time; the oldest if there is none. */
    private int runOf(long atMs) {
        int low = 0;
        int high = runs.size() - 1;
        while (low < high) {
            int middle = (low + high + 1) >>> 1;
            if (runs.get(middle).firstMs() <= atMs) {
                low = middle;
            } else {
                high = middle - 1;
            }
        }
        return low;
    }

    /**
     * Returns the run that receives an acceptance at a time. After the last acceptance before a change of the limits, that is the
     * corrected run, even if the time is before its first acceptance: the level between them is that under the new limits.
     */
    private int takenIn(long atMs) {
        int at = runOf(atMs);
        boolean isAfterChange = at + 1 < runs.size()
                && runs.get(at + 1).id == correctedId
                && atMs >= runs.get(at).lastMs();
        return isAfterChange ? at + 1 : at;
    }

    private long startMs(int at) {
        return at == 0 ? baseMs : runs.get(at - 1).lastMs();
    }

    private long startLevel(BucketLimits limits, int at) {
        long before;
        if (at > 0) {
            before = runs.get(at - 1).end();
        } else {
            before = baseMs == NEVER ? limits.start() : baseLevel;
        }
        return corrected(runs.get(at).id, before);
    }

    private long corrected(int id, long level) {
        return id == correctedId ? level + correction : level;
    }

    private boolean noRunIsCorrected() {
        return correctedId != NO_RUN && runs.stream().noneMatch(run -> run.id == correctedId);
    }

    private AcceptedRun newRun(int at, int id) {
        AcceptedRun run = spare == null ? new AcceptedRun(id) : spare;
        spare = null;
        run.begin(id);
        runs.add(at, run);
        return run;
    }

    private void remove(int at) {
        AcceptedRun run = runs.remove(at);
        if (run.stored) {
            removed = Arrays.copyOf(removed, removed.length + 1);
            removed[removed.length - 1] = run.id;
        }
        spare = run;
    }

    /** Passes on the stored form of each run that changed since the last call, and null for each removed run. */
    void writeRuns(BiConsumer<Integer, byte @Nullable []> chunks) {
        passRemoved(chunks);
        for (AcceptedRun run : runs) {
            if (run.changed || !run.stored) {
                chunks.accept(run.id, run.write());
                run.changed = false;
                run.stored = true;
            }
        }
    }

    /** Passes on null for each stored run, because {@link #writeShort} has written all there is. */
    void removeRuns(BiConsumer<Integer, byte @Nullable []> chunks) {
        passRemoved(chunks);
        for (AcceptedRun run : runs) {
            if (run.stored) {
                chunks.accept(run.id, null);
                run.stored = false;
            }
        }
    }

    private void passRemoved(BiConsumer<Integer, byte @Nullable []> chunks) {
        for (int id : removed) {
            chunks.accept(id, null);
        }
        removed = new int[0];
    }

    boolean isShort() {
        return newest != null && newest == oldest && newest.size() <= SHORT_ENTRIES_MAX;
    }

    /** Writes the only run of a {@linkplain #isShort short} history. */
    void writeShort(ByteBuffer out) {
        AcceptedRun only = runs.get(0);
        only.write(out.putInt(only.id));
    }

    /** Returns an upper bound of the size that {@link #writeShort} writes; 0 if the history is not short. */
    int shortBytesMax() {
        return isShort() ? Integer.BYTES + runs.get(0).bytesMax() : 0;
    }

    /** Reads the form that {@link #writeShort} wrote. {@link #loaded} must follow. */
    void readShort(ByteBuffer in) {
        load(AcceptedRun.read(in.getInt(), in));
    }

    /** @param stored the number of stored runs */
    void write(ByteBuffer out, int stored) {
        out.putLong(baseMs).putLong(baseLevel).putLong(baseFullAtMs).putLong(floor);
        out.putLong(correction)
                .putLong(carriedFullAtMs)
                .putInt(correctedId)
                .putInt(nextId)
                .putInt(stored);
    }

    /**
     * Reads the form that {@link #write} wrote, which lacks the end. Returns the number of runs to {@linkplain #load
     * load}.
     */
    int read(ByteBuffer in) {
        baseMs = in.getLong();
        baseLevel = in.getLong();
        baseFullAtMs = in.getLong();
        floor = in.getLong();
        correction = in.getLong();
        carriedFullAtMs = in.getLong();
        correctedId = in.getInt();
        nextId = in.getInt();
        return in.getInt();
    }

    void load(int id, byte[] stored) {
        AcceptedRun run = AcceptedRun.read(id, ByteBuffer.wrap(stored));
        run.stored = true;
        load(run);
    }

    private void load(AcceptedRun run) {
        runs.add(run);
        entries += run.size();
    }

    /** Completes loading, after all runs are loaded. */
    void loaded(BucketLimits limits) {
        // A run that begins at the last time of another one follows it: it was split off, and has the larger id.
        runs.sort(Comparator.comparingLong(AcceptedRun::firstMs)
                .thenComparingLong(AcceptedRun::lastMs)
                .thenComparingInt(run -> run.id));
        correctedAtEnd = noRunIsCorrected();
        findOuterRuns();
        recompute(limits);
        findEnd();
    }
}
