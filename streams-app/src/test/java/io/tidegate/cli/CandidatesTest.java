package io.tidegate.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class CandidatesTest {
    private static List<String> of(String... words) {
        return List.copyOf(new Candidates(
                        Tidegate.commandLine().getCommandSpec(),
                        () -> List.of("42", "43", "acme"),
                        () -> List.of("free", "pro"))
                .of(List.of(words)));
    }

    @Test
    void offersCommandsOptionsAndValues() {
        assertThat(of("ten")).containsExactly("tenants");
        assertThat(of("tenants", "un")).containsExactly("unblock", "undo", "unset");
        assertThat(of("tenants", "set", "42", "--ra")).containsExactly("--rate");
        assertThat(of("wal", "ls", "-o", "y")).containsExactly("yaml");
        assertThat(of("usage", "export", "-o", "")).containsExactly("csv", "help", "json", "yaml");
        assertThat(of("completion", "f")).containsExactly("fish");
        assertThat(of("load", "--tenant-source", "h")).containsExactly("header");
    }

    @Test
    void offersTenantsPlansReasonsAndSettings() {
        assertThat(of("tenants", "get", "4")).containsExactly("42", "43");
        assertThat(of("rejections", "tail", "--tenant", "a")).containsExactly("acme");
        assertThat(of("rejections", "tail", "--tenant=4")).containsExactly("--tenant=42", "--tenant=43");
        assertThat(of("wal", "cat", "--from-seq", "10", "4")).containsExactly("42", "43");
        assertThat(of("plans", "get", "")).containsExactly("free", "pro");
        assertThat(of("tenants", "set", "42", "--plan", "p")).containsExactly("pro");
        assertThat(of("tenants", "set", "42", "--plan=")).containsExactly("--plan=free", "--plan=pro");
        assertThat(of("rejections", "tail", "--reason", "burst")).containsExactly("burst_exceeded");
        assertThat(of("rejections", "explain", "rate")).containsExactly("rate_limited");
        assertThat(of("run", "--set", "wal.segment.b")).containsExactly("wal.segment.bytes=");
    }

    @Test
    void offersNothingWhereAnyTextOrNoneIsAllowed() {
        assertThat(of()).isEmpty();
        assertThat(of("tenants", "set", "42", "--label", "")).isEmpty();
        assertThat(of("no-such-command", "x")).isEmpty();
        assertThat(of("tenants", "get", "42", "4")).isEmpty();
    }

    @Test
    void leavesOutHiddenCommandsAndAliases() {
        assertThat(of("")).contains("tenants", "completion").doesNotContain("__complete");
        assertThat(of("tenants", "l")).containsExactly("ls");
    }

    @Test
    void theHiddenCommandReadsTenantsFromTheDataDirectory(@TempDir Path root) throws Exception {
        Files.createDirectories(root.resolve("tenants/42/wal"));
        Files.createDirectories(root.resolve("tenants/7/wal"));

        Cli run = Cli.run("__complete", "--", "wal", "cat", "--data-dir", root.toString(), "");

        assertThat(run.out().lines()).containsExactly("42", "7");
        assertThat(run.exitCode()).isEqualTo(ExitCodes.OK);
        assertThat(run.err()).isEmpty();
    }

    @ParameterizedTest
    @CsvSource({"tenants,get", "plans,get", "no,such"})
    void theHiddenCommandPrintsNothingIfItCannotReachTheData(String noun, String verb) {
        Cli run = Cli.run("__complete", "--", noun, verb, "--bootstrap-server", "127.0.0.1:1", "");

        assertThat(run).isEqualTo(new Cli(ExitCodes.OK, "", ""));
    }
}
