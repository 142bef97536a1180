package io.tidegate.streams;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tidegate.admission.HistoryBounds;
import io.tidegate.contract.RecordSizes;
import io.tidegate.contract.Residency;
import io.tidegate.contract.TenantSource;
import io.tidegate.contract.Topics;
import io.tidegate.signal.SignalMapping;
import io.tidegate.tenant.MissingTenants;
import io.tidegate.tenant.UnknownTenants;
import io.tidegate.topology.TenantConfigs;
import io.tidegate.topology.TidegateTopology;
import io.tidegate.topology.TopologyListener;
import io.tidegate.topology.TopologySettings;
import io.tidegate.wal.DataDir;
import io.tidegate.wal.WalSettings;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.LongStream;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.MockConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.streams.TopologyTestDriver;
import org.apache.kafka.streams.processor.TaskId;
import org.apache.kafka.streams.processor.api.MockProcessorContext;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.Record;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A thread that would skip a record, or commit one twice, fails before it commits. */
class ThreadProgressTest {
    private static final TopicPartition P = new TopicPartition("in", 0);
    private static final TopicPartition Q = new TopicPartition("in", 1);

    @TempDir
    Path temp;

    /** The offsets that have records, of all partitions. */
    private final Set<Long> existing = new TreeSet<>();

    private final List<String> asked = new ArrayList<>();
    private final Continuity continuity = new Continuity((partition, from, to) -> {
        asked.add(from + "-" + to);
        return existing.stream().anyMatch(offset -> offset >= from && offset < to);
    });
    private final ThreadProgress thread = continuity.ofThread();
    private final Map<TopicPartition, MockProcessorContext<Void, Void>> contexts = new LinkedHashMap<>();
    private final Map<TopicPartition, Processor<byte[], byte[], Void, Void>> stages = new LinkedHashMap<>();

    @BeforeEach
    void begin() {
        List.of(P, Q).forEach(this::open);
    }

    private void open(TopicPartition partition) {
        var context = new MockProcessorContext<Void, Void>(
                new Properties(), new TaskId(0, partition.partition()), temp.toFile());
        Processor<byte[], byte[], Void, Void> stage =
                continuity.<Void, Void>guarded(() -> record -> {}).get();
        stage.init(context);
        contexts.put(partition, context);
        stages.put(partition, stage);
        thread.committedAre(Map.of(partition, new OffsetAndMetadata(0)));
        thread.soughtTo(partition, 0);
    }

    private void deliver(TopicPartition partition, long next, long... offsets) {
        List<ConsumerRecord<byte[], byte[]>> records = LongStream.of(offsets)
                .mapToObj(offset -> {
                    existing.add(offset);
                    return new ConsumerRecord<>(
                            partition.topic(), partition.partition(), offset, new byte[0], new byte[0]);
                })
                .toList();
        thread.delivered(new ConsumerRecords<>(
                records.isEmpty() ? Map.of() : Map.of(partition, records),
                Map.of(partition, new OffsetAndMetadata(next))));
    }

    private void process(TopicPartition partition, long... offsets) {
        for (long offset : offsets) {
            contexts.get(partition).setRecordMetadata(partition.topic(), partition.partition(), offset);
            stages.get(partition).process(new Record<>(new byte[0], new byte[0], 0));
        }
    }

    private void commit(Map<TopicPartition, Long> offsets) {
        Map<TopicPartition, OffsetAndMetadata> committing = new LinkedHashMap<>();
        offsets.forEach((partition, offset) -> committing.put(partition, new OffsetAndMetadata(offset)));
        thread.requireCommittable(committing);
        thread.transactionCommitted();
    }

    @Test
    void aPartitionWithoutACommittedOffsetIsResumedAndItsPositionComesLater() {
        var consumer = new MockConsumer<byte[], byte[]>("none");
        TopicPartition fresh = new TopicPartition("in", 2);
        consumer.assign(List.of(fresh));

        // An exception from here would end the thread instead of letting Kafka Streams reset the position at its next
        // poll.
        assertThatCode(() -> thread.resumed(consumer, List.of(fresh))).doesNotThrowAnyException();
    }

    @Test
    void letsMarkersAndAbortedRecordsPassWithoutAskingTheBrokers() {
        deliver(P, 3, 0, 1, 2);
        process(P, 0, 1);
        commit(Map.of(P, 2L));
        deliver(P, 4); // a marker alone
        process(P, 2);
        commit(Map.of(P, 4L));
        deliver(P, 12, 5, 9); // aborted records and markers around them
        process(P, 5, 9);
        commit(Map.of(P, 12L));

        assertThat(asked).isEmpty();
    }

    @Test
    void failsIfAnAbortedTransactionLeavesAStageOpen() {
        deliver(P, 2, 0, 1);
        process(P, 0);
        thread.transactionAborted();

        assertThatThrownBy(() -> process(P, 1)).hasMessageContaining("aborted while task 0_0 was open");
        assertThatThrownBy(() -> commit(Map.of(P, 1L))).hasMessageContaining("aborted while task 0_");
        var consumer = new MockConsumer<byte[], byte[]>("earliest");
        assertThatThrownBy(() -> thread.beforePoll(consumer)).hasMessageContaining("aborted while task 0_");
    }

    @Test
    void continuesAfterAnAbortIfAllTasksWereLostAndBeginAtTheCommittedOffset() {
        deliver(P, 2, 0, 1);
        process(P, 0);
        thread.transactionAborted();
        stages.values().forEach(Processor::close);
        thread.retain(Set.of());
        var consumer = new MockConsumer<byte[], byte[]>("earliest");

        assertThatCode(() -> thread.beforePoll(consumer)).doesNotThrowAnyException();
        open(P);
        deliver(P, 2, 0, 1);
        process(P, 0, 1);
        commit(Map.of(P, 2L));
        assertThat(asked).isEmpty();
    }

