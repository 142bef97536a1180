package io.tidegate.tools;

import io.tidegate.admin.AdminException;
import io.tidegate.admin.BootstrapServers;
import io.tidegate.admin.BootstrapServers.Attempt;
import io.tidegate.admin.ClusterChecks;
import io.tidegate.admin.KafkaAnswers;
import io.tidegate.admin.Remedy;
import io.tidegate.admin.TenantDirectory;
import io.tidegate.admin.TenantOperations;
import io.tidegate.admin.TopicFinding;
import io.tidegate.admin.TopicRule;
import io.tidegate.admin.TopicSetup;
import io.tidegate.config.HttpSettings;
import io.tidegate.config.SchemaRegistrySettings;
import io.tidegate.config.Settings;
import io.tidegate.config.SettingsException;
import io.tidegate.schemas.RegistrySchemas;
import io.tidegate.signal.SchemaUnavailableException;
import io.tidegate.streams.OpenTransactions;
import io.tidegate.wal.DataDir;
import io.tidegate.wal.FileFault;
import io.tidegate.wal.WalException;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AdminClientConfig;
import org.apache.kafka.clients.admin.DescribeTopicsOptions;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.Node;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.acl.AclOperation;
import org.apache.kafka.common.errors.AuthenticationException;
import org.apache.kafka.common.errors.TimeoutException;
import org.jspecify.annotations.Nullable;

/**
 * Looks for problems that keep an instance from running well, from this machine and with these settings. It changes nothing,
 * except that it writes a temporary file to time the disk. Each finding is one line with its remedy.
 */
public final class Doctor {
    /** The severity of a finding. */
    public enum Level {
        OK,
        WARN,
        FAIL
    }

    /**
     * The result of one examination.
     *
     * @param fix the remedy; null if none is needed or the text contains it
     */
    public record Finding(
            Level level, String area, String text, @Nullable String fix) {
        public Finding {
            if (fix != null && fix.isEmpty()) {
                throw new IllegalArgumentException("an empty fix of the finding: " + text);
            }
        }
    }

    private static final int ANSWER_MS = 10_000;
    private static final int FSYNC_BYTES = 4096;
    private static final int FSYNC_TIMES = 5;
    private static final long FSYNC_SLOW_MS = 50;
    private static final long CLOCK_AHEAD_MS = 1_000;
    private static final double GIB = 1L << 30;
    private static final String ADVERTISED_REMEDY =
            "after the bootstrap, clients use the addresses of advertised.listeners, not the one they connected to first:"
                    + " advertise one that can be reached from here, or use the listener that is meant for clients here";

    /** Records of each ingress topic that are examined. */
    private static final int SIGNALS_READ = 100;

    private final Settings settings;
    private final Consumer<Settings> httpFiles;
    private final List<Finding> findings = new ArrayList<>();

    /** @param httpFiles reads the files of the HTTP server; throws {@link SettingsException} if one cannot be used */
    public Doctor(Settings settings, Consumer<Settings> httpFiles) {
        this.settings = settings;
        this.httpFiles = httpFiles;
    }

    public List<Finding> examine() {
        boolean held = dataDir();
        memory();
        disk();
        port(held);
        httpFiles();
        registry();
        if (brokers()) {
            cluster();
        }
        return List.copyOf(findings);
    }

    private void httpFiles() {
        HttpSettings http = settings.http();
        if (http.tokensFile() == null && !http.isTls() && http.caFile() == null) {
            return;
        }
        try {
            httpFiles.accept(settings);
            ok("http", "the files with tokens and certificates can be used");
        } catch (SettingsException e) {
            add(
                    Level.FAIL,
                    "http",
                    e.getMessage(),
                    "an instance does not start with it: correct the file or the setting");
        }
    }

    private void registry() {
        SchemaRegistrySettings registry = settings.schemaRegistry();
        if (registry == null) {
            return;
        }
        try {
            RegistrySchemas.of(registry).requireAnswer();
            ok("schemas", "the schema registry answers");
        } catch (SchemaUnavailableException e) {
            add(
                    Level.FAIL,
                    "schemas",
                    e.getMessage(),
                    "signals whose schemas are not in memory wait in Kafka until it answers; check the settings"
                            + " schema.registry.…, and the network between here and the registry");
        }
    }

