package io.tidegate.topologytests;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
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
 * The main job against a real broker, by the real program: what holds on the embedded broker must hold on any. Each test
 * has its own application and topics, so that all can share a broker.
 */
@Timeout(value = 5, unit = TimeUnit.MINUTES)
abstract class MainJobContract {
    private static final JsonMapper JSON = new JsonMapper();
    private static final Duration TAKES_EFFECT_WITHIN = Duration.ofSeconds(30);

    @TempDir
    Path temp;

    private String name = "";
    private final List<TidegateProcess> processes = new ArrayList<>();

    /** The broker that a test runs against. */
    abstract String bootstrapServers();

    @BeforeEach
    void nameTheTopicsAfterTheTest(TestInfo test) {
        name = test.getTestMethod().orElseThrow().getName().toLowerCase(java.util.Locale.ROOT);
    }

    @AfterEach
    void endProcesses() {
        for (TidegateProcess process : processes) {
            process.close();
        }
    }

    @Test
    void decidesOnEachSignalAndTheBooksBalance() throws Exception {
        TidegateProcess instance = start("a");
        set("1", "--label", "Unlimited");
        set("2", "--entities", "10");
        set("3", "--rate", "0");
        awaitUsable("1");
        send(500, i -> "{\"tenant_id\":1,\"item\":\"i%d\"}".formatted(i));
        send(30, i -> "{\"tenant_id\":2,\"item\":\"i%d\"}".formatted(i));
        send(30, i -> "{\"tenant_id\":2,\"item\":\"i%d\"}".formatted(i));
        send(7, i -> "{\"tenant_id\":3}");
        send(5, i -> "{\"tenant_id\":4}");
        send(6, i -> "{\"item\":\"x%d\"}".formatted(i));
        send(4, i -> "not json");

        JsonNode books = verify("a");

        assertThat(books.at("/tenants/1/in_wal").asLong()).isEqualTo(501);
        assertThat(books.at("/tenants/2/accepted").asLong()).isEqualTo(20);
        assertThat(books.at("/tenants/2/rejected/entity_limit").asLong()).isEqualTo(40);
        assertThat(books.at("/tenants/3/rejected/rate_limited").asLong()).isEqualTo(7);
        assertThat(books.at("/tenants/4/rejected/tenant_unknown").asLong()).isEqualTo(5);
        assertThat(books.at("/tenants/0/in_wal").asLong()).isEqualTo(6);
        assertThat(books.at("/tenants/?/dead_lettered").asLong()).isEqualTo(4);
        assertThat(instance.logText()).doesNotContain("ERROR");

        var tail = tidegate("rejections", "tail", "-o", "json", "--tenant", "2", "--reason", "entity_limit", "-n", "1");
        JsonNode rejection = JSON.readTree(tail.out());
        assertThat(rejection.at("/headers/tidegate.limit").asText()).isEqualTo("10");
        assertThat(rejection.at("/headers/tidegate.observed").asText()).isEqualTo("10");
        assertThat(rejection.at("/headers/tidegate.source.topic").asText()).isEqualTo(signals());
        assertThat(rejection.at("/headers").has("tidegate.retry_after_ms")).isFalse();

        var wal = tidegate("wal", "verify", "-o", "json", "--data-dir", dataDir("a"));
        assertThat(wal.exit()).as(wal.out() + wal.err()).isZero();
        var cat = tidegate("wal", "cat", "1", "--from-seq", "500", "-o", "json", "--data-dir", dataDir("a"));
        assertThat(JSON.readTree(cat.out()).get("value").asText()).isEqualTo("{\"tenant_id\":1,\"item\":\"i499\"}");
        var ls = tidegate("tenants", "ls", "-o", "json");
        assertThat(ls.out()).contains("\"entity_limit\":40").contains("\"label\":\"Unlimited\"");
    }

