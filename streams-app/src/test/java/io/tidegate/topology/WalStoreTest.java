package io.tidegate.topology;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tidegate.contract.AcceptedRecord;
import io.tidegate.contract.AcceptedTopic;
import io.tidegate.contract.TenantPartitions;
import io.tidegate.contract.TidegateHeaders;
import io.tidegate.streams.KafkaInternals;
import io.tidegate.tenant.TenantId;
import io.tidegate.wal.DataDir;
import io.tidegate.wal.WalException;
import io.tidegate.wal.WalReader;
import io.tidegate.wal.WalRecord;
import io.tidegate.wal.WalSettings;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Random;
import java.util.function.Predicate;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.streams.processor.TaskId;
import org.apache.kafka.streams.processor.api.MockProcessorContext;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The calls of a task's thread on the WAL's store, without the brokers that cause them. */
class WalStoreTest {
    private static final int SHARD = 2;
    private static final TenantId T42 = TenantId.of(42);
    private static final TopicPartition ACCEPTED = new TopicPartition("accepted", SHARD);

    @TempDir
    Path temp;

    private MockProcessorContext<TenantKey, byte[]> context;
    private WalStore store;
    private boolean everythingIsThere = true;
    private long assigned;
    private boolean topicIsWhole = true;
    private int skipped;

    private final TopologyListener counting = new TopologyListener() {
        @Override
        public void skipped() {
            skipped++;
        }
    };

    @BeforeEach
    void start() {
        context = new MockProcessorContext<>(new Properties(), new TaskId(1, SHARD), temp.toFile());
        store = store(temp);
    }

    private WalStore store(Path dir) {
        AcceptedTopic accepted = new AcceptedTopic() {
            @Override
            public boolean beginningIsGone(int partition) {
                return false;
            }

            @Override
            public boolean hasRecords(int partition, long from, long to) {
                return everythingIsThere;
            }

            @Override
            public boolean isGap(int partition, TenantId tenant, long nextSeq, long seq, long offset) {
                return seq < assigned;
            }

            @Override
            public boolean hasEarlier(
                    int partition, TenantId tenant, long seq, long offset, Predicate<WalRecord> isStored) {
                return topicIsWhole;
            }
        };
        WalSettings wal = WalSettings.of(10_000, Duration.ofHours(1), 4, Compression.NONE);
        return new WalStore(new DataDir(dir), wal, shards(), accepted, new SkippedRecords(counting));
    }

    @AfterEach
    void stop() {
        store.close();
    }

    private void open() {
        store.init(context.getStateStoreContext(), store);
    }

    /** Appends a signal, as the owner does when it accepts one. */
    private void stage(long seq) {
        stage(seq, false);
    }

    private void stage(long seq, boolean begins) {
        store.append(T42, AcceptedRecord.of(seq, 0, new byte[10], headers()), begins);
    }

    private List<Long> seqs() throws IOException {
        store.write();
        List<Long> seqs = new ArrayList<>();
        try (WalReader reader = WalReader.open(new DataDir(temp), T42, 0)) {
            for (WalRecord record = reader.next(); record != null; record = reader.next()) {
                seqs.add(record.seq());
            }
        }
        return seqs;
    }

    @Test
    void aSignalIsInItsFileOnceItsTransactionIsCommittedAndNotBefore() throws IOException {
        open();
        stage(0);
        stage(1);
        assertThat(seqs()).isEmpty();

        store.committed(7);

        assertThat(seqs()).containsExactly(0L, 1L);
        store.checkpoint();
        assertThat(store.committedOffset(ACCEPTED)).isEqualTo(7);
    }

    @Test
    void theOwnerReportsEachSegmentHoweverManyOneTransactionSeals() {
        open();
        int segments = 1_200;
        for (int seq = 0; seq <= segments; seq++) {
            stage(seq, true);
        }

        store.committed(7);

        assertThat(store.takeReports()).hasSize(segments);
    }

