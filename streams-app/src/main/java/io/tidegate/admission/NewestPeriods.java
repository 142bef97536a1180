package io.tidegate.admission;

import java.nio.ByteBuffer;
import java.util.Arrays;

/**
 * Counters for the newest periods of some kinds, such as hours and days, by the number of the period. A late signal
 * counts in its own period.
 *
 * <p>When there are more than {@link #KEPT} periods of a kind, the oldest one is forgotten, along with all periods before
 * it. Not thread-safe.
 */
final class NewestPeriods {
    /** The number of periods of each kind that are kept. */
    static final int KEPT = 4;

    private static final long NONE = -1;

    /** In the place of the newest period: a number that no period has. */
    private static final long EMPTY = Long.MIN_VALUE;

    /** The first cells of a kind: the newest period that is forgotten, and the number of periods. */
    private static final int FORGOTTEN = 0;

    private static final int SIZE = 1;
    private static final int HEAD_CELLS = 2;

    /** The number of cells per period: its number and its counters. */
    private final int cells;

    private final int cellsOfKind;

    /**
     * The cells of all kinds, one after the other: a decision with limits of several kinds reads one place in memory. The
     * periods of a kind are ordered from the newest, which is nearly always the wanted one; it is {@link #EMPTY} if
     * there is none.
     */
    private final long[] all;

    /**
     * @param kinds the number of kinds of periods
     * @param counters the number of counters per period
     */
    NewestPeriods(int kinds, int counters) {
        cells = 1 + counters;
        cellsOfKind = HEAD_CELLS + KEPT * cells;
        all = new long[kinds * cellsOfKind];
        for (int kind = 0; kind < kinds; kind++) {
            clear(kind);
        }
    }

    /**
     * Returns the place of a period; -1 if nothing was counted in it. The place is valid until the next {@link #place}.
     */
    int find(int kind, long wanted) {
        int newest = newestOf(kind);
        return all[newest] == wanted ? newest : findOlder(newest + cells, endOf(kind), wanted);
    }

    private int findOlder(int from, int end, long wanted) {
        for (int place = from; place < end; place += cells) {
            if (all[place] == wanted) {
                return place;
            }
        }
        return -1;
    }

    private int newestOf(int kind) {
        return kind * cellsOfKind + HEAD_CELLS;
    }

    /** Returns the place after the oldest period. */
    private int endOf(int kind) {
        return newestOf(kind) + size(kind) * cells;
    }

    private int size(int kind) {
        return (int) all[kind * cellsOfKind + SIZE];
    }

    private void size(int kind, int periods) {
        all[kind * cellsOfKind + SIZE] = periods;
    }

    private long forgotten(int kind) {
        return all[kind * cellsOfKind + FORGOTTEN];
    }

    private void forget(int kind, long upTo) {
        all[kind * cellsOfKind + FORGOTTEN] = upTo;
    }

    /** Returns the place of a period, adding the period if necessary; -1 if it is forgotten. */
    int place(int kind, long wanted) {
        int found = find(kind, wanted);
        return found >= 0 || wanted <= forgotten(kind) ? found : add(kind, wanted);
    }

    private int add(int kind, long wanted) {
        if (size(kind) == KEPT) {
            long oldest = all[endOf(kind) - cells];
            if (wanted < oldest) {
                forget(kind, wanted);
                return -1;
            }
            forget(kind, oldest);
            size(kind, KEPT - 1);
        }
        int end = endOf(kind);
        int place = newestOf(kind);
        while (place < end && all[place] > wanted) {
            place += cells;
        }
        System.arraycopy(all, place, all, place + cells, end - place);
        all[place] = wanted;
        Arrays.fill(all, place + 1, place + cells, 0);
        size(kind, size(kind) + 1);
        return place;
    }

    /** @param place from {@link #place} */
    void add(int place, int counter, long count) {
        all[place + 1 + counter] += count;
    }

    /** Returns a counter of a period; 0 if nothing was counted in it. */
    long count(int kind, long wanted, int counter) {
        return countAt(find(kind, wanted), counter);
    }

    /** @param place from {@link #find} */
    long countAt(int place, int counter) {
        return place < 0 ? 0 : all[place + 1 + counter];
    }

    /** Whether the counters of a period are no longer known. */
    boolean isForgotten(int kind, long wanted) {
        return wanted <= forgotten(kind);
    }

    long firstRemembered(int kind) {
        return forgotten(kind) + 1;
    }

    /** The newest period of a kind in which something was counted; -1 if there is none. */
    long newest(int kind) {
        return size(kind) == 0 ? NONE : all[newestOf(kind)];
    }

    void clear(int kind) {
        all[newestOf(kind)] = EMPTY;
        size(kind, 0);
        forget(kind, NONE);
    }

    boolean isEmpty(int kind) {
        return size(kind) == 0;
    }

    /** The size of the stored form of a kind. */
    int bytes(int kind) {
        return Long.BYTES + 1 + size(kind) * cells * Long.BYTES;
    }

    void write(int kind, ByteBuffer out) {
        out.putLong(forgotten(kind)).put((byte) size(kind));
        // From the oldest on.
        for (int place = endOf(kind) - cells; place >= newestOf(kind); place -= cells) {
            for (int i = place; i < place + cells; i++) {
                out.putLong(all[i]);
            }
        }
    }

    /** @throws IllegalStateException if there are more than {@link #KEPT} periods */
    void read(int kind, ByteBuffer in) {
        forget(kind, in.getLong());
        int periods = Byte.toUnsignedInt(in.get());
        if (periods > KEPT) {
            throw new IllegalStateException(
                    "tenant usage counts %d periods of a kind, the limit is %d".formatted(periods, KEPT));
        }
        all[newestOf(kind)] = EMPTY;
        size(kind, periods);
        for (int place = endOf(kind) - cells; place >= newestOf(kind); place -= cells) {
            for (int i = place; i < place + cells; i++) {
                all[i] = in.getLong();
            }
        }
    }
}
