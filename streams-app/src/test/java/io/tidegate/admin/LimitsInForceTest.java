package io.tidegate.admin;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tidegate.tenant.Plan;
import io.tidegate.tenant.TenantConfig;
import io.tidegate.tenant.TenantConfigJson;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;

final class LimitsInForceTest {
    @Test
    void onlyLimitsHaveACeiling() {
        Plan plan = TenantConfigJson.parsePlan("pro", bytes("{\"max_items\":5,\"ceiling\":{\"max_items\":9}}"));
        TenantConfig own = TenantConfigJson.parse(bytes("{\"tenant_id\":42,\"plan\":\"pro\"}"));

        ObjectNode limits = LimitsInForce.json(
                own, own.completedBy(plan.fields()), plan.fields().ceiling());

        assertThat(limits.at("/max_items/ceiling").asInt()).isEqualTo(9);
        assertThat(limits.at("/mode/value").asText()).isEqualTo("enforce");
        assertThat(limits.findParents("ceiling")).hasSize(1);
    }

    @Test
    void aLimitThatNoConfigSetsHasNoOneAsItsOrigin() {
        Plan plan = TenantConfigJson.parsePlan("pro", bytes("{\"max_items\":5,\"max_users\":6}"));
        TenantConfig own = TenantConfigJson.parse(
                bytes(
                        "{\"tenant_id\":42,\"plan\":\"pro\",\"max_users\":7,\"max_entities\":8,\"unlimited\":[\"max_creators\"]}"));

        ObjectNode limits = LimitsInForce.json(own, own.completedBy(plan.fields()), null);

        assertThat(limits.at("/max_items/origin").asText()).isEqualTo("plan");
        assertThat(limits.at("/max_users/origin").asText()).isEqualTo("tenant");
        assertThat(limits.at("/max_entities/origin").asText()).isEqualTo("tenant");
        assertThat(limits.at("/max_creators/origin").asText()).isEqualTo("tenant");
        assertThat(limits.at("/max_signals_per_sec/origin").asText()).isEqualTo("unset");
        assertThat(limits.at("/blocked_until/origin").asText()).isEqualTo("unset");

        ObjectNode byDefault = LimitsInForce.json(null, plan.fields(), null);
        assertThat(byDefault.at("/max_items/origin").asText()).isEqualTo("default");
        assertThat(byDefault.at("/max_storage_bytes/origin").asText()).isEqualTo("unset");
    }

    private static byte[] bytes(String json) {
        return json.getBytes(StandardCharsets.UTF_8);
    }
}