    @Test
    void failsIfATaskThatIsOpenedAgainIsNotGivenWhatTheAbortedTransactionHad() {
        deliver(P, 2, 0, 1);
        process(P, 0, 1);
        thread.transactionAborted();
        stages.values().forEach(Processor::close);
        stages.get(P).init(contexts.get(P));

        assertThatThrownBy(() -> deliver(P, 3, 2)).hasMessageContaining("continues at offset 2");
    }

    @Test
    void failsIfRecordsThatWereDeliveredAreNeverProcessed() {
        deliver(P, 4, 0, 1, 2, 3);
        process(P, 0, 1);
        commit(Map.of(P, 2L));
        // The task is closed with 2 and 3 in its queue, and its successor does not seek back.
        deliver(P, 6, 4, 5);

        assertThatThrownBy(() -> process(P, 4)).hasMessageContaining("offset 4 is processed, and offset 2 is next");
        assertThatThrownBy(() -> commit(Map.of(P, 5L))).hasMessageContaining("offset 5 would be committed");
    }

    @Test
    void failsIfThePositionMovesPastRecordsThatWereNotDelivered() {
        deliver(P, 2, 0, 1);
        process(P, 0, 1);
        existing.addAll(List.of(2L, 3L, 4L));
        thread.soughtTo(P, 4);

        assertThatThrownBy(() -> commit(Map.of(P, 4L))).hasMessageContaining("records from offset 2 on");
        assertThatThrownBy(() -> deliver(P, 5, 4)).hasMessageContaining("records from offset 2 on");
    }

    @Test
    void continuesIfRetentionDeletedRecordsBeforeTheyWereDelivered() {
        deliver(P, 2, 0, 1);
        process(P, 0, 1);
        commit(Map.of(P, 2L));
        thread.soughtToBeginning(List.of(P));
        deliver(P, 101, 100);
        process(P, 100);
        commit(Map.of(P, 101L));

        assertThat(asked).containsExactly("2-100");
    }

    @Test
    void doesNotAskForAPositionWhereNothingIsCommitted() {
        thread.retain(Set.of());
        thread.committedAre(Collections.singletonMap(P, null));
        // With the reset policy "none", asking throws NoOffsetForPartitionException, which only poll may do.
        var consumer = new MockConsumer<byte[], byte[]>("none");
        consumer.assign(List.of(P));

        assertThatCode(() -> thread.resumed(consumer, List.of(P))).doesNotThrowAnyException();
        deliver(P, 1, 0);
        process(P, 0);
        commit(Map.of(P, 1L));
        assertThat(asked).isEmpty();
    }

    @Test
    void failsIfItBeginsAboveTheCommittedOffset() {
        thread.retain(Set.of());
        thread.committedAre(Map.of(P, new OffsetAndMetadata(7)));
        existing.add(8L);
        thread.soughtTo(P, 9);
        deliver(P, 10, 9);

        assertThatThrownBy(() -> process(P, 9)).hasMessageContaining("records from offset 7 on");
    }

    @Test
    void failsIfItBeginsBelowTheCommittedOffset() {
        thread.retain(Set.of());
        thread.committedAre(Map.of(P, new OffsetAndMetadata(7)));
        thread.soughtTo(P, 5);
        deliver(P, 6, 5);

        assertThatThrownBy(() -> process(P, 5)).hasMessageContaining("offset 7 is committed");
    }

    @Test
    void failsIfATransactionHasRecordsWithoutTheirOffset() {
        deliver(P, 1, 0);
        deliver(Q, 1, 0);
        process(P, 0);
        process(Q, 0);

        assertThatThrownBy(() -> commit(Map.of(Q, 1L))).hasMessageContaining("records of in-0 and not its offset");
        assertThatThrownBy(() -> commit(Map.of(P, 0L, Q, 1L))).hasMessageContaining("offset 0 would be committed");
    }

    @ParameterizedTest
    @CsvSource({"in, false", "by, false", "do, false", "in, true", "by, true", "do, true"})
    void everyStageOfTheTopologyIsGuarded(String topic, boolean keyedIngress) {
        WalSettings wal = WalSettings.of(10_000, Duration.ofHours(1), 4, Compression.NONE);
        var topics = new Topics(List.of("in"), "by", "configs", "accepted", "over", "dead", "segments", "do", "events");
        var settings = new TopologySettings(
                topics,
                TenantSource.VALUE,
                SignalMapping.DEFAULT,
                null,
                new Residency(null, Map.of()),
                "a",
                RecordSizes.kafkaDefaults(),
                10,
                1_000,
                1_000,
                HistoryBounds.DEFAULT,
                wal,
                Duration.ofSeconds(1),
                Duration.ofSeconds(1),
                1,
                keyedIngress);
        var topology = TidegateTopology.build(
                settings,
                new TenantConfigs(UnknownTenants.REJECT, MissingTenants.REJECT),
                new DataDir(temp.resolve("data")),
                shard -> false,
                continuity,
                TopologyListener.NONE);
        Properties config = new Properties();
        config.put("state.dir", temp.resolve("state").toString());
        try (var driver = new TopologyTestDriver(topology, config)) {
            var input = driver.createInputTopic(topic, new ByteArraySerializer(), new ByteArraySerializer());
            // No consumer has delivered it.
            assertThatThrownBy(() -> input.pipeInput("0:0".getBytes(UTF_8), "{}".getBytes(UTF_8)))
                    .hasStackTraceContaining("signals would be lost or decided twice: " + topic + "-0");
        }
    }
}
