package io.tidegate.cli;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tidegate.admin.AdminException;
import io.tidegate.admin.OffsetReset;
import io.tidegate.admin.OffsetReset.Move;
import io.tidegate.admin.StateRemoval;
import io.tidegate.config.Settings;
import io.tidegate.wal.DataDir;
import java.io.IOException;
import java.time.Instant;
import java.time.format.DateTimeParseException;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.common.TopicPartition;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

@Command(
        name = "reset",
        mixinStandardHelpOptions = true,
        description = {
            "Deletes all state of an application: its group, its topics, and the data directory of this machine. Signals and"
                    + " tenants' configs stay. All its instances must be stopped.",
            "With --topic, deletes nothing and sets where the application continues to read that topic. Signals that are read"
                    + " again are decided and stored again; signals that are skipped are not decided at all."
        })
final class ResetCommand implements Callable<Integer> {
    @Mixin
    private DataDirOptions options = new DataDirOptions();

    @Mixin
    private OutputOptions output = new OutputOptions();

    @Option(
            names = "--topic",
            paramLabel = "NAME",
            description = "An input topic, such as signals or signals-by-tenant; can be given more than once.")
    private List<String> topics = List.of();

    @ArgGroup
    private @Nullable Position position;

    @Option(names = "--all", description = "Also delete the topics of signals and of tenants' configs.")
    private boolean all;

    @Option(
            names = "--dry-run",
            description = "Print the topics, groups and offsets that would be deleted or set, and change nothing.")
    private boolean dryRun;

    @Option(
            names = "--yes",
            description = "Confirm a deletion, which cannot be undone, or that undecided signals are skipped.")
    private boolean yes;

    @Spec
    private @Nullable CommandSpec spec;

    /** The position at which to continue. */
    static final class Position {
        @Option(names = "--to-earliest", description = "The first record that the brokers have.")
        private boolean earliest;

        @Option(names = "--to-latest", description = "After the last record.")
        private boolean latest;

        @Option(
                names = "--to-datetime",
                paramLabel = "TIME",
                description = "The first record of this time or later, such as 2026-11-25T14:30:00Z.")
        private @Nullable String time;
    }

    @Override
    public Integer call() throws IOException {
        if (topics.isEmpty() && position == null) {
            return removeState();
        }
        if (all) {
            throw new ParameterException(
                    spec.commandLine(), "--all concerns the deletion of state, so it cannot be combined with --topic");
        }
        if (topics.isEmpty() || position == null) {
            throw new ParameterException(
                    spec.commandLine(),
                    "--topic requires one of --to-earliest, --to-latest and --to-datetime, and vice versa");
        }
        OffsetSpec to = to(position);
        try (OffsetReset reset = new OffsetReset(options.loadConnected())) {
            for (String topic : topics) {
                if (!reset.inputs().contains(topic)) {
                    throw new ParameterException(
                            spec.commandLine(),
                            "--topic %s is not an input topic of this application: %s"
                                    .formatted(topic, String.join(", ", reset.inputs())));
                }
            }
            Map<TopicPartition, Move> moves = reset.plan(topics, to);
            long skipped = moves.values().stream().mapToLong(Move::skipped).sum();
            boolean isConfirmed = yes || skipped == 0;
            if (isConfirmed && !dryRun) {
                reset.set(moves);
            }
            print(moves);
            if (!isConfirmed && !dryRun) {
                throw new ParameterException(
                        spec.commandLine(),
                        "nothing is changed: up to %,d records that are not decided yet would be skipped; add --yes to skip them"
                                .formatted(skipped));
            }
        }
        return ExitCodes.OK;
    }

    private int removeState() throws IOException {
        Settings settings = options.loadConnected();
        DataDir dir = new DataDir(settings.dataDir());
        try (StateRemoval removal = new StateRemoval(settings)) {
            StateRemoval.Plan plan = removal.plan(all);
            String holder = dir.isUsed() ? dir.holder() : null;
            if (holder != null) {
                throw new AdminException(
                        "process %s uses the data directory %s: stop it first".formatted(holder, dir.root()));
            }
            String local = dir.isUsed() ? dir.root().toString() : null;
            if (local != null) {
                dir.requireOwner(removal.owner());
            }
            boolean deletes = yes && !dryRun;
            if (deletes) {
                removal.remove(plan);
                if (local != null) {
                    dir.removeAll();
                }
            }
            print(plan, local, deletes);
            if (dryRun) {
                return ExitCodes.OK;
            }
            if (!yes) {
                throw new ParameterException(spec.commandLine(), "this cannot be undone: add --yes to delete it");
            }
        }
        spec.commandLine()
                .getErr()
                .println("deleted. An instance on another machine has its own data directory: run this there too, or it"
                        + " does not start");
        return ExitCodes.OK;
    }

    private void print(StateRemoval.Plan plan, @Nullable String local, boolean isDone) {
        var out = spec.commandLine().getOut();
        if (output.asObjects()) {
            ObjectNode json = Json.object();
            json.put("done", isDone);
            json.put("group", plan.group());
            plan.topics().forEach(json.putArray("topics")::add);
            plan.kept().forEach(json.putArray("kept")::add);
            json.put("data_dir", local);
            out.println(output.line(json));
        } else {
            Table table = new Table("WHAT", "NAME", "STATE");
            String deleted = isDone ? "is deleted" : "would be deleted";
            table.row("group", plan.group(), deleted);
            plan.topics().forEach(topic -> table.row("topic", topic, deleted));
            if (local != null) {
                table.row("data directory", local, deleted);
            }
            plan.kept().forEach(topic -> table.row("topic", topic, "stays"));
            table.print(out);
        }
        out.flush();
    }

    private OffsetSpec to(Position position) {
        if (position.earliest) {
            return OffsetSpec.earliest();
        }
        if (position.latest || position.time == null) {
            return OffsetSpec.latest();
        }
        try {
            return OffsetSpec.forTimestamp(Instant.parse(position.time).toEpochMilli());
        } catch (DateTimeParseException | ArithmeticException e) {
            throw new ParameterException(
                    spec.commandLine(),
                    "--to-datetime %s is not a time in UTC such as 2026-11-25T14:30:00Z".formatted(position.time),
                    e);
        }
    }

    private void print(Map<TopicPartition, Move> moves) {
        var out = spec.commandLine().getOut();
        if (output.asObjects()) {
            moves.forEach((partition, move) -> out.println(output.line(Json.object()
                    .put("topic", partition.topic())
                    .put("partition", partition.partition())
                    .put("before", move.before())
                    .put("offset", move.after())
                    .put("skipped", move.skipped()))));
        } else {
            Table table = new Table("TOPIC", "PARTITION>", "BEFORE>", "CONTINUES AT>", "SKIPPED>");
            moves.forEach((partition, move) ->
                    table.row(partition.topic(), partition.partition(), move.before(), move.after(), move.skipped()));
            table.print(out);
        }
        out.flush();
    }
}
