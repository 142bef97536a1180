package io.tidegate.tools;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidegate.admission.Admission;
import io.tidegate.admission.Decision.Accepted;
import io.tidegate.admission.Reason;
import io.tidegate.admission.TenantUsage;
import io.tidegate.signal.Signal;
import io.tidegate.tenant.PeriodLimit;
import io.tidegate.tenant.TenantConfig;
import io.tidegate.tenant.TenantId;
import java.math.BigInteger;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.IntFunction;
import org.junit.jupiter.api.Test;

class TrialTest {
    private static final long T = 1_700_000_000_000L;
    private static final int SIGNALS = 300;
    private static final int VALUE_BYTES = 100;

    private final Admission admission = new Admission(null);

    private static TenantConfig.Builder config(long entities, Duration idleTtl) {
        return TenantConfig.unlimited(TenantId.of(42), "").toBuilder()
                .maxEntities(BigInteger.valueOf(entities))
                .entityIdleTtl(idleTtl);
    }

    private static Signal signal(String user) {
        return new Signal(null, null, user, null);
    }

    /** Decides a signal each second, and returns the usage as a command reads it. */
    private TenantUsage decided(TenantConfig config, IntFunction<String> user) {
        TenantUsage usage = TenantUsage.fresh(1, 2);
        for (int i = 0; i < SIGNALS; i++) {
            assertThat(admission.admit(config, usage, signal(user.apply(i)), VALUE_BYTES, T + i * 1_000L))
                    .isInstanceOf(Accepted.class);
        }
        Map<Integer, byte[]> chunks = new TreeMap<>();
        usage.entities().writeAll(chunks::put);
        TenantUsage stored = TenantUsage.read(usage.write()).forTrial();
        stored.entities().expect(stored.entityCount());
        chunks.forEach(stored.entities()::load);
        return stored;
    }

    private DryRun.Report trial(TenantConfig proposed, TenantUsage stored, int from, IntFunction<String> user) {
        Trial trial = new Trial(proposed, stored, admission, T + from * 1_000L);
        for (int i = 0; i < SIGNALS; i++) {
            trial.judge(signal(user.apply(i)), VALUE_BYTES, T + i * 1_000L);
        }
        return trial.report();
    }

    @Test
    void theLimitsInForceRejectNothingThatTheyAccepted() {
        TenantConfig inForce = config(20, Duration.ofSeconds(5)).build();
        TenantUsage stored = decided(inForce, i -> "session-" + i);

        DryRun.Report report = trial(inForce, stored, 0, i -> "session-" + i);

        assertThat(report.signals()).isEqualTo(SIGNALS);
        assertThat(report.rejected()).isEmpty();
    }

    @Test
    void entitiesOfTheSignalsBeforeTheRangeCountUntilTheyExpire() {
        TenantConfig inForce = config(1_000, Duration.ofSeconds(60)).build();
        TenantUsage stored = decided(inForce, i -> "session-" + i);
        TenantConfig lower = config(30, Duration.ofSeconds(60)).build();

        DryRun.Report report = trial(lower, stored, 200, i -> "session-" + i);

        // Of any 60 seconds, only 30 sessions have room; with empty sets, the first 30 signals of the range would.
        assertThat(report.signals()).isEqualTo(100);
        assertThat(report.rejected().get(Reason.ENTITY_LIMIT)).isBetween(40L, 60L);
        assertThat(report.firstMs()).isEqualTo(T + 200_000);
    }

    @Test
    void withoutExpiryTheStoredEntitiesAreKnown() {
        TenantConfig inForce = config(1_000, null).build();
        TenantUsage stored = decided(inForce, i -> "user-" + i % 10);

        assertThat(trial(config(5, null).build(), stored, 0, i -> "user-" + i % 10)
                        .rejected())
                .isEmpty();
        assertThat(trial(config(5, null).build(), decided(inForce, i -> "user-" + i % 10), 0, i -> "new-" + i)
                        .rejectedCount())
                .isEqualTo(SIGNALS);
    }

    @Test
    void periodsCountOnlyTheSignalsOfTheRange() {
        TenantConfig inForce = config(1_000, Duration.ofSeconds(60)).build();
        TenantUsage stored = decided(inForce, i -> "one");
        TenantConfig limited = config(1_000, Duration.ofSeconds(60))
                .periods(List.of(new PeriodLimit(PeriodLimit.Per.MONTH, BigInteger.valueOf(40), null)))
                .build();

        DryRun.Report report = trial(limited, stored, 250, i -> "one");

        assertThat(report.signals()).isEqualTo(50);
        assertThat(report.rejected()).containsExactly(Map.entry(Reason.PERIOD_LIMIT, 10L));
    }
}
