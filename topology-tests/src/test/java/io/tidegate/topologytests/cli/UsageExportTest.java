package io.tidegate.topologytests.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.tidegate.cli.InProcess;
import io.tidegate.demo.EmbeddedBroker;
import io.tidegate.topologytests.support.Deployment;
import io.tidegate.topologytests.support.TidegateProcess;
import io.tidegate.topologytests.support.TopicAdmin;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.StringSerializer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The billed counts of a month, on a real broker: they agree with all topics and files, even after kill -9. */
@Timeout(value = 15, unit = TimeUnit.MINUTES)
final class UsageExportTest {
    private static final long OCTOBER = Instant.parse("2026-10-31T23:59:00Z").toEpochMilli();
    private static final long NOVEMBER = Instant.parse("2026-11-01T00:00:00Z").toEpochMilli();

    @TempDir
    private Path temp;

    @Test
    void theMonthsOfATenantAddUpToTheCountsOfVerify() throws Exception {
        try (EmbeddedBroker broker = EmbeddedBroker.start(temp.resolve("broker"), 0, Map.of());
                Deployment app = new Deployment(
                        broker.bootstrapServers(), "usage", temp, "signals.require.log.append.time=false")) {
            try (Admin admin = Admin.create(Map.of("bootstrap.servers", broker.bootstrapServers()))) {
                NewTopic signals = new NewTopic(app.signals(), 2, (short) 1)
                        .configs(Map.of("message.timestamp.type", "CreateTime", "retention.ms", "-1"));
                TopicAdmin.create(admin, signals);
            }
            app.init();
            app.set("1", "--label", "Acme, \"Inc\"", "--external-id", "acme", "--external-id", "Acme 2");
            app.set("2", "--rate", "10/s", "--burst", "10");
            app.set("3", "--rate", "10/s", "--label", "=1+1");
            TidegateProcess killed = app.start("a");
            send(broker, app, 1, 1, startOf(6));
            for (int month = 6; month <= 10; month++) {
                send(broker, app, 3, 1, startOf(month));
            }
            send(broker, app, 1, 30, OCTOBER);
            send(broker, app, 1, 12, NOVEMBER);
            send(broker, app, 2, 15, NOVEMBER);
            app.awaitWal(1, 43);
            killed.kill();
            app.start("a");
            send(broker, app, 1, 3, NOVEMBER + 1_000);
            send(broker, app, 1, 2, OCTOBER + 59_000);

            JsonNode verified = app.verify("a");
            String header = "month,tenant_id,label,accepted,rejected,accepted_bytes,external_ids";
            int size = value(1).length();
            assertThat(export(app, "2026-10"))
                    .containsExactly(
                            header,
                            "2026-10,1,\"Acme, \"\"Inc\"\"\",32,0,%d,\"acme;Acme 2\"".formatted(32 * size),
                            "2026-10,3,\"'=1+1\",1,0,%d,".formatted(size));
            assertThat(export(app, "2026-11"))
                    .containsExactly(
                            header,
                            "2026-11,1,\"Acme, \"\"Inc\"\"\",15,0,%d,\"acme;Acme 2\"".formatted(15 * size),
                            "2026-11,2,\"\",10,5,%d,".formatted(10 * size));
            assertThat(export(app, "2026-12")).containsExactly(header);
            InProcess incomplete = run(app, "2026-06");
            assertThat(incomplete.exit()).isEqualTo(1);
            assertThat(incomplete.out().lines())
                    .containsExactly(header, "2026-06,1,\"Acme, \"\"Inc\"\"\",1,0,%d,\"acme;Acme 2\"".formatted(size));
            assertThat(incomplete.err())
                    .contains("the output omits 1 tenant whose counts of 2026-06 are no longer kept: t3;");
            assertThat(verified.at("/tenants/1/in_wal").asLong()).isEqualTo(1 + 32 + 15);
            assertThat(verified.at("/tenants/2/in_wal").asLong()).isEqualTo(10);
        }
    }

    private static String value(long tenant) {
        return "{\"tenant_id\":%d}".formatted(tenant);
    }

    private static List<String> export(Deployment app, String month) {
        InProcess run = run(app, month);
        assertThat(run.exit()).as(run.err()).isZero();
        return run.out().lines().toList();
    }

    private static InProcess run(Deployment app, String month) {
        List<String> words = new ArrayList<>(List.of("usage", "export", "--month", month));
        words.addAll(List.of(app.connection()));
        return InProcess.run(words.toArray(String[]::new));
    }

    private static long startOf(int month) {
        return Instant.parse("2026-%02d-01T00:00:00Z".formatted(month)).toEpochMilli();
    }

    private static void send(EmbeddedBroker broker, Deployment app, long tenant, int count, long atMs)
            throws Exception {
        Map<String, Object> config = Map.of("bootstrap.servers", broker.bootstrapServers(), "acks", "all");
        try (var producer = new KafkaProducer<>(config, new StringSerializer(), new StringSerializer())) {
            for (int i = 0; i < count; i++) {
                producer.send(new ProducerRecord<>(app.signals(), 0, atMs + i, null, value(tenant)))
                        .get(30, TimeUnit.SECONDS);
            }
        }
    }
}
