package io.tidegate.wal;

import static io.tidegate.wal.AcceptedTopic.FIRST;
import static io.tidegate.wal.AcceptedTopic.SECOND;
import static io.tidegate.wal.AcceptedTopic.record;
import static io.tidegate.wal.AcceptedTopic.stored;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.function.BooleanSupplier;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.header.Header;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A topic that does not match the files, and interruptions, which are not disk failures. */
class GuardTest {
    private static final int SHARD = 3;

    @TempDir
    Path root;

    private DataDir dir;

    @BeforeEach
    void dataDir() {
        dir = new DataDir(root);
    }

    private Shard open() {
        return new Shard(dir, SHARD, AcceptedTopic.settings(300));
    }

    /** Eight records, three to a segment; the checkpoint covers {@code durable} of them. */
    @ParameterizedTest
    @CsvSource({"8, 0", "8, 2", "8, 3", "8, 7", "4, 4", "4, 5", "4, 7", "0, 0", "0, 6", "7, 6", "7, 7"})
    void stopsIfTheFirstRepeatedRecordDiffers(int durable, int again) throws IOException {
        AcceptedTopic topic = AcceptedTopic.of(SECOND, 8);
        try (Shard shard = open()) {
            topic.apply(shard, 0, durable);
            if (durable > 0) {
                shard.checkpoint(durable - 1);
            }
            topic.apply(shard, durable, 8);
        }
        WalRecord same = record(again);
        WalRecord other = new WalRecord(again, same.timestampMs() + 1, same.key(), same.value(), same.headers());
        WalRecord longer = new WalRecord(again, same.timestampMs(), same.key(), new byte[50], new Header[0]);

        for (WalRecord wrong : List.of(other, longer)) {
            try (Shard shard = open()) {
                assertThatThrownBy(() -> shard.append(SECOND, wrong))
                        .isInstanceOfSatisfying(WalException.class, e -> {
                            assertThat(e.kind()).isEqualTo(WalException.Kind.DIFFERS);
                            assertThat(e.mayPass()).isFalse();
                        })
                        .hasMessageContaining("tenant t42, shard 3, record %d in the topic differs", again);
            }
        }

        try (Shard shard = open()) {
            topic.apply(shard, again, 8);
        }
        assertThat(stored(dir, SECOND)).isEqualTo(topic.of(SECOND));
    }

    @Test
    void asksOnceWhetherTheTopicStillHasItsBeginningAndOnlyForANewCopy() {
        int[] asked = new int[1];
        BooleanSupplier gone = () -> {
            asked[0]++;
            return true;
        };
        try (Shard shard = new Shard(dir, SHARD, AcceptedTopic.settings(300), gone, segment -> {})) {
            for (int seq = 5; seq < 9; seq++) {
                shard.append(SECOND, record(seq));
            }
            shard.append(FIRST, record(3));
            shard.checkpoint(10);
        }
        assertThat(asked[0]).isEqualTo(1);
        try (Shard shard = open()) {
            shard.append(AcceptedTopic.LAST, record(3));
        }
    }

    /** The topic had its beginning, so a tenant that begins late afterwards has lost records. */
    @Test
    void stopsIfATopicLostItsBeginningAfterThisCopyWasBegun() {
        try (Shard shard = open()) {
            shard.append(SECOND, record(0));
            shard.checkpoint(0);
            shard.forgetOffset();
        }
        try (Shard shard = new Shard(dir, SHARD, AcceptedTopic.settings(300), () -> true, segment -> {})) {
            assertThatThrownBy(() -> shard.append(FIRST, record(2)))
                    .hasMessageContaining("tenant t0, shard 3 lacks the sequence numbers 0 to 1.");
        }
    }

    @Test
    void anInterruptIsNotADiskFailureAndDuplicatesNothing() throws IOException {
        AcceptedTopic topic = AcceptedTopic.of(SECOND, 20);
        Shard shard = new Shard(dir, SHARD, AcceptedTopic.settings(1 << 20));
        topic.apply(shard, 0, 5);
        shard.checkpoint(4);
        topic.apply(shard, 5, 10);
        shard.flush();
        topic.apply(shard, 10, 12);
        Thread.currentThread().interrupt();
        try {
            assertThatThrownBy(shard::flush)
                    .isInstanceOfSatisfying(
                            WalException.class, e -> assertThat(e.mayPass()).isTrue());
            assertThatThrownBy(() -> topic.apply(shard, 12, 13)).isInstanceOf(WalException.class);
            assertThatThrownBy(() -> shard.checkpoint(11)).isInstanceOf(WalException.class);
            shard.close();
        } finally {
            assertThat(Thread.interrupted()).isTrue();
        }
        assertThat(dir.undurable().of(SHARD)).isEmpty();
        assertThat(stored(dir, SECOND)).as("nothing is cut for it").hasSizeGreaterThanOrEqualTo(10);

        try (Shard again = new Shard(dir, SHARD, AcceptedTopic.settings(1 << 20))) {
            assertThat(again.committedOffset()).isEqualTo(4);
            topic.apply(again, 5, 20);
        }
        assertThat(stored(dir, SECOND)).isEqualTo(topic.of(SECOND));
    }

    /** A later open of the file may not report that an earlier write never reached the disk. */
    @Test
    void makesAFileDurableBeforeItIsClosedToMakeRoomForAnother() throws IOException {
        Path base = Files.createDirectory(root.resolve("disk"));
        FaultyDisk disk = new FaultyDisk(base);
        DataDir faulty = new DataDir(disk.root());
        WalSettings oneFile = new WalSettings(1 << 20, Duration.ofDays(1), 1, 1 << 20, 1, Compression.NONE);
        Shard shard = new Shard(faulty, SHARD, oneFile);
        shard.append(FIRST, record(0));
        shard.append(SECOND, record(0));
        shard.append(FIRST, record(1));
        // A write, and then the fsync of the file that is closed to make room.
        disk.breakAt(2, false);
        assertThatThrownBy(() -> shard.append(SECOND, record(1)))
                .isInstanceOf(WalException.class)
                .hasMessageContaining("fsync was told to fail");
        shard.close();
        assertThat(disk.broke()).isTrue();
    }

    @Test
    void reportsHowFarEachShardFollowsTheTopic() throws IOException {
        assertThat(dir.appliedOffsets()).isEmpty();
        for (int number : new int[] {7, 3}) {
            try (Shard shard = new Shard(dir, number, AcceptedTopic.settings(300))) {
                shard.checkpoint(number * 10L);
            }
        }
        try (Shard shard = new Shard(dir, 5, AcceptedTopic.settings(300))) {
            shard.checkpoint(-4);
        }

        assertThat(dir.appliedOffsets()).containsExactly(java.util.Map.entry(3, 30L), java.util.Map.entry(7, 70L));
    }
}
