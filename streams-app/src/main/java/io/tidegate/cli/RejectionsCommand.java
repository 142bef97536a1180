package io.tidegate.cli;

import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

@Command(
        name = "rejections",
        mixinStandardHelpOptions = true,
        description = "Reads and replays rejected signals, and explains reasons.",
        synopsisSubcommandLabel = "COMMAND",
        subcommands = {RejectionTailCommand.class, ReplayCommand.class, ExplainCommand.class})
final class RejectionsCommand implements Runnable {
    @Spec
    private @Nullable CommandSpec spec;

    @Override
    public void run() {
        throw new ParameterException(spec.commandLine(), "a command is missing: tail, replay or explain");
    }
}
