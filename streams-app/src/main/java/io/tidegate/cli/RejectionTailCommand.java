package io.tidegate.cli;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tidegate.admin.AdminException;
import io.tidegate.admin.RecordJson;
import io.tidegate.admin.TenantDirectory;
import io.tidegate.admin.TopicReader;
import io.tidegate.admin.TopicTail;
import io.tidegate.config.Settings;
import io.tidegate.contract.TidegateHeaders;
import io.tidegate.tenant.TenantId;
import io.tidegate.tenant.TenantRef;
import io.tidegate.tools.DurationText;
import java.io.PrintWriter;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.Callable;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.KafkaException;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

@Command(
        name = "tail",
        mixinStandardHelpOptions = true,
        description = "Prints rejected signals by time: all in the topic, the last with -n, or new ones with -f.")
final class RejectionTailCommand implements Callable<Integer> {
    private static final int LAST_MAX = 100_000;
    private static final String ROW = "%-24s  %-8s  %-14s  %-18s  %-14s  %-24s  %s%n";

    @Mixin
    private SettingsOptions options = new SettingsOptions();

    @Mixin
    private OutputOptions output = new OutputOptions();

    @Option(
            names = {"-f", "--follow"},
            description = "Print new ones until Ctrl-C; with -n or --since, earlier ones first.")
    private boolean follow;

    @Option(
            names = {"-n", "--last"},
            paramLabel = "N",
            description = "Only the last N of the selected ones.")
    private @Nullable Integer last;

