package io.tidegate.admin;

import io.tidegate.admin.ConfigEdit.Kind;
import io.tidegate.admin.ConfigEdit.Rejection;
import io.tidegate.tenant.ConfigKey;
import io.tidegate.tenant.TenantConfig;
import io.tidegate.tenant.TenantId;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * The existing plans and the tenants on each, as a {@link ConfigWriter} has read them from {@code tenant-configs}. Enforces two
 * rules over all changes of one transaction: a tenant's plan exists, and a plan with tenants is not removed.
 *
 * <p>Not thread-safe; part of {@link ConfigRules}.
 */
final class PlanUse {
    /** The maximum number of plans of a deployment. */
    static final int PLANS_MAX = 1_000;

    /** The maximum number of plans that a message names. */
    private static final int NAMED_MAX = 20;

    private final Map<String, TenantConfig> plans = new TreeMap<>();
    private final Map<TenantId, String> users = new HashMap<>();

    /** Applies the stored config of a key; null if there is none. */
    void apply(ConfigKey key, @Nullable TenantConfig config) {
        apply(plans, users, key, config);
    }

    private static void apply(
            Map<String, TenantConfig> plans,
            Map<TenantId, String> users,
            ConfigKey key,
            @Nullable TenantConfig config) {
        if (key instanceof ConfigKey.OfPlan plan) {
            put(plans, plan.name(), config);
        } else {
            put(users, ((ConfigKey.OfTenant) key).tenant(), config == null ? null : config.plan());
        }
    }

    private static <K, V> void put(Map<K, V> map, K key, @Nullable V value) {
        if (value == null) {
            map.remove(key);
        } else {
            map.put(key, value);
        }
    }

    void clear() {
        plans.clear();
        users.clear();
    }

    /** Returns the fields of all plans by name. */
    Map<String, TenantConfig> plans() {
        return Map.copyOf(plans);
    }

    /** Returns the number of tenants on a plan. */
    int users(String plan) {
        return (int) users.values().stream().filter(plan::equals).count();
    }

    /**
     * Returns the changes that would violate a rule if all were made together.
     *
     * @param changes the new config of each key; null removes it
     */
    Map<ConfigKey, Rejection> violations(Map<ConfigKey, @Nullable TenantConfig> changes) {
        Map<ConfigKey, Rejection> violations = new TreeMap<>();
        Map<String, TenantConfig> plansAfter = new TreeMap<>(plans);
        Map<TenantId, String> usersAfter = new HashMap<>();
        changes.forEach((key, config) -> apply(plansAfter, usersAfter, key, config));
        boolean removes = changes.entrySet().stream()
                .anyMatch(change -> change.getKey() instanceof ConfigKey.OfPlan && change.getValue() == null);
        Map<String, Use> uses = removes ? usesAfter(changes.keySet(), usersAfter) : Map.of();
        changes.forEach((key, config) -> {
            if (key instanceof ConfigKey.OfPlan plan) {
                Use use = config == null ? uses.get(plan.name()) : null;
                if (use != null) {
                    violations.put(
                            key,
                            new Rejection(
                                    Kind.PLAN_IN_USE,
                                    "%s is in use by %d %s, such as %s: put them on another plan first"
                                            .formatted(
                                                    key,
                                                    use.count(),
                                                    use.count() == 1 ? "tenant" : "tenants",
                                                    use.first()),
                                    null));
                } else if (plansAfter.size() > Math.max(PLANS_MAX, plans.size())) {
                    violations.put(
                            key,
                            new Rejection(
                                    Kind.INVALID_CONFIG,
                                    "there would be %d plans, the limit is %d".formatted(plansAfter.size(), PLANS_MAX),
                                    null));
                }
            } else if (config != null && config.plan() != null && !plansAfter.containsKey(config.plan())) {
                violations.put(
                        key,
                        new Rejection(
                                Kind.INVALID_CONFIG,
                                "plan: '%s' does not exist; %s".formatted(config.plan(), existing(plansAfter)),
                                null));
            }
        });
        return violations;
    }

    private static String existing(Map<String, TenantConfig> plans) {
        return plans.isEmpty()
                ? "there are no plans"
                : "plans: "
                        + String.join(
                                ", ", plans.keySet().stream().limit(NAMED_MAX).toList())
                        + (plans.size() > NAMED_MAX ? ", …" : "");
    }

    /** The tenants on a plan: their number, and the first one. */
    private record Use(long count, TenantId first) {
        Use and(TenantId other) {
            return new Use(count + 1, other.compareTo(first) < 0 ? other : first);
        }
    }

    /** Returns the use of each plan after the changes. */
    private Map<String, Use> usesAfter(Set<ConfigKey> changed, Map<TenantId, String> usersAfter) {
        Map<String, Use> uses = new HashMap<>();
        users.forEach((tenant, plan) -> {
            if (!changed.contains(ConfigKey.of(tenant))) {
                count(uses, tenant, plan);
            }
        });
        usersAfter.forEach((tenant, plan) -> count(uses, tenant, plan));
        return uses;
    }

    private static void count(Map<String, Use> uses, TenantId tenant, String plan) {
        Use use = uses.get(plan);
        uses.put(plan, use == null ? new Use(1, tenant) : use.and(tenant));
    }
}
