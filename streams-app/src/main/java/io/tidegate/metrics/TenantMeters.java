package io.tidegate.metrics;

import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.Meter;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.MultiGauge;
import io.micrometer.core.instrument.Tags;
import io.tidegate.admission.QuotaUse;
import io.tidegate.admission.QuotaUse.PeriodUse;
import io.tidegate.admission.Reason;
import io.tidegate.metrics.TenantRejections.Counts;
import io.tidegate.metrics.TenantUse.SignalUse;
import io.tidegate.metrics.TenantUse.Use;
import io.tidegate.tenant.TenantId;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BiFunction;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** The meters labelled with a tenant: created and removed as tenants come and go. Not thread-safe. */
final class TenantMeters {
    static final String TENANT = "tenant";
    static final String OTHER = "_other";

    /** The label for a type with a limit: at most 16 for each tenant shown. */
    private static final String SIGNAL = "signal";

    /** The label for a tenant's display name: one series for each tenant shown. */
    private static final String LABEL = "label";

    /** The labels of a limit of a period: at most three periods with two units for each tenant shown. */
    private static final String PER = "per";

    private static final String UNIT = "unit";

    private static final SignalUse NOTHING = new SignalUse(0, 0);

    /**
     * The growth of a count. An aborted transaction reverts some counts, and a purge all of them, which a counter must not
     * show.
     */
    private static final class Growth {
        private long last;
        private long value;

        private void seen(long count) {
            value += Math.max(0, count - last);
            last = count;
        }
    }

    /** The series of a tenant, and the counts that they show. */
    private record Rejected(Counts counts, Map<Reason, Meter> meters) {}

    private final MeterRegistry registry;
    private final TenantRejections rejections;
    private final TenantUse use;
    private final Map<TenantId, Rejected> rejected = new HashMap<>();
    private final Map<TenantId, Growth> accepted = new HashMap<>();
    private final Map<TenantId, Growth> acceptedBytes = new HashMap<>();
    private final Map<TenantId, Growth> observed = new HashMap<>();
    private final Map<MultiGauge, Function<Use, @Nullable Number>> gauges = new LinkedHashMap<>();
    private final MultiGauge labels;
    private final MultiGauge signalLimits;
    private final MultiGauge signalTokens;
    private final MultiGauge signalLevels;
    private final MultiGauge periodUses;
    private final MultiGauge periodLimits;

