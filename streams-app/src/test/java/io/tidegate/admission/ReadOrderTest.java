package io.tidegate.admission;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The order in which partitions are read does not affect decisions. Compares random traffic in random interleavings with a plain
 * bucket that reads the same signals in the order of their times, and checks every interval of record time.
 */
class ReadOrderTest {
    private static final long T = 1_700_000_000_000L;
    private static final long SKEW_MS = 60_000;

    /** Traffic of one tenant: the times in each partition, ascending. */
    private static final class Traffic {
        private final long[][] partitions;

        Traffic(long[][] partitions) {
            this.partitions = partitions;
        }

        long[][] partitions() {
            return partitions;
        }

        long[] sorted() {
            return Arrays.stream(partitions)
                    .flatMapToLong(Arrays::stream)
                    .sorted()
                    .toArray();
        }
    }

    private record Limits(long rate, long burst) {}

    private static LongStream seeds() {
        return LongStream.rangeClosed(1, 40);
    }

    private static Limits someLimits(SplittableRandom random) {
        long rate = 1L + random.nextInt(random.nextBoolean() ? 20 : 200);
        return new Limits(rate, 2 + random.nextInt(random.nextBoolean() ? 9 : 199));
    }

    /** Spikes and a steady stream, {@code load} times the rate on average, over some partitions. */
    private static Traffic someTraffic(SplittableRandom random, Limits limits, double load, long spanMs) {
        int partitions = 2 + random.nextInt(15);
        boolean pinned = random.nextInt(4) == 0;
        List<List<Long>> times = new ArrayList<>();
        for (int i = 0; i < partitions; i++) {
            times.add(new ArrayList<>());
        }
        long signals = Math.max(20, Math.min(20_000, (long) (limits.rate * load * spanMs / 1_000)));
        boolean spiky = random.nextBoolean();
        long spike = T;
        for (long i = 0; i < signals; i++) {
            if (spiky && random.nextInt(20) == 0) {
                spike = T + random.nextLong(spanMs);
            }
            long atMs = spiky && random.nextInt(3) == 0 ? spike + random.nextInt(20) : T + random.nextLong(spanMs);
            int partition = pinned ? (int) (i * i % 2) : random.nextInt(partitions);
            times.get(partition).add(atMs);
        }
        return new Traffic(times.stream()
                .map(one -> one.stream().mapToLong(Long::longValue).sorted().toArray())
                .toArray(long[][]::new));
    }

    /** Reads polls of one partition after the other. None gets further ahead of the slowest than {@code skewMs}. */
    private static long[] interleaved(SplittableRandom random, Traffic traffic, long skewMs) {
        long[][] partitions = traffic.partitions();
        int[] next = new int[partitions.length];
        int pollMax = random.nextBoolean() ? 1 + random.nextInt(20) : 1_000;
        boolean greedy = random.nextBoolean();
        int total = Arrays.stream(partitions).mapToInt(one -> one.length).sum();
        long[] order = new long[total];
        int read = 0;
        int partition = 0;
        while (read < total) {
            partition = greedy ? (partition + 1) % partitions.length : random.nextInt(partitions.length);
            int poll = greedy ? Integer.MAX_VALUE : 1 + random.nextInt(pollMax);
            long slowest = Long.MAX_VALUE;
            for (int i = 0; i < partitions.length; i++) {
                if (next[i] < partitions[i].length) {
                    slowest = Math.min(slowest, partitions[i][next[i]]);
                }
            }
            for (int i = 0; i < poll && next[partition] < partitions[partition].length; i++) {
                if (partitions[partition][next[partition]] - slowest > skewMs) {
                    break;
                }
                order[read++] = partitions[partition][next[partition]++];
            }
        }
        return order;
    }

    /** A bucket whose state can be written and read at any point. */
    private static final class Restartable {
        private final Map<Integer, byte[]> chunks = new TreeMap<>();
        private final HistoryBounds bounds;
        private TokenBucket bucket = new TokenBucket();
        private byte[] head = new byte[0];

        Restartable(HistoryBounds bounds) {
            this.bounds = bounds;
        }

        boolean accepts(Limits limits, long atMs) {
            bucket.adopt(limits.rate, limits.burst);
            if (!bucket.has(1, atMs)) {
                return false;
            }
            bucket.take(1, atMs, bounds);
            return true;
        }