    private void add(Level level, String area, String text, @Nullable String fix) {
        findings.add(new Finding(level, area, text, fix));
    }

    private void ok(String area, String text) {
        add(Level.OK, area, text, null);
    }

    /** Returns whether at least one bootstrap server accepts connections. */
    private boolean brokers() {
        boolean any = false;
        for (Attempt attempt : BootstrapServers.connect(settings)) {
            if (attempt.unreachable() != null) {
                add(
                        Level.FAIL,
                        "broker",
                        "%s cannot be connected to: %s".formatted(attempt.server(), attempt.unreachable()),
                        "start the broker, or name another with --bootstrap-server; check firewalls on the way");
            } else if (attempt.notKafka() != null) {
                add(
                        Level.FAIL,
                        "broker",
                        "%s does not answer as Kafka: %s".formatted(attempt.server(), attempt.notKafka()),
                        "name the port of a Kafka listener with --bootstrap-server, and its protocol with kafka.security.protocol");
            } else {
                ok("broker", attempt.server() + " accepts connections");
                any = true;
            }
        }
        return any;
    }

    private void cluster() {
        Map<String, Object> config = new HashMap<>(settings.clientConfig());
        config.put(AdminClientConfig.DEFAULT_API_TIMEOUT_MS_CONFIG, ANSWER_MS);
        config.put(AdminClientConfig.REQUEST_TIMEOUT_MS_CONFIG, ANSWER_MS / 2);
        try (Admin admin = Admin.create(config)) {
            Collection<Node> nodes;
            try {
                nodes = KafkaAnswers.get(admin.describeCluster().nodes(), "describing the cluster");
            } catch (AdminException e) {
                noCluster(e, hasAnswered(admin));
                return;
            }
            if (advertised(nodes)) {
                examineTopics(admin);
            }
        } catch (AdminException | KafkaException e) {
            noCluster(e, false);
        }
    }

    /** @param answered whether a broker has answered a request, if only the first ones */
    private void noCluster(RuntimeException failure, boolean answered) {
        if (KafkaAnswers.isCausedBy(failure, AuthenticationException.class)) {
            add(Level.FAIL, "broker", "the broker rejects the login: " + root(failure), KafkaAnswers.LOGIN_REMEDY);
        } else if (answered && KafkaAnswers.isCausedBy(failure, TimeoutException.class)) {
            add(
                    Level.FAIL,
                    "listener",
                    "the broker answers, but the address that it advertises cannot be reached from here",
                    ADVERTISED_REMEDY);
        } else {
            add(
                    Level.FAIL,
                    "broker",
                    "the broker accepts connections but does not answer as Kafka: " + root(failure),
                    "check kafka.security.protocol and its settings, and that the port belongs to a Kafka listener");
        }
    }

    private static boolean hasAnswered(Admin admin) {
        return admin.metrics().entrySet().stream()
                .filter(metric -> metric.getKey().name().equals("response-total"))
                .anyMatch(metric -> metric.getValue().metricValue() instanceof Number count && count.doubleValue() > 0);
    }

    /** Connects to every address that the brokers advertise: after the bootstrap, clients use only these. */
    boolean advertised(Iterable<Node> nodes) {
        boolean all = true;
        for (Node node : nodes) {
            String why = BootstrapServers.unreachable(node.host(), node.port());
            if (why == null) {
                ok(
                        "listener",
                        "broker %s can be reached at its advertised address %s:%d"
                                .formatted(node.id(), node.host(), node.port()));
                continue;
            }
            all = false;
            add(
                    Level.FAIL,
                    "listener",
                    "broker %s advertises %s:%d, which cannot be reached from here: %s"
                            .formatted(node.id(), node.host(), node.port(), why),
                    ADVERTISED_REMEDY);
        }
        return all;
    }

