package io.tidegate.admission;

import java.nio.ByteBuffer;

/**
 * Counters for the newest periods of one kind, by the number of the period. A late signal counts in its own period.
 *
 * <p>When there are more than {@link #KEPT}, the oldest period is forgotten, and with it all before it. Not thread-safe.
 */
final class NewestPeriods {
    /** Periods that are counted. */
    static final int KEPT = 4;

    private static final long NONE = -1;

    private final int counters;
    private long forgotten = NONE;
    private int size;
    private final long[] index = new long[KEPT];
    /** The counters of each period, one period after the other. */
    private final long[] counts;

    /** @param counters of each period */
    NewestPeriods(int counters) {
        this.counters = counters;
        counts = new long[KEPT * counters];
    }

    /** Where a period is; -1 if nothing was counted in it. The place is valid until the next {@link #place}. */
    int find(long wanted) {
        for (int i = size - 1; i >= 0; i--) {
            if (index[i] == wanted) {
                return i;
            }
        }
        return -1;
    }

    /** Where a period is, which gets a place if it has none; -1 if it is forgotten. */
    int place(long wanted) {
        int found = find(wanted);
        if (found >= 0 || wanted <= forgotten) {
            return found;
        }
        if (size == KEPT) {
            if (wanted < index[0]) {
                forgotten = wanted;
                return -1;
            }
            forgotten = index[0];
            move(1, 0, size - 1);
            size--;
        }
        int at = size;
        while (at > 0 && index[at - 1] > wanted) {
            at--;
        }
        move(at, at + 1, size - at);
        index[at] = wanted;
        for (int i = 0; i < counters; i++) {
            counts[at * counters + i] = 0;
        }
        size++;
        return at;
    }

    private void move(int from, int to, int periods) {
        System.arraycopy(index, from, index, to, periods);
        System.arraycopy(counts, from * counters, counts, to * counters, periods * counters);
    }

    /** @param place from {@link #place} */
    void add(int place, int counter, long count) {
        counts[place * counters + counter] += count;
    }

    /** A counter of a period; 0 if nothing was counted in it. */
    long count(long wanted, int counter) {
        int found = find(wanted);
        return found < 0 ? 0 : counts[found * counters + counter];
    }

    /** Whether it is not known any more what was counted in a period. */
    boolean isForgotten(long wanted) {
        return wanted <= forgotten;
    }

    /** The newest period in which something was counted; -1 if there is none. */
    long newest() {
        return size == 0 ? NONE : index[size - 1];
    }

    boolean isEmpty() {
        return size == 0;
    }

    /** The size of the stored form. */
    int bytes() {
        return Long.BYTES + 1 + size * (1 + counters) * Long.BYTES;
    }

    void write(ByteBuffer out) {
        out.putLong(forgotten).put((byte) size);
        for (int i = 0; i < size; i++) {
            out.putLong(index[i]);
            for (int counter = 0; counter < counters; counter++) {
                out.putLong(counts[i * counters + counter]);
            }
        }
    }

    /** @throws IllegalStateException if there are more periods than are kept */
    static NewestPeriods read(ByteBuffer in, int counters) {
        NewestPeriods periods = new NewestPeriods(counters);
        periods.forgotten = in.getLong();
        periods.size = Byte.toUnsignedInt(in.get());
        if (periods.size > KEPT) {
            throw new IllegalStateException(
                    "tenant usage counts %d periods of a kind, the limit is %d".formatted(periods.size, KEPT));
        }
        for (int i = 0; i < periods.size; i++) {
            periods.index[i] = in.getLong();
            for (int counter = 0; counter < counters; counter++) {
                periods.counts[i * counters + counter] = in.getLong();
            }
        }
        return periods;
    }
}
