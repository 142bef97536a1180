package io.tidegate.api;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidegate.tenant.TenantConfigJson;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class TenantsApiTest {
    private static byte[] bytes(String json) {
        return json.replace((char) 39, '"').getBytes(StandardCharsets.UTF_8);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "'no_such_limit':1 | no_such_limit",
                "'':1 | ``",
                "'signals':{'a b':{'max_signals_per_sec':1,'x':2}} | signals",
                "'periods':[{'per':'day','max_signals':1,'x':2}] | periods",
                "'ceiling':{'max_items':1} | ceiling",
                "'max_items':1.5 | max_items"
            })
    void anErrorNamesTheFieldOfTheConfig(String fields, String expected) {
        try {
            TenantConfigJson.parse(bytes("{'tenant_id':42," + fields + "}"));
            assertThat(fields).as("a config that is rejected").isNull();
        } catch (IllegalArgumentException e) {
            assertThat(TenantsApi.fieldOf(e.getMessage())).as(e.getMessage()).isEqualTo(expected);
        }
    }

    @Test
    void anErrorOfAPlanNamesAFieldThatPlansDoNotHave() {
        try {
            TenantConfigJson.parsePlan("pro", bytes("{'tenant_id':1}"));
            assertThat("pro").as("a plan that is rejected").isNull();
        } catch (IllegalArgumentException e) {
            assertThat(TenantsApi.fieldOf(e.getMessage())).as(e.getMessage()).isEqualTo("tenant_id");
        }
    }
}
