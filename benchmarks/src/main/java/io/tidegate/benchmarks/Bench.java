package io.tidegate.benchmarks;

import io.tidegate.admin.TopicSetup;
import io.tidegate.benchmarks.Case.Program;
import io.tidegate.benchmarks.Case.Quota;
import io.tidegate.config.Settings;
import io.tidegate.config.SettingsLoader;
import io.tidegate.demo.ChildJvm;
import io.tidegate.demo.EmbeddedBroker;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.ListStreamsGroupOffsetsSpec;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.RetriableException;
import org.jspecify.annotations.Nullable;

/** The broker and the directory that all measurements share; both are removed at the end. */
final class Bench implements AutoCloseable {
    static final int PARTITIONS = 8;
    private static final Duration LEADERS_WITHIN = Duration.ofSeconds(30);
    private static final long LEADERS_POLL_MS = 50;

    private final Path root;
    private final @Nullable Path recordings;
    private final List<String> jvmOptions;
    private final Map<String, String> overrides;
    private final EmbeddedBroker broker;
    private final Admin admin;
    private final Progress progress;
    private final Set<String> filled = new HashSet<>();

    private Bench(
            Path root,
            @Nullable Path recordings,
            List<String> jvmOptions,
            Map<String, String> overrides,
            EmbeddedBroker broker,
            Progress progress) {
        this.root = root;
        this.recordings = recordings;
        this.jvmOptions = jvmOptions;
        this.overrides = overrides;
        this.broker = broker;
        this.progress = progress;
        this.admin = Admin.create(Map.of("bootstrap.servers", broker.bootstrapServers()));
    }

    /**
     * Starts a broker.
     *
     * @param parent the directory for all files; null for the default directory for temporary files
     * @param recordings the directory for the Java Flight Recorder file of each program; null for no recordings
     * @param jvmOptions of each program, after those that all have
     * @param overrides of Tidegate's settings
     */
    static Bench start(
            @Nullable Path parent,
            @Nullable Path recordings,
            List<String> jvmOptions,
            Map<String, String> overrides,
            Progress progress)
            throws IOException, InterruptedException {
        if (recordings != null) {
            Files.createDirectories(recordings);
        }
        Path root = parent == null
                ? Files.createTempDirectory("tidegate-bench-")
                : Files.createTempDirectory(Files.createDirectories(parent), "tidegate-bench-");
        EmbeddedBroker broker = EmbeddedBroker.start(root.resolve("broker"), 0, Map.of());
        return new Bench(root, recordings, jvmOptions, overrides, broker, progress);
    }

    String bootstrap() {
        return broker.bootstrapServers();
    }

    Admin admin() {
        return admin;
    }

    Progress progress() {
        return progress;
    }

    /** A directory for one program. */
    Path directory(String id) throws IOException {
        return Files.createDirectories(root.resolve(id));
    }

    /** Creates the topic of a workload and sends the workload to it, once. */
    void fill(Workload workload) throws InterruptedException, ExecutionException {
        if (filled.add(workload.topic())) {
            createSignals(workload.topic());
            send(workload);
        }
    }

    /** Sends a workload to its topic, which must exist. */
    void send(Workload workload) {
        workload.send(
                bootstrap(),
                sent -> progress.show(
                        () -> "sending %,d of %,d signals '%s'".formatted(sent, workload.signals(), workload.name())));
    }

    void createSignals(String topic) throws InterruptedException, ExecutionException {
        create(topic, Map.of("message.timestamp.type", "LogAppendTime"));
    }

    void create(String topic, Map<String, String> config) throws InterruptedException, ExecutionException {
        admin.createTopics(List.of(new NewTopic(topic, Optional.of(PARTITIONS), Optional.empty()).configs(config)))
                .all()
                .get();
        awaitLeaders(topic);
    }

    /**
     * Waits until every partition has a leader. Without one, a partition rejects a producer's first batch and receives the
     * batches behind it, which then stay out of order indefinitely. For a moment the broker may not know a new topic at all.
     */
    private void awaitLeaders(String topic) throws InterruptedException, ExecutionException {
        long deadline = System.nanoTime() + LEADERS_WITHIN.toNanos();
        while (true) {
            try {
                var unused = ends(topic);
                return;
            } catch (ExecutionException e) {
                if (!(e.getCause() instanceof RetriableException) || System.nanoTime() > deadline) {
                    throw e;
                }
                Thread.sleep(LEADERS_POLL_MS);
            }
        }
    }

    /** Creates Tidegate's topics as Tidegate itself would. Topics that several programs read in turn belong to the last one. */
    private static void prepare(Settings settings) {
        try (TopicSetup setup = new TopicSetup(settings)) {
            setup.takeOver();
            var unused = setup.ensure();
        }
    }

    /** Creates Tidegate's topics and writes a config for each tenant. */
    void prepare(Settings settings, Quota quota, int tenants) {
        prepare(settings);
        try (var producer = Workload.producer(bootstrap())) {
            for (long tenant = 1; tenant <= tenants; tenant++) {
                byte[] key = Long.toString(tenant).getBytes(StandardCharsets.US_ASCII);
                byte[] value = quota.config(tenant).getBytes(StandardCharsets.US_ASCII);
                var unused =
                        producer.send(new ProducerRecord<>(settings.topics().configs(), key, value));
            }
        }
    }

