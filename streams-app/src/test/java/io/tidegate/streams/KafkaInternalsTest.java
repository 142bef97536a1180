package io.tidegate.streams;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.stream.Collectors.toSet;
import static org.assertj.core.api.Assertions.assertThat;

import io.tidegate.demo.EmbeddedBroker;
import io.tidegate.streams.KafkaInternals.Measure;
import java.lang.reflect.Method;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.ListOffsetsResult.ListOffsetsResultInfo;
import org.apache.kafka.clients.admin.ListTopicsOptions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.MetricName;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.ThreadMetadata;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.processor.api.ContextualProcessor;
import org.apache.kafka.streams.processor.api.ProcessorSupplier;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.processor.internals.DefaultKafkaClientSupplier;
import org.apache.kafka.streams.processor.internals.TaskManager;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.Stores;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Compares {@link KafkaInternals} with the pinned version of Kafka, on a real broker. */
@Timeout(value = 10, unit = TimeUnit.MINUTES)
final class KafkaInternalsTest {
    private static final String STORE = "counts";

    @TempDir
    static Path brokerDir;

    private static EmbeddedBroker broker;
    private static Admin admin;

    @TempDir
    Path temp;

    private final Set<String> producers = ConcurrentHashMap.newKeySet();
    private final Set<String> transactionalIds = ConcurrentHashMap.newKeySet();

    @BeforeAll
    static void startBroker() throws Exception {
        broker = EmbeddedBroker.start(brokerDir, 0, Map.of());
        admin = Admin.create(Map.of("bootstrap.servers", broker.bootstrapServers()));
    }

    @AfterAll
    static void stopBroker() {
        admin.close();
        broker.close();
    }

    @ParameterizedTest
    @ValueSource(strings = {"classic", "streams"})
    void namesAreThoseOfThePinnedVersion(String protocol) throws Exception {
        String application = "internals-" + protocol;
        createTopics(application);
        try (KafkaStreams streams = new KafkaStreams(topology(application), config(application, protocol), clients())) {
            Map<Integer, Long> before = groupOffsetEnds();
            streams.start();
            send(application);
            awaitOutput(application);

            Set<String> threads = streams.metadataForLocalThreads().stream()
                    .map(ThreadMetadata::threadName)
                    .collect(toSet());
            assertThat(streams.metadataForLocalThreads())
                    .extracting(thread -> KafkaInternals.threadsOf(thread.consumerClientId()))
                    .allMatch(prefix -> prefix.startsWith(application + "-") && prefix.endsWith("-StreamThread-"));
            assertThat(Thread.getAllStackTraces().keySet())
                    .extracting(Thread::getName)
                    .containsAll(
                            threads.stream().map(KafkaInternals::stateUpdaterOf).toList());
            assertThat(TaskManager.class.getDeclaredMethods())
                    .extracting(Method::getName)
                    .contains(KafkaInternals.AWAITS_STATE_UPDATER);
            assertThat(transactionalIds)
                    .isNotEmpty()
                    .allMatch(id -> KafkaInternals.isTransactionalIdOfThread(application, id))
                    .noneMatch(id -> KafkaInternals.isTransactionalIdOfThread("another", id));
            assertThat(producers).isNotEmpty().allMatch(KafkaInternals::isProducerOfThread);
            assertThat(producers.stream().map(KafkaInternals::threadOf)).allMatch(threads::contains);
            assertThat(Thread.getAllStackTraces().keySet().stream().filter(KafkaInternals::isGlobalThread))
                    .as("global threads")
                    .hasSize(1);
            assertThat(admin.listTopics().names().get())
                    .filteredOn(topic -> KafkaInternals.isChangelog(application, topic))
                    .containsExactly(KafkaInternals.changelog(application, STORE));
            assertMetrics(streams.metrics().keySet());
            assertThat(grown(before, groupOffsetEnds()))
                    .as("partitions of the group's offsets")
                    // The broker may write the end of an earlier group into another one.
                    .contains(KafkaInternals.offsetsPartition(
                            application, groupOffsetEnds().size()));
        }
    }

    private static void assertMetrics(Set<MetricName> metrics) {
        for (Measure measure : Measure.values()) {
            assertThat(metrics).as("metrics that are %s", measure).anyMatch(measure::is);
        }
    }

    private static void createTopics(String application) throws Exception {
        admin.createTopics(List.of(
                        new NewTopic(application + "-in", 1, (short) 1),
                        new NewTopic(application + "-global", 1, (short) 1),
                        new NewTopic(application + "-out", 1, (short) 1)))
                .all()
                .get();
    }

