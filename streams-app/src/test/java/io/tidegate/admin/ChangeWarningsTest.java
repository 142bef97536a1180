package io.tidegate.admin;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidegate.admin.TenantDirectory.ConfigRecord;
import io.tidegate.admin.TenantDirectory.Snapshot;
import io.tidegate.config.Settings;
import io.tidegate.config.SettingsLoader;
import io.tidegate.tenant.ConfigWarnings.Warning;
import io.tidegate.tenant.TenantConfig;
import io.tidegate.tenant.TenantId;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

/** A dry run warns about a config as `set` does. Tests with a broker cover the warnings about changes that are made. */
class ChangeWarningsTest {
    private static final Settings SETTINGS =
            SettingsLoader.load(null, Map.of(), Map.of("tenants.unknown", "default-config"));
    private static final TenantConfig OF_DEFAULT =
            TenantConfig.defaultTenant().toBuilder().maxSignalsPerSec(10L).build();
    private static final TenantConfig PROPOSED = TenantConfig.unlimited(TenantId.of(42), "new");

    private static Snapshot stored(TenantConfig... configs) {
        Map<TenantId, ConfigRecord> records = new TreeMap<>();
        for (TenantConfig config : configs) {
            records.put(config.tenantId(), new ConfigRecord(config, 7));
        }
        return new Snapshot(records, Map.of());
    }

    @Test
    void theFirstConfigThatIsProposedForATenantLosesTheDefaultLimitsAndChangesTheRuleForSignalsWithoutTenant() {
        assertThat(ChangeWarnings.ofProposed(PROPOSED, stored(OF_DEFAULT), SETTINGS))
                .extracting(Warning::id)
                .containsExactly("default_limits_lost", "missing_tenants_rejected");
    }

    @Test
    void aProposedChangeOfAnExistingConfigHasNeither() {
        assertThat(ChangeWarnings.ofProposed(PROPOSED, stored(OF_DEFAULT, PROPOSED), SETTINGS))
                .isEmpty();
    }
}
