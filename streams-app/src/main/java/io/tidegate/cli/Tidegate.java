package io.tidegate.cli;

import io.tidegate.admin.AdminException;
import io.tidegate.config.NearestName;
import io.tidegate.config.SettingsException;
import io.tidegate.config.SettingsLoader;
import io.tidegate.signal.SchemaUnavailableException;
import io.tidegate.wal.WalException;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.OutputStreamWriter;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.Predicate;
import java.util.regex.Pattern;
import org.apache.kafka.common.KafkaException;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParseResult;
import picocli.CommandLine.Spec;
import picocli.CommandLine.UnmatchedArgumentException;

/** The program. */
@Command(
        name = "tidegate",
        mixinStandardHelpOptions = true,
        versionProvider = BuildVersion.class,
        description = "Per-tenant admission control for Kafka.",
        footerHeading =
                "%nExit status: 0 success, 1 failure, 2 invalid usage or settings,%n3 damage or a broken guarantee, 4 changes are pending (tenants apply --dry-run).%n",
        footer = "Try it: tidegate demo",
        synopsisSubcommandLabel = "COMMAND")
public final class Tidegate implements Runnable {
    /** In the order of the help text. */
    private static final List<Class<?>> COMMANDS = List.of(
            DemoCommand.class,
            RunCommand.class,
            DoctorCommand.class,
            InitCommand.class,
            StatusCommand.class,
            TenantsCommand.class,
            PlansCommand.class,
            UsageCommand.class,
            SignalsCommand.class,
            RejectionsCommand.class,
            WalCommand.class,
            LoadCommand.class,
            VerifyCommand.class,
            ConfigCommand.class,
            ResetCommand.class,
            CompletionCommand.class,
            CompleteCommand.class,
            CommandLine.HelpCommand.class);

    /** Picocli names the values of an enum by its constants. */
    private static final Pattern VALUES = Pattern.compile("expected one of \\[[A-Z_, ]+]");

    @Spec
    private @Nullable CommandSpec spec;

    public static void main(String[] args) {
        if (System.getenv("TIDEGATE_LOG_LEVEL") != null) {
            Logging.showClientWarnings();
        }
        // Otherwise numbers would have the digits and separators of the user's language, in output and in file names.
        Locale.setDefault(Locale.ROOT);
        StandardOutput out = new StandardOutput(new FileOutputStream(FileDescriptor.out), StandardOutput.isPipe());
        System.exit(execute(out, new FileOutputStream(FileDescriptor.err), args));
    }

    /**
     * Runs one command line. A write error on {@code stdout} is a failure, unless the reader has closed the pipe. Neither hides
     * the result that the command had found before.
     */
    static int execute(StandardOutput stdout, OutputStream stderr, String... args) {
        PrintWriter out = utf8(stdout);
        PrintWriter err = utf8(stderr);
        for (String arg : args) {
            if (arg.indexOf(SettingsLoader.REPLACEMENT_CHARACTER) >= 0) {
                err.println("tidegate: the argument '%s' is not readable in the encoding %s: %s"
                        .formatted(
                                Table.printable(arg),
                                System.getProperty("sun.jnu.encoding"),
                                "use UTF-8, for example with LC_ALL=C.UTF-8"));
                return ExitCodes.USAGE;
            }
        }
        int code = ExitCodes.OK;
        try {
            code = commandLine(args).setOut(out).setErr(err).execute(args);
            out.flush();
        } catch (StandardOutput.OutputLost e) {
            // reported below
        }
        IOException failure = stdout.failure();
        if (failure == null) {
            return code;
        }
        if (stdout.readerGone()) {
            return code;
        }
        err.println("tidegate: cannot write to standard output: " + Table.printable(ErrorText.of(failure)));
        return code == ExitCodes.OK ? ExitCodes.FAILED : code;
    }

    /** Returns a UTF-8 writer for any locale: other encodings would replace labels and values by question marks. */
    private static PrintWriter utf8(OutputStream stream) {
        return new PrintWriter(new OutputStreamWriter(stream, StandardCharsets.UTF_8), true);
    }

    /** Returns the command line with all commands. */
    static CommandLine commandLine() {
        return commandLine(command -> true);
    }

    /**
     * Returns a command line with the commands that the arguments may name; the others have only a name and a description.
     * Reading the annotations of all commands takes longer than most commands do.
     */
    static CommandLine commandLine(String... args) {
        List<String> words = List.of(args);
        boolean needsAll = words.contains(CompletionCommand.NAME) || words.contains(CompleteCommand.NAME);
        return commandLine(name -> needsAll || words.contains(name));
    }

