package io.tidegate.admission;

import io.tidegate.signal.Signal;
import io.tidegate.tenant.TenantConfig;
import io.tidegate.tenant.TenantConfigJson;
import io.tidegate.tenant.TenantId;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;

/**
 * One decision with all its checks (blocked, region, storage, rate, three known entities), for each tenant in turn.
 *
 * <p>The state of few tenants fits into the processor's caches, that of many does not. Each tenant has its own config.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@SuppressWarnings("NullAway.Init") // JMH calls setUp before anything else
public class DecisionBenchmark {
    /** A power of two. */
    private static final int SIGNALS = 1024;

    private static final int ENTITIES_PER_KIND = 333;
    private static final String[] TYPES = {"view", "click", "buy"};

    @Param({"1", "1000"})
    private int tenants;

    private final Admission admission = new Admission(null);
    private final SipHash128 hash = new SipHash128();
    private TenantUsage[] usages;
    private TenantUsage[] limitedUsages;
    private TenantConfig[] accepting;
    private TenantConfig[] rejecting;
    private TenantConfig[] limited;
    private TenantConfig[] idle;
    private Signal[] signals;
    private int next;
    private int tenant;
    private long nowMs = 1_000_000;

    @Setup
    public void setUp() {
        accepting = configs(() -> config(1_000_000_000));
        rejecting = configs(() -> config(0));
        limited = configs(DecisionBenchmark::allLimits);
        idle = configs(() -> config(1_000_000_000).toBuilder()
                .entityIdleTtl(Duration.ofMillis(65_536))
                .build());
        signals = new Signal[SIGNALS];
        for (int i = 0; i < SIGNALS; i++) {
            int id = i % ENTITIES_PER_KIND;
            signals[i] =
                    new Signal(TenantId.of(1), TYPES[i % TYPES.length], "item-" + id, "user-" + id, "creator-" + id);
        }
        usages = usages(accepting);
        limitedUsages = usages(limited);
    }

    private TenantConfig[] configs(Supplier<TenantConfig> one) {
        return Stream.generate(one).limit(tenants).toArray(TenantConfig[]::new);
    }

    private TenantUsage[] usages(TenantConfig[] configs) {
        TenantUsage[] all = new TenantUsage[tenants];
        for (int i = 0; i < tenants; i++) {
            all[i] = TenantUsage.fresh(i * 31L, 17);
            for (Signal signal : signals) {
                admission.admit(configs[i], all[i], signal, 100, 0);
            }
        }
        return all;
    }

    /** All limits, each so high that every signal passes. */
    private static TenantConfig allLimits() {
        String json = """
                {"tenant_id":1,"max_signals_per_sec":1000000000,"max_entities":1000000,"max_storage_bytes":1000000000000,
                 "max_bytes_per_sec":100000000000,"max_signal_bytes":65536,
                 "periods":[{"per":"hour","max_signals":1000000000000000,"max_bytes":1000000000000000000},
                  {"per":"day","max_signals":1000000000000000,"max_bytes":1000000000000000000},
                  {"per":"month","max_signals":1000000000000000,"max_bytes":1000000000000000000}],
                 "signals":{"view":{"max_signals_per_sec":1000000000},"click":{"max_signals_per_sec":1000000000},
                  "buy":{"max_signals_per_sec":1000000000}},
                 "max_items":1000000,"max_users":1000000,"max_creators":1000000}
                """;
        return TenantConfigJson.parse(json.getBytes(StandardCharsets.US_ASCII));
    }

    private static TenantConfig config(long ratePerSec) {
        String json =
                "{\"tenant_id\":1,\"max_signals_per_sec\":%d,\"max_entities\":1000000,\"max_storage_bytes\":1000000000000}"
                        .formatted(ratePerSec);
        return TenantConfigJson.parse(json.getBytes(StandardCharsets.US_ASCII));
    }

    private Decision next(TenantConfig[] configs, TenantUsage[] of, long atMs) {
        tenant = tenant + 1 == tenants ? 0 : tenant + 1;
        return admission.admit(configs[tenant], of[tenant], nextSignal(), 100, atMs);
    }

    private Signal nextSignal() {
        // An odd step, so that the same signal does not always meet the same tenant.
        next = (next + 7) & SIGNALS - 1;
        return signals[next];
    }

    @Benchmark
    public Decision accepted() {
        return next(accepting, usages, 1_000);
    }

    /** Signals arrive in order of time, 1,000 a second: the history grows at one end and is folded at the other. */
    @Benchmark
    public Decision acceptedAsTimePasses() {
        return next(accepting, usages, nowMs++);
    }

    /** Every third signal is 50 s late, as in a backlog whose partitions are read at different positions. */
    @Benchmark
    public Decision acceptedLate() {
        nowMs++;
        return next(accepting, usages, nowMs % 3 == 0 ? nowMs - 50_000 : nowMs);
    }

    /** Like {@link #accepted}, with a limit of every kind. The design allows 30 % more time than {@link #accepted}. */
    @Benchmark
    public Decision acceptedWithAllLimits() {
        return next(limited, limitedUsages, 1_000);
    }

    /** Like {@link #acceptedAsTimePasses}, with a limit of every kind. */
    @Benchmark
    public Decision acceptedWithAllLimitsAsTimePasses() {
        return next(limited, limitedUsages, nowMs++);
    }

    /** With an {@code entity_idle_ttl} of 65 s: after 4,096 signals, each entity is named again in a newer granule. */
    @Benchmark
    public Decision acceptedWithIdleTtl() {
        Decision decision = next(idle, usages, nowMs++);
        // The benchmark does not store the chunks. Releasing them keeps the log at its minimum length.
        usages[tenant].entities().release();
        return decision;
    }

    @Benchmark
    public Decision rejected() {
        return next(rejecting, usages, 1_000);
    }

    /** The keyed hashes of the entities alone, which are a part of {@link #accepted}. */
    @Benchmark
    public long hashes() {
        tenant = tenant + 1 == tenants ? 0 : tenant + 1;
        TenantUsage usage = usages[tenant];
        Signal signal = nextSignal();
        long all = 0;
        for (EntityKind kind : EntityKind.ALL) {
            usage.hash(hash, kind, kind.idsIn(signal).get(0));
            all ^= hash.high() ^ hash.low();
        }
        return all;
    }
}
