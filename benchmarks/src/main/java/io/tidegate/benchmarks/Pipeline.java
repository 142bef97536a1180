package io.tidegate.benchmarks;

import io.tidegate.benchmarks.Case.Measured;
import io.tidegate.benchmarks.Case.Ratio;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.function.Consumer;
import java.util.function.ToDoubleFunction;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * Drains the same topics of signals by Tidegate, by the alternatives that a team could run, and by programs that only forward
 * or only write. They run one after the other, in several rounds, on one broker, each in its own process.
 *
 * <p>Only quotients within a round are compared. Every other round runs the cases in the opposite order, so that none is
 * always first.
 */
@Command(
        name = "pipeline",
        mixinStandardHelpOptions = true,
        sortOptions = false,
        description = {
            "The whole path beside what else could be run, and beside the limit.",
            "",
            "Groups of cases: known, new, rejected, keyed, mixed, tenants, entities, threads, sizes, delay, restart."
        })
final class Pipeline implements Callable<Integer> {
    private static final long QUICK_SIGNALS = 400_000;
    private static final List<String> ALONE = List.of("delay", "restart");

    /** Half of Tidegate's rate in an earlier run on two cores; used if this run has not measured it. */
    private static final long DELAY_RATE_PER_SEC = 30_000;

    private static final Duration DELAY_DURATION = Duration.ofSeconds(30);

    @Option(
            names = "--cases",
            split = ",",
            description = "Groups of cases, in this order. Default: all; with --quick known,new,rejected.")
    private @Nullable List<String> cases;

    @Option(
            names = "--programs",
            split = ",",
            description = "Only these: limit, bare, file, hand-written, flink, tidegate. Default: all that a case"
                    + " names.")
    private @Nullable List<String> programs;

    @Option(names = "--signals", description = "In a workload. Default: ${DEFAULT-VALUE}.")
    private long signals = 3_000_000;

    @Option(names = "--rounds", description = "Default: ${DEFAULT-VALUE}.")
    private int rounds = 3;

    @Option(names = "--threads", description = "Of each program. Default: ${DEFAULT-VALUE}.")
    private int threads = 2;

    @Option(names = "--warm-up", description = "Share of the signals that is not measured. Default: ${DEFAULT-VALUE}.")
    private double warmUp = 0.4;

    @Option(names = "--heap", description = "Of each program's JVM. Default: ${DEFAULT-VALUE}.")
    private String heap = "2g";

    @Option(
            names = "--within",
            paramLabel = "MINUTES",
            description = "No case is begun later than this. Default: ${DEFAULT-VALUE}.")
    private int withinMinutes = 120;

    @Option(
            names = "--delay-rate",
            paramLabel = "PER-SECOND",
            description = "Of the case delay. Default: half the rate of tidegate-mixed in this run.")
    private long delayRatePerSec;

    @Option(
            names = "--wal-bytes",
            split = ",",
            description = "Sizes of the case restart. Default: 100 MiB and 10 GiB, which takes 25 GiB of disk.")
    private List<Long> walBytes = List.of(100L << 20, 10L << 30);

    @Option(
            names = "--set",
            paramLabel = "KEY=VALUE",
            description =
                    "A setting of Tidegate, such as kafka.producer.batch.size=131072. Settings of the Kafka clients"
                            + " apply to the limit too.")
    private Map<String, String> overrides = Map.of();

    @Option(
            names = "--jvm",
            paramLabel = "OPTION",
            description = "An option of the JVM of each program, such as -XX:TieredStopAtLevel=1; can be repeated.")
    private List<String> jvmOptions = List.of();

    @Option(names = "--jfr", paramLabel = "DIR", description = "Writes a recording of each program to this directory.")
    private @Nullable Path recordings;

    @Option(names = "--dir", description = "The directory for topics and files. Default: a temporary directory.")
    private @Nullable Path directory;

    @Option(names = "--flink", hidden = true, description = "The directory of the built Flink job.")
    private Path flink = Path.of("benchmarks", "flink", "target");

    @Option(names = "--quick", description = "One round of 400,000 signals; 100 MiB in the case restart.")
    private boolean quick;

    @Option(
            names = {"-o", "--output"},
            description = "table or json. Default: ${DEFAULT-VALUE}.")
    private String output = "table";

    private final Map<String, List<@Nullable Measured>> results = new LinkedHashMap<>();
    private final Map<String, String> failures = new LinkedHashMap<>();
    private final List<RestartTrial.Result> restarts = new ArrayList<>();
    private DelayTrial.@Nullable Result delay;

    public static void main(String[] args) {
        System.exit(new CommandLine(new Pipeline()).execute(args));
    }

