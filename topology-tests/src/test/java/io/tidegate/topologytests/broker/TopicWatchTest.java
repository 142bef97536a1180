package io.tidegate.topologytests.broker;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.tidegate.topologytests.cli.RecommendedCommand;
import io.tidegate.topologytests.support.Deployment;
import io.tidegate.topologytests.support.Http;
import io.tidegate.topologytests.support.TestBroker;
import io.tidegate.topologytests.support.TidegateProcess;
import io.tidegate.topologytests.support.TopicAdmin;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInfo;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Topics that are changed, emptied or deleted while an instance runs: it reports this and makes no wrong decision. */
@Timeout(value = 15, unit = TimeUnit.MINUTES)
@Tag("long")
final class TopicWatchTest {
    private static final int SIGTERM = 143;
    private static final Duration NOTICED_WITHIN = Duration.ofSeconds(60);

    @TempDir
    private static Path temp;

    private static TestBroker broker;
    private static Admin admin;

    private Deployment app;

    @BeforeAll
    static void startBroker() throws Exception {
        broker = TestBroker.start(
                temp,
                Map.of(
                        "group.streams.session.timeout.ms", "3000",
                        "group.min.session.timeout.ms", "1000",
                        "log.retention.check.interval.ms", "500",
                        "log.segment.delete.delay.ms", "100",
                        "log.initial.task.delay.ms", "500"));
        admin = broker.admin();
    }

    @AfterAll
    static void stopBroker() {
        if (broker != null) {
            broker.close();
        }
    }

    @BeforeEach
    void deploy(TestInfo test) throws Exception {
        String name = test.getTestMethod().orElseThrow().getName().substring(0, 14);
        app = new Deployment(
                broker.bootstrapServers(),
                name,
                Files.createDirectory(temp.resolve(name)),
                "topics.check.interval.ms=1000");
    }

    @AfterEach
    void stop() {
        app.close();
    }

    private static void set(String topic, String setting, String value) throws Exception {
        TopicAdmin.set(admin, topic, setting, value);
    }

    /** Waits for a metric. Call it after the instance has started, which includes a first check of its topics. */
    private static void awaitMetric(TidegateProcess instance, String sample) throws Exception {
        TidegateProcess.await(
                Duration.ofMinutes(2),
                sample,
                instance::logText,
                () -> Http.of(instance).get("/metrics").text().contains(sample));
    }

    private static void awaitLog(TidegateProcess instance, String text) throws InterruptedException {
        TidegateProcess.await(
                NOTICED_WITHIN,
                text,
                instance::logText,
                () -> instance.logText().contains(text));
    }

    @Test
    void aLimitOnTheAgeOfRecordsPausesTheInstanceUntilItIsLifted() throws Exception {
        TidegateProcess instance = app.start("a");
        app.send(50, i -> "{\"n\":%d}".formatted(i));
        app.verify("a");
        Http http = Http.of(instance);
        set(app.topic("by-tenant"), "message.timestamp.before.max.ms", "1");

        awaitLog(instance, "paused: topics do not meet the requirements");
        assertThat(http.get("/readyz").status()).isEqualTo(503);
        assertThat(http.get("/v1/status")
                        .json()
                        .at("/instances/0/topic_findings/0")
                        .asText())
                .contains("message.timestamp.before.max.ms=1", "kafka-configs.sh");
        assertThat(http.get("/metrics").text()).contains("tidegate_topic_findings 1");
        app.send(50, i -> "{\"n\":%d}".formatted(50 + i));
        RecommendedCommand.run(temp, RecommendedCommand.in(instance.logText(), "kafka-configs.sh"));

        awaitLog(instance, "resumed, the cause is gone");
        assertThat(app.verify("a").at("/tenants/0/in_wal").asLong()).isEqualTo(100);
        assertThat(instance.logText()).doesNotContain("stopping: ");
    }

    @Test
    void anInstanceWithOtherSettingsThanTheLastOneReportsItUntilAllAgree() throws Exception {
        TidegateProcess first = app.start("a");
        TidegateProcess second = app.start("b", "--set", "signal.item=/sku");

        awaitLog(first, "these settings are not those of the instance of application.id " + app.applicationId());
        assertThat(first.logText())
                .contains("signal.item is /item here, and /sku there")
                .doesNotContain("paused: ");
        assertThat(second.logText()).contains("signal.item is /sku here, and /item there");
        awaitMetric(first, "tidegate_topic_findings 1");
        awaitMetric(second, "tidegate_topic_findings 0");
        var doctor = app.quick("doctor", "--data-dir", app.dataDir("c"));
        assertThat(doctor.out()).contains("signal.item is /item here, and /sku there");

        assertThat(first.terminate()).isEqualTo(SIGTERM);
        TidegateProcess again = app.start("a", "--set", "signal.item=/sku");

        awaitMetric(again, "tidegate_topic_findings 0");
        assertThat(again.logText()).doesNotContain("these settings are not those");
    }

