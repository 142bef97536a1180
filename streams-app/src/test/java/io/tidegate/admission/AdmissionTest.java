package io.tidegate.admission;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidegate.admission.Decision.Accepted;
import io.tidegate.admission.Decision.Rejected;
import io.tidegate.signal.Signal;
import io.tidegate.tenant.TenantConfig;
import io.tidegate.tenant.TenantConfig.Mode;
import io.tidegate.tenant.TenantId;
import java.math.BigInteger;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

class AdmissionTest {
    private static final TenantId T42 = TenantId.of(42);
    private static final long T = 1_700_000_000_000L;
    private static final Signal PLAIN = new Signal(null, null, null, null);

    private final Admission admission = new Admission("eu-west-1");
    private final TenantUsage usage = TenantUsage.fresh(1, 2);

    private static TenantConfig rate(@Nullable Long rate, @Nullable Long burst) {
        return new TenantConfig(T42, rate, burst, null, null, List.of(), "", Mode.ENFORCE, null);
    }

    private static TenantConfig entities(@Nullable Long max) {
        return limits(null, max, null);
    }

    private static TenantConfig storage(@Nullable Long max) {
        return limits(null, null, max);
    }

    private static TenantConfig limits(@Nullable Long rate, @Nullable Long entities, @Nullable Long storageBytes) {
        return new TenantConfig(
                T42,
                rate,
                null,
                entities == null ? null : BigInteger.valueOf(entities),
                storageBytes == null ? null : BigInteger.valueOf(storageBytes),
                List.of(),
                "",
                Mode.ENFORCE,
                null);
    }

    private static TenantConfig observing(TenantConfig config) {
        return new TenantConfig(
                config.tenantId(),
                config.maxSignalsPerSec(),
                config.burstSignals(),
                config.maxEntities(),
                config.maxStorageBytes(),
                config.requiredRegions(),
                config.label(),
                Mode.OBSERVE,
                config.blockedUntil());
    }

    private static TenantConfig regions(String... regions) {
        return new TenantConfig(T42, null, null, null, null, List.of(regions), "", Mode.ENFORCE, null);
    }

    private static TenantConfig blockedUntil(Instant until) {
        return new TenantConfig(T42, null, null, null, null, List.of(), "", Mode.ENFORCE, until);
    }

    private static Signal item(String id) {
        return new Signal(null, id, null, null);
    }

    private void assertAccepted(TenantConfig config, Signal signal, long nowMs) {
        assertThat(admission.admit(config, usage, signal, 100, nowMs)).isEqualTo(new Accepted());
    }

    private QuotaExceeded rejected(TenantConfig config, Signal signal, long nowMs) {
        Decision decision = admission.admit(config, usage, signal, 100, nowMs);
        assertThat(decision).isInstanceOf(Rejected.class);
        return ((Rejected) decision).quota();
    }

    private int acceptedOf(int count, TenantConfig config, long nowMs) {
        int accepted = 0;
        for (int i = 0; i < count; i++) {
            if (admission.admit(config, usage, PLAIN, 100, nowMs) instanceof Accepted) {
                accepted++;
            }
        }
        return accepted;
    }

    @Test
    void ofTwoHundredSignalsInATightLoopOneHundredPassAndOneHundredExceedTheQuota() {
        assertThat(acceptedOf(200, rate(100L, null), T)).isEqualTo(100);
        assertThat(usage.acceptedCount()).isEqualTo(100);
        assertThat(usage.rejectedCount(Reason.BURST_EXCEEDED)).isEqualTo(100);
    }

    @Test
    void afterOneOverRateSecondsExactlyOneMorePasses() {
        acceptedOf(200, rate(100L, null), T);
        assertThat(rejected(rate(100L, null), PLAIN, T).retryAfterMs()).hasValue(10);
        assertThat(acceptedOf(5, rate(100L, null), T + 9)).isZero();
        assertThat(acceptedOf(5, rate(100L, null), T + 10)).isEqualTo(1);
    }

    @Test
    void anIdleTenantSavesUpToTwiceItsRate() {
        acceptedOf(100, rate(100L, null), T);
        assertThat(acceptedOf(1_000, rate(100L, null), T + 60_000)).isEqualTo(200);
    }