    @Test
    void recordsStagedByAnAbortedTransactionAreDropped() throws IOException {
        open();
        stage(0);
        store.committed(0);
        stage(1);
        stage(2);

        store.discard();
        stage(1);
        store.committed(5);

        assertThat(seqs()).containsExactly(0L, 1L);
    }

    @Test
    void afterACrashBetweenCommitAndAppendTheTopicHasTheRecordsThatTheFilesLack() throws IOException {
        open();
        stage(0);
        store.committed(0);
        store.checkpoint();
        stage(1);
        stage(2);
        // The transaction is committed and the process is killed: the next process begins at the checkpoint.
        store.close();
        store.discard();
        open();
        assertThat(store.committedOffset(ACCEPTED)).isEqualTo(0);
        assertThat(seqs()).containsExactly(0L);

        store.restore(List.of(stored(1), stored(2)));
        stage(3);
        store.committed(4);

        assertThat(seqs()).containsExactly(0L, 1L, 2L, 3L);
    }

    @Test
    void afterACrashBetweenAppendAndCheckpointRepeatedRecordsAreSkipped() throws IOException {
        open();
        stage(0);
        store.committed(0);
        store.checkpoint();
        stage(1);
        store.committed(1);
        store.close();
        open();

        store.restore(List.of(stored(1), stored(2)));

        assertThat(seqs()).containsExactly(0L, 1L, 2L);
    }

    @Test
    void theStoreIsFullAtTheBoundOfStagedBytesUntilACommit() {
        open();
        long bytes = 0;
        for (long seq = 0; bytes < WalStore.STAGED_BYTES_MAX; seq++) {
            assertThat(store.isFull()).isFalse();
            WalRecord record = AcceptedRecord.of(seq, seq, new byte[100_000], headers());
            store.append(T42, record, false);
            bytes += record.ownBytes();
        }
        assertThat(store.isFull()).isTrue();
        store.committed(1_000);
        assertThat(store.isFull()).isFalse();
    }

    @Test
    void aSealedSegmentIsReportedInTheNextTransactionAndComesAgainUntilThatIsCommitted() {
        open();
        stage(0, true);
        stage(1);
        store.committed(1);
        assertThat(store.takeReports()).isEmpty();
        stage(2, true);
        store.committed(2);
        store.checkpoint();
        assertThat(store.committedOffset(ACCEPTED))
                .as("the place before the unreported segment")
                .isEqualTo(1);

        assertThat(store.takeReports()).singleElement().isInstanceOf(WalStore.Report.Sealed.class);
        store.checkpoint();
        assertThat(store.committedOffset(ACCEPTED))
                .as("the report is not committed")
                .isEqualTo(1);
        store.committed(2);
        store.checkpoint();
        assertThat(store.committedOffset(ACCEPTED)).isEqualTo(2);
    }

    @Test
    void afterACrashTheOwnerReportsTheSegmentsThatItsPredecessorMayNotHaveReported() {
        open();
        stage(0, true);
        store.committed(0);
        stage(1, true);
        store.committed(1);
        store.checkpoint();
        store.close();
        WalStore successor = store(temp);
        successor.init(context.getStateStoreContext(), successor);

        ConsumerRecord<byte[], byte[]> begins = stored(1);
        AcceptedRecord.mark(begins.headers(), true);
        successor.restore(List.of(begins));

        assertThat(successor.takeReports()).singleElement().isInstanceOf(WalStore.Report.Sealed.class);
        successor.close();
        open();
    }

    private static ConsumerRecord<byte[], byte[]> begins(long offset, long seq) {
        ConsumerRecord<byte[], byte[]> record = stored(offset, seq);
        AcceptedRecord.mark(record.headers(), true);
        return record;
    }

    @Test
    void afterACrashRightAfterARestorationTheSegmentIsReadAgainAndReported() {
        open();
        store.restore(List.of(stored(0), begins(1, 1)));
        store.commit(Map.of(ACCEPTED, 1L));
        assertThat(store.committedOffset(ACCEPTED))
                .as("nobody may have reported the segment yet")
                .isEqualTo(0);
        store.close();
        WalStore successor = store(temp);
        successor.init(context.getStateStoreContext(), successor);

        successor.restore(List.of(begins(1, 1)));

        assertThat(successor.takeReports()).singleElement().isInstanceOf(WalStore.Report.Sealed.class);
        successor.close();
        open();
    }

