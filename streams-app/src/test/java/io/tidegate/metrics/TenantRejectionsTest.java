package io.tidegate.metrics;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidegate.admission.Reason;
import io.tidegate.tenant.TenantId;
import java.util.HashMap;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;

final class TenantRejectionsTest {
    private static final TenantId A = TenantId.of(1);
    private static final TenantId B = TenantId.of(2);
    private static final TenantId C = TenantId.of(3);
    private static final long T = TenantRejections.TURN_MS;

    private final TenantRejections two = new TenantRejections(2, 0);

    private void reject(TenantId tenant, int times) {
        for (int i = 0; i < times; i++) {
            two.rejected(tenant, Reason.RATE_LIMITED);
        }
    }

    private static long sum(TenantRejections.Counts counts) {
        long sum = 0;
        for (Reason reason : Reason.values()) {
            sum += counts.of(reason);
        }
        return sum;
    }

    @Test
    void namesTenantsWhileThereIsRoomAndCountsTheRestTogether() {
        reject(A, 3);
        reject(B, 1);
        reject(C, 5);

        assertThat(two.visible(0)).containsOnlyKeys(A, B);
        assertThat(two.visible(0).get(A).of(Reason.RATE_LIMITED)).isEqualTo(3);
        assertThat(two.other().of(Reason.RATE_LIMITED)).isEqualTo(5);
        assertThat(two.folded()).isOne();
    }

    @Test
    void givesTheMostRejectedTenantItsOwnSeriesAndMovesNoCount() {
        reject(A, 3);
        reject(B, 1);
        reject(C, 5);
        two.turn(T);
        reject(C, 2);
        reject(B, 4);

        assertThat(two.isRejected(C)).isTrue();
        assertThat(two.isRejected(B)).isFalse();
        assertThat(two.visible(T).get(C).of(Reason.RATE_LIMITED)).isEqualTo(2);
        assertThat(two.other().of(Reason.RATE_LIMITED)).isEqualTo(5 + 4);
    }

    @Test
    void showsATenantThatLostItsSeriesForAWhileAndContinuesItsCount() {
        reject(A, 30);
        reject(B, 1);
        reject(C, 5);
        two.turn(T);
        assertThat(two.visible(T + TenantRejections.LEAVING_MS - 1)).containsKey(B);
        assertThat(two.visible(T + TenantRejections.LEAVING_MS)).doesNotContainKey(B);

        long later = T + 2 * TenantRejections.LEAVING_MS;
        reject(A, 30);
        reject(B, 50);
        two.turn(later);
        reject(B, 1);

        assertThat(two.visible(later).get(B).of(Reason.RATE_LIMITED)).isEqualTo(1 + 1);
    }

    @Test
    void keepsASeriesIfAnotherTenantHasOnlySlightlyMoreRejections() {
        reject(A, 10);
        reject(B, 10);
        reject(C, 20);
        two.turn(T);

        assertThat(two.isRejected(C)).isFalse();
    }

    @Test
    void aTenantCountsAsRejectedUntilATurnHasPassedWithoutARejection() {
        reject(A, 1);
        assertThat(two.isRejected(A)).isTrue();
        two.turn(T);
        assertThat(two.isRejected(A)).isTrue();
        two.turn(2 * T);

        assertThat(two.isRejected(A)).isFalse();
        assertThat(two.visible(2 * T)).containsKey(A);
    }

    @Test
    void boundsItsSeriesWhateverIdsAreInvented() {
        for (int id = 0; id < 3 * TenantRejections.CANDIDATES_MAX; id++) {
            two.rejected(TenantId.of(id), Reason.TENANT_UNKNOWN);
        }

        assertThat(two.folded()).isEqualTo(TenantRejections.CANDIDATES_MAX);
        assertThat(two.visible(0)).hasSize(2);
        assertThat(two.other().of(Reason.TENANT_UNKNOWN)).isEqualTo(3L * TenantRejections.CANDIDATES_MAX - 2);
    }

    /** The sum of a scraper's increases is the number of rejections, whichever tenants gain or lose a series. */
    @Test
    void noSeriesEverGoesDownAndTheirGrowthIsTheNumberOfRejections() {
        long seed = Long.getLong("tidegate.fuzz.seed", 17);
        Random random = new Random(seed);
        TenantRejections rejections = new TenantRejections(5, 0);
        Map<TenantId, Long> seen = new HashMap<>();
        long otherSeen = 0;
        long growth = 0;
        long all = 0;
        for (int step = 1; step <= 500; step++) {
            int hot = random.nextInt(40);
            for (int i = 0; i < 20; i++) {
                int id = random.nextInt(3) == 0 ? random.nextInt(40) : hot;
                rejections.rejected(TenantId.of(id), Reason.values()[random.nextInt(Reason.values().length)]);
                all++;
            }
            long nowMs = step * 30_000L;
            Map<TenantId, TenantRejections.Counts> visible = rejections.visible(nowMs);
            assertThat(visible).as("seed %d step %d", seed, step).hasSizeLessThanOrEqualTo(10);
            for (Map.Entry<TenantId, TenantRejections.Counts> series : visible.entrySet()) {
                long value = sum(series.getValue());
                long before = seen.getOrDefault(series.getKey(), 0L);
                assertThat(value).as("seed %d step %d", seed, step).isGreaterThanOrEqualTo(before);
                growth += value - before;
                seen.put(series.getKey(), value);
            }
            long other = sum(rejections.other());
            growth += other - otherSeen;
            otherSeen = other;
            rejections.turn(nowMs);
        }
        assertThat(growth).as("seed %d", seed).isEqualTo(all);
    }

    /** Otherwise the rejections counted under its label would be lost. */
    @Test
    void aDeletedTenantKeepsItsLabelIfTheReserveIsFull() {
        TenantRejections one = new TenantRejections(1, 0);
        one.rejected(TenantId.of(1), Reason.RATE_LIMITED);
        one.deleted(TenantId.of(1), 1_000);
        one.rejected(TenantId.of(2), Reason.RATE_LIMITED);
        TenantRejections.Counts shown = one.visible(2_000).get(TenantId.of(2));

        one.deleted(TenantId.of(2), 3_000);
        one.rejected(TenantId.of(2), Reason.RATE_LIMITED);

        assertThat(one.visible(4_000)).containsEntry(TenantId.of(2), shown);
        assertThat(sum(shown)).isEqualTo(2);
    }
}