    @Test
    void aTenantWithoutLimitsIsNeverRejected() {
        for (int i = 0; i < 10_000; i++) {
            assertAccepted(TenantConfig.defaultTenant(), item("i" + i), T);
        }
        assertThat(usage.acceptedCount()).isEqualTo(10_000);
        assertThat(usage.entityCount()).isEqualTo(10_000);
    }

    @Test
    void anEmptyBucketRejectsWithinOneMillisecond() {
        TenantConfig config = rate(1L, 1L);
        assertAccepted(config, PLAIN, T);
        int rejections = 200_000;
        long startNs = System.nanoTime();
        assertThat(acceptedOf(rejections, config, T)).isZero();
        long perRejectionNs = (System.nanoTime() - startNs) / rejections;
        assertThat(perRejectionNs).isLessThan(1_000_000);
    }

    @Test
    void aRateOfZeroRejectsAllAndWaitingDoesNotHelp() {
        QuotaExceeded quota = rejected(rate(0L, 5L), PLAIN, T);
        assertThat(quota)
                .isEqualTo(new QuotaExceeded(
                        T42,
                        Reason.RATE_LIMITED,
                        OptionalLong.of(0),
                        OptionalLong.empty(),
                        OptionalLong.empty(),
                        null));
        assertThat(quota.message()).isEqualTo("the rate limit is 0: every signal is rejected");
    }

    @Test
    void aBurstOfZeroRejectsAllAndWaitingDoesNotHelp() {
        QuotaExceeded quota = rejected(rate(100L, 0L), PLAIN, T);
        assertThat(quota.reason()).isEqualTo(Reason.BURST_EXCEEDED);
        assertThat(quota.retryAfterMs()).isEmpty();
    }

    @Test
    void reportsASpikeFirstAndASustainedRateAfterBurstOverRateSeconds() {
        TenantConfig config = rate(100L, null);
        acceptedOf(100, config, T);
        assertThat(rejected(config, PLAIN, T))
                .isEqualTo(new QuotaExceeded(
                        T42,
                        Reason.BURST_EXCEEDED,
                        OptionalLong.of(200),
                        OptionalLong.empty(),
                        OptionalLong.of(10),
                        null));
        for (long now = T; now <= T + 2_010; now += 10) {
            acceptedOf(1, config, now);
        }
        assertThat(rejected(config, PLAIN, T + 2_010))
                .isEqualTo(new QuotaExceeded(
                        T42,
                        Reason.RATE_LIMITED,
                        OptionalLong.of(100),
                        OptionalLong.empty(),
                        OptionalLong.of(10),
                        null));
    }

    @Test
    void judgesAnItemAUserAndACreatorOnFirstSight() {
        TenantConfig config = entities(3L);
        assertAccepted(config, new Signal(null, "7", null, null), T);
        assertAccepted(config, new Signal(null, null, "7", null), T);
        assertAccepted(config, new Signal(null, null, null, "7"), T);
        assertThat(usage.entityCount()).isEqualTo(3);
        for (Signal next : List.of(
                new Signal(null, "8", null, null),
                new Signal(null, null, "8", null),
                new Signal(null, null, null, "8"))) {
            QuotaExceeded quota = rejected(config, next, T);
            assertThat(quota)
                    .isEqualTo(new QuotaExceeded(
                            T42,
                            Reason.ENTITY_LIMIT,
                            OptionalLong.of(3),
                            OptionalLong.of(3),
                            OptionalLong.empty(),
                            null));
            assertThat(quota.message()).isEqualTo("the signal names a new entity, and 3 of 3 are in use");
        }
    }

    @Test
    void knownEntitiesPassAtTheLimit() {
        TenantConfig config = entities(3L);
        Signal all = new Signal(null, "a", "b", "c");
        assertAccepted(config, all, T);
        assertAccepted(config, all, T);
        assertAccepted(config, PLAIN, T);
        assertThat(usage.entityCount()).isEqualTo(3);
    }

    @Test
    void aSignalWithOneKnownAndTwoNewEntitiesAddsAllOrNothing() {
        assertAccepted(entities(2L), item("a"), T);
        assertThat(rejected(entities(2L), new Signal(null, "a", "b", "c"), T).observed())
                .hasValue(1);
        assertThat(usage.entityCount()).isEqualTo(1);
        assertAccepted(entities(3L), new Signal(null, "a", "b", "c"), T);
        assertThat(usage.entityCount()).isEqualTo(3);
    }