    private void examineTopics(Admin admin) {
        try (TopicSetup setup = new TopicSetup(settings)) {
            runCheck("features", () -> {
                setup.checkFeatures();
                if (setup.cluster().transactionsAreWeak()) {
                    add(
                            Level.WARN,
                            "features",
                            ClusterChecks.WEAK_TRANSACTIONS,
                            setup.cluster().defendTransactions().toString());
                } else {
                    ok("features", "the cluster has the features that exactly-once needs");
                }
            });
            boolean owned = runCheck("owner", () -> {
                setup.checkOwner();
                ok("owner", "no other application owns one of the topics");
            });
            if (!owned) {
                // Remedies for these settings could harm the topics of their owner.
                return;
            }
            runCheck("settings", () -> {
                String difference = setup.differenceOfSettings();
                if (difference != null) {
                    add(Level.WARN, "settings", difference, null);
                }
            });
            runCheck("topics", () -> {
                Set<String> missing = setup.missing();
                if (!missing.isEmpty()) {
                    add(
                            Level.WARN,
                            "topics",
                            "missing: " + String.join(", ", missing),
                            Remedy.createTopics().toString());
                    return;
                }
                List<TopicFinding> broken = setup.findings();
                broken.forEach(finding -> add(
                        finding.rule().atStart() == TopicRule.AtStart.FAIL ? Level.FAIL : Level.WARN,
                        "topics",
                        finding.text(),
                        finding.remedy() == null ? null : finding.remedy().toString()));
                if (broken.isEmpty()) {
                    ok("topics", "all exist with the required settings");
                }
                permissions(admin);
                clock(admin);
                transactions(admin);
                unreadDeletions(admin);
                identity(setup);
                findings.addAll(TenantChecks.of(
                        settings.missingTenants(),
                        new TenantDirectory(settings).snapshot(),
                        config -> TenantOperations.warnings(config, settings)));
                signals(setup);
            });
        }
    }

    /** Reads the newest records of each ingress topic as an instance does. */
    private void signals(TopicSetup setup) {
        SignalPreview preview = new SignalPreview(settings, setup.recordSizes());
        for (String topic : settings.topics().signals()) {
            runCheck(
                    "signals",
                    () -> findings.add(SignalChecks.of(topic, preview.newest(topic, List.of(), SIGNALS_READ))));
        }
    }

    /**
     * Checks the principal's permissions on each topic. The brokers do not report its other permissions before it uses them.
     */
    private void permissions(Admin admin) {
        Map<String, Set<AclOperation>> needed = new TreeMap<>();
        settings.topics().signals().forEach(topic -> needed.put(topic, Set.of(AclOperation.READ)));
        for (String topic : List.of(
                settings.topics().configs(),
                settings.topics().byTenant(),
                settings.topics().commands(),
                settings.topics().accepted(),
                settings.topics().segments(),
                settings.topics().events())) {
            needed.put(topic, Set.of(AclOperation.READ, AclOperation.WRITE));
        }
        needed.put(settings.topics().quotaExceeded(), Set.of(AclOperation.WRITE));
        needed.put(settings.topics().deadLetter(), Set.of(AclOperation.WRITE));
        settings.otherRegionsTopics().forEach(topic -> needed.put(topic, Set.of(AclOperation.WRITE)));
        Map<String, TopicDescription> described = KafkaAnswers.get(
                admin.describeTopics(needed.keySet(), new DescribeTopicsOptions().includeAuthorizedOperations(true))
                        .allTopicNames(),
                "reading the permissions");
        boolean all = true;
        for (Map.Entry<String, Set<AclOperation>> need : needed.entrySet()) {
            Set<AclOperation> may = described.get(need.getKey()).authorizedOperations();
            if (may == null || may.contains(AclOperation.ALL) || may.containsAll(need.getValue())) {
                continue;
            }
            all = false;
            Set<AclOperation> lacking = new TreeSet<>(need.getValue());
            lacking.removeAll(may);
            add(
                    Level.FAIL,
                    "acl",
                    "%s on topic %s is not allowed".formatted(lacking, need.getKey()),
                    Remedy.allow(
                                    Remedy.cluster(settings),
                                    need.getKey(),
                                    lacking.iterator().next().toString())
                            .toString());
        }
        if (all) {
            ok(
                    "acl",
                    "the principal has the permissions that it needs on topics; those on group and transactions cannot be checked");
        }
    }

