package io.tidegate.topologytests.support;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.tidegate.cli.InProcess;
import io.tidegate.config.Settings;
import io.tidegate.config.SettingsLoader;
import io.tidegate.tenant.TenantId;
import io.tidegate.tools.LoadGenerator;
import io.tidegate.wal.DataDir;
import io.tidegate.wal.WalException;
import io.tidegate.wal.WalReader;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Stream;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.StringSerializer;

/** One application with its own topics, so that many can share a broker: its instances, and commands on it. */
public final class Deployment implements AutoCloseable {
    private static final JsonMapper JSON = new JsonMapper();
    public static final Duration TAKES_EFFECT_WITHIN = Duration.ofMinutes(3);

    private static final int SETTLES_WITHIN_S = 360 * TidegateProcess.PATIENCE;

    private final String bootstrapServers;
    private final String name;
    private final Path temp;
    private final String[] settings;
    private final List<TidegateProcess> processes = new ArrayList<>();
    private final Set<String> instances = new TreeSet<>();
    private final Map<String, String> environment = new HashMap<>();
    private String heap = "-Xmx512m";

    /**
     * @param name of the application, and the prefix of its topics' names
     * @param temp the directory for data directories and logs
     * @param settings of all its processes, as {@code name=value}; they override those set here
     */
    public Deployment(String bootstrapServers, String name, Path temp, String... settings) {
        this.bootstrapServers = bootstrapServers;
        this.name = name;
        this.temp = temp;
        this.settings = settings;
    }

    @Override
    public void close() {
        processes.forEach(TidegateProcess::close);
    }

    public TidegateProcess start(String instance, String... more) throws Exception {
        TidegateProcess process =
                TidegateProcess.run(temp.resolve("logs"), heap, environment, arguments(instance, more));
        processes.add(process);
        return process;
    }

    public TidegateProcess launch(String instance, String... more) throws Exception {
        TidegateProcess process =
                TidegateProcess.launch(temp.resolve("logs"), heap, environment, arguments(instance, more));
        processes.add(process);
        return process;
    }

    /** Starts an instance in which a fault happens at its n-th commit. */
    public TidegateProcess launchFaulty(
            String instance, FaultyInstance.Fault fault, FaultyInstance.Moment moment, int commit, String... more)
            throws Exception {
        List<String> arguments = new ArrayList<>(List.of(fault.name(), moment.name(), Integer.toString(commit)));
        arguments.addAll(List.of(arguments(instance, more)));
        TidegateProcess process =
                TidegateProcess.launchFaulty(temp.resolve("logs"), heap, arguments.toArray(String[]::new));
        processes.add(process);
        return process;
    }

    private String[] arguments(String instance, String... more) {
        instances.add(instance);
        List<String> arguments = new ArrayList<>(List.of("--data-dir", dataDir(instance)));
        arguments.addAll(List.of(connection()));
        arguments.addAll(List.of(more));
        return arguments.toArray(String[]::new);
    }

    public String[] connection() {
        List<String> values = new ArrayList<>(List.of(
                "bootstrap.servers=" + bootstrapServers,
                "application.id=" + name,
                "shards=2",
                "threads=1",
                "session.timeout.ms=3000",
                "wal.segment.bytes=16384",
                "disk.min.free.bytes=0",
                "http.port=0",
                "topic.signals=" + signals(),
                "topic.signals.by.tenant=" + name + ".by-tenant",
                "topic.tenant.configs=" + name + ".configs",
                "topic.signals.accepted=" + name + ".accepted",
                "topic.quota.exceeded=" + name + ".quota-exceeded",
                "topic.signals.dead.letter=" + name + ".dead-letter",
                "topic.wal.segments=" + name + ".segments",
                "topic.tenant.commands=" + name + ".commands",
                "topic.quota.events=" + name + ".events"));
        values.addAll(List.of(settings));
        List<String> connection = new ArrayList<>();
        values.forEach(value -> connection.addAll(List.of("--set", value)));
        return connection.toArray(String[]::new);
    }

    /** Returns the settings of the instances, as far as they are the same for all. */
    public Settings settings(String... more) {
        Map<String, String> values = new HashMap<>();
        Stream.concat(Stream.of(connection()), Stream.of(more))
                .filter(word -> !word.equals("--set"))
                .map(setting -> setting.split("=", 2))
                .forEach(setting -> values.put(setting[0], setting[1]));
        return SettingsLoader.load(null, Map.of(), values);
    }

