package io.tidegate.admin;

import io.tidegate.admin.ConfigEdit.Kind;
import io.tidegate.admin.ConfigEdit.Rejection;
import io.tidegate.tenant.ConfigKey;
import io.tidegate.tenant.NameIndex;
import io.tidegate.tenant.TenantConfig;
import io.tidegate.tenant.TenantId;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * The names of all tenants, as a {@link ConfigWriter} has read them from {@code tenant-configs}. Enforces one rule over all
 * changes of one transaction: no tenant gets a name that another one has.
 *
 * <p>Not thread-safe; part of {@link ConfigRules}.
 */
final class NameUse {
    private final NameIndex names = new NameIndex();

    /** Applies the stored config of a key; null if there is none. */
    void apply(ConfigKey key, @Nullable TenantConfig config) {
        if (key instanceof ConfigKey.OfTenant one) {
            var unused = names.put(one.tenant(), names(config));
        }
    }

    void clear() {
        names.clear();
    }

    /**
     * Returns the changes that would violate the rule if all were made together. A tenant that already shares a name can still
     * be changed: the conflict came into the topic in another way.
     *
     * @param changes the new config of each key; null removes it
     */
    Map<ConfigKey, Rejection> violations(Map<ConfigKey, @Nullable TenantConfig> changes) {
        Map<ConfigKey, Rejection> violations = new TreeMap<>();
        Map<String, TenantId> proposed = new HashMap<>();
        changes.forEach((key, config) -> {
            if (key instanceof ConfigKey.OfTenant one) {
                for (String name : names(config)) {
                    TenantId owner = owner(name, one.tenant(), changes);
                    TenantId other = owner != null ? owner : proposed.putIfAbsent(name, one.tenant());
                    if (other != null && !names.ofTenant(one.tenant()).contains(name)) {
                        violations.putIfAbsent(
                                key,
                                new Rejection(
                                        Kind.NAME_TAKEN,
                                        "external_ids: tenant %s has the name '%s' already; a name refers to one tenant"
                                                .formatted(other, name),
                                        null));
                    }
                }
            }
        });
        return violations;
    }

    /** Returns another tenant that has the name and keeps it. */
    private @Nullable TenantId owner(String name, TenantId tenant, Map<ConfigKey, @Nullable TenantConfig> changes) {
        for (TenantId other : names.claimants(name)) {
            ConfigKey key = ConfigKey.of(other);
            if (!other.equals(tenant)
                    && (!changes.containsKey(key) || names(changes.get(key)).contains(name))) {
                return other;
            }
        }
        return null;
    }

    private static List<String> names(@Nullable TenantConfig config) {
        return config == null ? List.of() : config.externalIds();
    }
}
