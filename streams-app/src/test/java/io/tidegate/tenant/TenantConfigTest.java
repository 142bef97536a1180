package io.tidegate.tenant;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import io.tidegate.tenant.TenantConfig.Mode;
import java.math.BigInteger;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class TenantConfigTest {
    private static final TenantId T42 = TenantId.of(42);
    private static final BigInteger TWO_TO_64 = BigInteger.ONE.shiftLeft(64);

    @Test
    void defaultTenantIsUnlimitedWithoutResidencyAndLabelledDefault() {
        TenantConfig config = TenantConfig.defaultTenant();
        assertThat(config.tenantId()).isEqualTo(TenantId.DEFAULT);
        assertThat(config.maxSignalsPerSec()).isNull();
        assertThat(config.burstSignals()).isNull();
        assertThat(config.maxEntities()).isNull();
        assertThat(config.maxStorageBytes()).isNull();
        assertThat(config.requiredRegions()).isEmpty();
        assertThat(config.label()).isEqualTo("default");
        assertThat(config.mode()).isEqualTo(Mode.ENFORCE);
        assertThat(config.blockedUntil()).isNull();
    }

    @Test
    void holdsAllFields() {
        Instant until = Instant.parse("2026-01-31T12:00:00Z");
        TenantConfig config = new TenantConfig(
                T42, 100L, 500L, BigInteger.TEN, BigInteger.TWO, List.of("eu-west-1"), "Acme", Mode.OBSERVE, until);
        assertThat(config.tenantId()).isEqualTo(T42);
        assertThat(config.maxSignalsPerSec()).isEqualTo(100L);
        assertThat(config.burstSignals()).isEqualTo(500L);
        assertThat(config.maxEntities()).isEqualTo(BigInteger.TEN);
        assertThat(config.maxStorageBytes()).isEqualTo(BigInteger.TWO);
        assertThat(config.requiredRegions()).containsExactly("eu-west-1");
        assertThat(config.label()).isEqualTo("Acme");
        assertThat(config.mode()).isEqualTo(Mode.OBSERVE);
        assertThat(config.blockedUntil()).isEqualTo(until);
    }

    @Test
    void keepsAllLimitsForAnotherTenant() {
        TenantConfig config = new TenantConfig(
                TenantId.DEFAULT,
                100L,
                500L,
                BigInteger.TEN,
                BigInteger.TWO,
                List.of("eu-west-1"),
                "Acme",
                Mode.OBSERVE,
                Instant.EPOCH);
        TenantConfig other = config.withTenantId(T42);
        assertThat(other.tenantId()).isEqualTo(T42);
        assertThat(other.withTenantId(TenantId.DEFAULT)).isEqualTo(config);
    }

    @Test
    void burstIsTwiceTheRateUnlessGiven() {
        assertThat(withRate(100L, null).burst()).isEqualTo(200);
        assertThat(withRate(100L, 7L).burst()).isEqualTo(7);
        assertThat(withRate(100L, 0L).burst()).isZero();
        assertThat(withRate(TenantConfig.U32_MAX, null).burst()).isEqualTo(8_589_934_590L);
    }

    @Test
    void aTenantWithoutARateHasNoBucket() {
        TenantConfig config = withRate(null, 5L);
        assertThatIllegalStateException().isThrownBy(config::burst).withMessageContaining("t42 has no rate");
    }

    @Test
    void limitsThatNothingCanReachSaturate() {
        assertThat(withLimits(null, null).entityLimit()).isEqualTo(Long.MAX_VALUE);
        assertThat(withLimits(null, null).storageLimit()).isEqualTo(Long.MAX_VALUE);
        TenantConfig largest = withLimits(TenantConfig.U64_MAX, BigInteger.ONE.shiftLeft(63));
        assertThat(largest.entityLimit()).isEqualTo(Long.MAX_VALUE);
        assertThat(largest.storageLimit()).isEqualTo(Long.MAX_VALUE);
        TenantConfig small = withLimits(BigInteger.ZERO, BigInteger.valueOf(Long.MAX_VALUE - 1));
        assertThat(small.entityLimit()).isZero();
        assertThat(small.storageLimit()).isEqualTo(Long.MAX_VALUE - 1);
    }

    @Test
    void takesEveryLimitUpToItsLargest() {
        TenantConfig config = new TenantConfig(
                T42,
                TenantConfig.U32_MAX,
                TenantConfig.U32_MAX,
                TenantConfig.U64_MAX,
                TenantConfig.U64_MAX,
                List.of(),
                "",
                Mode.ENFORCE,
                null);
        assertThat(config.maxSignalsPerSec()).isEqualTo(4_294_967_295L);
        assertThat(config.maxEntities()).isEqualTo("18446744073709551615");
    }

    @Test
    void namesTheTenantTheFieldTheValueAndTheRuleOfALimitOutOfRange() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> withRate(-1L, null))
                .withMessage("t42: max_signals_per_sec = -1 is outside 0 to 4294967295 (null is unlimited)");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> withRate(4_294_967_296L, null))
                .withMessage("t42: max_signals_per_sec = 4294967296 is outside 0 to 4294967295 (null is unlimited)");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> withRate(1L, 4_294_967_296L))
                .withMessage("t42: burst_signals = 4294967296 is outside 0 to 4294967295 (null is unlimited)");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> withRate(1L, -5L))
                .withMessageStartingWith("t42: burst_signals = -5 is outside");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> withLimits(TWO_TO_64, null))
                .withMessage("t42: max_entities = 18446744073709551616 is outside 0 to 18446744073709551615"
                        + " (null is unlimited)");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> withLimits(null, BigInteger.ONE.negate()))
                .withMessageStartingWith("t42: max_storage_bytes = -1 is outside");
    }

    @ParameterizedTest
    @ValueSource(strings = {"", " ", "EU", "eu_west", "-eu", "eu-", "eu.west", "../etc", "eu\n", "é"})
    void rejectsARegionThatIsNotADnsLabel(String region) {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> withRegions(List.of(region)))
                .withMessageStartingWith(
                        "t42: required_regions: '" + region.replace('\n', '?') + "' is not a region name");
    }

    @Test
    void takesRegionsOfOneTo63Characters() {
        List<String> regions = List.of("a", "1", "eu-west-1", "a".repeat(63));
        assertThat(withRegions(regions).requiredRegions()).isEqualTo(regions);
        assertThatIllegalArgumentException().isThrownBy(() -> withRegions(List.of("a".repeat(64))));
    }

    @Test
    void rejectsMoreRegionsThanItsLimit() {
        assertThat(withRegions(Collections.nCopies(16, "eu")).requiredRegions()).hasSize(16);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> withRegions(Collections.nCopies(17, "eu")))
                .withMessage("t42: required_regions has 17 names, the limit is 16");
    }

    @Test
    void copiesTheRegionsItIsGiven() {
        List<String> regions = new ArrayList<>(List.of("eu"));
        TenantConfig config = withRegions(regions);
        regions.add("us");
        assertThat(config.requiredRegions()).containsExactly("eu");
    }

    @Test
    void rejectsALabelThatIsTooLongOrHasControlCharacters() {
        assertThat(TenantConfig.unlimited(T42, "ü".repeat(200)).label()).hasSize(200);
        assertThat(TenantConfig.unlimited(T42, "\ud83d\ude00").label()).isEqualTo("\ud83d\ude00");
        for (String label : List.of(
                "a".repeat(201), "a\nb", "\u0000", "\u007f", "\u0085", "\u001b[31m", "a\ud83d", "\ude00\ud83d")) {
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> TenantConfig.unlimited(T42, label))
                    .withMessage("t42: label must be at most 200 characters without control characters");
        }
    }

    @Test
    void rejectsATimeThatMillisecondsCannotHold() {
        for (Instant until : List.of(Instant.MAX, Instant.MIN, Instant.ofEpochMilli(Long.MAX_VALUE))) {
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> blockedUntil(until))
                    .withMessage("t42: blocked_until = %s is outside the years 1970 to 9999", until);
        }
        assertThat(blockedUntil(Instant.parse("9999-12-31T23:59:59.999Z")).blockedUntil())
                .isNotNull();
        assertThat(blockedUntil(Instant.EPOCH).blockedUntil()).isEqualTo(Instant.EPOCH);
    }

    private static TenantConfig withRate(@Nullable Long rate, @Nullable Long burst) {
        return new TenantConfig(T42, rate, burst, null, null, List.of(), "", Mode.ENFORCE, null);
    }

    private static TenantConfig withLimits(@Nullable BigInteger entities, @Nullable BigInteger storageBytes) {
        return new TenantConfig(T42, null, null, entities, storageBytes, List.of(), "", Mode.ENFORCE, null);
    }

    private static TenantConfig withRegions(List<String> regions) {
        return new TenantConfig(T42, null, null, null, null, regions, "", Mode.ENFORCE, null);
    }

    private static TenantConfig blockedUntil(Instant until) {
        return new TenantConfig(T42, null, null, null, null, List.of(), "", Mode.ENFORCE, until);
    }
}