    @Test
    void loweringTheEntityLimitBelowTheCountRejectsOnlyNewOnes() {
        for (String id : List.of("a", "b", "c")) {
            assertAccepted(entities(null), item(id), T);
        }
        assertAccepted(entities(1L), item("b"), T);
        assertAccepted(entities(0L), item("c"), T);
        QuotaExceeded quota = rejected(entities(1L), item("d"), T);
        assertThat(quota.limit()).hasValue(1);
        assertThat(quota.observed()).hasValue(3);
        assertAccepted(entities(4L), item("d"), T);
    }

    @Test
    void anEntityLimitOfZeroRejectsEveryNewEntityButNotASignalWithoutOne() {
        assertThat(rejected(entities(0L), item("a"), T).reason()).isEqualTo(Reason.ENTITY_LIMIT);
        assertAccepted(entities(0L), PLAIN, T);
    }

    @Test
    void theLargestEntityLimitIsNeverReached() {
        TenantConfig config =
                new TenantConfig(T42, null, null, TenantConfig.U64_MAX, null, List.of(), "", Mode.ENFORCE, null);
        assertAccepted(config, item("a"), T);
    }

    @Test
    void nothingPassesOnceSealedSegmentsReachTheStorageLimit() {
        assertAccepted(storage(100L), PLAIN, T);
        usage.storageChanged(1, 99);
        assertAccepted(storage(100L), PLAIN, T);
        usage.storageChanged(1, 1);
        QuotaExceeded quota = rejected(storage(100L), PLAIN, T);
        assertThat(quota)
                .isEqualTo(new QuotaExceeded(
                        T42,
                        Reason.STORAGE_LIMIT,
                        OptionalLong.of(100),
                        OptionalLong.of(100),
                        OptionalLong.empty(),
                        null));
        assertThat(quota.message()).isEqualTo("sealed WAL segments take 100 of 100 bytes");
        assertAccepted(storage(101L), PLAIN, T);
        assertAccepted(storage(null), PLAIN, T);
        usage.storageChanged(-1, -1);
        assertAccepted(storage(100L), PLAIN, T);
    }

    @Test
    void aStorageLimitOfZeroRejectsAll() {
        assertThat(rejected(storage(0L), PLAIN, T).reason()).isEqualTo(Reason.STORAGE_LIMIT);
    }

    @Test
    void aBlockHoldsInObserveModeToo() {
        TenantConfig config = observing(blockedUntil(Instant.ofEpochMilli(T + 500)));
        assertThat(rejected(config, PLAIN, T).reason()).isEqualTo(Reason.TENANT_BLOCKED);
        assertThat(admission.admit(config, usage, PLAIN, 100, T + 500)).isInstanceOf(Accepted.class);
    }

    @Test
    void aBlockedTenantIsRejectedUntilTheMillisecond() {
        TenantConfig config = blockedUntil(Instant.ofEpochMilli(T + 500));
        assertThat(rejected(config, PLAIN, T))
                .isEqualTo(new QuotaExceeded(
                        T42,
                        Reason.TENANT_BLOCKED,
                        OptionalLong.empty(),
                        OptionalLong.empty(),
                        OptionalLong.of(500),
                        null));
        assertThat(rejected(config, PLAIN, T + 499).retryAfterMs()).hasValue(1);
        assertAccepted(config, PLAIN, T + 500);
    }

    @Test
    void aTenantWhoseDataMustResideElsewhereIsRejected() {
        QuotaExceeded quota = rejected(regions("us-east-1", "ap-south-1"), PLAIN, T);
        assertThat(quota)
                .isEqualTo(new QuotaExceeded(
                        T42,
                        Reason.REGION_NOT_ALLOWED,
                        OptionalLong.empty(),
                        OptionalLong.empty(),
                        OptionalLong.empty(),
                        null));
        assertAccepted(regions("us-east-1", "eu-west-1"), PLAIN, T);
        assertAccepted(regions(), PLAIN, T);
    }

    @Test
    void anInstanceWithoutARegionIsInNone() {
        Admission nowhere = new Admission(null);
        assertThat(nowhere.admit(regions("eu-west-1"), usage, PLAIN, 100, T)).isInstanceOf(Rejected.class);
        assertThat(nowhere.admit(regions(), usage, PLAIN, 100, T)).isInstanceOf(Accepted.class);
    }

