package io.tidegate.admission;

import io.tidegate.tenant.PeriodLimit.Per;
import java.nio.ByteBuffer;

/**
 * A tenant's accepted signals and bytes in the calendar periods that its config limits: in each of the last {@link
 * NewestPeriods#KEPT} hours, days and months with accepted signals. A late signal counts in its own period.
 *
 * <p>When there are more periods, the oldest one is forgotten. From then on, all periods up to it count as full: a
 * signal that is so late can be rejected too early, and is never accepted wrongly. A signal from the far future takes
 * one of the places, and does not affect the present.
 *
 * <p>Counts only periods that the config limits, from the time the limit is set. Not thread-safe; part of {@link
 * TenantUsage}.
 */
final class PeriodUse {
    private static final int SIGNALS = 0;
    private static final int BYTES = 1;
    private static final int COUNTERS = 2;

    private static final int KINDS = Per.ALL.length;

    private final NewestPeriods counted = new NewestPeriods(KINDS, COUNTERS);

    /** Returns the signals accepted in a period. */
    long signals(Per per, long index) {
        return counted.count(per.ordinal(), index, SIGNALS);
    }

    /** Returns the bytes of values accepted in a period. */
    long bytes(Per per, long index) {
        return counted.count(per.ordinal(), index, BYTES);
    }

    /**
     * Whether a signal fits in a period. False if that period is forgotten.
     *
     * @param per the ordinal of a {@link Per}
     * @param valueBytes the size of the signal's value
     */
    boolean fits(int per, long index, long valueBytes, long signalsMax, long bytesMax) {
        int place = counted.find(per, index);
        if (place < 0 && counted.isForgotten(per, index)) {
            return false;
        }
        return counted.countAt(place, SIGNALS) < signalsMax && valueBytes <= bytesMax - counted.countAt(place, BYTES);
    }

    /** Whether the counters of a period are no longer known. */
    boolean isForgotten(Per per, long index) {
        return counted.isForgotten(per.ordinal(), index);
    }

    /** Returns the first period whose counters are known, after forgotten ones. */
    long firstRemembered(Per per) {
        return counted.firstRemembered(per.ordinal());
    }

    /** The newest period in which something was accepted; -1 if there is none. */
    long newest(Per per) {
        return counted.newest(per.ordinal());
    }

    /** @param per the ordinal of a {@link Per} */
    void add(int per, long index, long valueBytes) {
        int place = counted.place(per, index);
        if (place >= 0) {
            counted.add(place, SIGNALS, 1);
            counted.add(place, BYTES, valueBytes);
        }
    }

    /** @param per the ordinal of a {@link Per} */
    void clear(int per) {
        counted.clear(per);
    }

    int bytes() {
        int sum = 0;
        for (int kind = 0; kind < KINDS; kind++) {
            sum += counted.bytes(kind);
        }
        return sum;
    }

    void write(ByteBuffer out) {
        for (int kind = 0; kind < KINDS; kind++) {
            counted.write(kind, out);
        }
    }

    static PeriodUse read(ByteBuffer in) {
        PeriodUse use = new PeriodUse();
        for (int kind = 0; kind < KINDS; kind++) {
            use.counted.read(kind, in);
        }
        return use;
    }
}
