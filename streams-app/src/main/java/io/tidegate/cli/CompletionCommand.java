package io.tidegate.cli;

import java.io.PrintWriter;
import java.util.Iterator;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Prints the completion scripts, which are generated from the commands. The build adds them to the package. */
@Command(
        name = CompletionCommand.NAME,
        mixinStandardHelpOptions = true,
        description =
                "Prints a completion script. Use it with: source <(tidegate completion bash), or in fish with: tidegate"
                        + " completion fish | source")
final class CompletionCommand implements Runnable {
    static final String NAME = "completion";

    private static final List<String> SHELLS = List.of("bash", "zsh", "fish");

    /** The candidates, for picocli. */
    static final class Shells implements Iterable<String> {
        @Override
        public Iterator<String> iterator() {
            return SHELLS.iterator();
        }
    }

    @Parameters(
            arity = "0..1",
            paramLabel = "SHELL",
            defaultValue = "bash",
            completionCandidates = Shells.class,
            description = "${COMPLETION-CANDIDATES}; default: ${DEFAULT-VALUE}.")
    private String shell = "bash";

    @Spec
    private @Nullable CommandSpec spec;

    @Override
    public void run() {
        CommandLine root = spec.root().commandLine();
        String script = switch (shell) {
            case "bash" -> new BashCompletion(root).script();
            case "zsh" -> new ZshCompletion(root).script();
            case "fish" -> new FishCompletion(root).script();
            default ->
                throw new ParameterException(
                        spec.commandLine(),
                        "there is no completion for '%s', only for: %s".formatted(shell, String.join(", ", SHELLS)));
        };
        PrintWriter out = spec.commandLine().getOut();
        out.print(script.stripTrailing() + "\n");
        out.flush();
    }
}
