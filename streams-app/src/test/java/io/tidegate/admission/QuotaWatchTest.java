package io.tidegate.admission;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidegate.admission.QuotaWatch.Crossing;
import io.tidegate.admission.QuotaWatch.Quota;
import io.tidegate.tenant.TenantConfig;
import io.tidegate.tenant.TenantConfig.Mode;
import io.tidegate.tenant.TenantId;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class QuotaWatchTest {
    private static TenantConfig storage(long bytes) {
        return new TenantConfig(
                TenantId.of(1), null, null, null, BigInteger.valueOf(bytes), List.of(), "", Mode.ENFORCE, null);
    }

    private static List<Integer> levels(long limit, long... changes) {
        TenantUsage usage = TenantUsage.fresh(1, 2);
        List<Integer> levels = new ArrayList<>();
        for (long change : changes) {
            usage.storageChanged(0, change);
            for (Crossing crossing : usage.watch().look(storage(limit), usage)) {
                assertThat(crossing.quota()).isEqualTo(Quota.STORAGE);
                levels.add(crossing.level());
            }
        }
        return levels;
    }

    @Test
    void tellsEachLevelOnceOnTheWayUp() {
        assertThat(levels(100, 79, 1, 1, 9, 9, 1, 50)).containsExactly(80, 90, 100);
    }

    @Test
    void tellsOnlyTheHighestOfLevelsThatAreReachedTogether() {
        assertThat(levels(100, 95)).containsExactly(90);
        assertThat(levels(100, 250)).containsExactly(100);
    }

    @Test
    void leavesALevelFivePointsBelowIt() {
        assertThat(levels(100, 100, -5, -1, -9, -1)).containsExactly(100, 90, 80);
        assertThat(levels(100, 100, -25, -1)).containsExactly(100, 80, 0);
        assertThat(levels(100, 80, -5, 5, -5, 5)).containsExactly(80);
    }

    @Test
    void doesNotOverflow() {
        assertThat(levels(Long.MAX_VALUE - 1, Long.MAX_VALUE - 1)).containsExactly(100);
        assertThat(levels(Long.MAX_VALUE - 1, Long.MAX_VALUE / 2)).isEmpty();
        assertThat(levels(10, Long.MAX_VALUE)).containsExactly(100);
    }

    @Test
    void callsAllOfNothingFull() {
        assertThat(levels(0, 0)).containsExactly(100);
    }

    /** However usage moves, no level is told twice in a row, and what is told is what a plain reading says. */
    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3})
    void staysWithinFivePointsOfTheShare(long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        TenantUsage usage = TenantUsage.fresh(1, 2);
        int told = 0;
        for (int step = 0; step < 5_000; step++) {
            long change = random.nextLong(21) - 10;
            usage.storageChanged(0, Math.max(change, -usage.sealedBytes()));
            for (Crossing crossing : usage.watch().look(storage(100), usage)) {
                assertThat(crossing.levelBefore())
                        .as("seed %d, step %d", seed, step)
                        .isEqualTo(told);
                assertThat(crossing.level()).as("seed %d, step %d", seed, step).isNotEqualTo(told);
                told = crossing.level();
            }
            assertThat(usage.watch().level(Quota.STORAGE)).isEqualTo(told);
            long share = usage.sealedBytes();
            assertThat(share).as("seed %d, step %d", seed, step).isGreaterThanOrEqualTo(told == 0 ? 0 : told - 5);
            if (told < 100) {
                assertThat(share).as("seed %d, step %d", seed, step).isLessThan(told == 0 ? 80 : told + 10);
            }
        }
    }
}
