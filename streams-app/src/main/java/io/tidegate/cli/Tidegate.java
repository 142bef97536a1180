package io.tidegate.cli;

import io.tidegate.admin.AdminException;
import io.tidegate.config.SettingsException;
import io.tidegate.wal.WalException;
import java.io.IOException;
import java.io.PrintWriter;
import org.apache.kafka.common.KafkaException;
import org.jspecify.annotations.Nullable;
import picocli.AutoComplete;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** The program. */
@Command(
        name = "tidegate",
        mixinStandardHelpOptions = true,
        versionProvider = Tidegate.Version.class,
        description = "Per-tenant admission control for Kafka.",
        footerHeading = "%nExit status: 0 ok, 1 failed, 2 usage, 3 damage or a broken invariant found.%n",
        footer = "Try it: tidegate demo",
        synopsisSubcommandLabel = "COMMAND",
        subcommands = {
            DemoCommand.class,
            RunCommand.class,
            InitCommand.class,
            TenantsCommand.class,
            RejectionsCommand.class,
            WalCommand.class,
            LoadCommand.class,
            VerifyCommand.class,
            ConfigCommand.class,
            AutoComplete.GenerateCompletion.class,
            CommandLine.HelpCommand.class
        })
public final class Tidegate implements Runnable {
    @Spec
    private @Nullable CommandSpec spec;

    public static void main(String[] args) {
        System.exit(commandLine().execute(args));
    }

    static CommandLine commandLine() {
        CommandLine commandLine = new CommandLine(new Tidegate());
        commandLine
                .getSubcommands()
                .get("generate-completion")
                .getCommandSpec()
                .usageMessage()
                .description("Prints a completion script for bash and zsh: source <(tidegate completion)");
        return commandLine
                .setCaseInsensitiveEnumValuesAllowed(true)
                .setUsageHelpAutoWidth(true)
                .setExecutionExceptionHandler((failure, command, parsed) -> explain(failure, command));
    }

    @Override
    public void run() {
        throw new ParameterException(spec.commandLine(), "a command is missing");
    }

    private static int explain(Exception failure, CommandLine command) {
        PrintWriter err = command.getErr();
        if (failure instanceof SettingsException
                || failure instanceof AdminException
                || failure instanceof WalException
                || failure instanceof IllegalArgumentException
                || failure instanceof IOException
                || failure instanceof KafkaException) {
            err.println("tidegate: " + failure.getMessage());
        } else {
            err.println("tidegate: unexpected failure, please report it");
            failure.printStackTrace(err);
        }
        err.flush();
        if (failure instanceof SettingsException) {
            return ExitCodes.USAGE;
        }
        boolean damage = failure instanceof WalException wal
                && (wal.kind() == WalException.Kind.DAMAGE || wal.kind() == WalException.Kind.GAP);
        return damage ? ExitCodes.DAMAGE : ExitCodes.FAILED;
    }

    static final class Version implements CommandLine.IVersionProvider {
        @Override
        public String[] getVersion() {
            String version = Tidegate.class.getPackage().getImplementationVersion();
            return new String[] {
                "tidegate " + (version == null ? "(development)" : version), "Java " + Runtime.version()
            };
        }
    }
}
