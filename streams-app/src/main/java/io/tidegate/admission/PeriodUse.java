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

    private final NewestPeriods[] counted = new NewestPeriods[Per.ALL.length];

    PeriodUse() {
        for (int i = 0; i < counted.length; i++) {
            counted[i] = new NewestPeriods(COUNTERS);
        }
    }

    /** Returns the signals accepted in a period. */
    long signals(Per per, long index) {
        return counted[per.ordinal()].count(index, SIGNALS);
    }

    /** Returns the bytes of values accepted in a period. */
    long bytes(Per per, long index) {
        return counted[per.ordinal()].count(index, BYTES);
    }

    /**
     * Whether a signal fits in a period. False if that period is forgotten.
     *
     * @param valueBytes the size of the signal's value
     */
    boolean fits(Per per, long index, long valueBytes, long signalsMax, long bytesMax) {
        NewestPeriods of = counted[per.ordinal()];
        int place = of.find(index);
        if (place < 0 && of.isForgotten(index)) {
            return false;
        }
        return of.countAt(place, SIGNALS) < signalsMax && valueBytes <= bytesMax - of.countAt(place, BYTES);
    }

    /** Whether the counters of a period are no longer known. */
    boolean isForgotten(Per per, long index) {
        return counted[per.ordinal()].isForgotten(index);
    }

    /** Returns the first period whose counters are known, after forgotten ones. */
    long firstRemembered(Per per) {
        return counted[per.ordinal()].firstRemembered();
    }

    /** The newest period in which something was accepted; -1 if there is none. */
    long newest(Per per) {
        return counted[per.ordinal()].newest();
    }

    void add(Per per, long index, long valueBytes) {
        NewestPeriods of = counted[per.ordinal()];
        int place = of.place(index);
        if (place >= 0) {
            of.add(place, SIGNALS, 1);
            of.add(place, BYTES, valueBytes);
        }
    }

    void clear(Per per) {
        counted[per.ordinal()].clear();
    }

    int bytes() {
        int sum = 0;
        for (NewestPeriods of : counted) {
            sum += of.bytes();
        }
        return sum;
    }

    void write(ByteBuffer out) {
        for (NewestPeriods of : counted) {
            of.write(out);
        }
    }

    static PeriodUse read(ByteBuffer in) {
        PeriodUse use = new PeriodUse();
        for (int i = 0; i < use.counted.length; i++) {
            use.counted[i] = NewestPeriods.read(in, COUNTERS);
        }
        return use;
    }
}
