package io.tidegate.topologytests.broker;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.tidegate.contract.Topics;
import io.tidegate.demo.EmbeddedBroker;
import io.tidegate.streams.Continuity;
import io.tidegate.streams.Instance;
import io.tidegate.topology.TopologyListener;
import io.tidegate.topologytests.support.TidegateProcess;
import io.tidegate.topologytests.support.TopicAdmin;
import io.tidegate.wal.DataDir;
import java.lang.reflect.Field;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.errors.LockException;
import org.apache.kafka.streams.errors.TaskCorruptedException;
import org.apache.kafka.streams.processor.StateRestoreCallback;
import org.apache.kafka.streams.processor.StateStore;
import org.apache.kafka.streams.processor.StateStoreContext;
import org.apache.kafka.streams.processor.TaskId;
import org.apache.kafka.streams.processor.api.ContextualProcessor;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.StoreBuilder;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Rare states of Kafka Streams 4.3.1 on a real broker, each forced here: a transaction is aborted while another task of the
 * thread has outputs in it, or the consumer moves past records. No record is lost or duplicated.
 */
@Timeout(value = 15, unit = TimeUnit.MINUTES)
final class ContinuityTest {
    private static final int RECORDS = 20;
    private static final int BEFORE_THE_FAULT = 10;
    private static final String LAST = "last";
    private static final Duration READ_WITHIN = Duration.ofSeconds(60);

    /** The way in which a task becomes corrupted. */
    private enum Corruption {
        /** As after a kill -9, when the state directory is dirty. */
        IN_INIT,
        /** As if retention had deleted the records that the task must restore. */
        OUT_OF_RANGE_IN_RESTORATION
    }

    @TempDir
    static Path brokerDir;

    private static EmbeddedBroker broker;
    private static Admin admin;
    private static final AtomicInteger APPLICATIONS = new AtomicInteger();

    @TempDir
    Path temp;

    private final AtomicInteger failedThreads = new AtomicInteger();
    private String name = "";

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
    @EnumSource(Corruption.class)
    void aTaskThatIsCorruptedDuringAClassicRebalanceDoesNotLoseTheOutputsOfAnother(Corruption corruption)
            throws Exception {
        createTopics();
        var script = new Script(corruption);
        try (Instance instance = start("classic", script.topology(name), script.continuity)) {
            instance.start();
            send(0, BEFORE_THE_FAULT);
            TidegateProcess.await(READ_WITHIN, "the fault", script.faults::toString, () -> script.faults.get() > 0);
            send(BEFORE_THE_FAULT, RECORDS);
            send(LAST);

            assertThat(outputs()).containsExactlyElementsOf(expected());
        }
        assertThat(failedThreads).hasPositiveValue();
    }

    @ParameterizedTest
    @ValueSource(strings = {"classic", "streams"})
    void aPositionThatMovesPastRecordsFailsTheThreadBeforeItCommits(String protocol) throws Exception {
        createTopics();
        var moved = new AtomicBoolean();
        var continuity = new Continuity(ContinuityTest::exist);
        Topology topology = topology(name, continuity, value -> {
            if (value.equals("3") && moved.compareAndSet(false, true)) {
                Object consumer = field(Thread.currentThread(), "mainConsumer");
                ((Consumer<?, ?>) field(consumer, "delegate")).seek(new TopicPartition(name + "-in", 0), 15);
            }
        });
        send(0, RECORDS);
        send(LAST);
        try (Instance instance = start(protocol, topology, continuity)) {
            instance.start();

            assertThat(outputs()).containsExactlyElementsOf(expected());
        }
        assertThat(failedThreads).hasPositiveValue();
    }

