package io.tidegate.admission;

import io.tidegate.tenant.PeriodLimit.Per;
import java.nio.ByteBuffer;

/**
 * A tenant's use in calendar months (UTC, by record time), for billing: accepted signals, rejected signals, and the
 * bytes of the accepted values, in each of the last {@link NewestPeriods#KEPT} months with signals. A late signal
 * counts in its own month; if that month is not kept any more, it is not counted.
 *
 * <p>Not thread-safe; part of {@link TenantUsage}.
 */
final class MonthlyUse {
    private static final int ACCEPTED = 0;
    private static final int REJECTED = 1;
    private static final int BYTES = 2;
    private static final int COUNTERS = 3;

    /** The only kind of periods. */
    private static final int MONTH = 0;

    private final NewestPeriods months = new NewestPeriods(1, COUNTERS);

    // The month of the last signal, which is nearly always that of the next one.
    private long beginsMs;
    private long endsMs;
    private int place;

    void addAccepted(long atMs, long valueBytes) {
        int at = placeOf(atMs);
        if (at >= 0) {
            months.add(at, ACCEPTED, 1);
            months.add(at, BYTES, valueBytes);
        }
    }

    void addRejected(long atMs) {
        int at = placeOf(atMs);
        if (at >= 0) {
            months.add(at, REJECTED, 1);
        }
    }

    private int placeOf(long atMs) {
        if (atMs < beginsMs || atMs >= endsMs) {
            long month = Per.MONTH.indexOf(atMs);
            place = months.place(MONTH, month);
            beginsMs = Per.MONTH.startOf(month);
            endsMs = beginsMs + Per.MONTH.leftMs(beginsMs);
        }
        return place;
    }

    long accepted(long month) {
        return months.count(MONTH, month, ACCEPTED);
    }

    long rejected(long month) {
        return months.count(MONTH, month, REJECTED);
    }

    long acceptedBytes(long month) {
        return months.count(MONTH, month, BYTES);
    }

    /** Whether a month is too old to be kept. */
    boolean isForgotten(long month) {
        return months.isForgotten(MONTH, month);
    }

    boolean isEmpty() {
        return months.isEmpty(MONTH);
    }

    int bytes() {
        return months.bytes(MONTH);
    }

    void write(ByteBuffer out) {
        months.write(MONTH, out);
    }

    static MonthlyUse read(ByteBuffer in) {
        MonthlyUse use = new MonthlyUse();
        use.months.read(MONTH, in);
        return use;
    }
}
