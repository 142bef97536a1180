package io.tidegate.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import picocli.CommandLine;
import picocli.CommandLine.Model.ArgSpec;
import picocli.CommandLine.Model.CommandSpec;

final class HelpTest {
    /** The words of every command; the first, without words, is the program itself. */
    static Stream<List<String>> commands() {
        List<List<String>> all = new ArrayList<>();
        collect(Tidegate.commandLine(), List.of(), all);
        return all.stream();
    }

    private static void collect(CommandLine command, List<String> words, List<List<String>> into) {
        into.add(words);
        command.getSubcommands().forEach((name, sub) -> {
            if (!name.equals(sub.getCommandName())) {
                return; // an alias
            }
            List<String> longer = new ArrayList<>(words);
            longer.add(name);
            collect(sub, longer, into);
        });
    }

    private static CommandSpec spec(List<String> words) {
        CommandLine command = Tidegate.commandLine();
        for (String word : words) {
            command = command.getSubcommands().get(word);
            assertThat(command).as("%s of %s", word, words).isNotNull();
        }
        return command.getCommandSpec();
    }

    private static String[] args(List<String> words, String more) {
        return Stream.concat(words.stream(), Stream.of(more)).toArray(String[]::new);
    }

    @ParameterizedTest
    @MethodSource("commands")
    void everyCommandHelps(List<String> words) {
        Cli run = Cli.run(args(words, "--help"));

        assertThat(run.exitCode()).isEqualTo(ExitCodes.OK);
        assertThat(run.out()).contains("Usage: tidegate" + (words.isEmpty() ? "" : " " + String.join(" ", words)));
        assertThat(run.err()).isEmpty();
    }

    /** Checks the command lines that the dashboard shows for copying: their words up to the first value, and every option. */
    @Test
    void theCommandLinesOfTheDashboardExist() throws IOException {
        Pattern line = Pattern.compile("tidegate ((?:[a-z]+ )*[a-z]+)\\b([^`'\\n]*)");
        Pattern option = Pattern.compile("--[a-z-]+");
        int seen = 0;
        try (Stream<Path> files = Files.list(Path.of("src/main/resources/dashboard"))) {
            for (Path file :
                    files.filter(name -> name.toString().endsWith(".js")).toList()) {
                Matcher lines = line.matcher(Files.readString(file));
                while (lines.find()) {
                    CommandSpec spec = spec(List.of(lines.group(1).split(" ", -1)));
                    Matcher options = option.matcher(lines.group(2));
                    while (options.find()) {
                        assertThat(spec.findOption(options.group()))
                                .as(lines.group())
                                .isNotNull();
                    }
                    seen++;
                }
            }
        }
        assertThat(seen).isGreaterThan(5);
    }

    @ParameterizedTest
    @MethodSource("commands")
    void everyCommandAndOptionIsDescribed(List<String> words) {
        CommandSpec spec = spec(words);

        assertThat(String.join("", spec.usageMessage().description())).isNotBlank();
        for (ArgSpec arg : spec.args()) {
            assertThat(String.join("", arg.description()))
                    .as("%s of %s", arg.paramLabel(), spec.qualifiedName())
                    .isNotBlank();
        }
    }

    @ParameterizedTest
    @MethodSource("commands")
    void everyCommandRejectsAnUnknownOption(List<String> words) {
        CommandSpec spec = spec(words);
        if (spec.helpCommand()) {
            return; // picocli's own, which ignores unknown options
        }
        List<String> args = new ArrayList<>(words);
        spec.positionalParameters().forEach(parameter -> args.add("42"));
        args.add("--no-such-option");

        Cli run = Cli.run(args.toArray(String[]::new));

        assertThat(run.exitCode()).isEqualTo(ExitCodes.USAGE);
        assertThat(run.out()).isEmpty();
        assertThat(run.err()).contains("--no-such-option").doesNotContain("\tat ");
    }

    @Test
    void namesTheCommandsOfTheDesign() {
        assertThat(Tidegate.commandLine().getSubcommands())
                .containsOnlyKeys(
                        "demo",
                        "run",
                        "doctor",
                        "init",
                        "status",
                        "tenants",
                        "plans",
                        "usage",
                        "signals",
                        "rejections",
                        "wal",
                        "load",
                        "verify",
                        "config",
                        "reset",
                        "completion",
                        "__complete",
                        "help");
    }

    @Test
    void saysThatACommandIsMissing() {
        Cli run = Cli.run();

        assertThat(run.exitCode()).isEqualTo(ExitCodes.USAGE);
        assertThat(run.out()).isEmpty();
        assertThat(run.err()).contains("Usage: tidegate").contains("tidegate: a command is missing");
    }

    @ParameterizedTest
    @ValueSource(strings = {"tenants", "plans", "usage", "signals", "rejections", "wal", "config"})
    void listsTheCommandsIfOneIsMissing(String noun) {
        Cli run = Cli.run(noun);

        assertThat(run.exitCode()).isEqualTo(ExitCodes.USAGE);
        assertThat(run.out()).isEmpty();
        assertThat(run.err())
                .startsWith("tidegate: a command is missing: ")
                .endsWith("Try: tidegate %s --help%n".formatted(noun));
        Tidegate.commandLine()
                .getSubcommands()
                .get(noun)
                .getSubcommands()
                .values()
                .forEach(verb -> assertThat(run.err()).contains(verb.getCommandName()));
    }

    @Test
    void suggestsTheNearestWord() {
        Cli run = Cli.run("tenant", "ls");

        assertThat(run.exitCode()).isEqualTo(ExitCodes.USAGE);
        assertThat(run.err()).contains("Did you mean: tidegate tenants?");
        assertThat(Cli.run("tenants", "sett", "4").err()).contains("Did you mean: tidegate tenants set?");
        assertThat(Cli.run("tenants", "ls", "--bootstrap-sever", "x").err())
                .contains("Did you mean: --bootstrap-server?");
    }

    @Test
    void suggestsNothingDissimilar() {
        for (String[] words : new String[][] {{"frobnicate"}, {"tenants", "frobnicate"}, {"tenants", "ls", "--frob"}}) {
            Cli run = Cli.run(words);

            assertThat(run.exitCode()).isEqualTo(ExitCodes.USAGE);
            assertThat(run.err()).doesNotContain("Did you mean");
        }
    }

    @Test
    void listIsTheSameAsLs() {
        for (String noun : new String[] {"tenants", "plans", "wal"}) {
            assertThat(Cli.run(noun, "list", "--help").out()).contains("Lists");
        }
    }

    @Test
    void printsItsVersionAfterEveryCommand() {
        assertThat(Cli.run("--version").out()).startsWith("tidegate ");
        assertThat(Cli.run("wal", "ls", "--version").out()).startsWith("tidegate ");
    }

    @Test
    void explainsACommandByName() {
        assertThat(Cli.run("help", "wal").out()).startsWith("Usage: tidegate wal");
        assertThat(Cli.run("help", "bogus").exitCode()).isEqualTo(ExitCodes.USAGE);
    }

    @Test
    void completesItsCommands() {
        Cli run = Cli.run("completion", "bash");

        assertThat(run.exitCode()).isEqualTo(ExitCodes.OK);
        assertThat(run.out()).contains("complete -o default -F _tidegate tidegate", "__complete -- ");
        assertThat(run.err()).isEmpty();
    }
}