        void commit() {
            ByteBuffer out = ByteBuffer.allocate(TokenBucket.BYTES + TokenBucket.HISTORY_BYTES);
            bucket.write(out);
            bucket.writeHistory(out);
            head = out.array();
            bucket.writeRuns((id, chunk) -> {
                if (chunk == null) {
                    assertThat(chunks.remove(id))
                            .as("only stored chunks are deleted")
                            .isNotNull();
                } else {
                    chunks.put(id, chunk);
                }
            });
        }

        void restart() {
            bucket = new TokenBucket();
            ByteBuffer in = ByteBuffer.wrap(head);
            bucket.read(in);
            bucket.readHistory(in);
            chunks.forEach(bucket::loadRun);
            bucket.loaded();
        }
    }

    private static List<Long> accepted(Limits limits, long[] order, HistoryBounds bounds) {
        Restartable bucket = new Restartable(bounds);
        List<Long> accepted = new ArrayList<>();
        for (long atMs : order) {
            if (bucket.accepts(limits, atMs)) {
                accepted.add(atMs);
            }
        }
        return accepted;
    }

    /** A plain bucket over sorted times, in thousandths; a new one has a second of tokens. */
    private static List<Long> acceptedInOrder(Limits limits, long[] sorted) {
        List<Long> accepted = new ArrayList<>();
        long size = limits.burst * 1_000;
        long level = Math.min(limits.rate * 1_000, size);
        long before = sorted.length == 0 ? 0 : sorted[0];
        for (long atMs : sorted) {
            level = Math.min(size, level + (atMs - before) * limits.rate);
            before = atMs;
            if (level >= 1_000) {
                level -= 1_000;
                accepted.add(atMs);
            }
        }
        return accepted;
    }

    /** Covers every interval between two acceptances by checking only the largest excess that ends at each. */
    private static void assertNoIntervalHasTooMuch(String as, Limits limits, List<Long> accepted) {
        long[] sorted = accepted.stream().mapToLong(Long::longValue).sorted().toArray();
        long excess = 0;
        for (int i = 0; i < sorted.length; i++) {
            long passed = i == 0 ? 0 : (sorted[i] - sorted[i - 1]) * limits.rate;
            excess = Math.max(0, excess - passed) + 1_000;
            assertThat(excess)
                    .as("%s: acceptances that end at %d", as, sorted[i])
                    .isLessThanOrEqualTo(limits.burst * 1_000);
        }
    }

    @Timeout(600)
    @ParameterizedTest
    @MethodSource("seeds")
    void signalsThatFitInOrderAreAcceptedInEveryOrder(long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        for (int round = 0; round < 8; round++) {
            Limits limits = someLimits(random);
            Traffic all = someTraffic(random, limits, 0.5 + random.nextDouble() * 2, 20_000 + random.nextLong(180_000));
            // Only the signals that a bucket in use accepts in the order of time, so that all of them fit.
            long[] sorted = all.sorted();
            long[] warm = new long[sorted.length + 1];
            warm[0] = T - 1_000_000;
            System.arraycopy(sorted, 0, warm, 1, sorted.length);
            List<Long> fits = new ArrayList<>(acceptedInOrder(limits, warm));
            fits.remove(0);
            Traffic traffic = only(all, fits);
            long[] order = interleaved(random, traffic, SKEW_MS);
            Restartable bucket = new Restartable(HistoryBounds.DEFAULT);
            assertThat(bucket.accepts(limits, T - 1_000_000)).isTrue();
            for (int i = 0; i < order.length; i++) {
                assertThat(bucket.accepts(limits, order[i]))
                        .as(
                                "seed %d, round %d, %s: signal %d of %d at %d",
                                seed, round, limits, i, order.length, order[i] - T)
                        .isTrue();
                if (random.nextInt(300) == 0) {
                    bucket.commit();
                    bucket.restart();
                }
            }
        }
    }

    private static Traffic only(Traffic traffic, List<Long> fits) {
        Map<Long, Integer> left = new TreeMap<>();
        fits.forEach(atMs -> left.merge(atMs, 1, Integer::sum));
        long[][] partitions = new long[traffic.partitions().length][];
        for (int i = 0; i < partitions.length; i++) {
            partitions[i] = Arrays.stream(traffic.partitions()[i])
                    .filter(atMs -> left.merge(atMs, -1, Integer::sum) >= 0)
                    .toArray();
        }
        return new Traffic(partitions);
    }

