package io.tidegate.admission;

import io.tidegate.tenant.TenantConfig;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * Detects when a tenant crosses 80, 90 or 100 % of a quota, or falls back below.
 *
 * <p>A level is reached at its share and left 5 points below it, so a tenant at the edge is not reported again and
 * again. A function of the decisions and the configs only: no clock is read, so a quota is checked when a signal or a
 * command of the tenant arrives, and not in between.
 *
 * <p>The share of a rate, of signals or bytes, is that of the last full ten seconds of record time (0–10, 10–20, … s of
 * a minute): the signals that were accepted, or rejected for the rate alone, divided by the number that the rate allows
 * in that time. Late signals count at their own time. While they arrive, the share is the highest one of the windows
 * that they may still belong to ({@link RateWindows}). Above 100 %, signals are rejected because of the rate, and not
 * only because of a burst.
 *
 * <p>Not thread-safe; part of {@link TenantUsage}.
 */
public final class QuotaWatch {
    /** The watched quotas. The order is part of the stored format of {@link TenantUsage}. */
    public enum Quota {
        RATE,
        ENTITIES,
        STORAGE,
        BYTE_RATE,
        ITEMS,
        USERS,
        CREATORS,
        HOUR_SIGNALS,
        HOUR_BYTES,
        DAY_SIGNALS,
        DAY_BYTES,
        MONTH_SIGNALS,
        MONTH_BYTES,
        /** One value of {@code signal}. Its level is stored with its bucket, so the level stored here is always 0. */
        SIGNAL_RATE;

        private static final Quota[] ALL = values();
        private final String id = name().toLowerCase(Locale.ROOT);

        /** The id in {@code quota-events}, such as {@code rate}. */
        public String id() {
            return id;
        }
    }

    /**
     * A level that was reached or left.
     *
     * @param quota the quota
     * @param levelBefore the level before, in percent: 0, 80, 90 or 100
     * @param level the level now
     * @param share the use in percent of the limit, rounded down
     * @param used the use: signals in ten seconds or in the period, entities or bytes
     * @param limit the limit in the same unit; -1 if there is none (any more)
     * @param signal the value of {@code signal} whose rate it is; null for another quota
     */
    public record Crossing(
            Quota quota,
            int levelBefore,
            int level,
            long share,
            long used,
            long limit,
            @Nullable String signal) {
        public boolean rising() {
            return level > levelBefore;
        }
    }

    /** The ten seconds over which a rate counts as sustained. */
    public static final long WINDOW_MS = RateWindows.WINDOW_MS;

    private static final long WINDOW_S = WINDOW_MS / 1_000;
    private static final int[] LEVELS = {100, 90, 80};
    private static final int HYSTERESIS = 5;
    private static final long NONE = -1;

    private byte[] levels = new byte[Quota.ALL.length];
    private final RateWindows windows = new RateWindows();

    /** Null until the tenant has a byte rate. */
    private @Nullable RateWindows byteWindows;

    /**
     * The highest count when a window has just ended. Not stored, because it is consumed by the signal that ended the
     * window.
     */
    private long finished = NONE;

    private long finishedBytes = NONE;

    /** Counts a signal that is accepted, or rejected for the rate alone, at its own time. */
    void wanted(long atMs, long latenessMaxMs) {
        if (windows.count(atMs, 1, latenessMaxMs)) {
            finished = windows.highest();
        }
    }

    /** Counts the bytes of a signal that is accepted, or rejected for the byte rate alone, at its own time. */
    void wantedBytes(int bytes, long atMs, long latenessMaxMs) {
        RateWindows counted = byteWindows();
        if (counted.count(atMs, bytes, latenessMaxMs)) {
            finishedBytes = counted.highest();
        }
    }

    /** Returns the crossings since the last call. */
    public List<Crossing> look(TenantConfig config, TenantUsage usage) {
        Limits limits = usage.limits(config);
        List<Crossing> found = List.of();
        found = lookAtRate(Quota.RATE, finished, limits.hasRate ? limits.rate * WINDOW_S : NONE, found);
        finished = NONE;
        long bytes = limits.hasByteRate ? tenSeconds(limits.byteRate) : NONE;
        found = lookAtRate(Quota.BYTE_RATE, finishedBytes, bytes, found);
        finishedBytes = NONE;
        if (usage.signals != null) {
            found = usage.signals.look(found);
        }
        for (EntityKind kind : EntityKind.ALL) {
            found = look(of(kind), usage.entityCount(kind), limited(kind.maxIn(config)), found);
        }
        if (limits.hasPeriods() || watchesPeriods()) {
            for (PeriodQuota quota : PeriodQuota.ALL) {
                found = lookAtPeriod(quota, limits, usage, found);
            }
        }
        found = look(Quota.ENTITIES, usage.entityCount(), limited(limits.entitiesMax), found);
        return look(Quota.STORAGE, usage.sealedBytes(), limited(limits.storageBytesMax), found);
    }

