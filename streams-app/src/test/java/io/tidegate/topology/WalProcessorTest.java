package io.tidegate.topology;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tidegate.admission.HistoryBounds;
import io.tidegate.contract.AcceptedTopic;
import io.tidegate.contract.RecordSizes;
import io.tidegate.contract.Residency;
import io.tidegate.contract.TenantSource;
import io.tidegate.contract.TidegateHeaders;
import io.tidegate.contract.Topics;
import io.tidegate.wal.DataDir;
import io.tidegate.wal.WalSettings;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Properties;
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
        };
        WalSettings wal = WalSettings.of(10_000, Duration.ofHours(1), 4, Compression.NONE);
        store = new WalStore(
                WalProcessor.STORE, new DataDir(temp), wal, accepted, new SkippedRecords(TopologyListener.NONE));
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
                        SHARD + 1),
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

    /** What admission sets on every signal. */
    private static Headers headers() {
        return new RecordHeaders().add(TidegateHeaders.SOURCE, "signals/0/1".getBytes(US_ASCII));
    }
}
