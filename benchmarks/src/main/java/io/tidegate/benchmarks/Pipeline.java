package io.tidegate.benchmarks;

import io.tidegate.admin.LoadGenerator;
import io.tidegate.config.Settings;
import io.tidegate.config.SettingsLoader;
import io.tidegate.demo.ChildJvm;
import io.tidegate.demo.EmbeddedBroker;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.stream.Stream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.ListStreamsGroupOffsetsSpec;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * Drains the same topic of signals by the pass-through app and by Tidegate, in turn, several rounds, on one broker.
 *
 * <p>A rate is taken over the committed offsets of the last stage, from a tenth of the signals to the last: start-up and
 * the JIT's first seconds are left out for both alike. Each case is a process of its own, so memory and CPU are its own.
 */
@Command(name = "pipeline", mixinStandardHelpOptions = true, description = "The whole path beside a pass-through app.")
final class Pipeline implements Callable<Integer> {
    private static final Duration CASE_WITHIN = Duration.ofMinutes(10);
    private static final long POLL_MS = 50;
    private static final double WARM_UP_SHARE = 0.1;

    @Option(names = "--signals", description = "Default: ${DEFAULT-VALUE}.")
    private long signals = 2_000_000;

    @Option(names = "--rounds", description = "Default: ${DEFAULT-VALUE}.")
    private int rounds = 3;

    @Option(names = "--threads", description = "Stream threads. Default: ${DEFAULT-VALUE}.")
    private int threads = 2;

    @Option(names = "--tenants", description = "Default: ${DEFAULT-VALUE}.")
    private int tenants = 1000;

    @Option(names = "--entities", description = "Distinct ones of each tenant and kind. Default: ${DEFAULT-VALUE}.")
    private int entities = 333;

    @Option(names = "--heap", description = "Of each case's JVM. Default: ${DEFAULT-VALUE}.")
    private String heap = "2g";

    @Option(names = "--quick", description = "One round of 400,000 signals.")
    private boolean quick;

    @Option(
            names = {"-o", "--output"},
            description = "table or json. Default: ${DEFAULT-VALUE}.")
    private String output = "table";

    /** One case of one round. */
    private record Measured(double signalsPerSec, long residentBytesMax, double cpuSeconds) {}

    public static void main(String[] args) {
        System.exit(new CommandLine(new Pipeline()).execute(args));
    }

    @Override
    public Integer call() throws Exception {
        if (quick) {
            rounds = 1;
            signals = 400_000;
        }
        Path root = Files.createTempDirectory("tidegate-pipeline-");
        Map<String, List<Measured>> results = new HashMap<>();
        try (EmbeddedBroker broker = EmbeddedBroker.start(root.resolve("broker"), 0, Map.of())) {
            try (Admin admin = Admin.create(Map.of("bootstrap.servers", broker.bootstrapServers()))) {
                fill(broker, admin);
                for (int round = 1; round <= rounds; round++) {
                    for (String subject : List.of("pass-through", "tidegate")) {
                        Measured measured = drain(subject, round, root, broker, admin);
                        results.computeIfAbsent(subject, s -> new ArrayList<>()).add(measured);
                        say(String.format(
                                Locale.ROOT,
                                "round %d  %-12s  %,.0f signals/s  %d MiB resident  %.1f CPU s per million signals",
                                round,
                                subject,
                                measured.signalsPerSec,
                                measured.residentBytesMax >> 20,
                                measured.cpuSeconds / signals * 1e6));
                    }
                }
            }
        } finally {
            delete(root);
        }
        report(results.get("pass-through"), results.get("tidegate"));
        return 0;
    }