    @Timeout(600)
    @ParameterizedTest
    @MethodSource("seeds")
    void aTenantAboveItsRateGetsWhatSortedOrderYieldsAndNoIntervalTooMuch(long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        for (int round = 0; round < 8; round++) {
            Limits limits = someLimits(random);
            double load = 0.5 * Math.pow(20, random.nextDouble());
            Traffic traffic = someTraffic(random, limits, load, 20_000 + random.nextLong(180_000));
            String as = "seed %d, round %d, %s, load %.2f, %d partitions"
                    .formatted(seed, round, limits, load, traffic.partitions().length);
            long[] order = interleaved(random, traffic, SKEW_MS);
            List<Long> accepted = accepted(limits, order, HistoryBounds.DEFAULT);
            int inOrder = acceptedInOrder(limits, traffic.sorted()).size();
            assertNoIntervalHasTooMuch(as, limits, accepted);
            double share = limits.burst >= 10 ? 0.99 : 0.9;
            // A few may differ: a new bucket's tokens beyond the first second depend on its first signal.
            assertThat(accepted.size() + (limits.burst >= 10 ? 0 : 1.0))
                    .as(as)
                    .isGreaterThanOrEqualTo(share * inOrder - 1);
        }
    }

    @Timeout(600)
    @ParameterizedTest
    @MethodSource("seeds")
    void beyondTheBoundsNoIntervalHasTooMuch(long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        HistoryBounds tight = new HistoryBounds(random.nextInt(3_000), HistoryBounds.ENTRIES_MIN);
        for (int round = 0; round < 8; round++) {
            Limits limits = someLimits(random);
            double load = 0.5 * Math.pow(20, random.nextDouble());
            Traffic traffic = someTraffic(random, limits, load, 200_000);
            String as = "seed %d, round %d, %s, load %.2f".formatted(seed, round, limits, load);
            long[] order = interleaved(random, traffic, Long.MAX_VALUE / 2);
            List<Long> accepted = accepted(limits, order, tight);
            assertThat(accepted).as(as).isNotEmpty();
            assertNoIntervalHasTooMuch(as, limits, accepted);
        }
    }

    @Timeout(600)
    @ParameterizedTest
    @MethodSource("seeds")
    void aCrashAtAnyPointChangesNoDecision(long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        HistoryBounds bounds =
                random.nextBoolean() ? HistoryBounds.DEFAULT : new HistoryBounds(5_000, HistoryBounds.ENTRIES_MIN);
        Limits limits = someLimits(random);
        Traffic traffic = someTraffic(random, limits, 0.5 + random.nextDouble() * 3, 100_000);
        long[] order = interleaved(random, traffic, SKEW_MS);
        Limits[] inForce = new Limits[order.length];
        for (int i = 0; i < order.length; i++) {
            limits = random.nextInt(1_000) == 0 ? someLimits(random) : limits;
            inForce[i] = limits;
        }
        Restartable steady = new Restartable(bounds);
        boolean[] expected = new boolean[order.length];
        for (int i = 0; i < order.length; i++) {
            expected[i] = steady.accepts(inForce[i], order[i]);
        }
        Restartable crashing = new Restartable(bounds);
        int committed = 0;
        crashing.commit();
        for (int i = 0; i < order.length; i++) {
            assertThat(crashing.accepts(inForce[i], order[i]))
                    .as("seed %d, signal %d of %d", seed, i, order.length)
                    .isEqualTo(expected[i]);
            if (random.nextInt(200) == 0) {
                crashing.commit();
                committed = i + 1;
            }
            if (committed > 0 && random.nextInt(500) == 0) {
                crashing.restart();
                i = committed - 1;
            }
        }
    }

    /** Limits change during the test: no interval has more than the largest rate and burst allow. */
    @Timeout(600)
    @ParameterizedTest
    @MethodSource("seeds")
    void changedLimitsNeverAllowMoreThanTheLargestOfThem(long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        Limits limits = someLimits(random);
        Traffic traffic = someTraffic(random, limits, 3, 60_000);
        long[] order = interleaved(random, traffic, SKEW_MS);
        Restartable bucket = new Restartable(HistoryBounds.DEFAULT);
        List<Long> accepted = new ArrayList<>();
        long rate = 0;
        long burst = 0;
        for (long atMs : order) {
            limits = random.nextInt(2_000) == 0 ? someLimits(random) : limits;
            rate = Math.max(rate, limits.rate);
            burst = Math.max(burst, limits.burst);
            if (bucket.accepts(limits, atMs)) {
                accepted.add(atMs);
            }
        }
        assertNoIntervalHasTooMuch("seed " + seed, new Limits(rate, burst), accepted);
    }

