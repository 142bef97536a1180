package io.tidegate.cli;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tidegate.admission.Reason;
import io.tidegate.contract.SourcePosition;
import io.tidegate.tenant.TenantId;
import io.tidegate.tenant.TenantRef;
import io.tidegate.tools.Replay;
import io.tidegate.tools.ReplayReport;
import io.tidegate.tools.ReplayReport.Counts;
import io.tidegate.tools.ReplayReport.Outcome;
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
        description = "Sends rejected signals again to their partitions: those that exist when it starts, each once, at"
                + " most at half of their tenant's rate. Skips those that would be rejected again. Without --yes it"
                + " only reports what it would do. After a kill, run it again: it continues where it stopped.")
final class ReplayCommand implements Callable<Integer> {
    @Mixin
    private SettingsOptions options = new SettingsOptions();

    @Mixin
    private OutputOptions output = new OutputOptions();

    @Option(
            names = "--tenant",
            paramLabel = "TENANT",
            converter = Amounts.TenantConverter.class,
            description = "Only this tenant: its id, or one of its names.")
    private @Nullable TenantRef named;

    @Option(
            names = "--reason",
            paramLabel = "REASON",
            completionCandidates = ReasonCandidates.class,
            description = "Only these reasons; can be repeated.")
    private Set<String> reasons = new TreeSet<>();

    @Option(
            names = {"--from", "--since"},
            paramLabel = "TIME",
            converter = Amounts.TimeConverter.class,
            description = "Only signals of this time or later: 2026-12-01T00:00:00Z, or an age such as 15m.")
    private @Nullable Instant from;

    @Option(
            names = {"--to", "--until"},
            paramLabel = "TIME",
            converter = Amounts.TimeConverter.class,
            description = "Only signals before this time, in the same forms.")
    private @Nullable Instant to;

    @Option(
            names = "--source",
            paramLabel = "TOPIC/PARTITION/OFFSET",
            description = "Only the signal that was read at this position; can be repeated.")
    private List<String> sources = new ArrayList<>();

    @Option(
            names = "--max-replays",
            paramLabel = "N",
            description = "Skip signals that were already sent again this often. Default: ${DEFAULT-VALUE}.")
    private int replaysMax = Replay.REPLAYS_MAX_DEFAULT;

    @Option(
            names = "--pace",
            paramLabel = "N/s",
            defaultValue = Replay.PACE_DEFAULT + "/s",
            description = "Signals per second over all tenants. Default: ${DEFAULT-VALUE}.")
    private String pace = Replay.PACE_DEFAULT + "/s";

    @Option(
            names = "--drop-header",
            paramLabel = "NAME",
            description =
                    "Send the signals without this header; can be repeated. Tidegate's own headers are never sent.")
    private Set<String> droppedHeaders = new TreeSet<>();

    @Option(names = "--yes", description = "Send the signals.")
    private boolean yes;

    @Spec
    private @Nullable CommandSpec spec;

    @Override
    public Integer call() {
        RecordSelection.check(spec.commandLine(), from, to, "--from", "--to");
        if (replaysMax < 1 || replaysMax > Replay.REPLAYS_MAX_LIMIT) {
            throw new ParameterException(
                    spec.commandLine(),
                    "--max-replays = %d is outside 1 to %d".formatted(replaysMax, Replay.REPLAYS_MAX_LIMIT));
        }
        Replay.RejectionFilter filter =
                new Replay.RejectionFilter(options.tenant(named), checkedReasons(), from, to, positions(), null);
        int perSec = perSec();
        Replay replay = new Replay(options.loadConnected(), replaysMax, perSec, droppedHeaders);
        Progress progress = new Progress(spec.commandLine().getErr(), "replaying");
        ReplayReport report = yes ? replay.run(filter, null, progress::show) : replay.plan(filter);
        progress.done();
        boolean isEnded = report.ending() == ReplayReport.Ending.TAKEN_OVER;
        int exit = ExitCodes.afterPrinting(isEnded ? ExitCodes.FAILED : ExitCodes.OK, () -> print(report));
        hint(report, perSec);
        if (isEnded) {
            spec.commandLine()
                    .getErr()
                    .println(
                            "another replay of this application started and ended this one, or the brokers did not answer for 30 s;"
                                    + " the signals in the table were sent, so run the command again for the rest");
        }
        return exit;
    }