    @Test
    void aStandbyMovesOnWhenALaterTransactionFollows() {
        open();
        store.restore(List.of(stored(0), begins(1, 1)));
        // The marker of the commit is at offset 2.
        store.restore(List.of(stored(3, 2), stored(4, 3)));
        store.commit(Map.of(ACCEPTED, 4L));

        assertThat(store.committedOffset(ACCEPTED)).isEqualTo(4);
    }

    @Test
    void anOwnerThatBecomesAStandbyMovesOn() {
        everythingIsThere = false; // between the offsets are only markers
        open();
        stage(0, true);
        store.committed(0);
        stage(1, true);
        store.committed(1);
        store.discard();

        store.restore(List.of(stored(3, 2)));
        store.commit(Map.of(ACCEPTED, 3L));

        assertThat(store.committedOffset(ACCEPTED)).isEqualTo(3);
    }

    @Test
    void aSegmentThatTheOpenTransactionPrunesIsNotReported() {
        open();
        stage(0, true);
        store.committed(0);
        stage(1, true);
        stage(2, true);
        store.committed(2);

        store.prune(T42, 1, false, 99);

        assertThat(store.takeReports())
                .as("only the segment that stays")
                .singleElement()
                .isInstanceOfSatisfying(
                        WalStore.Report.Sealed.class,
                        report -> assertThat(report.segment().firstSeq()).isEqualTo(1));
    }

    @Test
    void aPruneIsAppliedInTheOrderOfTheTransactionAndItsSegmentsAreTakenBack() throws IOException {
        open();
        stage(0, true);
        store.committed(0);
        stage(1, true);
        store.prune(T42, 1, false, 99);
        stage(2, true);
        store.committed(3);
        store.checkpoint();

        assertThat(seqs()).containsExactly(1L, 2L);
        assertThat(store.takeReports()).contains(new WalStore.Report.Dropped(T42, 0, 99));
    }

    @Test
    void restorationSkipsAPruneOfSequenceNumbersThatAreNotAssignedYet() throws IOException {
        open();
        store.restore(List.of(stored(0), command(1, 5, TidegateHeaders.PRUNE_WAL)));
        assertThat(skipped).isEqualTo(1);

        store.restore(List.of(command(2, Long.MAX_VALUE, TidegateHeaders.DELETE_TENANT), stored(3, 1)));

        assertThat(skipped).isEqualTo(2);
        assertThat(seqs()).containsExactly(0L, 1L);
    }

    @Test
    void restorationAppliesAPruneAndTakesTheCopiesOfADeletedTenantOnly() throws IOException {
        open();
        store.restore(List.of(stored(0), stored(1)));
        Path copies = Files.createDirectories(temp.resolve(".tidegate/quarantine"));
        Path own = Files.createFile(copies.resolve("42.some.log.from-0"));
        Path others = Files.createFile(copies.resolve("421.some.log.from-0"));

        store.restore(List.of(command(2, 2, TidegateHeaders.PRUNE_WAL)));
        assertThat(own).exists();
        store.restore(List.of(command(3, 2, TidegateHeaders.DELETE_TENANT)));

        assertThat(own).doesNotExist();
        assertThat(others).exists();
        store.checkpoint();
        assertThat(seqs()).isEmpty();
        store.restore(List.of(stored(4, 2)));
        assertThat(seqs()).containsExactly(2L);
    }

    @Test
    void aStandbyThatBecomesTheOwnerDoesNotReportASegmentThatWasPruned() {
        open();
        ConsumerRecord<byte[], byte[]> begins = stored(1);
        AcceptedRecord.mark(begins.headers(), true);
        store.restore(List.of(stored(0), begins));

        store.restore(List.of(command(2, 1, TidegateHeaders.PRUNE_WAL)));

        assertThat(store.takeReports()).singleElement().isInstanceOf(WalStore.Report.Dropped.class);
    }

