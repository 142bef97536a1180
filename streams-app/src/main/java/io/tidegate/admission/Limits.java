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
    final List<String> requiredRegions;

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

    /** The limits of calendar periods, by length. */
    final List<PeriodLimit> periods;

    /** Indexed by {@link Per}. */
    private final long[] periodSignals;

    private final long[] periodBytes;

    /** The limits of values of {@code signal}. */
    final Map<String, SignalLimit> signals;

    Limits(TenantConfig config) {
        this.config = config;
        requiredRegions = config.requiredRegions();
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
        periods = config.periods();
        periodSignals = unlimited(periods);
        periodBytes = unlimited(periods);
        for (PeriodLimit limit : periods) {
            periodSignals[limit.per().ordinal()] = limit.signalsMax();
            periodBytes[limit.per().ordinal()] = limit.bytesMax();
        }
        signals = config.signals();
    }

    private static long[] unlimited(List<PeriodLimit> periods) {
        if (periods.isEmpty()) {
            return NO_PERIODS;
        }
        long[] max = new long[Per.ALL.length];
        Arrays.fill(max, Long.MAX_VALUE);
        return max;
    }

    /** Returns the limit of a period in signals. */
    long signalsMax(Per per) {
        return periodSignals[per.ordinal()];
    }

    boolean isLimited(Per per) {
        // By index: an iterator would be allocated for each accepted signal.
        for (int i = 0; i < periods.size(); i++) {
            if (periods.get(i).per() == per) {
                return true;
            }
        }
        return false;
    }

    /** Returns the limit of a period in bytes of values. */
    long bytesMax(Per per) {
        return periodBytes[per.ordinal()];
    }
}
