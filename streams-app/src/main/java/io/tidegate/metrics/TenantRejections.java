package io.tidegate.metrics;

import io.tidegate.admission.Reason;
import io.tidegate.tenant.TenantId;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;

/**
 * Rejections by tenant and reason. At most {@code tenantsMax} tenants have their own label; all others are counted together.
 *
 * <p>A counter that Prometheus reads must never decrease, and a rejection must not be counted again under another label. So
 * each rejection is counted in exactly one place, the one valid when it happens, and no count is ever moved. A tenant that gets
 * a label is counted there from then on, and its earlier rejections stay in {@link #other}. A tenant that loses its label is no
 * longer counted there. Its series stays visible for {@link #LEAVING_MS}, so that every scraper has read its last value, and is
 * hidden after that. Its counts are kept for {@link #RESERVE_MS}: if it gets a label again within that time, its series
 * continues. So the sum over all series is the number of all rejections, and {@code rate()} is correct for each.
 *
 * <p>The most rejected tenants get their own label, ranked again in each {@linkplain #turn turn} by the rejections of the last
 * one. A tenant takes another's label only if it had more than twice as many rejections, so that labels do not flap. The state
 * of tenants without a label is bounded by {@link #CANDIDATES_MAX}, even if a client invents ids.
 *
 * <p>Thread-safe. {@link #rejected} takes no lock and allocates only at a tenant's first rejection in a turn.
 */
final class TenantRejections {
    static final long LEAVING_MS = 5 * 60_000;
    static final long RESERVE_MS = 24 * 3_600_000L;
    static final long TURN_MS = 60_000;
    static final int CANDIDATES_MAX = 10_000;

    /**
     * The number of former tenants whose counts are kept, per label. If all of them are less than a day old, no tenant loses
     * its label.
     */
    private static final int RESERVES_A_NAME = 20;

    private static final Reason[] REASONS = Reason.values();

    /** The rejections of one tenant, or of all tenants without a label. */
    static final class Counts {
        private final LongAdder[] byReason = new LongAdder[REASONS.length];
        private volatile long sumAtTurn;
        private volatile long inLastTurn;
        private long leftMs;

        Counts() {
            for (int i = 0; i < byReason.length; i++) {
                byReason[i] = new LongAdder();
            }
        }

        long of(Reason reason) {
            return byReason[reason.ordinal()].sum();
        }

        private void add(Reason reason) {
            byReason[reason.ordinal()].increment();
        }

        private long sum() {
            long sum = 0;
            for (LongAdder adder : byReason) {
                sum += adder.sum();
            }
            return sum;
        }

        private long sinceTurn() {
            return sum() - sumAtTurn;
        }

        private void turn() {
            long sum = sum();
            inLastTurn = sum - sumAtTurn;
            sumAtTurn = sum;
        }
    }

    private final int tenantsMax;
    private final Map<TenantId, Counts> named = new ConcurrentHashMap<>();
    private final Counts other = new Counts();

    /** Rejections in this turn of tenants without a label. */
    private volatile Map<TenantId, LongAdder> candidates = new ConcurrentHashMap<>();

    /** Tenants that had a label, in the order in which they lost it; guarded by this. */
    private final LinkedHashMap<TenantId, Counts> reserve = new LinkedHashMap<>();

    private volatile int foldedLastTurn;
    private long turnedMs;

    /** @param tenantsMax the number of tenants that have a label at the same time */
    TenantRejections(int tenantsMax, long nowMs) {
        this.tenantsMax = tenantsMax;
        this.turnedMs = nowMs;
    }

    void rejected(TenantId tenant, Reason reason) {
        Counts counts = named.get(tenant);
        if (counts == null && named.size() < tenantsMax) {
            counts = assignFreeLabel(tenant);
        }
        if (counts != null) {
            counts.add(reason);
            return;
        }
        other.add(reason);
        Map<TenantId, LongAdder> now = candidates;
        LongAdder candidate = now.get(tenant);
        if (candidate == null && now.size() < CANDIDATES_MAX) {
            candidate = now.computeIfAbsent(tenant, id -> new LongAdder());
        }
        if (candidate != null) {
            candidate.increment();
        }
    }

