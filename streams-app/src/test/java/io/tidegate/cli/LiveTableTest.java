package io.tidegate.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidegate.admission.TenantUsage;
import io.tidegate.tenant.TenantConfig;
import io.tidegate.tenant.TenantId;
import java.math.BigInteger;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class LiveTableTest {
    private static final TenantId LARGEST = TenantId.parse("18446744073709551615");

    private static TenantConfig config(TenantId id, String label, long rate) {
        return TenantConfig.unlimited(id, label).toBuilder()
                .maxSignalsPerSec(rate)
                .maxEntities(BigInteger.valueOf(300))
                .maxStorageBytes(BigInteger.valueOf(768 * 1024))
                .build();
    }

    private static TenantUsage usage() {
        return TenantUsage.fresh(1, 2);
    }

    @Test
    void theDemosTenantsFitEightyColumnsWithTheirLabels() {
        TenantId tenant = TenantId.of(3);

        List<String> lines = new LiveTable(80)
                .lines(Map.of(tenant, usage()), Map.of(tenant, config(tenant, "Exploding Emporium", 500)), 1);

        assertThat(lines).hasSize(2).allSatisfy(line -> assertThat(line).hasSizeLessThanOrEqualTo(80));
        assertThat(lines.get(0)).matches("TENANT +LABEL +ACC/s +REJ/s +RATE +ENTITIES +STORAGE.*");
        assertThat(lines.get(1)).matches(" +3 +Exploding Emporium +0 +0 +500/s +0/300 +0B/768KiB *");
    }

    /** A line that wraps would shift the whole table with each redraw. */
    @ParameterizedTest
    @ValueSource(ints = {20, 40, 80, 100, 200})
    void noLineIsWiderThanTheTerminalWhateverTheTenantsAre(int columns) {
        Map<TenantId, TenantUsage> usages = new TreeMap<>();
        Map<TenantId, TenantConfig> limits = new TreeMap<>();
        usages.put(LARGEST, usage());
        limits.put(LARGEST, config(LARGEST, "A label that is longer than any label ought to be", Integer.MAX_VALUE));
        usages.put(TenantId.of(2), usage());
        limits.put(TenantId.of(2), config(TenantId.of(2), "東京都港区の非常に長い名前の会社", 1));

        List<String> lines = new LiveTable(columns).lines(usages, limits, 0.001);

        assertThat(lines)
                .hasSize(3)
                .allSatisfy(line -> assertThat(LiveTable.width(line)).isLessThanOrEqualTo(columns));
    }

    @Test
    void theLimitsAreThoseInForceAtEachRedraw() {
        TenantId tenant = TenantId.of(2);
        LiveTable table = new LiveTable(80);

        String before = table.lines(Map.of(tenant, usage()), Map.of(tenant, config(tenant, "Two", 60)), 1)
                .get(1);
        String after = table.lines(Map.of(tenant, usage()), Map.of(tenant, config(tenant, "Two", 500)), 1)
                .get(1);

        assertThat(before).contains(" 60/s ");
        assertThat(after).contains(" 500/s ");
    }

    @Test
    void aTenantWithoutLimitsInForceIsLeftOut() {
        assertThat(new LiveTable(80).lines(Map.of(TenantId.of(9), usage()), Map.of(), 1))
                .hasSize(1);
    }

    @Test
    void moreTenantsThanATerminalHasLinesAreLeftOut() {
        Map<TenantId, TenantUsage> usages = new TreeMap<>();
        Map<TenantId, TenantConfig> limits = new TreeMap<>();
        for (int i = 1; i <= 500; i++) {
            usages.put(TenantId.of(i), usage());
            limits.put(TenantId.of(i), config(TenantId.of(i), "", 1));
        }

        assertThat(new LiveTable(80).lines(usages, limits, 1)).hasSize(21);
    }
}
