package io.tidegate.tools;

import io.tidegate.admin.TenantDirectory;
import io.tidegate.admin.TenantDirectory.ConfigRecord;
import io.tidegate.admin.TenantDirectory.Snapshot;
import io.tidegate.tenant.ConfigWarnings.Warning;
import io.tidegate.tenant.MissingTenants;
import io.tidegate.tenant.TenantConfig;
import io.tidegate.tenant.TenantId;
import io.tidegate.tools.Doctor.Finding;
import io.tidegate.tools.Doctor.Level;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** The doctor's findings about tenants' configs. Pure. */
final class TenantChecks {
    private static final String AREA = "tenants";

    /** Tenants that findings of one kind name; further ones are only counted. */
    static final int NAMED_MAX = 5;

    private TenantChecks() {}

    /**
     * Examines all configs.
     *
     * @param snapshot all stored configs and plans
     * @param warnings returns the warnings about one config
     */
    static List<Finding> of(MissingTenants missing, Snapshot snapshot, Function<TenantConfig, List<Warning>> warnings) {
        List<Finding> findings = new ArrayList<>();
        findings.add(missingTenants(missing, snapshot));
        unreadable(snapshot.tenants(), findings);
        unreadablePlans(snapshot.plans(), findings);
        missingPlans(snapshot, findings);
        nameConflicts(snapshot.tenants(), findings);
        ineffective(snapshot, warnings, findings);
        return findings;
    }

    private static void nameConflicts(Map<TenantId, ConfigRecord> configs, List<Finding> findings) {
        Map<String, List<TenantId>> conflicts = TenantDirectory.names(configs).conflicts();
        conflicts.entrySet().stream()
                .limit(NAMED_MAX)
                .forEach(conflict -> findings.add(new Finding(
                        Level.WARN,
                        AREA,
                        "the name '%s' is in the configs of the tenants %s, so it refers to none of them: signals that use it are rejected (tenant_unknown)"
                                .formatted(
                                        conflict.getKey(),
                                        conflict.getValue().stream()
                                                .map(TenantId::toString)
                                                .collect(Collectors.joining(", "))),
                        "remove it from all but one: tidegate tenants set %s --external-id … with the names that stay, or tenants unset --external-id"
                                .formatted(conflict.getValue().get(0).decimal()))));
        if (conflicts.size() > NAMED_MAX) {
            findings.add(new Finding(
                    Level.WARN,
                    AREA,
                    "%d more names have several tenants".formatted(conflicts.size() - NAMED_MAX),
                    null));
        }
    }

    private static void unreadablePlans(Map<String, ConfigRecord> plans, List<Finding> findings) {
        plans.forEach((name, stored) -> {
            if (stored.config() == null) {
                findings.add(new Finding(
                        Level.WARN,
                        AREA,
                        "the record of plan '%s' in tenant-configs (offset %d) is not a plan"
                                .formatted(name, stored.offset()),
                        "tidegate plans rm %1$s removes it; tidegate plans set %1$s --from FILE replaces it"
                                .formatted(name)));
            }
        });
    }

    /** Finds tenants on missing plans. Only a record that Tidegate did not write can name such a plan. */
    private static void missingPlans(Snapshot snapshot, List<Finding> findings) {
        long count = 0;
        for (Map.Entry<TenantId, ConfigRecord> entry : snapshot.tenants().entrySet()) {
            TenantConfig own = entry.getValue().config();
            if (own != null && snapshot.completed(own) == null && ++count <= NAMED_MAX) {
                findings.add(new Finding(
                        Level.FAIL,
                        AREA,
                        "tenant %s is on plan '%s', which does not exist: its signals are rejected (tenant_unknown), unless"
                                        .formatted(entry.getKey(), own.plan())
                                + " tenants.unknown=default-config",
                        "tidegate plans set %s creates it; tidegate tenants set %s --plan NAME chooses another one"
                                .formatted(own.plan(), entry.getKey().decimal())));
            }
        }
        if (count > NAMED_MAX) {
            findings.add(new Finding(
                    Level.FAIL,
                    AREA,
                    "%d more tenants are on plans that do not exist".formatted(count - NAMED_MAX),
                    null));
        }
    }

    private static void ineffective(
            Snapshot snapshot, Function<TenantConfig, List<Warning>> warnings, List<Finding> findings) {
        long count = 0;
        for (ConfigRecord stored : snapshot.tenants().values()) {
            TenantConfig config = stored.config() == null ? null : snapshot.completed(stored.config());
            if (config == null) {
                continue;
            }
            for (Warning warning : warnings.apply(config)) {
                if (++count <= NAMED_MAX) {
                    findings.add(new Finding(
                            Level.WARN,
                            AREA,
                            "tenant %s: %s".formatted(config.tenantId(), warning.message()),
                            "tidegate tenants get %s shows its limits; tenants set and unset change them"
                                    .formatted(config.tenantId().decimal())));
                }
            }
        }
        if (count > NAMED_MAX) {
            findings.add(new Finding(
                    Level.WARN, AREA, "%d more such limits of other tenants".formatted(count - NAMED_MAX), null));
        }
    }

    /** Reports the rule that applies to signals that name no tenant. */
    private static Finding missingTenants(MissingTenants missing, Snapshot snapshot) {
        boolean others = snapshot.tenants().keySet().stream().anyMatch(tenant -> !tenant.isDefault());
        if (!missing.countForDefault(others)) {
            return new Finding(
                    Level.OK, AREA, "signals without a tenant go to the dead-letter topic (tenant_missing)", null);
        }
        if (!others) {
            return new Finding(
                    Level.OK,
                    AREA,
                    "signals without a tenant count for tenant 0, as long as no other tenant is configured",
                    null);
        }
        ConfigRecord stored = snapshot.tenants().get(TenantId.DEFAULT);
        TenantConfig ofDefault = stored == null ? TenantConfig.defaultTenant() : stored.config();
        if (isUnlimited(ofDefault == null ? null : snapshot.completed(ofDefault))) {
            return new Finding(
                    Level.WARN,
                    AREA,
                    "signals without a tenant count for tenant 0 (tenants.missing=default), which has no rate: a tenant"
                            + " escapes its limits by leaving out its id",
                    "remove tenants.missing from the settings, or limit tenant 0: tidegate tenants set 0 --rate 100/s");
        }
        return new Finding(
                Level.OK,
                AREA,
                "signals without a tenant count for tenant 0 (tenants.missing=default), which has a rate",
                null);
    }

    private static boolean isUnlimited(@Nullable TenantConfig config) {
        return config == null || config.maxSignalsPerSec() == null;
    }

    private static void unreadable(Map<TenantId, ConfigRecord> configs, List<Finding> findings) {
        long count = 0;
        for (Map.Entry<TenantId, ConfigRecord> entry : configs.entrySet()) {
            if (entry.getValue().config() == null && ++count <= NAMED_MAX) {
                findings.add(new Finding(
                        Level.WARN,
                        AREA,
                        "the record of tenant %s in tenant-configs (offset %d) is not a valid config of this tenant"
                                .formatted(entry.getKey(), entry.getValue().offset()),
                        "tidegate tenants rm %1$s removes it; tidegate tenants set %1$s --from FILE replaces it"
                                .formatted(entry.getKey().decimal())));
            }
        }
        if (count > NAMED_MAX) {
            findings.add(new Finding(
                    Level.WARN, AREA, "%d more tenants have such a record".formatted(count - NAMED_MAX), null));
        }
    }
}
