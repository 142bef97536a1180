package io.tidegate.topologytests.broker;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidegate.demo.EmbeddedBroker;
import io.tidegate.topologytests.support.Deployment;
import io.tidegate.topologytests.support.TidegateProcess;
import io.tidegate.topologytests.support.TopicAdmin;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringSerializer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Signals that are older than the brokers' default retention, as in a backlog or with times set by producers. Brokers delete by
 * record time, and the records about such a signal have its time.
 */
@Timeout(value = 15, unit = TimeUnit.MINUTES)
final class OldSignalsTest {
    private static final long AGE_MS = Duration.ofDays(30).toMillis();
    private static final String PROBE = "probe";

    @TempDir
    private Path temp;

    @Test
    void brokersDoNotDeleteTheAnswersToOldSignals() throws Exception {
        Map<String, String> deletesAtOnce =
                Map.of("log.initial.task.delay.ms", "100", "log.retention.check.interval.ms", "100");
        try (EmbeddedBroker broker = EmbeddedBroker.start(temp.resolve("broker"), 0, deletesAtOnce);
                Deployment app = new Deployment(
                        broker.bootstrapServers(), "old", temp, "signals.require.log.append.time=false");
                Admin admin = Admin.create(Map.of("bootstrap.servers", broker.bootstrapServers()));
                var producer = new KafkaProducer<>(
                        Map.<String, Object>of("bootstrap.servers", broker.bootstrapServers(), "acks", "all"),
                        new StringSerializer(),
                        new StringSerializer())) {
            String keptMs = Long.toString(2 * AGE_MS);
            TopicAdmin.create(
                    admin,
                    new NewTopic(app.signals(), 2, (short) 1)
                            .configs(Map.of("message.timestamp.type", "CreateTime", "retention.ms", keptMs)),
                    new NewTopic(PROBE, 1, (short) 1).configs(Map.of("retention.ms", "1000")));
            app.init();
            app.set("2", "--rate", "10/s", "--burst", "10");
            app.start("a");
            long at = System.currentTimeMillis() - AGE_MS;
            for (int i = 0; i < 15; i++) {
                send(producer, app.signals(), at, "{\"tenant_id\":2}");
            }
            send(producer, app.signals(), at, "{}");
            assertThat(app.verify("a").at("/balanced").asBoolean()).isTrue();

            // Two in turn: a deletion pass that began before the outcomes were written may delete the first one.
            for (long deleted = 1; deleted <= 2; deleted++) {
                send(producer, PROBE, at, "old");
                long wanted = deleted;
                TidegateProcess.await(
                        Duration.ofSeconds(60),
                        "the broker to delete old records",
                        app::logs,
                        () -> TopicAdmin.beginning(admin, new TopicPartition(PROBE, 0)) == wanted);
            }

            var verified = app.verify("a");
            assertThat(verified.at("/tenants/2/rejected/burst_exceeded").asLong())
                    .isEqualTo(5);
            assertThat(verified.findValuesAsText("dead_lettered")).contains("1");

            // An operator limits their retention to a second.
            List<TopicPartition> rejections = List.of(
                    new TopicPartition(app.topic("quota-exceeded"), 0),
                    new TopicPartition(app.topic("quota-exceeded"), 1));
            TopicAdmin.set(admin, app.topic("quota-exceeded"), "retention.ms", "1000");
            TidegateProcess.await(
                    Duration.ofSeconds(60),
                    "the broker to delete the rejections",
                    app::logs,
                    () -> rejections.stream().anyMatch(partition -> TopicAdmin.beginning(admin, partition) > 0));

            var verify = app.quick("verify", "--data-dir", app.dataDir("a"), "--settle", "1s");
            assertThat(verify.exit()).isEqualTo(3);
            assertThat(verify.out()).contains("were deleted", "Keep them longer than signals (retention.ms)");
        }
    }

    private static void send(KafkaProducer<String, String> producer, String topic, long atMs, String value)
            throws Exception {
        producer.send(new ProducerRecord<>(topic, 0, atMs, null, value)).get(30, TimeUnit.SECONDS);
    }
}
