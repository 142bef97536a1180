package io.tidegate.topologytests.broker;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidegate.admin.TopicSetup;
import io.tidegate.contract.AcceptedTopic;
import io.tidegate.contract.TenantPartitions;
import io.tidegate.contract.TidegateHeaders;
import io.tidegate.demo.EmbeddedBroker;
import io.tidegate.tenant.TenantId;
import io.tidegate.topologytests.support.Deployment;
import io.tidegate.topologytests.support.TidegateProcess;
import io.tidegate.wal.DataDir;
import io.tidegate.wal.WalReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.record.internal.RecordBatch;
import org.apache.kafka.common.serialization.StringSerializer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Records that another program wrote to {@code signals-accepted} or without a time to {@code tenant-configs}: no instance
 * and no copy of the WAL stops at them.
 */
@Timeout(value = 15, unit = TimeUnit.MINUTES)
final class ForeignRecordsTest {
    private static final int SIGNALS = 200;
    private static final int SHARDS = 2;

    @TempDir
    Path temp;

    private EmbeddedBroker broker;
    private Deployment app;
    private TidegateProcess instance;

    @BeforeEach
    void start() throws Exception {
        broker = EmbeddedBroker.start(temp.resolve("broker"), 0, Map.of());
        app = new Deployment(broker.bootstrapServers(), "foreign", temp);
        instance = app.start("a");
        send(SIGNALS);
        app.awaitWal(0, SIGNALS);
    }

    @AfterEach
    void stop() {
        app.close();
        broker.close();
    }

    private void send(int count) throws Exception {
        app.send(count, i -> "{\"n\":%d}".formatted(i));
    }

    private void forge(int partition, String key) throws Exception {
        Map<String, Object> config = Map.of("bootstrap.servers", broker.bootstrapServers(), "acks", "all");
        try (var producer = new KafkaProducer<>(config, new StringSerializer(), new StringSerializer())) {
            var record = new ProducerRecord<>(app.topic("accepted"), partition, key, "{}");
            record.headers().add(TidegateHeaders.SOURCE, (app.signals() + "/0/1").getBytes(StandardCharsets.US_ASCII));
            producer.send(record).get(30, TimeUnit.SECONDS);
        }
    }

    private long recordsOfCopy() {
        try (WalReader reader = WalReader.open(new DataDir(Path.of(app.dataDir("b"))), TenantId.DEFAULT, 0)) {
            long count = 0;
            while (reader.next() != null) {
                count++;
            }
            return count;
        } catch (IOException e) {
            return 0;
        }
    }

    private static int shard() {
        return TenantPartitions.of(TenantId.DEFAULT, SHARDS);
    }

    @Test
    void theOwnerIgnoresForgedSequenceNumbersAndTenantsOfOtherShardsAndANewCopySkipsThem() throws Exception {
        forge(shard(), "0:99999");
        forge(shard(), "0:" + (SIGNALS + 1));
        forge(shard(), "0:" + (SIGNALS + 7));
        forge(1 - shard(), "0:0");
        send(SIGNALS);

        app.awaitWal(0, 2 * SIGNALS);

        assertThat(app.quick("wal", "verify", "--data-dir", app.dataDir("a")).exit())
                .isZero();
        instance.terminate();
        // By now the second and the third sequence number are assigned, at later offsets.
        TidegateProcess copy = app.start("b");
        TidegateProcess.await(
                Duration.ofSeconds(60), "the records in the copy", copy::logText, () -> recordsOfCopy() == 2 * SIGNALS);
        assertThat(copy.logText()).contains("skipped a record that Tidegate did not write");
        assertThat(app.quick("wal", "verify", "--data-dir", app.dataDir("b")).exit())
                .isZero();
    }

    /** Java's producer writes no such record, but other clients do. */
    @Test
    void aConfigWithoutATimeIsInForceInARunningInstanceAndAfterARestart() throws Exception {
        Map<String, Object> config = Map.of("bootstrap.servers", broker.bootstrapServers(), "acks", "all");
        try (var producer = new KafkaProducer<>(config, new StringSerializer(), new StringSerializer())) {
            var record = new ProducerRecord<>(app.topic("configs"), 0, "7", "{\"tenant_id\":7}") {
                @Override
                public Long timestamp() {
                    return RecordBatch.NO_TIMESTAMP;
                }
            };
            producer.send(record).get(30, TimeUnit.SECONDS);
        }
        app.awaitUsable("7");
        instance.terminate();

        app.start("a");

        long before = app.verify("a").at("/tenants/7/accepted").asLong();
        app.send(SIGNALS, i -> "{\"tenant_id\":7}");
        app.awaitWal(7, before + SIGNALS);
    }

    @Test
    void onlyMissingRecordsThatAdmissionWroteAreAGap() throws Exception {
        try (TopicSetup setup = new TopicSetup(app.settings())) {
            AcceptedTopic topic = setup.accepted();
            long afterAll = 1_000_000;

            assertThat(topic.isGap(shard(), TenantId.DEFAULT, 10, 20, afterAll))
                    .as("10 was assigned and does not come any more")
                    .isTrue();
            assertThat(topic.isGap(shard(), TenantId.DEFAULT, 10, 20, 0))
                    .as("10 comes later")
                    .isFalse();
            assertThat(topic.isGap(shard(), TenantId.DEFAULT, 10, SIGNALS, 0))
                    .as("never assigned")
                    .isFalse();
            assertThat(topic.isGap(shard(), TenantId.of(77), 0, 3, 0))
                    .as("a tenant without any number")
                    .isFalse();
            assertThat(topic.isGap(1 - shard(), TenantId.DEFAULT, 0, 3, 0))
                    .as("a shard without any usage")
                    .isTrue();
        }
    }
}
