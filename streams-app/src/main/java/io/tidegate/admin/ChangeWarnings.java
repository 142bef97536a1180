package io.tidegate.admin;

import io.tidegate.admin.ConfigApply.Change;
import io.tidegate.admin.ConfigEdit.Before;
import io.tidegate.admin.TenantDirectory.ConfigRecord;
import io.tidegate.admin.TenantDirectory.Snapshot;
import io.tidegate.config.Settings;
import io.tidegate.tenant.ConfigKey;
import io.tidegate.tenant.ConfigWarnings.Warning;
import io.tidegate.tenant.TenantConfig;
import io.tidegate.tenant.TenantConfigJson;
import io.tidegate.tenant.TenantId;
import io.tidegate.tenant.UnknownTenants;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * The warnings about changes of configs: limits with an unexpected effect, and rules that apply to other signals from then on.
 *
 * <p>A change of one tenant and a declared state have the same warnings. Those of a declared state begin with the entry.
 */
public final class ChangeWarnings {
    private ChangeWarnings() {}

    /** Returns the warnings about the change of one tenant's config. */
    static List<Warning> of(Before before, @Nullable TenantConfig to, Settings settings) {
        boolean had = before.current().config() != null || !before.current().readable();
        List<Warning> warnings = new ArrayList<>();
        if (to != null) {
            warnings.addAll(ofConfig(to, before.inForce(to), settings));
        }
        if (to != null && !had) {
            TenantConfig ofDefault = before.ofDefault().config();
            warnings.addAll(defaultLimits(
                    to, before.inForce(to), ofDefault == null ? null : before.inForce(ofDefault), settings));
        }
        if (!before.tenant().isDefault()) {
            warnings.addAll(missingTenants(
                    before.others() || had, before.others() || to != null, List.of(before.tenant()), settings));
        }
        return List.copyOf(warnings);
    }

    /**
     * Returns the warnings about changes that are made together, that of signals without a tenant first.
     *
     * @param changes each with its result
     * @param stored the state before the changes
     */
    public static List<Warning> of(List<Change> changes, Snapshot stored, Settings settings) {
        Snapshot result = after(changes, stored);
        List<Warning> warnings = new ArrayList<>(missingTenants(stored, result, settings));
        for (Change change : changes) {
            ofEntry(change, stored, result, settings)
                    .forEach(warning -> warnings.add(new Warning(
                            warning.id(), warning.field(), "%s: %s".formatted(change.key(), warning.message()))));
        }
        return List.copyOf(warnings);
    }

    /**
     * Returns the warnings about a config that a tenant would get.
     *
     * @param stored the state before the change
     */
    public static List<Warning> ofProposed(TenantConfig to, Snapshot stored, Settings settings) {
        ConfigRecord now = stored.tenants().get(to.tenantId());
        Change change =
                new Change(ConfigKey.of(to.tenantId()), now == null ? null : now.config(), now != null, to, false);
        Snapshot result = after(List.of(change), stored);
        List<Warning> warnings = new ArrayList<>(ofEntry(change, stored, result, settings));
        warnings.addAll(missingTenants(stored, result, settings));
        return List.copyOf(warnings);
    }

    private static List<Warning> ofEntry(Change change, Snapshot stored, Snapshot result, Settings settings) {
        TenantConfig to = change.to();
        if (to == null) {
            return List.of();
        }
        if (change.key() instanceof ConfigKey.OfPlan) {
            return PlanOperations.warnings(to, settings);
        }
        TenantConfig inForce = result.completed(to);
        List<Warning> warnings = new ArrayList<>(ofConfig(to, inForce, settings));
        if (!change.exists()) {
            ConfigRecord ofDefault = stored.tenants().get(TenantId.DEFAULT);
            TenantConfig inherited =
                    ofDefault == null || ofDefault.config() == null ? null : stored.completed(ofDefault.config());
            warnings.addAll(defaultLimits(to, inForce, inherited, settings));
        }
        return warnings;
    }