    /** A signal that violates all five rules, which are then lifted one by one from the first. */
    @Test
    void checksBlockedThenRegionThenStorageThenRateThenEntities() {
        usage.storageChanged(1, 10);
        Instant until = Instant.ofEpochMilli(T + 1);
        assertThat(rejected(breaking(until, List.of("us"), 5L, 0L), item("a"), T)
                        .reason())
                .isEqualTo(Reason.TENANT_BLOCKED);
        assertThat(rejected(breaking(null, List.of("us"), 5L, 0L), item("a"), T).reason())
                .isEqualTo(Reason.REGION_NOT_ALLOWED);
        assertThat(rejected(breaking(null, List.of(), 5L, 0L), item("a"), T).reason())
                .isEqualTo(Reason.STORAGE_LIMIT);
        assertThat(rejected(breaking(null, List.of(), null, 0L), item("a"), T).reason())
                .isEqualTo(Reason.RATE_LIMITED);
        assertThat(rejected(breaking(null, List.of(), null, null), item("a"), T).reason())
                .isEqualTo(Reason.ENTITY_LIMIT);
    }

    private static TenantConfig breaking(
            @Nullable Instant until, List<String> regions, @Nullable Long storageBytes, @Nullable Long rate) {
        return new TenantConfig(
                T42,
                rate,
                null,
                BigInteger.ZERO,
                storageBytes == null ? null : BigInteger.valueOf(storageBytes),
                regions,
                "",
                Mode.ENFORCE,
                until);
    }

    @Test
    void aSignalRejectedForItsEntitiesCostsNoTokenAndGetsNoSequenceNumber() {
        TenantConfig config = limits(2L, 0L, null);
        long lastSeq = usage.lastSeq();
        for (int i = 0; i < 10; i++) {
            assertThat(rejected(config, item("a"), T).reason()).isEqualTo(Reason.ENTITY_LIMIT);
        }
        assertThat(usage.lastSeq()).isEqualTo(lastSeq);
        assertThat(usage.tokens(config, T)).isEqualTo(2);
        assertThat(acceptedOf(10, config, T)).isEqualTo(2);
    }

    @Test
    void aSignalRejectedForItsRateAddsNoEntity() {
        TenantConfig config = limits(1L, null, null);
        assertAccepted(config, item("a"), T);
        assertThat(rejected(config, item("b"), T).reason()).isEqualTo(Reason.BURST_EXCEEDED);
        assertThat(usage.entityCount()).isEqualTo(1);
    }

    @Test
    void numbersAcceptedSignalsFromZeroWithoutGap() {
        TenantConfig config = rate(1L, 1L);
        for (int second = 0; second < 5; second++) {
            assertAccepted(config, PLAIN, T + second * 1_000L);
            assertThat(usage.lastSeq()).isEqualTo(second);
            rejected(config, PLAIN, T + second * 1_000L);
            assertThat(usage.lastSeq()).isEqualTo(second);
        }
    }

    @Test
    void observeModeAcceptsCountsAndLearnsEntitiesAboveTheLimit() {
        TenantConfig config = observing(entities(1L));
        assertAccepted(config, item("a"), T);
        assertAccepted(config, item("b"), T);
        assertAccepted(config, item("b"), T);
        assertThat(usage.entityCount()).isEqualTo(2);
        assertThat(usage.observedCount(Reason.ENTITY_LIMIT)).isEqualTo(1);
        assertThat(usage.rejectedCount(Reason.ENTITY_LIMIT)).isZero();
        assertThat(usage.lastSeq()).isEqualTo(2);
    }

    @Test
    void observeModeCountsWhatTheRateWouldHaveRejected() {
        TenantConfig config = observing(rate(100L, null));
        assertThat(acceptedOf(150, config, T)).isEqualTo(150);
        assertThat(usage.observedCount(Reason.BURST_EXCEEDED)).isEqualTo(50);
        assertThat(acceptedOf(5, config, T + 10)).isEqualTo(5);
        assertThat(usage.observedCount(Reason.BURST_EXCEEDED)).isEqualTo(54);
    }

