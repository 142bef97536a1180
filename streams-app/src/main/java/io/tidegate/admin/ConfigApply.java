package io.tidegate.admin;

import io.tidegate.admin.ConfigEdit.Rejection;
import io.tidegate.admin.TenantDirectory.ConfigRecord;
import io.tidegate.admin.TenantDirectory.Snapshot;
import io.tidegate.admin.WriteOrder.Step;
import io.tidegate.tenant.ConfigKey;
import io.tidegate.tenant.Plan;
import io.tidegate.tenant.StoredConfig;
import io.tidegate.tenant.TenantConfig;
import io.tidegate.tenant.TenantId;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * Brings the configs and plans in Kafka to the state that a file declares.
 *
 * <p>Declared entries become exactly as declared, except that an entry without {@code blocked_until} keeps its block. Other
 * entries stay, unless pruning is requested. All changes are checked together before the first one is written. They are written
 * in transactions of up to {@link #TRANSACTION_RECORDS_MAX} records, so up to that number they are atomic.
 */
public final class ConfigApply {
    private static final int TRANSACTION_RECORDS_MAX = 20_000;

    /**
     * The change of one entry.
     *
     * @param from the stored config; null if there is none, or it is unreadable
     * @param exists whether there is a record
     * @param to the declared config; null removes the entry
     * @param keepsBlock whether to keep a block that is set at the time of the change
     */
    public record Change(
            ConfigKey key,
            @Nullable TenantConfig from,
            boolean exists,
            @Nullable TenantConfig to,
            boolean keepsBlock) {
        /** Applies the change to the stored config, which may have been blocked since {@link #from}. */
        ConfigEdit.Result edit(ConfigEdit.Before before) {
            if (to == null) {
                return new ConfigEdit.Remove();
            }
            TenantConfig now = before.current().config();
            return new ConfigEdit.Write(keepsBlock ? to.withBlockedUntil(now == null ? null : now.blockedUntil()) : to);
        }
    }

    /**
     * The changes that bring the stored state to the declared one.
     *
     * @param changes plans first, then tenants, then removed plans
     * @param unchanged the number of declared entries that are already stored as declared
     */
    public record Pending(List<Change> changes, int unchanged) {}

    private ConfigApply() {}

    /**
     * Compares the declared with the stored state.
     *
     * @param prune whether to remove entries that are not declared, in the sections that the file has
     * @throws IllegalArgumentException if the result would break a rule: a plan that does not exist or is in use, a name of two
     *     tenants
     */
    public static Pending compare(DeclaredConfigs declared, Snapshot stored, boolean prune) {
        Map<ConfigKey, @Nullable TenantConfig> wanted = new TreeMap<>();
        if (declared.plans() != null) {
            declared.plans().forEach((name, plan) -> wanted.put(ConfigKey.ofPlan(name), plan.fields()));
        }
        if (declared.tenants() != null) {
            declared.tenants().forEach((tenant, config) -> wanted.put(ConfigKey.of(tenant), config));
        }
        Map<ConfigKey, ConfigRecord> found = new TreeMap<>();
        stored.plans().forEach((name, plan) -> found.put(ConfigKey.ofPlan(name), plan));
        stored.tenants().forEach((tenant, config) -> found.put(ConfigKey.of(tenant), config));
        if (prune) {
            for (ConfigKey key : found.keySet()) {
                boolean declares =
                        key instanceof ConfigKey.OfPlan ? declared.plans() != null : declared.tenants() != null;
                if (declares) {
                    wanted.putIfAbsent(key, null);
                }
            }
        }
        List<Change> changes = new ArrayList<>();
        List<Change> last = new ArrayList<>();
        wanted.forEach((key, declaredConfig) -> {
            ConfigRecord now = found.get(key);
            TenantConfig from = now == null ? null : now.config();
            boolean keepsBlock = declared.keepingBlock().contains(key);
            TenantConfig to = keepsBlock && declaredConfig != null && from != null
                    ? declaredConfig.withBlockedUntil(from.blockedUntil())
                    : declaredConfig;
            if (to == null ? now != null : !Objects.equals(from, to)) {
                boolean planGoes = to == null && key instanceof ConfigKey.OfPlan;
                (planGoes ? last : changes).add(new Change(key, from, now != null, to, keepsBlock));
            }
        });
        changes.addAll(last);
        check(changes, found);
        return new Pending(List.copyOf(changes), wanted.size() - changes.size());
    }

    private static void check(List<Change> changes, Map<ConfigKey, ConfigRecord> found) {
        ConfigRules rules = new ConfigRules();
        found.forEach((key, one) -> rules.read(key, new StoredConfig(one.config(), null)));
        Map<ConfigKey, @Nullable TenantConfig> results = new TreeMap<>();
        changes.forEach(change -> results.put(change.key(), change.to()));
        Map<ConfigKey, Rejection> violations = rules.violations(results);
        if (!violations.isEmpty()) {
            throw new IllegalArgumentException(text(violations));
        }
    }

    private static String text(Map<ConfigKey, Rejection> violations) {
        List<String> lines = new ArrayList<>();
        violations.forEach((key, rejection) -> lines.add("%s: %s".formatted(key, rejection.message())));
        return DeclaredConfigs.shown(lines);
    }

    /**
     * Writes the changes.
     *
     * @param by the author, for the history
     * @throws AdminException if another writer's change conflicts with these, or Kafka does not answer
     */
    public static void apply(ConfigWriter writer, List<Change> changes, String by) {
        List<Change> ordered = ordered(changes);
        for (int from = 0; from < ordered.size(); from += TRANSACTION_RECORDS_MAX) {
            List<Change> batch = ordered.subList(from, Math.min(ordered.size(), from + TRANSACTION_RECORDS_MAX));
            Map<ConfigKey, ConfigEdit> edits = new LinkedHashMap<>();
            for (Change change : batch) {
                edits.put(change.key(), change::edit);
            }
            Map<ConfigKey, Rejection> rejected = new TreeMap<>();
            writer.changeAll(edits, by).forEach((key, outcome) -> {
                if (outcome instanceof ConfigWriter.Rejected one) {
                    rejected.put(key, one.rejection());
                }
            });
            if (!rejected.isEmpty()) {
                throw new AdminException("%d of %d changes were made; the others conflict with the stored configs:\n%s"
                        .formatted(from, changes.size(), text(rejected)));
            }
        }
    }

    /** Returns the changes in an order in which each transaction follows the rules. */
    static List<Change> ordered(List<Change> changes) {
        return WriteOrder.of(changes, change -> new Step(change.key(), change.from(), change.to()));
    }

    /** Returns the stored state as a declaration. Omits unreadable records. */
    public static DeclaredConfigs export(Snapshot stored) {
        Map<String, Plan> plans = new TreeMap<>();
        stored.plans().forEach((name, plan) -> {
            if (plan.config() != null) {
                plans.put(name, new Plan(name, plan.config()));
            }
        });
        Map<TenantId, TenantConfig> tenants = new TreeMap<>();
        stored.tenants().forEach((tenant, config) -> {
            if (config.config() != null) {
                tenants.put(tenant, config.config());
            }
        });
        return new DeclaredConfigs(plans, tenants);
    }
}