    private static List<Warning> missingTenants(Snapshot stored, Snapshot result, Settings settings) {
        return missingTenants(!others(stored).isEmpty(), !others(result).isEmpty(), others(result), settings);
    }

    private static Snapshot after(List<Change> changes, Snapshot stored) {
        Map<TenantId, ConfigRecord> tenants = new TreeMap<>(stored.tenants());
        Map<String, ConfigRecord> plans = new TreeMap<>(stored.plans());
        for (Change change : changes) {
            if (change.key() instanceof ConfigKey.OfTenant one) {
                put(tenants, one.tenant(), change.to());
            } else {
                put(plans, ((ConfigKey.OfPlan) change.key()).name(), change.to());
            }
        }
        return new Snapshot(tenants, plans);
    }

    private static <K> void put(Map<K, ConfigRecord> records, K key, @Nullable TenantConfig config) {
        if (config == null) {
            records.remove(key);
        } else {
            records.put(key, new ConfigRecord(config, ConfigWriter.NO_OFFSET));
        }
    }

    /** Returns the tenants besides the default one that have a record, which may be unreadable. */
    private static List<TenantId> others(Snapshot snapshot) {
        return snapshot.tenants().keySet().stream()
                .filter(tenant -> !tenant.isDefault())
                .toList();
    }

    private static List<Warning> ofConfig(TenantConfig own, @Nullable TenantConfig inForce, Settings settings) {
        return TenantOperations.warnings(inForce == null ? own : inForce, settings);
    }

    /**
     * Returns the warning that the first config of a tenant lacks limits of the default tenant, which applied to it before.
     *
     * @param ofDefault the config in force for the default tenant before the change; null if it has none that is usable
     */
    private static List<Warning> defaultLimits(
            TenantConfig own, @Nullable TenantConfig inForce, @Nullable TenantConfig ofDefault, Settings settings) {
        boolean inherits = settings.unknownTenants() == UnknownTenants.DEFAULT_CONFIG
                && !own.tenantId().isDefault();
        if (!inherits || inForce == null || ofDefault == null) {
            return List.of();
        }
        Set<String> decided = TenantConfigJson.fieldsSet(inForce);
        Set<String> limited = TenantConfigJson.fieldsSet(ofDefault);
        // A burst is not a limit of its own.
        List<String> lost = TenantConfig.LIMITS.stream()
                .filter(field -> limited.contains(field) && !ofDefault.isUnlimited(field))
                .filter(field -> !decided.contains(field) && !field.startsWith("burst_"))
                .toList();
        return lost.isEmpty()
                ? List.of()
                : List.of(new Warning(
                        "default_limits_lost",
                        "tenant_id",
                        "the limits of tenant 0 applied to the tenant until now; its own config has no %s"
                                .formatted(String.join(", ", lost))));
    }

    /**
     * Returns the warning that signals without a tenant get another treatment.
     *
     * @param had whether a tenant other than the default one was configured
     * @param has whether one is configured now
     * @param first the first ones, if there was none
     */
    private static List<Warning> missingTenants(boolean had, boolean has, List<TenantId> first, Settings settings) {
        if (settings.missingTenants().countForDefault(had)
                == settings.missingTenants().countForDefault(has)) {
            return List.of();
        }
        if (!has) {
            return List.of(new Warning(
                    "missing_tenants_default",
                    "tenant_id",
                    "tenant 0 is the only configured tenant now: signals that name no tenant count for tenant 0"));
        }
        return List.of(new Warning(
                "missing_tenants_rejected",
                "tenant_id",
                ("%s besides tenant 0: signals that name no tenant go to the dead-letter topic (tenant_missing) from now on,"
                                + " unless tenants.missing=default")
                        .formatted(
                                first.size() == 1
                                        ? first.get(0) + " is the first tenant"
                                        : "%s and %d more are the first tenants"
                                                .formatted(first.get(0), first.size() - 1))));
    }
}