    @Test
    void aTenantThatGetsARateAgainStartsWithOneSecondOfTokens() {
        assertThat(acceptedOf(100, rate(100L, null), T)).isEqualTo(100);
        assertThat(acceptedOf(10, rate(null, null), T)).isEqualTo(10);
        assertThat(acceptedOf(100, rate(50L, null), T)).isEqualTo(50);
    }

    @Test
    void smallerBucketsCapTheLevelsAlsoIfAllTheirSignalsAreRejected() {
        TenantConfig wide = rate(100L, 200L).toBuilder()
                .maxBytesPerSec(BigInteger.valueOf(1_000))
                .build();
        admission.admit(wide, usage, PLAIN, 100, T);
        assertThat(usage.tokens(wide, T)).isEqualTo(99);
        assertThat(usage.byteTokens(wide, T)).isEqualTo(900);

        TenantConfig closed = wide.toBuilder()
                .maxSignalsPerSec(0L)
                .burstBytes(BigInteger.valueOf(50))
                .build();
        assertThat(admission.admit(closed, usage, PLAIN, 10, T)).isInstanceOf(Rejected.class);
        assertThat(usage.byteTokens(wide, T)).as("capped at 50").isEqualTo(50);
        assertThat(usage.tokens(wide, T)).as("a rate of 0 has no bucket").isEqualTo(99);

        TenantConfig small =
                rate(100L, 5L).toBuilder().maxEntities(BigInteger.ZERO).build();
        assertThat(admission.admit(small, usage, new Signal(null, "a", null, null), 10, T))
                .isInstanceOf(Rejected.class);
        assertThat(usage.tokens(wide, T)).as("capped at 5").isEqualTo(5);
    }

    /** An empty value takes no bytes, so it is the only one that passes. */
    @Test
    void aByteBurstOfZeroLeavesTheLevelForTheNextBucket() {
        TenantConfig open = TenantConfig.unlimited(TenantId.of(1), "").toBuilder()
                .maxBytesPerSec(BigInteger.valueOf(1_000))
                .build();
        TenantConfig closed = open.toBuilder().burstBytes(BigInteger.ZERO).build();
        admission.admit(open, usage, PLAIN, 100, T);

        assertThat(admission.admit(closed, usage, PLAIN, 0, T)).isInstanceOf(Accepted.class);
        assertThat(admission.admit(closed, usage, PLAIN, 1, T)).isInstanceOf(Rejected.class);

        assertThat(usage.byteTokens(open, T)).isEqualTo(900);
    }

    @Test
    void aBurstOfZeroThatIsOnlyObservedLeavesTheLevelForTheNextBucket() {
        assertAccepted(rate(100L, 200L), PLAIN, T);
        assertAccepted(observing(rate(100L, 0L)), PLAIN, T);
        assertThat(usage.tokens(rate(100L, 200L), T)).isEqualTo(99);
        assertAccepted(rate(100L, 5L), PLAIN, T);
        assertThat(usage.tokens(rate(100L, 5L), T)).isEqualTo(4);
        assertThat(usage.tokens(rate(100L, 200L), T))
                .as("capped at 5, one taken")
                .isEqualTo(4);
    }

    @Test
    void aLateSignalIsJudgedAtItsOwnTimeAndByWhatItTakesFromLaterOnes() {
        TenantConfig config = rate(100L, null);
        acceptedOf(1, config, T - 60_000);
        assertThat(acceptedOf(300, config, T)).isEqualTo(200);
        assertThat(acceptedOf(5, config, T - 5_000))
                .as("the bucket was full again after it")
                .isEqualTo(5);
        assertThat(rejected(config, PLAIN, T - 5).retryAfterMs())
                .as("the burst follows")
                .hasValue(15);
        assertThat(acceptedOf(5, config, T + 10)).isEqualTo(1);
        assertThat(usage.lastDecisionMs()).as("the newest").isEqualTo(T + 10);
    }

    @Test
    void anUnknownTenantIsRejectedWithoutUsage() {
        assertThat(Admission.unknownTenant(T42).quota())
                .isEqualTo(new QuotaExceeded(
                        T42,
                        Reason.TENANT_UNKNOWN,
                        OptionalLong.empty(),
                        OptionalLong.empty(),
                        OptionalLong.empty(),
                        null));
    }

