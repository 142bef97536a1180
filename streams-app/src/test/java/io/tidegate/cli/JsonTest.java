package io.tidegate.cli;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tidegate.tenant.TenantId;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

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
    void anUnknownTenantIsNull() {
        ObjectNode json = Json.object();
        Json.putTenant(json, null);

        assertThat(Json.line(json)).isEqualTo("{\"tenant_id\":null}");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "'a: ['|line 1, column ",
                "' {\"a\": 1, \"a\": 2}'|not JSON: the field 'a' occurs twice",
                "'{\"a\": 1} {}'|something follows the JSON object",
                "'{'|not JSON: it ends unexpectedly at line 1",
                "''|it is empty"
            })
    void textThatHasNoMeaningOrTwoIsReported(String text, String problem) {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Json.ofYaml(text.getBytes(UTF_8)))
                .withMessageContaining(problem);
    }
}