    @ParameterizedTest
    @MethodSource("seeds")
    void retryAfterIsTheTimeFromWhichALateSignalPasses(long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        Limits limits = someLimits(random);
        Traffic traffic = someTraffic(random, limits, 2, 30_000);
        long[] order = interleaved(random, traffic, SKEW_MS);
        TokenBucket bucket = new TokenBucket();
        bucket.adopt(limits.rate, limits.burst);
        int late = 0;
        for (long atMs : order) {
            if (bucket.has(1, atMs)) {
                bucket.take(1, atMs, HistoryBounds.DEFAULT);
                continue;
            }
            String as = "seed %d, %s, at %d".formatted(seed, limits, atMs - T);
            long passes = atMs + bucket.retryAfterMs(1, atMs, atMs + HistoryBounds.LATENESS_MS_DEFAULT);
            assertThat(passes).as(as).isGreaterThan(atMs);
            assertThat(bucket.has(1, passes - 1)).as(as).isFalse();
            for (long later = passes; later < passes + 3_000; later += 1 + random.nextInt(50)) {
                assertThat(bucket.has(1, later)).as(as).isTrue();
            }
            late += bucket.isLate(atMs) ? 1 : 0;
        }
        assertThat(late).as("seed %d: late rejections", seed).isNotNegative();
    }

    /** Compares with the definition: the bucket was full, or new, within the last burst ÷ rate seconds. */
    @ParameterizedTest
    @MethodSource("seeds")
    void aLateRejectionIsASpikeIfTheBucketWasFullShortlyBeforeItsTime(long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        Limits limits = someLimits(random);
        Traffic traffic = someTraffic(random, limits, 1.5, 30_000);
        TokenBucket bucket = new TokenBucket();
        bucket.adopt(limits.rate, limits.burst);
        List<Long> accepted = new ArrayList<>();
        for (long atMs : interleaved(random, traffic, SKEW_MS)) {
            if (bucket.has(1, atMs)) {
                bucket.take(1, atMs, HistoryBounds.DEFAULT);
                accepted.add(atMs);
            } else {
                assertThat(bucket.wasFullRecently(atMs))
                        .as("seed %d, %s, at %d", seed, limits, atMs - T)
                        .isEqualTo(wasFullRecently(limits, accepted, atMs));
            }
        }
    }

    private static boolean wasFullRecently(Limits limits, List<Long> accepted, long atMs) {
        long[] sorted = accepted.stream().mapToLong(Long::longValue).sorted().toArray();
        if (atMs < sorted[0]) {
            return true;
        }
        long size = limits.burst * 1_000;
        long level = Math.min(limits.rate * 1_000, size);
        long beforeMs = sorted[0];
        long fullMs = sorted[0];
        for (long oneMs : sorted) {
            if (oneMs > atMs) {
                break;
            }
            level = Math.min(size, level + (oneMs - beforeMs) * limits.rate);
            fullMs = level == size ? oneMs : fullMs;
            level -= 1_000;
            beforeMs = oneMs;
        }
        level = Math.min(size, level + (atMs - beforeMs) * limits.rate);
        return level == size || atMs - fullMs <= limits.burst * 1_000 / limits.rate;
    }

    /** A signal at the end of a long pause spends all tokens. A signal of the pause that is read later finds the bucket full. */
    @Test
    void aLateSignalAtTheTimeOfAFullBucketIsRejectedAsASpike() {
        Limits limits = new Limits(100, 200);
        TokenBucket bucket = new TokenBucket();
        bucket.adopt(limits.rate, limits.burst);
        bucket.take(1, T, HistoryBounds.DEFAULT);
        for (int i = 0; i < 200; i++) {
            bucket.take(1, T + 30_000, HistoryBounds.DEFAULT);
        }
        assertThat(bucket.has(1, T + 29_999)).isFalse();
        assertThat(bucket.wasFullRecently(T + 29_999)).isTrue();
        assertThat(bucket.retryAfterMs(1, T + 29_999, T + 89_999)).isEqualTo(11);
    }

    @Test
    void aNewBucketBeginsAtItsEarliestSignalEvenIfThatIsReadLate() {
        Limits limits = new Limits(10, 20);
        Restartable bucket = new Restartable(HistoryBounds.DEFAULT);
        for (int i = 0; i < 10; i++) {
            assertThat(bucket.accepts(limits, T + 5_000)).isTrue();
        }
        assertThat(bucket.accepts(limits, T + 5_000)).isFalse();
        // The bucket is older than its first signal suggested, so it had time to fill.
        assertThat(bucket.accepts(limits, T)).isTrue();
        for (int i = 0; i < 10; i++) {
            assertThat(bucket.accepts(limits, T + 5_000)).as("signal %d", i).isTrue();
        }
        assertThat(bucket.accepts(limits, T + 5_000)).isFalse();
    }

