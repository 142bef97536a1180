package io.tidegate.topology;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tidegate.admission.HistoryBounds;
import io.tidegate.contract.AcceptedTopic;
import io.tidegate.contract.RecordSizes;
import io.tidegate.contract.Residency;
import io.tidegate.contract.TenantPartitions;
import io.tidegate.contract.TenantSource;
import io.tidegate.contract.TidegateHeaders;
import io.tidegate.contract.Topics;
import io.tidegate.tenant.TenantId;
import io.tidegate.wal.DataDir;
import io.tidegate.wal.WalException;
import io.tidegate.wal.WalRecord;
import io.tidegate.wal.WalSettings;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.function.Predicate;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.streams.processor.TaskId;
import org.apache.kafka.streams.processor.api.MockProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a task's thread does to the WAL's processor and its store, without the brokers that make it do so. */
class WalProcessorTest {
    private static final int SHARD = 2;
    private static final TopicPartition ACCEPTED = new TopicPartition("accepted", SHARD);

    @TempDir
    Path temp;

    private MockProcessorContext<TenantKey, byte[]> context;
    private WalStore store;
    private WalProcessor processor;
    private final WalProcessor.OnThread onThread = new WalProcessor.OnThread();
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
        context = new MockProcessorContext<>(new Properties(), new TaskId(3, SHARD), temp.toFile());
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
        store = new WalStore(
                WalProcessor.STORE, new DataDir(temp), wal, shards(), accepted, new SkippedRecords(counting));
        Topics topics =
                new Topics(List.of("in"), "by", "configs", "accepted", "over", "dead", "segments", "do", "events");
        Duration often = Duration.ofSeconds(1);
        processor = new WalProcessor(
                new TopologySettings(
                        topics,
                        TenantSource.VALUE,
                        null,
                        new Residency(null, Map.of()),
                        "a",
                        RecordSizes.kafkaDefaults(),
                        10,
                        1_000,
                        1_000,
                        HistoryBounds.DEFAULT,
                        wal,
                        often,
                        often,
                        shards()),
                onThread,
                TopologyListener.NONE);
    }

    @AfterEach
    void stop() {
        store.close();
    }

    private void open() {
        store.init(context.getStateStoreContext(), store);
        processor.init(context);
    }

    private void process(long offset) {
        context.setRecordMetadata(ACCEPTED.topic(), SHARD, offset);
        byte[] key = ("42:" + offset).getBytes(US_ASCII);
        processor.process(new Record<>(key, new byte[10], offset, headers()));
    }

    @Test
    void goesOnOnlyWhereItWasRestoredToAlsoAfterItsTaskWasRevived() {
        open();
        process(0);
        process(1);
        store.checkpoint();
        process(2);
        // What Kafka Streams does with a task that it calls corrupted: the same processor, the store from its
        // checkpoint.
        processor.close();
        store.close();
        open();

        assertThatThrownBy(() -> process(3))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("restored up to offset 1 only and is to go on at 3");
        process(2);
        process(3);
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
                .hasMessageContaining("signals-accepted is not what the WAL follows");
    }

    @Test
    void countsTheTasksOfItsOwnTopologyOnly() {
        WalProcessor.OnThread ofAnotherTopology = new WalProcessor.OnThread();

        open();

        assertThat(onThread.tasks()).hasValue(1);
        assertThat(ofAnotherTopology.tasks()).hasValue(0);
        processor.close();
        assertThat(onThread.tasks()).hasValue(0);
    }

    @Test
    void aRecordThatWasPolledButNotProcessedIsNotTakenForApplied() {
        open();
        process(0);
        process(1);
        // The task is taken away while records up to 8 wait in its queue: so far Kafka Streams says it is, and as a
        // standby goes on behind that.
        store.commit(Map.of(ACCEPTED, 8L));

        assertThat(store.committedOffset(ACCEPTED)).isEqualTo(1);
        assertThatThrownBy(() -> store.restore(List.of(stored(9))))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("restored up to offset 1 only and is to go on at 9");
        store.close();
        open();
        assertThat(store.committedOffset(ACCEPTED)).isEqualTo(1);
        store.restore(List.of(stored(2), stored(3)));
        store.commit(Map.of(ACCEPTED, 3L));
        assertThat(store.committedOffset(ACCEPTED)).isEqualTo(3);
        // Further by the marker of a transaction alone.
        everythingIsThere = false;
        store.commit(Map.of(ACCEPTED, 4L));
        store.restore(List.of(stored(5, 4)));
        store.commit(Map.of(ACCEPTED, 5L));
        assertThat(store.committedOffset(ACCEPTED)).isEqualTo(5);
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

    /** With so many shards, {@link #SHARD} is that of tenant 42. */
    private static int shards() {
        int shards = SHARD + 1;
        while (TenantPartitions.of(TenantId.of(42), shards) != SHARD) {
            shards++;
        }
        return shards;
    }

    /** What admission sets on every signal. */
    private static Headers headers() {
        return new RecordHeaders().add(TidegateHeaders.SOURCE, "signals/0/1".getBytes(US_ASCII));
    }
}
