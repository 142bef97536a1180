package io.tidegate.api;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidegate.admission.Reason;
import io.tidegate.tenant.TenantId;
import java.util.Set;
import org.junit.jupiter.api.Test;

final class RecentCountsTest {
    private static final TenantId TENANT = TenantId.of(42);
    private static final long START_MS = 1_800_000_000_000L; // steps of both lengths begin at this time
    private static final int LAST = (int) (RecentCounts.SPAN_MS / RecentCounts.STEP_MS) - 1;

    private final RecentCounts history = new RecentCounts(START_MS);

    private void read(long atMs, TenantId tenant, long accepted, long rateLimited) {
        RecentCounts.Reading reading = history.read(0, atMs);
        count(reading, tenant, accepted, rateLimited);
        reading.end(true);
    }

    private static void count(RecentCounts.Reading reading, TenantId tenant, long accepted, long rateLimited) {
        long[] counts = new long[RecentCounts.OUTCOMES];
        counts[0] = accepted;
        counts[1 + Reason.RATE_LIMITED.ordinal()] = rateLimited;
        reading.count(tenant, counts, 2, 100);
    }

    private int accepted(long nowMs, int step) {
        return history.whole(nowMs).counts()[0][step];
    }

    @Test
    void countsBeforeTheFirstReadingAreNotOfThisHour() {
        read(START_MS, TENANT, 1_000, 10);
        assertThat(history.whole(START_MS).known()).doesNotContain(true);
        assertThat(history.recent(TENANT, START_MS)).isEqualTo(new RecentCounts.Recent(0, 0, null));
        read(START_MS + 2_000, TENANT, 1_007, 12);
        assertThat(accepted(START_MS + 2_000, LAST)).isEqualTo(7);
        assertThat(history.recent(TENANT, START_MS + 2_000))
                .isEqualTo(new RecentCounts.Recent(7, 2, Reason.RATE_LIMITED));
    }

    @Test
    void aTenantThatBeginsBetweenTwoReadingsIsCountedFromItsFirstSignal() {
        read(START_MS, TENANT, 5, 0);
        RecentCounts.Reading reading = history.read(0, START_MS + 2_000);
        count(reading, TENANT, 5, 0);
        count(reading, TenantId.of(43), 3, 1);
        reading.end(true);
        assertThat(accepted(START_MS + 2_000, LAST)).isEqualTo(3);
        assertThat(history.recent(TenantId.of(43), START_MS + 2_000))
                .isEqualTo(new RecentCounts.Recent(3, 1, Reason.RATE_LIMITED));
    }

    @Test
    void stepsMoveWithTimeAndLeaveAfterAnHour() {
        read(START_MS, TENANT, 0, 0);
        read(START_MS + 2_000, TENANT, 4, 0);
        long tenSteps = START_MS + 10 * RecentCounts.STEP_MS;
        assertThat(accepted(tenSteps, LAST - 10)).isEqualTo(4);
        assertThat(history.whole(tenSteps).known()[LAST]).isFalse();
        read(START_MS + RecentCounts.SPAN_MS + RecentCounts.STEP_MS, TENANT, 9, 0);
        RecentCounts.Points later = history.whole(START_MS + RecentCounts.SPAN_MS + RecentCounts.STEP_MS);
        assertThat(later.counts()[0]).containsOnlyOnce(5).doesNotContain(4);
        assertThat(history.recent(TENANT, START_MS + 2 * RecentCounts.SPAN_MS))
                .isEqualTo(new RecentCounts.Recent(0, 0, null));
    }

    @Test
    void aReturningShardDoesNotAddTheCountsOfOtherInstances() {
        read(START_MS, TENANT, 1, 0);
        history.retain(Set.of(), START_MS + 2_000);
        read(START_MS + 4_000, TENANT, 500, 0);
        read(START_MS + 6_000, TENANT, 502, 0);
        assertThat(accepted(START_MS + 6_000, LAST)).isEqualTo(2);
        assertThat(history.recent(TENANT, START_MS + 6_000)).isEqualTo(new RecentCounts.Recent(2, 0, null));
    }

    @Test
    void anIncompleteReadingAddsNothingToTheTotal() {
        read(START_MS, TENANT, 1, 0);
        RecentCounts.Reading broken = history.read(0, START_MS + 2_000);
        broken.end(false);
        read(START_MS + 4_000, TENANT, 9, 0);
        assertThat(history.whole(START_MS + 4_000).known()).doesNotContain(true);
        assertThat(history.sealed()).isEqualTo(new RecentCounts.SealedBytes(Set.of(0), 2, 100));
    }

    @Test
    void countersThatDecreaseAfterAPurgeSubtractNothing() {
        read(START_MS, TENANT, 10, 0);
        read(START_MS + 2_000, TENANT, 15, 0);
        read(START_MS + 4_000, TENANT, 0, 0);
        read(START_MS + 6_000, TENANT, 2, 0);
        assertThat(accepted(START_MS + 6_000, LAST)).isEqualTo(7);
    }

    @Test
    void tenantsBeyondTheBoundHaveNoHistoryButAreInTheTotal() {
        RecentCounts.Reading first = history.read(0, START_MS);
        for (int id = 1; id <= RecentCounts.TENANTS_MAX + 1; id++) {
            count(first, TenantId.of(id), 0, 0);
        }
        first.end(true);
        TenantId late = TenantId.of(RecentCounts.TENANTS_MAX + 1);
        RecentCounts.Reading second = history.read(0, START_MS + 2_000);
        count(second, late, 3, 0);
        second.end(true);
        assertThat(history.recent(late, START_MS + 2_000)).isNull();
        assertThat(history.tenant(late, START_MS + 2_000)).isNull();
        assertThat(accepted(START_MS + 2_000, LAST)).isEqualTo(3);
    }

    @Test
    void aTenantWhoseCountsFindNoRoomHasNoHistoryInsteadOfAWrongOne() {
        RecentCounts.Reading first = history.read(0, START_MS);
        for (int id = 1; id <= RecentCounts.TENANTS_MAX; id++) {
            count(first, TenantId.of(id), 0, 0);
        }
        first.end(true);
        RecentCounts.Reading second = history.read(0, START_MS + 2_000);
        for (int id = 1; id <= RecentCounts.TENANTS_MAX; id++) {
            count(second, TenantId.of(id), 1, 0);
        }
        second.end(true);
        assertThat(history.recent(TENANT, START_MS + 2_000)).isEqualTo(new RecentCounts.Recent(1, 0, null));

        read(START_MS + 4_000, TENANT, 1, 5);

        assertThat(history.recent(TENANT, START_MS + 4_000)).isNull();
        assertThat(history.tenant(TENANT, START_MS + 4_000)).isNull();
    }

    @Test
    void theTenantsOfALostShardMakeRoomAnHourLater() {
        RecentCounts.Reading lost = history.read(0, START_MS);
        for (int id = 1; id <= RecentCounts.TENANTS_MAX; id++) {
            count(lost, TenantId.of(id), 1, 0);
        }
        lost.end(true);
        history.retain(Set.of(1), START_MS + 2_000);
        long later = START_MS + 2 * RecentCounts.SPAN_MS;
        history.retain(Set.of(1), later);

        TenantId other = TenantId.of(99_999);
        for (int accepted = 0; accepted < 2; accepted++) {
            RecentCounts.Reading reading = history.read(1, later + accepted);
            count(reading, other, accepted, 0);
            reading.end(true);
        }
        assertThat(history.recent(other, later + 2)).isNotNull();
    }
}
