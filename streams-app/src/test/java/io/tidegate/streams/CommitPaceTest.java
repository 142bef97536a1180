package io.tidegate.streams;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.LongStream;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.streams.processor.TaskId;
import org.apache.kafka.streams.processor.api.MockProcessorContext;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.Record;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** When a thread requests a commit: soon if it has caught up, and not while it has a backlog. */
class CommitPaceTest {
    private static final TopicPartition P = new TopicPartition("signals", 0);
    private static final long INTERVAL_MS = 100;

    @TempDir
    Path temp;

    private final AtomicLong nanos = new AtomicLong(TimeUnit.HOURS.toNanos(1));
    private final Continuity continuity =
            new Continuity((partition, from, to) -> false, new AfterCommit(), INTERVAL_MS, nanos::get);
    private final ThreadProgress thread = continuity.ofThread();
    private final Processor<byte[], byte[], Void, Void> stage =
            continuity.<Void, Void>guarded(() -> record -> {}).get();
    private MockProcessorContext<Void, Void> context;
    private long delivered;
    private long processed;

    @BeforeEach
    void open() {
        context = new MockProcessorContext<>(new Properties(), new TaskId(0, 0), temp.toFile());
        stage.init(context);
        thread.committedAre(Map.of(P, new OffsetAndMetadata(0)));
        thread.soughtTo(P, 0);
    }

    private void poll(int records) {
        List<ConsumerRecord<byte[], byte[]>> batch = LongStream.range(delivered, delivered + records)
                .mapToObj(offset -> new ConsumerRecord<>(P.topic(), P.partition(), offset, new byte[0], new byte[0]))
                .toList();
        delivered += records;
        thread.delivered(new ConsumerRecords<>(
                records == 0 ? Map.of() : Map.of(P, batch), Map.of(P, new OffsetAndMetadata(delivered))));
    }

    private void process(int records) {
        for (int i = 0; i < records; i++) {
            context.setRecordMetadata(P.topic(), P.partition(), processed++);
            stage.process(new Record<>(new byte[0], new byte[0], 0));
        }
    }

    private void passes(long ms) {
        nanos.addAndGet(TimeUnit.MILLISECONDS.toNanos(ms));
    }

    private void commit() {
        thread.requireCommittable(Map.of(P, new OffsetAndMetadata(processed)));
        thread.transactionCommitted();
        context.resetCommit();
    }

    @Test
    void aThreadThatHasCaughtUpCommitsAtTheInterval() {
        poll(10);
        process(10);
        passes(INTERVAL_MS - 1);
        poll(0);
        assertThat(context.committed()).isFalse();
        passes(1);
        poll(0);
        assertThat(context.committed()).isTrue();
    }

    @Test
    void theFirstRecordAfterAPauseIsCommittedAtOnce() {
        passes(10 * INTERVAL_MS);
        poll(1);
        assertThat(context.committed()).as("there is nothing to commit").isFalse();
        process(1);
        assertThat(context.committed()).isTrue();

        commit();
        poll(1);
        process(1);
        assertThat(context.committed()).as("within the interval").isFalse();
    }

    @Test
    void aThreadWithABacklogLeavesItToKafkaStreams() {
        poll(CommitPace.BACKLOG_RECORDS + 100);
        process(100);
        passes(10 * INTERVAL_MS);
        poll(0);
        process(1);
        assertThat(context.committed()).isFalse();
        poll(0);
        assertThat(context.committed()).as("it has nearly caught up").isTrue();
    }

    @Test
    void aThreadWithoutATaskRequestsNoCommit() {
        poll(1);
        process(1);
        stage.close();
        passes(INTERVAL_MS);
        poll(0);
        assertThat(context.committed()).isFalse();
    }
}
