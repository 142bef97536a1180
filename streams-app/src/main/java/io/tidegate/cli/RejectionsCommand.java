package io.tidegate.cli;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tidegate.admin.AdminException;
import io.tidegate.admin.RecordJson;
import io.tidegate.admin.TenantDirectory;
import io.tidegate.admin.TopicReader;
import io.tidegate.admission.Reason;
import io.tidegate.config.Settings;
import io.tidegate.contract.TidegateHeaders;
import io.tidegate.signal.Defect;
import io.tidegate.tenant.TenantId;
import io.tidegate.tenant.TenantRef;
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
        name = "rejections",
        mixinStandardHelpOptions = true,
        description = "Reads what was rejected, and why.",
        synopsisSubcommandLabel = "COMMAND",
        subcommands = {RejectionsCommand.Tail.class, ReplayCommand.class, ExplainCommand.class})
final class RejectionsCommand implements Runnable {
    @Spec
    private @Nullable CommandSpec spec;

    @Override
    public void run() {
        throw new ParameterException(spec.commandLine(), "a command is missing: tail, replay or explain");
    }

    @Command(
            name = "tail",
            mixinStandardHelpOptions = true,
            description = "Prints rejected signals: all that the topic has, or with -f those to come.")
    static final class Tail implements Callable<Integer> {
        @Mixin
        private SettingsOptions options = new SettingsOptions();

        @Mixin
        private OutputOptions output = new OutputOptions();

        @Option(
                names = {"-f", "--follow"},
                description = "Begin now, and go on until Ctrl-C.")
        private boolean follow;

        @Option(
                names = "--tenant",
                paramLabel = "TENANT",
                converter = Amounts.TenantConverter.class,
                description = "Only this tenant's: its id, or one of its names.")
        private @Nullable TenantRef named;

        private @Nullable TenantId tenant;

        private Map<String, List<String>> names = Map.of();

        @Option(names = "--reason", paramLabel = "REASON", description = "Only these reasons; can be repeated.")
        private List<String> reasons = new ArrayList<>();

        @Option(names = "--dead-letter", description = "Also records that could not be judged.")
        private boolean deadLetter;

        @Option(
                names = {"-n", "--max"},
                paramLabel = "N",
                description = "Stop after so many.")
        private @Nullable Long max;

        @Spec
        private @Nullable CommandSpec spec;

        private long printed;

        @Override
        public Integer call() {
            checkReasons();
            Settings settings = options.loadConnected();
            tenant = options.tenant(named);
            List<String> topics = new ArrayList<>(List.of(settings.topics().quotaExceeded()));
            if (deadLetter) {
                topics.add(settings.topics().deadLetter());
            }
            names = names(settings);
            PrintWriter out = spec.commandLine().getOut();
            if (!output.json()) {
                out.printf(
                        "%-24s  %-8s  %-14s  %-18s  %-14s  %-24s  %s%n",
                        "TIME", "TENANT", "NAME", "REASON", "RETRY AFTER", "SOURCE", "MESSAGE");
            }
            try (TopicReader reader = new TopicReader(settings, topics)) {
                if (follow) {
                    reader.skipToEnd();
                    spec.commandLine().getErr().println("waiting for rejections; Ctrl-C ends");
                    reader.follow(this::enough, record -> print(record, out));
                } else {
                    var ends = reader.ends();
                    reader.readTo(ends, record -> print(record, out));
                }
            }
            out.flush();
            return ExitCodes.OK;
        }

        /** Tenants' names as they are now; without the right to read configs, there are none. */
        private static Map<String, List<String>> names(Settings settings) {
            Map<String, List<String>> names = new HashMap<>();
            try {
                new TenantDirectory(settings).snapshot().tenants().forEach((id, stored) -> {
                    if (stored.config() != null
                            && !stored.config().externalIds().isEmpty()) {
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

        private void checkReasons() {
            Set<String> known = new TreeSet<>();
            for (Reason reason : Reason.values()) {
                known.add(reason.id());
            }
            for (Defect defect : Defect.values()) {
                known.add(defect.id());
            }
            for (String reason : reasons) {
                if (!known.contains(reason)) {
                    throw new ParameterException(
                            spec.commandLine(),
                            "'%s' is not a reason; these are: %s".formatted(reason, String.join(", ", known)));
                }
            }
        }

        private boolean enough() {
            return max != null && printed >= max;
        }

        private void print(ConsumerRecord<byte[], byte[]> record, PrintWriter out) {
            String ofTenant = TidegateHeaders.text(record.headers(), TidegateHeaders.TENANT);
            String reason = TidegateHeaders.text(record.headers(), TidegateHeaders.REASON);
            if (enough()
                    || (tenant != null && !tenant.decimal().equals(ofTenant))
                    || (!reasons.isEmpty() && !reasons.contains(reason))) {
                return;
            }
            printed++;
            if (output.json()) {
                ObjectNode json = Json.object();
                json.put("topic", record.topic());
                json.put("partition", record.partition());
                json.put("offset", record.offset());
                json.put("timestamp", Instant.ofEpochMilli(record.timestamp()).toString());
                json.put("tenant", ofTenant);
                namesOf(ofTenant).forEach(json.putArray("tenant_names")::add);
                json.put("reason", reason);
                RecordJson.putBytes(json, "key", record.key());
                RecordJson.putBytes(json, "value", record.value());
                RecordJson.putHeaders(json, record.headers());
                out.println(Json.line(json));
            } else {
                String retry = TidegateHeaders.text(record.headers(), TidegateHeaders.RETRY_AFTER_MS);
                out.printf(
                        "%-24s  %-8s  %-14s  %-18s  %-14s  %-24s  %s%n",
                        Instant.ofEpochMilli(record.timestamp()),
                        ofTenant == null ? "-" : Table.printable(ofTenant),
                        namesOf(ofTenant).isEmpty()
                                ? "-"
                                : Table.printable(namesOf(ofTenant).get(0)),
                        Table.printable(String.valueOf(reason)),
                        retry == null ? "-" : Table.printable(retry) + " ms",
                        Table.printable("%s-%s@%s"
                                .formatted(
                                        TidegateHeaders.text(record.headers(), TidegateHeaders.SOURCE_TOPIC),
                                        TidegateHeaders.text(record.headers(), TidegateHeaders.SOURCE_PARTITION),
                                        TidegateHeaders.text(record.headers(), TidegateHeaders.SOURCE_OFFSET))),
                        Table.printable(
                                String.valueOf(TidegateHeaders.text(record.headers(), TidegateHeaders.MESSAGE))));
            }
            out.flush();
        }
    }
}