    /** Checks a rate when a window has ended, or when there is no limit any more: then no window is counted. */
    private List<Crossing> lookAtRate(Quota quota, long highest, long limit, List<Crossing> found) {
        return highest == NONE && limit != NONE ? found : look(quota, Math.max(0, highest), limit, found);
    }

    /** Whether a level of a period's quota was reached, whose limit may not be in force any more. */
    private boolean watchesPeriods() {
        for (PeriodQuota quota : PeriodQuota.ALL) {
            if (levels[of(quota).ordinal()] != 0) {
                return true;
            }
        }
        return false;
    }

    /** Checks the newest period, so a level is left when the first signal of the next period is accepted. */
    private List<Crossing> lookAtPeriod(PeriodQuota quota, Limits limits, TenantUsage usage, List<Crossing> found) {
        int per = quota.per().ordinal();
        long limit =
                limits.hasPeriods() ? limited(quota.ofBytes() ? limits.bytesMax(per) : limits.signalsMax(per)) : NONE;
        PeriodUse use = usage.periods;
        long newest = use == null ? NONE : use.newest(quota.per());
        long used =
                use == null ? 0 : quota.ofBytes() ? use.bytes(quota.per(), newest) : use.signals(quota.per(), newest);
        return look(of(quota), used, limit, found);
    }

    /** Returns the watched quota of a period. */
    static Quota of(PeriodQuota quota) {
        return Quota.ALL[Quota.HOUR_SIGNALS.ordinal() + quota.ordinal()];
    }

    private static long tenSeconds(long perSec) {
        return perSec > Long.MAX_VALUE / WINDOW_S ? Long.MAX_VALUE : perSec * WINDOW_S;
    }

    /** Returns the watched quota of a kind of entities. */
    public static Quota of(EntityKind kind) {
        return switch (kind) {
            case ITEM -> Quota.ITEMS;
            case USER -> Quota.USERS;
            case CREATOR -> Quota.CREATORS;
        };
    }

    private List<Crossing> look(Quota quota, long used, long limit, List<Crossing> found) {
        int before = levels[quota.ordinal()];
        if (limit == NONE && before == 0) {
            return found;
        }
        long share = limit == NONE ? 0 : share(used, limit);
        int level = level(share, before);
        if (level == before) {
            return found;
        }
        levels[quota.ordinal()] = (byte) level;
        List<Crossing> more = new ArrayList<>(found);
        more.add(new Crossing(quota, before, level, share, used, limit, null));
        return more;
    }

    /** Returns the crossing of the rate of a value of {@code signal}; null if its level stays the same. */
    static @Nullable Crossing crossing(String signal, int before, long used, long perSec) {
        long limit = tenSeconds(perSec);
        long share = share(used, limit);
        int level = level(share, before);
        return level == before ? null : new Crossing(Quota.SIGNAL_RATE, before, level, share, used, limit, signal);
    }

    private static int level(long share, int before) {
        for (int level : LEVELS) {
            if (share >= level || (before >= level && share >= level - HYSTERESIS)) {
                return level;
            }
        }
        return 0;
    }

    /** Percent, rounded down; 100 if the limit is 0. */
    private static long share(long used, long limit) {
        if (limit == 0) {
            return 100;
        }
        return used <= Long.MAX_VALUE / 100 ? used * 100 / limit : used / Math.max(1, limit / 100);
    }

    private static long limited(long max) {
        return max == Long.MAX_VALUE ? NONE : max;
    }

    /** Returns the level that is reached, in percent: 0, 80, 90 or 100. */
    public int level(Quota quota) {
        return levels[quota.ordinal()];
    }

    RateWindows windows() {
        return windows;
    }

    /** Returns the windows of bytes; creates them on first use. */
    RateWindows byteWindows() {
        if (byteWindows == null) {
            byteWindows = new RateWindows();
        }
        return byteWindows;
    }

    /** Whether bytes were counted. */
    boolean hasByteWindows() {
        return byteWindows != null && !byteWindows.isEmpty();
    }

    int bytes() {
        return 2 * Long.BYTES
                + 1
                + levels.length
                + windows.bytesBefore()
                + (byteWindows == null ? 0 : byteWindows.bytesBefore());
    }

    void write(ByteBuffer out) {
        windows.writeNewest(out);
        out.put((byte) levels.length).put(levels);
    }

    void readWindow(ByteBuffer in) {
        windows.readNewest(in);
    }

    /** Reads the levels of {@code stored} quotas; those of a newer build stay after the known ones. */
    void readLevels(ByteBuffer in, int stored) {
        levels = new byte[Math.max(stored, Quota.ALL.length)];
        in.get(levels, 0, stored);
    }
}
