package io.tidegate.admin;

import io.tidegate.admin.ConfigEdit.Rejection;
import io.tidegate.tenant.ConfigKey;
import io.tidegate.tenant.StoredConfig;
import io.tidegate.tenant.TenantConfig;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * The rules across several configs, {@link PlanUse} and {@link NameUse}, over all changes of one transaction.
 *
 * <p>An unreadable record changes nothing, as in the instances. Not thread-safe.
 */
final class ConfigRules {
    private final PlanUse plans = new PlanUse();
    private final NameUse names = new NameUse();

    /** Applies the newest record of a key; null removes the entry. */
    void read(ConfigKey key, @Nullable StoredConfig stored) {
        if (stored == null || stored.config() != null) {
            TenantConfig config = stored == null ? null : stored.config();
            plans.apply(key, config);
            names.apply(key, config);
        }
    }

    void clear() {
        plans.clear();
        names.clear();
    }

    PlanUse plans() {
        return plans;
    }

    /**
     * Returns the changes that would violate a rule if all were made together. A change that violates both rules is rejected
     * because of its plan.
     *
     * @param changes the new config of each key; null removes it
     */
    Map<ConfigKey, Rejection> violations(Map<ConfigKey, @Nullable TenantConfig> changes) {
        Map<ConfigKey, Rejection> violations = new TreeMap<>(names.violations(changes));
        violations.putAll(plans.violations(changes));
        return violations;
    }
}
