package io.tidegate.admission;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tidegate.admission.QuotaWatch.Quota;
import io.tidegate.signal.Signal;
import io.tidegate.tenant.PeriodLimit.Per;
import io.tidegate.tenant.TenantConfig;
import io.tidegate.tenant.TenantConfig.Mode;
import io.tidegate.tenant.TenantId;
import java.io.IOException;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class TenantUsageTest {
    /** After the version, a tag and a length. */
    private static final int NUMBERS_AT = 4;

    private static final long T = 1_700_000_000_000L;
    private static final TenantConfig CONFIG = new TenantConfig(
            TenantId.of(42),
            100L,
            null,
            BigInteger.valueOf(4),
            BigInteger.valueOf(4096),
            List.of(),
            "",
            Mode.ENFORCE,
            null);

    private static final TenantConfig BYTES = TenantConfig.unlimited(TenantId.of(42), "").toBuilder()
            .maxBytesPerSec(BigInteger.valueOf(1_000))
            .build();

    /** A usage in which every stored field that can be non-zero is. */
    private static TenantUsage used() {
        TenantConfig observing = new TenantConfig(
                        TenantId.of(42), 100L, null, null, null, List.of(), "", Mode.OBSERVE, null)
                .toBuilder().maxBytesPerSec(BYTES.maxBytesPerSec()).build();
        TenantConfig enforced = new TenantConfig(
                TenantId.of(42), null, null, null, null, List.of(), "", Mode.ENFORCE, Instant.ofEpochMilli(T + 1000));
        TenantConfig elsewhere =
                new TenantConfig(TenantId.of(42), null, null, null, null, List.of("eu"), "", Mode.ENFORCE, null);
        TenantUsage usage = TenantUsage.fresh(0x0102030405060708L, 0x1112131415161718L);
        Admission admission = new Admission("us");
        admission.admit(CONFIG, usage, new Signal(null, "a", "u", null), 100, T);
        admission.admit(CONFIG, usage, new Signal(null, "b", null, "c"), 100, T + 10);
        for (int i = 0; i < 2; i++) {
            admission.admit(observing, usage, new Signal(null, null, null, null), 100, T + 10);
            usage.observed(Reason.TENANT_BLOCKED); // as versions did that only observed blocks
        }
        admission.admit(CONFIG, usage, new Signal(null, "z", null, null), 100, T + 11);
        usage.storageChanged(3, 4096);
        admission.admit(CONFIG, usage, new Signal(null, null, null, null), 100, T + 11);
        admission.admit(elsewhere, usage, new Signal(null, null, null, null), 100, T + 11);
        admission.admit(enforced, usage, new Signal(null, null, null, null), 100, T + 11);
        usage.acceptedBytes(1234);
        usage.periods = new PeriodUse();
        usage.periods.add(Per.HOUR.ordinal(), 5, 100);
        usage.periods.add(Per.HOUR.ordinal(), 6, 50);
        usage.periods.add(Per.HOUR.ordinal(), 6, 7);
        usage.periods.add(Per.MONTH.ordinal(), 600, 1);
        usage.prunedBelow(2);
        usage.watch().look(CONFIG, usage);
        return usage;
    }

    @Test
    void writesTheGoldenFile() throws IOException {
        assertThat(HexFormat.of().formatHex(used().write())).isEqualTo(Golden.hex("tenant-usage-v3.hex"));
    }

    @Test
    void readsTheFieldsThatOnlyVersion2Has() throws IOException {
        TenantUsage two = TenantUsage.read(HexFormat.of().parseHex(Golden.hex("tenant-usage-v2.hex")));
        assertThat(two.lastRejection()).isEqualTo(Reason.TENANT_BLOCKED);
        assertThat(two.lastRejectionMs()).isEqualTo(T + 11);
        assertThat(two.acceptedBytes()).isEqualTo(1234);
        assertThat(two.prunedBelow()).isEqualTo(2);
        assertThat(two.watch().level(Quota.RATE)).isZero();
        assertThat(two.watch().level(Quota.ENTITIES)).isEqualTo(100);
        assertThat(two.watch().level(Quota.STORAGE)).isEqualTo(100);

        TenantUsage one = TenantUsage.read(HexFormat.of().parseHex(Golden.hex("tenant-usage-v1.hex")));
        assertThat(one.lastRejection()).isNull();
        assertThat(one.lastRejectionMs()).isEqualTo(-1);
        assertThat(one.acceptedBytes()).isZero();
        assertThat(one.prunedBelow()).isZero();
        assertThat(one.watch().level(Quota.ENTITIES)).isZero();
        assertThat(one.write()[0]).isEqualTo((byte) 3);
    }

    @Test
    void keepsOnlyItsSequenceNumbersWhenItIsDeleted() {
        TenantUsage left = used().deleted(7, 8);
        TenantUsage model = TenantUsage.fresh(7, 8);
        assertThat(left.acceptedCount()).isEqualTo(4);
        assertThat(left.prunedBelow()).isEqualTo(4);
        byte[] stored = left.write();
        byte[] expected = model.write();
        // Next sequence number and pruned-below, the only fields that differ from a new usage.
        ByteBuffer.wrap(expected).putLong(NUMBERS_AT, 4).putLong(NUMBERS_AT + 24, 4);
        assertThat(stored).isEqualTo(expected);
    }

    /**
     * The files with seven, nine and ten reasons are of builds before the limits of bytes, of periods, and of signals: new
     * reasons invalidate no state. Later ones wrote all reasons, counted or not, and then each history in chunks.
     */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "v1",
                "v2",
                "v3-seven-reasons",
                "v3-nine-reasons",
                "v3-without-months",
                "v3-ten-reasons",
                "v3-all-reasons",
                "v3-history-chunk",
                "v3"
            })
    void readsTheGoldenFiles(String version) throws IOException {
        TenantUsage usage =
                TenantUsage.read(HexFormat.of().parseHex(Golden.hex("tenant-usage-%s.hex".formatted(version))));
        assertThat(usage.rejectedCount(Reason.BYTE_RATE_LIMITED)).isZero();
        assertThat(usage.byteTokens(BYTES, T + 10))
                .isEqualTo(
                        List.of(
                                                "v3",
                                                "v3-history-chunk",
                                                "v3-all-reasons",
                                                "v3-ten-reasons",
                                                "v3-without-months",
                                                "v3-nine-reasons")
                                        .contains(version)
                                ? 800
                                : 1_000);
        assertThat(usage.periodSignals(Per.HOUR, 6 * 3_600_000L))
                .isEqualTo(
                        List.of("v3", "v3-history-chunk", "v3-all-reasons", "v3-ten-reasons", "v3-without-months")
                                        .contains(version)
                                ? 2
                                : 0);
        assertThat(usage.acceptedIn(Per.MONTH.indexOf(T)))
                .isEqualTo(
                        List.of("v3", "v3-history-chunk", "v3-all-reasons", "v3-ten-reasons")
                                        .contains(version)
                                ? 4
                                : 0);
        assertThat(usage.acceptedCount()).isEqualTo(4);
        assertThat(usage.lastSeq()).isEqualTo(3);
        assertThat(usage.tokens(CONFIG, T + 10)).isEqualTo(97);
        assertThat(usage.tokens(CONFIG, T + 20)).isEqualTo(98);
        assertThat(usage.entityCount()).isEqualTo(4);
        assertThat(usage.entityCount(EntityKind.ITEM)).isEqualTo(2);
        assertThat(usage.entityCount(EntityKind.USER)).isEqualTo(1);
        assertThat(usage.entityCount(EntityKind.CREATOR)).isEqualTo(1);
        assertThat(usage.sealedSegments()).isEqualTo(3);
        assertThat(usage.sealedBytes()).isEqualTo(4096);
        assertThat(usage.lastDecisionMs()).isEqualTo(T + 11);
        assertThat(usage.rejectedCount(Reason.RATE_LIMITED)).isZero();
        assertThat(usage.rejectedCount(Reason.ENTITY_LIMIT)).isEqualTo(1);
        assertThat(usage.rejectedCount(Reason.STORAGE_LIMIT)).isEqualTo(1);
        assertThat(usage.rejectedCount(Reason.REGION_NOT_ALLOWED)).isEqualTo(1);
        assertThat(usage.rejectedCount(Reason.TENANT_BLOCKED)).isEqualTo(1);
        assertThat(usage.observedCount(Reason.TENANT_BLOCKED)).isEqualTo(2);
        assertThat(usage.observedCount(Reason.ENTITY_LIMIT)).isZero();
    }

    @Test
    void readsBackWhatItWrote() {
        byte[] stored = used().write();
        assertThat(TenantUsage.read(stored).write()).isEqualTo(stored);
        byte[] fresh = TenantUsage.fresh(-1, 1).write();
        assertThat(TenantUsage.read(fresh).write()).isEqualTo(fresh);
    }

    @Test
    void knowsTheSameEntitiesAfterItsChunksAreLoaded() {
        TenantUsage before = used();
        TenantUsage after = TenantUsage.read(before.write());
        after.entities().load(0, before.entities().chunk(0));
        after.storageChanged(0, -1);
        Admission admission = new Admission("us");
        assertThat(admission.admit(CONFIG, after, new Signal(null, "a", "u", "c"), 100, T + 11))
                .isInstanceOf(Decision.Accepted.class);
        assertThat(admission.admit(CONFIG, after, new Signal(null, "c", null, null), 100, T + 11))
                .isInstanceOf(Decision.Rejected.class);
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2})
    void anOlderVersionIsRewrittenAsTheCurrentOneWithTheSameContent(int version) throws IOException {
        TenantUsage older =
                TenantUsage.read(HexFormat.of().parseHex(Golden.hex("tenant-usage-v%d.hex".formatted(version))));
        byte[] written = older.write();
        assertThat(written[0]).isEqualTo((byte) 3);
        assertThat(TenantUsage.read(written)).usingRecursiveComparison().isEqualTo(older);
    }

    @Test
    void rejectsBytesThatAreTruncatedWithinASection() {
        byte[] stored = used().write();
        List<Integer> ends = sectionEnds(stored);
        for (int length = 0; length < stored.length; length++) {
            byte[] truncated = Arrays.copyOf(stored, length);
            if (!ends.contains(length)) {
                assertThatIllegalStateException()
                        .as("%d bytes", length)
                        .isThrownBy(() -> TenantUsage.read(truncated))
                        .withMessageMatching("tenant usage (of \\d+ bytes is not of version 1, 2 or 3"
                                + "|is truncated in the section at byte \\d+|lacks section 1 or 2)");
            }
        }
    }

    @Test
    void rejectsUsagesOfVersions1And2ThatAreTruncatedOrLonger() throws IOException {
        for (int version : new int[] {1, 2}) {
            byte[] stored = HexFormat.of().parseHex(Golden.hex("tenant-usage-v%d.hex".formatted(version)));
            for (int length = 0; length <= stored.length + 8; length++) {
                byte[] other = Arrays.copyOf(stored, length);
                if (length != stored.length) {
                    assertThatIllegalStateException()
                            .as("version %d, %d bytes", version, length)
                            .isThrownBy(() -> TenantUsage.read(other))
                            .withMessage("tenant usage of %d bytes is not of version 1, 2 or 3", length);
                }
            }
        }
    }

    @Test
    void rejectsAKnownSectionThatIsRepeatedTooLongOrTooShort() {
        byte[] stored = used().write();
        int firstEnd = sectionEnds(stored).get(1);
        byte[] repeated = joined(stored, Arrays.copyOfRange(stored, 1, firstEnd));
        assertThatIllegalStateException()
                .isThrownBy(() -> TenantUsage.read(repeated))
                .withMessage("section 1 of tenant usage is repeated or too long: 32 bytes");
        byte[] longer = joined(new byte[] {3}, section(1, new byte[33]), section(2, new byte[17]));
        assertThatIllegalStateException()
                .isThrownBy(() -> TenantUsage.read(longer))
                .withMessage("section 1 of tenant usage is repeated or too long: 33 bytes");
        byte[] shorter = joined(new byte[] {3}, section(1, new byte[31]), section(2, new byte[17]));
        assertThatIllegalStateException()
                .isThrownBy(() -> TenantUsage.read(shorter))
                .withMessage("section 1 of tenant usage is too short: 31 bytes");
    }

    @Test
    void rejectsAnUnknownVersion() {
        byte[] stored = used().write();
        for (int version : new int[] {0, 1, 2, 4, 127, -1}) {
            stored[0] = (byte) version;
            assertThatIllegalStateException().isThrownBy(() -> TenantUsage.read(stored));
        }
    }

    /** A build with two reasons, one kind of entity and one watched quota, before any section was added. */
    @Test
    void readsAUsageOfABuildWithFewerReasonsKindsAndQuotas() {
        byte[] numbers = ByteBuffer.allocate(32).putLong(9).putLong(T).array();
        byte[] entities =
                ByteBuffer.allocate(25).put(16, (byte) 1).putLong(17, 5).array();
        byte[] watch =
                ByteBuffer.allocate(18).put(16, (byte) 1).put(17, (byte) 80).array();
        byte[] reasons = ByteBuffer.allocate(33)
                .put((byte) 2)
                .putLong(11)
                .putLong(12)
                .putLong(13)
                .putLong(14)
                .array();
        TenantUsage usage = TenantUsage.read(joined(
                new byte[] {3}, section(1, numbers), section(2, entities), section(6, watch), section(7, reasons)));
        assertThat(usage.acceptedCount()).isEqualTo(9);
        assertThat(usage.entityCount()).isEqualTo(5);
        assertThat(usage.watch().level(Quota.RATE)).isEqualTo(80);
        assertThat(usage.watch().level(Quota.STORAGE)).isZero();
        assertThat(usage.rejectedCount(Reason.RATE_LIMITED)).isEqualTo(11);
        assertThat(usage.rejectedCount(Reason.BURST_EXCEEDED)).isEqualTo(12);
        assertThat(usage.rejectedCount(Reason.TENANT_UNKNOWN)).isZero();
        assertThat(usage.observedCount(Reason.BURST_EXCEEDED)).isEqualTo(14);
        assertThat(usage.lastRejection()).isNull();
        usage.rejected(Reason.TENANT_UNKNOWN, T);
        assertThat(TenantUsage.read(usage.write()).rejectedCount(Reason.TENANT_UNKNOWN))
                .isEqualTo(1);
    }

    /** A build with two more reasons, one more kind and quota, and unknown sections. */
    @Test
    void keepsTheReasonsAndSectionsOfALaterBuild() {
        byte[] numbers = ByteBuffer.allocate(32).putLong(9).putLong(T).array();
        byte[] entities = ByteBuffer.allocate(49)
                .put(16, (byte) 4)
                .putLong(17, 5)
                .putLong(41, 6)
                .array();
        int more = Reason.values().length + 2;
        int quotas = Quota.values().length + 1;
        byte[] rejection =
                ByteBuffer.allocate(9).putLong(T).put((byte) (more - 1)).array();
        byte[] watch = ByteBuffer.allocate(17 + quotas)
                .put(16, (byte) quotas)
                .put(16 + quotas, (byte) 90)
                .array();
        ByteBuffer reasons = ByteBuffer.allocate(1 + 2 * more * Long.BYTES).put((byte) more);
        for (int i = 0; i < 2 * more; i++) {
            reasons.putLong(100 + i);
        }
        byte[] unknown = joined(section(200, new byte[] {1, 2, 3}), section(255, new byte[0]));
        byte[] stored = joined(
                new byte[] {3},
                section(1, numbers),
                section(2, entities),
                section(5, rejection),
                section(6, watch),
                section(7, reasons.array()),
                unknown);
        TenantUsage usage = TenantUsage.read(stored);
        assertThat(usage.entityCount()).as("all kinds count").isEqualTo(11);
        assertThat(usage.lastRejectionMs()).isEqualTo(T);
        assertThat(usage.lastRejection()).as("unknown here").isNull();
        assertThat(usage.rejectedCount(Reason.RATE_LIMITED)).isEqualTo(100);
        assertThat(usage.observedCount(Reason.RATE_LIMITED)).isEqualTo(100 + more);
        assertThat(usage.write()).isEqualTo(stored);
    }

    private static byte[] section(int tag, byte[] content) {
        return ByteBuffer.allocate(3 + content.length)
                .put((byte) tag)
                .putShort((short) content.length)
                .put(content)
                .array();
    }

    private static byte[] joined(byte[]... parts) {
        ByteBuffer all = ByteBuffer.allocate(
                Arrays.stream(parts).mapToInt(part -> part.length).sum());
        for (byte[] part : parts) {
            all.put(part);
        }
        return all.array();
    }

    /** The possible ends of sections after the two required ones, and the start. */
    private static List<Integer> sectionEnds(byte[] stored) {
        List<Integer> ends = new ArrayList<>();
        ends.add(1);
        for (int at = 1; at < stored.length; ) {
            at += 3 + Short.toUnsignedInt(ByteBuffer.wrap(stored).getShort(at + 1));
            ends.add(at);
        }
        return ends;
    }

    @Test
    void isEmptyWhenFresh() {
        TenantUsage usage = TenantUsage.fresh(1, 2);
        assertThat(usage.lastSeq()).isEqualTo(-1);
        assertThat(usage.acceptedCount()).isZero();
        assertThat(usage.entityCount()).isZero();
        assertThat(usage.sealedBytes()).isZero();
        assertThat(usage.tokens(CONFIG, T)).isEqualTo(100);
        assertThat(usage.tokens(TenantConfig.defaultTenant(), T)).isZero();
    }

    @Test
    void countsSealedReplacedAndPrunedSegments() {
        TenantUsage usage = TenantUsage.fresh(1, 2);
        usage.storageChanged(1, 100);
        usage.storageChanged(0, -30);
        assertThat(usage.sealedSegments()).isEqualTo(1);
        assertThat(usage.sealedBytes()).isEqualTo(70);
        usage.storageChanged(-1, -70);
        assertThat(usage.sealedSegments()).isZero();
        assertThat(usage.sealedBytes()).isZero();
    }

    @Test
    void keepsTheOpenSegmentUnlessAnotherBuildAcceptedInBetween() {
        TenantUsage usage = TenantUsage.fresh(1, 2);
        new Admission(null).admit(TenantConfig.defaultTenant(), usage, new Signal(null, null, null, null), 100, T);
        OpenSegment open = new OpenSegment(0, 77, T);
        usage.openSegment(open);
        byte[] stored = usage.write();
        assertThat(TenantUsage.read(stored).openSegment()).isEqualTo(open);

        // The next sequence number is the first field of the first section.
        stored[1 + 3 + Long.BYTES - 1]++;
        assertThat(TenantUsage.read(stored).openSegment()).isEqualTo(OpenSegment.NONE);
    }

    @Test
    void aTenantWithoutARateStoresNoBucket() {
        TenantUsage usage = TenantUsage.fresh(1, 2);
        int fresh = usage.write().length;
        new Admission(null).admit(TenantConfig.defaultTenant(), usage, new Signal(null, null, null, null), 100, T);
        int month = 3 + 9 + 32;
        assertThat(usage.write()).hasSize(fresh + month);
        new Admission(null).admit(CONFIG, usage, new Signal(null, null, null, null), 100, T);
        assertThat(usage.write()).hasSize(fresh + month + 3 + 24 + 3 + 8 + 76 + 4 + 8);
    }

    @Test
    void doesNotWrapAroundWhereSealedBytesOverflow() {
        TenantUsage usage = TenantUsage.fresh(1, 2);
        usage.storageChanged(1, Long.MAX_VALUE);
        assertThatThrownBy(() -> usage.storageChanged(1, 1)).isInstanceOf(ArithmeticException.class);
    }

    /** The order of both enums is part of the stored format. */
    @Test
    void storesReasonsAndKindsInTheOrderOfVersion1() {
        assertThat(Reason.values())
                .extracting(Reason::id)
                .containsExactly(
                        "rate_limited",
                        "burst_exceeded",
                        "entity_limit",
                        "storage_limit",
                        "region_not_allowed",
                        "tenant_blocked",
                        "tenant_unknown",
                        "byte_rate_limited",
                        "signal_too_large",
                        "period_limit",
                        "signal_rate_limited");
        assertThat(EntityKind.values()).containsExactly(EntityKind.ITEM, EntityKind.USER, EntityKind.CREATOR);
    }
}