    TenantMeters(MeterRegistry registry, TenantRejections rejections, TenantUse use) {
        this.registry = registry;
        this.rejections = rejections;
        this.use = use;
        for (Reason reason : Reason.values()) {
            var unused = rejectedMeter(OTHER, rejections.other(), reason);
        }
        Gauge.builder(MetricNames.REJECTED_TENANTS_FOLDED, rejections, TenantRejections::folded)
                .description("Tenants rejected in the last minute or two that count as _other")
                .register(registry);
        Gauge.builder(MetricNames.TENANTS_FOLDED, use, TenantUse::folded)
                .description("Tenants in memory whose use of quotas is not shown")
                .register(registry);
        labels = multiGauge(MetricNames.TENANT_LABEL, "The label of a tenant, for people");
        gauge(
                MetricNames.TENANT_RATE_LIMIT,
                "Signals per second",
                chosen -> chosen.config().maxSignalsPerSec());
        gauge(
                MetricNames.TENANT_BURST_LIMIT,
                "Burst in signals",
                chosen -> chosen.config().maxSignalsPerSec() == null
                        ? null
                        : (Number) chosen.config().burst());
        gauge(
                MetricNames.TENANT_TOKENS,
                "Level of the bucket, in signals, at the last decision",
                chosen -> chosen.config().maxSignalsPerSec() == null ? null : (Number) chosen.tokens());
        signalLimits = multiGauge(MetricNames.TENANT_SIGNAL_RATE_LIMIT, "Signals per second of one type");
        signalTokens = multiGauge(
                MetricNames.TENANT_SIGNAL_TOKENS, "Level of the bucket of one type, in signals, at the last decision");
        signalLevels = multiGauge(
                MetricNames.TENANT_SIGNAL_LEVEL,
                "Percent of its limit that the sustained rate of one type has reached: 0, 80, 90 or 100");
        gauge(
                MetricNames.TENANT_BYTE_RATE_LIMIT,
                "Bytes per second",
                chosen -> chosen.config().maxBytesPerSec());
        gauge(
                MetricNames.TENANT_BYTE_BURST_LIMIT,
                "Burst in bytes",
                chosen -> chosen.config().maxBytesPerSec() == null
                        ? null
                        : (Number) chosen.config().bytesBurst());
        gauge(
                MetricNames.TENANT_BYTE_TOKENS,
                "Level of the byte bucket, in bytes, at the last decision",
                chosen -> chosen.config().maxBytesPerSec() == null ? null : (Number) chosen.byteTokens());
        gauge(MetricNames.TENANT_SIGNAL_BYTES_LIMIT, "Size of the largest signal that can pass, in bytes", chosen -> {
            long largest = chosen.config().signalBytesLimit();
            return largest == Long.MAX_VALUE ? null : (Number) largest;
        });
        gauge(MetricNames.TENANT_ITEMS, "Distinct items in use", Use::items);
        gauge(
                MetricNames.TENANT_ITEMS_LIMIT,
                "Limit of distinct items",
                chosen -> chosen.config().maxItems());
        gauge(MetricNames.TENANT_USERS, "Distinct users in use", Use::users);
        gauge(
                MetricNames.TENANT_USERS_LIMIT,
                "Limit of distinct users",
                chosen -> chosen.config().maxUsers());
        gauge(MetricNames.TENANT_CREATORS, "Distinct creators in use", Use::creators);
        gauge(
                MetricNames.TENANT_CREATORS_LIMIT,
                "Limit of distinct creators",
                chosen -> chosen.config().maxCreators());
        gauge(MetricNames.TENANT_ENTITIES, "Distinct entities in use", Use::entities);
        gauge(
                MetricNames.TENANT_ENTITIES_LIMIT,
                "Limit of distinct entities",
                chosen -> chosen.config().maxEntities());
        gauge(
                MetricNames.TENANT_PERIOD_PERCENT,
                "Percentage used of the most used limit of an hour, a day or a month",
                chosen -> {
                    PeriodUse most = QuotaUse.mostUsed(chosen.periods());
                    return most == null ? null : (Number) most.percent();
                });
        periodUses = multiGauge(
                MetricNames.TENANT_PERIOD_USED, "Signals or bytes accepted in the current hour, day or month");
        periodLimits =
                multiGauge(MetricNames.TENANT_PERIOD_LIMIT, "Limit of signals or bytes of an hour, a day or a month");
        gauge(MetricNames.TENANT_STORAGE, "Bytes of sealed WAL segments", Use::sealedBytes);
        gauge(
                MetricNames.TENANT_STORAGE_LIMIT,
                "Limit of bytes of sealed WAL segments",
                chosen -> chosen.config().maxStorageBytes());
    }

    private MultiGauge multiGauge(String name, String description) {
        return MultiGauge.builder(name).description(description).register(registry);
    }

    private void gauge(String name, String description, Function<Use, @Nullable Number> value) {
        gauges.put(multiGauge(name, description), value);
    }

    /** Updates the meters to the tenants that are shown now. */
    void refresh(long nowMs) {
        rejections.turn(nowMs);
        refreshRejected(rejections.visible(nowMs));
        Map<TenantId, Use> chosen = use.chosen();
        gauges.forEach((gauge, value) -> gauge.register(rows(chosen, value), true));
        labels.register(labelRows(chosen), true);
        signalLimits.register(
                signalRows(
                        chosen, (use, type) -> use.config().signals().get(type).maxSignalsPerSec()),
                true);
        signalTokens.register(
                signalRows(
                        chosen,
                        (use, type) -> use.signals().getOrDefault(type, NOTHING).tokens()),
                true);
        signalLevels.register(
                signalRows(
                        chosen,
                        (use, type) -> use.signals().getOrDefault(type, NOTHING).levelPercent()),
                true);
        periodUses.register(periodRows(chosen, PeriodUse::used), true);
        periodLimits.register(periodRows(chosen, PeriodUse::limit), true);
        refreshCounters(
                MetricNames.TENANT_ACCEPTED,
                "Signals accepted since the tenant's first, as of the last commit but one",
                accepted,
                chosen,
                Use::accepted);
        refreshCounters(
                MetricNames.TENANT_ACCEPTED_BYTES,
                "Bytes of accepted signals' values since the tenant's first, as of the last commit but one",
                acceptedBytes,
                chosen,
                Use::acceptedBytes);
        refreshCounters(
                MetricNames.TENANT_OBSERVED,
                "Signals accepted in observe mode that would have been rejected",
                observed,
                chosen,
                Use::observed);
    }

