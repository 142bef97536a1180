package io.tidegate.benchmarks;

import io.tidegate.benchmarks.Case.Measured;
import io.tidegate.benchmarks.Case.Program;
import io.tidegate.benchmarks.Case.Quota;
import io.tidegate.config.Settings;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.stream.Stream;
import org.apache.kafka.common.TopicPartition;

/**
 * One case of one round: starts a program, lets it drain the workload, and stops it.
 *
 * <p>The measured time begins when the first stage has committed the warm-up's share of the signals, and ends when no stage
 * has anything left to read. This excludes start-up and the JIT's first seconds for all programs alike. A backlog or lead of
 * a stage at the beginning can only lower the rate. A program that commits seldom may have finished before its last commit:
 * except for Kafka Streams, the rate up to the last commit but one counts if it is higher.
 */
final class Trial {
    private static final Duration WITHIN = Duration.ofMinutes(10);
    private static final long POLL_MS = 50;

    private final Bench bench;
    private final String heap;
    private final double warmUp;
    private final Path flink;

    /**
     * @param heap of each program's JVM
     * @param warmUp the share of the signals that is not measured
     * @param flink the directory of the built Flink job
     */
    Trial(Bench bench, String heap, double warmUp, Path flink) {
        this.bench = bench;
        this.heap = heap;
        this.warmUp = warmUp;
        this.flink = flink;
    }

    Measured run(Case subject, int round) throws IOException, InterruptedException, ExecutionException {
        String id = subject.name() + "-" + round;
        try {
            if (subject.settled()) {
                return settledRun(subject, id);
            }
            bench.fill(subject.workload());
            return run(subject, id, 0);
        } finally {
            bench.delete(id);
        }
    }

    /** Runs the case in a separate topic, because the program must drain the first signals before the others arrive. */
    private Measured settledRun(Case subject, String id) throws IOException, InterruptedException, ExecutionException {
        Workload all = subject.workload().named(id);
        Workload first = all.oneOfEach();
        bench.fill(first);
        try {
            var unused = run(subject.of(first), id, 0);
            bench.send(all);
            return run(subject.of(all), id, first.signals());
        } finally {
            bench.deleteTopic(all.topic());
        }
    }

    /** @param before the number of signals in the topic that the program has already drained */
    private Measured run(Case subject, String id, long before)
            throws IOException, InterruptedException, ExecutionException {
        RunningProgram started = start(subject, id, before > 0);
        try (Child child = started.child) {
            return measure(subject, id, child, started.hops, before);
        }
    }

    /** A program and the topics that it reads, in order. */
    private record RunningProgram(Child child, List<String> hops) {}

    private RunningProgram start(Case subject, String id, boolean again)
            throws IOException, InterruptedException, ExecutionException {
        String source = subject.workload().topic();
        return switch (subject.program()) {
            case LIMIT, BARE_ACCEPTED, BARE_REJECTED -> passThrough(subject, id);
            case FILE -> plainConsumer(id, source);
            case HAND_WRITTEN ->
                started(
                        bench.jvm(id, heap),
                        List.of(source),
                        judging(HandWritten.class.getName(), subject, id).toArray(String[]::new));
            case FLINK ->
                started(
                        flinkJvm(id),
                        List.of(source),
                        judging("io.tidegate.benchmarks.flink.FlinkJob", subject, id)
                                .toArray(String[]::new));
            case TIDEGATE -> {
                Map<String, String> settings = bench.tidegate(id, source, subject.threads());
                if (subject.workload().keyed()) {
                    settings.put(Settings.INGRESS_PARTITIONING, "tenant");
                }
                if (!again) {
                    bench.prepare(
                            Bench.settings(settings),
                            subject.quota(),
                            subject.workload().tenants());
                }
                yield new RunningProgram(bench.startTidegate(id, heap, settings), List.of(source, id + ".by-tenant"));
            }
        };
    }

    private RunningProgram passThrough(Case subject, String id)
            throws IOException, InterruptedException, ExecutionException {
        String source = subject.workload().topic();
        Map<String, String> settings = bench.tidegate(id, source, subject.threads());
        for (String topic : List.of(".by-tenant", ".accepted", ".quota-exceeded")) {
            bench.create(id + topic, Map.of());
        }
        return new RunningProgram(
                bench.startPassThrough(id, heap, subject.program(), settings), List.of(source, id + ".by-tenant"));
    }

    private RunningProgram plainConsumer(String id, String topic) throws IOException {
        return started(
                bench.jvm(id, heap),
                List.of(topic),
                PlainConsumer.class.getName(),
                bench.bootstrap(),
                id,
                topic,
                bench.directory(id).resolve("signals").toString());
    }

    private List<String> judging(String main, Case subject, String id)
            throws IOException, InterruptedException, ExecutionException {
        bench.create(id + ".quota-exceeded", Map.of());
        return List.of(
                main,
                bench.bootstrap(),
                id,
                subject.workload().topic(),
                id + ".quota-exceeded",
                bench.directory(id).resolve("out").toAbsolutePath().toString(),
                Integer.toString(subject.threads()),
                Long.toString(Quota.RATE_PER_SEC),
                Long.toString(Quota.ENTITIES_MAX));
    }

