package io.tidegate.topologytests.support;

import io.tidegate.demo.EmbeddedBroker;
import io.tidegate.demo.FreePorts;
import io.tidegate.topologytests.faults.TcpProxy;
import java.io.IOException;
import java.net.BindException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.common.TopicPartition;

/**
 * One broker, or a quorum of three with three copies of everything. Each can be killed and frozen, and its connections can be
 * cut. Not thread-safe.
 */
public final class BrokerCluster implements AutoCloseable {
    public static final Duration SHORT_SESSION = Duration.ofSeconds(4);
    private static final Duration PATIENT_SESSION = Duration.ofMinutes(10);
    private static final int STARTS_MAX = 5;
    private static final Duration COMPLETE_WITHIN = Duration.ofSeconds(90);
    private static final int ANSWER_S = 30;

    private final List<EmbeddedBroker> brokers = new ArrayList<>();
    private final List<TcpProxy> wires = new ArrayList<>();
    private final List<Integer> wirePorts = new ArrayList<>();
    private final ExecutorService starters = Executors.newCachedThreadPool();

    private BrokerCluster() {}

    /** Starts one broker that no delay fences, or several that soon notice when one is gone. */
    public static BrokerCluster start(Path directory, int count) throws Exception {
        return start(directory, count, count == 1 ? PATIENT_SESSION : SHORT_SESSION);
    }

    /**
     * @param session how long a silent broker stays in the cluster; a killed one is accepted again only after that
     */
    public static BrokerCluster start(Path directory, int count, Duration session) throws Exception {
        Files.createDirectories(directory);
        for (int left = STARTS_MAX; ; left--) {
            BrokerCluster cluster = new BrokerCluster();
            try {
                cluster.startAll(Files.createTempDirectory(directory, "brokers"), count, session);
                return cluster;
            } catch (Exception e) {
                cluster.close();
                // Another program can take a port between its choice and its use.
                if (left == 1 || !(e instanceof BindException || e.getCause() instanceof BindException)) {
                    throw e;
                }
            }
        }
    }

