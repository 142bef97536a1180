package io.tidegate.topologytests.broker;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.tidegate.tenant.TenantId;
import io.tidegate.topologytests.support.Deployment;
import io.tidegate.topologytests.support.Http;
import io.tidegate.topologytests.support.TestBroker;
import io.tidegate.topologytests.support.TidegateProcess;
import io.tidegate.wal.DataDir;
import io.tidegate.wal.WalReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.errors.InvalidPartitionsException;
import org.apache.kafka.common.serialization.StringSerializer;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** An operator adds partitions to topics, while an instance runs and while none does: nothing stops, is lost, or moves. */
@Timeout(value = 15, unit = TimeUnit.MINUTES)
@Tag("long")
final class NewPartitionsTest {
    private static final int TENANTS = 6;
    private static final int ROUNDS = 30;
    private static final int SIGTERM = 143;
    private static final Duration NOTICED_WITHIN = Duration.ofSeconds(60);

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

    private Deployment deployment(String name, String protocol) throws Exception {
        return new Deployment(
                broker.bootstrapServers(),
                name,
                Files.createDirectories(temp.resolve(name)),
                "group.protocol=" + protocol,
                "kafka.metadata.max.age.ms=1000",
                "topics.check.interval.ms=1000");
    }

    /** Adds partitions up to this count. A running instance may have added them first, following another topic. */
    private void raise(int partitions, String... topics) throws Exception {
        for (String topic : topics) {
            try {
                admin.createPartitions(Map.of(topic, NewPartitions.increaseTo(partitions)))
                        .all()
                        .get(30, TimeUnit.SECONDS);
            } catch (ExecutionException e) {
                assertThat(e).hasCauseInstanceOf(InvalidPartitionsException.class);
                awaitPartitions(partitions, topic);
            }
        }
    }

    private int partitions(String topic) {
        try {
            return admin.describeTopics(List.of(topic))
                    .allTopicNames()
                    .get(30, TimeUnit.SECONDS)
                    .get(topic)
                    .partitions()
                    .size();
        } catch (Exception e) {
            throw new AssertionError(e);
        }
    }

    private String changelog(String store) {
        return "%s-%s-changelog".formatted(app.applicationId(), store);
    }

    /** Sends the same number of signals for each tenant, one of which has all its signals rejected. */
    private void send() throws Exception {
        app.send(ROUNDS * TENANTS, i -> "{\"tenant_id\":%d,\"item\":%d}".formatted(1 + i % TENANTS, i));
    }

    private void assertNothingIsMissing(int rounds) throws Exception {
        JsonNode verified = app.verify("a");
        for (int tenant = 1; tenant < TENANTS; tenant++) {
            assertThat(verified.at("/tenants/%d/in_wal".formatted(tenant)).asLong())
                    .as("tenant %d", tenant)
                    .isEqualTo((long) rounds * ROUNDS);
            assertThat(sequence(tenant))
                    .as("tenant %d", tenant)
                    .isEqualTo(IntStream.range(0, rounds * ROUNDS)
                            .asLongStream()
                            .boxed()
                            .toList());
        }
        assertThat(verified.at("/tenants/%d/in_wal".formatted(TENANTS)).asLong())
                .isZero();
        var wal = app.quick("wal", "verify", "--data-dir", app.dataDir("a"));
        assertThat(wal.exit()).as(wal.out()).isZero();
    }

    private List<Long> sequence(long tenant) throws Exception {
        List<Long> sequence = new ArrayList<>();
        try (WalReader reader = WalReader.open(new DataDir(Path.of(app.dataDir("a"))), TenantId.of(tenant), 0)) {
            for (var record = reader.next(); record != null; record = reader.next()) {
                sequence.add(record.seq());
            }
        }
        return sequence;
    }

    private void configureTenants() throws Exception {
        for (int tenant = 1; tenant < TENANTS; tenant++) {
            app.set(Integer.toString(tenant), "--label", "Tenant");
        }
        app.set(Integer.toString(TENANTS), "--rate", "0");
    }

    private void awaitPartitions(int count, String... topics) throws InterruptedException {
        for (String topic : topics) {
            TidegateProcess.await(
                    NOTICED_WITHIN,
                    "%d partitions of %s".formatted(count, topic),
                    app::logs,
                    () -> partitions(topic) == count);
        }
    }

    private void awaitReady(TidegateProcess instance) throws InterruptedException {
        TidegateProcess.await(NOTICED_WITHIN, "the instance to be ready", instance::logText, () -> {
            try {
                return Http.of(instance).get("/readyz").status() == 200;
            } catch (Exception e) {
                throw new AssertionError(e);
            }
        });
    }