    private DefaultKafkaClientSupplier clients() {
        return new DefaultKafkaClientSupplier() {
            @Override
            public Producer<byte[], byte[]> getProducer(Map<String, Object> config) {
                producers.add(String.valueOf(config.get(ProducerConfig.CLIENT_ID_CONFIG)));
                transactionalIds.add(String.valueOf(config.get(ProducerConfig.TRANSACTIONAL_ID_CONFIG)));
                return super.getProducer(config);
            }
        };
    }

    private Properties config(String application, String protocol) {
        Properties config = new Properties();
        config.put(StreamsConfig.APPLICATION_ID_CONFIG, application);
        config.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, broker.bootstrapServers());
        config.put(StreamsConfig.STATE_DIR_CONFIG, temp.toString());
        config.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
        config.put(StreamsConfig.GROUP_PROTOCOL_CONFIG, protocol);
        config.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, 100);
        config.put(StreamsConfig.DEFAULT_KEY_SERDE_CLASS_CONFIG, Serdes.ByteArraySerde.class);
        config.put(StreamsConfig.DEFAULT_VALUE_SERDE_CLASS_CONFIG, Serdes.ByteArraySerde.class);
        return config;
    }

    private static Topology topology(String application) {
        Topology topology = new Topology();
        topology.addGlobalStore(
                Stores.keyValueStoreBuilder(
                                Stores.inMemoryKeyValueStore("table"), Serdes.ByteArray(), Serdes.ByteArray())
                        .withLoggingDisabled(),
                "global-source",
                new ByteArrayDeserializer(),
                new ByteArrayDeserializer(),
                application + "-global",
                "global-table",
                () -> new ContextualProcessor<byte[], byte[], Void, Void>() {
                    @Override
                    public void process(Record<byte[], byte[]> record) {}
                });
        topology.addSource("in", application + "-in");
        ProcessorSupplier<byte[], byte[], byte[], byte[]> counting = () -> new ContextualProcessor<>() {
            @Override
            public void process(Record<byte[], byte[]> record) {
                KeyValueStore<byte[], byte[]> counts = context().getStateStore(STORE);
                counts.put(record.value(), record.value());
                context().forward(record);
            }
        };
        topology.addProcessor("counting", counting, "in");
        topology.addStateStore(
                Stores.keyValueStoreBuilder(
                        Stores.persistentKeyValueStore(STORE), Serdes.ByteArray(), Serdes.ByteArray()),
                "counting");
        topology.addSink("out", application + "-out", "counting");
        return topology;
    }

    private static void send(String application) throws Exception {
        try (var producer = new KafkaProducer<>(
                Map.of("bootstrap.servers", broker.bootstrapServers()),
                new ByteArraySerializer(),
                new ByteArraySerializer())) {
            producer.send(new ProducerRecord<>(application + "-in", "a record".getBytes(UTF_8)))
                    .get();
        }
    }

    /** Waits for a committed record. The partition is assigned manually, so that no other group has offsets. */
    private static void awaitOutput(String application) {
        try (var consumer = new KafkaConsumer<>(
                Map.of(
                        "bootstrap.servers",
                        broker.bootstrapServers(),
                        "isolation.level",
                        "read_committed",
                        "auto.offset.reset",
                        "earliest",
                        "enable.auto.commit",
                        "false"),
                new ByteArrayDeserializer(),
                new ByteArrayDeserializer())) {
            consumer.assign(List.of(new TopicPartition(application + "-out", 0)));
            while (consumer.poll(Duration.ofMillis(200)).isEmpty()) {
                Thread.onSpinWait();
            }
        }
    }

    private static Map<Integer, Long> groupOffsetEnds() throws Exception {
        String topic = "__consumer_offsets";
        Map<Integer, Long> ends = new TreeMap<>();
        if (!admin.listTopics(new ListTopicsOptions().listInternal(true))
                .names()
                .get()
                .contains(topic)) {
            return ends;
        }
        int partitions = admin.describeTopics(List.of(topic))
                .allTopicNames()
                .get()
                .get(topic)
                .partitions()
                .size();
        Map<TopicPartition, OffsetSpec> asked = new HashMap<>();
        for (int partition = 0; partition < partitions; partition++) {
            asked.put(new TopicPartition(topic, partition), OffsetSpec.latest());
        }
        Map<TopicPartition, ListOffsetsResultInfo> found =
                admin.listOffsets(asked).all().get();
        found.forEach((partition, info) -> ends.put(partition.partition(), info.offset()));
        return ends;
    }

    private static List<Integer> grown(Map<Integer, Long> before, Map<Integer, Long> after) {
        List<Integer> grown = new ArrayList<>();
        for (int partition : new HashSet<>(after.keySet())) {
            if (after.get(partition) > before.getOrDefault(partition, 0L)) {
                grown.add(partition);
            }
        }
        return grown;
    }
}