    /** Checks that the newest signal is not dated in the future. If it is, one of the clocks is wrong by at least that much. */
    private void clock(Admin admin) {
        long nowMs = System.currentTimeMillis();
        Map<TopicPartition, OffsetSpec> newest = new HashMap<>();
        var described = KafkaAnswers.get(
                admin.describeTopics(settings.topics().signals()).allTopicNames(), "describing the ingress");
        described.forEach((name, topic) -> topic.partitions()
                .forEach(one -> newest.put(new TopicPartition(name, one.partition()), OffsetSpec.maxTimestamp())));
        long aheadMs = KafkaAnswers.get(admin.listOffsets(newest).all(), "finding the newest signals").values().stream()
                .mapToLong(offset -> offset.timestamp() - nowMs)
                .max()
                .orElse(0);
        if (aheadMs > CLOCK_AHEAD_MS) {
            add(
                    Level.WARN,
                    "clock",
                    "the newest signal is dated %s ahead of this machine's clock".formatted(DurationText.of(aheadMs)),
                    "synchronise the clocks of the brokers and of this machine (NTP)");
        } else {
            ok("clock", "no signal is dated ahead of this machine's clock");
        }
    }

    private void transactions(Admin admin) {
        List<OpenTransactions.OpenTransaction> stuck;
        try {
            stuck = new StuckTransactions(admin, settings).find();
        } catch (AdminException e) {
            add(
                    Level.WARN,
                    "transactions",
                    String.valueOf(e.getMessage()),
                    "the principal of this command needs READ on Tidegate's topics and on __consumer_offsets, and DESCRIBE on both");
            return;
        }
        for (OpenTransactions.OpenTransaction one : stuck) {
            add(
                    Level.FAIL,
                    "transactions",
                    "one of producer %d is open in %s since offset %d, its last record is of %s: readers wait behind it"
                            .formatted(
                                    one.producerId(),
                                    one.partition(),
                                    one.startOffset(),
                                    Instant.ofEpochMilli(one.lastTimestampMs())),
                    Remedy.abortTransaction(
                                    Remedy.cluster(settings),
                                    one.partition().topic(),
                                    one.partition().partition(),
                                    one.startOffset())
                            .toString());
        }
        if (stuck.isEmpty()) {
            ok("transactions", "none is open for long");
        }
    }

    private void unreadDeletions(Admin admin) {
        List<UnreadDeletions.Range> deleted = UnreadDeletions.find(admin, settings);
        for (UnreadDeletions.Range one : deleted) {
            add(
                    Level.FAIL,
                    "lost",
                    "%s: the offsets %d to %d were deleted before group %s read them (at most %d records)"
                            .formatted(
                                    one.partition(),
                                    one.firstOffset(),
                                    one.lastOffset(),
                                    settings.applicationId(),
                                    one.recordsAtMost()),
                    "send these signals again if a producer still has them, and raise the topic's retention.ms and"
                            + " retention.bytes above the longest outage");
        }
        if (deleted.isEmpty()) {
            ok("lost", "the inputs still have every record that the group has not read");
        }
    }

    private void identity(TopicSetup setup) {
        DataDir dir = new DataDir(settings.dataDir());
        if (!dir.isBound()) {
            return;
        }
        try {
            dir.bind(setup.identity());
            ok("data dir", "its files belong to this cluster, application and topic");
        } catch (WalException e) {
            add(Level.FAIL, "data dir", String.valueOf(e.getMessage()), null);
        }
    }

    /** Returns whether an instance uses the directory. */
    private boolean dataDir() {
        DataDir dir = new DataDir(settings.dataDir());
        Path root = dir.root();
        if (!Files.exists(root)) {
            Path parent = root;
            while (parent != null && !Files.exists(parent)) {
                parent = parent.getParent();
            }
            if (parent != null && Files.isWritable(parent)) {
                ok("data dir", root + " does not exist yet and can be created");
            } else {
                add(
                        Level.FAIL,
                        "data dir",
                        "%s does not exist, and %s is not writable".formatted(root, parent),
                        "create it for the user that runs Tidegate, or choose another data.dir");
            }
            return false;
        }
        if (!Files.isDirectory(root) || !Files.isWritable(root)) {
            add(
                    Level.FAIL,
                    "data dir",
                    root + " is not a directory, or this user cannot write to it",
                    "make it writable for the user that runs Tidegate, or choose another data.dir");
            return false;
        }
        String holder = dir.holder();
        ok("data dir", holder == null ? root + " is free" : "%s is in use by process %s".formatted(root, holder));
        return holder != null;
    }

