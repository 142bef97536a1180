package io.tidegate.benchmarks;

import io.tidegate.admission.Admission;
import io.tidegate.admission.EntitySet;
import io.tidegate.admission.TenantUsage;
import io.tidegate.benchmarks.Case.Quota;
import io.tidegate.config.Settings;
import io.tidegate.signal.Signal;
import io.tidegate.tenant.TenantConfig;
import io.tidegate.tenant.TenantId;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.stream.Stream;
import org.apache.kafka.clients.admin.DescribeLogDirsResult;
import org.apache.kafka.common.TopicPartition;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * Measures, rather than computes, the memory and disk space of a tenant, an entity and a signal.
 *
 * <p>Memory is the growth of the live heap with many of them. Disk space is the size of files and topics after an instance has
 * processed a workload. All sizes are for one copy: replicas and standbys multiply them.
 */
@Command(
        name = "sizing",
        mixinStandardHelpOptions = true,
        description = "Memory and disk that a tenant, an entity and a signal take.")
final class Sizing implements Callable<Integer> {
    private static final int THREADS = 2;
    private static final Duration DRAINED_WITHIN = Duration.ofMinutes(10);

    @Option(names = "--tenants", description = "Measured at once. Default: ${DEFAULT-VALUE}.")
    private int tenants = 100_000;

    @Option(names = "--entities", description = "Measured at once, in one tenant. Default: ${DEFAULT-VALUE}.")
    private int entities = 4_000_000;

    @Option(names = "--signals", description = "Sent through an instance. Default: ${DEFAULT-VALUE}.")
    private long signals = 300_000;

    @Option(names = "--value-bytes", description = "Of each signal. Default: ${DEFAULT-VALUE}.")
    private int valueBytes = 200;

    @Option(names = "--heap", description = "Of the instance. Default: ${DEFAULT-VALUE}.")
    private String heap = "1g";

    @Option(
            names = {"-o", "--output"},
            description = "table or json. Default: ${DEFAULT-VALUE}.")
    private String output = "table";

    /** Sizes in bytes, in the order of the report. */
    private final Map<String, Double> sizes = new LinkedHashMap<>();

    public static void main(String[] args) {
        System.exit(new CommandLine(new Sizing()).execute(args));
    }

    @Override
    public Integer call() throws Exception {
        measureTenants();
        measureEntities();
        measureIdleEntities();
        try (Bench bench = Bench.start(null, null, List.of(), Map.of(), new Progress(DRAINED_WITHIN))) {
            measureSignals(bench);
        }
        if (output.equals("json")) {
            Json json = new Json();
            sizes.forEach((name, bytes) -> json.number(name.replace(' ', '_').replaceAll("[^a-z0-9_]", ""), bytes, 2));
            System.out.println(json.number("value_bytes", valueBytes));
        } else {
            System.out.println("| what | bytes |\n| --- | --- |");
            sizes.forEach((name, bytes) -> System.out.printf("| %s | %,.1f |%n", name, bytes));
        }
        return 0;
    }

    private void measureTenants() {
        TenantConfig[] configs = new TenantConfig[tenants];
        for (int i = 0; i < tenants; i++) {
            configs[i] = TenantConfig.unlimited(TenantId.of(i + 1), "");
        }
        Admission admission = new Admission(null);
        Signal signal = new Signal(null, null, null, null);
        long before = liveHeapBytes();
        TenantUsage[] all = new TenantUsage[tenants];
        for (int i = 0; i < tenants; i++) {
            all[i] = TenantUsage.fresh(i, i);
            admission.admit(configs[i], all[i], signal, 100, 1_000);
        }
        sizes.put("heap a tenant without entities", (double) (liveHeapBytes() - before) / tenants);
        sizes.put("state a tenant", (double) all[tenants - 1].write().length);
    }

    private void measureEntities() {
        SplittableRandom random = new SplittableRandom(7);
        TenantUsage usage = TenantUsage.fresh(1, 2);
        EntitySet set = usage.entities();
        byte[] chunk = new byte[0];
        long before = liveHeapBytes();
        double least = Double.MAX_VALUE;
        double most = 0;
        // The table grows in steps, so the bytes per entity vary: finds the least and the most of them.
        int looks = 40;
        int next = entities / 4;
        for (int number = 0; set.size() < entities; number++) {
            ByteBuffer fingerprints = ByteBuffer.allocate(1 + EntitySet.CHUNK_ENTITIES * 2 * Long.BYTES);
            fingerprints.put((byte) 1);
            while (fingerprints.hasRemaining()) {
                fingerprints.putLong(random.nextLong());
            }
            chunk = fingerprints.array();
            set.load(number, chunk);
            if (set.size() >= next) {
                next += Math.max(1, entities / looks);
                double each = (double) (liveHeapBytes() - before) / set.size();
                least = Math.min(least, each);
                most = Math.max(most, each);
            }
        }
        sizes.put("heap an entity at least", least);
        sizes.put("heap an entity at most", most);
        sizes.put("state an entity", (double) chunk.length / EntitySet.CHUNK_ENTITIES);
    }

