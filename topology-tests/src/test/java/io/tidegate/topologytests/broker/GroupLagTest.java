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
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.StringSerializer;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Waiting signals count as lag, whether they wait for an open transaction or for a shard without an owner. */
@Timeout(value = 15, unit = TimeUnit.MINUTES)
@Tag("long")
final class GroupLagTest {
    private static final Duration SHOWN_WITHIN = Duration.ofMinutes(2);
    private static final String SIGNAL = "{\"tenant_id\":1}";

    @TempDir
    private static Path temp;

    private static TestBroker broker;
    private static Admin admin;

    private Deployment app;

    @BeforeAll
    static void startBroker() throws Exception {
        broker = TestBroker.start(temp, TestBroker.SHORT_SESSIONS);
        admin = broker.admin();
    }

    @AfterAll
    static void stopBroker() {
        if (broker != null) {
            broker.close();
        }
    }

    @AfterEach
    void stop() {
        app.close();
    }

    private Deployment deployment(String name, String... settings) throws Exception {
        app = new Deployment(broker.bootstrapServers(), name, Files.createDirectories(temp.resolve(name)), settings);
        return app;
    }

    private TidegateProcess startWithTimesOfProducers(String name, String setting) throws Exception {
        deployment(name, "signals.require.log.append.time=false", setting);
        TopicAdmin.create(
                admin,
                new NewTopic(app.signals(), 2, (short) 1).configs(Map.of("message.timestamp.type", "CreateTime")));
        app.init();
        app.set("1", "--label", "One");
        return app.start("a");
    }

    private JsonNode awaitStatus(TidegateProcess instance, String what, Predicate<JsonNode> holds)
            throws InterruptedException {
        JsonNode[] last = new JsonNode[1];
        TidegateProcess.await(SHOWN_WITHIN, what, () -> last[0] + instance.logText(), () -> {
            last[0] = Http.of(instance).get("/v1/status").json();
            return holds.test(last[0]);
        });
        return last[0];
    }

    private static void awaitMetric(TidegateProcess instance, String line) throws InterruptedException {
        TidegateProcess.await(
                SHOWN_WITHIN,
                line,
                () -> Http.of(instance).get("/metrics").text(),
                () -> Http.of(instance).get("/metrics").text().contains(line + "\n"));
    }

    @Test
    void stateStoresShareTheMemoryOfTheSetting() throws Exception {
        deployment("memory", "state.memory.bytes=67108864").init();

        TidegateProcess instance = app.start("a");

        awaitMetric(instance, "tidegate_state_cache_limit_bytes 3.3554432E7");
    }

    private void sendTo(int partition, int count) throws Exception {
        sendTo(partition, count, null);
    }

    private void sendTo(int partition, int count, @Nullable Long timeMs) throws Exception {
        try (var producer = new KafkaProducer<>(
                Map.<String, Object>of("bootstrap.servers", broker.bootstrapServers()),
                new StringSerializer(),
                new StringSerializer())) {
            for (int i = 0; i < count; i++) {
                producer.send(new ProducerRecord<>(app.signals(), partition, timeMs, null, SIGNAL))
                        .get(30, TimeUnit.SECONDS);
            }
        }
    }

    @Test
    void signalsBehindAnOpenTransactionAreLagAndTheProducerIsNamedWhileOtherPartitionsContinue() throws Exception {
        // The producer sets the time, so that its transaction is old enough for the doctor.
        TidegateProcess instance = startWithTimesOfProducers("transaction", "lateness.max.ms=3600000");
        Map<String, Object> config = Map.of(
                "bootstrap.servers",
                broker.bootstrapServers(),
                "transactional.id",
                "stranger",
                "transaction.timeout.ms",
                600_000);
        try (var stranger = new KafkaProducer<>(config, new StringSerializer(), new StringSerializer())) {
            stranger.initTransactions();
            stranger.beginTransaction();
            long tenMinutesAgo = System.currentTimeMillis() - 600_000;
            stranger.send(new ProducerRecord<>(app.signals(), 0, tenMinutesAgo, null, SIGNAL))
                    .get(30, TimeUnit.SECONDS);
            sendTo(0, 20);
            sendTo(1, 10);

            app.awaitWal(1, 10);
            awaitStatus(
                    instance,
                    "a lag of 21",
                    status -> status.path("lag").asLong() == 21
                            && status.at("/instances/0/lag").asLong() == 21);
            awaitMetric(instance, "tidegate_lag_records{stage=\"route\"} 21.0");
            awaitMetric(instance, "tidegate_group_lag_records{stage=\"route\"} 21.0");
            awaitMetric(instance, "tidegate_ingress_transactions_open 1.0");
            Matcher warning = Pattern.compile("a producer's transaction stays open.* partition=(\\S+) offset=0"
                            + " producer_id=(\\d+) transactional_id=stranger")
                    .matcher(instance.logText());
            assertThat(warning.find()).as(instance::logText).isTrue();
            assertThat(warning.group(1)).isEqualTo(app.signals() + "-0");
            assertThat(Http.of(instance).get("/readyz").status())
                    .as("it is not this instance that is at fault")
                    .isEqualTo(200);
            var doctor = app.quick("doctor", "--data-dir", app.dataDir("doctor"));
            assertThat(doctor.out())
                    .contains("one of producer %s is open in %s-0 since offset 0"
                            .formatted(warning.group(2), app.signals()));
            RecommendedCommand.run(temp, RecommendedCommand.in(doctor.out(), "kafka-transactions.sh"));
        }

        app.awaitWal(1, 30);
        awaitStatus(instance, "no lag", status -> status.path("lag").asLong() == 0);
        assertThat(app.verify("a").at("/tenants/1/in_wal").asLong()).isEqualTo(30);
    }