    @ParameterizedTest
    @ValueSource(strings = {"classic", "streams"})
    void aCleanStopAndStartFailNoThread(String protocol) throws Exception {
        createTopics();
        for (int half = 0; half < 2; half++) {
            var continuity = new Continuity(ContinuityTest::exist);
            Topology topology = topology(name, continuity, value -> {});
            try (Instance instance = start(protocol, topology, continuity)) {
                instance.start();
                send(half * BEFORE_THE_FAULT, (half + 1) * BEFORE_THE_FAULT);
                if (half == 1) {
                    send(LAST);
                } else {
                    assertThat(instance.awaitRunning(READ_WITHIN)).isTrue();
                }
                assertThat(outputs((half + 1) * BEFORE_THE_FAULT + half)).hasSize((half + 1) * BEFORE_THE_FAULT + half);
            }
        }

        assertThat(outputs()).containsExactlyElementsOf(expected());
        assertThat(failedThreads).hasValue(0);
    }

    private static List<String> expected() {
        List<String> values = new ArrayList<>(
                IntStream.range(0, RECORDS).mapToObj(Integer::toString).toList());
        values.add(LAST);
        return values;
    }

    private void createTopics() throws Exception {
        name = "continuity-" + APPLICATIONS.incrementAndGet();
        var changelog = new NewTopic(name + "-state-changelog", Optional.of(2), Optional.empty())
                .configs(Map.of("cleanup.policy", "delete"));
        TopicAdmin.create(
                admin,
                new NewTopic(name + "-in", Optional.of(2), Optional.empty()),
                new NewTopic(name + "-out", Optional.of(1), Optional.empty()),
                changelog);
    }

    @Test
    void aFullHeapEndsTheInstanceAndSaysWhatToChange() throws Exception {
        createTopics();
        var continuity = new Continuity(ContinuityTest::exist);
        Topology topology = topology(name, continuity, value -> {
            throw new OutOfMemoryError("Java heap space");
        });
        send(0, 1);
        try (Instance instance = start("streams", topology, continuity)) {
            instance.start();

            assertThat(instance.awaitEnd())
                    .hasMessageContaining("out of memory: the heap of")
                    .hasMessageContaining("-Xmx")
                    .hasRootCauseInstanceOf(OutOfMemoryError.class);
        }
        assertThat(failedThreads)
                .as("not replaced: another thread would only fail again")
                .hasValue(1);
    }

    private Instance start(String protocol, Topology topology, Continuity continuity) throws Exception {
        Properties config = new Properties();
        config.put("bootstrap.servers", broker.bootstrapServers());
        config.put("application.id", name);
        config.put("group.protocol", protocol);
        config.put("processing.guarantee", "exactly_once_v2");
        config.put("state.dir", temp.resolve("state").toString());
        config.put("num.stream.threads", "1");
        // Longer than the wait for the fault: until then, only a stage's request causes a commit.
        config.put("commit.interval.ms", "30000");
        config.put("producer.transaction.timeout.ms", "60000");
        config.put("consumer.max.poll.records", "5");
        config.put("consumer.session.timeout.ms", "6000");
        config.put("consumer.heartbeat.interval.ms", "500");
        var topics = new Topics(
                List.of(name + "-in"), "none", "none", "none", "none", name + "-out", "none", "none", "none");
        return new Instance(
                topology,
                config,
                new DataDir(Files.createDirectories(temp.resolve("data"))),
                0,
                topics,
                2,
                Duration.ofSeconds(6),
                null,
                continuity,
                new TopologyListener() {
                    @Override
                    public void threadFailed(boolean replaced) {
                        failedThreads.incrementAndGet();
                    }
                });
    }

