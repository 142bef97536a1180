package io.tidegate.cli;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tidegate.admin.ConfigHistory;
import io.tidegate.admin.TenantOperations;
import io.tidegate.admin.TenantOperations.Outcome.Changed;
import io.tidegate.tenant.TenantConfigJson;
import java.util.List;
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
    static final class History extends OnTenant {
        @Mixin
        private OutputOptions output = new OutputOptions();

        @Override
        Integer execute() {
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
                    table.row(change.offset(), change.at(), change.by(), text(change));
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

        private static String text(ConfigHistory.Change change) {
            if (change.to() == null) {
                return "removed";
            }
            return (change.from() == null ? "created " : "")
                    + String.join(", ", ConfigTexts.difference(change.from(), change.to()));
        }
    }

    @Command(
            name = "undo",
            mixinStandardHelpOptions = true,
            description =
                    "Takes the newest change of a tenant's config back, or all down to a given one. That is a change"
                            + " too, and can be undone.")
    static final class Undo extends ConfigChange {
        @Option(
                names = "--to",
                paramLabel = "OFFSET",
                description = "The oldest change to take back, by its offset in `history`. Default: the newest.")
        private @Nullable Long to;

        @Override
        Integer execute() {
            TenantOperations.Outcome outcome = operate((operations, caller) -> operations.undo(tenant, to, caller));
            boolean removed = outcome instanceof Changed changed && changed.config() == null;
            return print(outcome, removed ? "has no config again" : "is as it was before");
        }
    }
}
