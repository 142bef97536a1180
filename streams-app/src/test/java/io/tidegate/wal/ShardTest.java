package io.tidegate.wal;

import static io.tidegate.wal.AcceptedTopic.FIRST;
import static io.tidegate.wal.AcceptedTopic.LAST;
import static io.tidegate.wal.AcceptedTopic.SECOND;
import static io.tidegate.wal.AcceptedTopic.TENANTS;
import static io.tidegate.wal.AcceptedTopic.record;
import static io.tidegate.wal.AcceptedTopic.settings;
import static io.tidegate.wal.AcceptedTopic.stored;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tidegate.tenant.TenantId;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotLinkException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.apache.kafka.common.compress.Compression;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

class ShardTest {
    private static final int SHARD = 3;

    @TempDir
    Path root;

    private DataDir dir;
    private boolean beginningIsGone;

    @BeforeEach
    void dataDir() {
        dir = new DataDir(root);
    }

    private Shard shard() {
        return new Shard(dir, SHARD, settings(400), () -> beginningIsGone, segment -> {});
    }

    private void append(Shard shard, TenantId tenant, long seq, boolean gone) {
        beginningIsGone = gone;
        shard.append(tenant, record(seq));
    }

    @Test
    void keepsEachTenantInItsDirectoryAndNamesSegmentsByFirstNumberAndShard() throws IOException {
        try (Shard shard = shard()) {
            for (TenantId tenant : TENANTS) {
                for (int seq = 0; seq < 2; seq++) {
                    append(shard, tenant, seq, false);
                }
            }
            AcceptedTopic.of(SECOND, 7).apply(shard, 2, 7);
        }

        try (Stream<Path> files = Files.walk(root)) {
            assertThat(files.filter(Files::isRegularFile)
                            .map(file -> root.relativize(file).toString()))
                    .containsExactlyInAnyOrder(
                            "wal/00000000000000000000.shard-00003.log",
                            "tenants/42/wal/00000000000000000000.shard-00003.log",
                            "tenants/42/wal/00000000000000000004.shard-00003.log",
                            "tenants/18446744073709551615/wal/00000000000000000000.shard-00003.log");
        }
    }

    @Test
    void returnsKeysValuesHeadersAndTimesUnchangedEvenAfterARestart() throws IOException {
        AcceptedTopic topic = AcceptedTopic.random(7, 300);
        for (int from = 0; from < topic.size(); from += 100) {
            try (Shard shard = shard()) {
                topic.apply(shard, from, from + 100);
            }
        }

        for (TenantId tenant : TENANTS) {
            assertThat(stored(dir, tenant)).isEqualTo(topic.of(tenant));
        }
    }

    @Test
    void keepsTheSameRecordsInEveryCompression() throws IOException {
        AcceptedTopic topic = AcceptedTopic.random(8, 200);
        for (Compression compression : List.of(
                Compression.NONE,
                Compression.gzip().build(),
                Compression.lz4().build(),
                Compression.snappy().build(),
                Compression.zstd().build())) {
            DataDir own = new DataDir(root.resolve(compression.type().name));
            try (Shard shard = new Shard(own, SHARD, WalSettings.of(2000, Duration.ofSeconds(5), 10, compression))) {
                topic.applyAll(shard);
            }
            for (TenantId tenant : TENANTS) {
                assertThat(stored(own, tenant)).as(compression.type().name).isEqualTo(topic.of(tenant));
            }
        }
    }

    @Test
    void skipsStoredRecordsAndChangesNoByte() throws IOException {
        AcceptedTopic topic = AcceptedTopic.of(SECOND, 6);
        try (Shard shard = shard()) {
            topic.applyAll(shard);
            topic.applyAll(shard);
            shard.flush();
            topic.apply(shard, 2, 6);
        }
        try (Shard shard = shard()) {
            topic.applyAll(shard);
        }

        assertThat(stored(dir, SECOND)).isEqualTo(topic.of(SECOND));
    }

