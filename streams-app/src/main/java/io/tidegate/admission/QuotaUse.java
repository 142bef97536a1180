package io.tidegate.admission;

import io.tidegate.signal.Signal;
import io.tidegate.tenant.PeriodLimit;
import io.tidegate.tenant.TenantConfig;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A tenant's use of its quotas, in percent of each limit, rounded down. A limit of 0 is used up; a quota without a
 * limit is 0. Above 100 if a limit was lowered below the current use.
 */
public final class QuotaUse {
    private static final int PERCENT = 100;

    /** How long the last level of a rate counts as sustained if the tenant sends nothing. */
    private static final long RATE_HOLDS_MS = 2 * QuotaWatch.WINDOW_MS;

    private QuotaUse() {}

    /**
     * Returns the largest share of the rates, periods, entities and storage.
     *
     * @param usage null for a tenant without any decision
     * @param config null for an unknown tenant, which is rejected and has no limits to use
     */
    public static long percent(@Nullable TenantUsage usage, @Nullable TenantConfig config, long nowMs) {
        if (config == null) {
            return 0;
        }
        long percent = 0;
        if (config.maxSignalsPerSec() != null) {
            percent = ratePercent(usage, nowMs);
        }
        if (config.maxBytesPerSec() != null) {
            percent = Math.max(percent, byteRatePercent(usage, nowMs));
        }
        for (String type : config.signals().keySet()) {
            percent = Math.max(percent, signalRatePercent(usage, type, nowMs));
        }
        if (config.limitsEntities()) {
            for (EntityKind kind : EntityKind.ALL) {
                percent = Math.max(percent, entitiesPercent(usage, config, kind));
            }
        }
        if (config.maxEntities() != null) {
            percent = Math.max(percent, entitiesPercent(usage, config));
        }
        for (PeriodLimit limit : config.periods()) {
            percent = Math.max(percent, periodPercent(usage, limit, nowMs));
        }
        if (config.maxStorageBytes() != null) {
            percent = Math.max(percent, storagePercent(usage, config));
        }
        return percent;
    }

    /**
     * Returns a tenant's use of the limits of the period that contains a time: the larger share of signals and bytes.
     */
    public static long periodPercent(@Nullable TenantUsage usage, PeriodLimit limit, long nowMs) {
        long signals = usage == null ? 0 : usage.periodSignals(limit.per(), nowMs);
        long bytes = usage == null ? 0 : usage.periodBytes(limit.per(), nowMs);
        return Math.max(
                limit.maxSignals() == null ? 0 : share(signals, limit.signalsMax()),
                limit.maxBytes() == null ? 0 : share(bytes, limit.bytesMax()));
    }

    /**
     * A tenant's use of one limit of signals or bytes, in the period that contains a time.
     *
     * @param of the limit, which can have both
     * @param bytes whether this is the use of its bytes, not of its signals
     */
    public record PeriodUse(PeriodLimit of, boolean bytes, long used) {
        public long limit() {
            return bytes ? of.bytesMax() : of.signalsMax();
        }

        public long percent() {
            return share(used, limit());
        }
    }

    /** Returns a tenant's use of each limit of signals or bytes in a period: at most six. */
    public static List<PeriodUse> periods(@Nullable TenantUsage usage, TenantConfig config, long nowMs) {
        List<PeriodUse> uses = new ArrayList<>();
        for (PeriodLimit limit : config.periods()) {
            if (limit.maxSignals() != null) {
                uses.add(new PeriodUse(limit, false, usage == null ? 0 : usage.periodSignals(limit.per(), nowMs)));
            }
            if (limit.maxBytes() != null) {
                uses.add(new PeriodUse(limit, true, usage == null ? 0 : usage.periodBytes(limit.per(), nowMs)));
            }
        }
        return uses;
    }

    /** Returns the most used limit, the first of several equally used ones; null if there is none. */
    public static @Nullable PeriodUse mostUsed(List<PeriodUse> uses) {
        PeriodUse most = null;
        for (PeriodUse use : uses) {
            most = most == null || use.percent() > most.percent() ? use : most;
        }
        return most;
    }

    /** Returns the level that the sustained rate reached, 0, 80, 90 or 100; 0 again when the tenant stops sending. */
    public static long ratePercent(@Nullable TenantUsage usage, long nowMs) {
        return level(QuotaWatch.Quota.RATE, usage, nowMs);
    }

    /** Returns the same for the rate of bytes. */
    public static long byteRatePercent(@Nullable TenantUsage usage, long nowMs) {
        return level(QuotaWatch.Quota.BYTE_RATE, usage, nowMs);
    }

    /** Returns the same for the rate of one value of {@code signal}. */
    public static long signalRatePercent(@Nullable TenantUsage usage, String type, long nowMs) {
        return usage == null || nowMs - usage.lastDecisionMs() > RATE_HOLDS_MS ? 0 : usage.signalLevel(type);
    }

    private static long level(QuotaWatch.Quota rate, @Nullable TenantUsage usage, long nowMs) {
        return usage == null || nowMs - usage.lastDecisionMs() > RATE_HOLDS_MS
                ? 0
                : usage.watch().level(rate);
    }

    /** Returns a tenant's use of its limit of a kind; 0 if there is no limit. */
    public static long entitiesPercent(@Nullable TenantUsage usage, TenantConfig config, EntityKind kind) {
        long max = kind.maxIn(config);
        return max == Long.MAX_VALUE ? 0 : share(usage == null ? 0 : usage.entityCount(kind), max);
    }

    public static long entitiesPercent(@Nullable TenantUsage usage, TenantConfig config) {
        return share(usage == null ? 0 : usage.entityCount(), config.entityLimit());
    }

    /** Whether a signal names an entity of a kind whose limit the tenant has reached. */
    public static boolean namesFullKind(TenantUsage usage, TenantConfig config, Signal signal) {
        for (EntityKind kind : EntityKind.ALL) {
            if (!kind.idsIn(signal).isEmpty() && usage.entityCount(kind) >= kind.maxIn(config)) {
                return true;
            }
        }
        return false;
    }

    public static long storagePercent(@Nullable TenantUsage usage, TenantConfig config) {
        return share(usage == null ? 0 : usage.sealedBytes(), config.storageLimit());
    }

    /** Returns {@code used} in percent of a limit. */
    public static long share(long used, long limit) {
        if (limit == 0) {
            return PERCENT;
        }
        return used > Long.MAX_VALUE / PERCENT ? used / Math.max(1, limit / PERCENT) : used * PERCENT / limit;
    }
}