    private static boolean exist(TopicPartition partition, long from, long to) {
        Map<String, Object> config = Map.of(
                "bootstrap.servers", broker.bootstrapServers(),
                "isolation.level", "read_committed",
                "auto.offset.reset", "earliest");
        try (var reader = new KafkaConsumer<>(config, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
            reader.assign(Set.of(partition));
            reader.seek(partition, from);
            long deadline = System.nanoTime() + READ_WITHIN.toNanos();
            while (reader.position(partition) < to && System.nanoTime() < deadline) {
                for (var record : reader.poll(Duration.ofMillis(100))) {
                    return record.offset() < to;
                }
            }
            return false;
        }
    }

    private void send(int from, int to) throws Exception {
        send(IntStream.range(from, to).mapToObj(Integer::toString).toArray(String[]::new));
    }

    private void send(String... values) throws Exception {
        Map<String, Object> config = Map.of("bootstrap.servers", broker.bootstrapServers());
        try (var producer = new KafkaProducer<>(config, new StringSerializer(), new StringSerializer())) {
            for (String value : values) {
                producer.send(new ProducerRecord<>(name + "-in", 0, null, value))
                        .get();
            }
        }
    }

    private List<String> outputs() {
        return outputs(RECORDS + 1);
    }

    /** Reads until it has this number of values or the last value, or until the deadline. */
    private List<String> outputs(int count) {
        Map<String, Object> config = Map.of(
                "bootstrap.servers", broker.bootstrapServers(),
                "isolation.level", "read_committed",
                "auto.offset.reset", "earliest");
        List<String> values = new ArrayList<>();
        try (var reader = new KafkaConsumer<>(config, new StringDeserializer(), new StringDeserializer())) {
            var out = new TopicPartition(name + "-out", 0);
            reader.assign(Set.of(out));
            long deadline = System.nanoTime() + READ_WITHIN.toNanos();
            while (values.size() < count && !values.contains(LAST) && System.nanoTime() < deadline) {
                reader.poll(Duration.ofMillis(100)).forEach(record -> values.add(record.value()));
            }
        }
        return values;
    }

    /** Forwards records, and commits after the last one. */
    @FunctionalInterface
    private interface Stage {
        void processed(String value) throws ReflectiveOperationException;
    }

    private static Topology topology(String name, Continuity continuity, Stage stage) {
        Topology topology = new Topology();
        topology.addSource("in", new ByteArrayDeserializer(), new ByteArrayDeserializer(), name + "-in");
        topology.addProcessor(
                "stage",
                continuity.<byte[], byte[]>guarded(() -> new ContextualProcessor<byte[], byte[], byte[], byte[]>() {
                    @Override
                    public void process(Record<byte[], byte[]> record) {
                        context().forward(record);
                        String value = new String(record.value(), UTF_8);
                        try {
                            stage.processed(value);
                        } catch (ReflectiveOperationException e) {
                            throw new LinkageError(e.getMessage(), e);
                        }
                        if (value.equals(LAST) || value.equals(Integer.toString(BEFORE_THE_FAULT - 1))) {
                            context().commit();
                        }
                    }
                }),
                "in");
        topology.addSink("out", name + "-out", new ByteArraySerializer(), new ByteArraySerializer(), "stage");
        return topology;
    }

    private static Object field(Object owner, String field) throws ReflectiveOperationException {
        for (Class<?> type = owner.getClass(); type != null; type = type.getSuperclass()) {
            for (Field one : type.getDeclaredFields()) {
                if (one.getName().equals(field)) {
                    one.setAccessible(true);
                    return one.get(owner);
                }
            }
        }
        throw new NoSuchFieldException(field);
    }

    /**
     * Task 0 processes the first records. Then a rebalance begins, during which nothing is committed, and task 1, which was not
     * ready until then, becomes corrupted.
     */
    private static final class Script {
        private final Corruption corruption;
        private final Continuity continuity = new Continuity(ContinuityTest::exist);
        private final AtomicBoolean isRebalancing = new AtomicBoolean();
        private final AtomicInteger faults = new AtomicInteger();

        Script(Corruption corruption) {
            this.corruption = corruption;
        }

        Topology topology(String name) throws Exception {
            if (corruption == Corruption.OUT_OF_RANGE_IN_RESTORATION) {
                deleteTheBeginningOf(new TopicPartition(name + "-state-changelog", 1));
            }
            Topology topology = ContinuityTest.topology(name, continuity, value -> {
                if (value.equals(Integer.toString(BEFORE_THE_FAULT - 1)) && !isRebalancing.get()) {
                    Object tasks = field(Thread.currentThread(), "taskManager");
                    Field rebalancing = tasks.getClass().getDeclaredField("rebalanceInProgress");
                    rebalancing.setAccessible(true);
                    rebalancing.setBoolean(tasks, true);
                    isRebalancing.set(true);
                }
            });
            topology.addStateStore(new ScriptedStoreBuilder(this), "stage");
            return topology;
        }

        private static void deleteTheBeginningOf(TopicPartition changelog) throws Exception {
            Map<String, Object> config = Map.of("bootstrap.servers", broker.bootstrapServers());
            try (var producer = new KafkaProducer<>(config, new StringSerializer(), new StringSerializer())) {
                for (int i = 0; i < RECORDS; i++) {
                    producer.send(new ProducerRecord<>(changelog.topic(), changelog.partition(), "k", "v"))
                            .get();
                }
            }
            admin.deleteRecords(Map.of(changelog, RecordsToDelete.beforeOffset(RECORDS / 2)))
                    .all()
                    .get(30, TimeUnit.SECONDS);
        }

        void init(TaskId task) {
            if (task.partition() != 1) {
                return;
            }
            if (!isRebalancing.get()) {
                throw new LockException("not yet");
            }
            if (faults.getAndIncrement() == 0 && corruption == Corruption.IN_INIT) {
                throw new TaskCorruptedException(Set.of(task));
            }
        }
    }

    private static final class ScriptedStore implements StateStore {
        private final Script script;
        private final Map<TopicPartition, Long> offsets = new ConcurrentHashMap<>();
        private boolean open;

        ScriptedStore(Script script) {
            this.script = script;
        }

        @Override
        public String name() {
            return "state";
        }

        @Override
        public void init(StateStoreContext context, StateStore root) {
            script.init(context.taskId());
            if (context.taskId().partition() == 1
                    && script.corruption == Corruption.OUT_OF_RANGE_IN_RESTORATION
                    && script.faults.get() == 1) {
                offsets.put(new TopicPartition(context.applicationId() + "-state-changelog", 1), 2L);
            }
            context.register(root, (StateRestoreCallback) (key, value) -> {});
            open = true;
        }

        @Override
        public void commit(Map<TopicPartition, Long> changelogOffsets) {
            offsets.clear();
            offsets.putAll(changelogOffsets);
        }

        @Override
        public Long committedOffset(TopicPartition partition) {
            return offsets.get(partition);
        }

        @Override
        @SuppressWarnings("deprecation") // as in Tidegate's own store
        public boolean managesOffsets() {
            return true;
        }

        @Override
        public void close() {
            open = false;
        }

        @Override
        public boolean persistent() {
            return true;
        }

        @Override
        public boolean isOpen() {
            return open;
        }
    }

    private record ScriptedStoreBuilder(Script script) implements StoreBuilder<ScriptedStore> {
        @Override
        public StoreBuilder<ScriptedStore> withCachingEnabled() {
            return this;
        }

        @Override
        public StoreBuilder<ScriptedStore> withCachingDisabled() {
            return this;
        }

        @Override
        public StoreBuilder<ScriptedStore> withLoggingEnabled(Map<String, String> config) {
            return this;
        }

        @Override
        public StoreBuilder<ScriptedStore> withLoggingDisabled() {
            return this;
        }

        @Override
        public ScriptedStore build() {
            return new ScriptedStore(script);
        }

        @Override
        public Map<String, String> logConfig() {
            return new HashMap<>();
        }

        @Override
        public boolean loggingEnabled() {
            return true;
        }

        @Override
        public String name() {
            return "state";
        }
    }
}
