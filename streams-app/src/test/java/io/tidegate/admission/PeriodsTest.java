package io.tidegate.admission;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidegate.admission.Decision.Accepted;
import io.tidegate.admission.Decision.Rejected;
import io.tidegate.admission.QuotaWatch.Crossing;
import io.tidegate.admission.QuotaWatch.Quota;
import io.tidegate.signal.Signal;
import io.tidegate.tenant.PeriodLimit;
import io.tidegate.tenant.PeriodLimit.Per;
import io.tidegate.tenant.SignalLimit;
import io.tidegate.tenant.TenantConfig;
import io.tidegate.tenant.TenantConfig.Mode;
import io.tidegate.tenant.TenantId;
import java.math.BigInteger;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.SplittableRandom;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class PeriodsTest {
    private static final long NOON = Instant.parse("2026-11-26T12:00:00Z").toEpochMilli();
    private static final long HOUR_MS = 3_600_000;
    private static final Signal SIGNAL = new Signal(null, "a", null, null);

    private final Admission admission = new Admission("eu");
    private TenantUsage usage = TenantUsage.fresh(1, 2);

    private static PeriodLimit per(Per per, @Nullable Integer signals, @Nullable Integer bytes) {
        return new PeriodLimit(
                per,
                signals == null ? null : BigInteger.valueOf(signals),
                bytes == null ? null : BigInteger.valueOf(bytes));
    }

    private static TenantConfig config(PeriodLimit... periods) {
        return TenantConfig.unlimited(TenantId.of(42), "").toBuilder()
                .periods(List.of(periods))
                .build();
    }

    private Decision admit(TenantConfig config, int bytes, long atMs) {
        return admission.admit(config, usage, SIGNAL, bytes, atMs);
    }

    private QuotaExceeded rejected(TenantConfig config, int bytes, long atMs) {
        Decision decision = admit(config, bytes, atMs);
        assertThat(decision).isInstanceOf(Rejected.class);
        QuotaExceeded quota = ((Rejected) decision).quota();
        assertThat(quota.reason()).isEqualTo(Reason.PERIOD_LIMIT);
        return quota;
    }

    @Test
    void anHourThatIsUsedUpRejectsUntilItsEnd() {
        TenantConfig config = config(per(Per.HOUR, 2, null));
        assertThat(admit(config, 9, NOON + 1)).isInstanceOf(Accepted.class);
        assertThat(admit(config, 9, NOON + 2)).isInstanceOf(Accepted.class);

        QuotaExceeded quota = rejected(config, 9, NOON + 3);

        assertThat(quota.limit()).isEqualTo(OptionalLong.of(2));
        assertThat(quota.observed()).isEqualTo(OptionalLong.of(2));
        assertThat(quota.retryAfterMs()).isEqualTo(OptionalLong.of(HOUR_MS - 3));
        assertThat(quota.message()).isEqualTo("2 of 2 signals are accepted in the hour (UTC) of the signal");
        rejected(config, 9, NOON + HOUR_MS - 1);
        assertThat(admit(config, 9, NOON + HOUR_MS)).isInstanceOf(Accepted.class);
    }

    @Test
    void aPeriodLongAgoIsNamedAsOneWhoseSignalsAreNoLongerCounted() {
        TenantConfig config = config(per(Per.DAY, 100, null));
        for (long day = 0; day < 10; day++) {
            assertThat(admit(config, 9, NOON + 24L * HOUR_MS * day)).isInstanceOf(Accepted.class);
        }

        assertThat(rejected(config, 9, 0).message())
                .isEqualTo("the day (UTC) of the signal is too long ago: its signals are no longer counted");
    }

    @Test
    void aPeriodLongAgoIsNamedAsSuchIfItsBytesAreLimitedToo() {
        TenantConfig config = config(per(Per.HOUR, null, 300));
        for (long hour = 0; hour < 5; hour++) {
            assertThat(admit(config, 17, NOON + HOUR_MS * hour)).isInstanceOf(Accepted.class);
        }

        QuotaExceeded quota = rejected(config, 17, NOON - 10 * HOUR_MS);

        assertThat(quota.message())
                .isEqualTo("the hour (UTC) of the signal is too long ago: its signals are no longer counted");
        assertThat(quota.retryAfterMs())
                .as("until the first hour that is counted")
                .hasValue(11 * HOUR_MS);
    }

    @Test
    void aValueThatIsTooLargeForAShorterPeriodHasNoTimeAtWhichItPasses() {
        TenantConfig config = config(per(Per.HOUR, null, 150), per(Per.DAY, 1, null));
        assertThat(admit(config, 88, NOON)).isInstanceOf(Accepted.class);

        QuotaExceeded quota = rejected(config, 238, NOON + 1);

        assertThat(quota.message()).startsWith("1 of 1 signals are accepted in the day");
        assertThat(quota.retryAfterMs()).isEmpty();
    }

    @Test
    void waitingForAPeriodDoesNotHelpAValueOfSignalThatNeverPasses() {
        for (SignalLimit closed : List.of(new SignalLimit(0L, null), new SignalLimit(5L, 0L))) {
            usage = TenantUsage.fresh(1, 2);
            TenantConfig config = config(per(Per.DAY, 1, null)).toBuilder()
                    .signals(Map.of("click", closed))
                    .build();
            assertThat(admit(config, 9, NOON)).isInstanceOf(Accepted.class);
            assertThat(rejected(config, 9, NOON + 1).retryAfterMs()).hasValue(12 * HOUR_MS - 1);

            Signal click = new Signal(null, "click", "a", null, null);
            Decision decision = admission.admit(config, usage, click, 9, NOON + 1);

            assertThat(((Rejected) decision).quota().reason()).isEqualTo(Reason.PERIOD_LIMIT);
            assertThat(((Rejected) decision).quota().retryAfterMs()).isEmpty();
        }
    }

    @Test
    void aLimitThatIsSetAgainStartsAtZeroThoughAnotherOneStayed() {
        TenantConfig both = config(per(Per.HOUR, 50, null), per(Per.DAY, 3, null));
        admit(both, 1, NOON);
        admit(both, 1, NOON);
        admit(config(per(Per.HOUR, 50, null)), 1, NOON);

        for (int i = 0; i < 3; i++) {
            assertThat(admit(both, 1, NOON + i)).isInstanceOf(Accepted.class);
        }
        assertThat(rejected(both, 1, NOON + 3).observed()).hasValue(3);
    }

    @Test
    void aRateOfZeroLeavesNoTimeAtWhichASignalPasses() {
        TenantConfig config =
                config(per(Per.HOUR, 1, null)).toBuilder().maxSignalsPerSec(0L).build();
        assertThat(admit(config(per(Per.HOUR, 1, null)), 1, NOON)).isInstanceOf(Accepted.class);

        assertThat(rejected(config, 1, NOON + 1).retryAfterMs()).isEmpty();
    }

    /** Signals of a boundary are read out of order, so the period after a full one can be full too. */
    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8})
    void aRejectedSignalPassesAfterItsWaitAndNotBefore(long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        int waits = 0;
        for (int round = 0; round < 300; round++) {
            usage = TenantUsage.fresh(1, 2);
            TenantConfig.Builder builder = config(
                    per(Per.HOUR, random.nextInt(4) == 0 ? 0 : random.nextInt(1, 4), random.nextInt(20, 200)),
                    per(Per.DAY, random.nextInt(1, 6), null))
                    .toBuilder();
            TenantConfig config = random.nextBoolean()
                    ? builder.build()
                    : builder.maxSignalsPerSec((long) random.nextInt(1, 3)).build();
            for (int step = 0; step < 30; step++) {
                long nowMs = NOON + 11 * HOUR_MS + random.nextLong(-2 * HOUR_MS, 3 * HOUR_MS);
                int bytes = random.nextInt(1, 100);
                if (!(admit(config, bytes, nowMs) instanceof Rejected rejected)) {
                    continue;
                }
                String at = "seed %d, round %d, step %d".formatted(seed, round, step);
                OptionalLong retryAfterMs = rejected.quota().retryAfterMs();
                if (retryAfterMs.isEmpty()) {
                    for (long days = 1; days < 100; days += 7) {
                        assertThat(passes(config, bytes, nowMs + days * 24 * HOUR_MS))
                                .as(at)
                                .isFalse();
                    }
                    continue;
                }
                waits++;
                assertThat(passes(config, bytes, nowMs + retryAfterMs.getAsLong() - 1))
                        .as(at)
                        .isFalse();
                if (rejected.quota().reason() == Reason.PERIOD_LIMIT && config.maxSignalsPerSec() != null) {
                    continue; // the buckets are not looked at
                }
                assertThat(passes(config, bytes, nowMs + retryAfterMs.getAsLong()))
                        .as(at)
                        .isTrue();
            }
        }
        assertThat(waits).isGreaterThan(1_000);
    }

    private boolean passes(TenantConfig config, int bytes, long atMs) {
        return admission.check(config, usage, null, bytes, atMs) == null;
    }

    @Test
    void bytesCountAndASmallerSignalStillFits() {
        TenantConfig config = config(per(Per.DAY, null, 100));
        admit(config, 90, NOON);

        QuotaExceeded quota = rejected(config, 11, NOON);

        assertThat(quota.limit()).isEqualTo(OptionalLong.of(100));
        assertThat(quota.observed()).isEqualTo(OptionalLong.of(90));
        assertThat(quota.retryAfterMs()).isEqualTo(OptionalLong.of(12 * HOUR_MS));
        assertThat(quota.message()).contains("90 of 100 bytes", "day");
        assertThat(admit(config, 10, NOON)).isInstanceOf(Accepted.class);
        assertThat(rejected(config, 101, NOON).retryAfterMs())
                .as("it never fits")
                .isEmpty();
        assertThat(rejected(config(per(Per.DAY, 0, null)), 1, NOON).retryAfterMs())
                .isEmpty();
    }

    @Test
    void theLongestPeriodThatIsUsedUpIsNamed() {
        TenantConfig config = config(per(Per.HOUR, 1, null), per(Per.DAY, 5, null), per(Per.MONTH, 1, null));
        admit(config, 1, NOON);
        assertThat(rejected(config, 1, NOON).period()).isEqualTo(PeriodQuota.MONTH_SIGNALS);
        long december = Instant.parse("2026-12-01T00:00:00Z").toEpochMilli();
        assertThat(rejected(config, 1, NOON).retryAfterMs()).isEqualTo(OptionalLong.of(december - NOON));
    }

    /** The order of reading does not matter: each signal counts in its own period. */
    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3})
    void aLateSignalCountsInItsOwnPeriod(long seed) {
        TenantConfig config = config(per(Per.HOUR, 10, null));
        List<Long> times = new ArrayList<>();
        for (int hour = 0; hour < NewestPeriods.KEPT; hour++) {
            for (int i = 0; i < 10; i++) {
                times.add(NOON + hour * HOUR_MS + i);
            }
        }
        Collections.shuffle(times, new java.util.Random(seed));
        for (long atMs : times) {
            assertThat(admit(config, 1, atMs)).isInstanceOf(Accepted.class);
            usage = TenantUsage.read(usage.write());
            usage.entities().load(0, chunkOfA());
        }
        for (int hour = 0; hour < NewestPeriods.KEPT; hour++) {
            rejected(config, 1, NOON + hour * HOUR_MS);
        }
    }

    private byte[] chunkOfA() {
        TenantUsage other = TenantUsage.fresh(1, 2);
        new Admission("eu").admit(config(), other, SIGNAL, 1, NOON);
        return other.entities().chunk(0);
    }

    @Test
    void aSignalFromTheFarFutureCostsThePresentNothing() {
        TenantConfig config = config(per(Per.HOUR, 2, null));
        assertThat(admit(config, 1, NOON + 1_000_000 * HOUR_MS)).isInstanceOf(Accepted.class);
        assertThat(admit(config, 1, NOON)).isInstanceOf(Accepted.class);
        assertThat(admit(config, 1, NOON)).isInstanceOf(Accepted.class);
        rejected(config, 1, NOON);
        assertThat(admit(config, 1, NOON + HOUR_MS)).isInstanceOf(Accepted.class);
    }

    @Test
    void aRejectedSignalCountsInNoPeriodAndOneWithoutARateTokenNeither() {
        TenantConfig config =
                config(per(Per.DAY, 5, null)).toBuilder().maxSignalsPerSec(1L).build();
        assertThat(admit(config, 1, NOON)).isInstanceOf(Accepted.class);
        for (int i = 0; i < 9; i++) {
            assertThat(admit(config, 1, NOON)).isInstanceOf(Rejected.class);
        }
        assertThat(usage.periodSignals(Per.DAY, NOON)).isEqualTo(1);
        assertThat(usage.rejectedCount(Reason.PERIOD_LIMIT)).isZero();
    }

    @Test
    void observeModeCountsOnAndAccepts() {
        TenantConfig config =
                config(per(Per.DAY, 1, 10)).toBuilder().mode(Mode.OBSERVE).build();
        for (int i = 0; i < 3; i++) {
            assertThat(admit(config, 8, NOON)).isInstanceOf(Accepted.class);
        }
        assertThat(usage.observedCount(Reason.PERIOD_LIMIT)).isEqualTo(2);
        assertThat(usage.periodSignals(Per.DAY, NOON)).isEqualTo(3);
        assertThat(usage.periodBytes(Per.DAY, NOON)).isEqualTo(24);
        assertThat(QuotaUse.periodPercent(usage, config.periods().get(0), NOON)).isEqualTo(300);
        assertThat(QuotaUse.percent(usage, config, NOON)).isEqualTo(300);
        assertThat(QuotaUse.percent(usage, config, NOON + 24 * HOUR_MS)).isZero();
    }

    @Test
    void aTenantWithoutPeriodsStoresNone() {
        byte[] before = TenantUsage.fresh(1, 2).write();
        admit(config(per(Per.DAY, 5, null)), 1, NOON);
        assertThat(usage.periods).isNotNull();
        admit(config(), 1, NOON);
        assertThat(usage.periods).isNull();
        assertThat(TenantUsage.read(before).periods).isNull();
    }

    @Test
    void levelsAreReportedAndLeftInTheNextPeriodOrWithoutTheLimit() {
        TenantConfig config = config(per(Per.HOUR, 10, null));
        List<String> seen = new ArrayList<>();
        for (int i = 0; i < 12; i++) {
            admit(config, 1, NOON);
            add(seen, config);
        }
        assertThat(seen).containsExactly("hour_signals 80 8/10", "hour_signals 90 9/10", "hour_signals 100 10/10");
        admit(config, 1, NOON + HOUR_MS);
        add(seen, config);
        assertThat(seen).last().isEqualTo("hour_signals 0 1/10");
        for (int i = 0; i < 8; i++) {
            admit(config, 1, NOON + HOUR_MS);
        }
        add(seen, config);
        assertThat(usage.watch().level(Quota.HOUR_SIGNALS)).isEqualTo(90);
        admit(config(), 1, NOON + HOUR_MS);
        add(seen, config());
        assertThat(seen).last().isEqualTo("hour_signals 0 0/-1");
    }

    private void add(List<String> seen, TenantConfig config) {
        for (Crossing crossing : usage.watch().look(config, usage)) {
            seen.add("%s %d %d/%d"
                    .formatted(crossing.quota().id(), crossing.level(), crossing.used(), crossing.limit()));
        }
    }

    /** Compares with a record of all periods, of which only the newest must be known. */
    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4})
    void countsAreExactAndForgottenPeriodsAreKnown(long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        PeriodUse use = new PeriodUse();
        Map<Long, Long> all = new HashMap<>();
        for (int step = 0; step < 3_000; step++) {
            long index = step / 100L + random.nextInt(random.nextInt(20) == 0 ? 40 : 6);
            if (!use.isForgotten(Per.DAY, index)) {
                use.add(Per.DAY.ordinal(), index, 3);
                all.merge(index, 1L, Long::sum);
            }
            List<Long> newest = new ArrayList<>(new TreeSet<>(all.keySet()).descendingSet());
            for (int i = 0; i < newest.size(); i++) {
                long one = newest.get(i);
                String at = "seed %d, step %d, period %d".formatted(seed, step, one);
                if (i < NewestPeriods.KEPT) {
                    assertThat(use.signals(Per.DAY, one)).as(at).isEqualTo(all.get(one));
                    assertThat(use.bytes(Per.DAY, one)).as(at).isEqualTo(3 * all.get(one));
                } else {
                    assertThat(use.isForgotten(Per.DAY, one)).as(at).isTrue();
                }
            }
        }
        assertThat(use.newest(Per.DAY)).isEqualTo(Collections.max(all.keySet()));
        assertThat(use.newest(Per.HOUR)).isEqualTo(-1);
    }
}