    private static CommandLine commandLine(Predicate<String> isNeeded) {
        CommandLine commandLine = new CommandLine(new Tidegate());
        for (Class<?> type : COMMANDS) {
            Command command = type.getAnnotation(Command.class);
            commandLine.addSubcommand(
                    command.name(),
                    isNeeded.test(command.name()) ? new CommandLine(type) : new CommandLine(described(command)));
        }
        withVersion(commandLine);
        // One lambda for each: with two of the same method, Java 17 crashes when it writes an archive of classes.
        ITypeConverter<Integer> ints = Amounts::wholeInt;
        ITypeConverter<Long> longs = Amounts::wholeLong;
        return commandLine
                .setCaseInsensitiveEnumValuesAllowed(true)
                .registerConverter(Integer.class, ints)
                .registerConverter(int.class, ints)
                .registerConverter(Long.class, longs)
                .registerConverter(long.class, longs)
                // A label may begin with @.
                .setExpandAtFiles(false)
                .setUsageHelpAutoWidth(true)
                .setExecutionStrategy(Tidegate::runLast)
                .setParameterExceptionHandler((failure, args) -> explainUsage(failure))
                .setExecutionExceptionHandler((failure, command, parsed) -> explain(failure, command));
    }

    private static CommandSpec described(Command command) {
        CommandSpec spec = CommandSpec.create().name(command.name());
        spec.usageMessage()
                .header(command.header())
                .description(command.description())
                .hidden(command.hidden());
        return spec;
    }

    /** Makes {@code --version} print the same after every command. */
    private static void withVersion(CommandLine commandLine) {
        commandLine.getSubcommands().values().forEach(command -> {
            command.getCommandSpec().versionProvider(new BuildVersion());
            withVersion(command);
        });
    }

    @Override
    public void run() {
        spec.commandLine().usage(spec.commandLine().getErr());
        throw new ParameterException(spec.commandLine(), "a command is missing");
    }

    private static int runLast(ParseResult parsed) {
        ParseResult last = parsed;
        while (last.hasSubcommand()) {
            last = last.subcommand();
        }
        CommandSpec command = last.commandSpec();
        if (!last.isUsageHelpRequested() && OutputFields.isAskedFor(command)) {
            OutputFields.print(command, command.commandLine().getOut());
            return ExitCodes.OK;
        }
        return new CommandLine.RunLast().execute(parsed);
    }

    /** Prints only the error: a page of usage would push it off the screen. */
    private static int explainUsage(ParameterException failure) {
        CommandLine command = failure.getCommandLine();
        if (OutputFields.isAskedFor(command.getCommandSpec())) {
            // The fields of the output can be shown without a tenant.
            OutputFields.print(command.getCommandSpec(), command.getOut());
            return ExitCodes.OK;
        }
        PrintWriter err = command.getErr();
        String message = VALUES.matcher(failure.getMessage())
                .replaceAll(values -> values.group().toLowerCase(Locale.ROOT));
        err.println("tidegate: " + Table.printableLines(ProgramName.pasteable(message)));
        if (failure instanceof UnmatchedArgumentException unmatched) {
            suggest(unmatched, err);
        }
        err.println(ProgramName.pasteable(
                "Try: %s --help".formatted(command.getCommandSpec().qualifiedName())));
        err.flush();
        return ExitCodes.USAGE;
    }

    /** Suggests the command or option that was probably meant. Picocli's own suggestions include dissimilar names. */
    private static void suggest(UnmatchedArgumentException failure, PrintWriter err) {
        CommandSpec spec = failure.getCommandLine().getCommandSpec();
        List<String> names = new ArrayList<>(spec.subcommands().keySet());
        names.addAll(spec.optionsMap().keySet());
        String word =
                failure.getUnmatched().isEmpty() ? "" : failure.getUnmatched().get(0);
        String nearest = NearestName.of(word.replaceFirst("(?<=.)=.*", ""), names);
        if (nearest != null) {
            String meant = nearest.startsWith("-") ? nearest : spec.qualifiedName() + " " + nearest;
            err.println(ProgramName.pasteable("Did you mean: %s?".formatted(meant)));
        }
    }

    private static int explain(Exception failure, CommandLine command) {
        PrintWriter err = command.getErr();
        if (failure instanceof SettingsException
                || failure instanceof AdminException
                || failure instanceof WalException
                || failure instanceof SchemaUnavailableException
                || failure instanceof IllegalArgumentException
                || failure instanceof IOException
                || failure instanceof UncheckedIOException
                || failure instanceof KafkaException) {
            err.println("tidegate: " + Table.printableLines(ProgramName.pasteable(ErrorText.of(failure))));
        } else {
            err.println("tidegate: unexpected failure, please report it");
            failure.printStackTrace(err);
        }
        err.flush();
        if (failure instanceof SettingsException) {
            return ExitCodes.USAGE;
        }
        return failure instanceof WalException wal ? ExitCodes.of(wal) : ExitCodes.FAILED;
    }
}
