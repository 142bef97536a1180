package io.tidegate.admission;

import io.tidegate.signal.Signal;
import io.tidegate.tenant.TenantConfig;
import io.tidegate.tenant.TenantId;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;

/**
 * The cost of a signal for a tenant with an {@code entity_idle_ttl} when very many entities have expired at once. The percentiles
 * show whether expiry stalls the task. The stored chunks are in memory, so the benchmark measures only the work on the set.
 *
 * <p>{@code entities} of one generation expire before the first measured signal. Each signal then names a known entity and a
 * new one, so that it sweeps and collects its part. Every thousandth signal starts another generation. Each iteration first
 * fills the set, which takes many seconds: run {@code benchmarks/micro --quick IdleEntities}.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.SampleTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@SuppressWarnings("NullAway.Init") // JMH calls setUp before anything else
public class IdleEntitiesBenchmark {
    private static final long TTL_MS = Duration.ofDays(30).toMillis();
    private static final int SIGNALS_OF_A_GENERATION = 1_000;

    @Param({"10000000"})
    private int entities;

    private final Admission admission = new Admission(null);
    private final TenantConfig config = TenantConfig.unlimited(TenantId.of(1), "").toBuilder()
            .entityIdleTtl(Duration.ofMillis(TTL_MS))
            .build();
    private final Map<Integer, byte[]> chunks = new HashMap<>();
    private TenantUsage usage;
    private long nowMs;
    private long signals;

    @Setup(Level.Iteration)
    public void setUp() {
        usage = TenantUsage.fresh(1, 2);
        chunks.clear();
        nowMs = TTL_MS;
        for (int i = 0; i < entities; i++) {
            decide(new Signal(null, "old-" + i, null, null));
        }
        nowMs += TTL_MS;
        decide(new Signal(null, "known", null, null));
        nowMs += TTL_MS / 16;
    }

    @Benchmark
    public Decision signalAfterAllHaveExpired() {
        signals++;
        if (signals % SIGNALS_OF_A_GENERATION == 0) {
            nowMs += TTL_MS / 16;
        }
        return decide(new Signal(null, "known", "new-" + signals, null));
    }

    private Decision decide(Signal signal) {
        Decision decision = admission.admit(config, usage, signal, 100, nowMs);
        EntitySet set = usage.entities();
        set.writeFull(chunks::put);
        for (int due = set.dueChunk(); due >= 0; due = set.dueChunk()) {
            set.collect(chunks.remove(due));
            set.writeFull(chunks::put);
        }
        return decision;
    }
}
