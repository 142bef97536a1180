package io.tidegate.cli;

import picocli.CommandLine.Command;

@Command(
        name = "rm",
        mixinStandardHelpOptions = true,
        description = "Removes a tenant's config, which makes the tenant unknown. Its state and WAL stay.")
final class TenantRemoveCommand extends ConfigChange {
    @Override
    Integer execute() {
        return print(operate((operations, caller) -> operations.remove(tenant, caller)), "removed");
    }
}
