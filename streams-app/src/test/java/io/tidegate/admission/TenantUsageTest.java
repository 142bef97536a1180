package io.tidegate.admission;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tidegate.admission.QuotaWatch.Quota;
import io.tidegate.signal.Signal;
import io.tidegate.tenant.TenantConfig;
import io.tidegate.tenant.TenantConfig.Mode;
import io.tidegate.tenant.TenantId;
import java.io.IOException;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.time.Instant;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class TenantUsageTest {
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

    /** A usage in which every stored field that can differ from zero does. */
    private static TenantUsage used() {
        TenantConfig blocked = new TenantConfig(
                TenantId.of(42), 100L, null, null, null, List.of(), "", Mode.OBSERVE, Instant.ofEpochMilli(T + 1000));
        TenantConfig enforced = new TenantConfig(
                TenantId.of(42), null, null, null, null, List.of(), "", Mode.ENFORCE, Instant.ofEpochMilli(T + 1000));
        TenantConfig elsewhere =
                new TenantConfig(TenantId.of(42), null, null, null, null, List.of("eu"), "", Mode.ENFORCE, null);
        TenantUsage usage = TenantUsage.fresh(0x0102030405060708L, 0x1112131415161718L);
        Admission admission = new Admission("us");
        admission.admit(CONFIG, usage, new Signal(null, "a", "u", null), T);
        admission.admit(CONFIG, usage, new Signal(null, "b", null, "c"), T + 10);
        admission.admit(blocked, usage, new Signal(null, null, null, null), T + 10);
        admission.admit(blocked, usage, new Signal(null, null, null, null), T + 10);
        admission.admit(CONFIG, usage, new Signal(null, "z", null, null), T + 11);
        usage.storageChanged(3, 4096);
        admission.admit(CONFIG, usage, new Signal(null, null, null, null), T + 11);
        admission.admit(elsewhere, usage, new Signal(null, null, null, null), T + 11);
        admission.admit(enforced, usage, new Signal(null, null, null, null), T + 11);
        usage.acceptedBytes(1234);
        usage.prunedBelow(2);
        usage.watch().look(CONFIG, usage);
        return usage;
    }

    @Test
    void writesTheGoldenFile() throws IOException {
        assertThat(HexFormat.of().formatHex(used().write())).isEqualTo(Golden.hex("tenant-usage-v2.hex"));
    }

    @Test
    void readsWhatOnlyVersion2Has() throws IOException {
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
        assertThat(one.write()[0]).isEqualTo((byte) 2);
    }

    @Test
    void keepsItsNumbersAndNothingElseWhenItIsDeleted() {
        TenantUsage left = used().deleted(7, 8);
        TenantUsage model = TenantUsage.fresh(7, 8);
        assertThat(left.acceptedCount()).isEqualTo(4);
        assertThat(left.prunedBelow()).isEqualTo(4);
        byte[] stored = left.write();
        byte[] expected = model.write();
        // Next sequence number and pruned-below, the only fields that differ from a new usage.
        ByteBuffer.wrap(expected).putLong(1, 4).putLong(114, 4);
        assertThat(stored).isEqualTo(expected);
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2})
    void readsTheGoldenFiles(int version) throws IOException {
        TenantUsage usage =
                TenantUsage.read(HexFormat.of().parseHex(Golden.hex("tenant-usage-v%d.hex".formatted(version))));
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
        assertThat(admission.admit(CONFIG, after, new Signal(null, "a", "u", "c"), T + 11))
                .isInstanceOf(Decision.Accepted.class);
        assertThat(admission.admit(CONFIG, after, new Signal(null, "c", null, null), T + 11))
                .isInstanceOf(Decision.Rejected.class);
    }

    @Test
    void refusesBytesThatAreCutAnywhereOrLonger() {
        byte[] stored = used().write();
        for (int length = 0; length <= stored.length + 8; length++) {
            byte[] other = Arrays.copyOf(stored, length);
            if (length != stored.length) {
                assertThatIllegalStateException()
                        .as("%d bytes", length)
                        .isThrownBy(() -> TenantUsage.read(other))
                        .withMessage("tenant usage of %d bytes is not of version 1 or 2", length);
            }
        }
    }

    @Test
    void refusesAnUnknownVersion() {
        byte[] stored = used().write();
        for (int version : new int[] {0, 1, 3, 127, -1}) {
            stored[0] = (byte) version;
            assertThatIllegalStateException().isThrownBy(() -> TenantUsage.read(stored));
        }
    }

    @Test
    void refusesAnotherNumberOfReasons() {
        byte[] stored = used().write();
        stored[stored.length - 2 * Reason.values().length * Long.BYTES - 1] = 6;
        assertThatIllegalStateException()
                .isThrownBy(() -> TenantUsage.read(stored))
                .withMessage("tenant usage knows 6 reasons, not 7");
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
                        "tenant_unknown");
        assertThat(EntityKind.values()).containsExactly(EntityKind.ITEM, EntityKind.USER, EntityKind.CREATOR);
    }
}
