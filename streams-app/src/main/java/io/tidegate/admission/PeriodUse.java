package io.tidegate.admission;

import io.tidegate.tenant.PeriodLimit.Per;
import java.nio.ByteBuffer;

/**
 * What a tenant got accepted in calendar periods: signals and bytes in each of the last {@link #KEPT} hours, days and months
 * in which it sent any. A late signal counts in its own period.
 *
 * <p>When there are more periods, the oldest one is forgotten. From then on, periods up to it count as full: a signal that is
 * so late can be rejected too early, and is never accepted wrongly. A signal from the far future takes one of the
 * places, and nothing from the present.
 *
 * <p>Counts only the periods that the config limits, from the moment it does. Not thread-safe; part of {@link TenantUsage}.
 */
final class PeriodUse {
    /** Periods of a kind that are counted. */
    static final int KEPT = 4;

    private static final long NONE = -1;

    /** The newest periods of a kind, by number. */
    private static final class Counted {
        private long forgotten = NONE;
        private int size;
        private final long[] index = new long[KEPT];
        private final long[] signals = new long[KEPT];
        private final long[] bytes = new long[KEPT];

        int find(long wanted) {
            for (int i = size - 1; i >= 0; i--) {
                if (index[i] == wanted) {
                    return i;
                }
            }
            return -1;
        }

        void add(long wanted, long size0) {
            int i = find(wanted);
            if (i < 0) {
                if (wanted <= forgotten) {
                    return;
                }
                i = insert(wanted);
            }
            if (i >= 0) {
                signals[i]++;
                bytes[i] += size0;
            }
        }

        /** Where the period is now; -1 if it is older than all that are kept. */
        private int insert(long wanted) {
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
            signals[at] = 0;
            bytes[at] = 0;
            size++;
            return at;
        }

        private void move(int from, int to, int count) {
            System.arraycopy(index, from, index, to, count);
            System.arraycopy(signals, from, signals, to, count);
            System.arraycopy(bytes, from, bytes, to, count);
        }
    }

    private final Counted[] counted = new Counted[Per.ALL.length];

    PeriodUse() {
        for (int i = 0; i < counted.length; i++) {
            counted[i] = new Counted();
        }
    }

    /** Signals accepted in a period. */
    long signals(Per per, long index) {
        Counted of = counted[per.ordinal()];
        int i = of.find(index);
        return i < 0 ? 0 : of.signals[i];
    }

    /** Bytes of values accepted in a period. */
    long bytes(Per per, long index) {
        Counted of = counted[per.ordinal()];
        int i = of.find(index);
        return i < 0 ? 0 : of.bytes[i];
    }

    /** Whether it is not known any more what was accepted in a period. */
    boolean isForgotten(Per per, long index) {
        return index <= counted[per.ordinal()].forgotten;
    }

    /** The newest period in which something was accepted; -1 if there is none. */
    long newest(Per per) {
        Counted of = counted[per.ordinal()];
        return of.size == 0 ? NONE : of.index[of.size - 1];
    }

    void add(Per per, long index, long valueBytes) {
        counted[per.ordinal()].add(index, valueBytes);
    }

    int bytes() {
        int sum = 0;
        for (Counted of : counted) {
            sum += Long.BYTES + 1 + of.size * 3 * Long.BYTES;
        }
        return sum;
    }

    void write(ByteBuffer out) {
        for (Counted of : counted) {
            out.putLong(of.forgotten).put((byte) of.size);
            for (int i = 0; i < of.size; i++) {
                out.putLong(of.index[i]).putLong(of.signals[i]).putLong(of.bytes[i]);
            }
        }
    }

    static PeriodUse read(ByteBuffer in) {
        PeriodUse use = new PeriodUse();
        for (Counted of : use.counted) {
            of.forgotten = in.getLong();
            of.size = Byte.toUnsignedInt(in.get());
            if (of.size > KEPT) {
                throw new IllegalStateException(
                        "tenant usage counts %d periods of a kind, the limit is %d".formatted(of.size, KEPT));
            }
            for (int i = 0; i < of.size; i++) {
                of.index[i] = in.getLong();
                of.signals[i] = in.getLong();
                of.bytes[i] = in.getLong();
            }
        }
        return use;
    }
}