    @Test
    void stopsAtAGapWithTheExactRangeAndRejectsAllThatFollows() {
        try (Shard shard = shard()) {
            append(shard, SECOND, 0, false);
            append(shard, SECOND, 1, false);

            assertThatThrownBy(() -> append(shard, SECOND, 5, true))
                    .isInstanceOfSatisfying(WalException.class, e -> {
                        assertThat(e.kind()).isEqualTo(WalException.Kind.GAP);
                        assertThat(e.mayPass()).isFalse();
                    })
                    .hasMessageContaining("tenant t42, shard 3 lacks the sequence numbers 2 to 4.");
            assertThatThrownBy(() -> append(shard, SECOND, 2, true)).hasMessageContaining("2 to 4");
            assertThatThrownBy(() -> append(shard, FIRST, 0, true)).hasMessageContaining("2 to 4");
        }
    }

    @Test
    void stopsIfATenantIsNewHereAndItsBeginningShouldBeInTheTopic() {
        try (Shard shard = shard()) {
            assertThatThrownBy(() -> append(shard, LAST, 1, false))
                    .hasMessageContaining("tenant t18446744073709551615, shard 3 lacks the sequence numbers 0 to 0.");
        }
    }

    @Test
    void beginsLateIfTheTopicLostItsBeginningAndRemembersThat() throws IOException {
        try (Shard shard = shard()) {
            append(shard, SECOND, 100, true);
            append(shard, SECOND, 101, false);
            shard.checkpoint(50);
        }
        try (Shard shard = shard()) {
            append(shard, LAST, 7, false);
            append(shard, SECOND, 102, false);
        }

        assertThat(stored(dir, SECOND)).hasSize(3);
        assertThat(root.resolve("tenants/42/wal/00000000000000000100.shard-00003.log"))
                .exists();
        assertThat(stored(dir, LAST)).containsExactly(AcceptedTopic.text(record(7)));
    }

    @Test
    void readsOnlyRecordsAfterTheCheckpointWhenItOpensAgain() throws IOException {
        AcceptedTopic topic = AcceptedTopic.of(SECOND, 40);
        WalSettings wide = settings(100_000);
        Path segment = root.resolve("tenants/42/wal/00000000000000000000.shard-00003.log");
        long checkpointed;
        try (Shard shard = new Shard(dir, SHARD, wide)) {
            topic.apply(shard, 0, 20);
            shard.checkpoint(19);
            checkpointed = Files.size(segment);
            topic.apply(shard, 20, 30);
        }
        long end = Files.size(segment);

        try (Shard shard = new Shard(dir, SHARD, wide)) {
            assertThat(shard.committedOffset()).isEqualTo(19);
            assertThat(shard.recoveredBytes()).isZero();
            topic.apply(shard, 20, 40);
            assertThat(shard.recoveredBytes()).isEqualTo(end - checkpointed).isPositive();
        }
        assertThat(stored(dir, SECOND)).isEqualTo(topic.of(SECOND));
    }

    @Test
    void resumesNowhereAfterItsOffsetWasForgottenAndKeepsTheRecords() throws IOException {
        AcceptedTopic topic = AcceptedTopic.of(FIRST, 5);
        try (Shard shard = shard()) {
            topic.applyAll(shard);
            shard.checkpoint(4);
            shard.forgetOffset();
            assertThat(shard.committedOffset()).isEqualTo(Shard.NO_OFFSET);
            topic.applyAll(shard);
            shard.checkpoint(4);
            assertThat(shard.committedOffset()).isEqualTo(4);
        }
        assertThat(stored(dir, FIRST)).isEqualTo(topic.of(FIRST));
    }

