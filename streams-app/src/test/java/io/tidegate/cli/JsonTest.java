package io.tidegate.cli;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tidegate.tenant.TenantId;
import org.junit.jupiter.api.Test;

class JsonTest {
    @Test
    void yamlIsReadAsTheJsonThatItIsPrintedFrom() {
        ObjectNode config = Json.object();
        Json.putTenant(config, TenantId.parse("18446744073709551615"));
        config.put("label", "on: \u001b[2J 2026-11-25")
                .put("max_signals_per_sec", 5)
                .putNull("plan");
        config.putArray("external_ids").add("007").add("yes");

        byte[] json = Json.ofYaml(Json.yaml(config).getBytes(UTF_8));

        assertThat(Json.tree(json)).isEqualTo(Json.tree(Json.line(config).getBytes(UTF_8)));
    }

    @Test
    void jsonStaysAsItIs() {
        for (String text : new String[] {" \n{\"a\": 1, \"a\": 2}", "", "{"}) {
            assertThat(Json.ofYaml(text.getBytes(UTF_8))).asString(UTF_8).isEqualTo(text);
        }
    }

    @Test
    void anUnknownTenantIsNull() {
        ObjectNode json = Json.object();
        Json.putTenant(json, null);

        assertThat(Json.line(json)).isEqualTo("{\"tenant_id\":null}");
    }

    @Test
    void textThatIsNeitherIsReported() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Json.ofYaml("a: [".getBytes(UTF_8)))
                .withMessage("neither JSON nor YAML");
    }
}
