package io.tidegate.admission;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidegate.admission.Decision.Accepted;
import io.tidegate.admission.Decision.Rejected;
import io.tidegate.admission.QuotaWatch.Crossing;
import io.tidegate.admission.QuotaWatch.Quota;
import io.tidegate.signal.Signal;
import io.tidegate.tenant.SignalLimit;
import io.tidegate.tenant.TenantConfig;
import io.tidegate.tenant.TenantConfig.Mode;
import io.tidegate.tenant.TenantId;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.Random;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Limits of single values of {@code signal}. */
class SignalTypesTest {
    private static final long T = 1_700_000_000_000L;
    private static final SignalLimit TEN = new SignalLimit(10L, 20L);

    private final Admission admission = new Admission(null);
    private final TenantUsage usage = TenantUsage.fresh(1, 2);

    private static TenantConfig config(Map<String, SignalLimit> limits) {
        return TenantConfig.unlimited(TenantId.of(42), "").toBuilder()
                .signals(limits)
                .build();
    }

    private static Signal of(@Nullable String type) {
        return new Signal(null, type, List.of(), List.of(), List.of());
    }

    private Decision decide(TenantConfig config, @Nullable String type, long atMs) {
        return admission.admit(config, usage, of(type), 100, atMs);
    }

    private int accepted(TenantConfig config, @Nullable String type, long atMs, int signals) {
        int accepted = 0;
        for (int i = 0; i < signals; i++) {
            accepted += decide(config, type, atMs) instanceof Accepted ? 1 : 0;
        }
        return accepted;
    }

    private static QuotaExceeded quota(Decision decision) {
        assertThat(decision).isInstanceOf(Rejected.class);
        return ((Rejected) decision).quota();
    }

    @Test
    void eachValueWithALimitHasABucketOfItsOwnAndOthersHaveNone() {
        TenantConfig config = config(Map.of("click", TEN, "view", new SignalLimit(3L, null)));
        assertThat(accepted(config, "click", T, 50)).as("a second of tokens").isEqualTo(10);
        assertThat(accepted(config, "view", T, 50)).isEqualTo(3);
        assertThat(accepted(config, "buy", T, 50)).isEqualTo(50);
        assertThat(accepted(config, "Click", T, 50)).as("another value").isEqualTo(50);
        assertThat(accepted(config, null, T, 50)).isEqualTo(50);
        assertThat(accepted(config, "click", T + 10_000, 50)).as("the burst").isEqualTo(20);
        assertThat(accepted(config, "view", T + 10_000, 50)).as("2 × the rate").isEqualTo(6);
    }

    @Test
    void theReasonNamesTheValueTheLimitAndTheExactDelay() {
        TenantConfig config = config(Map.of("click", TEN));
        accepted(config, "click", T, 10);
        QuotaExceeded quota = quota(decide(config, "click", T + 30));
        assertThat(quota.reason()).isEqualTo(Reason.SIGNAL_RATE_LIMITED);
        assertThat(quota.signal()).isEqualTo("click");
        assertThat(quota.limit()).isEqualTo(OptionalLong.of(10));
        assertThat(quota.message()).isEqualTo("rate of signals 'click' above 10 per second");
        assertThat(quota.retryAfterMs()).isEqualTo(OptionalLong.of(70));
        assertThat(decide(config, "click", T + 99)).isInstanceOf(Rejected.class);
        assertThat(decide(config, "click", T + 100)).isInstanceOf(Accepted.class);
    }

    @ParameterizedTest
    @ValueSource(strings = {"rate", "burst"})
    void aLimitOfZeroRejectsEachOneAndNamesNoDelay(String which) {
        TenantConfig config =
                config(Map.of("click", which.equals("rate") ? new SignalLimit(0L, 5L) : new SignalLimit(5L, 0L)));
        QuotaExceeded quota = quota(decide(config, "click", T));
        assertThat(quota.reason()).isEqualTo(Reason.SIGNAL_RATE_LIMITED);
        assertThat(quota.message()).isEqualTo("the limit of signals 'click' is 0: every one is rejected");
        assertThat(quota.retryAfterMs()).isEmpty();
        assertThat(decide(config, "view", T)).isInstanceOf(Accepted.class);
    }

    @Test
    void theTenantsOwnLimitsComeFirstAndTheDelayIsThatOfAllBuckets() {
        TenantConfig config = config(Map.of("click", new SignalLimit(1L, 1L))).toBuilder()
                .maxSignalsPerSec(10L)
                .maxBytesPerSec(BigInteger.valueOf(1_000))
                .build();
        assertThat(decide(config, "click", T)).isInstanceOf(Accepted.class);
        accepted(config, "view", T, 9);
        QuotaExceeded quota = quota(decide(config, "click", T));
        assertThat(quota.reason()).isEqualTo(Reason.BURST_EXCEEDED);
        assertThat(quota.retryAfterMs())
                .as("the bucket of click is the last to have a token")
                .isEqualTo(OptionalLong.of(1_000));
        assertThat(quota(decide(config, "view", T)).retryAfterMs()).isEqualTo(OptionalLong.of(100));
    }