    @Mixin
    private RecordSelection selection = new RecordSelection();

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
            description = "Only these reasons; can be repeated. Reasons of dead letters include dead letters.")
    private List<String> reasons = new ArrayList<>();

    @Option(names = "--dead-letter", description = "Include dead letters.")
    private boolean deadLetter;

    @Option(names = "--max", paramLabel = "N", description = "Stop after N records.")
    private @Nullable Long max;

    @Option(names = "--stats", description = "Print the number of records by tenant and reason instead of the records.")
    private boolean stats;

    @Spec
    private @Nullable CommandSpec spec;

    private @Nullable TenantId tenant;
    private Map<String, List<String>> names = Map.of();
    private final RejectionCounts counts = new RejectionCounts();
    private long taken;

    @Override
    public Integer call() {
        check();
        Settings settings = options.loadConnected();
        tenant = options.tenant(named);
        List<String> topics = new ArrayList<>(List.of(settings.topics().quotaExceeded()));
        boolean wantsDefects = reasons.stream().anyMatch(ReasonCandidates::isDefect);
        if (deadLetter || wantsDefects) {
            topics.add(settings.topics().deadLetter());
        }
        names = names(settings);
        PrintWriter out = spec.commandLine().getOut();
        try (TopicReader reader = new TopicReader(settings, topics)) {
            TopicTail tail = reader.tail(selection.since(), selection.until(), this::isWanted);
            if (output.isTable() && !stats) {
                out.printf(ROW, "TIME", "TENANT", "NAME", "REASON", "RETRY AFTER", "SOURCE", "MESSAGE");
            }
            if (last != null) {
                tail.last(last, record -> take(record, out));
            } else if (!follow || selection.since() != null) {
                tail.all(() -> !isDone(), record -> take(record, out));
            }
            if (follow) {
                spec.commandLine().getErr().println("waiting for rejections; press Ctrl-C to stop");
                tail.follow(this::isDone, record -> take(record, out));
            }
        }
        if (stats) {
            printCounts(out);
        }
        out.flush();
        return ExitCodes.OK;
    }

    private void check() {
        Set<String> known = new TreeSet<>(ReasonCandidates.ids());
        for (String reason : reasons) {
            if (!known.contains(reason)) {
                throw new ParameterException(
                        spec.commandLine(),
                        "'%s' is not a reason; the reasons are: %s".formatted(reason, String.join(", ", known)));
            }
        }
        if (last != null && (last < 0 || last > LAST_MAX)) {
            throw new ParameterException(spec.commandLine(), "-n = %d is outside 0 to %d".formatted(last, LAST_MAX));
        }
        if (max != null && max < 0) {
            throw new ParameterException(spec.commandLine(), "--max = %d is below 0".formatted(max));
        }
        if (stats && follow) {
            throw new ParameterException(
                    spec.commandLine(), "--stats counts what is there: it cannot be combined with -f");
        }
        selection.check(spec.commandLine(), follow);
    }

    /** Returns tenants' current names; none without the right to read configs. */
    private static Map<String, List<String>> names(Settings settings) {
        Map<String, List<String>> names = new HashMap<>();
        try {
            new TenantDirectory(settings).snapshot().tenants().forEach((id, stored) -> {
                if (stored.config() != null && !stored.config().externalIds().isEmpty()) {
                    names.put(id.decimal(), stored.config().externalIds());
                }
            });
        } catch (AdminException | KafkaException e) {
            return Map.of();
        }
        return names;
    }

    private List<String> namesOf(@Nullable String ofTenant) {
        return ofTenant == null ? List.of() : names.getOrDefault(ofTenant, List.of());
    }

    private boolean isDone() {
        return max != null && taken >= max;
    }

    private boolean isWanted(ConsumerRecord<byte[], byte[]> record) {
        String ofTenant = TidegateHeaders.text(record.headers(), TidegateHeaders.TENANT);
        String reason = TidegateHeaders.text(record.headers(), TidegateHeaders.REASON);
        return (tenant == null || tenant.decimal().equals(ofTenant))
                && (reasons.isEmpty() || reasons.contains(reason))
                && selection.hasHeaders(record.headers());
    }

    private void take(ConsumerRecord<byte[], byte[]> record, PrintWriter out) {
        if (isDone()) {
            return;
        }
        taken++;
        String ofTenant = TidegateHeaders.text(record.headers(), TidegateHeaders.TENANT);
        if (stats) {
            counts.add(
                    ofTenant == null ? null : TenantId.tryParse(ofTenant),
                    TidegateHeaders.text(record.headers(), TidegateHeaders.REASON),
                    record.timestamp());
            return;
        }
        if (output.asObjects()) {
            out.println(output.line(json(record, ofTenant)));
        } else {
            printRow(record, ofTenant, out);
        }
        out.flush();
    }

    private ObjectNode json(ConsumerRecord<byte[], byte[]> record, @Nullable String ofTenant) {
        ObjectNode json = Json.object();
        RecordJson.putPlace(json, record);
        Json.putTenant(json, ofTenant == null ? null : TenantId.tryParse(ofTenant));
        json.put("tenant", ofTenant);
        namesOf(ofTenant).forEach(json.putArray("tenant_names")::add);
        json.put("reason", TidegateHeaders.text(record.headers(), TidegateHeaders.REASON));
        RecordJson.putBytes(json, "key", record.key());
        RecordJson.putBytes(json, "value", record.value());
        RecordJson.putHeaders(json, record.headers());
        return json;
    }

    private void printCounts(PrintWriter out) {
        Table table = new Table("TENANT", "NAME", "REASON", "COUNT>", "FIRST", "LAST");
        for (RejectionCounts.Group group : counts.mostFirst()) {
            List<String> ofTenant =
                    namesOf(group.tenant() == null ? null : group.tenant().decimal());
            Instant first = Instant.ofEpochMilli(group.firstMs());
            Instant latest = Instant.ofEpochMilli(group.lastMs());
            if (output.asObjects()) {
                ObjectNode json = Json.object();
                Json.putTenant(json, group.tenant());
                ofTenant.forEach(json.putArray("tenant_names")::add);
                json.put("reason", group.reason());
                json.put("count", group.count());
                json.put("first", first.toString());
                json.put("last", latest.toString());
                out.println(output.line(json));
            } else {
                table.row(
                        group.tenant() == null ? null : group.tenant().decimal(),
                        ofTenant.isEmpty() ? null : ofTenant.get(0),
                        group.reason(),
                        group.count(),
                        first,
                        latest);
            }
        }
        if (output.isTable()) {
            table.print(out);
        }
    }

    private static String delay(String ms) {
        try {
            return DurationText.of(Long.parseLong(ms));
        } catch (NumberFormatException e) {
            return Table.printable(ms) + " ms";
        }
    }

    private void printRow(ConsumerRecord<byte[], byte[]> record, @Nullable String ofTenant, PrintWriter out) {
        String retry = TidegateHeaders.text(record.headers(), TidegateHeaders.RETRY_AFTER_MS);
        out.printf(
                ROW,
                Instant.ofEpochMilli(record.timestamp()),
                ofTenant == null ? "-" : Table.printable(ofTenant),
                namesOf(ofTenant).isEmpty()
                        ? "-"
                        : Table.printable(namesOf(ofTenant).get(0)),
                Table.printable(String.valueOf(TidegateHeaders.text(record.headers(), TidegateHeaders.REASON))),
                retry == null ? "-" : delay(retry),
                Table.printable("%s-%s@%s"
                        .formatted(
                                TidegateHeaders.text(record.headers(), TidegateHeaders.SOURCE_TOPIC),
                                TidegateHeaders.text(record.headers(), TidegateHeaders.SOURCE_PARTITION),
                                TidegateHeaders.text(record.headers(), TidegateHeaders.SOURCE_OFFSET))),
                Table.printable(String.valueOf(TidegateHeaders.text(record.headers(), TidegateHeaders.MESSAGE))));
    }
}
