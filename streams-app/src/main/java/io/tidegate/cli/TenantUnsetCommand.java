package io.tidegate.cli;

import io.tidegate.tenant.TenantConfig;
import java.util.List;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;

@Command(
        name = "unset",
        mixinStandardHelpOptions = true,
        description =
                "Removes limits of a tenant; other fields stay. If the tenant has a plan, the plan supplies them again.")
final class TenantUnsetCommand extends ConfigChange {
    @Option(names = "--plan", description = "Remove the plan: limits that the tenant does not set are unlimited.")
    private boolean plan;

    @Option(names = "--external-id", description = "Remove the names.")
    private boolean externalId;

    @Mixin
    private LimitFlags limits = new LimitFlags();

    @Override
    Integer execute() {
        if (!plan && !externalId && !limits.namesAny()) {
            throw new ParameterException(spec.commandLine(), "give at least one option to unset, such as --rate");
        }
        return print(operate((operations, caller) -> operations.change(tenant, this::without, caller)), "changed");
    }

    private TenantConfig without(TenantConfig base) {
        TenantConfig named =
                externalId ? base.toBuilder().externalIds(List.of()).build() : base;
        return limits.without(plan ? named.toBuilder().plan(null).build() : named);
    }
}
