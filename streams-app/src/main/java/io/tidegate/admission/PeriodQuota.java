package io.tidegate.admission;

import io.tidegate.tenant.PeriodLimit.Per;

/** The quotas of calendar periods: signals or bytes. */
public enum PeriodQuota {
    HOUR_SIGNALS(Per.HOUR, false),
    HOUR_BYTES(Per.HOUR, true),
    DAY_SIGNALS(Per.DAY, false),
    DAY_BYTES(Per.DAY, true),
    MONTH_SIGNALS(Per.MONTH, false),
    MONTH_BYTES(Per.MONTH, true);

    static final PeriodQuota[] ALL = values();

    private final Per per;
    private final boolean ofBytes;

    PeriodQuota(Per per, boolean ofBytes) {
        this.per = per;
        this.ofBytes = ofBytes;
    }

    static PeriodQuota of(Per per, boolean ofBytes) {
        return ALL[2 * per.ordinal() + (ofBytes ? 1 : 0)];
    }

    public Per per() {
        return per;
    }

    public boolean ofBytes() {
        return ofBytes;
    }
}