    @Test
    void everyReasonHasAMessage() {
        for (Reason reason : Reason.values()) {
            QuotaExceeded quota =
                    new QuotaExceeded(T42, reason, OptionalLong.of(3), OptionalLong.of(4), OptionalLong.empty(), null);
            assertThat(quota.message()).as(reason.id()).isNotBlank();
        }
    }

    private static long allocatedBy(TenantConfig config) {
        var threads = (com.sun.management.ThreadMXBean) java.lang.management.ManagementFactory.getThreadMXBean();
        Admission admission = new Admission(null, 1_000_000, new HistoryBounds(1_000, HistoryBounds.ENTRIES_DEFAULT));
        TenantUsage usage = TenantUsage.fresh(1, 2);
        Signal signal = new Signal(null, "item", "user", "creator");
        int i = 0;
        for (; i < 100_000; i++) {
            admission.admit(config, usage, signal, 100, T + i / 2);
            usage.watch().look(config, usage);
        }
        long before = threads.getThreadAllocatedBytes(Thread.currentThread().getId());
        for (; i < 200_000; i++) {
            admission.admit(config, usage, signal, 100, T + i / 2);
            usage.watch().look(config, usage);
        }
        assertThat(usage.acceptedCount()).isEqualTo(200_000);
        return threads.getThreadAllocatedBytes(Thread.currentThread().getId()) - before;
    }

    /** A history allocates a run for many decisions, and nothing for each. */
    @Test
    void aDecisionAllocatesNothingWithNoLimitAndWithAll() {
        assertThat(allocatedBy(TenantConfig.unlimited(T42, ""))).isLessThan(20_000);
        BigInteger many = BigInteger.valueOf(1L << 40);
        TenantConfig all = TenantConfig.unlimited(T42, "").toBuilder()
                .maxSignalsPerSec(1_000_000L)
                .maxBytesPerSec(many)
                .maxSignalBytes(1_000L)
                .maxEntities(many)
                .maxItems(many)
                .maxUsers(many)
                .maxCreators(many)
                .maxStorageBytes(many)
                .build();
        assertThat(allocatedBy(all)).isLessThan(100_000);
    }

    private static TenantConfig byteRate(long rate, @Nullable Long burst, @Nullable Long largest) {
        return TenantConfig.unlimited(T42, "").toBuilder()
                .maxBytesPerSec(BigInteger.valueOf(rate))
                .burstBytes(burst == null ? null : BigInteger.valueOf(burst))
                .maxSignalBytes(largest)
                .build();
    }

    private static @Nullable QuotaExceeded exceeded(TenantConfig config, TenantUsage usage, int bytes, long atMs) {
        Decision decision = new Admission(null).admit(config, usage, PLAIN, bytes, atMs);
        return decision instanceof Decision.Rejected rejected ? rejected.quota() : null;
    }

    @Test
    void aSignalLargerThanTheBucketIsTooLargeAndTakesNothing() {
        TenantConfig config = byteRate(1_000, null, null);
        TenantUsage usage = TenantUsage.fresh(1, 2);
        QuotaExceeded quota = exceeded(config, usage, 2_001, T);
        assertThat(quota)
                .isEqualTo(new QuotaExceeded(
                        T42,
                        Reason.SIGNAL_TOO_LARGE,
                        OptionalLong.of(2_000),
                        OptionalLong.of(2_001),
                        OptionalLong.empty(),
                        null));
        assertThat(quota.message()).isEqualTo("the value has 2001 bytes, the limit is 2000 bytes");
        assertThat(exceeded(config, usage, 1_000, T)).isNull();
        assertThat(exceeded(config, usage, 2_001, T))
                .extracting(QuotaExceeded::reason)
                .isEqualTo(Reason.SIGNAL_TOO_LARGE);
        assertThat(exceeded(config, usage, 1_000, T + 1_000)).isNull();
    }

    /** A new bucket has one second of bytes and gains none before its first use. */
    @Test
    void theFirstSignalOfATenantMayBeLargerThanOneSecondOfItsByteRate() {
        TenantConfig config = byteRate(1_000, 5_000L, null);
        TenantUsage usage = TenantUsage.fresh(1, 2);
        assertThat(exceeded(config, usage, 5_000, T)).isNull();
        QuotaExceeded next = exceeded(config, usage, 1, T);
        assertThat(next).isNotNull();
        assertThat(next.reason()).isEqualTo(Reason.BYTE_RATE_LIMITED);
        assertThat(next.retryAfterMs()).hasValue(1);
        assertThat(exceeded(config, usage, 5_000, T + 5_000)).isNull();
    }

