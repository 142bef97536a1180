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

    private static byte[] bytes(String json) {
        return json.getBytes(StandardCharsets.UTF_8);
    }
}
