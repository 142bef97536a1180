package io.tidegate.cli;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tidegate.admin.AdminException;
import io.tidegate.admin.TopicSetup;
import io.tidegate.admission.Reason;
import io.tidegate.config.Settings;
import io.tidegate.contract.RecordSizes;
import io.tidegate.contract.Router.Route.ToDeadLetter;
import io.tidegate.contract.Router.Route.ToTenant;
import io.tidegate.contract.Router.Route.ToUnknown;
import io.tidegate.signal.Signal;
import io.tidegate.tools.SignalPreview;
import io.tidegate.tools.SignalPreview.Explained;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

@Command(
        name = "explain",
        mixinStandardHelpOptions = true,
        description =
                "Reads the newest records of a topic and prints the tenant, type, entities and size that Tidegate extracts from"
                        + " each with these settings, or why it cannot. Changes nothing; needs no running instance.")
final class SignalsExplainCommand implements Callable<Integer> {
    private static final int RECORDS_MAX = 10_000;

    /** Longer texts are truncated in tables. */
    private static final int CELL_CHARS_MAX = 40;

    @Mixin
    private SettingsOptions options = new SettingsOptions();

    @Mixin
    private OutputOptions output = new OutputOptions();

    @Option(
            names = "--topic",
            paramLabel = "TOPIC",
            description = "The topic to read. Default: the ingress topics of the settings.")
    private @Nullable String topic;

    @Option(
            names = "--partition",
            paramLabel = "N",
            description = "Only this partition; can be repeated. Default: all.")
    private List<Integer> partitions = new ArrayList<>();

    @Option(
            names = "--from-offset",
            paramLabel = "N",
            description = "The first record in each partition. Default: read the newest records.")
    private @Nullable Long fromOffset;

    @Option(
            names = {"-n", "--max"},
            paramLabel = "N",
            description = "How many records of each topic to read, 1 to 10000. Default: 20.")
    private int max = 20;

    @Spec
    private @Nullable CommandSpec spec;

    @Override
    public Integer call() {
        if (max < 1 || max > RECORDS_MAX) {
            throw new ParameterException(spec.commandLine(), "--max must be 1 to " + RECORDS_MAX);
        }
        if (partitions.stream().anyMatch(partition -> partition < 0) || (fromOffset != null && fromOffset < 0)) {
            throw new ParameterException(spec.commandLine(), "--partition and --from-offset must be at least 0");
        }
        Settings settings = options.loadConnected();
        SignalPreview preview = new SignalPreview(settings, sizes(settings));
        List<String> topics = topic != null ? List.of(topic) : settings.topics().signals();
        List<Explained> all = new ArrayList<>();
        List<String> summaries = new ArrayList<>();
        for (String one : topics) {
            List<Explained> explained = fromOffset == null
                    ? preview.newest(one, partitions, max)
                    : preview.from(one, partitions, fromOffset, max);
            all.addAll(explained);
            summaries.add("%s: %s".formatted(one, SignalPreview.summary(explained)));
        }
        return ExitCodes.afterPrinting(ExitCodes.OK, () -> print(all, topics.size() > 1, summaries));
    }

    /** Returns the sizes that all topics accept; Kafka's defaults if this principal may not read them. */
    private static RecordSizes sizes(Settings settings) {
        try (TopicSetup setup = new TopicSetup(settings)) {
            return setup.recordSizes();
        } catch (AdminException e) {
            return RecordSizes.kafkaDefaults();
        }
    }

    private void print(List<Explained> all, boolean severalTopics, List<String> summaries) {
        if (output.asObjects()) {
            all.forEach(one -> spec.commandLine().getOut().println(output.line(json(one))));
            spec.commandLine().getOut().flush();
        } else {
            table(all, severalTopics).print(spec.commandLine().getOut());
        }
        summaries.forEach(line -> spec.commandLine().getErr().println(Table.printable(line)));
    }

    private static Table table(List<Explained> all, boolean severalTopics) {
        List<String> columns = new ArrayList<>(
                List.of("PARTITION>", "OFFSET>", "TENANT>", "TYPE", "ITEMS", "USERS", "CREATORS", "BYTES>", "PROBLEM"));
        if (severalTopics) {
            columns.add(0, "TOPIC");
        }
        Table table = new Table(columns.toArray(String[]::new));
        for (Explained one : all) {
            Signal signal = one.route() instanceof ToTenant to ? to.signal() : null;
            List<@Nullable Object> cells = new ArrayList<>();
            if (severalTopics) {
                cells.add(one.source().topic());
            }
            cells.add(one.source().partition());
            cells.add(one.source().offset());
            cells.add(tenant(one));
            cells.add(signal == null || signal.type() == null ? null : cut(signal.type()));
            cells.add(signal == null ? null : ids(signal.items()));
            cells.add(signal == null ? null : ids(signal.users()));
            cells.add(signal == null ? null : ids(signal.creators()));
            cells.add(one.bytes());
            cells.add(problem(one));
            table.row(cells.toArray());
        }
        return table;
    }

    private static @Nullable String problem(Explained one) {
        if (one.route() instanceof ToDeadLetter letter) {
            return "%s: %s".formatted(letter.defect().id(), letter.message());
        }
        return one.route() instanceof ToUnknown
                ? "%s: %s".formatted(Reason.TENANT_UNKNOWN.id(), ToUnknown.MESSAGE)
                : null;
    }

    private static @Nullable String tenant(Explained one) {
        if (one.route() instanceof ToUnknown to) {
            return to.name();
        }
        if (one.route() instanceof ToTenant to) {
            return one.namesTenant() ? to.tenant().decimal() : to.tenant().decimal() + " (none named)";
        }
        return one.route() instanceof ToDeadLetter letter && letter.tenant() != null
                ? letter.tenant().decimal()
                : null;
    }

    /** Returns as many ids as fit, and the number of all. */
    private static @Nullable String ids(List<String> ids) {
        if (ids.isEmpty()) {
            return null;
        }
        String first = cut(ids.get(0));
        return ids.size() == 1 ? first : "%s (+%d)".formatted(first, ids.size() - 1);
    }

    private static String cut(String text) {
        return text.codePointCount(0, text.length()) <= CELL_CHARS_MAX
                ? text
                : text.substring(0, text.offsetByCodePoints(0, CELL_CHARS_MAX)) + "…";
    }

    private static ObjectNode json(Explained one) {
        ObjectNode node = Json.object()
                .put("topic", one.source().topic())
                .put("partition", one.source().partition())
                .put("offset", one.source().offset())
                .put("timestamp", Instant.ofEpochMilli(one.source().timestamp()).toString())
                .put("bytes", one.bytes())
                .put("names_tenant", one.namesTenant());
        if (one.route() instanceof ToTenant to) {
            Json.putTenant(node, to.tenant());
            node.put("type", to.signal().type());
            to.signal().items().forEach(node.putArray("items")::add);
            to.signal().users().forEach(node.putArray("users")::add);
            to.signal().creators().forEach(node.putArray("creators")::add);
        } else if (one.route() instanceof ToDeadLetter letter) {
            if (letter.tenant() != null) {
                Json.putTenant(node, letter.tenant());
            }
            node.put("reason", letter.defect().id());
            node.put("message", letter.message());
        } else if (one.route() instanceof ToUnknown to) {
            node.put("tenant_name", to.name());
            node.put("reason", Reason.TENANT_UNKNOWN.id());
            node.put("message", ToUnknown.MESSAGE);
        }
        return node;
    }
}