    @Test
    void theSmallerOfSignalSizeAndByteBucketLimitsTheSize() {
        assertThat(exceeded(byteRate(1_000, null, 500L), TenantUsage.fresh(1, 2), 501, T))
                .extracting(QuotaExceeded::limit)
                .isEqualTo(OptionalLong.of(500));
        TenantConfig size =
                TenantConfig.unlimited(T42, "").toBuilder().maxSignalBytes(0L).build();
        assertThat(exceeded(size, TenantUsage.fresh(1, 2), 1, T))
                .extracting(QuotaExceeded::reason)
                .isEqualTo(Reason.SIGNAL_TOO_LARGE);
    }

    @Test
    void aByteRateOfZeroRejectsAllAndWaitingDoesNotHelp() {
        QuotaExceeded quota = exceeded(byteRate(0, null, null), TenantUsage.fresh(1, 2), 1, T);
        assertThat(quota).isNotNull();
        assertThat(quota.reason()).isEqualTo(Reason.BYTE_RATE_LIMITED);
        assertThat(quota.retryAfterMs()).isEmpty();
        assertThat(quota.message()).isEqualTo("the byte rate limit is 0: every signal is rejected");
    }

    @Test
    void theLargestByteRateIsNoLimit() {
        TenantConfig config = TenantConfig.unlimited(T42, "").toBuilder()
                .maxBytesPerSec(TenantConfig.U64_MAX)
                .burstBytes(TenantConfig.U64_MAX)
                .build();
        TenantUsage usage = TenantUsage.fresh(1, 2);
        for (int i = 0; i < 100; i++) {
            assertThat(exceeded(config, usage, Integer.MAX_VALUE, T)).isNull();
        }
        assertThat(TenantUsage.read(usage.write()).write()).isEqualTo(usage.write());
    }

    @Test
    void aRejectionForEitherRateTakesFromNoBucket() {
        TenantConfig config = byteRate(1_000, 1_000L, null).toBuilder()
                .maxSignalsPerSec(2L)
                .burstSignals(2L)
                .build();
        TenantUsage usage = TenantUsage.fresh(1, 2);
        assertThat(exceeded(config, usage, 900, T)).isNull();
        for (int i = 0; i < 10; i++) {
            assertThat(exceeded(config, usage, 900, T))
                    .extracting(QuotaExceeded::reason)
                    .isEqualTo(Reason.BYTE_RATE_LIMITED);
        }
        assertThat(exceeded(config, usage, 50, T)).isNull();
        for (int i = 0; i < 10; i++) {
            assertThat(exceeded(config, usage, 10, T))
                    .extracting(QuotaExceeded::reason)
                    .isEqualTo(Reason.BURST_EXCEEDED);
        }
        assertThat(exceeded(config, usage, 550, T + 500)).isNull();
    }

    @Test
    void allNewEntitiesOfASignalMustFitTogether() {
        TenantConfig config = TenantConfig.unlimited(T42, "").toBuilder()
                .maxItems(BigInteger.TWO)
                .maxEntities(BigInteger.valueOf(3))
                .build();
        TenantUsage usage = TenantUsage.fresh(1, 2);
        Admission admission = new Admission(null);
        Decision items = admission.admit(
                config, usage, new Signal(null, null, List.of("a", "b", "c"), List.of(), List.of()), 9, T);
        assertThat(((Decision.Rejected) items).quota().limit()).hasValue(2);
        Decision all = admission.admit(
                config, usage, new Signal(null, null, List.of("a", "b"), List.of("u", "v"), List.of()), 9, T);
        assertThat(((Decision.Rejected) all).quota().limit()).hasValue(3);
        assertThat(usage.entityCount()).as("a rejected signal adds none").isZero();

        Signal fits = new Signal(null, null, List.of("a", "b"), List.of("u"), List.of());
        assertThat(admission.admit(config, usage, fits, 9, T)).isInstanceOf(Decision.Accepted.class);
        assertThat(admission.admit(config, usage, fits, 9, T)).isInstanceOf(Decision.Accepted.class);
        assertThat(usage.entityCount()).isEqualTo(3);
    }

