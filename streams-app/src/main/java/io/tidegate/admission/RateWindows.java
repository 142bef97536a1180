package io.tidegate.admission;

import java.nio.ByteBuffer;
import java.util.Arrays;

/**
 * The offered signals of a tenant, or their bytes, in each ten seconds of record time, as far back as late signals can
 * arrive. Offered signals are those that were accepted, or rejected for the rate alone.
 *
 * <p>A signal counts in the ten seconds of its own time. So the counts do not depend on the order in which signals are
 * read, once no late signal can arrive. Therefore {@link #highest} covers the last full window and as many windows
 * before it as late signals have reached back. In the order of time, that is only the last full window.
 *
 * <p>A signal that is older than all windows is not counted. More in a row than the windows count reset them: then the
 * newest window is probably that of a signal from the far future.
 *
 * <p>Not thread-safe; part of a {@link QuotaWatch}.
 */
final class RateWindows {
    static final long WINDOW_MS = 10_000;

    private static final long NONE = -1;
    private static final int COUNT_BITS = 48;
    private static final long COUNT_MASK = (1L << COUNT_BITS) - 1;
    private static final int REACH_MAX = (1 << Short.SIZE) - 1;
    private static final long[] NO_WINDOWS = {};

    private long newest = NONE;
    private long count;

    /** How many windows late signals have reached back since the newest window began. */
    private int reach;

    /** The signals in a row, or their bytes, that are older than all windows. Not stored: a restart counts again. */
    private long tooOld;

    /** The windows before the newest, most recent first: {@link #count} in the lower 48 bits, {@link #reach} above. */
    private long[] before = NO_WINDOWS;

    /** Counts a signal, or its bytes; returns whether a window has ended. */
    boolean count(long atMs, long amount, long latenessMaxMs) {
        long window = atMs / WINDOW_MS;
        if (window == newest) {
            count = Math.min(count + amount, COUNT_MASK);
            tooOld = 0;
            return false;
        }
        int length = windowsBefore(latenessMaxMs);
        if (before.length != length) {
            before = Arrays.copyOf(before, length);
        }
        if (newest == NONE || newest - window > length) {
            tooOld += amount;
            if (tooOld > held()) {
                begin(window, amount);
            }
            return false;
        }
        tooOld = 0;
        if (window < newest) {
            int back = (int) (newest - window);
            before[back - 1] = added(before[back - 1], amount);
            reach = Math.max(reach, back);
            return false;
        }
        end(window, amount);
        return true;
    }

    private static int windowsBefore(long latenessMaxMs) {
        // One more than late signals can reach back, so that one window is always complete.
        return (int) Math.min(REACH_MAX, latenessMaxMs / WINDOW_MS + 2);
    }

    private static long added(long window, long amount) {
        return (window & ~COUNT_MASK) | Math.min((window & COUNT_MASK) + amount, COUNT_MASK);
    }

    private void begin(long window, long amount) {
        newest = window;
        count = amount;
        reach = 0;
        tooOld = 0;
        Arrays.fill(before, 0);
    }

    /** Returns what all windows count. */
    private long held() {
        long sum = count;
        for (long window : before) {
            sum += window & COUNT_MASK;
        }
        return sum;
    }

    private void end(long window, long amount) {
        int steps = (int) Math.min(before.length, window - newest);
        System.arraycopy(before, 0, before, steps, before.length - steps);
        Arrays.fill(before, 0, steps, 0);
        if (window - newest <= before.length) {
            before[steps - 1] = (long) reach << COUNT_BITS | Math.min(count, COUNT_MASK);
        }
        newest = window;
        count = amount;
        reach = 0;
    }

    /** Returns the highest count of the windows that late signals may still belong to. */
    long highest() {
        long back = reach;
        for (long window : before) {
            back = Math.max(back, window >>> COUNT_BITS);
        }
        long most = 0;
        for (int i = 0; i <= back && i < before.length; i++) {
            most = Math.max(most, before[i] & COUNT_MASK);
        }
        return most;
    }

    /** Writes the newest window, which is all that older builds know. */
    void writeNewest(ByteBuffer out) {
        out.putLong(newest).putLong(count);
    }

    void readNewest(ByteBuffer in) {
        newest = in.getLong();
        count = in.getLong();
    }

    /** Whether nothing was counted. */
    boolean isEmpty() {
        return newest == NONE;
    }

    /** Whether there is more to store than the newest window. */
    boolean hasBefore() {
        return stored() > 0 || reach > 0;
    }

    private int stored() {
        int stored = before.length;
        while (stored > 0 && before[stored - 1] == 0) {
            stored--;
        }
        return stored;
    }

    int bytesBefore() {
        return 2 * Long.BYTES + 2 * Short.BYTES + before.length * Long.BYTES;
    }

    void writeBefore(ByteBuffer out) {
        int stored = stored();
        out.putLong(newest).putLong(count).putShort((short) reach).putShort((short) stored);
        for (int i = 0; i < stored; i++) {
            out.putLong(before[i]);
        }
    }

    /** Reads the newest window and those before it, as {@link #writeBefore} wrote them. */
    void readAll(ByteBuffer in) {
        newest = in.getLong(in.position());
        count = in.getLong(in.position() + Long.BYTES);
        readBefore(in);
    }

    /** Reads the windows before the newest, unless an older build, which does not know them, has counted in between. */
    void readBefore(ByteBuffer in) {
        long rightFor = in.getLong();
        long rightAt = in.getLong();
        int storedReach = Short.toUnsignedInt(in.getShort());
        long[] stored = new long[Short.toUnsignedInt(in.getShort())];
        for (int i = 0; i < stored.length; i++) {
            stored[i] = in.getLong();
        }
        if (rightFor == newest && rightAt == count) {
            reach = storedReach;
            before = stored;
        }
    }
}
