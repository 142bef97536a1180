package io.tidegate.cli;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tidegate.admin.ChangeWarnings;
import io.tidegate.admin.TenantDirectory;
import io.tidegate.admin.TenantOperations;
import io.tidegate.admin.TenantOperations.Outcome.Changed;
import io.tidegate.config.Settings;
import io.tidegate.tenant.TenantConfig;
import io.tidegate.tenant.TenantConfigJson;
import io.tidegate.tools.DryRun;
import io.tidegate.tools.DurationText;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;

@Command(
        name = "set",
        mixinStandardHelpOptions = true,
        description = "Sets limits of a tenant; other fields stay. A new tenant has only the given limits.")
final class TenantSetCommand extends ConfigChange {
    @Option(
            names = "--plan",
            paramLabel = "PLAN",
            description =
                    "The plan, which supplies every limit that the tenant does not set itself (see `tidegate plans`).")
    private @Nullable String plan;

    @Option(
            names = "--external-id",
            paramLabel = "NAME",
            description =
                    "A name by which signals and commands can refer to the tenant; can be repeated, replaces all.")
    private @Nullable List<String> externalIds;

    @Mixin
    private LimitOptions limits = new LimitOptions();

    @Option(
            names = "--from",
            paramLabel = "FILE",
            description =
                    "A whole config as JSON or YAML, - for standard input; replaces all fields, then other options apply."
                            + " Of another tenant's config, only the limits are used.")
    private @Nullable String from;

    @Option(
            names = "--dry-run",
            description = "Set nothing; print how many of the tenant's last signals would have been rejected.")
    private boolean dryRun;

    @Option(
            names = "--since",
            paramLabel = "TIME",
            converter = Amounts.TimeConverter.class,
            description = "With --dry-run: signals from this time on: 2026-11-25T14:30:00Z, or an age such as 15m."
                    + " Default: 1h.")
    private @Nullable Instant since;

    /** Whether the file of {@code --from} sets the mode. */
    private boolean fileHasMode;

    @Override
    Integer execute() {
        if (since != null && !dryRun) {
            throw new ParameterException(spec.commandLine(), "--since selects the signals of a preview: add --dry-run");
        }
        TenantConfig base = from != null ? read(from) : null;
        // Reject an invalid limit before reading the other ones from the broker.
        TenantConfig unused = apply(base != null ? base : fresh());
        if (base == null && plan == null && externalIds == null && !limits.namesAny()) {
            throw new ParameterException(spec.commandLine(), "give at least one option to set, such as --rate 100/s");
        }
        if (dryRun) {
            long nowMs = System.currentTimeMillis();
            TenantDirectory.Snapshot snapshot = directory().snapshot();
            TenantConfig found = isOfThisTenant(base) ? base : stored(snapshot);
            TenantConfig own = change(base, found != null ? found : fresh());
            TenantConfig proposed = snapshot.completed(own);
            if (proposed == null) {
                throw new ParameterException(spec.commandLine(), "plan: '%s' does not exist".formatted(own.plan()));
            }
            Settings settings = options.loadConnected();
            print(new DryRun(settings, settings.configuredEntitiesMax()).judge(proposed, judged(nowMs), nowMs));
            if (!proposed.periods().isEmpty()) {
                hint("limits of periods were judged from the start of the range, ignoring earlier usage");
            }
            if (proposed.entityIdleTtl() != null) {
                hint(
                        "entities were counted from the signals of the range and of the %s (entity_idle_ttl) before it, as far as"
                                        .formatted(DurationText.of(
                                                proposed.entityIdleTtl().toMillis()))
                                + " Kafka still has them");
            }
            warn(ChangeWarnings.ofProposed(own, snapshot, options.load()));
            hint("nothing was set");
            return ExitCodes.OK;
        }
        TenantOperations.Outcome outcome = operate((operations, caller) -> isOfThisTenant(base)
                ? operations.set(apply(base), caller)
                : operations.changeOrCreate(tenant, own -> change(base, own), caller));
        int exit = print(outcome, "set");
        if (outcome instanceof Changed changed && changed.config() != null) {
            explainBurst(changed.config());
            if (output.isTable()) {
                hint("to see what is rejected: tidegate rejections tail -f --tenant %s%s"
                        .formatted(tenant.decimal(), options.repeated()));
            }
        }
        return exit;
    }

