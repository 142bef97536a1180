package io.tidegate.topologytests.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidegate.demo.ChildJvm;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Runs recommended commands as messages print them: Kafka's tools by their scripts' names, and Tidegate's own. */
public final class RecommendedCommand {
    private static final Map<String, String> MAIN_CLASSES = Map.of(
            "kafka-configs.sh", "kafka.admin.ConfigCommand",
            "kafka-topics.sh", "org.apache.kafka.tools.TopicCommand",
            "kafka-features.sh", "org.apache.kafka.tools.FeatureCommand",
            "kafka-transactions.sh", "org.apache.kafka.tools.TransactionsCommand",
            "kafka-acls.sh", "org.apache.kafka.tools.AclCommand",
            "tidegate", "io.tidegate.cli.Tidegate");

    /** Matches a command up to the prose that follows it. */
    private static final Pattern COMMAND =
            Pattern.compile("((?:kafka-[a-z]+\\.sh|tidegate) (?:--?[a-z-]+|[\\w./:=,@-]+)(?: (?:[\\w./:=,@-]+))*)");

    private RecommendedCommand() {}

    /** Returns the first command in a text that begins with these words. */
    public static String in(String text, String beginning) {
        int at = text.indexOf(beginning);
        assertThat(at).as("%s in: %s", beginning, text).isNotNegative();
        Matcher match = COMMAND.matcher(text.substring(at));
        assertThat(match.lookingAt()).as(text.substring(at)).isTrue();
        return match.group(1);
    }

    /**
     * Runs a command and asserts that it succeeds.
     *
     * @param more settings for Tidegate's own commands, the same as the instance has
     */
    public static String run(Path workDir, String command, String... more) throws Exception {
        List<String> words = new ArrayList<>(List.of(command.split(" ", -1)));
        String mainClass = MAIN_CLASSES.get(words.remove(0));
        assertThat(mainClass).as(command).isNotNull();
        List<String> line = ChildJvm.command("-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1");
        line.add(mainClass);
        line.addAll(words);
        line.addAll(List.of(more));
        Path out = Files.createTempFile(workDir, "recommended-", ".out");
        Process process = new ProcessBuilder(line)
                .redirectErrorStream(true)
                .redirectOutput(out.toFile())
                .start();
        process.getOutputStream().close();
        assertThat(process.waitFor(2, TimeUnit.MINUTES)).as(command).isTrue();
        String output = Files.readString(out);
        assertThat(process.exitValue()).as("%s%n%s", command, output).isZero();
        return output;
    }
}
