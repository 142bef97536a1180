package io.tidegate.benchmarks;

import io.tidegate.benchmarks.AlignmentTrial.Shape;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.function.ToDoubleFunction;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * The cost of making partitions wait for the slowest one: the throughput of a catch-up with alignment, divided by that
 * without it.
 *
 * <p>Only quotients within a round are compared. Every other round runs in the opposite order.
 */
@Command(
        name = "alignment",
        mixinStandardHelpOptions = true,
        sortOptions = false,
        description = "The throughput of a catch-up with aligned partitions, over that without alignment.")
final class AlignmentCost implements Callable<Integer> {
    private static final long QUICK_SIGNALS = 200_000;

    @Option(names = "--signals", description = "In the backlog of five minutes. Default: ${DEFAULT-VALUE}.")
    private long signals = 3_000_000;

    @Option(names = "--rounds", description = "Default: ${DEFAULT-VALUE}.")
    private int rounds = 3;

    @Option(names = "--threads", description = "Of each instance. Default: ${DEFAULT-VALUE}.")
    private int threads = 2;

    @Option(names = "--heap", description = "Of each instance. Default: ${DEFAULT-VALUE}.")
    private String heap = "1g";

    @Option(names = "--only", description = "Only this case: uneven or slow.")
    private @Nullable Shape only;

    @Option(names = "--set", paramLabel = "KEY=VALUE", description = "A setting of Tidegate.")
    private Map<String, String> overrides = Map.of();

    @Option(names = "--dir", description = "The directory for topics and files. Default: a temporary directory.")
    private @Nullable Path directory;

    @Option(names = "--quick", description = "One round of 200,000 signals.")
    private boolean quick;

    @Option(
            names = {"-o", "--output"},
            description = "table or json. Default: ${DEFAULT-VALUE}.")
    private String output = "table";

    private final Map<Shape, List<AlignmentTrial.Result>> on = new EnumMap<>(Shape.class);
    private final Map<Shape, List<AlignmentTrial.Result>> off = new EnumMap<>(Shape.class);

    public static void main(String[] args) {
        System.exit(new CommandLine(new AlignmentCost())
                .setCaseInsensitiveEnumValuesAllowed(true)
                .execute(args));
    }

    @Override
    public Integer call() throws Exception {
        if (quick) {
            rounds = 1;
            signals = QUICK_SIGNALS;
        }
        Progress progress = new Progress(Duration.ofHours(1));
        try (Bench bench = Bench.start(directory, null, List.of(), overrides, progress)) {
            AlignmentTrial trial = new AlignmentTrial(bench, heap, threads);
            progress.step("[warming the broker up]");
            var unused = trial.run(only == null ? Shape.UNEVEN : only, true, signals, 0);
            for (int round = 1; round <= rounds; round++) {
                for (Shape shape : Shape.values()) {
                    if (only == null || only == shape) {
                        run(trial, shape, round % 2 == 1, round, progress);
                        run(trial, shape, round % 2 == 0, round, progress);
                    }
                }
            }
        }
        System.out.println(output.equals("json") ? json() : table());
        return 0;
    }

    private void run(AlignmentTrial trial, Shape shape, boolean aligned, int round, Progress progress)
            throws Exception {
        progress.step("[round %d of %d]".formatted(round, rounds));
        AlignmentTrial.Result result = trial.run(shape, aligned, signals, round);
        (aligned ? on : off).computeIfAbsent(shape, key -> new ArrayList<>()).add(result);
        progress.say("round %d  %-6s  alignment %-3s  %,9.0f signals/s  %5.1f CPU s for a million"
                .formatted(round, name(shape), aligned ? "on" : "off", result.rate(), result.cpuSeconds()));
    }

    private static String name(Shape shape) {
        return shape.name().toLowerCase(Locale.ROOT);
    }

    /** The value with alignment divided by that without it, for each round, in ascending order. */
    private double[] ratios(Shape shape, ToDoubleFunction<AlignmentTrial.Result> of) {
        List<AlignmentTrial.Result> with = on.get(shape);
        List<AlignmentTrial.Result> without = off.get(shape);
        double[] ratios = new double[with.size()];
        Arrays.setAll(ratios, i -> of.applyAsDouble(with.get(i)) / of.applyAsDouble(without.get(i)));
        Arrays.sort(ratios);
        return ratios;
    }

    private String table() {
        StringBuilder out = new StringBuilder(
                "| case | signals/s with alignment, by round | without | ratio | | ratio of CPU time |\n");
        out.append("| --- | --- | --- | --- | --- | --- |\n");
        for (Shape shape : on.keySet()) {
            double[] ratios = ratios(shape, AlignmentTrial.Result::rate);
            double[] cpu = ratios(shape, AlignmentTrial.Result::cpuSeconds);
            out.append("| %s | %s | %s | %.2f | %.2f to %.2f | %.2f |%n"
                    .formatted(
                            name(shape),
                            rates(on.get(shape)),
                            rates(off.get(shape)),
                            ratios[ratios.length / 2],
                            ratios[0],
                            ratios[ratios.length - 1],
                            cpu[cpu.length / 2]));
        }
        return out.toString();
    }

    private static String rates(List<AlignmentTrial.Result> results) {
        return String.join(
                "; ",
                results.stream().map(result -> "%,.0f".formatted(result.rate())).toList());
    }

    private String json() {
        Json json = new Json();
        for (Shape shape : on.keySet()) {
            double[] ratios = ratios(shape, AlignmentTrial.Result::rate);
            json.number("alignment_ratio_" + name(shape), ratios[ratios.length / 2], 3);
            json.number("alignment_ratio_" + name(shape) + "_min", ratios[0], 3);
        }
        return json.number("signals", signals).number("rounds", rounds).toString();
    }
}