    private RunningProgram started(List<String> jvm, List<String> hops, String... arguments) throws IOException {
        jvm.addAll(List.of(arguments));
        // The group's id, which is also the directory's name, is the second argument of all these programs.
        return new RunningProgram(new Child(jvm, bench.directory(arguments[2]).resolve("log")), hops);
    }

    /** The JVM command with Flink's class path and {@link Probed} from this build. */
    private List<String> flinkJvm(String id) {
        if (!Files.isDirectory(flink.resolve("lib"))) {
            throw new IllegalStateException(
                    "%s has no Flink job: build it with mvn -Pbenchmarks package".formatted(flink.toAbsolutePath()));
        }
        List<String> command = new ArrayList<>(bench.jvm(id, heap));
        int classPath = command.indexOf("-cp") + 1;
        String probed = Path.of(Probed.class
                        .getProtectionDomain()
                        .getCodeSource()
                        .getLocation()
                        .getPath())
                .toString();
        command.set(classPath, String.join(":", flink.resolve("classes").toString(), flink + "/lib/*", probed));
        // The packages that Flink's own scripts open.
        for (String opened : List.of("java.lang", "java.util", "java.time", "java.util.concurrent")) {
            command.add(1, "--add-opens=java.base/%s=ALL-UNNAMED".formatted(opened));
        }
        return command;
    }

    private Measured measure(Case subject, String id, Child child, List<String> hops, long drainedBefore)
            throws InterruptedException, ExecutionException {
        long signals = subject.workload().signals();
        boolean streams = subject.program().streamsGroup;
        long begin = System.nanoTime();
        long residentMax = 0;
        Point warm = null;
        Point before = null;
        Point last = null;
        while (true) {
            Thread.sleep(POLL_MS);
            if (!child.isAlive() || System.nanoTime() - begin > WITHIN.toNanos()) {
                throw new IllegalStateException(
                        "%s ended or takes too long; the end of its log:%n%s".formatted(id, child.logTail()));
            }
            residentMax = Math.max(residentMax, child.residentBytes());
            Map<TopicPartition, Long> committed = bench.committed(id, streams);
            long first = sum(committed, hops.get(0)) - drainedBefore;
            bench.progress().show(() -> "%s: %,d of %,d".formatted(id, first, signals));
            if (last == null || first != last.committed) {
                before = last;
                last = new Point(System.nanoTime(), first);
            }
            if (warm == null && first > 0 && first >= signals * warmUp) {
                warm = new Point(last.nanos, first, child.used(false));
            }
            if (warm != null && first >= signals && isDrained(committed, hops, subject.threads())) {
                Point end = new Point(System.nanoTime(), first, child.used(false));
                checkAccepted(subject, id);
                double rate = warm.rateTo(end);
                if (!streams && before != null && before.nanos > warm.nanos) {
                    rate = Math.max(rate, warm.rateTo(before));
                }
                return measured(rate, warm, end, residentMax, child.used(true).heapBytes());
            }
        }
    }

    /** The progress of the first stage at one time. */
    private record Point(long nanos, long committed, Child.Used used) {
        private static final Child.Used UNKNOWN = new Child.Used(0, 0, 0, 0);

        Point(long nanos, long committed) {
            this(nanos, committed, UNKNOWN);
        }

        double rateTo(Point later) {
            return (later.committed - committed) * 1e9 / (later.nanos - nanos);
        }
    }

    private static Measured measured(double rate, Point warm, Point end, long residentMax, long liveHeap) {
        double signals = Math.max(1, end.committed - warm.committed);
        return new Measured(
                rate,
                (end.used.cpuNanos() - warm.used.cpuNanos()) / 1e9 / signals * 1e6,
                (end.used.allocatedBytes() - warm.used.allocatedBytes()) / signals,
                residentMax,
                liveHeap);
    }

    static long sum(Map<TopicPartition, Long> offsets, String topic) {
        return offsets.entrySet().stream()
                .filter(entry -> entry.getKey().topic().equals(topic))
                .mapToLong(Map.Entry::getValue)
                .sum();
    }

    /** Whether the only records left, at the end of each partition, are the markers of each thread's last transaction. */
    private boolean isDrained(Map<TopicPartition, Long> committed, List<String> hops, int threads)
            throws InterruptedException, ExecutionException {
        for (String hop : hops.subList(1, hops.size())) {
            if (mostBehind(bench, committed, hop) > threads) {
                return false;
            }
        }
        return true;
    }

    /** The largest lag of a group in any partition of a topic. */
    static long mostBehind(Bench bench, Map<TopicPartition, Long> committed, String topic)
            throws InterruptedException, ExecutionException {
        return bench.ends(topic).entrySet().stream()
                .mapToLong(end -> end.getValue() - committed.getOrDefault(end.getKey(), 0L))
                .max()
                .orElse(0);
    }

    /** Checks that nothing was rejected in a case that must accept all signals. */
    private void checkAccepted(Case subject, String id) throws InterruptedException, ExecutionException {
        boolean judges = Stream.of(Program.TIDEGATE, Program.FLINK, Program.HAND_WRITTEN)
                .anyMatch(program -> program == subject.program());
        if (judges && subject.quota() == Quota.ACCEPT_ALL) {
            long rejected = bench.ends(id + ".quota-exceeded").values().stream()
                    .mapToLong(Long::longValue)
                    .sum();
            if (rejected > 0) {
                throw new IllegalStateException(
                        "%s rejected %,d signals and should reject none".formatted(id, rejected));
            }
        }
    }
}
