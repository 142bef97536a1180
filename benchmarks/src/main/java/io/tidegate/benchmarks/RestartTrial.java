package io.tidegate.benchmarks;

import io.tidegate.benchmarks.Case.Quota;
import io.tidegate.config.Settings;
import io.tidegate.contract.TenantPartitions;
import io.tidegate.tenant.TenantId;
import io.tidegate.wal.DataDir;
import io.tidegate.wal.Shard;
import io.tidegate.wal.WalSettings;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.stream.Stream;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;

/**
 * The time from a restart after kill -9 to the first decision, and the share of the WAL in it.
 *
 * <p>An instance fills the WAL from a topic of signals and is killed as soon as it has decided all of them, with up to one
 * checkpoint interval unsynced. The WAL's share is then measured on the files themselves: opening all shards, and finding the
 * end of every tenant's log.
 */
final class RestartTrial {
    /**
     * The result of one trial.
     *
     * @param recoveredBytes the bytes read to find the ends of all logs
     * @param firstDecisionMs from the start of the new process until the decision on a waiting signal could be read
     */
    record Result(
            long walBytes, int tenants, long openMs, long firstTouchMs, long recoveredBytes, long firstDecisionMs) {}

    private static final String ID = "restart";
    private static final int TENANTS = 1000;
    private static final int VALUE_BYTES = 2000;
    private static final Duration FILLED_WITHIN = Duration.ofMinutes(30);
    private static final Duration DECIDES_WITHIN = Duration.ofMinutes(3);
    private static final int OPEN_FILES = 128;

    private final Bench bench;
    private final String heap;

    RestartTrial(Bench bench, String heap) {
        this.bench = bench;
        this.heap = heap;
    }

    Result run(long walBytes, int threads) throws IOException, InterruptedException, ExecutionException {
        String id = ID + "-" + walBytes;
        Workload workload = new Workload(id, Math.max(TENANTS, walBytes / VALUE_BYTES), TENANTS, 333, VALUE_BYTES);
        Map<String, String> values = bench.tidegate(id, workload.topic(), threads);
        Settings settings = Bench.settings(values);
        try {
            bench.fill(workload);
            bench.prepare(settings, Quota.ACCEPT_ALL, TENANTS + 1);
            sendOne(settings);
            try (Child child = bench.startTidegate(id, heap, values)) {
                awaitFilled(id, settings, workload.signals() + 1, threads, child);
                child.kill();
            }
            DataDir dir = new DataDir(settings.dataDir());
            long stored = size(dir.root().resolve("tenants"));
            long begin = System.nanoTime();
            Map<Integer, Shard> shards = new HashMap<>();
            for (int i = 0; i < Bench.PARTITIONS; i++) {
                shards.put(i, new Shard(dir, i, walSettings()));
            }
            long opened = System.nanoTime();
            long recovered = touchAll(shards);
            long touched = System.nanoTime();
            shards.values().forEach(Shard::close);
            long decisionMs = restart(id, values, settings);
            return new Result(
                    stored,
                    TENANTS,
                    Duration.ofNanos(opened - begin).toMillis(),
                    Duration.ofNanos(touched - opened).toMillis(),
                    recovered,
                    decisionMs);
        } finally {
            bench.delete(id);
            bench.deleteTopic(workload.topic());
        }
    }

    private static WalSettings walSettings() {
        return WalSettings.of(
                WalSettings.SEGMENT_BYTES_DEFAULT, Duration.ofHours(24), OPEN_FILES, WalSettings.compression("none"));
    }

    private void awaitFilled(String id, Settings settings, long signals, int threads, Child child)
            throws InterruptedException, ExecutionException {
        String ingress = settings.topics().signals().get(0);
        String byTenant = settings.topics().byTenant();
        long deadline = System.nanoTime() + FILLED_WITHIN.toNanos();
        while (true) {
            Map<TopicPartition, Long> committed = bench.committed(id, true);
            long done = Trial.sum(committed, ingress);
            if (done >= signals && Trial.mostBehind(bench, committed, byTenant) <= threads) {
                return;
            }
            if (!child.isAlive() || System.nanoTime() > deadline) {
                throw new IllegalStateException("the WAL is not filled; the end of the log:\n" + child.logTail());
            }
            bench.progress().show(() -> "filling the WAL: %,d of %,d".formatted(done, signals));
            Thread.sleep(50);
        }
    }

    /** Prunes each tenant below its first record. This finds the end of each log and removes nothing. */
    private static long touchAll(Map<Integer, Shard> shards) {
        for (long tenant = 1; tenant <= TENANTS; tenant++) {
            TenantId id = TenantId.of(tenant);
            shards.get(TenantPartitions.of(id, Bench.PARTITIONS)).prune(id, 0);
        }
        return shards.values().stream().mapToLong(Shard::recoveredBytes).sum();
    }

    private long restart(String id, Map<String, String> values, Settings settings)
            throws IOException, InterruptedException {
        try (var consumer = PlainConsumer.consumer(bench.bootstrap(), id + "-reader")) {
            sendOne(settings);
            byte[] wanted = (TENANTS + 1 + ":1").getBytes(StandardCharsets.US_ASCII);
            int partition = TenantPartitions.of(TenantId.of(TENANTS + 1), Bench.PARTITIONS);
            var accepted = new TopicPartition(settings.topics().accepted(), partition);
            consumer.assign(List.of(accepted));
            consumer.seekToEnd(List.of(accepted));
            long ignored = consumer.position(accepted);
            long begin = System.nanoTime();
            try (Child child = bench.startTidegate(id, heap, values)) {
                while (System.nanoTime() - begin < DECIDES_WITHIN.toNanos() && child.isAlive()) {
                    for (var record : consumer.poll(Duration.ofMillis(50))) {
                        if (Arrays.equals(record.key(), wanted)) {
                            return Duration.ofNanos(System.nanoTime() - begin).toMillis();
                        }
                    }
                    bench.progress().show(() -> "waiting for the first decision");
                }
                throw new IllegalStateException("no decision; the end of the log:\n" + child.logTail());
            }
        }
    }

    /** Sends a signal of a separate tenant, whose sequence numbers are therefore known. */
    private void sendOne(Settings settings) {
        byte[] signal =
                "{\"tenant_id\":%d,\"item\":\"i1\"}".formatted(TENANTS + 1).getBytes(StandardCharsets.US_ASCII);
        try (var producer = Workload.producer(bench.bootstrap())) {
            var unused = producer.send(
                    new ProducerRecord<>(settings.topics().signals().get(0), signal));
        }
    }

    private static long size(Path directory) throws IOException {
        try (Stream<Path> all = Files.walk(directory)) {
            long bytes = 0;
            for (Path path : all.filter(Files::isRegularFile).toList()) {
                bytes += Files.size(path);
            }
            return bytes;
        }
    }
}