    private void startAll(Path directory, int count, Duration session) throws Exception {
        List<Integer> ports = FreePorts.find(4 * count);
        String voters = IntStream.range(0, count)
                .mapToObj(i -> "%d@127.0.0.1:%d".formatted(i + 1, ports.get(count + i)))
                .collect(Collectors.joining(","));
        List<Callable<EmbeddedBroker>> starts = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            int port = ports.get(i);
            int behindWire = ports.get(2 * count + i);
            int wire = ports.get(3 * count + i);
            wires.add(TcpProxy.start(wire, behindWire));
            wirePorts.add(wire);
            Map<String, String> settings = settings(count);
            settings.put("broker.session.timeout.ms", Long.toString(session.toMillis()));
            settings.put("node.id", Integer.toString(i + 1));
            settings.put("controller.quorum.voters", voters);
            settings.put(
                    "listeners",
                    "PLAINTEXT://127.0.0.1:%d,WIRE://127.0.0.1:%d,CONTROLLER://127.0.0.1:%d"
                            .formatted(port, behindWire, ports.get(count + i)));
            settings.put("advertised.listeners", "PLAINTEXT://127.0.0.1:%d,WIRE://127.0.0.1:%d".formatted(port, wire));
            settings.put("inter.broker.listener.name", "PLAINTEXT");
            Path files = directory.resolve("broker-" + (i + 1));
            starts.add(() -> EmbeddedBroker.start(files, port, settings));
        }
        ExecutionException failure = null;
        for (Future<EmbeddedBroker> started : starters.invokeAll(starts)) {
            try {
                brokers.add(started.get());
            } catch (ExecutionException e) {
                failure = e;
            }
        }
        if (failure != null) {
            throw failure;
        }
        awaitComplete();
    }

    private static Map<String, String> settings(int count) {
        Map<String, String> settings = new LinkedHashMap<>();
        String copies = Integer.toString(count);
        String inSync = Integer.toString(count / 2 + 1);
        settings.put("listener.security.protocol.map", "PLAINTEXT:PLAINTEXT,WIRE:PLAINTEXT,CONTROLLER:PLAINTEXT");
        settings.put("default.replication.factor", copies);
        settings.put("min.insync.replicas", inSync);
        settings.put("offsets.topic.replication.factor", copies);
        settings.put("transaction.state.log.replication.factor", copies);
        settings.put("transaction.state.log.min.isr", inSync);
        settings.put("share.coordinator.state.topic.replication.factor", copies);
        settings.put("share.coordinator.state.topic.min.isr", inSync);
        settings.put("broker.heartbeat.interval.ms", "500");
        settings.put("group.min.session.timeout.ms", "1000");
        settings.put("group.streams.heartbeat.interval.ms", "500");
        settings.put("log.segment.bytes", Integer.toString(64 * 1024 * 1024));
        return settings;
    }

    public int size() {
        return brokers.size();
    }

    public short replicas() {
        return (short) brokers.size();
    }

    public String bootstrapServers() {
        return brokers.stream().map(EmbeddedBroker::bootstrapServers).collect(Collectors.joining(","));
    }

    /** The addresses for an instance whose connections will be cut. */
    public String bootstrapServersByWire() {
        return wirePorts.stream().map(port -> "127.0.0.1:" + port).collect(Collectors.joining(","));
    }

    public TcpProxy wire(int broker) {
        return wires.get(broker);
    }

    public void kill(int... which) throws InterruptedException {
        for (int broker : which) {
            brokers.get(broker).kill();
        }
    }

    /** Starts killed brokers again, all at the same time: alone they might have no quorum. */
    public void restart(int... which) throws Exception {
        List<Callable<Void>> starts = new ArrayList<>();
        for (int broker : which) {
            starts.add(() -> {
                brokers.get(broker).restart();
                return null;
            });
        }
        for (Future<Void> started : starters.invokeAll(starts)) {
            started.get();
        }
        awaitComplete();
    }

    public void freeze(int broker) throws Exception {
        TidegateProcess.signal(brokers.get(broker).pid(), "STOP");
    }

    public void thaw(int broker) throws Exception {
        TidegateProcess.signal(brokers.get(broker).pid(), "CONT");
    }

    /** The broker that coordinates a consumer group. */
    public int groupCoordinator(String group) throws Exception {
        try (Admin admin = admin()) {
            return admin.describeStreamsGroups(List.of(group))
                            .all()
                            .get(ANSWER_S, TimeUnit.SECONDS)
                            .get(group)
                            .coordinator()
                            .id()
                    - 1;
        }
    }

    private void awaitComplete() throws Exception {
        try (Admin admin = admin()) {
            TidegateProcess.await(COMPLETE_WITHIN, "all brokers to be there", () -> "", () -> isComplete(admin));
        }
    }

    private boolean isComplete(Admin admin) {
        try {
            return admin.describeCluster()
                            .nodes()
                            .get(ANSWER_S, TimeUnit.SECONDS)
                            .size()
                    == size();
        } catch (ExecutionException | TimeoutException e) {
            return false;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new AssertionError(e);
        }
    }

    /** Waits until all copies of every partition are in sync again. */
    public void awaitInSync() throws Exception {
        try (Admin admin = admin()) {
            TidegateProcess.await(
                    COMPLETE_WITHIN,
                    "all copies to be in step",
                    () -> "",
                    () -> behind(admin).isEmpty());
        }
    }

    private List<TopicPartition> behind(Admin admin) {
        try {
            List<TopicPartition> behind = new ArrayList<>();
            var names = admin.listTopics().names().get(ANSWER_S, TimeUnit.SECONDS);
            admin.describeTopics(names)
                    .allTopicNames()
                    .get(ANSWER_S, TimeUnit.SECONDS)
                    .forEach((name, topic) -> topic.partitions().stream()
                            .filter(partition -> partition.isr().size()
                                    < partition.replicas().size())
                            .forEach(partition -> behind.add(new TopicPartition(name, partition.partition()))));
            return behind;
        } catch (ExecutionException | TimeoutException e) {
            return List.of(new TopicPartition("unknown", 0));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new AssertionError(e);
        }
    }

    public Admin admin() {
        return Admin.create(new HashMap<>(Map.of("bootstrap.servers", bootstrapServers())));
    }

    @Override
    public void close() {
        for (int i = 0; i < brokers.size(); i++) {
            try {
                thaw(i);
            } catch (Exception e) {
                // it is not running
            }
        }
        List<Callable<Void>> stops = new ArrayList<>();
        brokers.forEach(broker -> stops.add(() -> {
            broker.kill();
            return null;
        }));
        try {
            starters.invokeAll(stops);
            for (TcpProxy wire : wires) {
                wire.close();
            }
        } catch (IOException e) {
            throw new AssertionError(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } finally {
            starters.shutdownNow();
        }
    }
}
