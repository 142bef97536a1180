package io.tidegate.cli;

import io.tidegate.admin.ConfigHistory;
import io.tidegate.admin.TenantOperations;
import io.tidegate.admin.TenantOperations.Outcome.Changed;
import io.tidegate.tenant.TenantConfigJson;
import java.util.List;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** The commands for the history of a tenant's config: history, undo. */
final class TenantHistoryCommands {
    private TenantHistoryCommands() {}

    @Command(
            name = "history",
            mixinStandardHelpOptions = true,
            description =
                    "Prints the last changes of a tenant's config, newest first: time, author, old and new limits.")
    static final class History extends OnTenant {
        @Mixin
        private OutputOptions output = new OutputOptions();

        @Override
        Integer execute() {
            List<ConfigHistory.Change> changes =
                    directory().current(tenant).history().changes();
            ChangesPrinter.print(out(), output, changes, TenantConfigJson::write);
            if (changes.isEmpty()) {
                hint("tenant %s has no known changes".formatted(tenant));
            }
            return ExitCodes.OK;
        }
    }

    @Command(
            name = "undo",
            mixinStandardHelpOptions = true,
            description =
                    "Reverts the newest change of a tenant's config, or all changes back to a given one. This is a change"
                            + " too, and can be undone.")
    static final class Undo extends ConfigChange {
        @Mixin
        private UndoOptions undo = new UndoOptions();

        @Override
        Integer execute() {
            TenantOperations.Outcome outcome =
                    operate((operations, caller) -> operations.undo(tenant, undo.to(), caller));
            boolean removed = outcome instanceof Changed changed && changed.config() == null;
            return print(outcome, removed ? "has no config again" : "reverted");
        }
    }
}