    @Test
    void aRejectedSignalTakesNoTokenOfAnyBucket() {
        TenantConfig config = config(Map.of("click", new SignalLimit(5L, 5L))).toBuilder()
                .maxSignalsPerSec(10L)
                .maxItems(BigInteger.ZERO)
                .build();
        Signal withItem = new Signal(null, "click", List.of("item"), List.of(), List.of());
        for (int i = 0; i < 50; i++) {
            assertThat(quota(admission.admit(config, usage, withItem, 100, T)).reason())
                    .isEqualTo(Reason.ENTITY_LIMIT);
        }
        assertThat(accepted(config, "click", T, 50)).isEqualTo(5);
        assertThat(usage.tokens(config, T))
                .as("those that click did not let pass")
                .isEqualTo(5);
    }

    @Test
    void observeModeCountsAndAccepts() {
        TenantConfig config =
                config(Map.of("click", TEN)).toBuilder().mode(Mode.OBSERVE).build();
        assertThat(accepted(config, "click", T, 15)).isEqualTo(15);
        assertThat(usage.observedCount(Reason.SIGNAL_RATE_LIMITED)).isEqualTo(5);
        assertThat(usage.rejectedCount(Reason.SIGNAL_RATE_LIMITED)).isZero();
    }

    /** Invariant 6: signals that fit in the order of time are accepted in every order of reading. */
    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4, 5})
    void lateSignalsAreJudgedAtTheirOwnTimeAlsoAcrossACrash(long seed) {
        TenantConfig config = config(Map.of("click", TEN, "view", TEN));
        List<long[]> signals = new ArrayList<>();
        for (int i = 0; i < 300; i++) {
            signals.add(new long[] {T + i * 100L, i % 2});
            signals.add(new long[] {T + i * 100L, (i + 1) % 2});
        }
        Collections.shuffle(signals, new Random(seed));
        TenantUsage current = usage;
        int step = 0;
        for (long[] signal : signals) {
            Decision decision = admission.admit(config, current, of(signal[1] == 0 ? "click" : "view"), 100, signal[0]);
            assertThat(decision).as("seed %d, step %d", seed, step).isInstanceOf(Accepted.class);
            current = ++step % 50 == 0 ? reread(current, new HashMap<>()) : current;
        }
    }

    @Test
    void theHistoryOfARemovedLimitIsDeletedAndItsSlotIsUsedAgain() {
        Map<Bucket, Map<Integer, byte[]>> stored = new HashMap<>();
        TenantUsage current = usage;
        for (int round = 0; round < 40; round++) {
            TenantConfig config = config(Map.of("type" + round, TEN, "always", TEN));
            for (String type : config.signals().keySet()) {
                for (int i = 0; i < 12; i++) {
                    admission.admit(config, current, of(type), 100, T + round * 60_000L);
                }
            }
            assertThat(current.signalTokens("type" + round, TEN, T + round * 60_000L))
                    .as("round %d", round)
                    .isZero();
            if (round % 3 == 0) {
                current = reread(current, stored);
                assertThat(stored.values().stream().filter(chunks -> !chunks.isEmpty()))
                        .as("round %d: chunks of two buckets", round)
                        .hasSize(2);
            }
        }
        assertThat(current.signalTokens("type3", TEN, T)).as("a new bucket").isEqualTo(10);
    }

    @Test
    void asManyLimitsAsThereCanBeAreReplacedByAsManyOthers() {
        for (String round : List.of("a", "b")) {
            Map<String, SignalLimit> limits = new TreeMap<>();
            for (int i = 0; i < TenantConfig.SIGNALS_MAX; i++) {
                limits.put(round + i, TEN);
            }
            TenantConfig config = config(limits);
            limits.keySet()
                    .forEach(type ->
                            assertThat(accepted(config, type, T, 30)).as(type).isEqualTo(10));
        }
        byte[] stored = usage.write();
        assertThat(TenantUsage.read(stored).write()).isEqualTo(stored);
    }

    /** A build that does not know limits of signals keeps their sections, and accepts without them. */
    @Test
    void anOlderBuildThatAcceptedInBetweenLeavesOnlyTheNewestLevel() {
        TenantConfig config = config(Map.of("click", TEN));
        accepted(config, "click", T, 10);
        byte[] stored = usage.write();
        // The next sequence number is the first field of the first section.
        ByteBuffer.wrap(stored).putLong(1 + 3, 11);
        TenantUsage read = TenantUsage.read(stored);
        Bucket bucket = Bucket.ALL.get(2);
        assertThat(read.isStoredHistoryStale(bucket)).isTrue();
        assertThat(read.signalTokens("click", TEN, T + 500)).isEqualTo(5);
        assertThat(admission.admit(config, read, of("click"), 100, T + 500)).isInstanceOf(Accepted.class);
    }

    @Test
    void aLevelIsReportedForEachValueAndLeftWhenItsLimitIsRemoved() {
        TenantConfig config = config(Map.of("click", TEN, "view", TEN));
        List<Crossing> found = new ArrayList<>();
        for (int i = 0; i <= 85; i++) {
            decide(config, "click", T + i * 117L);
            found.addAll(usage.watch().look(config, usage));
        }
        decide(config, "click", T + 10_000);
        found.addAll(usage.watch().look(config, usage));
        assertThat(found).containsExactly(new Crossing(Quota.SIGNAL_RATE, 0, 80, 86, 86, 100, "click"));
        assertThat(QuotaUse.signalRatePercent(usage, "click", T + 10_000)).isEqualTo(80);
        assertThat(QuotaUse.percent(usage, config, T + 10_000)).isEqualTo(80);
        TenantUsage read = reread(usage, new HashMap<>());
        assertThat(QuotaUse.signalRatePercent(read, "click", T + 10_000)).isEqualTo(80);

        TenantConfig without = config(Map.of("view", TEN));
        admission.admit(without, read, of("buy"), 100, T + 10_001);
        assertThat(read.watch().look(without, read))
                .containsExactly(new Crossing(Quota.SIGNAL_RATE, 80, 0, 0, 0, -1, "click"));
        assertThat(read.watch().look(without, read)).isEmpty();
    }

    @Test
    void rejectionsForTheValueAloneCountAsWanted() {
        TenantConfig config = config(Map.of("click", new SignalLimit(0L, null)));
        decide(config, "click", T);
        decide(config, "click", T + 10_000);
        assertThat(usage.watch().look(config, usage))
                .containsExactly(new Crossing(Quota.SIGNAL_RATE, 0, 100, 100, 1, 0, "click"));
    }

    @Test
    void writesAndReadsTheGoldenFile() throws IOException {
        TenantConfig config = config(Map.of("click", TEN, "Käufe", new SignalLimit(5L, null)));
        accepted(config, "click", T, 7);
        accepted(config, "Käufe", T + 1, 9);
        accepted(config, "click", T + 10_000, 2);
        usage.watch().look(config, usage);
        String golden = Golden.hex("tenant-usage-v3-signals.hex");
        assertThat(HexFormat.of().formatHex(usage.write())).isEqualTo(golden);
        TenantUsage read = TenantUsage.read(HexFormat.of().parseHex(golden));
        assertThat(read.signalTokens("click", TEN, T + 10_000)).isEqualTo(18);
        assertThat(read.signalTokens("Käufe", config.signals().get("Käufe"), T + 1))
                .isZero();
        assertThat(read.rejectedCount(Reason.SIGNAL_RATE_LIMITED)).isEqualTo(4);
        assertThat(HexFormat.of().formatHex(read.write())).isEqualTo(golden);
    }

    /** The limit of a type costs a bucket, and nothing for each decision. */
    @Test
    void aDecisionWithALimitOfItsTypeAllocatesNoMoreThanOneWithout() {
        TenantConfig with = config(Map.of("click", new SignalLimit(1_000_000_000L, null), "view", TEN));
        long without = allocated(config(Map.of()), TenantUsage.fresh(1, 2));
        assertThat(allocated(with, TenantUsage.fresh(1, 2)) - without)
                .as("bytes for 10,000 decisions")
                .isLessThan(10_000);
    }

    private long allocated(TenantConfig config, TenantUsage of) {
        var threads = (com.sun.management.ThreadMXBean) ManagementFactory.getThreadMXBean();
        Signal click = of("click");
        long before = 0;
        for (int round = 0; round < 2; round++) {
            before = threads.getCurrentThreadAllocatedBytes();
            for (int i = 0; i < 10_000; i++) {
                admission.admit(config, of, click, 100, T);
            }
        }
        return threads.getCurrentThreadAllocatedBytes() - before;
    }

    @Test
    void aTenantWithoutSuchLimitsStoresNothingOfThem() {
        TenantUsage other = TenantUsage.fresh(1, 2);
        accepted(config(Map.of()), "click", T, 5);
        for (int i = 0; i < 5; i++) {
            admission.admit(config(Map.of()), other, of(null), 100, T);
        }
        assertThat(usage.write()).isEqualTo(other.write());
        assertThat(usage.signals).isNull();
    }

    /** Simulates a restart: reads the stored state, including the chunks of the histories. */
    private static TenantUsage reread(TenantUsage usage, Map<Bucket, Map<Integer, byte[]>> stored) {
        TenantUsage read = TenantUsage.read(usage.write());
        for (Bucket bucket : Bucket.ALL) {
            Map<Integer, byte[]> chunks = stored.computeIfAbsent(bucket, key -> new TreeMap<>());
            usage.writeHistory(bucket, (number, chunk) -> {
                if (chunk == null) {
                    chunks.remove(number);
                } else {
                    chunks.put(number, chunk);
                }
            });
            if (read.hasStoredHistory(bucket)) {
                read.loadHistory(bucket, chunks);
            }
        }
        return read;
    }
}