    /** Uses the heap of this process, which equals the instance's only if both have the same options. */
    private void memory() {
        long heapMib = Runtime.getRuntime().maxMemory() >> 20;
        try {
            ok(
                    "memory",
                    "with a heap of %d MiB, as here, one tenant can have %d entities (entities.max)"
                            .formatted(heapMib, settings.entitiesMax()));
            var unused = settings.stateMemoryBytes();
        } catch (SettingsException e) {
            add(Level.WARN, "memory", e.getMessage(), "run the doctor with the -Xmx of the instance to see its limit");
        }
    }

    private void disk() {
        Path root = settings.dataDir().toAbsolutePath();
        if (!Files.isDirectory(root)) {
            return;
        }
        try {
            long free = new DataDir(root).freeBytes();
            if (free < settings.diskMinFreeBytes()) {
                add(
                        Level.FAIL,
                        "disk",
                        "%.1f GiB (%d bytes) are free; below disk.min.free.bytes=%d the instance pauses"
                                .formatted(free / GIB, free, settings.diskMinFreeBytes()),
                        "free space in %s, prune WALs, or use a larger disk".formatted(root));
            } else {
                ok("disk", "%.1f GiB are free".formatted(free / GIB));
            }
            long ms = fsyncMs(root);
            if (ms > FSYNC_SLOW_MS) {
                add(
                        Level.WARN,
                        "disk",
                        "an fsync takes %d ms".formatted(ms),
                        "use a local disk; checkpoints wait for one fsync for each tenant that wrote");
            } else {
                ok("disk", "an fsync takes %d ms".formatted(ms));
            }
        } catch (IOException e) {
            add(
                    Level.FAIL,
                    "disk",
                    "a file in %s cannot be written and synced: %s".formatted(root, FileFault.describe(e)),
                    "free space, inodes (df -i) or quota if they are used up, otherwise repair the file system: a WAL cannot be durable"
                            + " there");
        }
    }

    /** Returns the median of a few fsyncs. */
    private static long fsyncMs(Path root) throws IOException {
        Path file = Files.createTempFile(root, ".doctor-", ".tmp");
        List<Long> nanos = new ArrayList<>();
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
            for (int i = 0; i < FSYNC_TIMES; i++) {
                channel.write(ByteBuffer.allocate(FSYNC_BYTES));
                long began = System.nanoTime();
                channel.force(true);
                nanos.add(System.nanoTime() - began);
            }
        } finally {
            Files.delete(file);
        }
        nanos.sort(null);
        return TimeUnit.NANOSECONDS.toMillis(nanos.get(FSYNC_TIMES / 2));
    }

    private void port(boolean held) {
        int port = settings.http().port();
        if (!settings.http().isServed() || port == 0) {
            return;
        }
        try (ServerSocket socket = new ServerSocket()) {
            socket.bind(new InetSocketAddress(settings.http().bind(), port));
            ok("port", "%s port %d is free".formatted(settings.http().bind(), port));
        } catch (IOException e) {
            if (held) {
                ok("port", "port %d is in use, as an instance runs here".formatted(port));
            } else {
                add(
                        Level.FAIL,
                        "port",
                        "%s port %d cannot be bound: %s"
                                .formatted(settings.http().bind(), port, e.getMessage()),
                        "set %s to a free port, or stop the program that uses this one, which may be another instance"
                                .formatted(Settings.HTTP_PORT));
            }
        }
    }

    /** Runs an examination; a failure becomes a finding. Returns whether it succeeded. */
    private boolean runCheck(String area, Runnable check) {
        try {
            check.run();
            return true;
        } catch (AdminException | SchemaUnavailableException e) {
            add(Level.FAIL, area, String.valueOf(e.getMessage()), null);
        } catch (KafkaException e) {
            add(Level.FAIL, area, "reading from the brokers failed: " + root(e), null);
        }
        return false;
    }

    private static String root(Throwable failure) {
        Throwable root = failure;
        while (root.getCause() != null) {
            root = root.getCause();
        }
        return root.getMessage() == null ? root.toString() : root.getMessage();
    }
}
