package io.tidegate.admission;

import io.tidegate.tenant.PeriodLimit.Per;
import java.nio.ByteBuffer;

/**
 * What a tenant got accepted in calendar periods that its config limits: signals and bytes in each of the last
 * {@link NewestPeriods#KEPT} hours, days and months in which it sent any. A late signal counts in its own period.
 *
 * <p>When there are more periods, the oldest one is forgotten. From then on, periods up to it count as full: a signal that is
 * so late can be rejected too early, and is never accepted wrongly. A signal from the far future takes one of the
 * places, and nothing from the present.
 *
 * <p>Counts only the periods that the config limits, from the moment it does. Not thread-safe; part of {@link TenantUsage}.
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

    /** Signals accepted in a period. */
    long signals(Per per, long index) {
        return counted[per.ordinal()].count(index, SIGNALS);
    }

    /** Bytes of values accepted in a period. */
    long bytes(Per per, long index) {
        return counted[per.ordinal()].count(index, BYTES);
    }

    /**
     * Whether a signal fits in a period: it does not if that period is forgotten.
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

    /** Whether it is not known any more what was accepted in a period. */
    boolean isForgotten(Per per, long index) {
        return counted[per.ordinal()].isForgotten(index);
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