    /** Kafka Streams closes and opens the task next: if the lost position was found again, it would be lost again, and so on. */
    @Test
    void anOffsetThatWasForgottenStaysForgottenWhenTheShardIsOpenedAgain() throws IOException {
        AcceptedTopic topic = AcceptedTopic.of(FIRST, 5);
        try (Shard shard = shard()) {
            topic.applyAll(shard);
            shard.checkpoint(4);
            shard.forgetOffset();
        }
        try (Shard shard = shard()) {
            assertThat(shard.committedOffset()).isEqualTo(Shard.NO_OFFSET);
            topic.applyAll(shard);
        }
        assertThat(stored(dir, FIRST)).isEqualTo(topic.of(FIRST));
    }

    /** After a failed fsync, reads return bytes from the page cache that are not on the disk. */
    @Test
    void bytesThatTheDiskFailedToSyncAreTruncatedAndRestored() throws IOException {
        AcceptedTopic topic = AcceptedTopic.of(FIRST, 10);
        Path segment = dir.walOf(FIRST).resolve(new SegmentName(0, SHARD).fileName());
        long durable;
        try (Shard shard = new Shard(dir, SHARD, settings(1 << 20))) {
            topic.apply(shard, 0, 5);
            shard.checkpoint(4);
            durable = Files.size(segment);
            topic.apply(shard, 5, 10);
        }
        assertThat(Files.size(segment)).isGreaterThan(durable);
        dir.undurable().add(SHARD, List.of(FIRST));

        try (Shard shard = new Shard(dir, SHARD, settings(1 << 20))) {
            assertThat(Files.size(segment)).isEqualTo(durable);
            assertThat(dir.undurable().of(SHARD)).isEmpty();
            topic.apply(shard, 5, 10);
        }
        assertThat(stored(dir, FIRST)).isEqualTo(topic.of(FIRST));
    }

    @Test
    void aSegmentThatWasDeletedWhileItWasOpenStopsTheShardAndNoCheckpointDescribesIt() throws IOException {
        Path segment = dir.walOf(SECOND).resolve(new SegmentName(0, SHARD).fileName());
        AcceptedTopic topic = AcceptedTopic.of(SECOND, 9);
        try (Shard shard = shard()) {
            topic.apply(shard, 0, 2);
            shard.checkpoint(1);
            Files.delete(segment);
            topic.apply(shard, 2, 3);

            assertThatThrownBy(() -> shard.checkpoint(2))
                    .isInstanceOf(WalException.class)
                    .hasMessageContaining(segment + " was deleted while Tidegate wrote to it");
        }

        assertThat(dir.appliedOffsets()).containsExactly(Map.entry(SHARD, 1L));
        Shard again = shard();
        assertThatThrownBy(() -> topic.apply(again, 2, 3))
                .isInstanceOf(WalException.class)
                .hasMessageContaining("the checkpoint has the sequence numbers 0 to 1 here, but there is no segment")
                .hasMessageContaining("wal verify --repair");
    }

    @Test
    void aSealedSegmentStaysWholeIfTheOneAfterItWasDeleted() throws IOException {
        Path sealed = dir.walOf(SECOND).resolve(new SegmentName(0, SHARD).fileName());
        Path deleted = dir.walOf(SECOND).resolve(new SegmentName(3, SHARD).fileName());
        AcceptedTopic topic = AcceptedTopic.of(SECOND, 9);
        byte[] whole;
        try (Shard shard = new Shard(dir, SHARD, AcceptedTopic.settings(300))) {
            topic.apply(shard, 0, 4);
            shard.checkpoint(3);
            whole = Files.readAllBytes(sealed);
            Files.delete(deleted);
            topic.apply(shard, 4, 5);
            assertThatThrownBy(() -> shard.checkpoint(4)).isInstanceOf(WalException.class);
        }

        try (Shard again = new Shard(dir, SHARD, AcceptedTopic.settings(300))) {
            assertThatThrownBy(() -> topic.apply(again, 4, 5))
                    .isInstanceOf(WalException.class)
                    .hasMessageContaining("the segment that begins with 3 is missing");
        }

        assertThat(sealed).hasBinaryContent(whole);
    }

