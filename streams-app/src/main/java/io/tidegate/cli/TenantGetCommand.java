package io.tidegate.cli;

import io.tidegate.admin.TenantOperations;
import io.tidegate.tenant.TenantConfig;
import io.tidegate.tenant.TenantConfigJson;
import java.util.Locale;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

@Command(
        name = "get",
        mixinStandardHelpOptions = true,
        description = "Prints a tenant's config; with -o json in the form that `set --from -` reads.")
final class TenantGetCommand extends OnTenant {
    @Mixin
    private OutputOptions output = new OutputOptions();

    @Override
    Integer execute() {
        TenantConfig config = stored(directory());
        if (config == null && tenant.isDefault()) {
            config = TenantConfig.defaultTenant();
        }
        if (config == null) {
            hint("tenant %s has no config; set one with: tidegate tenants set %s --rate 100/s"
                    .formatted(tenant, tenant.decimal()));
            return ExitCodes.FAILED;
        }
        if (output.json()) {
            out().println(Json.pretty(Json.tree(TenantConfigJson.write(config))));
        } else {
            print(config);
        }
        out().flush();
        warn(TenantOperations.warnings(config, options.load()));
        return ExitCodes.OK;
    }

    private void print(TenantConfig config) {
        Table table = new Table("FIELD", "VALUE");
        table.row("tenant_id", config.tenantId().decimal());
        table.row("external_ids", String.join(", ", config.externalIds()));
        table.row("label", config.label());
        table.row("max_signals_per_sec", ConfigTexts.rate(config));
        boolean limited = config.maxSignalsPerSec() != null;
        table.row(
                "burst_signals",
                !limited ? "unlimited" : config.burst() + (config.burstSignals() == null ? " (2 × the rate)" : ""));
        table.row("max_bytes_per_sec", ConfigTexts.byteRate(config));
        table.row("burst_bytes", ConfigTexts.byteBurst(config));
        table.row("max_signal_bytes", ConfigTexts.signalBytes(config));
        table.row("max_entities", ConfigTexts.entities(config));
        table.row("max_items", Amounts.orUnlimited(config.maxItems()));
        table.row("max_users", Amounts.orUnlimited(config.maxUsers()));
        table.row("max_creators", Amounts.orUnlimited(config.maxCreators()));
        table.row("max_storage_bytes", ConfigTexts.storage(config));
        table.row(
                "required_regions",
                config.requiredRegions().isEmpty() ? "anywhere" : String.join(", ", config.requiredRegions()));
        table.row("mode", config.mode().name().toLowerCase(Locale.ROOT));
        table.row("blocked_until", config.blockedUntil());
        table.print(out());
    }
}
