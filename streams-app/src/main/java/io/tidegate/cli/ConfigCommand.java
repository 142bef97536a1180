package io.tidegate.cli;

import io.tidegate.admin.TopicPlan;
import io.tidegate.config.SettingsReference;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

@Command(
        name = "config",
        mixinStandardHelpOptions = true,
        description = "Shows and checks the settings of an instance.",
        synopsisSubcommandLabel = "COMMAND",
        subcommands = {
            ConfigCommand.Show.class,
            ConfigCommand.Validate.class,
            ConfigCommand.Reference.class,
            ConfigCommand.TopicReference.class,
            ConfigCommand.OutputReference.class
        })
final class ConfigCommand implements Runnable {
    @Spec
    private @Nullable CommandSpec spec;

    @Override
    public void run() {
        throw new ParameterException(
                spec.commandLine(), "a command is missing: show, validate, reference, topics or outputs");
    }

    @Command(
            name = "show",
            mixinStandardHelpOptions = true,
            description = "Prints every setting with its value and the origin of the value; secrets are hidden.")
    static final class Show implements Callable<Integer> {
        @Mixin
        private DataDirOptions options = new DataDirOptions();

        @Mixin
        private OutputOptions output = new OutputOptions();

        @Spec
        private @Nullable CommandSpec spec;

        @Override
        public Integer call() {
            var out = spec.commandLine().getOut();
            var explained = options.load().explained();
            if (output.asObjects()) {
                var json = Json.object();
                explained.forEach((name, valued) -> json.putObject(name)
                        .put("value", valued.value())
                        .put("origin", valued.origin().toString()));
                out.println(output.document(json));
            } else {
                Table table = new Table("NAME", "VALUE", "ORIGIN");
                explained.forEach((name, valued) -> table.row(name, valued.value(), valued.origin()));
                table.print(out);
            }
            out.flush();
            return ExitCodes.OK;
        }
    }

    @Command(
            name = "validate",
            mixinStandardHelpOptions = true,
            description = "Checks the settings without changing anything; exit 2 if they are invalid. The files and"
                    + " topics that they name are checked by doctor.")
    static final class Validate implements Callable<Integer> {
        @Mixin
        private DataDirOptions options = new DataDirOptions();

        @Mixin
        private OutputOptions output = new OutputOptions();

        @Spec
        private @Nullable CommandSpec spec;

        @Override
        public Integer call() {
            var unused = options.load();
            spec.commandLine()
                    .getOut()
                    .println(
                            output.isTable()
                                    ? "the settings are valid"
                                    : output.line(Json.object().put("valid", true)));
            spec.commandLine().getOut().flush();
            return ExitCodes.OK;
        }
    }

    @Command(
            name = "reference",
            mixinStandardHelpOptions = true,
            description = "Prints the reference of all settings, as Markdown.")
    static final class Reference implements Callable<Integer> {
        @Spec
        private @Nullable CommandSpec spec;

        @Override
        public Integer call() {
            spec.commandLine().getOut().print(SettingsReference.markdown());
            spec.commandLine().getOut().flush();
            return ExitCodes.OK;
        }
    }

    @Command(
            name = "outputs",
            mixinStandardHelpOptions = true,
            description = "Prints the reference of the output with -o json and -o yaml, as Markdown.")
    static final class OutputReference implements Callable<Integer> {
        @Spec
        private @Nullable CommandSpec spec;

        @Override
        public Integer call() {
            spec.commandLine().getOut().print(OutputFields.markdown());
            spec.commandLine().getOut().flush();
            return ExitCodes.OK;
        }
    }

    @Command(
            name = "topics",
            mixinStandardHelpOptions = true,
            description = "Prints the settings that Tidegate requires of its topics, as Markdown.")
    static final class TopicReference implements Callable<Integer> {
        @Spec
        private @Nullable CommandSpec spec;

        @Override
        public Integer call() {
            spec.commandLine().getOut().print(TopicPlan.reference());
            spec.commandLine().getOut().flush();
            return ExitCodes.OK;
        }
    }
}