    private static List<MultiGauge.Row<?>> rows(Map<TenantId, Use> chosen, Function<Use, @Nullable Number> value) {
        List<MultiGauge.Row<?>> rows = new ArrayList<>();
        chosen.forEach((tenant, use) -> {
            Number number = value.apply(use);
            if (number != null) {
                rows.add(MultiGauge.Row.of(Tags.of(TENANT, tenant.decimal()), number));
            }
        });
        return rows;
    }

    private static List<MultiGauge.Row<?>> labelRows(Map<TenantId, Use> chosen) {
        List<MultiGauge.Row<?>> rows = new ArrayList<>();
        chosen.forEach((tenant, use) -> {
            if (!use.config().label().isEmpty()) {
                rows.add(MultiGauge.Row.of(
                        Tags.of(TENANT, tenant.decimal(), LABEL, use.config().label()), 1));
            }
        });
        return rows;
    }

    private static List<MultiGauge.Row<?>> signalRows(Map<TenantId, Use> chosen, BiFunction<Use, String, Long> value) {
        List<MultiGauge.Row<?>> rows = new ArrayList<>();
        chosen.forEach((tenant, use) -> use.config()
                .signals()
                .keySet()
                .forEach(type -> rows.add(
                        MultiGauge.Row.of(Tags.of(TENANT, tenant.decimal(), SIGNAL, type), value.apply(use, type)))));
        return rows;
    }

    private static List<MultiGauge.Row<?>> periodRows(Map<TenantId, Use> chosen, Function<PeriodUse, Long> value) {
        List<MultiGauge.Row<?>> rows = new ArrayList<>();
        chosen.forEach((tenant, use) -> use.periods()
                .forEach(period -> rows.add(MultiGauge.Row.of(
                        Tags.of(
                                TENANT,
                                tenant.decimal(),
                                PER,
                                period.of().per().id(),
                                UNIT,
                                period.bytes() ? "bytes" : "signals"),
                        value.apply(period)))));
        return rows;
    }

    private void refreshRejected(Map<TenantId, Counts> visible) {
        rejected.entrySet().removeIf(entry -> {
            // A tenant that has lost its label and got it again has other counts.
            boolean gone = visible.get(entry.getKey()) != entry.getValue().counts();
            if (gone) {
                entry.getValue().meters().values().forEach(registry::remove);
            }
            return gone;
        });
        visible.forEach((tenant, counts) -> {
            Map<Reason, Meter> meters = rejected.computeIfAbsent(tenant, id -> new Rejected(counts, new HashMap<>()))
                    .meters();
            for (Reason reason : Reason.values()) {
                if (counts.of(reason) > 0) {
                    meters.computeIfAbsent(reason, id -> rejectedMeter(tenant.decimal(), counts, reason));
                }
            }
        });
    }

    private Meter rejectedMeter(String tenant, Counts counts, Reason reason) {
        return FunctionCounter.builder(MetricNames.REJECTIONS, counts, c -> c.of(reason))
                .description("Signals rejected")
                .tags(TENANT, tenant, "reason", reason.id())
                .register(registry);
    }

    private void refreshCounters(
            String name,
            String description,
            Map<TenantId, Growth> known,
            Map<TenantId, Use> chosen,
            Function<Use, Long> value) {
        chosen.forEach((tenant, use) -> {
            Growth growth = known.computeIfAbsent(tenant, id -> {
                Growth fresh = new Growth();
                FunctionCounter.builder(name, fresh, count -> count.value)
                        .description(description)
                        .tags(TENANT, tenant.decimal())
                        .register(registry);
                return fresh;
            });
            growth.seen(value.apply(use));
        });
        known.keySet().removeIf(tenant -> {
            boolean gone = !chosen.containsKey(tenant);
            if (gone) {
                registry.find(name).tag(TENANT, tenant.decimal()).meters().forEach(registry::remove);
            }
            return gone;
        });
    }
}