    @Test
    void signalsThatAreDeletedBeforeTheyAreReadAreReportedAsLost() throws Exception {
        TidegateProcess first = app.start("a");
        app.send(20, i -> "{\"n\":%d}".formatted(i));
        app.verify("a");
        assertThat(first.terminate()).isEqualTo(SIGTERM);
        app.send(30, i -> "{\"n\":%d}".formatted(20 + i));
        admin.deleteRecords(Map.of(new TopicPartition(app.signals(), 0), RecordsToDelete.beforeOffset(35)))
                .all()
                .get(30, TimeUnit.SECONDS);
        var doctor = app.quick("doctor", "--data-dir", app.dataDir("a"));
        assertThat(doctor.exit()).isEqualTo(1);
        assertThat(doctor.out())
                .contains("%s-0: the offsets 20 to 34 were deleted before group %s read them (at most 15 records)"
                        .formatted(app.signals(), app.applicationId()));

        TidegateProcess again = app.start("a");

        awaitLog(again, "records were deleted before they were read");
        assertThat(again.logText())
                .contains("topic=%s partition=0 first_offset=20 last_offset=34 records_at_most=15"
                        .formatted(app.signals()));
        String lost = "tidegate_lost_records_total{topic=\"%s\"} 15".formatted(app.signals());
        TidegateProcess.await(
                Duration.ofMinutes(3),
                lost,
                again::logText,
                () -> Http.of(again).get("/metrics").text().contains(lost));
        app.awaitWal(0, 35);
    }

    @Test
    void sizeRetentionOnAnInnerTopicIsReportedAndWhatItDeletesIsLost() throws Exception {
        TidegateProcess first = app.start("a", "--set", "group.protocol=classic");
        app.send(20, i -> "{\"n\":%d}".formatted(i));
        app.verify("a");
        set(app.signals(), "segment.bytes", "1048576");
        set(app.signals(), "retention.bytes", "1048576");
        awaitLog(first, "topic %s has retention.bytes=1048576".formatted(app.signals()));
        assertThat(first.logText()).as("pausing would only lose more").doesNotContain("paused: ");
        assertThat(first.terminate()).isEqualTo(SIGTERM);
        app.send(6000, i -> "{\"n\":%d,\"pad\":\"%s\"}".formatted(i, "x".repeat(1000)));
        TopicPartition partition = new TopicPartition(app.signals(), 0);
        TidegateProcess.await(
                NOTICED_WITHIN,
                "retention to delete signals",
                () -> "",
                () -> TopicAdmin.beginning(admin, partition) > 20);

        TidegateProcess again = app.start("a", "--set", "group.protocol=classic");

        awaitLog(again, "records were deleted before they were read");
        assertThat(again.logText()).contains("topic=%s partition=0 first_offset=20".formatted(app.signals()));
    }

    @Test
    void aStartReportsThatTheTopicOfConfigsWasDeleted() throws Exception {
        // A process: the message comes from the log.
        var first = app.tidegate("init");
        assertThat(first.err()).doesNotContain("this application has run before");
        admin.deleteTopics(List.of(app.topic("configs"))).all().get(30, TimeUnit.SECONDS);

        var again = app.tidegate("init");

        assertThat(again.exit()).as(again.err()).isZero();
        assertThat(again.err())
                .contains("topic " + app.topic("configs") + " did not exist, and this application has run before");
    }

    @Test
    void aTopicThatIsDeletedAndCreatedAgainEndsTheInstanceAndTheRemedyWorks() throws Exception {
        TidegateProcess instance = app.start("a");
        app.send(20, i -> "{\"n\":%d}".formatted(i));
        app.verify("a");
        recreateSignals();

        assertThat(instance.awaitExit()).as(instance::logText).isEqualTo(1);
        assertThat(instance.logText()).containsPattern("stopping: topic \\S+ .*was deleted");
        TidegateProcess rejected = app.launch("a");
        assertThat(rejected.awaitExit()).as(rejected::logText).isEqualTo(1);
        assertThat(rejected.logText()).contains("deleted and created again since this application last ran");
        RecommendedCommand.run(temp, RecommendedCommand.in(rejected.logText(), "tidegate reset"), app.connection());

        app.start("a");
        app.send(10, i -> "{\"again\":%d}".formatted(i));
        app.awaitWal(0, 30);
        // The outcomes of the old topic's signals have the positions of the new topic's.
        JsonNode verified = app.verify("a");
        assertThat(verified.at("/tenants/0/in").asLong()).isEqualTo(10);
        assertThat(verified.at("/tenants/0/in_wal").asLong()).isEqualTo(10);
    }

    /** An instance that runs while a topic is replaced commits the positions of the old one again. */
    @Test
    void positionsOfADeletedTopicSkipNoRecordsOfTheNewOne() throws Exception {
        TidegateProcess instance = app.start("a");
        app.send(20, i -> "{\"n\":%d}".formatted(i));
        app.verify("a");
        instance.terminate();
        String group = app.applicationId();
        Map<TopicPartition, OffsetAndMetadata> old = new HashMap<>();
        admin.listConsumerGroupOffsets(group)
                .partitionsToOffsetAndMetadata()
                .get(30, TimeUnit.SECONDS)
                .forEach((partition, offset) -> {
                    if (partition.topic().equals(app.signals()) && offset != null) {
                        old.put(partition, offset);
                    }
                });
        assertThat(old.values())
                .anySatisfy(offset -> assertThat(offset.offset()).isPositive());
        recreateSignals();
        admin.alterStreamsGroupOffsets(group, old).all().get(30, TimeUnit.SECONDS);
        app.send(100, i -> "{\"again\":%d}".formatted(i));

        TidegateProcess rejected = app.launch("a");

        assertThat(rejected.awaitExit()).as(rejected::logText).isEqualTo(1);
        assertThat(rejected.logText()).contains("has offsets of an earlier topic " + app.signals());
        RecommendedCommand.run(temp, RecommendedCommand.in(rejected.logText(), "tidegate reset"), app.connection());
        app.start("a");
        app.awaitWal(0, 120);
    }

    private void recreateSignals() throws Exception {
        TopicAdmin.delete(admin, app.signals());
        TopicAdmin.create(
                admin,
                new NewTopic(app.signals(), 2, (short) 1).configs(Map.of("message.timestamp.type", "LogAppendTime")));
    }
}
