package io.tidegate.admin;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidegate.tenant.ConfigKey;
import io.tidegate.tenant.StoredConfig;
import io.tidegate.tenant.TenantConfig;
import io.tidegate.tenant.TenantId;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class ConfigRulesTest {
    private static final ConfigKey PRO = ConfigKey.ofPlan("pro");
    private static final ConfigKey FIVE = ConfigKey.of(TenantId.of(5));

    private final ConfigRules rules = new ConfigRules();

    private void read(ConfigKey key, @Nullable String value) {
        rules.read(key, value == null ? null : StoredConfig.read(key, value.getBytes(StandardCharsets.UTF_8)));
    }

    @Test
    void anUnreadableRecordLeavesTheKnownConfig() {
        read(PRO, "{}");
        read(FIVE, "{\"tenant_id\":5,\"plan\":\"pro\"}");
        read(PRO, "{");
        read(FIVE, "{\"tenant_id\":6}");
        assertThat(rules.plans().plans()).containsOnlyKeys("pro");
        assertThat(rules.plans().users("pro")).isEqualTo(1);
        read(FIVE, null);
        assertThat(rules.plans().users("pro")).isZero();
        assertThat(rules.violations(removed(PRO))).isEmpty();
    }

    private static Map<ConfigKey, @Nullable TenantConfig> removed(ConfigKey key) {
        Map<ConfigKey, @Nullable TenantConfig> removed = new HashMap<>();
        removed.put(key, null);
        return removed;
    }
}
