package io.tidegate.topology;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidegate.tenant.MissingTenants;
import io.tidegate.tenant.TenantConfig;
import io.tidegate.tenant.TenantConfigJson;
import io.tidegate.tenant.TenantId;
import io.tidegate.tenant.UnknownTenants;
import io.tidegate.topology.TenantConfigs.InForce;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class TenantConfigsTest {
    private static final TenantId T42 = TenantId.of(42);

    private final TenantConfigs configs = new TenantConfigs(UnknownTenants.REJECT, MissingTenants.REJECT);

    private void apply(@Nullable String key, @Nullable String value, long offset) {
        configs.apply(bytes(key), bytes(value), offset);
    }

    private static byte @Nullable [] bytes(@Nullable String text) {
        return text == null ? null : text.getBytes(StandardCharsets.UTF_8);
    }

    @Test
    void anUnknownTenantHasNoConfigWhereSuchTenantsAreRejected() {
        assertThat(configs.inForce(T42)).isNull();
    }

    @Test
    void theDefaultTenantIsUnlimitedBeforeAnyRecord() {
        assertThat(configs.inForce(TenantId.DEFAULT)).isEqualTo(new InForce(TenantConfig.defaultTenant(), -1));
    }

    @Test
    void anUnknownTenantGetsTheDefaultTenantsLimitsUnderItsOwnIdWhereSoChosen() {
        TenantConfigs fallingBack = new TenantConfigs(UnknownTenants.DEFAULT_CONFIG, MissingTenants.REJECT);
        assertThat(fallingBack.inForce(T42))
                .isEqualTo(new InForce(TenantConfig.defaultTenant().withTenantId(T42), -1));
        fallingBack.apply(bytes("0"), bytes("{\"tenant_id\":0,\"max_signals_per_sec\":5}"), 3);
        InForce inForce = fallingBack.inForce(T42);
        assertThat(inForce).isNotNull();
        assertThat(inForce.offset()).isEqualTo(3);
        assertThat(inForce.config().tenantId()).isEqualTo(T42);
        assertThat(inForce.config().maxSignalsPerSec()).isEqualTo(5L);
    }

    @Test
    void theLatestRecordIsInForceWithItsOffset() {
        apply("42", "{\"tenant_id\":42,\"max_signals_per_sec\":5}", 7);
        apply("42", "{\"tenant_id\":42,\"max_signals_per_sec\":6}", 9);
        assertThat(configs.inForce(T42))
                .isEqualTo(
                        new InForce(TenantConfigJson.parse(bytes("{\"tenant_id\":42,\"max_signals_per_sec\":6}")), 9));
        assertThat(configs.inForce(TenantId.of(43))).isNull();
        assertThat(configs.size()).isEqualTo(1);
        assertThat(configs.rejectedCount()).isZero();
    }

    private @Nullable Long rate(long tenant) {
        InForce inForce = configs.inForce(TenantId.of(tenant));
        return inForce == null ? null : inForce.config().maxSignalsPerSec();
    }

    @Test
    void aChangedPlanHoldsForAllItsTenantsAtOnceAndForNoOthers() {
        apply("plan:pro", "{\"max_signals_per_sec\":5,\"max_items\":7}", 1);
        apply("plan:free", "{\"max_signals_per_sec\":1}", 2);
        apply("42", "{\"tenant_id\":42,\"plan\":\"pro\"}", 3);
        apply("43", "{\"tenant_id\":43,\"plan\":\"pro\",\"max_signals_per_sec\":50}", 4);
        apply("44", "{\"tenant_id\":44,\"plan\":\"free\"}", 5);
        apply("45", "{\"tenant_id\":45}", 6);
        assertThat(configs.inForce(T42).offset())
                .as("the newer record of the two")
                .isEqualTo(3);
        assertThat(rate(42)).isEqualTo(5L);
        assertThat(rate(43)).isEqualTo(50L);
        assertThat(configs.tenantsByPlan()).isEqualTo(java.util.Map.of("pro", 2L, "free", 1L));

        apply("plan:pro", "{\"max_signals_per_sec\":6}", 7);

        assertThat(rate(42)).isEqualTo(6L);
        assertThat(configs.inForce(T42).offset()).isEqualTo(7);
        assertThat(configs.inForce(T42).config().maxItems()).isNull();
        assertThat(configs.own(T42).offset()).isEqualTo(3);
        assertThat(rate(43)).isEqualTo(50L);
        assertThat(rate(44)).isEqualTo(1L);
        assertThat(configs.inForce(TenantId.of(45)).offset()).isEqualTo(6);
        assertThat(configs.size()).as("plans are no tenants").isEqualTo(4);
        assertThat(configs.rejectedCount()).isZero();
    }

    @Test
    void aTenantOnAPlanThatDoesNotExistIsUnknownUntilThePlanIsThere() {
        apply("42", "{\"tenant_id\":42,\"plan\":\"pro\"}", 1);
        apply("0", "{\"tenant_id\":0,\"plan\":\"pro\"}", 2);
        assertThat(configs.inForce(T42)).isNull();
        assertThat(configs.inForce(TenantId.DEFAULT))
                .as("unlimited would be worse")
                .isNull();
        assertThat(configs.own(T42)).isNotNull();

        apply("plan:pro", "{\"max_signals_per_sec\":5}", 3);
        assertThat(rate(42)).isEqualTo(5L);
        assertThat(rate(0)).isEqualTo(5L);

        apply("plan:pro", null, 4);
        assertThat(configs.inForce(T42)).isNull();
    }

    @Test
    void anUnknownTenantGetsWhatThePlanOfTheDefaultTenantSuppliesWhereSoChosen() {
        TenantConfigs fallingBack = new TenantConfigs(UnknownTenants.DEFAULT_CONFIG, MissingTenants.REJECT);
        fallingBack.apply(bytes("plan:pro"), bytes("{\"max_signals_per_sec\":5}"), 1);
        fallingBack.apply(bytes("0"), bytes("{\"tenant_id\":0,\"plan\":\"pro\"}"), 2);
        assertThat(fallingBack.inForce(T42).config().maxSignalsPerSec()).isEqualTo(5L);
        assertThat(fallingBack.inForce(T42).config().tenantId()).isEqualTo(T42);
    }

    @Test
    void aBadPlanRecordIsCountedAndThePlanStaysAsItWas() {
        apply("plan:pro", "{\"max_signals_per_sec\":5}", 1);
        apply("42", "{\"tenant_id\":42,\"plan\":\"pro\"}", 2);
        apply("plan:pro", "{\"max_signals_per_sec\":-5}", 3);
        apply("plan:p r o", "{\"max_signals_per_sec\":5}", 4);
        apply("plan:free", "{\"plan\":\"pro\"}", 5);
        assertThat(rate(42)).isEqualTo(5L);
        assertThat(configs.plans()).containsOnlyKeys("pro");
        assertThat(configs.rejectedCount()).isEqualTo(3);
    }

    @Test
    void manyTenantsOnFewPlansHaveNoCopyOfThemEach() {
        for (String plan : new String[] {"free", "pro", "max"}) {
            apply("plan:" + plan, "{\"max_signals_per_sec\":5}", 0);
        }
        String[] plans = {"free", "pro", "max"};
        for (int id = 1; id <= 100_000; id++) {
            apply(Integer.toString(id), "{\"tenant_id\":%d,\"plan\":\"%s\"}".formatted(id, plans[id % 3]), id);
        }
        for (int id = 1; id <= 100_000; id++) {
            assertThat(rate(id)).isEqualTo(5L);
        }
        assertThat(configs.completedCount()).isLessThanOrEqualTo(4096);
        assertThat(configs.own(TenantId.of(3)).config().plan())
                .as("one name for all")
                .isSameAs(configs.own(TenantId.of(6)).config().plan());
        assertThat(configs.own(T42).config().maxSignalsPerSec()).isNull();
        assertThat(configs.inForce(T42)).as("kept for the next signal").isSameAs(configs.inForce(T42));
    }

    @Test
    void nullDeletesAConfig() {
        apply("42", "{\"tenant_id\":42}", 1);
        apply("42", null, 2);
        assertThat(configs.inForce(T42)).isNull();
        assertThat(configs.size()).isZero();
        apply("43", null, 3);
        assertThat(configs.rejectedCount()).isZero();
    }

    @Test
    void nullMakesTheDefaultTenantUnlimitedAgain() {
        apply("0", "{\"tenant_id\":0,\"max_signals_per_sec\":5}", 1);
        apply("0", null, 2);
        assertThat(configs.inForce(TenantId.DEFAULT)).isEqualTo(new InForce(TenantConfig.defaultTenant(), 2));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "not json",
                "[]",
                "null",
                "{",
                "{}",
                "{\"tenant_id\":43}",
                "{\"tenant_id\":\"42\"}",
                "{\"tenant_id\":-42}",
                "{\"tenant_id\":42,\"max_signals_per_sec\":-1}",
                "{\"tenant_id\":42,\"max_entities\":-1}",
                "{\"tenant_id\":42,\"max_storage_bytes\":1.5}",
                "{\"tenant_id\":42,\"mode\":\"x\"}",
                "{\"tenant_id\":42,\"required_regions\":[null]}",
                "{\"tenant_id\":42,\"blocked_until\":\"+999999999-12-31T23:59:59Z\"}",
                "{\"tenant_id\":42,\"tenant_id\":42}"
            })
    void aBadRecordIsCountedAndTheTenantKeepsItsLastGoodConfig(String bad) {
        apply("42", "{\"tenant_id\":42,\"max_signals_per_sec\":5}", 7);
        InForce before = configs.inForce(T42);
        apply("42", bad, 8);
        assertThat(configs.inForce(T42)).isEqualTo(before);
        assertThat(configs.rejectedCount()).isEqualTo(1);
        apply("42", "{\"tenant_id\":42,\"max_signals_per_sec\":6}", 9);
        assertThat(configs.inForce(T42)).isNotNull().extracting(InForce::offset).isEqualTo(9L);
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "042", "-1", "x", "t42", "18446744073709551616"})
    void aRecordWithABadKeyIsCountedAndChangesNothing(String key) {
        apply(key, "{\"tenant_id\":42}", 1);
        apply(key, null, 2);
        assertThat(configs.rejectedCount()).isEqualTo(2);
        assertThat(configs.size()).isZero();
    }

    @Test
    void aRecordWithoutAKeyIsCounted() {
        apply(null, "{\"tenant_id\":42}", 1);
        assertThat(configs.rejectedCount()).isEqualTo(1);
    }

    @Test
    void anotherTenantsConfigUnderTheDefaultTenantsKeyIsRejected() {
        apply("0", "{\"tenant_id\":42,\"max_signals_per_sec\":0}", 1);
        assertThat(configs.inForce(TenantId.DEFAULT)).isEqualTo(new InForce(TenantConfig.defaultTenant(), -1));
        assertThat(configs.rejectedCount()).isEqualTo(1);
    }

    @Test
    void fieldsOfANewerVersionAreIgnored() {
        apply("42", "{\"tenant_id\":42,\"new_in_v2\":{\"a\":1}}", 1);
        assertThat(configs.inForce(T42)).isNotNull();
        assertThat(configs.rejectedCount()).isZero();
    }

    @Test
    void aSignalWithoutATenantIsTheDefaultTenantsUntilAnotherTenantIsConfigured() {
        assertThat(configs.missingIsDefault()).isTrue();
        apply("0", "{\"tenant_id\":0,\"max_signals_per_sec\":5}", 1);
        assertThat(configs.missingIsDefault()).isTrue();
        apply("42", "{\"tenant_id\":42}", 2);
        assertThat(configs.missingIsDefault()).isFalse();
        apply("43", "{\"tenant_id\":43}", 3);
        apply("42", null, 4);
        assertThat(configs.missingIsDefault()).isFalse();
        apply("43", null, 5);
        assertThat(configs.missingIsDefault()).isTrue();
    }

    @Test
    void aRecordThatIsNotAConfigConfiguresItsTenantAllTheSame() {
        // After a restart it may be the only record that compaction has left.
        apply("42", "{\"tenant_id\":42,\"max_signals_per_sec\":-1}", 1);
        assertThat(configs.missingIsDefault()).isFalse();
        apply("42", null, 2);
        assertThat(configs.missingIsDefault()).isTrue();
        apply("0", "not a config", 3);
        apply("t42", "{\"tenant_id\":42}", 4);
        assertThat(configs.missingIsDefault()).isTrue();
    }

    @Test
    void whereSoChosenASignalWithoutATenantIsAlwaysTheDefaultTenants() {
        TenantConfigs lenient = new TenantConfigs(UnknownTenants.REJECT, MissingTenants.DEFAULT);
        lenient.apply(bytes("42"), bytes("{\"tenant_id\":42}"), 1);
        assertThat(lenient.missingIsDefault()).isTrue();
    }

    @Test
    void aNameRefersToTheTenantWhoseConfigHasIt() {
        apply("42", "{\"tenant_id\":42,\"external_ids\":[\"acme\"]}", 1);
        apply("0", "{\"tenant_id\":0,\"external_ids\":[\"house\"]}", 2);
        assertThat(configs.named("acme")).isEqualTo(T42);
        assertThat(configs.named("house")).isEqualTo(TenantId.DEFAULT);
        assertThat(configs.named("nobody")).isNull();

        apply("42", "{\"tenant_id\":42,\"external_ids\":[\"t1\"]}", 3);
        assertThat(configs.named("acme")).as("a bad record changes nothing").isEqualTo(T42);
        apply("42", null, 4);
        apply("0", null, 5);
        assertThat(configs.named("acme")).isNull();
        assertThat(configs.named("house")).isNull();
    }

    @Test
    void aNameInTwoConfigsRefersToNeitherInWhateverOrderTheyAreRead() {
        apply("42", "{\"tenant_id\":42,\"external_ids\":[\"acme\"]}", 1);
        apply("7", "{\"tenant_id\":7,\"external_ids\":[\"acme\"]}", 2);
        assertThat(configs.named("acme")).isNull();
        assertThat(configs.nameConflicts()).isOne();
        apply("42", "{\"tenant_id\":42,\"external_ids\":[\"acme\"],\"max_entities\":1}", 3);
        assertThat(configs.named("acme")).isNull();

        TenantConfigs restarted = new TenantConfigs(UnknownTenants.REJECT, MissingTenants.REJECT);
        restarted.apply(bytes("7"), bytes("{\"tenant_id\":7,\"external_ids\":[\"acme\"]}"), 2);
        restarted.apply(bytes("42"), bytes("{\"tenant_id\":42,\"external_ids\":[\"acme\"]}"), 3);
        assertThat(restarted.named("acme")).isNull();

        apply("7", null, 4);
        assertThat(configs.named("acme")).isEqualTo(T42);
        assertThat(configs.nameConflicts()).isZero();
    }
}
