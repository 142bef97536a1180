package io.tidegate.topologytests.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.tidegate.cli.InProcess;
import io.tidegate.demo.EmbeddedBroker;
import io.tidegate.topologytests.support.Deployment;
import io.tidegate.topologytests.support.Http;
import io.tidegate.topologytests.support.TidegateProcess;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.StringSerializer;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInfo;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Commands refer to tenants by name, and the one writer keeps names unique. */
@Timeout(value = 15, unit = TimeUnit.MINUTES)
final class TenantNamesCommandsTest {
    private static final JsonMapper JSON = new JsonMapper();
    private static final Duration WITHIN = Duration.ofSeconds(60);

    @TempDir
    private static Path temp;

    private static EmbeddedBroker broker;
    private Deployment app;

    @BeforeAll
    static void startBroker() throws Exception {
        broker = EmbeddedBroker.start(temp.resolve("broker"), 0, Map.of());
    }

    @AfterAll
    static void stopBroker() {
        if (broker != null) {
            broker.close();
        }
    }

    @BeforeEach
    void start(TestInfo test) throws Exception {
        String name = test.getTestMethod().orElseThrow().getName().substring(0, 8);
        app = new Deployment(broker.bootstrapServers(), name, Files.createDirectory(temp.resolve(name)));
        app.init();
    }

    @AfterEach
    void stop() {
        app.close();
    }

    private void configRecord(String tenant, String json) throws Exception {
        Map<String, Object> config = Map.of("bootstrap.servers", broker.bootstrapServers(), "acks", "all");
        try (var producer = new KafkaProducer<>(config, new StringSerializer(), new StringSerializer())) {
            producer.send(new ProducerRecord<>(app.topic("configs"), 0, tenant, json))
                    .get(30, TimeUnit.SECONDS);
        }
    }

    private InProcess run(String... arguments) {
        return app.quick(arguments);
    }

    @Test
    void theOneWriterKeepsNamesUniqueAndCommandsTakeThem() throws Exception {
        app.set("42", "--external-id", "acme", "--external-id", "org_8Kd", "--rate", "10/s");
        app.set("acme", "--label", "Acme");

        JsonNode config = JSON.readTree(
                app.quick("tenants", "get", "org_8Kd", "-o", "json").out());
        assertThat(config.path("tenant_id").asLong()).isEqualTo(42);
        assertThat(config.path("label").asText()).isEqualTo("Acme");
        assertThat(config.path("external_ids").toString()).isEqualTo("[\"acme\",\"org_8Kd\"]");
        assertThat(app.quick("tenants", "ls").out()).contains("NAMES", "acme, org_8Kd");

        var taken = app.quick("tenants", "set", "43", "--external-id", "acme");
        assertThat(taken.exit()).isEqualTo(1);
        assertThat(taken.err()).contains("tenant t42 has the name 'acme' already");
        assertThat(app.quick("tenants", "get", "43").exit())
                .as("nothing was written")
                .isEqualTo(1);
        app.set("43", "--external-id", "Acme");

        var unknown = app.quick("tenants", "get", "nobody");
        assertThat(unknown.exit()).isEqualTo(1);
        assertThat(unknown.err()).contains("no tenant has the name 'nobody'");
        assertThat(app.quick("tenants", "get", "007").exit()).isEqualTo(2);
        assertThat(app.quick("tenants", "set", "44", "--external-id", "t9").exit())
                .isEqualTo(2);

        app.set("42", "--external-id", "org_8Kd");
        app.set("44", "--external-id", "acme");
        var undone = app.quick("tenants", "undo", "42");
        assertThat(undone.exit()).as("an undo would take the name back").isEqualTo(1);
        assertThat(undone.err()).contains("tenant t44 has the name 'acme' already");
        assertThat(app.quick("tenants", "rm", "acme").exit()).isZero();
        assertThat(app.quick("tenants", "undo", "42").exit()).isZero();
    }

    @Test
    void aConflictThatAnotherToolWroteIsReportedAndDoesNotStopOtherChanges() throws Exception {
        app.set("42", "--external-id", "acme", "--external-id", "own");
        configRecord("7", "{\"tenant_id\":7,\"external_ids\":[\"acme\"]}");

        var doctor = app.quick("doctor", "--data-dir", app.dataDir("a"));
        assertThat(doctor.out())
                .contains(
                        "warn  tenants   the name 'acme' is in the configs of the tenants t7, t42, so it refers to none");
        var ambiguous = app.quick("tenants", "get", "acme");
        assertThat(ambiguous.exit()).isEqualTo(1);
        assertThat(ambiguous.err()).contains("several tenants", "t7, t42");

        app.set("own", "--rate", "5/s");
        assertThat(app.quick("tenants", "unset", "7", "--external-id").exit()).isZero();
        assertThat(app.quick("tenants", "get", "acme").exit()).isZero();
    }

    @Test
    void signalsOfAnUnknownNameAreReplayedOnceATenantHasItAndConservationHolds() throws Exception {
        app.set("42", "--external-id", "acme");
        Http http = Http.of(app.start("a"));
        TidegateProcess.await(WITHIN, "the name to be known", () -> app.logs(), () -> {
            app.sendQuietly("{\"tenant_id\":\"acme\"}");
            return app.verify("a").at("/tenants/42/accepted").asLong() > 0;
        });
        app.send(3, i -> "{\"tenant_id\":\"globex\",\"item\":\"i" + i + "\"}");
        JsonNode before = app.verify("a");
        assertThat(before.at("/tenants/?/rejected/tenant_unknown").asLong()).isGreaterThanOrEqualTo(3);
        assertThat(before.at("/tenants/0").isMissingNode()).isTrue();

        var tail = app.quick("rejections", "tail", "--reason", "tenant_unknown");
        assertThat(tail.out()).contains("no tenant has this name");
        var explained = app.quick("signals", "explain", "--max", "3");
        assertThat(explained.err()).contains("3 of 3 records name a tenant; 3 with a name that no tenant has");
        assertThat(app.quick("rejections", "replay").out())
                .as("nobody has the name")
                .contains("tenant_unknown");

        app.set("43", "--external-id", "globex");
        http.patch("42", "{\"max_entities\":0}");
        TidegateProcess.await(WITHIN, "a rejection of tenant 42", () -> app.logs(), () -> {
            app.sendQuietly("{\"tenant_id\":42,\"item\":\"new\"}");
            return run("rejections", "tail", "--tenant", "acme").out().contains("entity_limit");
        });
        assertThat(run("rejections", "tail", "--tenant", "acme").out()).contains(" 42        acme ");
        assertThat(run("rejections", "tail", "--tenant", "acme", "-o", "json").out())
                .contains("\"tenant_names\":[\"acme\"]");
        TidegateProcess.await(WITHIN, "the signals to be replayed", () -> app.logs(), () -> {
            var replay = run("rejections", "replay", "--yes");
            assertThat(replay.exit()).as(replay.out() + replay.err()).isZero();
            return app.verify("a").at("/tenants/43/accepted").asLong() >= 3;
        });
        assertThat(app.quick("wal", "cat", "43", "--data-dir", app.dataDir("a")).out())
                .contains("globex");

        // The name now belongs to another tenant. Signals accepted earlier still belong to the former one.
        app.set("42", "--external-id", "other");
        app.set("44", "--external-id", "acme");
        JsonNode after = app.verify("a");
        assertThat(after.at("/tenants/42/accepted").asLong())
                .isEqualTo(before.at("/tenants/42/accepted").asLong());
        assertThat(after.at("/tenants/44").isMissingNode()).isTrue();
    }
}
