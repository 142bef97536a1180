package io.tidegate.admission;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidegate.admission.QuotaWatch.Crossing;
import io.tidegate.admission.QuotaWatch.Quota;
import io.tidegate.signal.Signal;
import io.tidegate.tenant.TenantConfig;
import io.tidegate.tenant.TenantConfig.Mode;
import io.tidegate.tenant.TenantId;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.LongStream;
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
    void reportsEachLevelOnceOnTheWayUp() {
        assertThat(levels(100, 79, 1, 1, 9, 9, 1, 50)).containsExactly(80, 90, 100);
    }

    @Test
    void reportsOnlyTheHighestOfLevelsThatAreReachedTogether() {
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
    void regardsALimitOfZeroAsFull() {
        assertThat(levels(0, 0)).containsExactly(100);
    }

    /** However usage moves, no level is reported twice in a row, and the reported levels match the share of the limit. */
    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3})
    void staysWithinFivePointsOfTheShare(long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        TenantUsage usage = TenantUsage.fresh(1, 2);
        int reported = 0;
        for (int step = 0; step < 5_000; step++) {
            long change = random.nextLong(21) - 10;
            usage.storageChanged(0, Math.max(change, -usage.sealedBytes()));
            for (Crossing crossing : usage.watch().look(storage(100), usage)) {
                assertThat(crossing.levelBefore())
                        .as("seed %d, step %d", seed, step)
                        .isEqualTo(reported);
                assertThat(crossing.level()).as("seed %d, step %d", seed, step).isNotEqualTo(reported);
                reported = crossing.level();
            }
            assertThat(usage.watch().level(Quota.STORAGE)).isEqualTo(reported);
            long share = usage.sealedBytes();
            assertThat(share)
                    .as("seed %d, step %d", seed, step)
                    .isGreaterThanOrEqualTo(reported == 0 ? 0 : reported - 5);
            if (reported < 100) {
                assertThat(share).as("seed %d, step %d", seed, step).isLessThan(reported == 0 ? 80 : reported + 10);
            }
        }
    }

    /** A multiple of ten seconds. */
    private static final long T = 1_700_000_000_000L;

    private static final Signal SIGNAL = new Signal(null, null, null, null);

    /** A tenant with 10/s: 100 signals in ten seconds are 100 %. */
    private static final TenantConfig RATE =
            new TenantConfig(TenantId.of(1), 10L, null, null, null, List.of(), "", Mode.ENFORCE, null);

    /** The levels of the rate, in the order in which they are reported. */
    private static List<Integer> rateLevels(long... timesMs) {
        Admission admission = new Admission(null);
        TenantUsage usage = TenantUsage.fresh(1, 2);
        List<Integer> levels = new ArrayList<>();
        for (long timeMs : timesMs) {
            admission.admit(RATE, usage, SIGNAL, 100, timeMs);
            usage.watch().look(RATE, usage).forEach(crossing -> levels.add(crossing.level()));
        }
        return levels;
    }

    private static LongStream steady(long fromMs, int seconds, int perSecond) {
        return LongStream.range(0, (long) seconds * perSecond).map(i -> fromMs + i * 1_000 / perSecond);
    }

    /** Reads eight partitions in turn, each until it is 52 s ahead of the slowest. */
    private static long[] readInTurn(long[] sorted) {
        int partitions = 8;
        int[] next = new int[partitions];
        long[] order = new long[sorted.length];
        int read = 0;
        while (read < sorted.length) {
            for (int i = 0; i < partitions; i++) {
                long slowest = Long.MAX_VALUE;
                for (int j = 0; j < partitions; j++) {
                    int at = j + partitions * next[j];
                    slowest = at < sorted.length ? Math.min(slowest, sorted[at]) : slowest;
                }
                int at = i + partitions * next[i];
                while (at < sorted.length && sorted[at] - slowest <= 52_000) {
                    order[read++] = sorted[at];
                    at = i + partitions * ++next[i];
                }
            }
        }
        return order;
    }

    @Test
    void aRateThatIsRemovedIsLeftWithTheNextSignal() {
        TenantConfig unlimited =
                new TenantConfig(TenantId.of(1), null, null, null, null, List.of(), "", Mode.ENFORCE, null);
        Admission admission = new Admission(null);
        TenantUsage usage = TenantUsage.fresh(1, 2);
        steady(T, 11, 15).forEach(timeMs -> {
            admission.admit(RATE, usage, SIGNAL, 100, timeMs);
            usage.watch().look(RATE, usage);
        });
        assertThat(usage.watch().level(Quota.RATE)).isEqualTo(100);

        admission.admit(unlimited, usage, SIGNAL, 100, T + 11_000);

        assertThat(usage.watch().look(unlimited, usage)).singleElement().satisfies(crossing -> {
            assertThat(crossing.levelBefore()).isEqualTo(100);
            assertThat(crossing.level()).isZero();
            assertThat(crossing.limit()).as("none").isEqualTo(-1);
        });
        assertThat(usage.watch().look(unlimited, usage)).isEmpty();
    }

    @Test
    void aRateIsReachedAfterTenSecondsAndLeftAfterTheNextTen() {
        assertThat(rateLevels(LongStream.concat(steady(T, 10, 15), steady(T + 10_000, 11, 1))
                        .toArray()))
                .containsExactly(100, 0);
    }

    @Test
    void aBacklogBelowItsRateReachesNoLevelHoweverItIsRead() {
        assertThat(rateLevels(readInTurn(steady(T, 300, 6).toArray()))).isEmpty();
    }

    @Test
    void aBacklogAboveItsRateReachesTheHighestLevelAndDoesNotLeaveIt() {
        List<Integer> levels = rateLevels(readInTurn(steady(T, 300, 15).toArray()));

        assertThat(levels).isSorted().endsWith(100);
    }

    @Test
    void aSignalFromTheFarFutureDoesNotEndTheWatch() {
        LongStream far = LongStream.of(4_102_444_800_000L);
        long[] times = LongStream.concat(far, steady(T, 21, 15)).toArray();

        assertThat(rateLevels(times)).containsExactly(100);
    }

    /** Such as a signal of a partition that alignment no longer waits for. */
    @Test
    void signalsThatAreOlderThanAllWindowsDoNotEndTheWatch() {
        LongStream one = LongStream.concat(steady(T, 21, 15), LongStream.of(T - 100_000));
        assertThat(rateLevels(LongStream.concat(one, steady(T + 21_000, 20, 15)).toArray()))
                .as("one of them")
                .containsExactly(100);

        long[] inTurn = steady(T, 41, 15)
                .flatMap(timeMs -> LongStream.of(timeMs, timeMs - 200_000))
                .toArray();
        assertThat(rateLevels(inTurn)).as("a whole partition").containsExactly(100);
    }

    @Test
    void windowsAreStoredWithTheUsage() {
        TenantUsage usage = TenantUsage.fresh(1, 2);
        for (long timeMs : readInTurn(steady(T, 100, 15).toArray())) {
            usage.watch().wanted(timeMs, HistoryBounds.LATENESS_MS_DEFAULT);
        }
        TenantUsage read = TenantUsage.read(usage.write());

        assertThat(read.watch().windows().highest())
                .isEqualTo(usage.watch().windows().highest())
                .isEqualTo(150);
        assertThat(read.write()).isEqualTo(usage.write());
    }

    /** An older build keeps the section and counts without it. */
    @Test
    void windowsAreForgottenIfAnotherBuildCountedInBetween() {
        TenantUsage usage = TenantUsage.fresh(1, 2);
        steady(T, 11, 15).forEach(timeMs -> usage.watch().wanted(timeMs, HistoryBounds.LATENESS_MS_DEFAULT));
        byte[] stored = usage.write();
        int countAt = new String(stored, StandardCharsets.ISO_8859_1)
                        .indexOf(new String(
                                ByteBuffer.allocate(Long.BYTES)
                                        .putLong(T / QuotaWatch.WINDOW_MS + 1)
                                        .array(),
                                StandardCharsets.ISO_8859_1))
                + Long.BYTES;
        stored[countAt + Long.BYTES - 1]++;

        assertThat(TenantUsage.read(stored).watch().windows().highest()).isZero();
    }
}
