package io.tidegate.tools;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidegate.admin.TenantDirectory.ConfigRecord;
import io.tidegate.admin.TenantDirectory.Snapshot;
import io.tidegate.tenant.ConfigWarnings;
import io.tidegate.tenant.MissingTenants;
import io.tidegate.tenant.TenantConfig;
import io.tidegate.tenant.TenantConfigJson;
import io.tidegate.tenant.TenantId;
import io.tidegate.tools.Doctor.Finding;
import io.tidegate.tools.Doctor.Level;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

final class TenantChecksTest {
    private static final TenantId T42 = TenantId.of(42);

    private static List<Finding> of(MissingTenants missing, Map<TenantId, ConfigRecord> configs) {
        return of(missing, configs, Map.of());
    }

    private static List<Finding> of(
            MissingTenants missing, Map<TenantId, ConfigRecord> configs, Map<String, ConfigRecord> plans) {
        return TenantChecks.of(missing, new Snapshot(configs, plans), config -> ConfigWarnings.of(config, 1_000, 0));
    }

    private static ConfigRecord config(String json) {
        return new ConfigRecord(TenantConfigJson.parse(json.getBytes(StandardCharsets.UTF_8)), 3);
    }

    @Test
    void sayWhichRuleHoldsForSignalsWithoutATenant() {
        ConfigRecord unlimited = new ConfigRecord(TenantConfig.unlimited(T42, ""), 1);

        Finding alone = of(MissingTenants.REJECT, Map.of()).get(0);
        Finding strict = of(MissingTenants.REJECT, Map.of(T42, unlimited)).get(0);
        Finding open = of(MissingTenants.DEFAULT, Map.of(T42, unlimited)).get(0);
        Finding limited = of(
                        MissingTenants.DEFAULT,
                        Map.of(T42, unlimited, TenantId.DEFAULT, config("{\"tenant_id\":0,\"max_signals_per_sec\":5}")))
                .get(0);

        assertThat(alone.level()).isEqualTo(Level.OK);
        assertThat(alone.text()).contains("count for tenant 0");
        assertThat(strict.level()).isEqualTo(Level.OK);
        assertThat(strict.text()).contains("tenant_missing");
        assertThat(open.level()).isEqualTo(Level.WARN);
        assertThat(open.text()).contains("escapes its limits");
        assertThat(open.fix()).contains("tenants.missing", "tidegate tenants set 0 --rate");
        assertThat(limited.level()).isEqualTo(Level.OK);
    }

    @Test
    void nameTheFirstTenantsWhoseRecordIsNotAConfigAndCountTheOthers() {
        Map<TenantId, ConfigRecord> configs = new TreeMap<>();
        for (int i = 1; i <= TenantChecks.NAMED_MAX + 2; i++) {
            configs.put(TenantId.of(i), new ConfigRecord(null, i));
        }

        List<Finding> findings = of(MissingTenants.REJECT, configs);

        assertThat(findings).hasSize(1 + TenantChecks.NAMED_MAX + 1);
        assertThat(findings.get(1).text()).contains("t1", "offset 1", "not a valid config");
        assertThat(findings.get(1 + TenantChecks.NAMED_MAX).text()).startsWith("2 more");
    }

    @Test
    void nameTenantsOnAPlanThatDoesNotExistOrCannotBeReadAndJudgeTheOthersWithTheirPlan() {
        Map<TenantId, ConfigRecord> configs = new TreeMap<>();
        configs.put(TenantId.of(1), config("{\"tenant_id\":1,\"plan\":\"gone\"}"));
        configs.put(TenantId.of(2), config("{\"tenant_id\":2,\"plan\":\"bad\"}"));
        configs.put(TenantId.of(3), config("{\"tenant_id\":3,\"plan\":\"pro\",\"burst_signals\":5}"));
        ConfigRecord pro = new ConfigRecord(
                TenantConfig.unlimited(TenantId.DEFAULT, "").toBuilder()
                        .maxSignalsPerSec(10L)
                        .build(),
                1);

        List<Finding> findings =
                of(MissingTenants.REJECT, configs, new TreeMap<>(Map.of("bad", new ConfigRecord(null, 9), "pro", pro)));

        assertThat(findings).hasSize(5);
        assertThat(findings.get(1).text()).contains("plan 'bad'", "offset 9");
        assertThat(findings.get(2).level()).isEqualTo(Level.FAIL);
        assertThat(findings.get(2).text()).contains("t1", "'gone'", "tenant_unknown");
        assertThat(findings.get(3).text()).contains("t2", "'bad'");
        assertThat(findings.get(4).text()).contains("t3", "less than one second of the rate 10/s");
    }

    @Test
    void nameTheFirstLimitsWithoutEffectAndCountTheOthers() {
        Map<TenantId, ConfigRecord> configs = new TreeMap<>();
        for (int i = 1; i <= TenantChecks.NAMED_MAX + 3; i++) {
            configs.put(
                    TenantId.of(i),
                    config("{\"tenant_id\":%d,\"max_signals_per_sec\":500,\"burst_signals\":120}".formatted(i)));
        }

        List<Finding> findings = of(MissingTenants.REJECT, configs);

        assertThat(findings).hasSize(1 + TenantChecks.NAMED_MAX + 1);
        assertThat(findings.get(1).level()).isEqualTo(Level.WARN);
        assertThat(findings.get(1).text()).startsWith("tenant t1: burst_signals = 120");
        assertThat(findings.get(1).fix()).contains("tidegate tenants get 1");
        assertThat(findings.get(1 + TenantChecks.NAMED_MAX).text()).startsWith("3 more");
    }
}