    private void report(List<Measured> limit, List<Measured> tidegate) {
        double[] ratios = new double[limit.size()];
        for (int i = 0; i < ratios.length; i++) {
            ratios[i] = tidegate.get(i).signalsPerSec / limit.get(i).signalsPerSec;
        }
        Arrays.sort(ratios);
        double median = ratios[ratios.length / 2];
        if (output.equals("json")) {
            System.out.println(String.format(
                    Locale.ROOT,
                    "{\"p\":%.0f,\"tidegate\":%.0f,\"p_ratio_accepted\":%.3f,\"p_ratio_min\":%.3f,\"p_ratio_max\":%.3f,"
                            + "\"p_resident_mib\":%d,\"tidegate_resident_mib\":%d,\"signals\":%d,\"rounds\":%d}",
                    median(limit),
                    median(tidegate),
                    median,
                    ratios[0],
                    ratios[ratios.length - 1],
                    resident(limit),
                    resident(tidegate),
                    signals,
                    rounds));
        } else {
            System.out.println(String.format(
                    Locale.ROOT,
                    "all accepted, WAL on, known entities: %.2f of the pass-through app (%.2f to %.2f over %d rounds)",
                    median,
                    ratios[0],
                    ratios[ratios.length - 1],
                    rounds));
        }
    }

    private static double median(List<Measured> measured) {
        return measured.stream()
                .mapToDouble(Measured::signalsPerSec)
                .sorted()
                .skip(measured.size() / 2)
                .findFirst()
                .orElseThrow();
    }

    private static long resident(List<Measured> measured) {
        return measured.stream().mapToLong(Measured::residentBytesMax).max().orElseThrow() >> 20;
    }

    private void fill(EmbeddedBroker broker, Admin admin) throws Exception {
        say("sending %,d signals of %,d tenants …".formatted(signals, tenants));
        create(admin, "bench.signals", Map.of("message.timestamp.type", "LogAppendTime"));
        Settings settings = SettingsLoader.load(
                null,
                Map.of(),
                Map.of(Settings.BOOTSTRAP_SERVERS, broker.bootstrapServers(), Settings.TOPIC_SIGNALS, "bench.signals"));
        new LoadGenerator(settings, new LoadGenerator.Plan(tenants, 0, 0, entities, 200, CASE_WITHIN, signals, 7))
                .run(new LoadGenerator.Progress(), () -> false);
    }

    private Measured drain(String subject, int round, Path root, EmbeddedBroker broker, Admin admin) throws Exception {
        String id = subject + "-" + round;
        Path dir = Files.createDirectories(root.resolve(id));
        boolean isTidegate = subject.equals("tidegate");
        String byTenant = id + ".by-tenant";
        String last = id + ".out";
        String jfr = System.getProperty("jfr");
        List<String> command = jfr == null
                ? ChildJvm.command("-Xmx" + heap, "-XX:+UseParallelGC")
                : ChildJvm.command(
                        "-Xmx" + heap,
                        "-XX:+UseParallelGC",
                        "-XX:StartFlightRecording=filename=%s-%s.jfr,settings=profile,dumponexit=true"
                                .formatted(jfr, id));
        if (isTidegate) {
            command.addAll(List.of("io.tidegate.cli.Tidegate", "run", "--set", "http.port=-1"));
            command.addAll(List.of("--bootstrap-server", broker.bootstrapServers()));
            command.addAll(List.of("--data-dir", dir.resolve("data").toString()));
            Map<String, String> set = new HashMap<>();
            set.put("application.id", id);
            set.put("threads", Integer.toString(threads));
            set.put("tenants.unknown", "default-config");
            set.put("topic.signals", "bench.signals");
            set.put("topic.signals.by.tenant", byTenant);
            set.put("topic.tenant.configs", id + ".configs");
            set.put("topic.signals.accepted", last);
            set.put("topic.quota.exceeded", id + ".quota-exceeded");
            set.put("topic.signals.dead.letter", id + ".dead-letter");
            set.put("topic.wal.segments", id + ".segments");
            set.forEach((key, value) -> command.addAll(List.of("--set", key + "=" + value)));
        } else {
            create(admin, byTenant, Map.of());
            create(admin, last, Map.of());
            command.addAll(List.of(
                    PassThrough.class.getName(),
                    broker.bootstrapServers(),
                    id,
                    "bench.signals",
                    byTenant,
                    last,
                    dir.resolve("state").toString(),
                    Integer.toString(threads)));
        }
        Process process = new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(dir.resolve("log").toFile())
                .start();
        try {
            return measure(id, isTidegate ? last : byTenant, process, admin, dir);
        } finally {
            process.destroy();
            process.waitFor();
            delete(dir);
        }
    }