    @Test
    void goesOnWhereItWasAfterACleanRestart() throws Exception {
        TidegateProcess first = start("a");
        set("1", "--entities", "5");
        awaitUsable("1");
        send(10, i -> "{\"tenant_id\":1,\"item\":\"i%d\"}".formatted(i));
        assertThat(verify("a").at("/tenants/1/in_wal").asLong()).isEqualTo(6);
        first.terminate();
        assertThat(first.logText()).contains("state=NOT_RUNNING");

        start("a");
        send(10, i -> "{\"tenant_id\":1,\"item\":\"i%d\"}".formatted(i));

        JsonNode books = verify("a");
        assertThat(books.at("/tenants/1/in_wal").asLong()).isEqualTo(11);
        assertThat(books.at("/tenants/1/rejected/entity_limit").asLong()).isEqualTo(10);
    }

    @Test
    void losesAndDoublesNothingWhenKilledUnderLoad() throws Exception {
        killUnderLoad();
    }

    @Test
    void losesAndDoublesNothingWhenKilledUnderLoadWithTheClassicProtocol() throws Exception {
        killUnderLoad("--set", "group.protocol=classic");
    }

    private void killUnderLoad(String... more) throws Exception {
        TidegateProcess first = start("a", more);
        var created = tidegate("load", "--tenants", "20", "--create-tenants", "--max-signals", "1", "--rate", "10/s");
        assertThat(created.exit()).as(created.err()).isZero();
        set("2", "--rate", "20", "--burst", "30");
        set("3", "--entities", "50");
        String[] load = {
            "load", "--tenants", "20", "--rate", "2000/s", "--duration", "12s", "--skew", "0.7", "--seed", "7"
        };
        var sending = java.util.concurrent.CompletableFuture.supplyAsync(() -> {
            try {
                return tidegate(load);
            } catch (Exception e) {
                throw new IllegalStateException(e);
            }
        });
        Path walOfTenant1 = Path.of(dataDir("a"), "tenants", "1", "wal");
        TidegateProcess.await(
                Duration.ofSeconds(60), "the first segment", () -> "", () -> Files.isDirectory(walOfTenant1));
        TidegateProcess.await(
                Duration.ofSeconds(60), "some records in the WAL", () -> "", () -> recordsOfTenant1() > 200);
        first.kill();
        start("a", more);
        assertThat(sending.get(2, TimeUnit.MINUTES).exit()).isZero();

        JsonNode books = verify("a");

        assertThat(books.at("/tenants/1/in_wal").asLong()).isGreaterThan(200);
        assertThat(books.at("/tenants/2/rejected/rate_limited").asLong()
                        + books.at("/tenants/2/rejected/burst_exceeded").asLong())
                .isPositive();
        assertThat(tidegate("wal", "verify", "--data-dir", dataDir("a")).exit()).isZero();
    }

    private long recordsOfTenant1() {
        try {
            var dir = new io.tidegate.wal.DataDir(Path.of(dataDir("a")));
            long count = 0;
            try (var reader = io.tidegate.wal.WalReader.open(dir, io.tidegate.tenant.TenantId.of(1), 0)) {
                while (reader.next() != null) {
                    count++;
                }
            }
            return count;
        } catch (java.io.IOException e) {
            return 0;
        }
    }

    @Test
    void aChangedConfigTakesEffectWithoutARestart() throws Exception {
        start("a");
        set("1", "--rate", "0");
        set("9", "--label", "marker");
        awaitUsable("9");
        send(3, i -> "{\"tenant_id\":1}");
        assertThat(verify("a").at("/tenants/1/rejected/rate_limited").asLong()).isEqualTo(3);

        set("1", "--rate", "1000000");
        awaitUsable("1");
        assertThat(tidegate("tenants", "rm", "1").exit()).isZero();
        TidegateProcess.await(TAKES_EFFECT_WITHIN, "the tenant to be unknown", () -> "", () -> {
            sendQuietly("{\"tenant_id\":1}");
            return verify("a").at("/tenants/1/rejected/tenant_unknown").asLong() > 0;
        });
    }

