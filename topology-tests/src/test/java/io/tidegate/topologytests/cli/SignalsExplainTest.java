package io.tidegate.topologytests.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.tidegate.cli.InProcess;
import io.tidegate.demo.EmbeddedBroker;
import io.tidegate.topologytests.support.Deployment;
import io.tidegate.topologytests.support.TopicAdmin;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
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

/** Shows how the settings map an existing topic to tenants and signals, before an instance runs. */
@Timeout(value = 15, unit = TimeUnit.MINUTES)
final class SignalsExplainTest {
    private static final JsonMapper JSON = new JsonMapper();

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
    }

    @AfterEach
    void stop() {
        app.close();
    }

    private static void create(String topic, int partitions) throws Exception {
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", broker.bootstrapServers()))) {
            TopicAdmin.create(admin, new NewTopic(topic, partitions, (short) 1));
        }
    }

    private static void send(String topic, int partition, String... values) throws Exception {
        Map<String, Object> config = Map.of("bootstrap.servers", broker.bootstrapServers());
        try (var producer = new KafkaProducer<>(config, new StringSerializer(), new StringSerializer())) {
            for (String value : values) {
                producer.send(new ProducerRecord<>(topic, partition, null, value.replace('\'', '"')))
                        .get(30, TimeUnit.SECONDS);
            }
        }
    }

    private static List<JsonNode> lines(InProcess result) throws Exception {
        assertThat(result.exit()).as(result.err()).isZero();
        List<JsonNode> lines = new ArrayList<>();
        for (String line : result.out().lines().toList()) {
            lines.add(JSON.readTree(line));
        }
        return lines;
    }

    @Test
    void anExistingTopicIsExplainedBeforeTidegatesTopicsExist() throws Exception {
        String topic = app.topic("web");
        create(topic, 2);
        send(topic, 0, "{'site':{'account':42},'event':'purchase','cart':{'skus':['shoe','sock']}}", "not JSON");
        send(topic, 1, "{'site':{'account':-1}}", "{'event':'view'}");
        String[] mapping = {
            "--set", "signal.tenant=/site/account", "--set", "signal.type=/event", "--set", "signal.item=/cart/skus"
        };

        var json = app.quick(explain(topic, mapping, "-o", "json"));
        List<JsonNode> lines = lines(json);
        assertThat(lines).hasSize(4);
        assertThat(lines.get(0).path("tenant_id").asLong()).isEqualTo(42);
        assertThat(lines.get(0).path("type").asText()).isEqualTo("purchase");
        assertThat(lines.get(0).path("items").toString()).isEqualTo("[\"shoe\",\"sock\"]");
        assertThat(lines.get(0).path("bytes").asLong()).isPositive();
        assertThat(lines.get(1).path("reason").asText()).isEqualTo("malformed");
        assertThat(lines.get(2).path("reason").asText()).isEqualTo("tenant_invalid");
        assertThat(lines.get(3).path("tenant_id").asLong())
                .as("no other tenant is configured")
                .isZero();
        assertThat(lines.get(3).path("names_tenant").asBoolean()).isFalse();
        assertThat(json.err())
                .contains(
                        "%s: 1 of 4 records names a tenant; 1 without one count for tenant 0; dead letters: malformed 1, tenant_invalid 1"
                                .formatted(topic));

        var table = app.quick(explain(topic, mapping));
        assertThat(table.exit()).isZero();
        assertThat(table.out()).contains("PARTITION", "42", "purchase", "shoe (+1)", "tenant_invalid: the field");

        var wrong = app.quick(explain(topic, new String[0], "-o", "json"));
        assertThat(wrong.err()).as("the default places").contains("0 of 4 records name a tenant");

        var absent = app.quick("signals", "explain", "--topic", topic, "--partition", "7");
        assertThat(absent.exit()).isEqualTo(1);
        assertThat(absent.err()).contains("has no partition 7, it has 2");

        var unknown = app.quick("signals", "explain", "--topic", topic + "-unknown");
        assertThat(unknown.exit()).isEqualTo(1);
        assertThat(unknown.err())
                .contains("topic %s-unknown does not exist on".formatted(topic))
                .doesNotContain("init");
    }

    @Test
    void theNewestRecordsOfAllPartitionsAreReadOrThoseFromAnOffset() throws Exception {
        String topic = app.topic("many");
        create(topic, 2);
        for (int i = 0; i < 10; i++) {
            send(topic, i < 8 ? 0 : 1, "{'tenant_id':%d}".formatted(i));
        }

        List<JsonNode> newest = lines(app.quick("signals", "explain", "--topic", topic, "--max", "3", "-o", "json"));
        assertThat(newest).extracting(line -> line.path("tenant_id").asLong()).containsExactly(7L, 8L, 9L);

        List<JsonNode> from = lines(app.quick(
                "signals",
                "explain",
                "--topic",
                topic,
                "--partition",
                "0",
                "--from-offset",
                "2",
                "--max",
                "2",
                "-o",
                "json"));
        assertThat(from).extracting(line -> line.path("offset").asLong()).containsExactly(2L, 3L);
        assertThat(app.quick("signals", "explain", "--max", "0").exit()).isEqualTo(2);
    }

    @Test
    void theDoctorReadsTheIngressAndCountsTheRecordsThatNameATenant() throws Exception {
        app.init();
        Files.createDirectories(Path.of(app.dataDir("a")));
        assertThat(app.quick("tenants", "set", "42", "--rate", "10/s").exit()).isZero();
        assertThat(app.quick("doctor", "--data-dir", app.dataDir("a")).out())
                .contains("ok    signals   %s has no record to look at".formatted(app.signals()));

        send(app.signals(), 0, "{'account':42}", "{'account':42}");
        var blind = app.quick("doctor", "--data-dir", app.dataDir("a"));
        assertThat(blind.exit()).as(blind.out()).isEqualTo(1);
        assertThat(blind.out())
                .contains(
                        "fail  signals   %s: 0 of 2 records name a tenant; dead letters: tenant_missing 2"
                                .formatted(app.signals()),
                        "tidegate signals explain --topic " + app.signals());

        var mapped = app.quick("doctor", "--data-dir", app.dataDir("a"), "--set", "signal.tenant=/account");
        assertThat(mapped.exit()).as(mapped.out()).isZero();
        assertThat(mapped.out()).contains("ok    signals   %s: 2 of 2 records name a tenant".formatted(app.signals()));

        send(app.signals(), 0, "{}");
        var some = app.quick("doctor", "--data-dir", app.dataDir("a"), "--set", "signal.tenant=/account");
        assertThat(some.exit()).as(some.out()).isZero();
        assertThat(some.out()).contains("warn  signals   %s: 2 of 3 records name a tenant".formatted(app.signals()));
    }

    private static String[] explain(String topic, String[] settings, String... more) {
        List<String> words = new ArrayList<>(List.of("signals", "explain", "--topic", topic, "--max", "20"));
        words.addAll(List.of(settings));
        words.addAll(List.of(more));
        return words.toArray(String[]::new);
    }
}