    private Set<String> checkedReasons() {
        Set<String> known = Stream.of(Reason.values()).map(Reason::id).collect(Collectors.toCollection(TreeSet::new));
        for (String reason : reasons) {
            if (!known.contains(reason)) {
                throw new ParameterException(
                        spec.commandLine(),
                        "'%s' is not a reason in quota-exceeded; the reasons are: %s"
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

    private int perSec() {
        long perSec;
        try {
            perSec = Amounts.perSecond(pace);
        } catch (IllegalArgumentException e) {
            throw new ParameterException(spec.commandLine(), "--pace: " + e.getMessage(), e);
        }
        if (perSec < 1 || perSec > Replay.PACE_MAX) {
            throw new ParameterException(
                    spec.commandLine(), "--pace = %s is outside 1/s to %d/s".formatted(pace, Replay.PACE_MAX));
        }
        return (int) perSec;
    }

    private void print(ReplayReport report) {
        PrintWriter out = spec.commandLine().getOut();
        if (output.asObjects()) {
            out.println(output.line(json(report)));
        } else {
            Table table = new Table(
                    "TENANT AND REASON",
                    yes ? "REPLAYED>" : "WOULD REPLAY>",
                    "SKIPPED>",
                    "BECAUSE",
                    "DONE BEFORE>",
                    "GIVEN UP>",
                    "FOREIGN>");
            report.groups()
                    .forEach((group, counts) -> table.row(
                            group.tenant() + " " + group.reason(),
                            counts.of(Outcome.REPLAYED),
                            counts.of(Outcome.HOPELESS),
                            because(counts),
                            counts.of(Outcome.DONE),
                            counts.of(Outcome.GIVEN_UP),
                            counts.of(Outcome.FOREIGN)));
            table.print(out);
        }
        out.flush();
    }

    private ObjectNode json(ReplayReport report) {
        ObjectNode json = Json.object();
        json.put("done", yes);
        json.put("ending", report.ending().id());
        json.put("seconds", report.seconds());
        ArrayNode groups = json.putArray("rejections");
        report.groups().forEach((group, counts) -> {
            ObjectNode one = groups.addObject();
            Json.putTenant(one, TenantId.tryParse(group.tenant()));
            one.put("reason", group.reason());
            for (Outcome outcome : Outcome.values()) {
                one.put(outcome.id(), counts.of(outcome));
            }
            ObjectNode still = one.putObject("still_rejected");
            counts.stillRejected().forEach(still::put);
        });
        return json;
    }

    private static @Nullable String because(Counts counts) {
        return counts.stillRejected().isEmpty()
                ? null
                : counts.stillRejected().entrySet().stream()
                        .map(entry -> counts.stillRejected().size() == 1
                                ? entry.getKey()
                                : "%s %d".formatted(entry.getKey(), entry.getValue()))
                        .collect(Collectors.joining(", "));
    }

    /** Prints the next steps. */
    private void hint(ReplayReport report, int perSec) {
        PrintWriter err = spec.commandLine().getErr();
        long skipped = report.count(Outcome.HOPELESS);
        if (skipped > 0) {
            err.println(("%d %s skipped, because they would be rejected again by the limits in force; change the limits"
                            + " first (%s rejections explain REASON)")
                    .formatted(skipped, yes ? "were" : "would be", ProgramName.get()));
        }
        if (!yes && report.count(Outcome.REPLAYED) > 0) {
            err.println(
                    "nothing was sent; with --yes it takes about %d s, at %d/s at most and at half of each tenant's rate"
                            .formatted(report.seconds(), perSec));
        }
    }
}
