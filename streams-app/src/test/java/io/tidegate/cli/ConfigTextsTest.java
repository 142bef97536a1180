package io.tidegate.cli;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.tidegate.tenant.TenantConfig;
import io.tidegate.tenant.TenantConfigJson;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ConfigTextsTest {
    /** The rate may come from the tenant's plan. */
    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "''                                                  | unlimited       | unlimited",
                ",\"burst_signals\":50,\"burst_bytes\":2048          | 50              | 2 KiB",
                ",\"max_signals_per_sec\":5,\"max_bytes_per_sec\":512 | 10 (2 × the rate) | 1 KiB (2 × the rate)",
                ",\"max_signals_per_sec\":5,\"burst_signals\":7      | 7               | unlimited"
            })
    void aBurstIsShownAlsoWithoutARate(String fields, String burst, String byteBurst) {
        TenantConfig config = TenantConfigJson.parse(
                "{\"tenant_id\":42,\"plan\":\"pro\"%s}".formatted(fields).getBytes(UTF_8));

        assertThat(ConfigTexts.burst(config)).isEqualTo(burst);
        assertThat(ConfigTexts.byteBurst(config)).isEqualTo(byteBurst);
    }

    @Test
    void aDifferenceHasTheFieldsThatAreNoLongerSet() {
        TenantConfig from = TenantConfigJson.parse(
                "{\"tenant_id\":42,\"plan\":\"pro\",\"unlimited\":[\"max_signals_per_sec\"],\"max_entities\":5}"
                        .getBytes(UTF_8));
        TenantConfig to = TenantConfigJson.parse("{\"tenant_id\":42,\"plan\":\"pro\"}".getBytes(UTF_8));

        assertThat(ConfigTexts.difference(from, to))
                .hasSize(2)
                .anySatisfy(field -> assertThat(field).startsWith("unlimited: [\"max_signals_per_sec\"] → "))
                .anySatisfy(field -> assertThat(field).startsWith("max_entities: 5 → "));
        assertThat(ConfigTexts.difference(to, to)).isEmpty();
    }

    @Test
    void aDifferenceShowsLimitsAsTheOtherCommandsDo() {
        TenantConfig from = TenantConfigJson.parse(
                "{\"tenant_id\":42,\"signals\":{\"click\":{\"max_signals_per_sec\":5}}}".getBytes(UTF_8));
        TenantConfig to =
                TenantConfigJson.parse(("{\"tenant_id\":42,\"periods\":[{\"per\":\"day\",\"max_signals\":1000},"
                                + "{\"per\":\"month\",\"max_bytes\":1024}],"
                                + "\"signals\":{\"click\":{\"max_signals_per_sec\":9,\"burst_signals\":7}}}")
                        .getBytes(UTF_8));

        assertThat(ConfigTexts.difference(from, to))
                .containsExactlyInAnyOrder(
                        "periods: unset → day 1000 signals, month 1 KiB",
                        "signals: click 5/s burst 10 (2 × the rate) → click 9/s burst 7");
    }

    /** A field without a value may get one from the tenant's plan: it is not "unlimited". */
    @Test
    void aDifferenceNamesFieldsWithoutAValueUnset() {
        TenantConfig from = TenantConfigJson.parse(
                ("{\"tenant_id\":42,\"plan\":\"pro\",\"max_signals_per_sec\":3,\"required_regions\":[\"eu\"],"
                                + "\"periods\":[{\"per\":\"hour\",\"max_signals\":1}],"
                                + "\"signals\":{\"a, day 5 signals\":{\"max_signals_per_sec\":1}}}")
                        .getBytes(UTF_8));
        TenantConfig to = TenantConfigJson.parse("{\"tenant_id\":42,\"plan\":\"pro\"}".getBytes(UTF_8));

        assertThat(ConfigTexts.difference(from, to))
                .containsExactlyInAnyOrder(
                        "max_signals_per_sec: 3 → unset",
                        "required_regions: [\"eu\"] → unset",
                        "periods: hour 1 signal → unset",
                        "signals: \"a, day 5 signals\" 1/s burst 2 (2 × the rate) → unset");
    }
}
