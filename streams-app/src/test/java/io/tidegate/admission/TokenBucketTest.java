package io.tidegate.admission;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class TokenBucketTest {
    private static final long U32_MAX = 0xFFFF_FFFFL;
    private static final long T = 1_700_000_000_000L;

    @Test
    void ofTwoHundredSignalsAtOnceAtOneHundredASecondOneHundredPass() {
        Limited bucket = new Limited();
        assertThat(takeUpTo(200, bucket, 100, 200, T)).isEqualTo(100);
        assertThat(bucket.hasToken(100, 200, T)).isFalse();
    }

    @Test
    void afterOneOverRateSecondsExactlyOneMorePasses() {
        Limited bucket = new Limited();
        takeUpTo(200, bucket, 100, 200, T);
        assertThat(bucket.retryAfterMs(100, 200, T)).isEqualTo(10);
        assertThat(takeUpTo(5, bucket, 100, 200, T + 9)).isZero();
        assertThat(takeUpTo(5, bucket, 100, 200, T + 10)).isEqualTo(1);
    }

    @Test
    void savesUpToTwiceTheRateAndNoMore() {
        Limited bucket = new Limited();
        takeUpTo(100, bucket, 100, 200, T);
        assertThat(bucket.tokens(100, 200, T + 1_999)).isEqualTo(199);
        assertThat(bucket.tokens(100, 200, T + 2_000)).isEqualTo(200);
        assertThat(bucket.tokens(100, 200, T + 3_600_000)).isEqualTo(200);
        assertThat(takeUpTo(1_000, bucket, 100, 200, T + 3_600_000)).isEqualTo(200);
    }

    @Test
    void aNewBucketHoldsNoMoreThanASmallBurst() {
        assertThat(takeUpTo(200, new Limited(), 100, 30, T)).isEqualTo(30);
        assertThat(takeUpTo(200, new Limited(), 100, 0, T)).isZero();
    }

    @Test
    void aRateOfZeroGivesNothingAfterAnyTime() {
        Limited bucket = new Limited();
        assertThat(takeUpTo(10, bucket, 0, 0, T)).isZero();
        assertThat(takeUpTo(10, bucket, 0, 0, Long.MAX_VALUE)).isZero();
        Limited used = new Limited();
        takeUpTo(100, used, 100, 200, T);
        assertThat(takeUpTo(10, used, 0, 200, Long.MAX_VALUE)).isZero();
    }

    @Test
    void theLargestRateAndYearsOfIdlenessDoNotOverflow() {
        Limited bucket = new Limited();
        long burst = 2 * U32_MAX;
        bucket.take(U32_MAX, burst, 0);
        assertThat(bucket.tokens(U32_MAX, burst, 0)).isEqualTo(U32_MAX - 1);
        assertThat(bucket.tokens(U32_MAX, burst, 1_000)).isEqualTo(2 * U32_MAX - 1);
        for (long idleMs : new long[] {1_001, 86_400_000L, 100L * 365 * 86_400_000L, Long.MAX_VALUE}) {
            assertThat(bucket.tokens(U32_MAX, burst, idleMs))
                    .as("after %d ms", idleMs)
                    .isEqualTo(burst);
        }
        bucket.take(U32_MAX, burst, Long.MAX_VALUE);
        assertThat(bucket.tokens(U32_MAX, burst, Long.MAX_VALUE)).isEqualTo(burst - 1);
        assertThat(bucket.hasToken(U32_MAX, burst, 0)).isTrue();
    }

    @Test
    void theLevelCarriesOverAChangedConfigCappedAtTheNewSize() {
        Limited bucket = new Limited();
        takeUpTo(10, bucket, 100, 200, T);
        assertThat(bucket.tokens(100, 20, T)).isEqualTo(20);
        assertThat(bucket.tokens(1_000, 2_000, T)).isEqualTo(90);
        assertThat(takeUpTo(100, bucket, 100, 20, T)).isEqualTo(20);
        assertThat(takeUpTo(100, bucket, 100, 200, T)).isZero();
    }

    @Test
    void aResetBucketStartsOverWithOneSecondOfTokens() {
        Limited bucket = new Limited();
        takeUpTo(100, bucket, 100, 200, T);
        bucket.reset();
        assertThat(bucket.tokens(50, 100, T)).isEqualTo(50);
    }

    @Test
    void aLackOfTokensIsASpikeUntilBurstOverRateSecondsAfterItWasFull() {
        Limited bucket = new Limited();
        takeUpTo(100, bucket, 100, 200, T);
        assertThat(bucket.wasFullRecently(100, 200, T)).isTrue();
        for (long now = T; now <= T + 2_500; now += 10) {
            takeUpTo(1, bucket, 100, 200, now);
            assertThat(bucket.hasToken(100, 200, now)).isFalse();
            assertThat(bucket.wasFullRecently(100, 200, now))
                    .as("%d ms after the bucket was new", now - T)
                    .isEqualTo(now <= T + 2_000);
        }
        // After it has been idle until full, the next lack of tokens is a spike again.
        assertThat(takeUpTo(500, bucket, 100, 200, T + 10_000)).isEqualTo(200);
        assertThat(bucket.wasFullRecently(100, 200, T + 10_000)).isTrue();
        for (long now = T + 10_010; now <= T + 12_010; now += 10) {
            assertThat(takeUpTo(5, bucket, 100, 200, now)).isEqualTo(1);
        }
        assertThat(bucket.wasFullRecently(100, 200, T + 12_010)).isFalse();
    }

    @Test
    void aBucketThatWasOnlyPartlyRefilledWasNotFull() {
        Limited bucket = new Limited();
        takeUpTo(100, bucket, 100, 200, T);
        takeUpTo(500, bucket, 100, 200, T + 1_999);
        assertThat(bucket.wasFullRecently(100, 200, T + 2_001)).isFalse();
    }

    @Test
    void lookingChangesNothing() {
        Limited bucket = new Limited();
        takeUpTo(100, bucket, 100, 200, T);
        byte[] before = stored(bucket);
        bucket.hasToken(100, 200, T + 777);
        bucket.retryAfterMs(100, 200, T + 1);
        bucket.wasFullRecently(100, 200, T + 9_999);
        bucket.tokens(100, 20, T + 777);
        bucket.hasToken(100, 200, T - 777);
        assertThat(stored(bucket)).isEqualTo(before);
    }

    @Test
    void givesNoTokenFromAnEmptyBucket() {
        Limited bucket = new Limited();
        takeUpTo(1, bucket, 1, 1, T);
        assertThatIllegalStateException()
                .isThrownBy(() -> bucket.take(1, 1, T + 999))
                .withMessage("take without a token: level 0 thousandths");
    }

    /** A bucket in milli-tokens without overflow: {@code rate} tokens a second are {@code rate} milli-tokens a millisecond. */
    private static final class Oracle {
        private static final BigInteger TOKEN = BigInteger.valueOf(1_000);
        private BigInteger level = BigInteger.ZERO;
        private long refilledAtMs = -1;
        private long fullAtMs = -1;

        BigInteger levelAt(long rate, long burst, long nowMs) {
            BigInteger size = BigInteger.valueOf(burst).multiply(TOKEN);
            if (refilledAtMs < 0) {
                return BigInteger.valueOf(rate).multiply(TOKEN).min(size);
            }
            BigInteger elapsed = BigInteger.valueOf(nowMs)
                    .subtract(BigInteger.valueOf(refilledAtMs))
                    .max(BigInteger.ZERO);
            return level.min(size)
                    .add(BigInteger.valueOf(rate).multiply(elapsed))
                    .min(size);
        }

        boolean hasToken(long rate, long burst, long nowMs) {
            return levelAt(rate, burst, nowMs).compareTo(TOKEN) >= 0;
        }

        void take(long rate, long burst, long nowMs) {
            BigInteger now = levelAt(rate, burst, nowMs);
            boolean full = now.equals(BigInteger.valueOf(burst).multiply(TOKEN));
            if (full || refilledAtMs < 0) {
                fullAtMs = Math.max(fullAtMs, nowMs);
            }
            refilledAtMs = Math.max(refilledAtMs, nowMs);
            level = now.subtract(TOKEN);
        }

        /** elapsed ÷ 1000 ≤ burst ÷ rate, without dividing. */
        boolean wasFullRecently(long rate, long burst, long nowMs) {
            return BigInteger.valueOf(nowMs - fullAtMs)
                            .multiply(BigInteger.valueOf(rate))
                            .compareTo(BigInteger.valueOf(burst).multiply(TOKEN))
                    <= 0;
        }
    }

    @Timeout(600)
    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10})
    void agreesWithABigIntegerOracleThroughConfigChanges(long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        Limited bucket = new Limited();
        Oracle oracle = new Oracle();
        long now = random.nextBoolean() ? 0 : T;
        long rate = someRate(random);
        long burst = someBurst(random, rate);
        long changedAt = Long.MIN_VALUE / 2;
        for (int step = 0; step < 20_000; step++) {
            String at = "seed %d, step %d: rate %d, burst %d, now %d".formatted(seed, step, rate, burst, now);
            boolean has = oracle.hasToken(rate, burst, now);
            assertThat(bucket.hasToken(rate, burst, now)).as(at).isEqualTo(has && rate > 0 && burst > 0);
            assertThat(BigInteger.valueOf(bucket.tokens(rate, burst, now)))
                    .as(at)
                    .isEqualTo(oracle.levelAt(rate, burst, now).divide(Oracle.TOKEN));
            if (has && rate > 0 && burst > 0) {
                if (random.nextInt(8) != 0) {
                    bucket.take(rate, burst, now);
                    oracle.take(rate, burst, now);
                }
            } else if (rate > 0 && burst > 0) {
                long retryAfterMs = bucket.retryAfterMs(rate, burst, now);
                assertThat(retryAfterMs).as(at).isPositive();
                assertThat(oracle.hasToken(rate, burst, now + retryAfterMs))
                        .as(at)
                        .isTrue();
                assertThat(oracle.hasToken(rate, burst, now + retryAfterMs - 1))
                        .as(at)
                        .isFalse();
                assertThat(bucket.hasToken(rate, burst, now + retryAfterMs))
                        .as(at)
                        .isTrue();
                assertThat(bucket.hasToken(rate, burst, now + retryAfterMs - 1))
                        .as(at)
                        .isFalse();
                if ((now - changedAt) * (double) rate > burst * 1_000.0) {
                    // Before that, the past is judged by the new limits.
                    assertThat(bucket.wasFullRecently(rate, burst, now))
                            .as(at)
                            .isEqualTo(oracle.wasFullRecently(rate, burst, now));
                }
                if (random.nextInt(3) == 0) {
                    now += retryAfterMs;
                }
            }
            now += someStepMs(random);
            if (random.nextInt(200) == 0) {
                rate = someRate(random);
                burst = someBurst(random, rate);
                changedAt = now;
            }
            if (random.nextInt(500) == 0) {
                bucket = reread(bucket);
            }
        }
    }

    /** Invariant 3 of the design, for every pair of accepted signals and not only from the start. */
    @Timeout(600)
    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4, 5, 6})
    void inAnySpanOfTimeAtMostBurstPlusRateTimesTimeIsAccepted(long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        long rate = 1 + random.nextLong(500);
        long burst = random.nextBoolean() ? 2 * rate : 1 + random.nextLong(1_000);
        Limited bucket = new Limited();
        List<Long> acceptedAtMs = new ArrayList<>();
        long now = T;
        for (int step = 0; step < 4_000; step++) {
            if (bucket.hasToken(rate, burst, now)) {
                bucket.take(rate, burst, now);
                acceptedAtMs.add(now);
            }
            now += random.nextInt(100) == 0 ? random.nextInt(5_000) : random.nextInt(3);
        }
        assertThat(acceptedAtMs).as("seed %d", seed).hasSizeGreaterThan(10);
        long worstExcess = Long.MIN_VALUE;
        for (int from = 0; from < acceptedAtMs.size(); from++) {
            for (int to = from; to < acceptedAtMs.size(); to++) {
                long spanMs = acceptedAtMs.get(to) - acceptedAtMs.get(from);
                long accepted = to - from + 1L;
                worstExcess = Math.max(worstExcess, accepted * 1_000 - burst * 1_000 - rate * spanMs);
            }
        }
        assertThat(worstExcess)
                .as("seed %d: rate %d, burst %d: signals above burst + rate × t, in thousandths", seed, rate, burst)
                .isNotPositive();
    }

    private static long someRate(SplittableRandom random) {
        return switch (random.nextInt(6)) {
            case 0 -> 0;
            case 1 -> 1;
            case 2 -> U32_MAX - random.nextInt(3);
            case 3 -> 1 + random.nextLong(U32_MAX);
            default -> 1 + random.nextInt(300);
        };
    }

    private static long someBurst(SplittableRandom random, long rate) {
        return switch (random.nextInt(6)) {
            case 0 -> 0;
            case 1 -> 1;
            case 2 -> random.nextLong(U32_MAX + 1);
            case 3 -> 1 + random.nextInt(20);
            default -> 2 * rate;
        };
    }

    private static long someStepMs(SplittableRandom random) {
        return switch (random.nextInt(40)) {
            case 1 -> random.nextInt(100_000);
            case 2 -> random.nextInt(10) == 0 ? random.nextLong(100L * 365 * 86_400_000L) : 1;
            case 3, 4, 5, 6, 7 -> random.nextInt(20);
            default -> 0;
        };
    }

    private static long takeUpTo(int wanted, Limited bucket, long rate, long burst, long nowMs) {
        long taken = 0;
        for (int i = 0; i < wanted && bucket.hasToken(rate, burst, nowMs); i++) {
            bucket.take(rate, burst, nowMs);
            taken++;
        }
        return taken;
    }

    private static byte[] stored(Limited bucket) {
        ByteBuffer out = ByteBuffer.allocate(TokenBucket.BYTES + TokenBucket.HISTORY_BYTES);
        bucket.bucket.write(out);
        bucket.bucket.writeHistory(out);
        return out.array();
    }

    private static Limited reread(Limited bucket) {
        byte[] head = stored(bucket);
        bucket.bucket.writeRuns((id, run) -> {
            if (run == null) {
                bucket.runs.remove(id);
            } else {
                bucket.runs.put(id, run);
            }
        });
        Limited read = new Limited();
        ByteBuffer in = ByteBuffer.wrap(head);
        read.bucket.read(in);
        read.bucket.readHistory(in);
        bucket.runs.forEach(read.bucket::loadRun);
        read.bucket.loaded();
        read.runs.putAll(bucket.runs);
        assertThat(stored(read)).isEqualTo(head);
        return read;
    }

    /** The level that was carried over at the change counts from the newest acceptance on. */
    @Test
    void aLateSignalWaitsNoLongerThanUntilTheLevelThatALowerRateCarriedOver() {
        Limited bucket = new Limited();
        long endMs = T;
        for (int i = 0; i < 90 * 60; i++) {
            endMs = T + i * 1_000L / 90;
            bucket.take(100, 200, endMs);
        }

        long lateMs = endMs - 5;
        assertThat(bucket.hasToken(10, 20, lateMs)).isFalse();
        assertThat(bucket.retryAfterMs(10, 20, lateMs)).isEqualTo(5);
        assertThat(bucket.hasToken(10, 20, endMs)).isTrue();
    }

    @Test
    void anAcceptanceInTheFarFutureDoesNotMakeThePresentWaitForIt() {
        Limited bucket = new Limited();
        for (int i = 0; i < 10; i++) {
            bucket.take(10, 20, T);
        }
        long farMs = T + 1_000 * HistoryBounds.LATENESS_MS_DEFAULT;
        for (int i = 0; i < 20; i++) {
            bucket.take(10, 20, farMs);
        }

        assertThat(bucket.retryAfterMs(10, 20, T)).isEqualTo(100);
        assertThat(bucket.retryAfterMs(10, 20, farMs)).isEqualTo(100);
        assertThat(bucket.retryAfterMs(10, 20, farMs - 1))
                .as("its own lateness")
                .isEqualTo(101);
    }

    @Test
    void theTokensAreThereAfterTheWaitAndNotBeforeIt() {
        long seed = Long.getLong("tidegate.fuzz.seed", 17);
        SplittableRandom random = new SplittableRandom(seed);
        HistoryBounds bounds = new HistoryBounds(300, HistoryBounds.ENTRIES_MIN);
        int late = 0;
        int far = 0;
        for (int round = 0; round < 300; round++) {
            TokenBucket bucket = new TokenBucket();
            long rate = random.nextLong(5, 45);
            bucket.adopt(rate, 1 + random.nextInt(20));
            for (int step = 0; step < 60; step++) {
                long now = T + random.nextInt(600) + (random.nextInt(20) == 0 ? 3_000 : 0);
                if (bucket.has(1, now)) {
                    bucket.take(1, now, bounds);
                    continue;
                }
                String at = "seed %d, round %d, step %d, now %d".formatted(seed, round, step, now - T);
                long horizon = now + 300;
                long retryAfterMs = bucket.retryAfterMs(1, now, horizon);
                long found = now + retryAfterMs;
                assertThat(bucket.has(1, found)).as(at).isTrue();
                assertThat(bucket.has(1, found - 1)).as(at).isFalse();
                for (long later = found; !bucket.isLate(found) && later <= T + 6_000; later++) {
                    assertThat(bucket.has(1, later)).as("%s, %d", at, later - T).isTrue();
                }
                late += bucket.isLate(now) ? 1 : 0;
                far += bucket.isLate(horizon) && found <= horizon ? 1 : 0;
            }
        }
        assertThat(late).as("seed %d", seed).isPositive();
        assertThat(far).as("seed %d", seed).isPositive();
    }

    /** A bucket whose limits are adopted with each call. */
    private static final class Limited {
        private final TokenBucket bucket = new TokenBucket();
        private final Map<Integer, byte[]> runs = new TreeMap<>();

        boolean hasToken(long rate, long burst, long nowMs) {
            if (rate == 0 || burst == 0) {
                return false;
            }
            bucket.adopt(rate, burst);
            return bucket.has(1, nowMs);
        }

        void take(long rate, long burst, long nowMs) {
            bucket.adopt(rate, burst);
            bucket.take(1, nowMs, HistoryBounds.DEFAULT);
        }

        long retryAfterMs(long rate, long burst, long nowMs) {
            bucket.adopt(rate, burst);
            return bucket.retryAfterMs(1, nowMs, nowMs + HistoryBounds.LATENESS_MS_DEFAULT);
        }

        boolean wasFullRecently(long rate, long burst, long nowMs) {
            bucket.adopt(rate, burst);
            return bucket.wasFullRecently(nowMs);
        }

        long tokens(long rate, long burst, long nowMs) {
            return bucket.tokens(rate, burst, nowMs);
        }

        void reset() {
            bucket.reset();
        }
    }
}
