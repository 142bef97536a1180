package io.tidegate.admission;

import com.google.common.util.concurrent.RateLimiter;
import io.github.bucket4j.Bandwidth;
import io.github.bucket4j.Bucket;
import io.github.bucket4j.local.SynchronizationStrategy;
import io.github.resilience4j.ratelimiter.RateLimiterConfig;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;

/**
 * Compares Tidegate's bucket with those of common libraries: taking one token, and asking for one when there is none.
 *
 * <p>Callers pass the time to Tidegate's bucket. One benchmark adds a read of the clock, because the libraries read it
 * themselves. Their limits are so high that a token is always available or, for the failing case, so low that none is.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@SuppressWarnings("NullAway.Init") // JMH calls setUp before anything else
public class TokenBucketBenchmark {
    private static final long RATE_PER_SEC = 500_000_000;
    private static final long BURST = 2 * RATE_PER_SEC;
    private static final long LITTLE_PER_SEC = 1;

    private TokenBucket own;
    private TokenBucket ownEmpty;
    private long nowMs;
    private Bucket bucket4jLockFree;
    private Bucket bucket4jUnsynchronised;
    private Bucket bucket4jEmpty;
    private RateLimiter guava;
    private io.github.resilience4j.ratelimiter.RateLimiter resilience4j;

    @Setup
    public void setUp() {
        own = new TokenBucket();
        ownEmpty = new TokenBucket();
        own.adopt(RATE_PER_SEC, BURST);
        ownEmpty.adopt(LITTLE_PER_SEC, LITTLE_PER_SEC);
        ownEmpty.take(1, 0, HistoryBounds.DEFAULT);
        bucket4jLockFree = bucket4j(RATE_PER_SEC, SynchronizationStrategy.LOCK_FREE);
        bucket4jUnsynchronised = bucket4j(RATE_PER_SEC, SynchronizationStrategy.NONE);
        bucket4jEmpty = Bucket.builder()
                .addLimit(Bandwidth.builder()
                        .capacity(1)
                        .refillGreedy(1, Duration.ofDays(365))
                        .initialTokens(0)
                        .build())
                .withSynchronizationStrategy(SynchronizationStrategy.NONE)
                .build();
        guava = RateLimiter.create(RATE_PER_SEC);
        resilience4j = io.github.resilience4j.ratelimiter.RateLimiter.of(
                "benchmark",
                RateLimiterConfig.custom()
                        .limitForPeriod((int) RATE_PER_SEC)
                        .limitRefreshPeriod(Duration.ofSeconds(1))
                        .timeoutDuration(Duration.ZERO)
                        .build());
    }

    private static Bucket bucket4j(long ratePerSec, SynchronizationStrategy synchronization) {
        return Bucket.builder()
                .addLimit(Bandwidth.builder()
                        .capacity(2 * ratePerSec)
                        .refillGreedy(ratePerSec, Duration.ofSeconds(1))
                        .build())
                .withSynchronizationStrategy(synchronization)
                .build();
    }

    @Benchmark
    public boolean own() {
        // One millisecond for every 256 signals, as record time advances at that rate.
        nowMs++;
        boolean has = own.has(1, nowMs >>> 8);
        if (has) {
            own.take(1, nowMs >>> 8, HistoryBounds.DEFAULT);
        }
        return has;
    }

    @Benchmark
    public boolean ownWithClock() {
        long now = System.nanoTime() / 1_000_000;
        boolean has = own.has(1, now);
        if (has) {
            own.take(1, now, HistoryBounds.DEFAULT);
        }
        return has;
    }

    @Benchmark
    public long ownEmpty() {
        return ownEmpty.has(1, 1) ? 0 : ownEmpty.retryAfterMs(1, 1, 1 + HistoryBounds.LATENESS_MS_DEFAULT);
    }

    @Benchmark
    public boolean bucket4jLockFree() {
        return bucket4jLockFree.tryConsume(1);
    }

    @Benchmark
    public boolean bucket4jUnsynchronised() {
        return bucket4jUnsynchronised.tryConsume(1);
    }

    @Benchmark
    public long bucket4jEmpty() {
        return bucket4jEmpty.tryConsumeAndReturnRemaining(1).getNanosToWaitForRefill();
    }

    @Benchmark
    public boolean guava() {
        return guava.tryAcquire();
    }

    @Benchmark
    public boolean resilience4j() {
        return resilience4j.acquirePermission();
    }
}