    @Test
    void keepsAnOffsetThatKafkaStreamsUsesAsAMarker() {
        try (Shard shard = shard()) {
            assertThat(shard.committedOffset()).isEqualTo(Shard.NO_OFFSET);
            shard.checkpoint(-4);
        }
        assertThat(shard().committedOffset()).isEqualTo(-4);
    }

    @Test
    void writesByItselfWhenTooMuchIsPending() throws IOException {
        AcceptedTopic topic = AcceptedTopic.of(FIRST, 30);
        try (Shard shard = new Shard(
                dir, SHARD, new WalSettings(1 << 20, Duration.ofDays(1), 1 << 20, 1000, 10, Compression.NONE))) {
            topic.apply(shard, 0, 10);
            assertThat(stored(dir, FIRST)).as("1000 bytes are not too much").isEmpty();
            topic.apply(shard, 10, 11);
            assertThat(stored(dir, FIRST)).hasSize(11);
            topic.apply(shard, 11, 21);
            assertThat(stored(dir, FIRST)).as("counted from zero again").hasSize(11);
            topic.apply(shard, 21, 22);
            assertThat(stored(dir, FIRST)).hasSize(22);
        }
    }

    @Test
    @EnabledOnOs(OS.LINUX)
    void holdsNoMoreFilesOpenThanAllowedAndNoneWhenClosed() throws IOException {
        AcceptedTopic topic = new AcceptedTopic();
        for (int i = 0; i < 90; i++) {
            topic.add(TenantId.of(i % 30), 0, "k", "v");
        }
        Shard shard = new Shard(dir, SHARD, WalSettings.of(1 << 20, Duration.ofDays(1), 4, Compression.NONE));
        for (int i = 0; i < 90; i++) {
            topic.apply(shard, i, i + 1);
            assertThat(openSegments()).isLessThanOrEqualTo(4);
            if (i % 17 == 0) {
                shard.flush();
                assertThat(openSegments()).isLessThanOrEqualTo(4);
            }
            if (i % 23 == 0) {
                shard.checkpoint(i);
                assertThat(openSegments()).isLessThanOrEqualTo(4);
            }
        }
        shard.close();

        assertThat(openSegments()).isZero();
        for (int tenant = 0; tenant < 30; tenant++) {
            assertThat(stored(dir, TenantId.of(tenant))).isEqualTo(topic.of(TenantId.of(tenant)));
        }
    }

    private long openSegments() throws IOException {
        long open = 0;
        try (Stream<Path> descriptors = Files.list(Path.of("/proc/self/fd"))) {
            for (Path descriptor : descriptors.toList()) {
                try {
                    if (Files.readSymbolicLink(descriptor).startsWith(root.toRealPath())) {
                        open++;
                    }
                } catch (NoSuchFileException | NotLinkException e) {
                    // Another thread has closed it.
                }
            }
        }
        return open;
    }

    @Test
    void doesNoFurtherWorkAfterAnUnexpectedFailure() throws IOException {
        AcceptedTopic topic = AcceptedTopic.of(SECOND, 10);
        Shard shard = new Shard(dir, SHARD, settings(400), () -> false, segment -> {
            throw new IllegalStateException("the report could not be sent");
        });
        topic.apply(shard, 0, 4);
        assertThatThrownBy(() -> topic.apply(shard, 4)).isInstanceOf(IllegalStateException.class);

        assertThatThrownBy(() -> topic.apply(shard, 5))
                .isInstanceOf(WalException.class)
                .hasRootCauseMessage("the report could not be sent");
        shard.close();
        try (Shard again = shard()) {
            topic.applyAll(again);
        }
        assertThat(stored(dir, SECOND)).isEqualTo(topic.of(SECOND));
    }
}