    /** Counts a rejected signal that refers to its tenant by an unknown name: it belongs to no tenant. */
    void rejectedUnknownName() {
        other.add(Reason.TENANT_UNKNOWN);
    }

    private synchronized @Nullable Counts assignFreeLabel(TenantId tenant) {
        Counts counts = named.get(tenant);
        if (counts == null && named.size() < tenantsMax) {
            counts = assignLabel(tenant);
        }
        return counts;
    }

    private Counts assignLabel(TenantId tenant) {
        Counts kept = reserve.remove(tenant);
        Counts counts = kept == null ? new Counts() : kept;
        counts.turn();
        named.put(tenant, counts);
        return counts;
    }

    /**
     * Takes the label from a deleted tenant, even if no other tenant needs it. Its series disappears like that of any tenant
     * that lost its label.
     */
    synchronized void deleted(TenantId tenant, long nowMs) {
        // Without room in the reserve it keeps the label, because its counts would be lost.
        if (leaving(nowMs) < tenantsMax && reserve.size() < RESERVES_A_NAME * tenantsMax) {
            Counts counts = named.remove(tenant);
            if (counts != null) {
                counts.leftMs = nowMs;
                reserve.put(tenant, counts);
            }
        }
    }

    /** Returns whether the tenant has a label and was rejected in the last whole turn or in this one. */
    boolean isRejected(TenantId tenant) {
        Counts counts = named.get(tenant);
        return counts != null && (counts.sinceTurn() > 0 || counts.inLastTurn > 0);
    }

    Counts other() {
        return other;
    }

    /**
     * Returns the number of tenants that were rejected without a label in the last whole turn or in this one; counted up to a
     * bound.
     */
    int folded() {
        return Math.max(foldedLastTurn, candidates.size());
    }

    /** Returns the visible counts: of tenants with a label, and of those that lost it recently. */
    synchronized Map<TenantId, Counts> visible(long nowMs) {
        Map<TenantId, Counts> visible = new HashMap<>(named);
        reserve.forEach((tenant, counts) -> {
            if (nowMs - counts.leftMs < LEAVING_MS) {
                visible.put(tenant, counts);
            }
        });
        return visible; // at most twice the number of labels
    }

    /** Reassigns the labels if the last turn was long enough ago. */
    synchronized void turn(long nowMs) {
        if (nowMs - turnedMs < TURN_MS) {
            return;
        }
        turnedMs = nowMs;
        Map<TenantId, LongAdder> judged = candidates;
        candidates = new ConcurrentHashMap<>();
        foldedLastTurn = judged.size();
        reserve.values().removeIf(counts -> nowMs - counts.leftMs >= RESERVE_MS);
        List<Map.Entry<TenantId, LongAdder>> best = new ArrayList<>(judged.entrySet());
        best.sort(Comparator.comparingLong(entry -> -entry.getValue().sum()));
        List<Map.Entry<TenantId, Counts>> worst = new ArrayList<>(named.entrySet());
        worst.sort(Comparator.comparingLong(entry -> entry.getValue().sinceTurn()));
        for (int i = 0; i < Math.min(best.size(), worst.size()); i++) {
            Map.Entry<TenantId, Counts> loser = worst.get(i);
            long rejected = best.get(i).getValue().sum();
            if (rejected <= 2 * loser.getValue().sinceTurn()
                    || leaving(nowMs) >= tenantsMax
                    || reserve.size() >= RESERVES_A_NAME * tenantsMax) {
                break;
            }
            named.remove(loser.getKey());
            loser.getValue().leftMs = nowMs;
            reserve.put(loser.getKey(), loser.getValue());
            assignLabel(best.get(i).getKey());
        }
        named.values().forEach(Counts::turn);
    }

    private long leaving(long nowMs) {
        return reserve.values().stream()
                .filter(counts -> nowMs - counts.leftMs < LEAVING_MS)
                .count();
    }
}
