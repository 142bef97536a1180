package io.tidegate.tenant;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.tidegate.tenant.TenantConfig.Mode;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class PlanTest {
    private static final TenantConfig PLAN = TenantConfig.unlimited(TenantId.DEFAULT, "Pro plan").toBuilder()
            .maxSignalsPerSec(1L)
            .burstSignals(2L)
            .maxBytesPerSec(BigInteger.valueOf(3))
            .burstBytes(BigInteger.valueOf(4))
            .maxSignalBytes(5L)
            .periods(List.of(new PeriodLimit(PeriodLimit.Per.HOUR, BigInteger.valueOf(12), null)))
            .signals(Map.of("click", new SignalLimit(13L, 14L)))
            .maxEntities(BigInteger.valueOf(6))
            .maxItems(BigInteger.valueOf(7))
            .maxUsers(BigInteger.valueOf(8))
            .maxCreators(BigInteger.valueOf(9))
            .entityIdleTtl(Duration.ofDays(13))
            .maxStorageBytes(BigInteger.valueOf(10))
            .requiredRegions(List.of("eu"))
            .mode(Mode.OBSERVE)
            .blockedUntil(Instant.ofEpochMilli(11))
            .build();

    private static TenantConfig config(String fields) {
        return TenantConfigJson.parse(("{\"tenant_id\":42,\"plan\":\"pro\",\"label\":\"Acme\"" + fields + "}")
                .getBytes(StandardCharsets.UTF_8));
    }

    @Test
    void aPlanSuppliesEveryFieldThatTheTenantDoesNotSetExceptTheLabel() {
        assertThat(Plan.inForce(config(""), PLAN))
                .isEqualTo(PLAN.toBuilder()
                        .tenantId(TenantId.of(42))
                        .plan("pro")
                        .label("Acme")
                        .build());
    }

    /** A plan blocks all its tenants. A block of the tenant can end later, and stays in its config after its end. */
    @Test
    void theLaterOfTwoBlocksApplies() {
        Instant first = Instant.parse("2020-01-01T00:00:00Z");
        Instant last = Instant.parse("2100-01-01T00:00:00Z");

        assertThat(blockedUntil(null, null)).isNull();
        assertThat(blockedUntil(first, null)).isEqualTo(first);
        assertThat(blockedUntil(null, first)).isEqualTo(first);
        assertThat(blockedUntil(first, last)).isEqualTo(last);
        assertThat(blockedUntil(last, first)).isEqualTo(last);
    }

    private static @Nullable Instant blockedUntil(@Nullable Instant own, @Nullable Instant ofPlan) {
        TenantConfig plan = PLAN.toBuilder().blockedUntil(ofPlan).build();
        return Plan.inForce(config("").withBlockedUntil(own), plan).blockedUntil();
    }

    /** Checks one field at a time, to detect a new field that is not merged. */
    @Test
    void eachFieldThatTheTenantSetsIsItsOwn() {
        Map<String, String> own = Map.ofEntries(
                Map.entry("max_signals_per_sec", "0"),
                Map.entry("burst_signals", "0"),
                Map.entry("max_bytes_per_sec", "0"),
                Map.entry("burst_bytes", "0"),
                Map.entry("max_signal_bytes", "0"),
                Map.entry("periods", "[{\"per\":\"day\",\"max_signals\":0,\"max_bytes\":null}]"),
                Map.entry("signals", "{\"view\":{\"max_signals_per_sec\":0,\"burst_signals\":null}}"),
                Map.entry("max_entities", "0"),
                Map.entry("max_items", "0"),
                Map.entry("max_users", "0"),
                Map.entry("max_creators", "0"),
                Map.entry("entity_idle_ttl", "\"P30D\""),
                Map.entry("max_storage_bytes", "0"),
                Map.entry("required_regions", "[\"us\"]"),
                Map.entry("mode", "\"enforce\""),
                Map.entry("blocked_until", "\"2030-01-01T00:00:00Z\""));
        assertThat(own.keySet())
                .as("all fields but tenant_id, plan, label, external_ids, unlimited and ceiling")
                .hasSize(TenantConfig.class.getRecordComponents().length - 6);
        own.forEach((name, value) -> {
            TenantConfig set = config(",\"%s\":%s".formatted(name, value));
            assertThat(TenantConfigJson.fieldsSet(set)).contains(name);
            assertThat(TenantConfigJson.fieldsSet(config(""))).doesNotContain(name);
            TenantConfig inForce = Plan.inForce(set, PLAN);
            assertThat(new String(TenantConfigJson.write(inForce), StandardCharsets.UTF_8))
                    .as(name)
                    .contains("\"%s\":%s".formatted(name, value));
            assertThat(TenantConfigJson.fieldsSet(inForce))
                    .as("the others are the plan's")
                    .hasSize(own.size() + 3);
        });
    }

    @Test
    void aLimitThatATenantSetsToUnlimitedIsNoneWhateverThePlanSays() {
        List<String> fields = new ArrayList<>(TenantConfig.LIMITS);
        fields.add(TenantConfig.ENTITY_IDLE_TTL);
        fields.removeIf(field -> field.startsWith("burst"));
        for (String field : fields) {
            TenantConfig inForce = Plan.inForce(config(",\"%s\":\"unlimited\"".formatted(field)), PLAN);
            assertThat(TenantConfigJson.difference(
                            inForce,
                            PLAN.toBuilder()
                                    .tenantId(TenantId.of(42))
                                    .plan("pro")
                                    .label("Acme")
                                    .build()))
                    .as(field)
                    .containsExactlyInAnyOrder(field, "unlimited");
        }
    }

    @Test
    void theCeilingOfAPlanIsNotInForceForItsTenants() {
        TenantConfig plan = PLAN.toBuilder()
                .ceiling(new Ceiling(TenantConfig.unlimited(TenantId.DEFAULT, "").toBuilder()
                        .maxSignalsPerSec(1L)
                        .build()))
                .build();
        assertThat(Plan.inForce(config(""), plan)).isEqualTo(Plan.inForce(config(""), PLAN));
    }

    @Test
    void aTenantWithoutAPlanIsAsItIsAndOneWhosePlanDoesNotExistHasNoLimitsInForce() {
        TenantConfig alone = TenantConfig.unlimited(TenantId.of(42), "");
        assertThat(Plan.inForce(alone, null)).isSameAs(alone);
        assertThat(Plan.inForce(config(""), null)).isNull();
    }

    @Test
    void theDefaultModeGivesWayToTheFirstPlanAndANamedOneStays() {
        TenantConfig before = TenantConfig.unlimited(TenantId.of(42), "");
        TenantConfig planned = before.toBuilder().plan("pro").build();
        TenantConfig strict = before.toBuilder().plan("pro").mode(Mode.ENFORCE).build();

        assertThat(planned.mode()).isNull();
        assertThat(strict.toBuilder().plan("other").build().mode()).isEqualTo(Mode.ENFORCE);
        assertThat(planned.toBuilder().plan(null).build()).isEqualTo(before);
        assertThat(before.toBuilder().mode(Mode.OBSERVE).plan("pro").build().mode())
                .isEqualTo(Mode.OBSERVE);
    }

    @ParameterizedTest
    @ValueSource(strings = {"0", "42", "18446744073709551615", "plan:pro", "plan:42", "plan:A.b_c-9"})
    void aKeyIsReadBack(String text) {
        ConfigKey key = ConfigKey.tryParse(text.getBytes(StandardCharsets.UTF_8));
        assertThat(key).isNotNull();
        assertThat(new String(key.bytes(), StandardCharsets.UTF_8)).isEqualTo(text);
        assertThat(key instanceof ConfigKey.OfPlan).isEqualTo(text.startsWith("plan:"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "042", "plan:", "plan", "Plan:pro", "plan:a b", "plan:ü", "plan:plan:a", "plans:a"})
    void aTextThatIsNeitherATenantNorAPlanIsNotAKey(String text) {
        assertThat(ConfigKey.tryParse(text.getBytes(StandardCharsets.UTF_8))).isNull();
    }

    @Test
    void plansComeBeforeTenantsAndEachInOrder() {
        List<ConfigKey> sorted = List.of(
                ConfigKey.ofPlan("a"),
                ConfigKey.ofPlan("b"),
                ConfigKey.of(TenantId.of(9)),
                ConfigKey.of(TenantId.of(10)),
                ConfigKey.of(TenantId.of(-1)));
        List<ConfigKey> shuffled = new java.util.ArrayList<>(sorted);
        java.util.Collections.reverse(shuffled);
        java.util.Collections.sort(shuffled);
        assertThat(shuffled).isEqualTo(sorted);
    }

    @Test
    void aPlanIsOnNoPlan() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new Plan("pro", config("")))
                .withMessageContaining("is not a field of a plan");
    }
}
