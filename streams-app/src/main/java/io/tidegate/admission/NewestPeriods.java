package io.tidegate.admission;

import java.nio.ByteBuffer;
import java.util.Arrays;

/**
 * Counters for the newest periods of one kind, by the number of the period. A late signal counts in its own period.
 *
 * <p>When there are more than {@link #KEPT}, the oldest period is forgotten, along with all periods before it. Not
 * thread-safe.
 */
final class NewestPeriods {
    /** The number of periods that are kept. */
    static final int KEPT = 4;

    private static final long NONE = -1;

    /** The number of cells per period: its number and its counters. */
    private final int cells;

    private long forgotten = NONE;
    private int size;

    /** The cells of all periods, one period after the other: a decision reads one place in memory. */
    private final long[] all;

    /** @param counters the number of counters per period */
    NewestPeriods(int counters) {
        cells = 1 + counters;
        all = new long[KEPT * cells];
    }

    /**
     * Returns the place of a period; -1 if nothing was counted in it. The place is valid until the next {@link #place}.
     */
    int find(long wanted) {
        for (int i = size - 1; i >= 0; i--) {
            if (all[i * cells] == wanted) {
                return i;
            }
        }
        return -1;
    }

    /** Returns the place of a period, adding the period if necessary; -1 if it is forgotten. */
    int place(long wanted) {
        int found = find(wanted);
        if (found >= 0 || wanted <= forgotten) {
            return found;
        }
        if (size == KEPT) {
            if (wanted < all[0]) {
                forgotten = wanted;
                return -1;
            }
            forgotten = all[0];
            move(1, 0, size - 1);
            size--;
        }
        int at = size;
        while (at > 0 && all[(at - 1) * cells] > wanted) {
            at--;
        }
        move(at, at + 1, size - at);
        Arrays.fill(all, at * cells, (at + 1) * cells, 0);
        all[at * cells] = wanted;
        size++;
        return at;
    }

    private void move(int from, int to, int periods) {
        System.arraycopy(all, from * cells, all, to * cells, periods * cells);
    }

    /** @param place from {@link #place} */
    void add(int place, int counter, long count) {
        all[place * cells + 1 + counter] += count;
    }

    /** Returns a counter of a period; 0 if nothing was counted in it. */
    long count(long wanted, int counter) {
        return countAt(find(wanted), counter);
    }

    /** @param place from {@link #find} */
    long countAt(int place, int counter) {
        return place < 0 ? 0 : all[place * cells + 1 + counter];
    }

    /** Whether the counters of a period are no longer known. */
    boolean isForgotten(long wanted) {
        return wanted <= forgotten;
    }

    long firstRemembered() {
        return forgotten + 1;
    }

    /** The newest period in which something was counted; -1 if there is none. */
    long newest() {
        return size == 0 ? NONE : all[(size - 1) * cells];
    }

    void clear() {
        size = 0;
        forgotten = NONE;
    }

    boolean isEmpty() {
        return size == 0;
    }

    /** The size of the stored form. */
    int bytes() {
        return Long.BYTES + 1 + size * cells * Long.BYTES;
    }

    void write(ByteBuffer out) {
        out.putLong(forgotten).put((byte) size);
        for (int i = 0; i < size * cells; i++) {
            out.putLong(all[i]);
        }
    }

    /** @throws IllegalStateException if there are more than {@link #KEPT} periods */
    static NewestPeriods read(ByteBuffer in, int counters) {
        NewestPeriods periods = new NewestPeriods(counters);
        periods.forgotten = in.getLong();
        periods.size = Byte.toUnsignedInt(in.get());
        if (periods.size > KEPT) {
            throw new IllegalStateException(
                    "tenant usage counts %d periods of a kind, the limit is %d".formatted(periods.size, KEPT));
        }
        for (int i = 0; i < periods.size * periods.cells; i++) {
            periods.all[i] = in.getLong();
        }
        return periods;
    }
}