    @Test
    void eachKindOfEntitiesHasALimitOfItsOwn() {
        TenantConfig config = TenantConfig.unlimited(T42, "").toBuilder()
                .maxItems(BigInteger.ONE)
                .maxCreators(BigInteger.ZERO)
                .build();
        TenantUsage usage = TenantUsage.fresh(1, 2);
        Admission admission = new Admission(null);
        assertThat(admission.admit(config, usage, new Signal(null, "a", "u1", null), 100, T))
                .isInstanceOf(Decision.Accepted.class);
        assertThat(admission.admit(config, usage, new Signal(null, "a", "u2", null), 100, T))
                .isInstanceOf(Decision.Accepted.class);
        Decision item = admission.admit(config, usage, new Signal(null, "b", "u3", null), 100, T);
        assertThat(((Decision.Rejected) item).quota())
                .isEqualTo(new QuotaExceeded(
                        T42,
                        Reason.ENTITY_LIMIT,
                        OptionalLong.of(1),
                        OptionalLong.of(1),
                        OptionalLong.empty(),
                        EntityKind.ITEM));
        assertThat(((Decision.Rejected) item).quota().message())
                .isEqualTo("the signal names a new item, and 1 of 1 are in use");
        assertThat(usage.entityCount(EntityKind.USER)).as("all or nothing").isEqualTo(2);
        assertThat(admission.admit(config, usage, new Signal(null, null, null, "c"), 100, T))
                .isInstanceOf(Decision.Rejected.class);
    }

    private static TenantConfig rated(long rate, long burst) {
        return TenantConfig.unlimited(T42, "").toBuilder()
                .maxSignalsPerSec(rate)
                .burstSignals(burst)
                .build();
    }

    private int accepted(TenantConfig config, int signals, long atMs) {
        int accepted = 0;
        for (int i = 0; i < signals; i++) {
            accepted += admission.admit(config, usage, PLAIN, 100, atMs) instanceof Accepted ? 1 : 0;
        }
        return accepted;
    }

    @Test
    void aLateSignalAfterARaisedLimitIsJudgedByTheNewLimit() {
        for (int i = 0; i < 300; i++) {
            accepted(rated(10, 20), 1, T + i * 100L);
        }
        accepted(rated(10, 20), 20, T + 30_000);
        TenantConfig raised = rated(1000, 2000);

        assertThat(accepted(raised, 1, T + 60_000))
                .as("the newest is read first")
                .isOne();
        assertThat(accepted(raised, 1500, T + 50_000)).isEqualTo(1500);
    }

    @Test
    void lateSignalsAfterALoweredLimitDoNotExceedIt() {
        for (int i = 0; i < 600; i++) {
            accepted(rated(60, 200), 1, T + i * 1000L / 60);
        }
        TenantConfig lowered = rated(50, 100);

        int newest = accepted(lowered, 1, T + 30_000);
        assertThat(newest + accepted(lowered, 1000, T + 29_999) + accepted(lowered, 1000, T + 30_000))
                .isBetween(1, 100);
    }

    @Test
    @Timeout(600)
    void theWaitOfALateSignalIsFoundAtOnceHoweverFarTheNewestOneIsAhead() {
        TenantConfig before = bytes(1_000, 2_000);
        for (int i = 0; i < 612; i++) {
            Decision unused = admission.admit(before, usage, PLAIN, 100, T + i * 100L);
        }
        TenantConfig raised = bytes(1_000_000, 2_000_000);
        long year = Duration.ofDays(365).toMillis();
        assertThat(admission.admit(raised, usage, PLAIN, 100, T + year)).isInstanceOf(Accepted.class);
        for (int late = 0; late < 1_000; late++) {
            Decision unused = admission.admit(raised, usage, PLAIN, 150, T + 62_000);
        }
        assertThat(usage.acceptedCount()).isGreaterThan(600);
    }

    private static TenantConfig bytes(long rate, long burst) {
        return TenantConfig.unlimited(T42, "").toBuilder()
                .maxBytesPerSec(BigInteger.valueOf(rate))
                .burstBytes(BigInteger.valueOf(burst))
                .build();
    }
}