    @Override
    public Integer call() throws Exception {
        if (quick) {
            rounds = 1;
            signals = QUICK_SIGNALS;
            walBytes = List.of(100L << 20);
        }
        List<String> groups = cases != null
                ? cases
                : quick
                        ? List.of("known", "new", "rejected")
                        : List.of(
                                "known",
                                "new",
                                "rejected",
                                "keyed",
                                "mixed",
                                "tenants",
                                "entities",
                                "threads",
                                "sizes",
                                "delay",
                                "restart");
        List<Case> chosen = groups.stream()
                .filter(group -> !ALONE.contains(group))
                .flatMap(group -> Case.group(group, signals, threads).stream())
                .distinct()
                .filter(subject -> programs == null
                        || programs.stream().anyMatch(name -> subject.name().startsWith(name + "-")))
                .toList();
        Progress progress = new Progress(Duration.ofMinutes(withinMinutes));
        try (Bench bench = Bench.start(directory, recordings, jvmOptions, overrides, progress)) {
            Trial trial = new Trial(bench, heap, warmUp, flink);
            warmUpBroker(trial, chosen, progress);
            for (int round = 1; round <= rounds; round++) {
                List<Case> order = new ArrayList<>(chosen);
                if (round % 2 == 0) {
                    Collections.reverse(order);
                }
                for (Case subject : order) {
                    run(trial, subject, round, progress, chosen.size());
                }
            }
            if (groups.contains("delay")) {
                measureDelay(bench);
            }
            if (groups.contains("restart")) {
                measureRestarts(bench);
            }
        }
        System.out.println(output.equals("json") ? json() : table());
        return failures.isEmpty() ? 0 : 1;
    }

    /** Runs one case unmeasured: the broker's code is compiled while it serves, and the first program would pay for that. */
    private static void warmUpBroker(Trial trial, List<Case> chosen, Progress progress)
            throws IOException, InterruptedException {
        Case first = chosen.stream()
                .filter(subject -> subject.program() == Case.Program.TIDEGATE)
                .findFirst()
                .orElse(null);
        if (first != null && !progress.isOver()) {
            progress.step("[warming the broker up]");
            var unused = attempt("warm-up", trial, first, 0, progress, why -> {});
        }
    }

    /** Runs a case once; returns null after a failure, whose cause it reports. */
    private static @Nullable Measured attempt(
            String when, Trial trial, Case subject, int round, Progress progress, Consumer<String> failed)
            throws IOException, InterruptedException {
        try {
            Measured result = trial.run(subject, round);
            progress.say("%s  %-24s  %s".formatted(when, subject.name(), line(result)));
            return result;
        } catch (IllegalStateException | ExecutionException e) {
            failed.accept(String.valueOf(e.getMessage()));
            progress.say("%s  %-24s  failed: %s".formatted(when, subject.name(), e.getMessage()));
            return null;
        }
    }

    private void run(Trial trial, Case subject, int round, Progress progress, int cases)
            throws IOException, InterruptedException {
        if (progress.isOver()) {
            failures.putIfAbsent(subject.name() + " round " + round, "not begun within the time");
            return;
        }
        int done = results.values().stream().mapToInt(List::size).sum() + failures.size();
        progress.step("[%d/%d] round %d".formatted(done + 1, rounds * cases, round));
        Measured measured = attempt(
                "round " + round,
                trial,
                subject,
                round,
                progress,
                why -> failures.put(subject.name() + " round " + round, why));
        // A case that fails leaves a hole, so that quotients stay within a round.
        results.computeIfAbsent(subject.name(), name -> new ArrayList<>()).add(measured);
    }

    private void measureDelay(Bench bench) throws IOException, InterruptedException, ExecutionException {
        bench.progress().step("[delay]");
        double[] mixed = sorted("tidegate-mixed", Measured::signalsPerSec);
        long rate = delayRatePerSec > 0
                ? delayRatePerSec
                : mixed.length > 0 ? (long) (mixed[mixed.length / 2] / 2) : DELAY_RATE_PER_SEC;
        delay = new DelayTrial(bench, heap).run(rate, DELAY_DURATION, threads);
        bench.progress().say("delay to rejection " + delay.rejected());
        bench.progress().say("delay to file      " + delay.inFile());
    }

    private void measureRestarts(Bench bench) throws IOException, InterruptedException, ExecutionException {
        bench.progress().step("[restart]");
        for (long bytes : walBytes) {
            RestartTrial.Result result = new RestartTrial(bench, heap).run(bytes, threads);
            restarts.add(result);
            bench.progress().say("restart " + result);
        }
    }

    private static String line(Measured result) {
        return "%,9.0f signals/s  %5.1f CPU s per million  %,6.0f B allocated a signal  %,5d MiB resident  %,5d MiB live"
                .formatted(
                        result.signalsPerSec(),
                        result.cpuSecondsPerMillion(),
                        result.allocatedBytesPerSignal(),
                        result.residentBytesMax() >> 20,
                        result.liveHeapBytes() >> 20);
    }

    /** A case's values in ascending order, without the rounds that failed. */
    private double[] sorted(String name, ToDoubleFunction<Measured> value) {
        return results.getOrDefault(name, List.of()).stream()
                .filter(Objects::nonNull)
                .mapToDouble(value)
                .sorted()
                .toArray();
    }

    private double median(String name, ToDoubleFunction<Measured> value) {
        double[] values = sorted(name, value);
        return values.length == 0 ? Double.NaN : values[values.length / 2];
    }

