package io.tidegate.cli;

import io.tidegate.admin.TopicSetup;
import io.tidegate.config.Settings;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

@Command(
        name = "init",
        mixinStandardHelpOptions = true,
        description =
                "Creates missing topics and checks existing ones, without starting an instance. `run` does this too.")
final class InitCommand implements Callable<Integer> {
    @Mixin
    private SettingsOptions options = new SettingsOptions();

    @Mixin
    private OutputOptions output = new OutputOptions();

    @Spec
    private @Nullable CommandSpec spec;

    @Option(
            names = "--take-over",
            description =
                    "First make this application the owner of topics that a retired application owns. Its instances must"
                            + " be stopped. Topics whose records need the state of the old owner are not taken over.")
    private boolean takeOver;

    @Override
    public Integer call() {
        Settings settings = options.loadConnected();
        try (TopicSetup setup = new TopicSetup(settings)) {
            if (takeOver) {
                setup.takeOver().forEach(topic -> spec.commandLine().getErr().println("took over " + topic));
                spec.commandLine().getErr().flush();
            }
            TopicSetup.Outcome outcome = setup.ensure();
            var out = spec.commandLine().getOut();
            if (output.asObjects()) {
                var json = Json.object();
                outcome.created().forEach(json.putArray("created")::add);
                outcome.found().forEach(json.putArray("found")::add);
                out.println(output.line(json));
            } else {
                Table table = new Table("TOPIC", "STATE");
                outcome.created().forEach(topic -> table.row(topic, "created"));
                outcome.found().forEach(topic -> table.row(topic, "ok"));
                table.print(out);
                spec.commandLine()
                        .getErr()
                        .println("to start an instance: %s run%s".formatted(ProgramName.get(), options.repeated()));
            }
        }
        return ExitCodes.OK;
    }
}
