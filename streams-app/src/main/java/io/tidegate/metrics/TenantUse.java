package io.tidegate.metrics;

import io.tidegate.admission.EntityKind;
import io.tidegate.admission.QuotaUse;
import io.tidegate.admission.QuotaUse.PeriodUse;
import io.tidegate.admission.Reason;
import io.tidegate.admission.TenantUsage;
import io.tidegate.tenant.TenantConfig;
import io.tidegate.tenant.TenantId;
import io.tidegate.topology.TopologyListener.UsageRound;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.PriorityQueue;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.LongSupplier;
import java.util.function.Predicate;

/**
 * The use of quotas by at most {@code tenantsMax} tenants: first those that use 80 % of a limit or more, then rejected
 * ones, then those nearest to a limit.
 *
 * <p>Each task reports all its tenants from time to time, and the selection runs on the task's thread. So a decision costs
 * nothing more. Thread-safe.
 */
final class TenantUse {
    /**
     * One tenant's use at one time.
     *
     * @param signals by type, for types that have a limit
     * @param periods one for each limit of a period: at most six
     * @param nearness the rank: the percentage used of the most used quota, more if the tenant is rejected
     */
    record Use(
            TenantId tenant,
            TenantConfig config,
            long accepted,
            long acceptedBytes,
            long observed,
            long tokens,
            long byteTokens,
            Map<String, SignalUse> signals,
            long entities,
            long items,
            long users,
            long creators,
            long sealedBytes,
            List<PeriodUse> periods,
            long nearness) {
        static Use of(TenantConfig config, TenantUsage usage, long nearness, long nowMs) {
            long observed = 0;
            for (Reason reason : Reason.values()) {
                observed += usage.observedCount(reason);
            }
            return new Use(
                    config.tenantId(),
                    config,
                    usage.acceptedCount(),
                    usage.acceptedBytes(),
                    observed,
                    usage.tokens(config, usage.lastDecisionMs()),
                    usage.byteTokens(config, usage.lastDecisionMs()),
                    TenantUse.signals(config, usage, nowMs),
                    usage.entityCountAt(usage.lastDecisionMs()),
                    usage.entityCountAt(usage.lastDecisionMs(), EntityKind.ITEM),
                    usage.entityCountAt(usage.lastDecisionMs(), EntityKind.USER),
                    usage.entityCountAt(usage.lastDecisionMs(), EntityKind.CREATOR),
                    usage.sealedBytes(),
                    QuotaUse.periods(usage, config, nowMs),
                    nearness);
        }
    }

    /**
     * The use of the limit of one type.
     *
     * @param levelPercent the level that the sustained rate has reached: 0, 80, 90 or 100
     */
    record SignalUse(long tokens, long levelPercent) {}

    private static Map<String, SignalUse> signals(TenantConfig config, TenantUsage usage, long nowMs) {
        if (config.signals().isEmpty()) {
            return Map.of();
        }
        Map<String, SignalUse> uses = new HashMap<>();
        config.signals()
                .forEach((type, limit) -> uses.put(
                        type,
                        new SignalUse(
                                usage.signalTokens(type, limit, usage.lastDecisionMs()),
                                QuotaUse.signalRatePercent(usage, type, nowMs))));
        return uses;
    }

    /** The last report of one task. */
    private record TaskReport(List<Use> uses, int tenants, long historyBytes) {}

    /** The rank of a rejected tenant: after those that use 80 % of a limit or more, about which there are alerts. */
    private static final long REJECTED_PERCENT = 79;

    private final LongSupplier clockMs;
    private final int tenantsMax;
    private final Predicate<TenantId> rejected;
    private final Map<Integer, TaskReport> byPartition = new ConcurrentHashMap<>();

    /** @param clockMs the wall clock: when a period ends, its use becomes 0, even without a signal */
    TenantUse(int tenantsMax, Predicate<TenantId> rejected, LongSupplier clockMs) {
        this.clockMs = clockMs;
        this.tenantsMax = tenantsMax;
        this.rejected = rejected;
    }

    UsageRound round(int partition) {
        return new UsageRound() {
            private final long nowMs = clockMs.getAsLong();
            private final PriorityQueue<Use> nearest = new PriorityQueue<>(Comparator.comparingLong(Use::nearness));
            private int tenants;
            private long historyBytes;

            @Override
            public void tenant(TenantConfig config, TenantUsage usage) {
                tenants++;
                historyBytes += usage.historyBytes();
                long used = QuotaUse.percent(usage, config, nowMs);
                long nearness = rejected.test(config.tenantId()) ? Math.max(used, REJECTED_PERCENT) : used;
                if (nearest.size() < tenantsMax) {
                    nearest.add(Use.of(config, usage, nearness, nowMs));
                } else if (nearest.element().nearness() < nearness) {
                    nearest.remove();
                    nearest.add(Use.of(config, usage, nearness, nowMs));
                }
            }

            @Override
            public void end() {
                byPartition.put(partition, new TaskReport(List.copyOf(nearest), tenants, historyBytes));
            }
        };
    }

    void removed(int partition) {
        byPartition.remove(partition);
    }

    /** Returns the selected uses of all tasks, by tenant. */
    Map<TenantId, Use> chosen() {
        List<Use> all = new ArrayList<>();
        byPartition.values().forEach(report -> all.addAll(report.uses()));
        all.sort(Comparator.comparingLong(use -> -use.nearness()));
        Map<TenantId, Use> chosen = new HashMap<>();
        for (Use use : all.subList(0, Math.min(all.size(), tenantsMax))) {
            chosen.put(use.tenant(), use);
        }
        return chosen;
    }

    /** Returns the memory of all tenants' histories. */
    long historyBytes() {
        return byPartition.values().stream().mapToLong(TaskReport::historyBytes).sum();
    }

    /** Returns the number of reported tenants that are not selected. */
    int folded() {
        int tenants =
                byPartition.values().stream().mapToInt(TaskReport::tenants).sum();
        return Math.max(0, tenants - tenantsMax);
    }
}