    /** Measures entities again, with an {@code entity_idle_ttl}. */
    private void measureIdleEntities() {
        Admission admission = new Admission(null);
        TenantConfig config = TenantConfig.unlimited(TenantId.of(1), "").toBuilder()
                .entityIdleTtl(Duration.ofDays(30))
                .build();
        TenantUsage usage = TenantUsage.fresh(1, 2);
        long[] chunkBytes = new long[1];
        long before = liveHeapBytes();
        double most = 0;
        int looks = 40;
        int next = entities / 4;
        for (int i = 1; i <= entities; i++) {
            admission.admit(config, usage, new Signal(null, Integer.toString(i), null, null), 100, 1_000);
            usage.entities().writeFull((number, chunk) -> chunkBytes[0] += chunk.length);
            if (i >= next) {
                next += Math.max(1, entities / looks);
                most = Math.max(most, (double) (liveHeapBytes() - before) / i);
            }
        }
        sizes.put("heap an entity with an idle ttl at most", most);
        sizes.put("state an entity with an idle ttl before it is named again", (double) chunkBytes[0] / entities);
    }

    private static long liveHeapBytes() {
        Runtime runtime = Runtime.getRuntime();
        long least = Long.MAX_VALUE;
        for (int i = 0; i < 3; i++) {
            System.gc();
            least = Math.min(least, runtime.totalMemory() - runtime.freeMemory());
        }
        return least;
    }

    private void measureSignals(Bench bench) throws IOException, InterruptedException, ExecutionException {
        String id = "sizing";
        Workload workload = new Workload(id, signals, 1000, 333, valueBytes);
        bench.fill(workload);
        Map<String, String> values = bench.tidegate(id, workload.topic(), THREADS);
        Settings settings = Bench.settings(values);
        bench.prepare(settings, Quota.HALF, workload.tenants());
        long accepted;
        long rejected;
        try (Child child = bench.startTidegate(id, heap, values)) {
            awaitDrained(bench, id, settings, workload, child);
            accepted = sum(bench, settings.topics().accepted());
            rejected = sum(bench, settings.topics().quotaExceeded());
        }
        Map<String, Long> topics = topicBytes(bench);
        put("topic signals, a signal", topics.get(workload.topic()), signals);
        put("topic signals-by-tenant, a signal", topics.get(settings.topics().byTenant()), signals);
        put(
                "topic signals-accepted, an accepted signal",
                topics.get(settings.topics().accepted()),
                accepted);
        put(
                "topic quota-exceeded, a rejected signal",
                topics.get(settings.topics().quotaExceeded()),
                rejected);
        Path data = settings.dataDir();
        put("wal, an accepted signal", treeBytes(data.resolve("tenants")), accepted);
        topics.forEach((topic, bytes) -> {
            if (topic.startsWith(id + "-") && topic.endsWith("-changelog")) {
                put("changelog " + topic.substring(id.length() + 1) + " before compaction, a signal", bytes, signals);
            }
        });
        put("state directory, a tenant", treeBytes(data.resolve(".tidegate")), workload.tenants());
    }

    private void put(String name, long bytes, long count) {
        sizes.put(name, (double) bytes / Math.max(1, count));
    }

    private static void awaitDrained(Bench bench, String id, Settings settings, Workload workload, Child child)
            throws InterruptedException, ExecutionException {
        long deadline = System.nanoTime() + DRAINED_WITHIN.toNanos();
        while (true) {
            Map<TopicPartition, Long> committed = bench.committed(id, true);
            long read = Trial.sum(committed, workload.topic());
            if (read >= workload.signals()
                    && Trial.mostBehind(bench, committed, settings.topics().byTenant()) <= THREADS) {
                return;
            }
            if (!child.isAlive() || System.nanoTime() > deadline) {
                throw new IllegalStateException("not drained; the end of the log:\n" + child.logTail());
            }
            bench.progress().show(() -> "%,d of %,d signals".formatted(read, workload.signals()));
            Thread.sleep(100);
        }
    }

    private static long sum(Bench bench, String topic) throws InterruptedException, ExecutionException {
        return bench.ends(topic).values().stream().mapToLong(Long::longValue).sum();
    }

    private static Map<String, Long> topicBytes(Bench bench) throws InterruptedException, ExecutionException {
        Map<String, Long> bytes = new LinkedHashMap<>();
        DescribeLogDirsResult dirs = bench.admin().describeLogDirs(List.of(1));
        dirs.allDescriptions()
                .get()
                .values()
                .forEach(broker -> broker.values()
                        .forEach(dir -> dir.replicaInfos()
                                .forEach((partition, replica) ->
                                        bytes.merge(partition.topic(), replica.size(), Long::sum))));
        return bytes;
    }

    private static long treeBytes(Path directory) throws IOException {
        try (Stream<Path> all = Files.walk(directory)) {
            long bytes = 0;
            for (Path path : all.filter(Files::isRegularFile).toList()) {
                bytes += Files.size(path);
            }
            return bytes;
        }
    }
}
