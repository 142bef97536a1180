package io.tidegate.cli;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tidegate.admin.LimitsInForce;
import io.tidegate.admin.TenantDirectory;
import io.tidegate.admin.TenantDirectory.ConfigRecord;
import io.tidegate.admin.TenantOperations;
import io.tidegate.tenant.Ceiling;
import io.tidegate.tenant.IdleTtl;
import io.tidegate.tenant.TenantConfig;
import io.tidegate.tenant.TenantConfigJson;
import java.util.Set;
import java.util.function.BiConsumer;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

@Command(
        name = "get",
        mixinStandardHelpOptions = true,
        description = "Prints a tenant's config; with -o json or -o yaml in the form that `set --from -` reads.")
final class TenantGetCommand extends OnTenant {
    @Mixin
    private OutputOptions output = new OutputOptions();

    @Option(
            names = "--effective",
            description = "The limits in force, each with its origin: tenant, plan, default, unset or twice_the_rate.")
    private boolean effective;

    @Override
    Integer execute() {
        TenantDirectory directory = directory();
        TenantDirectory.Snapshot snapshot = directory.snapshot();
        TenantConfig own = stored(snapshot);
        TenantConfig config = own == null && tenant.isDefault() ? TenantConfig.defaultTenant() : own;
        TenantConfig inForce = directory.inForce(snapshot, tenant);
        if (config == null && (inForce == null || !effective)) {
            hint("tenant %s has no config; set one with: tidegate tenants set %s --rate 100/s"
                    .formatted(tenant, tenant.decimal()));
            return ExitCodes.FAILED;
        }
        boolean planMissing = config != null && snapshot.completed(config) == null;
        if (planMissing) {
            hint("warning: the plan '%s' does not exist: signals of tenant %s are %s"
                    .formatted(
                            config.plan(),
                            tenant,
                            inForce == null ? "rejected (tenant_unknown)" : "judged by the config of tenant 0"));
        }
        if (effective) {
            if (inForce == null) {
                return ExitCodes.FAILED;
            }
            printEffective(config, LimitsInForce.json(planMissing ? null : own, inForce, ceiling(snapshot, config)));
        } else if (output.asObjects()) {
            out().println(output.document(Json.tree(TenantConfigJson.write(config))));
        } else {
            print(config);
        }
        out().flush();
        warn(TenantOperations.warnings(inForce == null ? config : inForce, options.load()));
        return ExitCodes.OK;
    }

    private static @Nullable Ceiling ceiling(TenantDirectory.Snapshot snapshot, @Nullable TenantConfig own) {
        ConfigRecord plan =
                own == null || own.plan() == null ? null : snapshot.plans().get(own.plan());
        return plan == null || plan.config() == null ? null : plan.config().ceiling();
    }

    private void printEffective(@Nullable TenantConfig own, ObjectNode limits) {
        String plan = own == null ? null : own.plan();
        if (output.asObjects()) {
            ObjectNode json = Json.object();
            Json.putTenant(json, tenant);
            json.put("label", own == null ? "" : own.label());
            json.put("plan", plan);
            json.set("limits", limits);
            out().println(output.document(json));
            return;
        }
        Table table = new Table("FIELD", "VALUE", "ORIGIN", "CEILING");
        table.row("tenant_id", tenant.decimal(), null, null);
        table.row("label", own == null ? "" : own.label(), null, null);
        table.row("plan", plan, null, null);
        limits.properties()
                .forEach(limit -> table.row(
                        limit.getKey(),
                        value(limit.getKey(), limit.getValue().path("value")),
                        origin(limit.getValue().path("origin").asText(), plan),
                        limit.getValue().has("ceiling")
                                ? value(limit.getKey(), limit.getValue().path("ceiling"))
                                : null));
        table.print(out());
    }

    private static String value(String field, JsonNode value) {
        if (field.equals("periods")) {
            return ConfigTexts.periods(value);
        }
        if (field.equals("signals")) {
            return ConfigTexts.signals(value);
        }
        if (field.equals("required_regions")) {
            return value.isEmpty()
                    ? "anywhere"
                    : value.valueStream().map(JsonNode::asText).collect(Collectors.joining(", "));
        }
        if (value.isNull()) {
            return switch (field) {
                case "blocked_until" -> "-";
                case "entity_idle_ttl" -> "never";
                default -> "unlimited";
            };
        }
        return switch (field) {
            case "max_signals_per_sec" -> value.asText() + "/s";
            case "max_bytes_per_sec" -> Amounts.exactSize(value.bigIntegerValue()) + "/s";
            case "burst_bytes", "max_signal_bytes", "max_storage_bytes" -> Amounts.exactSize(value.bigIntegerValue());
            default -> value.asText();
        };
    }

    private static String origin(String id, @Nullable String plan) {
        return id.equals("plan") ? "plan " + plan : id.replace('_', ' ');
    }

    private void print(TenantConfig config) {
        Set<String> set = config.plan() == null ? null : TenantConfigJson.fieldsSet(config);
        Table table = new Table("FIELD", "VALUE");
        BiConsumer<String, @Nullable Object> row = (field, value) ->
                table.row(field, set == null || set.contains(field) ? value : "from plan " + config.plan());
        table.row("tenant_id", config.tenantId().decimal());
        table.row("external_ids", String.join(", ", config.externalIds()));
        table.row("label", config.label());
        table.row("plan", config.plan());
        row.accept("max_signals_per_sec", ConfigTexts.rate(config));
        row.accept("burst_signals", ConfigTexts.burst(config));
        row.accept("max_bytes_per_sec", ConfigTexts.byteRate(config));
        row.accept("burst_bytes", ConfigTexts.byteBurst(config));
        row.accept("max_signal_bytes", ConfigTexts.signalBytes(config));
        row.accept("periods", ConfigTexts.periods(config.periods().stream()));
        row.accept("signals", ConfigTexts.signals(config));
        row.accept("max_entities", ConfigTexts.entities(config));
        row.accept("max_items", Amounts.orUnlimited(config.maxItems()));
        row.accept("max_users", Amounts.orUnlimited(config.maxUsers()));
        row.accept("max_creators", Amounts.orUnlimited(config.maxCreators()));
        row.accept("entity_idle_ttl", config.entityIdleTtl() == null ? "never" : IdleTtl.text(config.entityIdleTtl()));
        row.accept("max_storage_bytes", ConfigTexts.storage(config));
        row.accept(
                "required_regions",
                config.requiredRegions().isEmpty() ? "anywhere" : String.join(", ", config.requiredRegions()));
        row.accept("mode", ConfigTexts.mode(config));
        row.accept("blocked_until", config.blockedUntil());
        table.print(out());
    }
}
