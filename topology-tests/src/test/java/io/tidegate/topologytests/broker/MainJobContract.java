package io.tidegate.topologytests.broker;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.tidegate.topologytests.driver.JsonHeaders;
import io.tidegate.topologytests.support.Deployment;
import io.tidegate.topologytests.support.TidegateProcess;
import io.tidegate.topologytests.support.TopicAdmin;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.StringSerializer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInfo;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * The main job of the real program on a real broker; the embedded broker and any other one must pass. Each test has its own
 * application and topics, so that all can share a broker.
 */
@Timeout(value = 15, unit = TimeUnit.MINUTES)
abstract class MainJobContract {
    private static final JsonMapper JSON = new JsonMapper();

    @TempDir
    Path temp;

    private Deployment app;

    /** The address of the broker that a test uses. */
    abstract String bootstrapServers();

    @BeforeEach
    void nameTheTopicsAfterTheTest(TestInfo test) {
        String name = test.getTestMethod().orElseThrow().getName().toLowerCase(Locale.ROOT);
        app = new Deployment(bootstrapServers(), name, temp);
    }

    @AfterEach
    void endProcesses() {
        app.close();
    }

    @Test
    void decidesOnEachSignalAndPassesTheConservationCheck() throws Exception {
        TidegateProcess instance = app.start("a");
        app.set("2", "--entities", "10");
        app.set("3", "--rate", "0");
        app.set("1", "--label", "Unlimited");
        app.awaitUsable("1");
        app.send(500, i -> "{\"tenant_id\":1,\"item\":\"i%d\"}".formatted(i));
        app.send(30, i -> "{\"tenant_id\":2,\"item\":\"i%d\"}".formatted(i));
        app.send(30, i -> "{\"tenant_id\":2,\"item\":\"i%d\"}".formatted(i));
        app.send(7, i -> "{\"tenant_id\":3}");
        app.send(5, i -> "{\"tenant_id\":4}");
        app.send(6, i -> "{\"tenant_id\":0,\"item\":\"x%d\"}".formatted(i));
        app.send(3, i -> "{\"tenantId\":3,\"item\":\"x%d\"}".formatted(i));
        app.send(4, i -> "not json");

        JsonNode verified = app.verify("a");

        assertThat(verified.at("/tenants/1/in_wal").asLong()).isEqualTo(501);
        assertThat(verified.at("/tenants/2/accepted").asLong()).isEqualTo(20);
        assertThat(verified.at("/tenants/2/rejected/entity_limit").asLong()).isEqualTo(40);
        assertThat(verified.at("/tenants/3/rejected/rate_limited").asLong()).isEqualTo(7);
        assertThat(verified.at("/tenants/4/rejected/tenant_unknown").asLong()).isEqualTo(5);
        assertThat(verified.at("/tenants/0/in_wal").asLong()).isEqualTo(6);
        assertThat(verified.at("/tenants/?/dead_lettered").asLong()
                        + verified.at("/tenants/0/dead_lettered").asLong())
                .isEqualTo(4 + 3);
        assertThat(instance.logText()).doesNotContain("ERROR");

        var tail = app.tidegate(
                "rejections", "tail", "-o", "json", "--tenant", "2", "--reason", "entity_limit", "-n", "1");
        JsonNode rejection = JSON.readTree(tail.out());
        assertThat(JsonHeaders.text(rejection, "tidegate.limit")).isEqualTo("10");
        assertThat(JsonHeaders.text(rejection, "tidegate.observed")).isEqualTo("10");
        assertThat(JsonHeaders.text(rejection, "tidegate.source.topic")).isEqualTo(app.signals());
        assertThat(JsonHeaders.text(rejection, "tidegate.retry_after_ms")).isNull();

        var wal = app.tidegate("wal", "verify", "-o", "json", "--data-dir", app.dataDir("a"));
        assertThat(wal.exit()).as(wal.out() + wal.err()).isZero();
        var cat = app.tidegate("wal", "cat", "1", "--from-seq", "500", "-o", "json", "--data-dir", app.dataDir("a"));
        assertThat(JSON.readTree(cat.out()).get("value").asText()).isEqualTo("{\"tenant_id\":1,\"item\":\"i499\"}");
        var ls = app.tidegate("tenants", "ls", "-o", "json");
        assertThat(ls.out()).contains("\"entity_limit\":40").contains("\"label\":\"Unlimited\"");
    }

    @Test
    void resumesAfterACleanRestart() throws Exception {
        TidegateProcess first = app.start("a");
        app.set("1", "--entities", "5");
        app.awaitUsable("1");
        app.send(10, i -> "{\"tenant_id\":1,\"item\":\"i%d\"}".formatted(i));
        assertThat(app.verify("a").at("/tenants/1/in_wal").asLong()).isEqualTo(6);
        first.terminate();
        assertThat(first.logText()).contains("state=NOT_RUNNING");

        app.start("a");
        app.send(10, i -> "{\"tenant_id\":1,\"item\":\"i%d\"}".formatted(i));

        JsonNode verified = app.verify("a");
        assertThat(verified.at("/tenants/1/in_wal").asLong()).isEqualTo(11);
        assertThat(verified.at("/tenants/1/rejected/entity_limit").asLong()).isEqualTo(10);
    }

    @Test
    void losesAndDuplicatesNothingWhenKilledUnderLoad() throws Exception {
        killUnderLoad();
    }

    @Test
    void losesAndDuplicatesNothingWhenKilledUnderLoadWithTheClassicProtocol() throws Exception {
        killUnderLoad("--set", "group.protocol=classic");
    }

