package io.tidegate.topologytests.faults;

import io.tidegate.topologytests.support.BrokerCluster;
import io.tidegate.topologytests.support.Deployment;
import io.tidegate.topologytests.support.Progress;
import io.tidegate.topologytests.support.TidegateProcess;
import java.io.IOException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * Real instances with standby replicas under a known load on real brokers, faults to inject, and the time to recover from
 * them. After any faults, {@link #settleAndCheck} must find that the promises hold.
 *
 * <p>Random choices follow from the seed; the timing of processes does not. Not thread-safe.
 */
final class FaultScene implements AutoCloseable {
    static final int SHARDS = 4;
    static final int TASKS = 3 * SHARDS;
    static final int SESSION_MS = 3_000;

    /** With this setting, half of the signals are in their tenant's partition. */
    static final String KEYED_INGRESS = "ingress.partitioning=tenant";

    /** Java's exit code after a SIGTERM that it handled. */
    private static final int SIGTERM_EXIT = 143;

    private static final Duration RECOVERS_WITHIN = Duration.ofMinutes(6);

    /** The rate of all tenants except the {@link Traffic#HOT} one. */
    private static final long SIGNALS_PER_SEC = 400;

    private final BrokerCluster cluster;
    private final Deployment app;
    private final Traffic traffic;
    private final Progress progress;
    private final SplittableRandom random;
    private final Consumer<String> report;
    private final Map<String, TidegateProcess> instances = new TreeMap<>();
    private final Map<String, String[]> settings = new TreeMap<>();

    /** @param report receives each fault and the time to recover from it */
    private FaultScene(
            BrokerCluster cluster,
            Deployment app,
            Traffic traffic,
            Progress progress,
            long seed,
            Consumer<String> report) {
        this.cluster = cluster;
        this.app = app;
        this.traffic = traffic;
        this.progress = progress;
        this.random = new SplittableRandom(seed);
        this.report = report;
    }

    /**
     * Prepares topics, configs and load; starts the load, and no instance.
     *
     * @param settings of the instances, in addition to those that faults need
     */
    static FaultScene start(
            BrokerCluster cluster, String name, Path temp, long seed, Consumer<String> report, String... settings)
            throws Exception {
        return start(cluster, name, temp, seed, 1, report, settings);
    }

    /** @param hotShare see {@link Traffic} */
    static FaultScene start(
            BrokerCluster cluster,
            String name,
            Path temp,
            long seed,
            int hotShare,
            Consumer<String> report,
            String... settings)
            throws Exception {
        List<String> all = new ArrayList<>(List.of(
                "shards=" + SHARDS,
                "standby.replicas=1",
                "replication.factor=" + cluster.replicas(),
                "session.timeout.ms=" + SESSION_MS,
                // With more commits, the brokers take most of the processors' time.
                "commit.interval.ms=200",
                // On a slow machine a takeover takes longer than the default wait of partitions.
                "alignment.wait.max.ms=600000",
                "wal.segment.bytes=16384",
                "wal.checkpoint.interval.ms=1000"));
        all.addAll(List.of(settings));
        Deployment app = new Deployment(cluster.bootstrapServers(), name, temp, all.toArray(String[]::new));
        app.init();
        boolean keyed = List.of(settings).contains(KEYED_INGRESS);
        Traffic traffic = new Traffic(cluster.bootstrapServers(), app.signals(), SHARDS, seed, hotShare, keyed);
        traffic.writeConfigs(app.topic("configs"));
        Progress progress = new Progress(cluster.bootstrapServers(), app.topic("accepted"), SHARDS);
        report.accept("seed %d, application %s".formatted(seed, name));
        traffic.start(SIGNALS_PER_SEC * hotShare);
        return new FaultScene(cluster, app, traffic, progress, seed, report);
    }

    Deployment app() {
        return app;
    }

    Progress progress() {
        return progress;
    }

    Traffic traffic() {
        return traffic;
    }

    TidegateProcess instance(String name) {
        return instances.get(name);
    }

    int random(int bound) {
        return random.nextInt(bound);
    }

    String anyOf(String... names) {
        return names[random(names.length)];
    }

    Path dataDir(String name) {
        return Path.of(app.dataDir(name));
    }

    /** Reports the longest delay of a signal since the last report. */
    void reportDelay() {
        report.accept("longest delay from arrival to acceptance: %d ms".formatted(progress.takeLongestDelayMs()));
    }

    String anyInstance() {
        return List.copyOf(instances.keySet()).get(random(instances.size()));
    }

    /** Starts an instance and waits until its tasks run. A restart uses the same settings as the first start. */
    TidegateProcess startInstance(String name, String... more) throws Exception {
        String[] own = settings.computeIfAbsent(name, first -> more);
        TidegateProcess process = app.start(name, own);
        instances.put(name, process);
        return process;
    }

    /** Starts instances at the same time, and waits until the tasks of each run. */
    void startInstances(String... names) throws Exception {
        for (String name : names) {
            settings.put(name, new String[0]);
            instances.put(name, app.launch(name));
        }
        for (String name : names) {
            instance(name).awaitRunning();
        }
    }

    /** Starts an instance whose connections to the brokers can be cut. */
    TidegateProcess startInstanceByWire(String name) throws Exception {
        return startInstance(name, "--set", "bootstrap.servers=" + cluster.bootstrapServersByWire());
    }

    /** Waits until every shard accepts signals that arrive from now on. */
    long awaitProgress(String after) throws InterruptedException {
        return awaitProgress(after, System.currentTimeMillis());
    }

    /** Waits until every shard accepts signals that arrived after a moment; returns how long after it that is. */
    long awaitProgress(String after, long sinceMs) throws InterruptedException {
        try {
            long ms = progress.awaitAllSince(sinceMs, RECOVERS_WITHIN);
            report.accept("%s: all shards continue after %d ms".formatted(after, ms));
            return ms;
        } catch (AssertionError e) {
            throw new AssertionError(after + ": " + e.getMessage() + app.logs(), e);
        }
    }

    /** Kills an instance with kill -9, and starts it again. The other instances, if any, must continue without it. */
    long killAndRestart(String name) throws Exception {
        long killedMs = System.currentTimeMillis();
        instances.remove(name).kill();
        // Sometimes it is back before the group has noticed.
        boolean takenOver = !instances.isEmpty() && random.nextBoolean();
        long ms = takenOver ? awaitProgress("kill -9 of " + name + ", taken over", killedMs) : 0;
        startInstance(name);
        return takenOver ? ms : awaitProgress("kill -9 of " + name + ", started again", killedMs);
    }

    /** Kills an instance with kill -9 and does not start it again. */
    long kill(String name) throws Exception {
        long killedMs = System.currentTimeMillis();
        instances.remove(name).kill();
        return awaitProgress("kill -9 of " + name, killedMs);
    }

    /** Kills an instance with kill -9 unless it has ended already, when no other instance runs. */
    void crash(String name) throws InterruptedException {
        instances.remove(name).kill();
    }

    /** Stops an instance with SIGTERM; returns the time until the others make progress. */
    long stop(String name) throws Exception {
        long stoppedMs = System.currentTimeMillis();
        int exit = instances.remove(name).terminate();
        if (exit != 0 && exit != SIGTERM_EXIT) {
            throw new AssertionError("the instance ended with " + exit + app.logs());
        }
        long endedMs = System.currentTimeMillis();
        return awaitProgress("clean stop of %s, which took %d ms".formatted(name, endedMs - stoppedMs), stoppedMs);
    }

    void startIfStopped(String name) throws Exception {
        if (!instances.containsKey(name)) {
            startInstance(name);
        }
    }

    void stopIfRunning(String name) throws Exception {
        if (instances.containsKey(name)) {
            stop(name);
        }
    }

    /** Freezes an instance for longer than its session. The others must take over, and it must not disturb them afterwards. */
    long pause(String name) throws Exception {
        long pausedMs = System.currentTimeMillis();
        instances.get(name).signal("STOP");
        long ms;
        try {
            ms = awaitProgress("pause of " + name, pausedMs);
        } finally {
            instances.get(name).signal("CONT");
        }
        awaitProgress("resumption of " + name);
        return ms;
    }

    /** Cuts the connections to some brokers for a while. */
    long cut(Duration duration, int... brokers) throws Exception {
        for (int broker : brokers) {
            cluster.wire(broker).cut();
        }
        // The duration is the fault.
        Thread.sleep(duration.toMillis());
        for (int broker : brokers) {
            cluster.wire(broker).heal();
        }
        return awaitProgress("cut off from %d brokers for %d s".formatted(brokers.length, duration.toSeconds()));
    }

    /** Kills brokers with kill -9 and restarts them after a while. */
    long killBrokers(Duration downtime, int... brokers) throws Exception {
        cluster.kill(brokers);
        Thread.sleep(downtime.toMillis());
        cluster.restart(brokers);
        long ms = awaitProgress("%d brokers killed and down for %d s".formatted(brokers.length, downtime.toSeconds()));
        cluster.awaitInSync();
        return ms;
    }

    /** Freezes a broker for a while. */
    long freezeBroker(String role, int broker, Duration duration) throws Exception {
        cluster.freeze(broker);
        try {
            Thread.sleep(duration.toMillis());
        } finally {
            cluster.thaw(broker);
        }
        long ms = awaitProgress("%s frozen for %d s".formatted(role, duration.toSeconds()));
        cluster.awaitInSync();
        return ms;
    }

    /**
     * Runs a step while a foreign transaction has pending offsets of all tasks' partitions, and ends the transaction after a
     * duration. Returns the milliseconds from that end to the end of the step.
     */
    long withUnstableOffsets(Duration duration, Callable<?> step) throws Exception {
        Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>();
        for (String topic : List.of(
                app.signals(),
                app.topic("by-tenant"),
                app.topic("commands"),
                app.topic("segments"),
                app.topic("accepted"))) {
            for (int i = 0; i < SHARDS; i++) {
                offsets.put(new TopicPartition(topic, i), new OffsetAndMetadata(0));
            }
        }
        Map<String, Object> producing = Map.of(
                ProducerConfig.BOOTSTRAP_SERVERS_CONFIG,
                cluster.bootstrapServers(),
                ProducerConfig.TRANSACTIONAL_ID_CONFIG,
                app.applicationId() + "-unstable");
        Map<String, Object> consuming = Map.of(
                ConsumerConfig.BOOTSTRAP_SERVERS_CONFIG,
                cluster.bootstrapServers(),
                ConsumerConfig.GROUP_ID_CONFIG,
                app.applicationId());
        try (var producer = new KafkaProducer<>(producing, new ByteArraySerializer(), new ByteArraySerializer());
                var outsider =
                        new KafkaConsumer<>(consuming, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
            producer.initTransactions();
            producer.beginTransaction();
            producer.sendOffsetsToTransaction(offsets, outsider.groupMetadata());
            var stableMs = CompletableFuture.supplyAsync(
                    () -> {
                        long beforeMs = System.currentTimeMillis();
                        producer.abortTransaction();
                        return beforeMs;
                    },
                    CompletableFuture.delayedExecutor(duration.toMillis(), TimeUnit.MILLISECONDS));
            step.call();
            long doneMs = System.currentTimeMillis();
            return doneMs - stableMs.get(1, TimeUnit.MINUTES);
        }
    }

    /** Writes invalid configs while instances read the topic. */
    void poisonConfigs() throws Exception {
        traffic.poisonConfigs(app.topic("configs"));
    }

    /** Writes very many configs of tenants that send nothing; returns the last one's tenant. */
    String floodConfigs(int updates) throws Exception {
        return traffic.floodConfigs(app.topic("configs"), updates, 1_000);
    }

    int groupCoordinator() throws Exception {
        return cluster.groupCoordinator(app.applicationId());
    }

    BrokerCluster cluster() {
        return cluster;
    }

    /** Stops the load, waits until every signal has an outcome, and checks all promises. */
    void settleAndCheck() throws Exception {
        long signals = traffic.stop();
        long stoppedMs = System.currentTimeMillis();
        instances.forEach((name, process) -> {
            if (!process.isAlive()) {
                throw new AssertionError("the instance %s ended by itself%s".formatted(name, app.logs()));
            }
        });
        String summary = Invariants.check(app, traffic, signals, Math.min(2, instances.size()));
        report.accept("checked in %d ms: %s".formatted(System.currentTimeMillis() - stoppedMs, summary));
    }

    @Override
    public void close() {
        traffic.close();
        progress.close();
        app.close();
        try (Admin admin = cluster.admin()) {
            // Scenes share brokers and their disk.
            var names = admin.listTopics().names().get().stream()
                    .filter(topic -> topic.startsWith(app.applicationId()))
                    .collect(Collectors.toSet());
            var unused = admin.deleteTopics(names);
        } catch (Exception e) {
            report.accept("the topics of %s were not deleted: %s".formatted(app.applicationId(), e));
        }
    }

    /** The file keys of WAL files by path: a rewritten file has another key. */
    static Map<Path, Object> fileKeys(Path root) throws IOException {
        Map<Path, Object> keys = new TreeMap<>();
        for (Path file : ownFiles(root)) {
            if (file.getParent().endsWith("wal")) {
                keys.put(
                        file,
                        Files.readAttributes(file, BasicFileAttributes.class).fileKey());
            }
        }
        return keys;
    }

    /** The files of a data directory except Kafka Streams' own, which are created and deleted while an instance runs. */
    static List<Path> ownFiles(Path root) throws IOException {
        List<Path> found = new ArrayList<>();
        Files.walkFileTree(root, new SimpleFileVisitor<>() {
            @Override
            public FileVisitResult preVisitDirectory(Path dir, BasicFileAttributes attributes) {
                return dir.endsWith(Path.of(".tidegate", "streams"))
                        ? FileVisitResult.SKIP_SUBTREE
                        : FileVisitResult.CONTINUE;
            }

            @Override
            public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) {
                found.add(file);
                return FileVisitResult.CONTINUE;
            }

            @Override
            public FileVisitResult visitFileFailed(Path file, IOException failure) throws IOException {
                if (failure instanceof NoSuchFileException) {
                    return FileVisitResult.CONTINUE; // A running instance has renamed or removed it.
                }
                throw failure;
            }
        });
        return found;
    }
}
