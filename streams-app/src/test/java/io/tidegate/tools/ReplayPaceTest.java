package io.tidegate.tools;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidegate.tenant.TenantId;
import org.junit.jupiter.api.Test;

final class ReplayPaceTest {
    private static final TenantId T1 = TenantId.of(1);
    private static final TenantId T2 = TenantId.of(2);
    private static final long UNLIMITED = -1;
    private static final long SECOND = 1_000_000_000L;

    private final ReplayPace pace = new ReplayPace(100);

    private long countIn(long nanos, TenantId tenant, long rate) {
        long sent = 0;
        long now = Long.MAX_VALUE - nanos / 2; // a monotonic clock may overflow
        long end = now + nanos;
        for (long due = pace.due(tenant, now); end - due > 0; due = pace.due(tenant, due)) {
            pace.sent(tenant, rate, 100, UNLIMITED, due);
            sent++;
        }
        return sent;
    }

    @Test
    void aTenantWithoutARateIsPacedToo() {
        assertThat(countIn(3 * SECOND, T1, UNLIMITED)).isEqualTo(300);
    }

    @Test
    void aTenantGetsHalfItsRateAndAtLeastOneASecond() {
        assertThat(countIn(4 * SECOND, T1, 20)).isEqualTo(40);
        assertThat(new ReplayPaceTest().countIn(4 * SECOND, T1, 1)).isEqualTo(4);
        assertThat(new ReplayPaceTest().countIn(2 * SECOND, T1, 1_000_000)).isEqualTo(200);
    }

    @Test
    void aTenantGetsHalfItsByteRate() {
        pace.sent(T1, UNLIMITED, 1_000, 500, 0);
        assertThat(pace.due(T1, 0)).isEqualTo(4 * SECOND);
        pace.sent(T2, 1, 10, 1_000_000, 0);
        assertThat(pace.due(T2, 0)).as("the slower of both rates").isEqualTo(SECOND);
    }

    @Test
    void allTenantsTogetherKeepThePace() {
        pace.sent(T1, UNLIMITED, 100, UNLIMITED, 0);
        assertThat(pace.due(T2, 0)).isEqualTo(SECOND / 100);
        pace.sent(T2, 10, 100, UNLIMITED, SECOND / 100);
        assertThat(pace.due(T1, 0)).isEqualTo(2 * SECOND / 100);
        assertThat(pace.due(T2, 0)).isEqualTo(SECOND / 100 + SECOND / 5);
    }
}
