package io.tidegate.topologytests.broker;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.tidegate.topologytests.support.Deployment;
import io.tidegate.topologytests.support.TestBroker;
import io.tidegate.topologytests.support.TidegateProcess;
import io.tidegate.topologytests.support.TopicAdmin;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
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

/** {@code ingress.partitioning=tenant} on a real broker: partitions chosen by producers, restarts, and changes of the setting. */
@Timeout(value = 15, unit = TimeUnit.MINUTES)
@Tag("long")
final class KeyedGroupTest {
    private static final JsonMapper JSON = new JsonMapper();
    private static final String KEYED = "ingress.partitioning=tenant";
    private static final String UNKEYED = "ingress.partitioning=any";
    private static final int TENANTS = 6;
    private static final int SHARDS = 2;
    private static final int SIGTERM = 143;

    @TempDir
    private static Path temp;

    private static TestBroker broker;
    private static Admin admin;

    private Deployment app;
    private int sent;

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

    private void deploy(String name, String... settings) throws Exception {
        List<String> all = new ArrayList<>(List.of("shards=" + SHARDS));
        all.addAll(List.of(settings));
        app = new Deployment(
                broker.bootstrapServers(),
                name,
                Files.createDirectories(temp.resolve(name)),
                all.toArray(String[]::new));
    }

    /** Creates the configs before the start, so that they apply to the first signal. */
    private void configureTenants() throws Exception {
        app.init();
        for (int tenant = 1; tenant <= TENANTS; tenant++) {
            app.set(Integer.toString(tenant), "--label", "T" + tenant);
        }
    }

    /** Sends ten signals of each tenant, to the partition of their key, or to random ones of the first partitions if given. */
    private void send(@Nullable Integer anyOfPartitions) throws Exception {
        Map<String, Object> config = new HashMap<>();
        config.put("bootstrap.servers", broker.bootstrapServers());
        config.put("acks", "all");
        Random random = new Random(7);
        try (var producer = new KafkaProducer<>(config, new StringSerializer(), new StringSerializer())) {
            List<Future<?>> pending = new ArrayList<>();
            for (int i = 0; i < 10 * TENANTS; i++) {
                String tenant = Integer.toString(1 + i % TENANTS);
                Integer partition = anyOfPartitions == null ? null : Integer.valueOf(random.nextInt(anyOfPartitions));
                String value = "{\"tenant_id\":%s,\"item\":%d}".formatted(tenant, i);
                pending.add(producer.send(new ProducerRecord<>(app.signals(), partition, tenant, value)));
            }
            for (Future<?> one : pending) {
                one.get(30, TimeUnit.SECONDS);
            }
        }
        sent += 10;
    }

    private void assertAllStored() throws Exception {
        JsonNode verified = app.verify("a");
        for (int tenant = 1; tenant <= TENANTS; tenant++) {
            assertThat(verified.at("/tenants/%d/in_wal".formatted(tenant)).asInt())
                    .as("tenant %d", tenant)
                    .isEqualTo(sent);
        }
        var wal = app.quick("wal", "verify", "--data-dir", app.dataDir("a"));
        assertThat(wal.exit()).as(wal.out()).isZero();
    }

    private static void terminate(TidegateProcess instance) throws Exception {
        assertThat(instance.terminate()).isIn(0, SIGTERM);
    }

    private long end(String topic, int partition) throws Exception {
        TopicPartition one = new TopicPartition(topic, partition);
        return admin.listOffsets(Map.of(one, OffsetSpec.latest()))
                .partitionResult(one)
                .get(30, TimeUnit.SECONDS)
                .offset();
    }

    /** Without records in the inner topic, the group has no offset for it. This must not count as a lost offset. */
    @ParameterizedTest
    @ValueSource(strings = {"streams", "classic"})
    void signalsKeyedByProducersNeverUseTheInnerTopicAndARestartContinues(String protocol) throws Exception {
        deploy("keyed-restart-" + protocol, KEYED, "group.protocol=" + protocol);
        configureTenants();
        TidegateProcess instance = app.start("a");
        send(null);
        assertAllStored();
        for (int shard = 0; shard < SHARDS; shard++) {
            assertThat(end(app.topic("by-tenant"), shard)).as("shard %d", shard).isZero();
        }
        terminate(instance);

        app.start("a");
        send(null);
        assertAllStored();
        send(SHARDS);
        assertAllStored();
    }

    @Test
    void anInstanceWithAnotherValueDoesNotStartWhileOneRuns() throws Exception {
        deploy("keyed-mixed", KEYED);
        TidegateProcess instance = app.start("a");

        TidegateProcess other = app.launch("b", "--set", UNKEYED);

        assertThat(other.awaitExit()).isNotZero();
        assertThat(other.logText())
                .contains("ingress.partitioning is any")
                .contains("with ingress.partitioning=tenant")
                .contains("stop all of them first");
        assertThat(instance.isAlive()).isTrue();
    }

