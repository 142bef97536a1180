package io.tidegate.cli;

import io.tidegate.admin.OffsetReset;
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
        description =
                "Sets where an application continues to read a topic. All its instances must be stopped. Signals that are read"
                        + " again are decided and stored again; signals that are skipped are not decided at all.")
final class ResetCommand implements Callable<Integer> {
    @Mixin
    private SettingsOptions options = new SettingsOptions();

    @Mixin
    private OutputOptions output = new OutputOptions();

    @Option(
            names = "--topic",
            paramLabel = "NAME",
            description = "An input topic, such as signals or signals-by-tenant; can be given more than once.")
    private List<String> topics = List.of();

    @ArgGroup
    private @Nullable Position position;

    @Spec
    private @Nullable CommandSpec spec;

    /** Where to continue. */
    static final class Position {
        @Option(names = "--to-earliest", description = "The first record that the brokers have.")
        private boolean earliest;

        @Option(names = "--to-latest", description = "Behind the last record.")
        private boolean latest;

        @Option(
                names = "--to-datetime",
                paramLabel = "TIME",
                description = "The first record of this time or later, such as 2026-11-25T14:30:00Z.")
        private @Nullable String time;
    }

    @Override
    public Integer call() {
        if (topics.isEmpty() || position == null) {
            throw new ParameterException(
                    spec.commandLine(), "--topic and one of --to-earliest, --to-latest and --to-datetime are needed");
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
            print(reset.reset(topics, to));
        }
        return ExitCodes.OK;
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

    private void print(Map<TopicPartition, Long> positions) {
        var out = spec.commandLine().getOut();
        if (output.json()) {
            positions.forEach((partition, offset) -> out.println(Json.line(Json.object()
                    .put("topic", partition.topic())
                    .put("partition", partition.partition())
                    .put("offset", offset))));
        } else {
            Table table = new Table("TOPIC", "PARTITION", "CONTINUES AT");
            positions.forEach((partition, offset) -> table.row(partition.topic(), partition.partition(), offset));
            table.print(out);
        }
        out.flush();
    }
}
