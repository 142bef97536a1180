package io.tidegate.demo;

import java.io.IOException;
import java.net.BindException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AdminClientConfig;
import org.apache.kafka.clients.admin.DescribeClusterResult;
import org.jspecify.annotations.Nullable;

/**
 * A real KRaft broker as a child process on loopback, with all files in one directory. Can be killed and restarted with the
 * same files and ports. Ends with this process at the latest.
 */
public final class EmbeddedBroker implements AutoCloseable {
    private static final Duration READY_WITHIN = Duration.ofMinutes(3);
    private static final Duration STOPS_WITHIN = Duration.ofSeconds(20);
    private static final long POLL_MS = 100;
    private static final int STARTS_MAX = 5;

    /** The message of Java's {@link BindException}, as the broker logs it. */
    private static final String PORT_TAKEN = "Address already in use";

    private static final String CLUSTER_ID = "tidegate-demo-cluster0";

    private final Path directory;
    private final int port;
    private final Path properties;
    private Process process;

    private EmbeddedBroker(Path directory, int port, Path properties, Process process) {
        this.directory = directory;
        this.port = port;
        this.properties = properties;
        this.process = process;
    }

    /**
     * Starts a broker and waits until it answers.
     *
     * @param directory for its files; created if missing
     * @param port to listen on; 0 = any free one
     * @param overrides of the broker's settings
     * @throws BindException if the port is in use
     * @throws IOException if it does not start; the message shows the end of its log
     */
    public static EmbeddedBroker start(Path directory, int port, Map<String, String> overrides)
            throws IOException, InterruptedException {
        return start(directory, port, overrides, FreePorts::find);
    }

    /** Finds free ports. */
    interface Ports {
        List<Integer> find(int count) throws IOException;
    }

    /** Chooses other ports if a program takes one of them between the choice and its use. */
    static EmbeddedBroker start(Path directory, int port, Map<String, String> overrides, Ports ports)
            throws IOException, InterruptedException {
        Files.createDirectories(directory);
        if (port > 0 && !FreePorts.isFree(port)) {
            throw new BindException(
                    "port %d of 127.0.0.1 is in use: stop the program that uses it, or choose another port"
                            .formatted(port));
        }
        for (int left = STARTS_MAX; ; left--) {
            try {
                return startOnce(directory, port, overrides, ports.find(2));
            } catch (BindException e) {
                if (port > 0 || left == 1) {
                    throw e;
                }
            }
        }
    }

    private static EmbeddedBroker startOnce(Path directory, int port, Map<String, String> overrides, List<Integer> free)
            throws IOException, InterruptedException {
        int listen = port > 0 ? port : free.get(0);
        int controller = free.get(1);
        Map<String, String> settings = new LinkedHashMap<>();
        settings.put("process.roles", "broker,controller");
        settings.put("node.id", "1");
        settings.put("controller.quorum.voters", "1@127.0.0.1:" + controller);
        settings.put("listeners", "PLAINTEXT://127.0.0.1:%d,CONTROLLER://127.0.0.1:%d".formatted(listen, controller));
        settings.put("controller.listener.names", "CONTROLLER");
        settings.put("log.dirs", directory.resolve("log").toString());
        settings.put("auto.create.topics.enable", "false");
        settings.put("default.replication.factor", "1");
        settings.put("offsets.topic.replication.factor", "1");
        settings.put("offsets.topic.num.partitions", "4");
        settings.put("transaction.state.log.replication.factor", "1");
        settings.put("transaction.state.log.min.isr", "1");
        settings.put("transaction.state.log.num.partitions", "4");
        // How often it aborts expired transactions: one of a killed instance delays the next instance.
        settings.put("transaction.abort.timed.out.transaction.cleanup.interval.ms", "1000");
        settings.put("share.coordinator.state.topic.replication.factor", "1");
        settings.put("share.coordinator.state.topic.min.isr", "1");
        settings.put("group.initial.rebalance.delay.ms", "0");
        settings.put("group.streams.initial.rebalance.delay.ms", "0");
        settings.put("group.streams.min.session.timeout.ms", "1000");
        settings.put("group.streams.session.timeout.ms", "10000");
        settings.put("group.streams.min.heartbeat.interval.ms", "500");
        settings.put("group.streams.heartbeat.interval.ms", "1000");
        settings.putAll(overrides);
        Path properties = directory.resolve("server.properties");
        Files.writeString(
                properties,
                settings.entrySet().stream()
                        .map(entry -> entry.getKey() + "=" + entry.getValue() + "\n")
                        .collect(Collectors.joining()));
        EmbeddedBroker broker = new EmbeddedBroker(directory, listen, properties, launch(directory, properties));
        broker.awaitReady();
        return broker;
    }