    @ParameterizedTest
    @CsvSource({"streams", "classic"})
    void partitionsOfAnyTopicThatAreAddedWhileAnInstanceRunsStayEmptyAndDoNoHarm(String protocol) throws Exception {
        app = deployment("running-" + protocol, protocol);
        app.init();
        configureTenants();
        TidegateProcess instance = app.start("a");
        send();
        assertNothingIsMissing(1);

        raise(5, app.topic("by-tenant"));
        awaitPartitions(5, app.topic("commands"), app.topic("accepted"), changelog("usage"), changelog("entities"));
        send();
        assertNothingIsMissing(2);
        raise(7, app.topic("accepted"), app.topic("segments"), app.topic("quota-exceeded"), app.topic("dead-letter"));
        raise(7, app.topic("events"), app.topic("commands"), app.signals());
        awaitPartitions(7, app.topic("by-tenant"), changelog("usage"), changelog("history"));
        send();
        assertNothingIsMissing(3);
        raise(8, changelog("segments"));
        awaitPartitions(8, app.topic("by-tenant"), app.topic("commands"), app.topic("accepted"), changelog("usage"));
        send();
        assertNothingIsMissing(4);

        awaitReady(instance);
        assertThat(instance.logText()).doesNotContain("stopping: ", "paused: ");
        assertThat(instance.terminate()).as(instance::logText).isEqualTo(SIGTERM);
        TidegateProcess again = app.start("a");
        send();
        assertNothingIsMissing(5);
        assertThat(again.logText()).doesNotContain("stopping: ", "a thread failed");
    }

    @ParameterizedTest
    @CsvSource({"streams", "classic"})
    void partitionsThatAreAddedWhileNoInstanceRunsStayEmptyAndDoNoHarm(String protocol) throws Exception {
        app = deployment("stopped-" + protocol, protocol);
        app.init();
        configureTenants();
        TidegateProcess instance = app.start("a");
        send();
        assertNothingIsMissing(1);
        assertThat(instance.terminate()).as(instance::logText).isEqualTo(SIGTERM);

        send();
        raise(3, app.topic("by-tenant"), changelog("usage"));
        raise(5, app.topic("commands"), app.topic("accepted"), app.topic("segments"), app.topic("quota-exceeded"));
        raise(6, changelog("history"), app.topic("events"), app.signals());
        TidegateProcess again = app.start("a");
        send();

        assertNothingIsMissing(3);
        assertThat(partitions(app.topic("by-tenant"))).isEqualTo(6);
        assertThat(partitions(app.topic("accepted"))).isEqualTo(6);
        assertThat(again.logText()).doesNotContain("stopping: ", "a thread failed");
        // A producer that keys records with Kafka's default partitioner reaches another shard now. A tenant must not
        // get state
        // in two shards.
        TenantId moved = IntStream.range(1, TENANTS)
                .mapToObj(TenantId::of)
                .filter(tenant -> io.tidegate.contract.TenantPartitions.of(tenant, 2)
                        != io.tidegate.contract.TenantPartitions.of(tenant, 6))
                .findFirst()
                .orElseThrow();
        try (var producer = new KafkaProducer<>(
                Map.<String, Object>of("bootstrap.servers", broker.bootstrapServers()),
                new StringSerializer(),
                new StringSerializer())) {
            producer.send(new ProducerRecord<>(
                            app.topic("commands"), moved.decimal(), "{\"command\":\"prune-wal\",\"below_seq\":1000}"))
                    .get(30, TimeUnit.SECONDS);
        }
        send();
        assertNothingIsMissing(4);
    }

    @Test
    void configsKeepOneOrderAlthoughTheirTopicHasMorePartitions() throws Exception {
        app = deployment("configs", "streams");
        app.init();
        raise(4, app.topic("configs"));
        TidegateProcess instance = app.start("a");
        app.set("1", "--rate", "0");
        app.set("1", "--rate", "1000000");
        try (var producer = new KafkaProducer<>(
                Map.<String, Object>of("bootstrap.servers", broker.bootstrapServers()),
                new StringSerializer(),
                new StringSerializer())) {
            producer.send(new ProducerRecord<>(
                            app.topic("configs"), 3, "1", "{\"tenant_id\":1,\"max_signals_per_sec\":0}"))
                    .get(30, TimeUnit.SECONDS);
        }
        assertThat(instance.terminate()).as(instance::logText).isEqualTo(SIGTERM);

        TidegateProcess again = app.start("a");
        app.send(10, i -> "{\"tenant_id\":1}");

        assertThat(app.verify("a").at("/tenants/1/in_wal").asLong()).isEqualTo(10);
        assertThat(again.logText()).contains("because it is not in partition 0");
    }

    @Test
    void anotherNumberOfShardsIsRejectedAlthoughTheTopicsHavePartitionsEnough() throws Exception {
        app = deployment("other", "streams");
        app.init();
        raise(8, app.topic("by-tenant"), app.topic("commands"), app.topic("accepted"), app.topic("segments"));

        var more = app.quick("init", "--set", "shards=8");
        var fewer = app.quick("init", "--set", "shards=1");

        assertThat(more.exit()).isEqualTo(1);
        assertThat(more.err()).contains("works on %s with shards=2".formatted(app.topic("accepted")), "Set shards=2");
        assertThat(fewer.exit()).isEqualTo(1);
        assertThat(fewer.err()).contains("Set shards=2");
        app.init();
    }
}