    /** Sets the heap of instances that are started from now on, such as {@code -Xmx2g}. */
    public void heap(String option) {
        heap = option;
    }

    /** Sets a variable for instances that are started from now on. */
    public void environment(String variable, String value) {
        environment.put(variable, value);
    }

    public String applicationId() {
        return name;
    }

    public String bootstrapServers() {
        return bootstrapServers;
    }

    /** The data directories of all instances, including stopped ones. */
    public List<Path> dataDirs() {
        return instances.stream().map(instance -> Path.of(dataDir(instance))).toList();
    }

    /** The full name of an internal topic, given its last part. */
    public String topic(String last) {
        return name + "." + last;
    }

    public String signals() {
        for (String setting : settings) {
            if (setting.startsWith("topic.signals=")) {
                return setting.substring("topic.signals=".length());
            }
        }
        return name + ".signals";
    }

    public String dataDir(String instance) {
        return temp.resolve("data-" + instance).toString();
    }

    /** Runs a command as a process, with the connection's settings if the command needs them. */
    public TidegateProcess.Result tidegate(String... arguments) throws Exception {
        return TidegateProcess.command(temp, connected(arguments));
    }

    /** Runs a command for setup or checks in this process, because a separate process takes seconds. */
    public InProcess quick(String... arguments) {
        return InProcess.run(connected(arguments));
    }

    private String[] connected(String... arguments) {
        List<String> all = new ArrayList<>(List.of(arguments));
        if (!arguments[0].equals("wal") || all.contains("--repair") || all.contains("prune")) {
            // Before the test's own options, because the last one wins.
            int options = (int) all.stream()
                    .takeWhile(argument -> !argument.startsWith("-"))
                    .count();
            all.addAll(options, List.of(connection()));
        }
        return all.toArray(String[]::new);
    }

    /** Creates the topics. */
    public void init() {
        InProcess result = quick("init");
        assertThat(result.exit()).as(result.err()).isZero();
    }

    public void set(String tenant, String... limits) {
        List<String> arguments = new ArrayList<>(List.of("tenants", "set", tenant));
        arguments.addAll(List.of(limits));
        InProcess result = quick(arguments.toArray(String[]::new));
        assertThat(result.exit()).as(result.err()).isZero();
    }

    /** Sends until one signal of the tenant is accepted, because every instance reads new configs asynchronously. */
    public void awaitUsable(String tenant) throws Exception {
        TidegateProcess.await(TAKES_EFFECT_WITHIN, "tenant %s to be accepted".formatted(tenant), () -> "", () -> {
            sendQuietly("{\"tenant_id\":%s,\"probe\":true}".formatted(tenant));
            return verify("a").at("/tenants/" + tenant + "/accepted").asLong() > 0;
        });
    }

    /** Runs the conservation check over the data directories of all instances; it must pass. */
    public JsonNode verify(String instance) {
        try {
            List<String> verify = new ArrayList<>(List.of(
                    "verify", "-o", "json", "--data-dir", dataDir(instance), "--settle", SETTLES_WITHIN_S + "s"));
            for (Path dir : dataDirs()) {
                if (!dir.toString().equals(dataDir(instance))) {
                    verify.addAll(List.of("--also-data-dir", dir.toString()));
                }
            }
            InProcess result = quick(verify.toArray(String[]::new));
            assertThat(result.exit())
                    .as(() -> result.out() + result.err() + logs())
                    .isZero();
            return JSON.readTree(result.out());
        } catch (Exception e) {
            throw new AssertionError(e);
        }
    }

    public String logs() {
        return processes.stream()
                .map(process -> "%n--- pid %d%n%s".formatted(process.pid(), process.logText()))
                .collect(java.util.stream.Collectors.joining());
    }

    public void sendQuietly(String value) {
        sendQuietly(1, value);
    }

    public void sendQuietly(int count, String value) {
        try {
            send(count, i -> value);
        } catch (Exception e) {
            throw new AssertionError(e);
        }
    }