    private double[] ratios(Ratio ratio) {
        List<Measured> of = results.getOrDefault(ratio.of(), List.of());
        List<Measured> to = results.getOrDefault(ratio.to(), List.of());
        double[] all = new double[Math.min(of.size(), to.size())];
        int count = 0;
        for (int i = 0; i < all.length; i++) {
            if (of.get(i) != null && to.get(i) != null) {
                all[count++] = of.get(i).signalsPerSec() / to.get(i).signalsPerSec();
            }
        }
        double[] sorted = Arrays.copyOf(all, count);
        Arrays.sort(sorted);
        return sorted;
    }

    private String table() {
        StringBuilder out = new StringBuilder();
        out.append(
                "| case | signals/s (lowest to highest) | CPU s per million | bytes allocated a signal | MiB resident | MiB"
                        + " live heap |\n| --- | --- | --- | --- | --- | --- |\n");
        for (String name : results.keySet()) {
            double[] rates = sorted(name, Measured::signalsPerSec);
            if (rates.length > 0) {
                out.append("| %s | %,.0f (%,.0f to %,.0f) | %.1f | %,.0f | %,.0f | %,.0f |%n"
                        .formatted(
                                name,
                                rates[rates.length / 2],
                                rates[0],
                                rates[rates.length - 1],
                                median(name, Measured::cpuSecondsPerMillion),
                                median(name, Measured::allocatedBytesPerSignal),
                                median(name, m -> m.residentBytesMax() >> 20),
                                median(name, m -> m.liveHeapBytes() >> 20)));
            }
        }
        out.append("\n| ratio | median | lowest to highest |\n| --- | --- | --- |\n");
        for (Ratio ratio : Case.RATIOS) {
            double[] values = ratios(ratio);
            if (values.length > 0) {
                out.append("| `%s` = %s / %s | %.2f | %.2f to %.2f |%n"
                        .formatted(
                                ratio.name(),
                                ratio.of(),
                                ratio.to(),
                                values[values.length / 2],
                                values[0],
                                values[values.length - 1]));
            }
        }
        if (delay != null) {
            out.append("%nAt %,d signals/s, to a readable rejection: %s%n"
                    .formatted(delay.ratePerSec(), delay.rejected()));
            out.append("At %,d signals/s, to the WAL file: %s%n".formatted(delay.ratePerSec(), delay.inFile()));
        }
        if (!restarts.isEmpty()) {
            out.append(
                    "\n| WAL | open all shards | find the ends of all logs | bytes read for that | first decision |\n");
            out.append("| --- | --- | --- | --- | --- |\n");
            for (RestartTrial.Result r : restarts) {
                out.append("| %,d MiB of %,d tenants | %,d ms | %,d ms | %,d | %,d ms |%n"
                        .formatted(
                                r.walBytes() >> 20,
                                r.tenants(),
                                r.openMs(),
                                r.firstTouchMs(),
                                r.recoveredBytes(),
                                r.firstDecisionMs()));
            }
        }
        failures.forEach((name, why) -> out.append("%nfailed: %s: %s".formatted(name, why)));
        return out.toString();
    }

    private String json() {
        Json json = new Json();
        for (Ratio ratio : Case.RATIOS) {
            double[] values = ratios(ratio);
            if (values.length > 0) {
                json.number(ratio.name(), values[values.length / 2], 3);
                json.number(ratio.name() + "_min", values[0], 3);
                json.number(ratio.name() + "_max", values[values.length - 1], 3);
            }
        }
        Json all = new Json();
        for (String name : results.keySet()) {
            double[] rates = sorted(name, Measured::signalsPerSec);
            if (rates.length > 0) {
                all.raw(
                        name,
                        new Json()
                                .number("signals_per_sec", rates[rates.length / 2], 0)
                                .number("signals_per_sec_min", rates[0], 0)
                                .number("signals_per_sec_max", rates[rates.length - 1], 0)
                                .number("cpu_s_per_million", median(name, Measured::cpuSecondsPerMillion), 2)
                                .number(
                                        "allocated_bytes_per_signal",
                                        median(name, Measured::allocatedBytesPerSignal),
                                        0)
                                .number("resident_mib", median(name, m -> m.residentBytesMax() >> 20), 0)
                                .number("live_heap_mib", median(name, m -> m.liveHeapBytes() >> 20), 0)
                                .toString());
            }
        }
        json.raw("cases", all.toString());
        if (delay != null) {
            json.raw(
                    "delay",
                    new Json()
                            .number("signals_per_sec", delay.ratePerSec())
                            .raw("to_rejection", delay.rejected().json())
                            .raw("to_file", delay.inFile().json())
                            .toString());
        }
        Json restart = new Json();
        for (RestartTrial.Result r : restarts) {
            restart.raw(
                    (r.walBytes() >> 20) + "_mib",
                    new Json()
                            .number("open_ms", r.openMs())
                            .number("find_ends_ms", r.firstTouchMs())
                            .number("recovered_bytes", r.recoveredBytes())
                            .number("first_decision_ms", r.firstDecisionMs())
                            .toString());
        }
        json.raw("restart", restart.toString());
        json.number("signals", signals).number("rounds", rounds).number("threads", threads);
        return json.number("failed", failures.size()).toString();
    }
}
