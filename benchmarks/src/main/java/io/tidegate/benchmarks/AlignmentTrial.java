package io.tidegate.benchmarks;

import io.tidegate.benchmarks.Case.Quota;
import io.tidegate.config.Settings;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.locks.LockSupport;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.jspecify.annotations.Nullable;

/**
 * The rate at which one backlog is read, with or without partitions that wait for the slowest one.
 *
 * <p>The backlog is that of an outage of five minutes. The measured time begins when the first stage has committed a part of
 * the signals, so that most of the code is compiled by then, and ends when no stage has anything left to read.
 */
final class AlignmentTrial {
    /** The shape of the load and of the deployment. */
    enum Shape {
        /** One instance. One of the eight partitions has five times the data of each other one. */
        UNEVEN,
        /**
         * Three instances, one of which runs only half of the time. It shares the cores with the others, which a slow machine
         * does not. Therefore, the others have a lower priority: they leave it the cores whenever it runs.
         */
        SLOW
    }

    private static final int TENANTS = 1_000;
    private static final int VALUE_BYTES = 200;
    private static final int LARGE_SHARE = 5;
    private static final long OUTAGE_MS = Duration.ofMinutes(5).toMillis();
    private static final double WARM_UP = 0.4;
    private static final Duration WITHIN = Duration.ofMinutes(10);
    private static final long POLL_MS = 50;
    private static final List<String> LOWER_PRIORITY = List.of("nice", "-n", "10");
    private static final Duration SLOW_STEP = Duration.ofMillis(250);

    /**
     * The result of one trial.
     *
     * @param rate signals per second
     * @param cpuSeconds of all instances, for each million signals
     */
    record Result(double rate, double cpuSeconds) {}

    private final Bench bench;
    private final String heap;
    private final int threads;

    AlignmentTrial(Bench bench, String heap, int threads) {
        this.bench = bench;
        this.heap = heap;
        this.threads = threads;
    }

    Result run(Shape shape, boolean aligned, long signals, int round)
            throws IOException, InterruptedException, ExecutionException {
        String id = "%s-%s-%d".formatted(shape.name().toLowerCase(Locale.ROOT), aligned ? "on" : "off", round);
        String topic = id + ".signals";
        List<Child> instances = new ArrayList<>();
        try {
            bench.create(topic, Map.of("message.timestamp.type", "CreateTime"));
            fill(topic, shape, signals);
            int count = shape == Shape.SLOW ? 3 : 1;
            for (int i = 0; i < count; i++) {
                Map<String, String> values = settings(id, topic, aligned, i);
                if (i == 0) {
                    bench.prepare(Bench.settings(values), Quota.ACCEPT_ALL, TENANTS);
                }
                List<String> wrapper = i > 0 ? LOWER_PRIORITY : List.of();
                instances.add(bench.startTidegate(wrapper, id, heap, values));
            }
            return measure(id, topic, signals, instances, shape == Shape.SLOW ? instances.get(0) : null);
        } finally {
            for (Child instance : instances) {
                instance.signal("CONT");
                instance.close();
            }
            bench.delete(id);
        }
    }

    private Map<String, String> settings(String id, String topic, boolean aligned, int instance) throws IOException {
        Map<String, String> values = new HashMap<>();
        values.put(Settings.ALIGNMENT_WAIT_MAX_MS, aligned ? "60000" : "0");
        values.put(Settings.REQUIRE_LOG_APPEND_TIME, "false");
        values.putAll(bench.tidegate(id, topic, threads));
        values.put(
                Settings.DATA_DIR,
                bench.directory(id).resolve("data-" + instance).toString());
        return values;
    }

    /** Fills the topic so that every partition covers the same record time. */
    private void fill(String topic, Shape shape, long signals) {
        Workload workload = new Workload(topic, signals, TENANTS, 333, VALUE_BYTES);
        Workload.Source source = workload.new Source();
        int large = shape == Shape.UNEVEN ? LARGE_SHARE : 1;
        int turn = large + Bench.PARTITIONS - 1;
        long fromMs = System.currentTimeMillis() - OUTAGE_MS;
        try (var producer = Workload.producer(bench.bootstrap())) {
            for (long i = 0; i < signals; i++) {
                int place = (int) (i % turn);
                int partition = place < large ? 0 : place - large + 1;
                long timeMs = fromMs + i * OUTAGE_MS / signals;
                var unused = producer.send(new ProducerRecord<>(topic, partition, timeMs, null, source.next()));
                long sent = i;
                bench.progress().show(() -> "sending %,d of %,d signals".formatted(sent, signals));
            }
        }
    }

    private Result measure(String id, String topic, long signals, List<Child> instances, @Nullable Child slow)
            throws InterruptedException, ExecutionException {
        String hop = id + ".by-tenant";
        long deadline = System.nanoTime() + WITHIN.toNanos();
        long warmNanos = 0;
        long warm = 0;
        long warmCpuNanos = 0;
        long lastNanos = System.nanoTime();
        boolean stopped = false;
        while (true) {
            LockSupport.parkNanos(Duration.ofMillis(POLL_MS).toNanos());
            if (slow != null && System.nanoTime() - lastNanos > SLOW_STEP.toNanos() && warm > 0) {
                stopped = !stopped;
                slow.signal(stopped ? "STOP" : "CONT");
                lastNanos = System.nanoTime();
            }
            if (!instances.stream().allMatch(Child::isAlive) || System.nanoTime() > deadline) {
                throw new IllegalStateException("%s ended or takes too long; the end of a log:%n%s"
                        .formatted(id, instances.get(0).logTail()));
            }
            Map<TopicPartition, Long> committed = bench.committed(id, true);
            long first = Trial.sum(committed, topic);
            bench.progress().show(() -> "%s: %,d of %,d".formatted(id, first, signals));
            if (warm == 0 && first >= signals * WARM_UP) {
                warm = first;
                warmNanos = System.nanoTime();
                warmCpuNanos = cpuNanos(instances);
            }
            if (warm > 0 && first >= signals && isDrained(committed, hop, instances.size())) {
                long nanos = System.nanoTime() - warmNanos;
                if (slow != null) {
                    slow.signal("CONT");
                }
                double cpuSeconds = (cpuNanos(instances) - warmCpuNanos) / 1e9;
                return new Result((signals - warm) * 1e9 / nanos, cpuSeconds * 1e6 / (signals - warm));
            }
        }
    }

    private static long cpuNanos(List<Child> instances) throws InterruptedException {
        long nanos = 0;
        for (Child instance : instances) {
            nanos += instance.used(false).cpuNanos();
        }
        return nanos;
    }

    /** Whether the only records left are the markers of each thread's last transaction. */
    private boolean isDrained(Map<TopicPartition, Long> committed, String hop, int instances)
            throws InterruptedException, ExecutionException {
        return Trial.mostBehind(bench, committed, hop) <= (long) threads * instances;
    }
}