    @Test
    void aCopyKeepsABoundedNumberOfReports() {
        open();
        List<ConsumerRecord<byte[], byte[]>> begin = new ArrayList<>();
        for (int offset = 0; offset <= 1_200; offset++) {
            ConsumerRecord<byte[], byte[]> record = stored(offset);
            AcceptedRecord.mark(record.headers(), true);
            begin.add(record);
        }

        store.restore(begin);

        assertThat(store.takeReports()).hasSize(1_000);
    }

    /** Kafka Streams passes the written offsets even if it does not know whether they were committed. */
    @Test
    void anOffsetThatWasWrittenAndNotAppliedIsNotAPlaceToResumeAfter() throws IOException {
        open();
        store.commit(Map.of(ACCEPTED, KafkaInternals.OFFSET_UNKNOWN));
        stage(0);
        stage(1);
        store.discard();
        store.commit(Map.of(ACCEPTED, 1L));
        assertThat(store.committedOffset(ACCEPTED)).isEqualTo(KafkaInternals.OFFSET_UNKNOWN);
        store.close();
        open();
        assertThat(store.committedOffset(ACCEPTED)).isEqualTo(KafkaInternals.OFFSET_UNKNOWN);

        store.restore(List.of(stored(0), stored(1)));

        assertThat(seqs()).containsExactly(0L, 1L);
    }

    /** Admission writes none of these records. */
    @Test
    void noContentOfTheTopicStopsARestoration() throws IOException {
        Random random = new Random(4);
        byte[][] keys = {
            null, {}, key("42"), key("42:"), key("42:x"), key("43:0"), key(":0"), key("42:99"), key("42:-1")
        };
        String[] commands = {null, "", "prune-wal", "delete-tenant", "other"};
        open();
        long offset = 0;
        store.restore(List.of(stored(offset++, 0)));
        for (int i = 0; i < 2_000; i++) {
            byte[] value = random.nextBoolean() ? null : new byte[random.nextInt(20)];
            ConsumerRecord<byte[], byte[]> strange =
                    new ConsumerRecord<>(ACCEPTED.topic(), SHARD, offset++, keys[random.nextInt(keys.length)], value);
            if (random.nextBoolean()) {
                strange.headers().add(TidegateHeaders.SOURCE, key(random.nextBoolean() ? "signals/0/1" : "signals"));
            }
            String command = commands[random.nextInt(commands.length)];
            if (command != null) {
                strange.headers().add(TidegateHeaders.COMMAND, key(command));
            }
            store.restore(List.of(strange));
        }
        store.restore(List.of(stored(offset, 1)));

        assertThat(skipped).isEqualTo(2_000);
        assertThat(seqs()).containsExactly(0L, 1L);
    }

    @Test
    void aRestorationThatLeavesRecordsOutFails() {
        open();
        store.restore(List.of(stored(0), stored(1)));
        store.checkpoint();
        store.close();
        open();

        assertThatThrownBy(() -> store.restore(List.of(stored(3))))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("restored up to offset 1 only and would continue at 3");
        store.restore(List.of(stored(2), stored(3)));
        assertThat(store.isOpen()).isTrue();
    }

    @Test
    void restorationAndStandbysSkipARecordAboveTheNextThatAdmissionNeverAssigned() {
        open();
        store.restore(List.of(stored(0), numbered(1, 7, 10), stored(2, 1)));
        assertThat(skipped).isEqualTo(1);

        store.restore(List.of(numbered(3, 5, 10), stored(4, 2)));

        assertThat(skipped).isEqualTo(2);
    }

    @Test
    void aGapOfNumbersThatAdmissionAssignedStopsTheShardAndNamesTheRange() {
        open();
        assigned = 8;
        store.restore(List.of(stored(0)));

        assertThatThrownBy(() -> store.restore(List.of(numbered(1, 7, 10))))
                .isInstanceOf(WalException.class)
                .hasMessageContaining("tenant t42, shard 2 lacks the sequence numbers 1 to 6");
        assertThat(skipped).isZero();
    }

