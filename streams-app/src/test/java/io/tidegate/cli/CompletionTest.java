package io.tidegate.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import picocli.CommandLine.Model.OptionSpec;

class CompletionTest {
    private static final int SECONDS_MAX = 30;

    private static List<CompletedCommand> commands() {
        return CompletedCommand.all(Tidegate.commandLine());
    }

    private static String script(String shell) {
        Cli run = Cli.run("completion", shell);
        assertThat(run.err()).isEmpty();
        assertThat(run.exitCode()).isEqualTo(ExitCodes.OK);
        return run.out();
    }

    @Test
    void fishOffersEveryCommandAndOptionWhereItIsAllowed() {
        String script = script("fish");

        for (CompletedCommand command : commands()) {
            if (!command.words().isEmpty()) {
                List<String> before = command.words().subList(0, command.words().size() - 1);
                String last = command.words().get(command.words().size() - 1);
                assertThat(script)
                        .contains("-n '%s' -a %s -d '"
                                .formatted(("__tidegate_at " + String.join(" ", before)).strip(), last));
                for (OptionSpec option : command.options()) {
                    assertThat(script)
                            .containsPattern("(?m)^complete -c tidegate -n '__tidegate_in %s'.* -l %s\\b"
                                    .formatted(
                                            command.path(), option.longestName().substring(2)));
                }
            }
        }
    }

    @Test
    void zshOffersEveryCommandAndOptionWhereItIsAllowed() {
        String[] branches = script("zsh").split("(?m)^  (?=\\()", -1);
        List<CompletedCommand> commands = commands();

        assertThat(branches).hasSize(commands.size() + 1);
        for (int i = 0; i < commands.size(); i++) {
            CompletedCommand command = commands.get(i);
            assertThat(branches[i + 1]).startsWith(command.words().isEmpty() ? "(*)" : "('" + command.path() + " '*)");
            for (OptionSpec option : command.options()) {
                assertThat(branches[i + 1]).contains((option.isMultiValue() ? "'*" : ")") + option.longestName());
            }
            for (CompletedCommand sub : command.subcommands()) {
                assertThat(branches[i + 1]).contains("'" + sub.path() + ":");
            }
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"fish", "zsh"})
    void valuesAreOfferedAsTheyAreWritten(String shell) {
        assertThat(script(shell)).contains("table json").contains("bash zsh fish");
    }

    @ParameterizedTest
    @ValueSource(strings = {"fish", "zsh"})
    void reasonsAndSettingsAreOfferedAndTenantsAndPlansAreQueried(String shell) {
        assertThat(script(shell))
                .contains("rate_limited", "tenant_invalid", "wal.segment.bytes=", "tidegate_stored", "__complete -- ");
    }

    /** Runs bash, with a program that answers like the hidden command. */
    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "tidegate tenants get 4 | 42 43 | 42 43",
                "tidegate rejections tail --tenant=4 | --tenant=42 | 42",
                "tidegate run --set kafka.a=b:c | kafka.a=b:cd | cd",
                "tidegate run --set wal.segment.b | wal.segment.bytes= | wal.segment.bytes="
            })
    void bashReplacesTheLastPartOfAWord(String line, String answer, String expected, @TempDir Path dir)
            throws Exception {
        Path script = Files.writeString(dir.resolve("completion"), script("bash"));
        // Readline splits the line at blanks, = and :.
        String parts = line.strip().replaceAll("([=:])", " $1 ").replaceAll(" +", " ");
        String program = """
                source %s
                tidegate() { printf '%%s\n' %s; }
                compopt() { :; }
                COMP_LINE='%s' COMP_POINT=%d COMP_WORDS=(%s) COMP_CWORD=%d
                _tidegate
                echo "${COMPREPLY[@]}"
                """.formatted(script, answer, line, line.length(), parts, parts.split(" ", -1).length - 1);

        assertThat(output("bash", "-c", program).strip()).isEqualTo(expected);
    }

    @Test
    void anotherShellIsAUsageErrorThatNamesTheThree() {
        Cli run = Cli.run("completion", "tcsh");

        assertThat(run.exitCode()).isEqualTo(ExitCodes.USAGE);
        assertThat(run.err()).contains("'tcsh'", "bash, zsh, fish");
    }

    /** Runs the shell itself, if it is installed. */
    @ParameterizedTest
    @CsvSource({"bash,-n", "zsh,-n", "fish,--no-execute"})
    void theShellReadsItsScript(String shell, String check, @TempDir Path dir) throws Exception {
        assumeTrue(isInstalled(shell), shell + " is not installed");
        Path script = Files.writeString(dir.resolve("completion"), script(shell));

        assertThat(output(shell, check, script.toString())).isEmpty();
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "tidegate wal | cat ls verify",
                "tidegate tenants set 42 --ra | --rate",
                "tidegate wal ls -o | --output",
                "tidegate completion | bash zsh fish"
            })
    void fishCompletes(String line, String expected, @TempDir Path dir) throws Exception {
        assumeTrue(isInstalled("fish"), "fish is not installed");
        Path script = Files.writeString(dir.resolve("tidegate.fish"), script("fish"));
        String typed = line.endsWith("wal") || line.endsWith("completion") ? line + " " : line;

        String offered = output(
                "fish",
                "--no-config",
                "-c",
                "source %s; complete -C '%s'".formatted(script, typed.replace("-o", "--o")));

        assertThat(offered.lines().map(each -> each.split("\t", -1)[0])).contains(expected.split(" ", -1));
    }

    private static boolean isInstalled(String shell) {
        return List.of(System.getenv("PATH").split(":", -1)).stream()
                .anyMatch(dir -> Files.isExecutable(Path.of(dir, shell)));
    }

    private static String output(String... command) throws IOException, InterruptedException {
        Process process = new ProcessBuilder(new ArrayList<>(List.of(command)))
                .redirectErrorStream(true)
                .start();
        process.getOutputStream().close();
        String out = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor(SECONDS_MAX, TimeUnit.SECONDS)).isTrue();
        return out;
    }
}
