package io.tidegate.tools;

import io.tidegate.tenant.TenantId;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/**
 * Decides when a replay may send its next signal: at its own pace over all tenants, and at half of the tenant's rates, which
 * leaves room for new signals. Time is passed in. Not thread-safe.
 */
final class ReplayPace {
    /** Tenants whose next time is held. Beyond this number, those that are already due are removed. */
    static final int TENANTS_MAX = 100_000;

    private static final long SECOND = TimeUnit.SECONDS.toNanos(1);

    private final long perSec;
    private final Map<TenantId, Long> nextOfTenant = new HashMap<>();
    private long next;
    private boolean begun;

    /** @param perSec signals per second over all tenants, positive */
    ReplayPace(long perSec) {
        this.perSec = perSec;
    }

    /** Returns how many signals per second a tenant with this rate may send; at least one. */
    static long ofTenant(long rate) {
        return Math.max(1, rate / 2);
    }

    /** Returns how long half of a byte rate takes for a signal. A value has less than 2^31 bytes, so nothing overflows. */
    private static long pauseAfter(long bytes, long byteRate) {
        return bytes * SECOND / ofTenant(byteRate);
    }

    /** Returns when a tenant's next signal may be sent. */
    long due(TenantId tenant, long nowNanos) {
        long due = begun ? next : nowNanos;
        Long own = nextOfTenant.get(tenant);
        return own != null && own - due > 0 ? own : due;
    }

    /**
     * Records that a signal was sent.
     *
     * @param rate the tenant's rate; negative if it has none
     * @param bytes the size of the signal's value
     * @param byteRate the tenant's rate in bytes per second; negative if it has none
     */
    void sent(TenantId tenant, long rate, long bytes, long byteRate, long nowNanos) {
        next = nowNanos + SECOND / perSec;
        begun = true;
        if (rate > 0 || byteRate > 0) {
            if (nextOfTenant.size() >= TENANTS_MAX) {
                nextOfTenant.values().removeIf(due -> due - nowNanos <= 0);
            }
            long pause = rate > 0 ? SECOND / ofTenant(rate) : 0;
            nextOfTenant.put(tenant, nowNanos + Math.max(pause, byteRate > 0 ? pauseAfter(bytes, byteRate) : 0));
        }
    }
}
