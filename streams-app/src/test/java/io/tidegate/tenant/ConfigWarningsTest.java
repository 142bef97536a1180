package io.tidegate.tenant;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidegate.tenant.ConfigWarnings.Warning;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class ConfigWarningsTest {
    private static final long SEGMENT_BYTES = 1_000;
    private static final long NOW_MS = 1_800_000_000_000L;

    private static List<Warning> warnings(String fields) {
        return ConfigWarnings.of(
                TenantConfigJson.parse(("{\"tenant_id\":42" + fields + "}").getBytes(StandardCharsets.UTF_8)),
                SEGMENT_BYTES,
                NOW_MS);
    }

    @ParameterizedTest
    @CsvSource(
            nullValues = "-",
            delimiter = '|',
            value = {
                "''|-",
                ",\"max_signals_per_sec\":500|-",
                ",\"max_signals_per_sec\":500,\"burst_signals\":500|-",
                ",\"max_signals_per_sec\":500,\"burst_signals\":499|burst_below_rate",
                ",\"max_signals_per_sec\":4294967295,\"burst_signals\":1|burst_below_rate",
                ",\"max_signals_per_sec\":500,\"burst_signals\":0|burst_zero",
                ",\"max_signals_per_sec\":0,\"burst_signals\":0|-",
                ",\"burst_signals\":100|burst_without_rate",
                ",\"burst_bytes\":100|burst_without_rate",
                ",\"max_bytes_per_sec\":500,\"burst_bytes\":499|burst_below_rate",
                ",\"max_bytes_per_sec\":500,\"burst_bytes\":0|burst_zero",
                ",\"max_bytes_per_sec\":0,\"burst_bytes\":0|-",
                ",\"max_bytes_per_sec\":500,\"max_signal_bytes\":1000|-",
                ",\"max_bytes_per_sec\":500,\"max_signal_bytes\":1001|signal_bytes_above_burst",
                ",\"signals\":{\"click\":{\"max_signals_per_sec\":5}}|-",
                ",\"signals\":{\"click\":{\"max_signals_per_sec\":5,\"burst_signals\":0}}|burst_zero",
                ",\"signals\":{\"click\":{\"max_signals_per_sec\":0,\"burst_signals\":0}}|-",
                ",\"signals\":{\"click\":{\"max_signals_per_sec\":5,\"burst_signals\":4}}|burst_below_rate",
                ",\"max_signals_per_sec\":5,\"signals\":{\"click\":{\"max_signals_per_sec\":5}}|-",
                ",\"max_signals_per_sec\":4,\"signals\":{\"click\":{\"max_signals_per_sec\":5}}|signal_rate_above_rate",
                ",\"periods\":[{\"per\":\"day\",\"max_signals\":5,\"max_bytes\":0}]|period_zero",
                ",\"periods\":[{\"per\":\"day\",\"max_signals\":0,\"max_bytes\":5}]|period_zero",
                ",\"periods\":[{\"per\":\"day\",\"max_signals\":0,\"max_bytes\":0}]|-",
                ",\"periods\":[{\"per\":\"day\",\"max_bytes\":0}]|-",
                ",\"max_storage_bytes\":0|-",
                ",\"max_storage_bytes\":1|storage_below_segment",
                ",\"max_storage_bytes\":999|storage_below_segment",
                ",\"max_storage_bytes\":1000|-",
                ",\"max_storage_bytes\":18446744073709551615|-",
                ",\"blocked_until\":\"2020-01-01T00:00:00Z\"|block_is_over",
                ",\"blocked_until\":\"2100-01-01T00:00:00Z\"|-",
                ",\"required_regions\":[\"eu\"]|-",
                ",\"required_regions\":[\"eu\"],\"mode\":\"observe\"|regions_observed",
                ",\"max_entities\":0|-"
            })
    void oneWarningForEachLimitWithoutItsExpectedEffect(String fields, @Nullable String expected) {
        assertThat(warnings(fields))
                .extracting(Warning::id)
                .containsExactlyElementsOf(expected == null ? List.of() : List.of(expected));
    }

    @Test
    void aWarningNamesTheValuesAndTheirEffect() {
        assertThat(warnings(",\"max_signals_per_sec\":500,\"burst_signals\":120"))
                .singleElement()
                .satisfies(warning -> {
                    assertThat(warning.field()).isEqualTo("burst_signals");
                    assertThat(warning.message()).contains("120", "500/s", "burst_exceeded", "1000");
                });
    }
}
