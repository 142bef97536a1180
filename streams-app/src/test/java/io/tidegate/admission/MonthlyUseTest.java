package io.tidegate.admission;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidegate.signal.Signal;
import io.tidegate.tenant.PeriodLimit.Per;
import io.tidegate.tenant.TenantConfig;
import io.tidegate.tenant.TenantConfig.Mode;
import io.tidegate.tenant.TenantId;
import java.nio.ByteBuffer;
import java.time.Instant;
import java.util.HashMap;
import java.util.Map;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

/** The billed use: signals and bytes by the calendar month of their record time. */
class MonthlyUseTest {
    private static final Signal NOTHING = new Signal(null, null, null, null);
    private static final long NOVEMBER = month("2026-11-15T00:00:00Z");

    private final TenantUsage usage = TenantUsage.fresh(1, 2);
    private final Admission admission = new Admission(null);

    private static long at(String time) {
        return Instant.parse(time).toEpochMilli();
    }

    private static long month(String time) {
        return Per.MONTH.indexOf(at(time));
    }

    private void send(TenantConfig config, int bytes, String time) {
        var unused = admission.admit(config, usage, NOTHING, bytes, at(time));
    }

    private static TenantConfig.Builder config() {
        return TenantConfig.unlimited(TenantId.of(1), "").toBuilder();
    }

    @Test
    void aMonthBeginsAndEndsAtMidnightUtc() {
        TenantConfig unlimited = config().build();
        send(unlimited, 1, "2026-10-31T23:59:59.999Z");
        send(unlimited, 20, "2026-11-01T00:00:00Z");
        send(unlimited, 300, "2026-11-30T23:59:59.999Z");
        send(unlimited, 4000, "2026-12-01T00:00:00Z");
        assertThat(usage.acceptedIn(NOVEMBER - 1)).isEqualTo(1);
        assertThat(usage.acceptedIn(NOVEMBER)).isEqualTo(2);
        assertThat(usage.acceptedBytesIn(NOVEMBER)).isEqualTo(320);
        assertThat(usage.acceptedBytesIn(NOVEMBER + 1)).isEqualTo(4000);
    }

    @Test
    void aRejectedSignalCountsAndItsBytesDoNot() {
        send(config().maxSignalsPerSec(0L).build(), 100, "2026-11-02T00:00:00Z");
        send(config().maxSignalsPerSec(0L).mode(Mode.OBSERVE).build(), 10, "2026-11-02T00:00:01Z");
        assertThat(usage.rejectedIn(NOVEMBER)).isEqualTo(1);
        assertThat(usage.acceptedIn(NOVEMBER)).as("observe mode accepts").isEqualTo(1);
        assertThat(usage.acceptedBytesIn(NOVEMBER)).isEqualTo(10);
    }

    @Test
    void aLateSignalCountsInItsOwnMonth() {
        TenantConfig unlimited = config().build();
        send(unlimited, 1, "2026-12-01T00:00:05Z");
        send(unlimited, 2, "2026-11-30T23:59:58Z");
        send(unlimited, 4, "2026-12-01T00:00:06Z");
        assertThat(usage.acceptedBytesIn(NOVEMBER)).isEqualTo(2);
        assertThat(usage.acceptedBytesIn(NOVEMBER + 1)).isEqualTo(5);
    }

    @Test
    void theFifthMonthTakesThePlaceOfTheOldest() {
        TenantConfig unlimited = config().build();
        for (int month = 1; month <= NewestPeriods.KEPT + 1; month++) {
            assertThat(usage.isForgotten(month("2026-01-01T00:00:00Z"))).isFalse();
            send(unlimited, month, "2026-%02d-10T00:00:00Z".formatted(month));
        }
        assertThat(usage.isForgotten(month("2026-01-01T00:00:00Z"))).isTrue();
        assertThat(usage.isForgotten(month("2026-02-01T00:00:00Z"))).isFalse();
        send(unlimited, 100, "2026-01-20T00:00:00Z");
        assertThat(usage.acceptedIn(month("2026-01-01T00:00:00Z"))).isZero();
        assertThat(usage.acceptedBytesIn(month("2026-02-01T00:00:00Z"))).isEqualTo(2);
    }

    @Test
    void randomTimesAreCountedAsByAMapAlsoWhenTheStateIsStoredInBetween() {
        SplittableRandom random = new SplittableRandom(14);
        MonthlyUse use = new MonthlyUse();
        Map<Long, Long> bytes = new HashMap<>();
        long begin = at("2026-01-28T00:00:00Z");
        for (int i = 0; i < 20_000; i++) {
            long time = begin + random.nextLong(Per.MONTH.startOf(NOVEMBER - 6) - begin);
            int size = random.nextInt(1000);
            use.addAccepted(time, size);
            bytes.merge(Per.MONTH.indexOf(time), (long) size, Long::sum);
            if (random.nextInt(100) == 0) {
                ByteBuffer stored = ByteBuffer.allocate(use.bytes());
                use.write(stored);
                assertThat(stored.hasRemaining()).isFalse();
                use = MonthlyUse.read(stored.flip());
            }
        }
        for (Map.Entry<Long, Long> month : bytes.entrySet()) {
            assertThat(use.acceptedBytes(month.getKey())).isEqualTo(month.getValue());
        }
        assertThat(bytes).hasSize(NewestPeriods.KEPT);
    }
}
