package io.tidegate.admission;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import io.tidegate.admission.Decision.Accepted;
import io.tidegate.admission.Decision.Rejected;
import io.tidegate.signal.Signal;
import io.tidegate.tenant.SignalLimit;
import io.tidegate.tenant.TenantConfig;
import io.tidegate.tenant.TenantConfig.Mode;
import io.tidegate.tenant.TenantId;
import java.io.IOException;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class IdleEntitiesTest {
    private static final TenantId T42 = TenantId.of(42);
    private static final long TTL_MS = 65_536;
    private static final long GRANULE_MS = 4_096;
    private static final long NOW = 1_000 * GRANULE_MS;

    private final Admission admission = new Admission(null);
    private TenantUsage usage = TenantUsage.fresh(1, 2);
    private TenantConfig config = config(TTL_MS).build();

    private static TenantConfig.Builder config(long ttlMs) {
        return TenantConfig.unlimited(T42, "").toBuilder()
                .maxEntities(BigInteger.TWO)
                .entityIdleTtl(ttlMs == 0 ? null : Duration.ofMillis(ttlMs));
    }

    private boolean passes(long atMs, String item) {
        return passes(atMs, item, null);
    }

    private boolean passes(long atMs, String item, String user) {
        return admission.admit(config, usage, new Signal(null, item, user, null), 100, atMs) instanceof Accepted;
    }

    @ParameterizedTest
    @ValueSource(longs = {1_000, 1_023, 1_024, 60_000, 65_535, 65_536, 3_600_000, 86_400_000, 315_360_000_000L})
    void anEntityExpiresBetweenTheTtlAndASixteenthMore(long ttlMs) {
        config = config(ttlMs).build();
        long granule = Long.highestOneBit(ttlMs / 16);
        for (long start : new long[] {0, 1, granule - 1, granule, 1_795_000_000_123L}) {
            usage = TenantUsage.fresh(1, 2);
            assertThat(passes(start, "a", "a")).isTrue();
            long end = (start / granule + 1) * granule;
            assertThat(end + ttlMs)
                    .as("the last of it")
                    .isGreaterThan(start + ttlMs)
                    .isLessThanOrEqualTo(start + ttlMs + ttlMs / 16);
            assertThat(passes(end + ttlMs - 1, "b"))
                    .as("ttl %d from %d", ttlMs, start)
                    .isFalse();
            assertThat(usage.entityCountAt(end + ttlMs - 1)).isEqualTo(2);
            assertThat(usage.entityCountAt(end + ttlMs)).isZero();
            assertThat(passes(end + ttlMs, "b", "c"))
                    .as("ttl %d from %d", ttlMs, start)
                    .isTrue();
            assertThat(usage.entityCount()).isEqualTo(2);
        }
    }

    @Test
    void aTenantWhoseIdsChangeIsNotLockedOutPermanently() {
        assertThat(passes(NOW, "a", "a")).isTrue();
        for (long at = NOW; at < NOW + TTL_MS; at += 100) {
            assertThat(passes(at, "new" + at)).as("at %d", at).isFalse();
        }
        assertThat(passes(NOW + TTL_MS + GRANULE_MS, "new")).isTrue();
        assertThat(usage.entityCount()).isEqualTo(1);
    }

    @Test
    void anExpiredEntityIsLikeANewOneAndNeedsRoom() {
        assertThat(passes(NOW, "old", "u")).isTrue();
        assertThat(passes(NOW + TTL_MS, "b", "u")).as("two are there").isFalse();
        assertThat(passes(NOW + TTL_MS, null, "u")).isTrue();
        long later = NOW + TTL_MS + GRANULE_MS;
        assertThat(passes(later, "b")).isTrue();

        Decision decision = admission.admit(config, usage, new Signal(null, "old", null, null), 100, later);

        assertThat(decision).isInstanceOfSatisfying(Rejected.class, rejected -> {
            assertThat(rejected.quota().reason()).isEqualTo(Reason.ENTITY_LIMIT);
            assertThat(rejected.quota().observed()).hasValue(2);
        });
    }

    @Test
    void aLimitOfAKindCountsOnlyEntitiesThatHaveNotExpired() {
        config = config(TTL_MS).maxEntities(null).maxUsers(BigInteger.ONE).build();
        assertThat(passes(NOW, null, "a")).isTrue();
        assertThat(passes(NOW + TTL_MS, "x", "b")).isFalse();
        assertThat(passes(NOW + TTL_MS + GRANULE_MS, "x", "b")).isTrue();
        assertThat(usage.entityCount(EntityKind.USER)).isEqualTo(1);
        assertThat(usage.entityCount(EntityKind.ITEM)).isEqualTo(1);
    }

    @Test
    void aRejectedSignalRefreshesNothingAndMovesNoClock() {
        assertThat(passes(NOW, "a", "u")).isTrue();
        byte[] before = ages();
        assertThat(passes(NOW + TTL_MS - 1, "a", "v"))
                .as("a is known, v has no room")
                .isFalse();
        config = config(TTL_MS).maxSignalsPerSec(0L).build();
        assertThat(passes(NOW + 10 * TTL_MS, "a")).as("no rate").isFalse();
        assertThat(ages()).isEqualTo(before);

        config = config(TTL_MS).build();
        assertThat(passes(NOW + 1, "v")).as("late, and a and u are still there").isFalse();
        assertThat(passes(NOW + TTL_MS + GRANULE_MS, "v", "w")).isTrue();
    }

    /** The stored ages without the sequence number. */
    private byte[] ages() {
        ByteBuffer out = ByteBuffer.allocate(usage.entities().agesBytesMax());
        usage.entities().writeAges(out);
        return Arrays.copyOf(out.array(), out.position());
    }

    @Test
    void aSignalThatIsAcceptedInObserveModeNamesItsEntities() {
        assertThat(passes(NOW, "a", "u")).isTrue();
        config = config(TTL_MS).mode(Mode.OBSERVE).build();
        assertThat(passes(NOW + TTL_MS / 2, "a", "v")).isTrue();
        assertThat(usage.observedCount(Reason.ENTITY_LIMIT)).isEqualTo(1);
        assertThat(usage.entityCount()).isEqualTo(3);
        assertThat(usage.entityCountAt(NOW + TTL_MS + GRANULE_MS))
                .as("u is gone")
                .isEqualTo(2);
    }

    @Test
    void aLateSignalNamesAtItsOwnTimeAndMovesNothingBack() {
        config = config(TTL_MS).maxEntities(null).build();
        assertThat(passes(NOW, "a")).isTrue();
        assertThat(passes(NOW + TTL_MS / 2, "b")).isTrue();
        assertThat(passes(NOW + TTL_MS / 4, "late")).isTrue();
        assertThat(passes(NOW, "b")).as("b stays as new as it is").isTrue();

        assertThat(usage.entityCountAt(NOW + TTL_MS + GRANULE_MS)).isEqualTo(2);
        assertThat(usage.entityCountAt(NOW + TTL_MS / 4 * 5 + GRANULE_MS)).isEqualTo(1);
        assertThat(usage.entityCountAt(NOW + TTL_MS / 2 * 3 + GRANULE_MS - 1)).isEqualTo(1);
        assertThat(usage.entityCountAt(NOW + TTL_MS / 2 * 3 + GRANULE_MS)).isZero();
    }

    @Test
    void aLateSignalIsJudgedByTheClockAndTheEntitiesOfOneThatIsOlderThanTheTtlCountToTheNextGranule() {
        assertThat(passes(NOW, "a", "u")).isTrue();
        assertThat(passes(NOW + 2 * TTL_MS, "b")).isTrue();
        assertThat(passes(NOW + 1, "a")).as("a has expired, and there is room").isTrue();
        assertThat(usage.entityCount()).isEqualTo(2);
        assertThat(passes(NOW + 1, "u")).as("no room").isFalse();
        assertThat(usage.entityCountAt(NOW + 2 * TTL_MS + GRANULE_MS)).isEqualTo(1);
    }

    @Test
    void entitiesThatAreKnownWhenTheTtlIsTurnedOnCountAsNamedThen() {
        config = config(0).build();
        assertThat(passes(NOW, "a", "u")).isTrue();
        assertThat(passes(NOW + 100 * TTL_MS, "b")).isFalse();

        config = config(TTL_MS).build();
        long on = NOW + 100 * TTL_MS;
        assertThat(passes(on - 5, "b")).as("decided at a newer time before").isFalse();
        assertThat(passes(on + TTL_MS + GRANULE_MS - 1, "b")).isFalse();
        assertThat(passes(on + TTL_MS + GRANULE_MS, "b")).isTrue();
    }

    @Test
    void aDecisionOnATimeFromTheFutureKeepsNoEntityWhenTheTtlIsTurnedOn() {
        config = config(0).build();
        assertThat(passes(NOW, "a", "u")).isTrue();
        assertThat(passes(NOW + 10_000 * TTL_MS, "b")).isFalse();

        config = config(TTL_MS).build();
        assertThat(passes(NOW + 1, "b")).isFalse();
        long knownAs = NOW + 1 + HistoryBounds.LATENESS_MS_DEFAULT;
        assertThat(passes(knownAs + TTL_MS, "b")).isFalse();
        assertThat(passes(knownAs + TTL_MS + GRANULE_MS, "b")).isTrue();
    }

    /** Copies the usage as a dry run and a replay do. */
    @Test
    void aCopyForATrialHasTheAgesAndChangesNothing() {
        config = config(TTL_MS).maxEntities(null).build();
        Map<Integer, byte[]> stored = new TreeMap<>();
        for (int i = 0; i < 100; i++) {
            passes(NOW + i % 2 * TTL_MS / 2, "i" + i);
        }
        usage.entities().writeAll(stored::put);
        byte[] before = usage.write();
        TenantUsage copy = TenantUsage.read(before).forTrial();
        copy.entities().expect(copy.entityCount());
        stored.forEach(copy.entities()::load);
        assertThat(copy.entities().size()).isEqualTo(100);
        TenantConfig lower = config(TTL_MS).maxEntities(BigInteger.valueOf(51)).build();
        long later = NOW + TTL_MS + GRANULE_MS;
        assertThat(copy.entityCountAt(later)).isEqualTo(50);
        for (String item : new String[] {"i1", "i0", "new"}) {
            assertThat(admission.admit(lower, copy, new Signal(null, item, null, null), 100, later) instanceof Accepted)
                    .as(item)
                    .isEqualTo(!item.equals("new"));
        }
        copy.expireIdle(later + TTL_MS + 2 * GRANULE_MS);
        assertThat(copy.entityCount()).isZero();
        assertThat(usage.write()).isEqualTo(before);
    }

    @Test
    void nothingExpiresWhileTheTtlIsOffAndTurningItOnAgainBeginsAgain() {
        assertThat(passes(NOW, "a", "u")).isTrue();
        config = config(0).build();
        assertThat(passes(NOW + 100 * TTL_MS, "b")).isFalse();
        assertThat(passes(NOW + 100 * TTL_MS, "a")).isTrue();

        config = config(TTL_MS).build();
        assertThat(passes(NOW + 101 * TTL_MS, "b")).isFalse();
        assertThat(passes(NOW + 102 * TTL_MS + GRANULE_MS - 1, "b")).isFalse();
        assertThat(passes(NOW + 102 * TTL_MS + GRANULE_MS, "b")).isTrue();
    }

    @Test
    void aChangedTtlHoldsAtOnceAndRevivesNothing() {
        assertThat(passes(NOW, "a", "u")).isTrue();
        config = config(TTL_MS / 16).build();
        assertThat(passes(NOW + TTL_MS / 8, "b")).isTrue();
        assertThat(usage.entityCount()).isEqualTo(1);
        config = config(16 * TTL_MS).build();
        assertThat(passes(NOW + TTL_MS / 8, "c")).isTrue();
        assertThat(passes(NOW + 15 * TTL_MS, "d")).as("b and c are there").isFalse();
        assertThat(passes(NOW + 18 * TTL_MS, "d", "e")).isTrue();
    }

    @Test
    void anEntityIsWrittenAgainOnlyOnceInAGranule() {
        for (int i = 0; i < 1_000; i++) {
            assertThat(passes(NOW + i, "a")).isTrue();
        }
        assertThat(usage.entities().log().appended()).isEqualTo(1);
        for (int i = 0; i < 1_000; i++) {
            assertThat(passes(NOW + GRANULE_MS + i, "a")).isTrue();
            assertThat(passes(NOW + i, "a")).as("late").isTrue();
        }
        assertThat(usage.entities().log().appended()).isEqualTo(2);
    }

    /** Makes the same additions to a set with ages and to one without. */
    @Test
    void takesAtMostSixMoreBytesForAnEntityInMemory() {
        TenantUsage plain = TenantUsage.fresh(1, 2);
        TenantConfig never = config(0).maxEntities(null).build();
        config = config(TTL_MS).maxEntities(null).build();
        long constant = 4_000;
        for (int i = 1; i <= 150_000; i++) {
            Signal signal = new Signal(null, "i" + i, null, null);
            admission.admit(never, plain, signal, 100, NOW);
            admission.admit(config, usage, signal, 100, NOW);
            plain.entities().release();
            usage.entities().release();
            if (i >= 1_000 && i % 61 == 0) {
                assertThat(usage.entities().memoryBytes())
                        .as("%d entities", i)
                        .isLessThanOrEqualTo(plain.entities().memoryBytes() + 6L * i + constant)
                        .isLessThanOrEqualTo(usage.entityBytesMax() + constant);
            }
        }
        assertThat(plain.entities().memoryBytes()).as("no byte without it").isLessThanOrEqualTo(32L * 150_000 + 2_000);
    }

    /** A constant number of entities. In each granule, each is named again or replaced by a new one. */
    @Test
    void takesAtMostSixMoreBytesForAnEntityInMemoryAndStoreHoweverTheyChange() {
        config = config(TTL_MS).maxEntities(null).build();
        Map<Integer, byte[]> stored = new HashMap<>();
        long at = NOW;
        for (int round = 0; round < 60; round++) {
            at += GRANULE_MS;
            for (int i = 0; i < 4_000; i++) {
                // A tenth of the ids is new in each granule.
                String id = i < 400 ? "r" + round + "-" + i : "i" + i;
                assertThat(passes(at, id)).isTrue();
                StoredChunks.changed(usage.entities(), stored);
            }
            if (round > 20) {
                long living = usage.entityCount();
                long chunkBytes = stored.values().stream()
                        .mapToLong(chunk -> chunk.length)
                        .sum();
                assertThat(chunkBytes).as("round %d", round).isLessThanOrEqualTo((16 + 6) * living + 5_000);
                assertThat(usage.entities().memoryBytes())
                        .as("round %d", round)
                        .isLessThanOrEqualTo((32 + 6) * living + 8_000);
            }
        }
    }

    @ParameterizedTest
    @CsvSource({"100000, false", "100000, true", "30000, false", "30000, true"})
    void expiryIsABoundedPartOfEachSignalHoweverMuchExpires(int many, boolean namesTwo) {
        config = config(TTL_MS).maxEntities(null).build();
        Map<Integer, byte[]> stored = new TreeMap<>();
        for (int i = 0; i < many; i++) {
            passes(NOW, "old" + i);
            StoredChunks.changed(usage.entities(), stored);
        }
        assertThat(passes(NOW + TTL_MS, "one")).isTrue();
        StoredChunks.changed(usage.entities(), stored);
        EntitySet set = usage.entities();
        boolean isSmall = set.table().slotCount() <= EntityTable.SHRINKS_MAX;
        long at = NOW + TTL_MS + GRANULE_MS;
        int signals = 0;
        int shrunk = 0;
        int appendedMost = namesTwo ? 3 : 2;
        do {
            int sizeBefore = set.size();
            int slotsBefore = set.table().slotCount();
            long openedBefore = set.ages().opened();
            boolean isNew = signals % 2 == 0;
            assertThat(passes(at, isNew ? "new" + signals : "one", isNew && namesTwo ? "u" + signals : null))
                    .isTrue();
            if (set.table().slotCount() < slotsBefore) {
                shrunk++;
                assertThat(slotsBefore).as("not a pass over a large table").isLessThan(2 * EntityTable.SHRINKS_MAX);
            } else {
                long sweptMost = 4
                        + (long) EntitySet.SWEPT_FOR_NEW * appendedMost
                        + (set.ages().opened() - openedBefore) * (slotsBefore / 4096 + 1);
                assertThat(sizeBefore - set.size()).as("signal %d", signals).isLessThanOrEqualTo((int) sweptMost);
            }
            assertThat(StoredChunks.changed(set, stored))
                    .as("signal %d", signals)
                    .isLessThanOrEqualTo(1 + (4 + EntitySet.COLLECTED_FOR_NEW * appendedMost) / 64);
            signals++;
            assertThat(signals).as("it comes to an end").isLessThan(many);
        } while (set.size() > usage.entityCount() || stored.size() > usage.entityCount() / 32 + 8);
        assertThat(usage.entityCount()).isLessThan(many);
        assertThat(shrunk > 0).isEqualTo(isSmall);
    }

    @Test
    void theTableIsEmptyAtOnceWhenEverythingHasExpired() {
        config = config(TTL_MS).maxEntities(null).build();
        for (int i = 0; i < 50_000; i++) {
            passes(NOW, "old" + i);
        }
        assertThat(admission.admit(config, usage, new Signal(null, null, null, null), 100, NOW + 2 * TTL_MS))
                .isInstanceOf(Accepted.class);
        assertThat(usage.entities().size()).isZero();
        assertThat(passes(NOW + 2 * TTL_MS, "old1")).isTrue();
        assertThat(usage.entityCount()).isEqualTo(1);
    }

    /** Slots hold 16 bits of a generation's number. */
    @Test
    void anExpiredEntityNeverComesBackHoweverManyGenerationsPass() {
        config = config(1_000).maxEntities(null).build();
        for (int i = 0; i < 3_000; i++) {
            passes(NOW, "old" + i);
        }
        for (long generation = 1; generation <= 140_000; generation++) {
            assertThat(passes(NOW + generation * 32, "one")).isTrue();
            if (generation > 40 && generation % 61 == 0) {
                assertThat(usage.entityCount()).isEqualTo(1);
                assertThat(usage.entityCountAt(NOW + generation * 32)).isEqualTo(1);
            }
        }
        assertThat(usage.entities().size()).isEqualTo(1);
        config = config(1_000).maxEntities(BigInteger.ONE).build();
        assertThat(passes(NOW + 140_000 * 32, "old7")).isFalse();
    }

    @Test
    void chunkNumbersWrapAroundAfterTheLargest() {
        config = config(TTL_MS).maxEntities(null).build();
        passes(NOW, "first");
        byte[] own = ages();
        long appended = (long) Integer.MAX_VALUE * 64 + 10;
        ByteBuffer.wrap(own).putLong(appended).putLong(appended / 64 - 1);
        Map<Integer, byte[]> stored = new TreeMap<>();
        EntitySet near = new EntitySet();
        near.readAges(ByteBuffer.wrap(own));
        assertThat(near.tailChunk()).isEqualTo(Integer.MAX_VALUE);
        near.load(Integer.MAX_VALUE, EntityChunk.writeDated(new long[20], new long[10], 0, 10));
        int generation = near.ages().generationAt(NOW);
        for (int i = 0; i < 100; i++) {
            near.add(i << 20, i, generation, EntityKind.ITEM);
        }
        near.writeAll(stored::put);
        assertThat(stored.keySet()).containsExactly(0, Integer.MAX_VALUE);
    }

    @Test
    void aFarFutureTimeAndTheLastMillisecondThereIsOverflowNothing() {
        assertThat(passes(NOW, "a", "u")).isTrue();
        assertThat(passes(Long.MAX_VALUE, "b", "v")).isTrue();
        assertThat(passes(Long.MAX_VALUE, "c")).isFalse();
        assertThat(usage.entityCount()).isEqualTo(2);
        assertThat(TenantUsage.read(usage.write()).entityCountAt(Long.MAX_VALUE))
                .isEqualTo(2);
    }

    @Test
    void writesAndReadsTheGoldenFilesOfAgesAndOfAChunkWithThem() throws IOException {
        config = config(TTL_MS).maxEntities(null).build();
        passes(NOW, "a", "u");
        passes(NOW + GRANULE_MS, "b", "u");
        passes(NOW + 3 * GRANULE_MS, "a");
        HexFormat hex = HexFormat.of();
        assertThat(hex.formatHex(usage.write())).isEqualTo(Golden.hex("tenant-usage-v3-ages.hex"));
        assertThat(hex.formatHex(usage.entities().chunk(0))).isEqualTo(Golden.hex("entity-chunk-v2.hex"));

        TenantUsage read = TenantUsage.read(hex.parseHex(Golden.hex("tenant-usage-v3-ages.hex")));
        read.entities().load(0, hex.parseHex(Golden.hex("entity-chunk-v2.hex")));
        assertThat(read.write()).isEqualTo(usage.write());
        assertThat(read.entityCount()).isEqualTo(3);
        assertThat(read.entityCountAt(NOW + TTL_MS + 2 * GRANULE_MS)).isEqualTo(1);
        usage = read;
        assertThat(passes(NOW + TTL_MS + 3 * GRANULE_MS, "c")).isTrue();
        assertThat(usage.entityCount()).as("a and c").isEqualTo(2);
    }

    @Test
    void agesAndLimitsOfSignalsAreStoredBesideEachOtherInTheOrderOfTheirTags() {
        SignalLimit limit = new SignalLimit(10L, 20L);
        config = config(TTL_MS)
                .maxEntities(null)
                .signals(Map.of("click", limit, "view", limit))
                .build();
        for (String type : List.of("click", "click", "view")) {
            admission.admit(config, usage, new Signal(null, type, List.of("a" + type), List.of(), List.of()), 100, NOW);
        }
        byte[] stored = usage.write();
        List<Integer> tags = new ArrayList<>();
        for (int at = 1; at < stored.length; at += 3 + ByteBuffer.wrap(stored).getShort(at + 1)) {
            tags.add((int) stored[at]);
        }
        assertThat(tags).isSorted().endsWith(15, 16, 17);

        TenantUsage read = TenantUsage.read(stored);
        assertThat(read.write()).isEqualTo(stored);
        assertThat(read.signalTokens("click", limit, NOW)).isEqualTo(8);
        assertThat(read.signalTokens("view", limit, NOW)).isEqualTo(9);
        assertThat(read.entityCountAt(NOW)).isEqualTo(2);
        assertThat(read.entityCountAt(NOW + 2 * TTL_MS)).isZero();
    }

    @Test
    void rejectsAChunkWithAgesThatIsTruncatedAtAnyByteOrOfAnUnknownVersion() {
        passes(NOW, "a", "u");
        byte[] chunk = usage.entities().chunk(0);
        for (int length = 0; length < chunk.length; length++) {
            byte[] part = Arrays.copyOf(chunk, length);
            TenantUsage read = TenantUsage.read(usage.write());
            assertThatIllegalStateException()
                    .as("%d bytes", length)
                    .isThrownBy(() -> read.entities().load(0, part));
        }
        chunk[0] = 3;
        assertThatIllegalStateException()
                .isThrownBy(() -> TenantUsage.read(usage.write()).entities().load(0, chunk))
                .withMessageContaining("is not of version");
    }

    /** An older build does not know the ages. It keeps them unchanged, and adds to chunks of version 1. */
    @Test
    void agesThatAnOlderBuildDidNotUpdateAreNotUsed() {
        config = config(0).build();
        passes(NOW, "a");
        byte[] undated = usage.entities().chunk(0);
        config = config(TTL_MS).build();
        passes(NOW, "b", "c");
        byte[] stored = usage.write();
        assertThat(usage.rejectedCount(Reason.ENTITY_LIMIT)).isEqualTo(1);
        stored[1 + 3 + 7]++; // the next sequence number, in section 1

        TenantUsage read = TenantUsage.read(stored);

        assertThat(read.entities().ages()).isNull();
        read.entities().load(0, undated);
        assertThat(read.entities().size()).isEqualTo(1);
    }
}
