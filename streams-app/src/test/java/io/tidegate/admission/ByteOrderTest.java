package io.tidegate.admission;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The rules of {@link ReadOrderTest} for signals of different sizes and a bucket of bytes. */
@Timeout(600)
class ByteOrderTest {
    private static final long T = 1_700_000_000_000L;
    private static final int SPAN_MS = 50_000;

    private record Sized(long atMs, int bytes) {}

    private static LongStream seeds() {
        return LongStream.rangeClosed(1, 40);
    }

    private final Map<Integer, byte[]> chunks = new TreeMap<>();
    private TokenBucket bucket = new TokenBucket(true);

    private boolean accepts(Sized signal) {
        if (!bucket.has(signal.bytes, signal.atMs)) {
            return false;
        }
        bucket.take(signal.bytes, signal.atMs, HistoryBounds.DEFAULT);
        return true;
    }

    /** Writes the whole state, and reads it into a new bucket. */
    private void restart() {
        ByteBuffer out = ByteBuffer.allocate(TokenBucket.BYTES + TokenBucket.HISTORY_BYTES);
        bucket.write(out);
        bucket.writeHistory(out);
        bucket.writeRuns((id, chunk) -> {
            if (chunk == null) {
                chunks.remove(id);
            } else {
                chunks.put(id, chunk);
            }
        });
        out.flip();
        bucket = new TokenBucket(true);
        bucket.read(out);
        bucket.readHistory(out);
        chunks.forEach(bucket::loadRun);
        bucket.loaded();
    }

    private static List<Sized> traffic(SplittableRandom random, long rate, long burst, double load) {
        List<Sized> signals = new ArrayList<>();
        long bytes = 0;
        while (bytes < load * rate * SPAN_MS / 1_000 && signals.size() < 20_000) {
            long largest = random.nextInt(10) == 0 ? burst : Math.max(1, burst / 20);
            Sized one = new Sized(T + random.nextInt(SPAN_MS), (int) (1 + random.nextLong(largest)));
            signals.add(one);
            bytes += one.bytes;
        }
        return signals;
    }

    /** The signals that a plain bucket, full at the beginning, accepts in the order of time. */
    private static List<Sized> fitting(List<Sized> signals, long rate, long burst) {
        List<Sized> sorted = new ArrayList<>(signals);
        sorted.sort(Comparator.comparingLong(Sized::atMs));
        List<Sized> fit = new ArrayList<>();
        long size = burst * 1_000;
        long level = size;
        long beforeMs = T;
        for (Sized one : sorted) {
            level = Math.min(size, level + (one.atMs - beforeMs) * rate);
            beforeMs = one.atMs;
            if (level >= one.bytes * 1_000L) {
                level -= one.bytes * 1_000L;
                fit.add(one);
            }
        }
        return fit;
    }

    private static void shuffle(SplittableRandom random, List<Sized> signals) {
        for (int i = signals.size() - 1; i > 0; i--) {
            int other = random.nextInt(i + 1);
            Sized one = signals.get(i);
            signals.set(i, signals.get(other));
            signals.set(other, one);
        }
    }

    @ParameterizedTest
    @MethodSource("seeds")
    void signalsThatFitInOrderAreAcceptedInEveryOrder(long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        long rate = 100 + random.nextLong(20_000);
        long burst = Math.max(1, rate / 2) + random.nextLong(4 * rate);
        List<Sized> signals = fitting(traffic(random, rate, burst, 0.3 + 2 * random.nextDouble()), rate, burst);
        shuffle(random, signals);
        bucket.adopt(rate, burst);
        assertThat(accepts(new Sized(T - 1_000_000, 1))).isTrue();
        for (Sized signal : signals) {
            assertThat(accepts(signal))
                    .as("seed %d, rate %d, burst %d: %s", seed, rate, burst, signal)
                    .isTrue();
            if (random.nextInt(200) == 0) {
                restart();
            }
        }
    }

    @ParameterizedTest
    @MethodSource("seeds")
    void noIntervalHasMoreBytesThanBurstAndRateAllow(long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        long rate = 100 + random.nextLong(20_000);
        long burst = Math.max(1, rate / 2) + random.nextLong(4 * rate);
        List<Sized> signals = traffic(random, rate, burst, 4);
        shuffle(random, signals);
        bucket.adopt(rate, burst);
        List<Sized> accepted = new ArrayList<>();
        for (Sized signal : signals) {
            if (accepts(signal)) {
                accepted.add(signal);
            }
            if (random.nextInt(200) == 0) {
                restart();
            }
        }
        accepted.sort(Comparator.comparingLong(Sized::atMs));
        long excess = 0;
        long beforeMs = T;
        for (Sized one : accepted) {
            excess = Math.max(0, excess - (one.atMs - beforeMs) * rate) + one.bytes * 1_000L;
            beforeMs = one.atMs;
            assertThat(excess)
                    .as("seed %d, rate %d, burst %d, up to %d", seed, rate, burst, one.atMs)
                    .isLessThanOrEqualTo(burst * 1_000);
        }
        assertThat(accepted).isNotEmpty();
    }

    @ParameterizedTest
    @MethodSource("seeds")
    void retryAfterIsTheTimeFromWhichALateSignalPasses(long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        long rate = 100 + random.nextLong(20_000);
        long burst = rate + random.nextLong(4 * rate);
        bucket.adopt(rate, burst);
        List<Sized> signals = traffic(random, rate, burst, 2);
        for (Sized signal : signals) {
            if (accepts(signal)) {
                continue;
            }
            String as = "seed %d, rate %d, burst %d: %s".formatted(seed, rate, burst, signal);
            long passes = signal.atMs
                    + bucket.retryAfterMs(signal.bytes, signal.atMs, signal.atMs + HistoryBounds.LATENESS_MS_DEFAULT);
            assertThat(bucket.has(signal.bytes, passes - 1)).as(as).isFalse();
            for (long later = passes; later < passes + 3_000; later += 1 + random.nextInt(100)) {
                assertThat(bucket.has(signal.bytes, later)).as(as).isTrue();
            }
        }
    }

    @Test
    void aLargeSignalThatIsReadAfterLaterOnesPassesAsItWouldInOrder() {
        bucket.adopt(1_000, 2_000);
        assertThat(accepts(new Sized(T + 1_000, 500))).isTrue();
        assertThat(accepts(new Sized(T, 1_500))).isTrue();
        assertThat(accepts(new Sized(T - 100, 800))).isFalse();
        assertThat(accepts(new Sized(T + 1_000, 501))).isFalse();
        restart();
        assertThat(accepts(new Sized(T + 1_000, 500))).isTrue();
    }
}