    /** Kafka Streams commits no offset beyond aborted records until it has read a record after them. */
    @Test
    void abortedRecordsAtTheEndOfAPartitionAreNoLagAndOtherPartitionsDoNotWaitForThem() throws Exception {
        TidegateProcess first = startWithTimesOfProducers("aborted", "alignment.wait.max.ms=3600000");
        long outageMs = System.currentTimeMillis() - 600_000;
        sendTo(0, 1, outageMs);
        sendTo(1, 1, outageMs);
        app.awaitWal(1, 2);
        first.terminate();
        Map<String, Object> config =
                Map.of("bootstrap.servers", broker.bootstrapServers(), "transactional.id", "gives-up");
        try (var producer = new KafkaProducer<>(config, new StringSerializer(), new StringSerializer())) {
            producer.initTransactions();
            producer.beginTransaction();
            producer.send(new ProducerRecord<>(app.signals(), 0, outageMs + 1_000, null, SIGNAL))
                    .get(30, TimeUnit.SECONDS);
            producer.abortTransaction();
        }
        sendTo(1, 10, outageMs + 300_000);

        TidegateProcess again = app.start("a");

        app.awaitWal(1, 12);
        awaitStatus(again, "no lag", status -> status.path("lag").asLong() == 0);
        awaitMetric(again, "tidegate_group_lag_records{stage=\"route\"} 0.0");
    }

    @ParameterizedTest
    @ValueSource(strings = {"classic", "streams"})
    void eachOfTwoInstancesKnowsThatTheOtherOwnsTheOtherShards(String protocol) throws Exception {
        deployment("two-" + protocol, "group.protocol=" + protocol);
        TidegateProcess first = app.start("a");
        TidegateProcess second = app.start("b");

        for (TidegateProcess instance : List.of(first, second)) {
            awaitStatus(
                    instance,
                    "two ready instances that share the work",
                    status -> status.path("lag").isNumber()
                            && status.path("ownerless").isEmpty()
                            && status.path("instances").size() == 2
                            && status.at("/instances/0/ready").asBoolean()
                            && status.at("/instances/1/ready").asBoolean()
                            && status.at("/instances/0/tasks").size() == 2
                            && status.at("/instances/1/tasks").size() == 2);
        }
        second.kill();
        awaitStatus(
                first,
                "the first instance to own all",
                status -> status.at("/instances/0/tasks").size() == 4
                        && status.at("/instances/0/ready").asBoolean()
                        && status.path("ownerless").isEmpty());
    }

    @Test
    void anInstanceIsNotReadyAndCountsWhatWaitsWhileADeadInstanceStillHasTheShards() throws Exception {
        // Long enough for all that must be seen before the dead instance leaves the group.
        deployment("dead", "session.timeout.ms=60000");
        TidegateProcess killed = app.start("a");
        app.send(10, i -> "{}");
        app.verify("a");
        TidegateProcess.await(
                SHOWN_WITHIN,
                "the first instance to be ready",
                killed::logText,
                () -> Http.of(killed).get("/readyz").status() == 200);
        killed.kill();
        app.send(25, i -> "{}");

        TidegateProcess instance = app.start("a");

        TidegateProcess.await(
                SHOWN_WITHIN,
                "not ready, with the shards",
                instance::logText,
                () -> Http.of(instance).get("/readyz").text().contains("no instance owns shard 0, 1 of admit"));
        assertThat(Http.of(instance).get("/readyz").status()).isEqualTo(503);
        JsonNode status =
                awaitStatus(instance, "a lag of 25", shown -> shown.path("lag").asLong() == 25);
        assertThat(status.path("ownerless").findValuesAsText("topic")).contains(app.signals(), app.topic("by-tenant"));
        awaitMetric(instance, "tidegate_group_lag_records{stage=\"route\"} 25.0");
        awaitMetric(instance, "tidegate_ownerless_partitions{stage=\"admit\"} 2.0");
        var shown = app.quick("status", "--url", Http.of(instance).url);
        assertThat(shown.out())
                .contains("route: no instance owns %s-0, where 25 records wait".formatted(app.signals()));
        assertThat(shown.exit()).isEqualTo(1);

        TidegateProcess.await(
                SHOWN_WITHIN,
                "the instance to be ready",
                instance::logText,
                () -> Http.of(instance).get("/readyz").status() == 200);
        app.verify("a");
        awaitStatus(
                instance,
                "no lag, and an owner for each shard",
                now -> now.path("lag").asLong() == 0 && now.path("ownerless").isEmpty());
    }
}