    @Test
    void afterARestartARecordUnderAnOldNumberIsSkippedIfTheTopicStillHasTheStoredOne() {
        open();
        store.restore(List.of(stored(0), stored(1), stored(2)));
        store.checkpoint();
        store.close();
        open();

        store.restore(List.of(numbered(3, 1, 99)));

        assertThat(skipped).isEqualTo(1);
        store.restore(List.of(stored(4, 3)));
    }

    @Test
    void afterARestartADifferentRecordOfATopicThatLostTheStoredOneStopsTheShard() {
        open();
        store.restore(List.of(stored(0), stored(1), stored(2)));
        store.checkpoint();
        store.close();
        open();
        topicIsWhole = false;

        assertThatThrownBy(() -> store.restore(List.of(numbered(3, 1, 99))))
                .isInstanceOf(WalException.class)
                .hasMessageContaining("signals-accepted differs from the WAL");
    }

    @Test
    void aPlaceAboveTheLastAppliedRecordIsNotTakenForApplied() throws IOException {
        open();
        store.restore(List.of(stored(0), stored(1)));
        // Kafka Streams passes a higher offset, because of a transaction's marker or of records that were left out.
        store.commit(Map.of(ACCEPTED, 8L));

        assertThat(store.committedOffset(ACCEPTED)).isEqualTo(1);
        assertThatThrownBy(() -> store.restore(List.of(stored(9))))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("restored up to offset 1 only and would continue at 9");
        store.close();
        open();
        assertThat(store.committedOffset(ACCEPTED)).isEqualTo(1);
        store.restore(List.of(stored(2), stored(3)));
        store.commit(Map.of(ACCEPTED, 3L));
        assertThat(store.committedOffset(ACCEPTED)).isEqualTo(3);
        everythingIsThere = false;
        store.commit(Map.of(ACCEPTED, 4L));
        store.restore(List.of(stored(5, 4)));
        store.commit(Map.of(ACCEPTED, 5L));
        assertThat(store.committedOffset(ACCEPTED)).isEqualTo(5);
    }

    private static byte[] key(String text) {
        return text.getBytes(US_ASCII);
    }

    private static ConsumerRecord<byte[], byte[]> command(long offset, long belowSeq, String command) {
        ConsumerRecord<byte[], byte[]> record =
                new ConsumerRecord<>(ACCEPTED.topic(), SHARD, offset, key("42:" + belowSeq), null);
        record.headers().add(TidegateHeaders.COMMAND, key(command));
        return record;
    }

    private static ConsumerRecord<byte[], byte[]> stored(long offset) {
        return stored(offset, offset);
    }

    private static ConsumerRecord<byte[], byte[]> stored(long offset, long seq) {
        ConsumerRecord<byte[], byte[]> record =
                new ConsumerRecord<>(ACCEPTED.topic(), SHARD, offset, ("42:" + seq).getBytes(US_ASCII), new byte[10]);
        headers().forEach(record.headers()::add);
        return record;
    }

    private static ConsumerRecord<byte[], byte[]> numbered(long offset, long seq, int length) {
        ConsumerRecord<byte[], byte[]> record = new ConsumerRecord<>(
                ACCEPTED.topic(), SHARD, offset, ("42:" + seq).getBytes(US_ASCII), new byte[length]);
        headers().forEach(record.headers()::add);
        return record;
    }

    /** The number of shards with which tenant 42 belongs to {@link #SHARD}. */
    private static int shards() {
        int shards = SHARD + 1;
        while (TenantPartitions.of(TenantId.of(42), shards) != SHARD) {
            shards++;
        }
        return shards;
    }

    /** The headers that admission sets on every signal. */
    private static Headers headers() {
        return new RecordHeaders().add(TidegateHeaders.SOURCE, "signals/0/1".getBytes(US_ASCII));
    }
}