    private void killUnderLoad(String... more) throws Exception {
        TidegateProcess first = app.start("a", more);
        app.prepareLoad();
        Deployment.Load load = app.startLoad();
        app.awaitRecordsOfTenant1(200);
        first.kill();
        app.start("a", more);
        app.awaitRecordsOfTenant1(app.recordsOfTenant1() + 200);
        load.stop();

        app.assertLoadIsAccountedFor();
    }

    @Test
    void aChangedConfigTakesEffectWithoutARestart() throws Exception {
        app.start("a");
        app.set("1", "--rate", "0");
        app.set("9", "--label", "marker");
        app.awaitUsable("9");
        app.send(3, i -> "{\"tenant_id\":1}");
        assertThat(app.verify("a").at("/tenants/1/rejected/rate_limited").asLong())
                .isEqualTo(3);

        app.set("1", "--rate", "1000000");
        app.awaitUsable("1");
        assertThat(app.tidegate("tenants", "rm", "1").exit()).isZero();
        TidegateProcess.await(Deployment.TAKES_EFFECT_WITHIN, "the tenant to be unknown", () -> "", () -> {
            app.sendQuietly("{\"tenant_id\":1}");
            return app.verify("a").at("/tenants/1/rejected/tenant_unknown").asLong() > 0;
        });
    }

    @Test
    void aSecondProcessOnTheSameDataDirExitsAndNamesTheFirst() throws Exception {
        TidegateProcess first = app.start("a");

        TidegateProcess second = app.launch("a");

        assertThat(second.awaitExit()).isEqualTo(1);
        assertThat(second.logText())
                .contains("in use by process " + first.pid())
                .doesNotContain("\tat ");
    }

    @Test
    void aTopicWhoseTimestampsProducersSetStopsTheStartWithTheCommandThatFixesIt() throws Exception {
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", bootstrapServers()))) {
            TopicAdmin.create(admin, new NewTopic(app.signals(), 2, (short) 1));
        }

        TidegateProcess rejected = app.launch("a");

        assertThat(rejected.awaitExit()).isEqualTo(1);
        assertThat(rejected.logText())
                .contains("must be LogAppendTime")
                .contains("kafka-configs.sh --bootstrap-server " + bootstrapServers())
                .contains("--add-config message.timestamp.type=LogAppendTime");
        app.start("a", "--set", "signals.require.log.append.time=false");
        app.set("1", "--label", "From the future");
        app.awaitUsable("1");
        // A producer's time, 50 years ahead: brokers reject that by default, and the record must not stop the task.
        long ahead = System.currentTimeMillis() + Duration.ofDays(50 * 365).toMillis();
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", bootstrapServers()))) {
            TopicAdmin.set(admin, app.signals(), "message.timestamp.after.max.ms", Long.toString(Long.MAX_VALUE));
        }
        try (var producer = new KafkaProducer<>(
                Map.<String, Object>of("bootstrap.servers", bootstrapServers()),
                new StringSerializer(),
                new StringSerializer())) {
            producer.send(new ProducerRecord<>(app.signals(), 0, ahead, null, "{\"tenant_id\":1,\"item\":\"future\"}"))
                    .get(30, TimeUnit.SECONDS);
        }
        assertThat(app.verify("a").at("/tenants/1/in_wal").asLong()).isEqualTo(2);
    }

    @Test
    void initCreatesTheTopicsAndFindsThemTheSecondTime() throws Exception {
        var first = app.tidegate("init", "-o", "json");
        var second = app.tidegate("init", "-o", "json");

        assertThat(JSON.readTree(first.out()).get("created")).hasSize(9);
        assertThat(JSON.readTree(second.out()).get("found")).hasSize(9);
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", bootstrapServers()))) {
            var week = Duration.ofDays(7).toMillis();
            assertThat(retentionMs(admin, app.topic("by-tenant")))
                    .isEqualTo(week + Duration.ofDays(1).toMillis());
            assertThat(retentionMs(admin, app.topic("accepted"))).isEqualTo(-1);
            assertThat(retentionMs(admin, app.topic("quota-exceeded"))).isEqualTo(2 * week);
        }
        var otherShards = app.tidegate("init", "--set", "shards=5");
        assertThat(otherShards.exit()).isEqualTo(1);
        assertThat(otherShards.err())
                .contains("shards is 5, and", "Set shards=2")
                .doesNotContain("\tat ");
    }

    private static long retentionMs(Admin admin, String topic) throws Exception {
        var resource = new org.apache.kafka.common.config.ConfigResource(
                org.apache.kafka.common.config.ConfigResource.Type.TOPIC, topic);
        var config = admin.describeConfigs(List.of(resource)).all().get(30, TimeUnit.SECONDS);
        return Long.parseLong(config.get(resource).get("retention.ms").value());
    }

    @Test
    void setReadsTheOutputOfGet() throws Exception {
        app.init();
        app.set("18446744073709551615", "--rate", "100/s", "--burst", "500", "--storage", "1GiB", "--label", "Acme");
        var got = app.tidegate("tenants", "get", "18446744073709551615", "-o", "json");
        Path file = Files.writeString(temp.resolve("config.json"), got.out());

        app.set("18446744073709551615", "--from", file.toString());

        var again = app.tidegate("tenants", "get", "18446744073709551615", "-o", "json");
        assertThat(again.out())
                .isEqualTo(got.out())
                .contains("18446744073709551615")
                .contains("1073741824");
    }
}