    private static Process launch(Path directory, Path properties) throws IOException {
        List<String> command = ChildJvm.command(
                "-Xms256m", "-Xmx512m", "-XX:+UseSerialGC", "-Dlogback.configurationFile=logback-broker.xml");
        command.add(BrokerMain.class.getName());
        command.addAll(List.of(properties.toString(), CLUSTER_ID));
        return new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(ProcessBuilder.Redirect.appendTo(
                        directory.resolve("broker.log").toFile()))
                .start();
    }

    public String bootstrapServers() {
        return "127.0.0.1:" + port;
    }

    public long pid() {
        return process.pid();
    }

    /** Kills the broker as a power loss would. */
    public void kill() throws InterruptedException {
        process.destroyForcibly().waitFor();
    }

    /** Starts the broker again after {@link #kill}, with the same files and port. */
    public void restart() throws IOException, InterruptedException {
        process = launch(directory, properties);
        awaitReady();
    }

    private void awaitReady() throws IOException, InterruptedException {
        long deadline = System.nanoTime() + READY_WITHIN.toNanos();
        try (Admin admin = Admin.create(Map.of(
                AdminClientConfig.BOOTSTRAP_SERVERS_CONFIG,
                bootstrapServers(),
                AdminClientConfig.RECONNECT_BACKOFF_MAX_MS_CONFIG,
                "100"))) {
            while (true) {
                if (!process.isAlive()) {
                    admin.close(Duration.ZERO); // the program that has the port may never answer
                    String log = logTail();
                    String how = "the broker ended with %d while starting; the end of its log:\n%s"
                            .formatted(process.exitValue(), log);
                    throw log.contains(PORT_TAKEN) ? new BindException(how) : new IOException(how);
                }
                try {
                    DescribeClusterResult cluster = admin.describeCluster();
                    String id = cluster.clusterId().get(1, TimeUnit.SECONDS);
                    if (!CLUSTER_ID.equals(id)) {
                        close();
                        throw new IOException(
                                "another Kafka cluster, %s, answers at %s".formatted(id, bootstrapServers()));
                    }
                    if (!cluster.nodes().get(1, TimeUnit.SECONDS).isEmpty()) {
                        return;
                    }
                } catch (ExecutionException | java.util.concurrent.TimeoutException e) {
                    if (System.nanoTime() > deadline) {
                        close();
                        throw new IOException(
                                "the broker does not answer after %s; the end of its log:\n%s"
                                        .formatted(READY_WITHIN, logTail()),
                                e);
                    }
                }
                Thread.sleep(POLL_MS);
            }
        }
    }

    /** Returns how the broker ended, with the end of its log; null while it runs. */
    public @Nullable String end() throws IOException {
        return process.isAlive()
                ? null
                : "the broker ended with %d; the end of its log:%n%s".formatted(process.exitValue(), logTail());
    }

    private String logTail() throws IOException {
        List<String> lines = Files.readAllLines(directory.resolve("broker.log"), StandardCharsets.UTF_8);
        return String.join("\n", lines.subList(Math.max(0, lines.size() - 20), lines.size()));
    }

    @Override
    public void close() {
        process.destroy();
        try {
            if (!process.waitFor(STOPS_WITHIN.toSeconds(), TimeUnit.SECONDS)) {
                process.destroyForcibly().waitFor();
            }
        } catch (InterruptedException e) {
            process.destroyForcibly();
            Thread.currentThread().interrupt();
        }
    }
}
