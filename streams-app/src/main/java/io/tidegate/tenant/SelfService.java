package io.tidegate.tenant;

import io.tidegate.tenant.PeriodLimit.Per;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * Decides which changes a tenant may make to its own config: its limits, up to the {@linkplain Ceiling ceiling} of its
 * plan, and its label.
 *
 * <p>The limits in force are compared, not the fields that are set: a removed limit falls back to that of the plan, and
 * a burst that follows from the rate counts. An unchanged limit passes, even if an operator set it above the ceiling.
 * If the ceiling does not name a limit, the plan's own value is the ceiling, so without a ceiling a tenant can only
 * choose tighter limits than its plan. {@code entity_idle_ttl} is not a limit, and only operators change it. A tenant
 * without a plan has no ceiling, and cannot change its limits. Pure.
 */
public final class SelfService {
    private static final Set<String> BESIDE_LIMITS = Set.of("label", "unlimited");

    /**
     * The reason why a tenant may not make a change.
     *
     * @param field the field, by its name in JSON
     * @param isBeyondCeiling whether the tenant may change the field, but this value is above the ceiling
     * @param message the values and the rule
     */
    public record Violation(String field, boolean isBeyondCeiling, String message) {}

    /**
     * One limit that is a number.
     *
     * @param name the field, with the period or the value of {@code signal} that it is for
     * @param value null if it is unlimited; for a burst, null if there is no bucket
     * @param most the ceiling; null if there is none
     */
    private record Limit(
            String field,
            String name,
            Function<TenantConfig, @Nullable BigInteger> value,
            @Nullable BigInteger most) {
        boolean isExceeded(TenantConfig from, TenantConfig to) {
            BigInteger now = value.apply(to);
            if (most == null || Objects.equals(value.apply(from), now)) {
                return false;
            }
            return now == null ? !isBurst() : now.compareTo(most) > 0;
        }

        private boolean isBurst() {
            return name.endsWith("burst_signals") || name.endsWith("burst_bytes");
        }
    }

    private SelfService() {}

    /**
     * Returns the reason why a tenant may not change its config in this way; null if it may.
     *
     * @param plan the fields of its plan; null if it has none, or there is no such plan
     */
    public static @Nullable Violation check(TenantConfig before, TenantConfig after, @Nullable TenantConfig plan) {
        if (!Objects.equals(before.plan(), after.plan())) {
            return notAllowed("plan"); // a plan changes other fields too
        }
        for (String field : TenantConfigJson.difference(before, after)) {
            boolean isLimit = TenantConfig.LIMITS.contains(field);
            if (!isLimit && !BESIDE_LIMITS.contains(field)) {
                return notAllowed(field);
            }
            if (plan == null && !field.equals("label")) {
                return new Violation(
                        field,
                        true,
                        "%s: the tenant%s, so there is no ceiling up to which it could change its limits"
                                .formatted(
                                        field,
                                        before.plan() == null
                                                ? " has no plan"
                                                : "'s plan '%s' does not exist".formatted(before.plan())));
            }
        }
        if (before.isUnlimited(TenantConfig.ENTITY_IDLE_TTL) != after.isUnlimited(TenantConfig.ENTITY_IDLE_TTL)) {
            return notAllowed(TenantConfig.ENTITY_IDLE_TTL);
        }
        if (plan == null) {
            return null;
        }
        TenantConfig from = before.completedBy(plan);
        TenantConfig to = after.completedBy(plan);
        for (Limit limit : limits(plan)) {
            if (limit.isExceeded(from, to)) {
                BigInteger value = limit.value.apply(to);
                return new Violation(
                        limit.field,
                        true,
                        "%s: %s is above the ceiling of plan '%s', %s"
                                .formatted(limit.name, value == null ? "unlimited" : value, after.plan(), limit.most));
            }
        }
        return null;
    }

    private static Violation notAllowed(String field) {
        return new Violation(
                field, false, "%s: a tenant can change its limits and its label, not this".formatted(field));
    }

    /**
     * Returns all limits of a plan's tenants. A period or a value of {@code signal} that neither the ceiling nor the
     * plan names has no ceiling.
     */
    private static List<Limit> limits(TenantConfig plan) {
        Ceiling ceiling = plan.ceiling();
        TenantConfig most = ceiling == null ? plan : ceiling.limits().completedBy(plan);
        List<Limit> limits = new ArrayList<>();
        add(limits, most, "max_signals_per_sec", config -> big(config.maxSignalsPerSec()));
        add(
                limits,
                most,
                "burst_signals",
                config -> config.maxSignalsPerSec() == null ? big(config.burstSignals()) : big(config.burst()));
        add(limits, most, "max_bytes_per_sec", TenantConfig::maxBytesPerSec);
        add(
                limits,
                most,
                "burst_bytes",
                config -> config.maxBytesPerSec() == null || config.burstBytes() != null
                        ? config.burstBytes()
                        : BigInteger.valueOf(config.bytesBurst()));
        add(limits, most, "max_signal_bytes", config -> big(config.maxSignalBytes()));
        add(limits, most, "max_entities", TenantConfig::maxEntities);
        add(limits, most, "max_items", TenantConfig::maxItems);
        add(limits, most, "max_users", TenantConfig::maxUsers);
        add(limits, most, "max_creators", TenantConfig::maxCreators);
        add(limits, most, "max_storage_bytes", TenantConfig::maxStorageBytes);
        TenantConfig first = ceiling == null ? plan : ceiling.limits();
        for (Per per : Per.ALL) {
            addNested(limits, first, plan, "periods", per.id() + ".max_signals", config -> ofPeriod(config, per, true));
            addNested(limits, first, plan, "periods", per.id() + ".max_bytes", config -> ofPeriod(config, per, false));
        }
        Set<String> types = new TreeSet<>(first.signals().keySet());
        types.addAll(plan.signals().keySet());
        for (String type : types) {
            addNested(
                    limits,
                    first,
                    plan,
                    "signals",
                    type + ".max_signals_per_sec",
                    config -> ofSignal(config, type, SignalLimit::maxSignalsPerSec));
            addNested(
                    limits,
                    first,
                    plan,
                    "signals",
                    type + ".burst_signals",
                    config -> ofSignal(config, type, SignalLimit::burst));
        }
        return limits;
    }

    private static void add(
            List<Limit> limits, TenantConfig most, String field, Function<TenantConfig, @Nullable BigInteger> value) {
        limits.add(new Limit(field, field, value, value.apply(most)));
    }

    /** @param first its value is the ceiling; if it has none, the value of the plan is */
    private static void addNested(
            List<Limit> limits,
            TenantConfig first,
            TenantConfig plan,
            String field,
            String name,
            Function<TenantConfig, @Nullable BigInteger> value) {
        BigInteger most = value.apply(first);
        limits.add(new Limit(field, field + "." + name, value, most != null ? most : value.apply(plan)));
    }

    private static @Nullable BigInteger ofPeriod(TenantConfig config, Per per, boolean ofSignals) {
        for (PeriodLimit limit : config.periods()) {
            if (limit.per() == per) {
                return ofSignals ? limit.maxSignals() : limit.maxBytes();
            }
        }
        return null;
    }

    private static @Nullable BigInteger ofSignal(TenantConfig config, String type, Function<SignalLimit, Long> number) {
        SignalLimit limit = config.signals().get(type);
        return limit == null ? null : big(number.apply(limit));
    }

    private static @Nullable BigInteger big(@Nullable Long value) {
        return value == null ? null : BigInteger.valueOf(value);
    }
}