    private boolean isOfThisTenant(@Nullable TenantConfig base) {
        return base != null && base.tenantId().equals(tenant);
    }

    /** @param base the whole config of this tenant, the limits of another, or null for the options alone */
    private TenantConfig change(@Nullable TenantConfig base, TenantConfig own) {
        return apply(base == null || isOfThisTenant(base) ? own : own.withLimitsOf(base));
    }

    private Duration judged(long nowMs) {
        return since == null ? Duration.ofHours(1) : Duration.ofMillis(Math.max(0, nowMs - since.toEpochMilli()));
    }

    /**
     * Explains a burst that stays when the rate changes, because it may no longer fit the rate. There is a warning about one
     * that is below the rate.
     */
    private void explainBurst(TenantConfig config) {
        Long kept = config.burstSignals();
        Long rate = config.maxSignalsPerSec();
        if (limits.keepsBurst() && kept != null && rate != null && kept >= rate) {
            hint(("the burst stays %d, as set before; the default would be %d (2 × the rate): tidegate tenants"
                            + " unset %s --burst")
                    .formatted(
                            kept, config.toBuilder().burstSignals(null).build().burst(), tenant.decimal()));
        }
    }

    private void print(DryRun.Report report) {
        if (output.asObjects()) {
            ObjectNode json = Json.object();
            Json.putTenant(json, tenant);
            report.writeTo(json);
            out().println(output.line(json));
        } else {
            out().println("%d of %d signals of tenant %s would have been rejected"
                    .formatted(report.rejectedCount(), report.signals(), tenant));
            report.rejected().forEach((reason, count) -> out().println("  %s %d".formatted(reason.id(), count)));
        }
        out().flush();
    }

    private TenantConfig fresh() {
        return tenant.isDefault() ? TenantConfig.defaultTenant() : TenantConfig.unlimited(tenant, "");
    }

    private TenantConfig apply(TenantConfig base) {
        try {
            TenantConfig.Builder changed = base.toBuilder();
            if (plan != null) {
                changed.plan(plan);
            }
            if (fileHasMode) {
                changed.mode(base.mode()); // the plan's would replace it
            }
            if (externalIds != null) {
                changed.externalIds(externalIds);
            }
            return limits.apply(changed.build());
        } catch (IllegalArgumentException e) {
            throw new ParameterException(spec.commandLine(), e.getMessage(), e);
        }
    }

    private TenantConfig read(String file) {
        try {
            byte[] json = file.equals("-") ? System.in.readAllBytes() : Files.readAllBytes(Path.of(file));
            return parsed(json);
        } catch (IllegalArgumentException e) {
            throw new ParameterException(spec.commandLine(), "--from %s: %s".formatted(file, e.getMessage()), e);
        } catch (IOException e) {
            throw new ParameterException(
                    spec.commandLine(), "--from %s cannot be read: %s".formatted(file, ErrorText.of(e)), e);
        }
    }

    /**
     * The config may be of another tenant, whose limits this one gets ({@code tenants get 42 -o json | tenants set 43 --from -}), or
     * of none.
     */
    private TenantConfig parsed(byte[] text) {
        byte[] named = Json.ofYaml(text);
        JsonNode tree = Json.tree(named);
        if (tree instanceof ObjectNode object && !object.has("tenant_id")) {
            Json.putTenant(object, tenant);
            named = Json.line(object).getBytes(StandardCharsets.UTF_8);
        }
        TenantConfig config = TenantConfigJson.parse(named);
        fileHasMode = tree.path("mode").isTextual();
        if (!isOfThisTenant(config)) {
            hint("the config is of tenant %s; its limits are used for tenant %s, whose label, names and block stay"
                    .formatted(config.tenantId(), tenant));
        }
        return config;
    }
}
