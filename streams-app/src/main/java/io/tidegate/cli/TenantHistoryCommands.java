package io.tidegate.cli;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tidegate.admin.ConfigHistory;
import io.tidegate.admin.ConfigWriter;
import io.tidegate.tenant.TenantConfigJson;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** The commands on how a tenant's config came to be: history, undo. */
final class TenantHistoryCommands {
    private TenantHistoryCommands() {}

    @Command(
            name = "history",
            mixinStandardHelpOptions = true,
            description =
                    "Prints the last changes of a tenant's config, newest first: when, by whom, from what to what.")
    static final class History extends TenantsCommand.OnTenant {
        @Mixin
        private OutputOptions output = new OutputOptions();

        @Override
        public Integer call() {
            List<ConfigHistory.Change> changes =
                    directory().current(tenant).history().changes();
            Table table = new Table("OFFSET>", "AT", "BY", "CHANGE");
            for (int i = changes.size() - 1; i >= 0; i--) {
                ConfigHistory.Change change = changes.get(i);
                if (output.json()) {
                    ObjectNode json = Json.object();
                    json.put("config_offset", change.offset());
                    json.put("at", change.at().toString());
                    json.put("by", change.by());
                    json.set("from", change.from() == null ? null : Json.tree(TenantConfigJson.write(change.from())));
                    json.set("to", change.to() == null ? null : Json.tree(TenantConfigJson.write(change.to())));
                    out().println(Json.line(json));
                } else {
                    table.row(change.offset(), change.at(), change.by(), difference(change));
                }
            }
            if (!output.json()) {
                table.print(out());
            }
            out().flush();
            if (changes.isEmpty()) {
                hint("no change of tenant %s is known".formatted(tenant));
            }
            return ExitCodes.OK;
        }

        /** The fields that differ, with both values. */
        private static String difference(ConfigHistory.Change change) {
            if (change.to() == null) {
                return "removed";
            }
            ObjectNode from = (ObjectNode)
                    (change.from() == null ? Json.object() : Json.tree(TenantConfigJson.write(change.from())));
            List<String> fields = new ArrayList<>();
            Json.tree(TenantConfigJson.write(change.to())).properties().forEach(field -> {
                JsonNode before = from.get(field.getKey());
                if (before == null ? isSaid(field) : !before.equals(field.getValue())) {
                    fields.add(
                            before == null
                                    ? "%s=%s".formatted(field.getKey(), field.getValue())
                                    : "%s: %s → %s".formatted(field.getKey(), before, field.getValue()));
                }
            });
            return (change.from() == null ? "created " : "") + String.join(", ", fields);
        }

        /** Of a new config: what says something. */
        private static boolean isSaid(Map.Entry<String, JsonNode> field) {
            JsonNode value = field.getValue();
            return !field.getKey().equals("tenant_id")
                    && !value.isNull()
                    && !(value.isTextual() && value.asText().isEmpty())
                    && !(value.isArray() && value.isEmpty());
        }
    }

    @Command(
            name = "undo",
            mixinStandardHelpOptions = true,
            description =
                    "Takes the newest change of a tenant's config back, or all down to a given one. That is a change"
                            + " too, and can be undone.")
    static final class Undo extends TenantsCommand.Changing {
        @Option(
                names = "--to",
                paramLabel = "OFFSET",
                description = "The oldest change to take back, by its offset in `history`. Default: the newest.")
        private @Nullable Long to;

        @Override
        public Integer call() {
            try {
                ConfigWriter.Written written =
                        directory().change(tenant, current -> current.history().before(to));
                return changed(
                        written.config() == null ? "has no config again" : "is as it was before", written.offset());
            } catch (IllegalArgumentException e) {
                hint("tenant %s: %s".formatted(tenant, e.getMessage()));
                return ExitCodes.FAILED;
            }
        }
    }
}
