package io.tidegate.admission;

import io.tidegate.tenant.PeriodLimit;
import io.tidegate.tenant.PeriodLimit.Per;
import io.tidegate.tenant.SignalLimit;
import io.tidegate.tenant.TenantConfig;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/**
 * The limits of a config in the form in which each decision compares them: numbers, in one place in memory. The number
 * of a missing limit is {@link Long#MAX_VALUE}, which no tenant reaches.
 *
 * <p>Immutable; {@link TenantUsage#limits} keeps it as long as the config is in force.
 */
final class Limits {
    private static final long[] NO_PERIODS = {};

    final TenantConfig config;
    final boolean hasRequiredRegions;

    /** Signals before this time are rejected; 0 = none. */
    final long blockedUntilMs;

    final long storageBytesMax;
    final long signalBytesMax;
    final long entitiesMax;
    final long idleTtlMs;

    /** Whether there is a rate; otherwise the rate and its burst are not set. */
    final boolean hasRate;

    final long rate;
    final long burst;

    /** Whether there is a byte rate; otherwise the byte rate and its burst are not set. */
    final boolean hasByteRate;

    final long byteRate;
    final long byteBurst;

    /** The maximum signals and bytes of each calendar period, by {@link Per}; empty if no period has a limit. */
    private final long[] periodMax;

    /** A bit for each limited period, by {@link Per}. */
    private final int limitedPeriods;

    /** Whether values of {@code signal} have limits. */
    final boolean hasSignals;

    /** The limits of values of {@code signal}. */
    final Map<String, SignalLimit> signals;

    Limits(TenantConfig config) {
        this.config = config;
        hasRequiredRegions = !config.requiredRegions().isEmpty();
        blockedUntilMs =
                config.blockedUntil() == null ? 0 : config.blockedUntil().toEpochMilli();
        storageBytesMax = config.storageLimit();
        signalBytesMax = config.signalBytesLimit();
        entitiesMax = config.entityLimit();
        idleTtlMs = config.idleTtlMs();
        hasRate = config.maxSignalsPerSec() != null;
        rate = config.maxSignalsPerSec() == null ? 0 : config.maxSignalsPerSec();
        burst = hasRate ? config.burst() : 0;
        hasByteRate = config.maxBytesPerSec() != null;
        byteRate = hasByteRate ? config.bytesPerSec() : 0;
        byteBurst = hasByteRate ? config.bytesBurst() : 0;
        List<PeriodLimit> periods = config.periods();
        periodMax = periods.isEmpty() ? NO_PERIODS : new long[2 * Per.ALL.length];
        Arrays.fill(periodMax, Long.MAX_VALUE);
        int limited = 0;
        for (PeriodLimit limit : periods) {
            int per = limit.per().ordinal();
            periodMax[2 * per] = limit.signalsMax();
            periodMax[2 * per + 1] = limit.bytesMax();
            limited |= 1 << per;
        }
        limitedPeriods = limited;
        signals = config.signals();
        hasSignals = !signals.isEmpty();
    }

    /** Whether a period has a limit. */
    boolean hasPeriods() {
        return limitedPeriods != 0;
    }

    /** @param per the ordinal of a {@link Per} */
    boolean isLimited(int per) {
        return (limitedPeriods & 1 << per) != 0;
    }

    /**
     * Returns the limit of a period in signals. Requires {@link #hasPeriods}.
     *
     * @param per the ordinal of a {@link Per}
     */
    long signalsMax(int per) {
        return periodMax[2 * per];
    }

    /**
     * Returns the limit of a period in bytes of values. Requires {@link #hasPeriods}.
     *
     * @param per the ordinal of a {@link Per}
     */
    long bytesMax(int per) {
        return periodMax[2 * per + 1];
    }
}
