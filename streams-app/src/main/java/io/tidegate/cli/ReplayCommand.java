package io.tidegate.cli;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tidegate.admin.Replay;
import io.tidegate.admin.Replay.Fate;
import io.tidegate.admission.Reason;
import io.tidegate.config.Settings;
import io.tidegate.tenant.TenantId;
import io.tidegate.topology.SourcePosition;
import java.io.PrintWriter;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

@Command(
        name = "replay",
        mixinStandardHelpOptions = true,
        description =
                "Sends refused signals again to where they came from, at half their tenant's rate and each refusal"
                        + " once. Says only what it would do, unless --yes is given. Killed, it goes on when it is started again.")
final class ReplayCommand implements Callable<Integer> {
    @Mixin
    private SettingsOptions options = new SettingsOptions();

    @Mixin
    private OutputOptions output = new OutputOptions();

    @Option(
            names = "--tenant",
            paramLabel = "TENANT",
            converter = Amounts.TenantConverter.class,
            description = "Only this tenant's.")
    private @Nullable TenantId tenant;

    @Option(names = "--reason", paramLabel = "REASON", description = "Only these reasons; can be repeated.")
    private Set<String> reasons = new TreeSet<>();

    @Option(
            names = "--from",
            paramLabel = "TIME",
            description = "Only signals of this time or later, such as 2026-12-01T00:00:00Z.")
    private @Nullable Instant from;

    @Option(names = "--to", paramLabel = "TIME", description = "Only signals before this time.")
    private @Nullable Instant to;

    @Option(
            names = "--source",
            paramLabel = "TOPIC/PARTITION/OFFSET",
            description = "Only the signal that was read there; can be repeated.")
    private List<String> sources = new ArrayList<>();

    @Option(
            names = "--max-replays",
            paramLabel = "N",
            description = "Leave signals that were sent again so often. Default: ${DEFAULT-VALUE}.")
    private int replaysMax = Replay.REPLAYS_MAX_DEFAULT;

    @Option(names = "--yes", description = "Do it.")
    private boolean yes;

    @Spec
    private @Nullable CommandSpec spec;

    @Override
    public Integer call() {
        Replay.Choice choice = new Replay.Choice(tenant, checkedReasons(), from, to, positions());
        Settings settings = options.load();
        Replay replay = new Replay(settings, replaysMax);
        Progress progress = new Progress(spec.commandLine().getErr(), "replaying");
        Replay.Report report = yes ? replay.run(choice, null, progress::show) : replay.plan(choice);
        progress.done();
        print(report);
        if (report.ending() == Replay.Ending.TAKEN_OVER) {
            spec.commandLine()
                    .getErr()
                    .println(
                            "another replay of this application began and ended this one; what is in the table was sent");
            return ExitCodes.FAILED;
        }
        return ExitCodes.OK;
    }

    private Set<String> checkedReasons() {
        Set<String> known = Stream.of(Reason.values()).map(Reason::id).collect(Collectors.toCollection(TreeSet::new));
        for (String reason : reasons) {
            if (!known.contains(reason)) {
                throw new ParameterException(
                        spec.commandLine(),
                        "'%s' is not a reason for which signals are in quota-exceeded; these are: %s"
                                .formatted(reason, String.join(", ", known)));
            }
        }
        return reasons;
    }

    private Set<SourcePosition> positions() {
        return sources.stream()
                .map(text -> {
                    SourcePosition position = SourcePosition.tryParse(text);
                    if (position == null) {
                        throw new ParameterException(
                                spec.commandLine(), "'%s' is not a position such as signals/3/1234".formatted(text));
                    }
                    return position;
                })
                .collect(Collectors.toSet());
    }

    private void print(Replay.Report report) {
        PrintWriter out = spec.commandLine().getOut();
        if (output.json()) {
            ObjectNode json = Json.object();
            json.put("done", yes);
            json.put("ending", report.ending().id());
            json.put("seconds", report.seconds());
            ObjectNode groups = json.putObject("refusals");
            report.fates().forEach((group, fates) -> {
                ObjectNode one = groups.putObject(group);
                fates.forEach((fate, count) -> one.put(fate.id(), count));
            });
            out.println(Json.line(json));
        } else {
            Table table = new Table(
                    "TENANT AND REASON",
                    yes ? "REPLAYED>" : "WOULD REPLAY>",
                    "DONE BEFORE>",
                    "GIVEN UP>",
                    "HOPELESS>",
                    "FOREIGN>");
            report.fates()
                    .forEach((group, fates) -> table.row(
                            group,
                            fates.getOrDefault(Fate.REPLAYED, 0L),
                            fates.getOrDefault(Fate.DONE, 0L),
                            fates.getOrDefault(Fate.GIVEN_UP, 0L),
                            fates.getOrDefault(Fate.HOPELESS, 0L),
                            fates.getOrDefault(Fate.FOREIGN, 0L)));
            table.print(out);
        }
        out.flush();
        if (!yes && report.count(Fate.REPLAYED) > 0) {
            spec.commandLine()
                    .getErr()
                    .println("nothing was sent; with --yes it takes about %d s".formatted(report.seconds()));
        }
    }
}