    private Measured measure(String group, String topic, Process process, Admin admin, Path dir) throws Exception {
        long begin = System.nanoTime();
        long warmNanos = 0;
        long warmCount = 0;
        long residentMax = 0;
        while (true) {
            Thread.sleep(POLL_MS);
            long now = System.nanoTime();
            if (!process.isAlive() || now - begin > CASE_WITHIN.toNanos()) {
                throw new IllegalStateException("%s ended or takes too long; its log:%n%s"
                        .formatted(group, Files.readString(dir.resolve("log"))));
            }
            residentMax = Math.max(residentMax, residentBytes(process.pid()));
            long committed = committed(admin, group, topic);
            if (committed < signals * WARM_UP_SHARE) {
                continue;
            }
            if (warmNanos == 0) {
                warmNanos = now;
                warmCount = committed;
            }
            // Transaction markers take offsets too, so the end is where nothing is left, not a number.
            if (committed >= signals && lag(admin, group, topic) == 0 && lag(admin, group, "bench.signals") == 0) {
                double seconds = (now - warmNanos) / 1e9;
                double cpu =
                        process.info().totalCpuDuration().orElse(Duration.ZERO).toMillis() / 1e3;
                return new Measured((signals - warmCount) / seconds, residentMax, cpu);
            }
        }
    }

    private static Map<TopicPartition, OffsetAndMetadata> offsets(Admin admin, String group)
            throws InterruptedException, ExecutionException {
        return admin.listStreamsGroupOffsets(Map.of(group, new ListStreamsGroupOffsetsSpec()))
                .partitionsToOffsetAndMetadata(group)
                .get();
    }

    private static long committed(Admin admin, String group, String topic) throws InterruptedException {
        try {
            return offsets(admin, group).entrySet().stream()
                    .filter(entry -> entry.getKey().topic().equals(topic) && entry.getValue() != null)
                    .mapToLong(entry -> entry.getValue().offset())
                    .sum();
        } catch (ExecutionException e) {
            return 0; // the group does not exist yet
        }
    }

    private static long lag(Admin admin, String group, String topic) throws InterruptedException, ExecutionException {
        Map<TopicPartition, OffsetAndMetadata> offsets = offsets(admin, group);
        Map<TopicPartition, OffsetSpec> ends = new HashMap<>();
        int partitions = admin.describeTopics(List.of(topic))
                .topicNameValues()
                .get(topic)
                .get()
                .partitions()
                .size();
        for (int i = 0; i < partitions; i++) {
            ends.put(new TopicPartition(topic, i), OffsetSpec.latest());
        }
        long lag = 0;
        for (var end : admin.listOffsets(ends).all().get().entrySet()) {
            OffsetAndMetadata at = offsets.get(end.getKey());
            // The last offset is a transaction marker's where the topic is written in transactions.
            long behind = end.getValue().offset() - (at == null ? 0 : at.offset());
            lag += behind <= 1 ? 0 : behind;
        }
        return lag;
    }

    private static long residentBytes(long pid) {
        try (Stream<String> status = Files.lines(Path.of("/proc", Long.toString(pid), "status"))) {
            return status.filter(line -> line.startsWith("VmRSS:"))
                    .map(line -> line.replaceAll("\\D", ""))
                    .mapToLong(kib -> Long.parseLong(kib) * 1024)
                    .findFirst()
                    .orElse(0);
        } catch (IOException e) {
            return 0; // not Linux
        }
    }

    private static void create(Admin admin, String topic, Map<String, String> config) throws Exception {
        admin.createTopics(List.of(new NewTopic(topic, Optional.of(8), Optional.empty()).configs(config)))
                .all()
                .get();
    }

    private static void say(String text) {
        System.err.println(text);
    }

    private static void delete(Path root) throws IOException {
        try (Stream<Path> all = Files.walk(root)) {
            for (Path path : all.sorted(Comparator.reverseOrder()).toList()) {
                Files.deleteIfExists(path);
            }
        }
    }
}