    /**
     * Tidegate's settings for one instance.
     *
     * @param id the application id, which also prefixes its topics
     * @param signals the topic that it reads
     */
    Map<String, String> tidegate(String id, String signals, int threads) throws IOException {
        Map<String, String> settings = new HashMap<>();
        settings.put(Settings.BOOTSTRAP_SERVERS, bootstrap());
        settings.put(Settings.DATA_DIR, directory(id).resolve("data").toString());
        settings.put(Settings.APPLICATION_ID, id);
        settings.put(Settings.HTTP_PORT, "-1");
        settings.put(Settings.SHARDS, Integer.toString(PARTITIONS));
        settings.put(Settings.THREADS, Integer.toString(threads));
        settings.put(Settings.TOPIC_SIGNALS, signals);
        settings.put(Settings.TOPIC_BY_TENANT, id + ".by-tenant");
        settings.put(Settings.TOPIC_CONFIGS, id + ".configs");
        settings.put(Settings.TOPIC_ACCEPTED, id + ".accepted");
        settings.put(Settings.TOPIC_QUOTA_EXCEEDED, id + ".quota-exceeded");
        settings.put(Settings.TOPIC_DEAD_LETTER, id + ".dead-letter");
        settings.put(Settings.TOPIC_SEGMENTS, id + ".segments");
        settings.put(Settings.TOPIC_COMMANDS, id + ".commands");
        settings.put(Settings.TOPIC_EVENTS, id + ".events");
        settings.putAll(overrides);
        return settings;
    }

    static Settings settings(Map<String, String> values) {
        return SettingsLoader.load(null, Map.of(), values);
    }

    /** Starts Tidegate with these settings. */
    Child startTidegate(String id, String heap, Map<String, String> settings) throws IOException {
        return startTidegate(List.of(), id, heap, settings);
    }

    /** @param wrapper a command that replaces itself with the command after it, such as {@code nice} */
    Child startTidegate(List<String> wrapper, String id, String heap, Map<String, String> settings) throws IOException {
        List<String> command = new ArrayList<>(wrapper);
        command.addAll(jvm(id, heap));
        command.addAll(List.of("io.tidegate.cli.Tidegate", "run"));
        settings.forEach((key, value) -> command.addAll(List.of("--set", key + "=" + value)));
        return new Child(command, directory(id).resolve("log"));
    }

    /** Starts an app that only forwards records, with Kafka Streams configured by these settings. */
    Child startPassThrough(String id, String heap, Program program, Map<String, String> settings) throws IOException {
        List<String> command = jvm(id, heap);
        command.addAll(List.of(PassThrough.class.getName(), program.name()));
        settings.forEach((key, value) -> command.add(key + "=" + value));
        return new Child(command, directory(id).resolve("log"));
    }

    /** The first part of a program's command, up to and including {@link Probed}. */
    List<String> jvm(String id, String heap) {
        List<String> command = ChildJvm.command("-Xmx" + heap, "-XX:+UseParallelGC");
        if (recordings != null) {
            // Without the debug information, a sample names the line of the next safepoint.
            command.addAll(
                    1,
                    List.of(
                            "-XX:+UnlockDiagnosticVMOptions",
                            "-XX:+DebugNonSafepoints",
                            "-XX:StartFlightRecording=filename=%s.jfr,settings=profile,dumponexit=true"
                                    .formatted(recordings.resolve(id).toAbsolutePath())));
        }
        command.addAll(jvmOptions);
        command.add(Probed.class.getName());
        return command;
    }

    /** The committed offsets of a group, by partition. */
    Map<TopicPartition, Long> committed(String group, boolean streamsGroup) throws InterruptedException {
        Map<TopicPartition, Long> all = new HashMap<>();
        try {
            Map<TopicPartition, OffsetAndMetadata> found = streamsGroup
                    ? admin.listStreamsGroupOffsets(Map.of(group, new ListStreamsGroupOffsetsSpec()))
                            .partitionsToOffsetAndMetadata(group)
                            .get()
                    : admin.listConsumerGroupOffsets(group)
                            .partitionsToOffsetAndMetadata()
                            .get();
            found.forEach((partition, offset) -> {
                if (offset != null) {
                    all.put(partition, offset.offset());
                }
            });
        } catch (ExecutionException e) {
            return Map.of(); // the group does not exist yet
        }
        return all;
    }

    /** The end offsets of a topic's partitions. */
    Map<TopicPartition, Long> ends(String topic) throws InterruptedException, ExecutionException {
        Map<TopicPartition, OffsetSpec> specs = new HashMap<>();
        IntStream.range(0, PARTITIONS).forEach(i -> specs.put(new TopicPartition(topic, i), OffsetSpec.latest()));
        Map<TopicPartition, Long> ends = new HashMap<>();
        admin.listOffsets(specs).all().get().forEach((partition, end) -> ends.put(partition, end.offset()));
        return ends;
    }

    /** Deletes the directory of one program and all topics whose names begin with its id. */
    void delete(String id) throws InterruptedException, ExecutionException, IOException {
        Collection<String> topics = admin.listTopics().names().get().stream()
                .filter(name -> name.startsWith(id + ".") || name.startsWith(id + "-"))
                .toList();
        admin.deleteTopics(topics).all().get();
        deleteTree(root.resolve(id));
    }

    void deleteTopic(String topic) throws InterruptedException, ExecutionException {
        admin.deleteTopics(List.of(topic)).all().get();
    }

    @Override
    public void close() throws IOException {
        admin.close();
        broker.close();
        deleteTree(root);
    }

    private static void deleteTree(Path tree) throws IOException {
        if (Files.exists(tree)) {
            try (Stream<Path> all = Files.walk(tree)) {
                for (Path path : all.sorted(Comparator.reverseOrder()).toList()) {
                    Files.deleteIfExists(path);
                }
            }
        }
    }
}