    @Test
    void aSecondProcessOnTheSameDataDirRefusesAndSaysWhoHasIt() throws Exception {
        TidegateProcess first = start("a");

        TidegateProcess second = launch("a");

        assertThat(second.awaitExit()).isEqualTo(1);
        assertThat(second.logText())
                .contains("in use by process " + first.pid())
                .doesNotContain("\tat ");
    }

    @Test
    void aTopicWhoseTimestampsProducersSetIsRefusedWithTheCommandThatMendsIt() throws Exception {
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", bootstrapServers()))) {
            admin.createTopics(List.of(new NewTopic(signals(), 2, (short) 1)))
                    .all()
                    .get(30, TimeUnit.SECONDS);
        }

        TidegateProcess refused = launch("a");

        assertThat(refused.awaitExit()).isEqualTo(1);
        assertThat(refused.logText())
                .contains("must be LogAppendTime")
                .contains("kafka-configs.sh --bootstrap-server " + bootstrapServers())
                .contains("--add-config message.timestamp.type=LogAppendTime");
        start("a", "--set", "signals.require.log.append.time=false");
        set("1", "--label", "From the future");
        awaitUsable("1");
        // A producer's time, 50 years ahead: brokers refuse that by default, and the record must not stop the task.
        long ahead = System.currentTimeMillis() + Duration.ofDays(50 * 365).toMillis();
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", bootstrapServers()))) {
            var topic = new org.apache.kafka.common.config.ConfigResource(
                    org.apache.kafka.common.config.ConfigResource.Type.TOPIC, signals());
            var any = new org.apache.kafka.clients.admin.ConfigEntry(
                    "message.timestamp.after.max.ms", Long.toString(Long.MAX_VALUE));
            admin.incrementalAlterConfigs(Map.of(
                            topic,
                            List.of(new org.apache.kafka.clients.admin.AlterConfigOp(
                                    any, org.apache.kafka.clients.admin.AlterConfigOp.OpType.SET))))
                    .all()
                    .get(30, TimeUnit.SECONDS);
        }
        try (var producer = new KafkaProducer<>(
                Map.<String, Object>of("bootstrap.servers", bootstrapServers()),
                new StringSerializer(),
                new StringSerializer())) {
            producer.send(new ProducerRecord<>(signals(), 0, ahead, null, "{\"tenant_id\":1,\"item\":\"future\"}"))
                    .get(30, TimeUnit.SECONDS);
        }
        assertThat(verify("a").at("/tenants/1/in_wal").asLong()).isEqualTo(2);
    }

    @Test
    void initMakesTheTopicsAndFindsThemTheSecondTime() throws Exception {
        var first = tidegate("init", "-o", "json");
        var second = tidegate("init", "-o", "json");

        assertThat(JSON.readTree(first.out()).get("created")).hasSize(7);
        assertThat(JSON.readTree(second.out()).get("found")).hasSize(7);
        var otherShards = tidegate("init", "--set", "shards=5");
        assertThat(otherShards.exit()).isEqualTo(1);
        assertThat(otherShards.err()).contains("has 2 partitions, shards is 5").doesNotContain("\tat ");
    }

    @Test
    void getPrintsWhatSetReads() throws Exception {
        assertThat(tidegate("init").exit()).isZero();
        set("18446744073709551615", "--rate", "100/s", "--burst", "500", "--storage", "1GiB", "--label", "Acme");
        var got = tidegate("tenants", "get", "18446744073709551615", "-o", "json");
        Path file = Files.writeString(temp.resolve("config.json"), got.out());

        set("18446744073709551615", "--from", file.toString());

        var again = tidegate("tenants", "get", "18446744073709551615", "-o", "json");
        assertThat(again.out())
                .isEqualTo(got.out())
                .contains("18446744073709551615")
                .contains("1073741824");
    }

    private TidegateProcess start(String instance, String... more) throws Exception {
        TidegateProcess process = TidegateProcess.run(temp.resolve("logs"), arguments(instance, more));
        processes.add(process);
        return process;
    }

    private TidegateProcess launch(String instance, String... more) throws Exception {
        TidegateProcess process = TidegateProcess.launch(temp.resolve("logs"), arguments(instance, more));
        processes.add(process);
        return process;
    }

    private String[] arguments(String instance, String... more) {
        List<String> arguments = new ArrayList<>(List.of("--data-dir", dataDir(instance)));
        arguments.addAll(List.of(connection()));
        arguments.addAll(List.of(more));
        return arguments.toArray(String[]::new);
    }

    private String[] connection() {
        return new String[] {
            "--bootstrap-server", bootstrapServers(),
            "--set", "application.id=" + name,
            "--set", "shards=2",
            "--set", "threads=1",
            "--set", "wal.segment.bytes=16384",
            "--set", "disk.min.free.bytes=0",
            "--set", "topic.signals=" + signals(),
            "--set", "topic.signals.by.tenant=" + name + ".by-tenant",
            "--set", "topic.tenant.configs=" + name + ".configs",
            "--set", "topic.signals.accepted=" + name + ".accepted",
            "--set", "topic.quota.exceeded=" + name + ".quota-exceeded",
            "--set", "topic.signals.dead.letter=" + name + ".dead-letter",
            "--set", "topic.wal.segments=" + name + ".segments"
        };
    }

    private String signals() {
        return name + ".signals";
    }

    private String dataDir(String instance) {
        return temp.resolve("data-" + instance).toString();
    }

    /** Runs a command; the connection is added where the command has one. */
    private TidegateProcess.Result tidegate(String... arguments) throws Exception {
        List<String> all = new ArrayList<>(List.of(arguments));
        if (!arguments[0].equals("wal")) {
            // Before what the test sets itself, because the last one holds.
            int options = (int) all.stream()
                    .takeWhile(argument -> !argument.startsWith("-"))
                    .count();
            all.addAll(options, List.of(connection()));
        }
        return TidegateProcess.command(temp, all.toArray(String[]::new));
    }

    private void set(String tenant, String... limits) throws Exception {
        List<String> arguments = new ArrayList<>(List.of("tenants", "set", tenant));
        arguments.addAll(List.of(limits));
        var result = tidegate(arguments.toArray(String[]::new));
        assertThat(result.exit()).as(result.err()).isZero();
    }

    /** Configs are read by every instance in its own time: sends until one signal of the tenant is accepted. */
    private void awaitUsable(String tenant) throws Exception {
        TidegateProcess.await(TAKES_EFFECT_WITHIN, "tenant %s to be accepted".formatted(tenant), () -> "", () -> {
            sendQuietly("{\"tenant_id\":%s,\"probe\":true}".formatted(tenant));
            return verify("a").at("/tenants/" + tenant + "/accepted").asLong() > 0;
        });
    }

    /** The books, which must balance. */
    private JsonNode verify(String instance) {
        try {
            var result = tidegate("verify", "-o", "json", "--data-dir", dataDir(instance), "--settle", "60s");
            assertThat(result.exit()).as(result.out() + result.err()).isZero();
            return JSON.readTree(result.out());
        } catch (Exception e) {
            throw new AssertionError(e);
        }
    }

    private void sendQuietly(String value) {
        try {
            send(1, i -> value);
        } catch (Exception e) {
            throw new AssertionError(e);
        }
    }

    private void send(int count, java.util.function.IntFunction<String> value) throws Exception {
        Map<String, Object> config = Map.of("bootstrap.servers", bootstrapServers(), "acks", "all");
        try (var producer = new KafkaProducer<>(config, new StringSerializer(), new StringSerializer())) {
            List<java.util.concurrent.Future<?>> sent = new ArrayList<>();
            for (int i = 0; i < count; i++) {
                // One partition, so that the order is the order of sending.
                String text = new String(value.apply(i).getBytes(StandardCharsets.UTF_8), StandardCharsets.UTF_8);
                sent.add(producer.send(new ProducerRecord<>(signals(), 0, null, text)));
            }
            for (var one : sent) {
                one.get(30, TimeUnit.SECONDS);
            }
        }
    }
}
