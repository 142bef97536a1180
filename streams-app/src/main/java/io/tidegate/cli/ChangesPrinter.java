package io.tidegate.cli;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tidegate.admin.ConfigHistory;
import io.tidegate.tenant.TenantConfig;
import java.io.PrintWriter;
import java.util.List;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** Prints the changes of a tenant's config or of a plan, newest first. */
final class ChangesPrinter {
    private ChangesPrinter() {}

    /**
     * Prints the changes and flushes.
     *
     * @param stored returns the stored form of a config
     */
    static void print(
            PrintWriter out,
            OutputOptions output,
            List<ConfigHistory.Change> changes,
            Function<TenantConfig, byte[]> stored) {
        Table table = new Table("OFFSET>", "AT", "BY", "CHANGE");
        for (int i = changes.size() - 1; i >= 0; i--) {
            ConfigHistory.Change change = changes.get(i);
            if (output.asObjects()) {
                ObjectNode line = Json.object();
                line.put("config_offset", change.offset());
                line.put("at", change.at().toString());
                line.put("by", change.by());
                line.set("from", tree(change.from(), stored));
                line.set("to", tree(change.to(), stored));
                out.println(output.line(line));
            } else {
                table.row(change.offset(), change.at(), change.by(), text(change));
            }
        }
        if (output.isTable()) {
            table.print(out);
        }
        out.flush();
    }

    private static @Nullable JsonNode tree(@Nullable TenantConfig config, Function<TenantConfig, byte[]> stored) {
        return config == null ? null : Json.tree(stored.apply(config));
    }

    private static String text(ConfigHistory.Change change) {
        if (change.to() == null) {
            return "removed";
        }
        return (change.from() == null ? "created " : "")
                + String.join(", ", ConfigTexts.difference(change.from(), change.to()));
    }
}
