package io.tidegate.admin;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidegate.tenant.ConfigKey;
import io.tidegate.tenant.Plan;
import io.tidegate.tenant.TenantConfig;
import io.tidegate.tenant.TenantId;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class PlanUseTest {
    private static final ConfigKey PRO = ConfigKey.ofPlan("pro");
    private static final TenantConfig FIELDS = Plan.empty("any").fields();

    private final PlanUse use = new PlanUse();

    private static ConfigKey tenant(long id) {
        return ConfigKey.of(TenantId.of(id));
    }

    private static TenantConfig on(long id, @Nullable String plan) {
        return TenantConfig.unlimited(TenantId.of(id), "").toBuilder()
                .plan(plan)
                .build();
    }

    private Map<ConfigKey, String> violations(@Nullable Object... changes) {
        Map<ConfigKey, @Nullable TenantConfig> map = new TreeMap<>();
        for (int i = 0; i < changes.length; i += 2) {
            map.put((ConfigKey) changes[i], (TenantConfig) changes[i + 1]);
        }
        Map<ConfigKey, String> messages = new TreeMap<>();
        use.violations(map).forEach((key, rejection) -> messages.put(key, rejection.message()));
        return messages;
    }

    @Test
    void aPlanIsInUseAsLongAsATenantIsOnItAfterAllChanges() {
        use.apply(PRO, FIELDS);
        use.apply(tenant(7), on(7, "pro"));
        use.apply(tenant(5), on(5, "pro"));
        use.apply(tenant(9), on(9, null));

        assertThat(violations(PRO, null))
                .containsExactly(Map.entry(
                        PRO, "plan 'pro' is in use by 2 tenants, such as t5: put them on another plan first"));
        assertThat(violations(PRO, null, tenant(5), null, tenant(7), on(7, null)))
                .isEmpty();
        assertThat(violations(PRO, null, tenant(5), null, tenant(7), null, tenant(9), on(9, "pro")))
                .as("the new one is not on a plan then, and the plan is not to go")
                .containsOnlyKeys(PRO, tenant(9));
        assertThat(violations(tenant(9), on(9, "pro"), tenant(5), on(5, "none")))
                .containsExactly(Map.entry(tenant(5), "plan: 'none' does not exist; plans: pro"));
    }

    @Test
    void theNumberOfPlansIsBounded() {
        for (int i = 0; i < PlanUse.PLANS_MAX; i++) {
            use.apply(ConfigKey.ofPlan("p" + i), FIELDS);
        }
        assertThat(violations(PRO, FIELDS)).containsOnlyKeys(PRO);
        assertThat(violations(PRO, FIELDS, ConfigKey.ofPlan("p1"), null)).isEmpty();
        assertThat(violations(ConfigKey.ofPlan("p1"), FIELDS)).isEmpty();
    }
}
