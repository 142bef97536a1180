package io.tidegate.benchmarks;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.regex.Pattern;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordedFrame;
import jdk.jfr.consumer.RecordingFile;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/**
 * The CPU time and the allocations of a recording: by stage, by package of the method that ran, and by method.
 *
 * <p>A sample belongs to the first stage whose mark is found in its stack, from the bottom up. The calls of a stage count for
 * that stage, including sending; the work of Kafka Streams around the stages does not.
 */
@Command(
        name = "profile",
        mixinStandardHelpOptions = true,
        description = "Shows a recording's CPU time and allocations by stage, package and method.")
final class Profile implements Callable<Integer> {
    /** In order of priority: the first that matches anywhere in the stack. */
    private static final List<Map.Entry<String, Pattern>> STAGES = List.of(
            Map.entry("1 route", Pattern.compile("RouteProcessor\\.process")),
            Map.entry("2 admit", Pattern.compile("AdmitProcessor\\.")),
            Map.entry("3 wal", Pattern.compile("Wal(Processor|Store)\\.")),
            Map.entry("Flink source", Pattern.compile("flink\\.FlinkJob\\$Parse")),
            Map.entry("Flink admit", Pattern.compile("flink\\.Admit\\.processElement")),
            Map.entry("producers' network threads", Pattern.compile("producer\\.internals\\.Sender\\.run")),
            Map.entry("commit", Pattern.compile("StreamThread\\.maybeCommit")),
            Map.entry("poll", Pattern.compile("StreamThread\\.pollPhase")),
            Map.entry("taking records from queues", Pattern.compile("(PartitionGroup|RecordQueue)\\.")),
            Map.entry("around the stages", Pattern.compile("StreamThread\\.runLoop")));

    /** Longer package names are truncated to this many parts, to keep the table short. */
    private static final int PARTS = 4;

    @Parameters(paramLabel = "FILE", description = "Written with --jfr by benchmarks/pipeline.")
    private Path file = Path.of("");

    @Option(names = "--top", description = "Lines of each table. Default: ${DEFAULT-VALUE}.")
    private int top = 15;

    /** Counts by name. */
    private static final class Shares {
        private final Map<String, Long> counts = new HashMap<>();
        private long sum;

        void add(String name, long count) {
            counts.merge(name, count, Long::sum);
            sum += count;
        }

        void print(String title, int top) {
            System.out.printf("%n| %s | share |%n| --- | --- |%n", title);
            counts.entrySet().stream()
                    .sorted(Map.Entry.<String, Long>comparingByValue().reversed())
                    .limit(top)
                    .forEach(entry -> System.out.printf(
                            "| %s | %.1f %% |%n", entry.getKey(), 100.0 * entry.getValue() / Math.max(1, sum)));
        }
    }

    public static void main(String[] args) {
        System.exit(new CommandLine(new Profile()).execute(args));
    }

    @Override
    public Integer call() throws IOException {
        Shares stages = new Shares();
        Shares packages = new Shares();
        Shares methods = new Shares();
        Shares allocatedStages = new Shares();
        Shares allocatedMethods = new Shares();
        try (RecordingFile recording = new RecordingFile(file)) {
            while (recording.hasMoreEvents()) {
                RecordedEvent event = recording.readEvent();
                List<String> stack = stack(event);
                if (stack.isEmpty()) {
                    continue;
                }
                switch (event.getEventType().getName()) {
                    case "jdk.ExecutionSample" -> {
                        stages.add(stage(stack), 1);
                        packages.add(packageOf(stack.get(0)), 1);
                        methods.add(stack.get(0), 1);
                    }
                    case "jdk.ObjectAllocationSample" -> {
                        allocatedStages.add(stage(stack), event.getLong("weight"));
                        allocatedMethods.add(firstOwn(stack), event.getLong("weight"));
                    }
                    default -> {
                        // not an event about CPU or memory
                    }
                }
            }
        }
        System.out.printf("%,d samples of running threads%n", stages.sum);
        stages.print("CPU by stage", top);
        packages.print("CPU by package", top);
        methods.print("CPU by method", top);
        allocatedStages.print("bytes allocated by stage", top);
        allocatedMethods.print("bytes allocated by the first method outside the JDK", top);
        return 0;
    }

    /** The stack's methods with their classes, the running one first. */
    private static List<String> stack(RecordedEvent event) {
        List<String> names = new ArrayList<>();
        if (event.getStackTrace() != null) {
            for (RecordedFrame frame : event.getStackTrace().getFrames()) {
                if (frame.isJavaFrame()) {
                    names.add(frame.getMethod().getType().getName() + "."
                            + frame.getMethod().getName());
                }
            }
        }
        return names;
    }

    private static String stage(List<String> stack) {
        for (Map.Entry<String, Pattern> stage : STAGES) {
            for (String method : stack) {
                if (stage.getValue().matcher(method).find()) {
                    return stage.getKey();
                }
            }
        }
        return "other";
    }

    private static String packageOf(String method) {
        List<String> parts = List.of(method.split("\\.", -1));
        // The last two parts are the class and the method.
        return String.join(".", parts.subList(0, Math.max(1, Math.min(PARTS, parts.size() - 2))));
    }

    private static String firstOwn(List<String> stack) {
        return stack.stream()
                .filter(method -> !method.startsWith("java.") && !method.startsWith("jdk."))
                .findFirst()
                .orElse(stack.get(0));
    }
}
