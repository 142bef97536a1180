package io.tidegate.topologytests.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.tidegate.demo.ChildJvm;
import io.tidegate.demo.EmbeddedBroker;
import io.tidegate.topologytests.support.Deployment;
import io.tidegate.topologytests.support.TidegateProcess;
import io.tidegate.topologytests.support.TopicAdmin;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.serialization.StringSerializer;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInfo;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The commands with which an operator inspects a deployment before a change. */
@Timeout(value = 15, unit = TimeUnit.MINUTES)
@Tag("long")
final class OperatorCommandsTest {
    private static final JsonMapper JSON = new JsonMapper();

    @TempDir
    private static Path temp;

    private static EmbeddedBroker broker;
    private Deployment app;

    @BeforeAll
    static void startBroker() throws Exception {
        broker = EmbeddedBroker.start(
                temp.resolve("broker"),
                0,
                Map.of("group.streams.session.timeout.ms", "3000", "group.min.session.timeout.ms", "1000"));
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

    @Test
    void theDoctorFindsCausesThatKeepAnInstanceFromRunning() throws Exception {
        Files.createDirectories(Path.of(app.dataDir("a")));
        var before = app.quick("doctor", "--data-dir", app.dataDir("a"));
        assertThat(before.exit()).as(before.out() + before.err()).isZero();
        assertThat(before.out())
                .contains("warn  topics    missing: %s.accepted".formatted(app.applicationId()), "fix: tidegate init");

        app.init();
        var healthy = app.quick("doctor", "-o", "json", "--data-dir", app.dataDir("a"));
        assertThat(healthy.exit()).as(healthy.out()).isZero();
        assertThat(JSON.readTree(healthy.out()).at("/findings").findValuesAsText("area"))
                .contains(
                        "broker",
                        "listener",
                        "features",
                        "owner",
                        "topics",
                        "acl",
                        "clock",
                        "transactions",
                        "disk",
                        "data dir");
        try (var files = Files.list(Path.of(app.dataDir("a")))) {
            assertThat(files).as("the doctor leaves nothing behind").isEmpty();
        }

        var otherwise = app.quick("doctor", "--data-dir", app.dataDir("a"), "--set", "shards=31");
        assertThat(otherwise.exit()).isEqualTo(1);
        assertThat(otherwise.out())
                .contains("fail  owner", "Set shards=")
                .as("partitions cannot be taken away again")
                .doesNotContain("--partitions");

        try (Admin admin = Admin.create(Map.of("bootstrap.servers", broker.bootstrapServers()))) {
            admin.incrementalAlterConfigs(Map.of(
                            new ConfigResource(ConfigResource.Type.TOPIC, app.signals()),
                            List.of(new AlterConfigOp(
                                    new ConfigEntry("message.timestamp.type", "CreateTime"),
                                    AlterConfigOp.OpType.SET))))
                    .all()
                    .get();
        }
        var ill = app.quick("doctor", "--data-dir", app.dataDir("a"));
        assertThat(ill.exit()).isEqualTo(1);
        assertThat(ill.out())
                .contains(
                        "fail  topics    topic %s has message.timestamp.type=CreateTime, it must be LogAppendTime"
                                .formatted(app.signals()),
                        "fix: kafka-configs.sh");
    }

    @Test
    void anAbandonedTransactionIsFoundByTheDoctor() throws Exception {
        app.init();
        Map<String, Object> config = Map.of(
                "bootstrap.servers",
                broker.bootstrapServers(),
                "transactional.id",
                app.applicationId() + "-left-open",
                "transaction.timeout.ms",
                600_000);
        String topic = app.topic("quota-exceeded");
        try (var producer = new KafkaProducer<>(config, new StringSerializer(), new StringSerializer())) {
            producer.initTransactions();
            producer.beginTransaction();
            long tenMinutesAgo = System.currentTimeMillis() - 600_000;
            long offset = producer.send(new ProducerRecord<>(topic, 0, tenMinutesAgo, "7", "left"))
                    .get()
                    .offset();
            var ill = app.quick("doctor", "--data-dir", app.dataDir("a"));
            assertThat(ill.exit()).as(ill.out()).isEqualTo(1);
            assertThat(ill.out())
                    .contains("fail  transactions", "is open in %s-0 since offset %d".formatted(topic, offset))
                    .contains("abort --topic %s --partition 0 --start-offset %d".formatted(topic, offset));
            producer.abortTransaction();
        }
        var healthy = app.quick("doctor", "--data-dir", app.dataDir("a"));
        assertThat(healthy.exit()).as(healthy.out()).isZero();
        assertThat(healthy.out()).contains("none is open for long");
    }

    @Test
    void aDryRunReportsTheRejectionsOfNewLimitsAndSetsNothing() throws Exception {
        app.init();
        app.set("1", "--label", "One");
        app.set("2", "--entities", "4", "--mode", "observe");
        app.start("a");
        app.send(200, i -> "{\"tenant_id\":1,\"item\":\"i%d\"}".formatted(i % 20));
        app.send(5, i -> "{\"tenant_id\":2,\"item\":\"i%d\"}".formatted(i));
        app.verify("a");

        var rate = app.quick("tenants", "set", "1", "--rate", "0", "--dry-run");
        assertThat(rate.exit()).as(rate.err()).isZero();
        assertThat(rate.out())
                .matches("(?s)200 of 200 signals of tenant t?1 would have been rejected.*rate_limited 200.*");
        // All twenty items are known by now.
        var entities = app.quick("tenants", "set", "1", "--entities", "5", "--dry-run", "-o", "json");
        JsonNode report = JSON.readTree(entities.out());
        assertThat(report.path("tenant_id").asLong()).isEqualTo(1);
        assertThat(report.path("signals").asLong()).isEqualTo(200);
        assertThat(report.path("rejected_total").asLong()).isZero();
        assertThat(report.at("/rejected/entity_limit").asLong(-1)).isZero();
        assertThat(report.path("first_at").asText()).startsWith("20");
        assertThat(entities.err()).contains("nothing was set");
        assertThat(app.quick("tenants", "set", "1", "--region", "mars", "--dry-run", "--since", "10m")
                        .out())
                .contains("region_not_allowed");
        assertThat(app.quick("tenants", "get", "1", "-o", "json").out()).contains("\"max_signals_per_sec\" : null");

        // The fifth item exceeded the limit and was accepted in observe mode.
        List<String> over =
                app.quick("tenants", "ls", "--over", "80").out().lines().toList();
        assertThat(over).hasSize(2);
        assertThat(over.get(0))
                .matches("TENANT +NAMES +LABEL +PLAN +RATE +BURST +ACCEPTED +REJECTED +OBSERVED +BYTES +ENTITIES .*");
        assertThat(over.get(1)).matches(" +2 +- +unlimited +- +5 +0 +1 +\\S.* 5 / 4 .* 125 %  observe");
        List<JsonNode> all = new ArrayList<>();
        for (String line :
                app.quick("tenants", "ls", "-o", "json").out().lines().toList()) {
            all.add(JSON.readTree(line));
        }
        assertThat(all).extracting(row -> row.path("used_percent").asLong()).containsExactly(0L, 125L);
        assertThat(all.get(1).at("/usage/observed/entity_limit").asLong()).isEqualTo(1);
    }

    @Test
    void theSignalsBetweenTheStagesArePrintedAndRecordsThatAreNotEnvelopesAreReported() throws Exception {
        app.init();
        app.set("1", "--label", "One");
        app.set("3", "--label", "Three");
        app.start("a");
        app.send(50, i -> "{\"tenant_id\":%d,\"item\":\"i%d\"}".formatted(i % 2 == 0 ? 1 : 3, i));
        app.verify("a");

        var all = app.quick("signals", "cat", "-o", "json");
        assertThat(all.exit()).as(all.err()).isZero();
        List<JsonNode> signals = new ArrayList<>();
        for (String line : all.out().lines().toList()) {
            signals.add(JSON.readTree(line));
        }
        assertThat(signals)
                .extracting(signal -> signal.path("source").asText())
                .containsExactlyInAnyOrderElementsOf(java.util.stream.IntStream.range(0, 50)
                        .mapToObj(offset -> "%s/0/%d".formatted(app.signals(), offset))
                        .toList());
        assertThat(signals)
                .allSatisfy(signal -> assertThat(signal.path("value").asText())
                        .contains("\"item\":\"%s\""
                                .formatted(signal.at("/items/0").asText())));
        int partition = signals.get(0).path("partition").asInt();
        long offset = signals.get(0).path("offset").asLong();
        var one = app.quick(
                "signals",
                "cat",
                "--partition",
                "" + partition,
                "--from-offset",
                "" + offset,
                "--tenant",
                "1",
                "-n",
                "3");
        assertThat(one.out().lines().toList())
                .hasSizeBetween(1, 4)
                .first()
                .asString()
                .contains("PARTITION");

        String topic = app.topic("by-tenant");
        long damaged;
        try (var producer = new KafkaProducer<>(
                Map.<String, Object>of("bootstrap.servers", broker.bootstrapServers()),
                new StringSerializer(),
                new StringSerializer())) {
            damaged = producer.send(new ProducerRecord<>(topic, 1, null, "\u0009 of another version"))
                    .get()
                    .offset();
        }
        var report = app.quick("signals", "cat", "--partition", "1", "--from-offset", "" + damaged);
        assertThat(report.exit()).isEqualTo(3);
        assertThat(report.err())
                .contains("DAMAGE topic %s, partition 1, offset %d: an envelope of version 9".formatted(topic, damaged))
                .doesNotContain("\tat ");
        assertThat(report.out()).hasLineCount(1);

        var absent = app.quick("signals", "cat", "--partition", "7");
        assertThat(absent.exit()).isEqualTo(1);
        assertThat(absent.err()).contains("topic %s has no partition 7, it has 2".formatted(topic));
    }

    @Test
    void historyNamesAuthorsAndChangesAndUndoRevertsOne() throws Exception {
        app.init();
        app.set("7", "--rate", "10");
        app.set("7", "--rate", "20", "--label", "Seven");

        var undone = app.quick("tenants", "undo", "7");
        assertThat(undone.exit()).as(undone.err()).isZero();
        assertThat(undone.out()).contains("reverted");

        List<String> table = app.quick("tenants", "history", "7").out().lines().toList();
        assertThat(table).hasSize(4);
        assertThat(table.get(0)).matches("OFFSET +AT +BY +CHANGE");
        String user = "cli:" + System.getProperty("user.name");
        assertThat(table.get(1)).contains(user, "max_signals_per_sec: 20 → 10");
        assertThat(table.get(2)).contains(user, "max_signals_per_sec: 10 → 20", "label: \"\" → \"Seven\"");
        assertThat(table.get(3)).contains(user, "created max_signals_per_sec=10");
        List<JsonNode> changes = new ArrayList<>();
        for (String line :
                app.quick("tenants", "history", "7", "-o", "json").out().lines().toList()) {
            changes.add(JSON.readTree(line));
        }
        assertThat(changes).extracting(change -> change.path("by").asText()).containsOnly(user);
        assertThat(changes)
                .allSatisfy(change -> assertThat(change.path("at").asText())
                        .as("a time in milliseconds")
                        .matches("[^.]+(\\.\\d{3})?Z"));
        assertThat(changes.get(2).path("from").isNull()).isTrue();
        assertThat(changes.get(0).at("/to/max_signals_per_sec").asLong()).isEqualTo(10);

        String first = changes.get(2).path("config_offset").asText();
        assertThat(app.quick("tenants", "undo", "7", "--to", first).out()).contains("has no config again");
        var unknown = app.quick("tenants", "undo", "7", "--to", "999999");
        assertThat(unknown.exit()).isEqualTo(1);
        assertThat(unknown.err()).contains("999999");
        assertThat(app.quick("tenants", "get", "7").exit()).isEqualTo(1);
    }

    @Test
    void everyChangePrintsItsOffsetAsJson() throws Exception {
        app.init();
        long last = -1;
        for (String[] change : new String[][] {
            {"set", "9", "--rate", "10"},
            {"unset", "9", "--rate"},
            {"block", "9", "--for", "1h"},
            {"unblock", "9"},
            {"undo", "9"},
            {"rm", "9"}
        }) {
            List<String> command = new ArrayList<>(List.of("tenants"));
            command.addAll(List.of(change));
            command.addAll(List.of("-o", "json"));
            var result = app.quick(command.toArray(String[]::new));
            assertThat(result.exit()).as(change[0] + result.err()).isZero();
            JsonNode said = JSON.readTree(result.out());
            assertThat(said.path("tenant_id").asLong()).as(change[0]).isEqualTo(9);
            assertThat(said.path("config_offset").asLong()).as(change[0]).isGreaterThan(last);
            last = said.path("config_offset").asLong();
            assertThat(said.at("/config/blocked_until").asText(""))
                    .as(change[0])
                    .doesNotContainPattern("\\.\\d{4}");
        }
    }

    @Test
    void tailEndsSoonAfterItsReaderIsGone() throws Exception {
        String topic = app.applicationId() + ".quota-exceeded";
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", broker.bootstrapServers()))) {
            TopicAdmin.create(admin, new NewTopic(topic, 1, (short) 1));
        }
        List<String> command = ChildJvm.command("-Xmx128m");
        command.addAll(List.of("io.tidegate.cli.Tidegate", "rejections", "tail", "-f"));
        command.addAll(List.of("--bootstrap-server", broker.bootstrapServers()));
        command.addAll(List.of("--set", "topic.quota.exceeded=" + topic));
        Path err = Files.createTempFile(temp, "tail-", ".err");
        Process tail = new ProcessBuilder(command).redirectError(err.toFile()).start();
        try (var producer = new KafkaProducer<>(
                Map.<String, Object>of("bootstrap.servers", broker.bootstrapServers()),
                new StringSerializer(),
                new StringSerializer())) {
            BufferedReader reader = tail.inputReader(StandardCharsets.UTF_8);
            assertThat(reader.readLine()).startsWith("TIME");
            TidegateProcess.await(
                    Duration.ofSeconds(60),
                    "the tail to follow",
                    () -> "",
                    () -> text(err).contains("waiting"));
            producer.send(new ProducerRecord<>(topic, "{}")).get();
            assertThat(reader.readLine()).contains("null-null@null");
            reader.close();

            producer.send(new ProducerRecord<>(topic, "{}")).get();

            assertThat(tail.waitFor(60, TimeUnit.SECONDS)).isTrue();
            assertThat(tail.exitValue()).isZero();
            assertThat(Files.readString(err)).isEqualTo("waiting for rejections; press Ctrl-C to stop\n");
        } finally {
            tail.destroyForcibly();
        }
    }

    private static String text(Path file) {
        try {
            return Files.readString(file);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