    @Test
    void afterAllInstancesStoppedTheSettingCanBeChangedBothWays() throws Exception {
        deploy("keyed-change", "group.protocol=classic");
        configureTenants();
        TidegateProcess instance = app.start("a", "--set", UNKEYED);
        send(SHARDS);
        assertAllStored();
        for (String setting : List.of(KEYED, UNKEYED, KEYED)) {
            terminate(instance);
            instance = app.start("a", "--set", setting);
            send(SHARDS);
            assertAllStored();
        }
    }

    /** A group keeps the streams protocol, so an instance names the command that changes the setting. */
    @Test
    void withTheStreamsProtocolTheInstanceNamesAWorkingCommandThatChangesTheSetting() throws Exception {
        deploy("keyed-streams");
        configureTenants();
        TidegateProcess instance = app.start("a");
        send(SHARDS);
        assertAllStored();
        terminate(instance);

        TidegateProcess rejected = app.launch("a", "--set", KEYED);
        assertThat(rejected.awaitExit()).isNotZero();
        assertThat(rejected.logText()).contains("start one instance with group.protocol=classic");

        terminate(app.start("a", "--set", KEYED, "--set", "group.protocol=classic"));
        app.start("a", "--set", KEYED);
        send(SHARDS);
        assertAllStored();
    }

    @Test
    void aDryRunCountsTheSignalsOfBothTopicsOnce() throws Exception {
        deploy("keyed-dry-run", KEYED);
        configureTenants();
        app.start("a");
        send(null);
        send(SHARDS);
        assertAllStored();
        for (int tenant = 1; tenant <= TENANTS; tenant++) {
            var judged =
                    app.quick("tenants", "set", Integer.toString(tenant), "--rate", "0", "--dry-run", "-o", "json");
            assertThat(judged.exit()).as(judged.err()).isZero();
            JsonNode report = JSON.readTree(judged.out());
            assertThat(report.at("/signals").asInt()).as("tenant %d", tenant).isEqualTo(sent);
            assertThat(report.at("/rejected/rate_limited").asInt())
                    .as("tenant %d", tenant)
                    .isEqualTo(sent);
        }
    }

    @Test
    void anIngressWithMorePartitionsThanShardsIsAWarningAndNothingIsLost() throws Exception {
        deploy("keyed-wide", KEYED);
        TopicAdmin.create(
                admin,
                new NewTopic(app.signals(), 2 * SHARDS, (short) 1)
                        .configs(Map.of("message.timestamp.type", "LogAppendTime")));
        configureTenants();
        TidegateProcess instance = app.start("a");

        send(2 * SHARDS);
        assertAllStored();

        assertThat(instance.logText()).contains("with ingress.partitioning=tenant it should not have more than shards");
    }

    @ParameterizedTest
    @ValueSource(strings = {"streams", "classic"})
    void partitionsThatAreAddedToTheInnerTopicStopNothing(String protocol) throws Exception {
        deploy(
                "keyed-added-" + protocol,
                KEYED,
                "group.protocol=" + protocol,
                "kafka.metadata.max.age.ms=1000",
                "topics.check.interval.ms=1000");
        configureTenants();
        TidegateProcess instance = app.start("a");
        send(null);
        assertAllStored();

        admin.createPartitions(Map.of(app.topic("by-tenant"), NewPartitions.increaseTo(SHARDS + 1)))
                .all()
                .get(30, TimeUnit.SECONDS);
        TidegateProcess.await(Duration.ofSeconds(60), "a partition more of the ingress", app::logs, () -> {
            try {
                return admin.describeTopics(List.of(app.signals()))
                                .allTopicNames()
                                .get(30, TimeUnit.SECONDS)
                                .get(app.signals())
                                .partitions()
                                .size()
                        == SHARDS + 1;
            } catch (Exception e) {
                throw new AssertionError(e);
            }
        });
        send(null);
        assertAllStored();

        terminate(instance);
        app.start("a");
        send(SHARDS + 1);
        assertAllStored();
    }

    @Test
    void anIngressWithFewerPartitionsThanShardsIsRejectedWithTheCommandThatAddsThem() throws Exception {
        deploy("keyed-narrow", KEYED);
        TopicAdmin.create(
                admin,
                new NewTopic(app.signals(), 1, (short) 1).configs(Map.of("message.timestamp.type", "LogAppendTime")));

        var init = app.quick("init");

        assertThat(init.exit()).isEqualTo(1);
        assertThat(init.err()).contains("--topic %s --partitions %d".formatted(app.signals(), SHARDS));
    }
}