    public void send(int count, java.util.function.IntFunction<String> value) throws Exception {
        Map<String, Object> config =
                Map.of("bootstrap.servers", bootstrapServers, "acks", "all", "max.request.size", 8 << 20);
        try (var producer = new KafkaProducer<>(config, new StringSerializer(), new StringSerializer())) {
            List<java.util.concurrent.Future<?>> sent = new ArrayList<>();
            for (int i = 0; i < count; i++) {
                // One partition, so that the order is the order of sending.
                sent.add(producer.send(new ProducerRecord<>(signals(), 0, null, value.apply(i))));
            }
            for (var one : sent) {
                one.get(3, TimeUnit.MINUTES);
            }
        }
    }

    /** Writes configs for twenty tenants, two of them with low limits. */
    public void prepareLoad() throws Exception {
        var created = quick("load", "--tenants", "20", "--create-tenants", "--max-signals", "1", "--rate", "10/s");
        assertThat(created.exit()).as(created.err()).isZero();
        set("2", "--rate", "20", "--burst", "30");
        set("3", "--entities", "50");
    }

    /** Sends 500 signals a second of the twenty tenants, in the background. */
    public CompletableFuture<TidegateProcess.Result> load(String duration) {
        return CompletableFuture.supplyAsync(() -> {
            try {
                return tidegate(
                        "load",
                        "--tenants",
                        "20",
                        "--rate",
                        "500/s",
                        "--duration",
                        duration,
                        "--skew",
                        "0.7",
                        "--seed",
                        "7");
            } catch (Exception e) {
                throw new IllegalStateException(e);
            }
        });
    }

    /** A load that runs in the background. */
    public interface Load {
        /** Ends it, and waits until all signals are acknowledged. */
        void stop() throws Exception;
    }

    /** Sends like {@link #load(String)} until it is stopped. */
    public Load startLoad() {
        AtomicBoolean stopping = new AtomicBoolean();
        var plan = new LoadGenerator.Plan(20, 500, 0.7, 1_000, 200, Duration.ofMinutes(10), Long.MAX_VALUE, 7, 1, null);
        // A broker may be away for longer than a producer waits by default.
        Settings patient = settings("kafka.delivery.timeout.ms=600000");
        var sent = CompletableFuture.runAsync(
                () -> new LoadGenerator(patient, plan).run(new LoadGenerator.Progress(), stopping::get));
        return () -> {
            stopping.set(true);
            sent.get(10, TimeUnit.MINUTES);
        };
    }

    /** After {@link #load}: the conservation check passes, quotas rejected signals, and the files are undamaged. */
    public void assertLoadIsAccountedFor() throws Exception {
        JsonNode verified = verify("a");
        assertThat(verified.at("/tenants/1/in_wal").asLong()).isPositive();
        assertThat(verified.at("/tenants/2/rejected/rate_limited").asLong()
                        + verified.at("/tenants/2/rejected/burst_exceeded").asLong())
                .isPositive();
        assertThat(verified.at("/tenants/3/rejected/entity_limit").asLong()).isPositive();
        var wal = quick("wal", "verify", "--data-dir", dataDir("a"));
        assertThat(wal.exit()).as(wal.out()).isZero();
    }

    /**
     * Waits until tenant 1 has more than {@code count} records in the WAL. After a fault of the broker, a transaction that it
     * forgot is ended at the second look, a minute after the fault.
     */
    public void awaitRecordsOfTenant1(long count) throws InterruptedException {
        TidegateProcess.await(
                Duration.ofMinutes(6), "records of tenant 1 in the WAL", this::logs, () -> recordsOfTenant1() > count);
    }

    /** Waits until a tenant has at least {@code count} records in the WAL of the instance {@code a}. */
    public void awaitWal(long tenant, long count) throws InterruptedException {
        TidegateProcess.await(
                Duration.ofSeconds(60),
                "%d records of tenant %d in the WAL".formatted(count, tenant),
                this::logs,
                () -> records(tenant) >= count);
    }

    public long recordsOfTenant1() {
        return records(1);
    }

    private long records(long tenant) {
        try {
            var dir = new DataDir(Path.of(dataDir("a")));
            long count = 0;
            try (var reader = WalReader.open(dir, TenantId.of(tenant), 0)) {
                while (reader.next() != null) {
                    count++;
                }
            }
            return count;
        } catch (IOException | WalException e) {
            // The instance is changing the files.
            return 0;
        }
    }
}