    @Test
    void aLateFirstSignalDoesNotRaiseTheLevelThatCarriedOverToOtherLimits() {
        Restartable bucket = new Restartable(HistoryBounds.DEFAULT);
        assertThat(bucket.accepts(new Limits(100, 100), T + 30_000)).isTrue();
        Limits changed = new Limits(1, 100);
        assertThat(bucket.accepts(changed, T)).isTrue();
        // 99 tokens carried over. The refill between the two times by the changed limits is not added to them.
        for (int i = 0; i < 99; i++) {
            assertThat(bucket.accepts(changed, T + 30_000)).as("signal %d", i).isTrue();
        }
        assertThat(bucket.accepts(changed, T + 30_000)).isFalse();
    }

    @ParameterizedTest
    @ValueSource(longs = {4_102_444_800_000L, Long.MAX_VALUE})
    void aSignalFromTheFarFutureCostsItsTenantNothing(long farMs) {
        Limits limits = new Limits(100, 200);
        SplittableRandom random = new SplittableRandom(farMs);
        Restartable bucket = new Restartable(HistoryBounds.DEFAULT);
        for (int i = 0; i < 27_000; i += 90) {
            // Eight partitions, each a second behind the previous one, and occasionally a signal from the future.
            for (int j = 0; j < 90; j++) {
                long atMs = T + (i / 90) * 1_000L - 1_000L * (j % 8) + j * 11L;
                assertThat(bucket.accepts(limits, atMs)).as("%d", atMs - T).isTrue();
            }
            if (random.nextInt(60) == 0) {
                assertThat(bucket.accepts(limits, farMs)).isTrue();
                bucket.commit();
                bucket.restart();
            }
        }
    }

    @Test
    void equalAndZeroTimestampsAreJudgedAsOneInstant() {
        Limits limits = new Limits(10, 10);
        Restartable bucket = new Restartable(HistoryBounds.DEFAULT);
        for (int i = 0; i < 10; i++) {
            assertThat(bucket.accepts(limits, 0)).isTrue();
        }
        assertThat(bucket.accepts(limits, 0)).isFalse();
        assertThat(bucket.accepts(limits, T)).isTrue();
        assertThat(bucket.accepts(limits, 0)).isFalse();
        assertThat(bucket.accepts(limits, 100)).isTrue();
    }

    @Test
    void theHistoryKeepsToItsBound() {
        Limits limits = new Limits(10_000, 20_000);
        HistoryBounds bounds = new HistoryBounds(60_000, HistoryBounds.ENTRIES_MIN);
        TokenBucket bucket = new TokenBucket();
        bucket.adopt(limits.rate, limits.burst);
        int early = 0;
        for (long i = 0; i < 60_000; i++) {
            early += bucket.take(1, T + i, bounds) ? 1 : 0;
            assertThat(bucket.historyEntries()).isLessThanOrEqualTo(HistoryBounds.ENTRIES_MIN);
            assertThat(bucket.memoryBytes()).isLessThan(24_000);
        }
        assertThat(early).isPositive();
        assertThat(bucket.isBeyondHistory(T + 50_000)).isTrue();
    }

    @Test
    void aBucketInTheOrderOfTimeTakesNoMemoryForEachSignal() {
        var threads = (com.sun.management.ThreadMXBean) java.lang.management.ManagementFactory.getThreadMXBean();
        Limits limits = new Limits(1_000_000, 2_000_000);
        TokenBucket bucket = new TokenBucket();
        bucket.adopt(limits.rate, limits.burst);
        HistoryBounds bounds = new HistoryBounds(1_000, HistoryBounds.ENTRIES_DEFAULT);
        int i = 0;
        for (; i < 200_000; i++) {
            bucket.has(1, T + i / 2);
            bucket.take(1, T + i / 2, bounds);
        }
        long before = threads.getThreadAllocatedBytes(Thread.currentThread().getId());
        for (; i < 400_000; i++) {
            bucket.has(1, T + i / 2);
            bucket.take(1, T + i / 2, bounds);
        }
        long allocated = threads.getThreadAllocatedBytes(Thread.currentThread().getId()) - before;
        assertThat(allocated).as("bytes for 200,000 signals").isLessThan(20_000);
    }
}
