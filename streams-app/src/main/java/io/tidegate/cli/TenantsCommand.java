package io.tidegate.cli;

import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

@Command(
        name = "tenants",
        mixinStandardHelpOptions = true,
        description = "Reads and sets tenants' limits. Changes apply to all instances at once, without a restart.",
        synopsisSubcommandLabel = "COMMAND",
        subcommands = {
            TenantListCommand.class,
            TenantGetCommand.class,
            TenantSetCommand.class,
            TenantUnsetCommand.class,
            TenantRemoveCommand.class,
            TenantHistoryCommands.History.class,
            TenantHistoryCommands.Undo.class,
            TenantDeclarations.Apply.class,
            TenantDeclarations.Export.class,
            TenantActions.Block.class,
            TenantActions.Unblock.class,
            TenantActions.Forget.class,
            TenantActions.Purge.class
        })
final class TenantsCommand implements Runnable {
    @Spec
    private @Nullable CommandSpec spec;

    @Override
    public void run() {
        throw new ParameterException(
                spec.commandLine(),
                "a command is missing: ls, get, set, unset, rm, history, undo, apply, export, block, unblock, forget or"
                        + " purge");
    }
}
