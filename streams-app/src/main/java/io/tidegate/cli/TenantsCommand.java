package io.tidegate.cli;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tidegate.admin.AdminException;
import io.tidegate.admin.ConfigEdit;
import io.tidegate.admin.TenantDirectory;
import io.tidegate.admin.TenantOperations;
import io.tidegate.admin.TenantOperations.Outcome.Changed;
import io.tidegate.admin.TenantOperations.Outcome.Rejected;
import io.tidegate.tenant.ConfigWarnings.Warning;
import io.tidegate.tenant.TenantConfig;
import io.tidegate.tenant.TenantConfigJson;
import io.tidegate.tenant.TenantId;
import io.tidegate.tools.DryRun;
import java.io.IOException;
import java.io.PrintWriter;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.concurrent.Callable;
import java.util.function.BiFunction;
import java.util.function.Function;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

@Command(
        name = "tenants",
        mixinStandardHelpOptions = true,
        description = "Reads and sets what tenants may do. Changes hold in every instance at once, without a restart.",
        synopsisSubcommandLabel = "COMMAND",
        subcommands = {
            TenantListCommand.class,
            TenantsCommand.Get.class,
            TenantsCommand.Set.class,
            TenantsCommand.Unset.class,
            TenantsCommand.Rm.class,
            TenantHistoryCommands.History.class,
            TenantHistoryCommands.Undo.class,
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
                "a command is missing: ls, get, set, unset, rm, history, undo, block, unblock, forget or purge");
    }

    /** What all commands on tenants share. */
    abstract static class OnTenants implements Callable<Integer> {
        @Mixin
        SettingsOptions options = new SettingsOptions();

        @Spec
        @Nullable
        CommandSpec spec;

        TenantDirectory directory() {
            return new TenantDirectory(options.load());
        }

        PrintWriter out() {
            return spec.commandLine().getOut();
        }

        void hint(String text) {
            spec.commandLine().getErr().println(text);
        }
    }

    /** The commands on one tenant. */
    abstract static class OnTenant extends OnTenants {
        @Parameters(
                index = "0",
                paramLabel = "TENANT",
                converter = Amounts.TenantConverter.class,
                description = "The tenant's id.")
        TenantId tenant = TenantId.DEFAULT;

        /**
         * The tenant's stored config; null where it has none.
         *
         * @throws AdminException if the record is not a config: what it meant to limit must not be lost unnoticed
         */
        @Nullable
        TenantConfig stored(TenantDirectory directory) {
            TenantDirectory.Stored found = directory.configs().get(tenant);
            if (found != null && found.config() == null) {
                throw new AdminException(TenantOperations.notAConfig(tenant, found.offset()));
            }
            return found == null ? null : found.config();
        }

        /** Runs one operation. */
        TenantOperations.Outcome operate(
                BiFunction<TenantOperations, TenantOperations.Caller, TenantOperations.Outcome> operation) {
            try (TenantOperations operations = new TenantOperations(options.load())) {
                return operation.apply(operations, TenantOperations.Caller.ofCommandLine());
            }
        }

        /** Says why an operation was not done. */
        int rejected(ConfigEdit.Rejection rejection) {
            if (rejection.kind() == ConfigEdit.Kind.INVALID_CONFIG) {
                throw new ParameterException(spec.commandLine(), rejection.message());
            }
            hint(Table.printable(rejection.message()));
            switch (rejection.kind()) {
                case TENANT_UNKNOWN ->
                    hint("give it one with: tidegate tenants set %s --rate 100/s".formatted(tenant.decimal()));
                case NOT_A_CONFIG ->
                    hint(
                            "replace it with: tidegate tenants set %1$s --from FILE; remove it with: tidegate tenants rm %1$s"
                                    .formatted(tenant.decimal()));
                default -> {
                    // the message says all
                }
            }
            return ExitCodes.FAILED;
        }

        void warn(List<Warning> warnings) {
            warnings.forEach(warning -> hint("warning: " + Table.printable(warning.message())));
        }
    }

    /** The commands that change a tenant's config, and say where the change stands in its topic. */
    abstract static class Changing extends OnTenant {
        @Mixin
        OutputOptions output = new OutputOptions();

        /**
         * Prints an outcome.
         *
         * @param what such as "set"
         */
        int print(TenantOperations.Outcome outcome, String what) {
            if (outcome instanceof Rejected rejected) {
                return rejected(rejected.rejection());
            }
            Changed changed = (Changed) outcome;
            if (output.json()) {
                out().println(Json.line(json(changed)));
            } else {
                out().println(
                                changed.offset() < 0
                                        ? "tenant %s %s".formatted(tenant, what)
                                        : "tenant %s %s (config offset %d)".formatted(tenant, what, changed.offset()));
                if (changed.config() != null) {
                    ConfigTexts.difference(changed.before(), changed.config())
                            .forEach(line -> out().println("  " + Table.printable(line)));
                    out().println("now: " + ConfigTexts.limits(changed.config()));
                }
            }
            out().flush();
            warn(changed.warnings());
            return ExitCodes.OK;
        }

        private ObjectNode json(Changed changed) {
            ObjectNode json = Json.object();
            json.put("tenant_id", new BigInteger(tenant.decimal()));
            json.put("config_offset", changed.offset());
            json.set("config", changed.config() == null ? null : Json.tree(TenantConfigJson.write(changed.config())));
            ArrayNode warnings = json.putArray("warnings");
            changed.warnings()
                    .forEach(warning -> warnings.addObject()
                            .put("id", warning.id())
                            .put("field", warning.field())
                            .put("message", warning.message()));
            return json;
        }
    }

    @Command(
            name = "get",
            mixinStandardHelpOptions = true,
            description = "Prints a tenant's config; with -o json in the form that `set --from -` reads.")
    static final class Get extends OnTenant {
        @Mixin
        private OutputOptions output = new OutputOptions();

        @Override
        public Integer call() {
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
            table.row("label", config.label());
            table.row("max_signals_per_sec", rate(config));
            boolean limited = config.maxSignalsPerSec() != null;
            table.row(
                    "burst_signals",
                    !limited ? "unlimited" : config.burst() + (config.burstSignals() == null ? " (2 × the rate)" : ""));
            table.row("max_entities", entities(config));
            table.row("max_storage_bytes", storage(config));
            table.row(
                    "required_regions",
                    config.requiredRegions().isEmpty() ? "anywhere" : String.join(", ", config.requiredRegions()));
            table.row("mode", config.mode().name().toLowerCase(Locale.ROOT));
            table.row("blocked_until", config.blockedUntil());
            table.print(out());
        }
    }

    @Command(
            name = "set",
            mixinStandardHelpOptions = true,
            description =
                    "Sets limits of a tenant; what is not named stays. A new tenant has no limit but those that are named.")
    static final class Set extends Changing {
        @Option(names = "--rate", paramLabel = "N/s", description = "Signals per second; 0 rejects all.")
        private @Nullable String rate;

        @Option(names = "--burst", paramLabel = "N", description = "Size of the bucket in signals.")
        private @Nullable Long burst;

        @Option(names = "--entities", paramLabel = "N", description = "Distinct items, users and creators together.")
        private @Nullable BigInteger entities;

        @Option(names = "--storage", paramLabel = "SIZE", description = "Bytes of sealed WAL segments, such as 1GiB.")
        private @Nullable String storage;

        @Option(
                names = "--region",
                paramLabel = "NAME",
                description = "Where the data must reside; can be repeated, replaces all.")
        private @Nullable List<String> regions;

        @Option(names = "--label", paramLabel = "TEXT", description = "A name for people.")
        private @Nullable String label;

        @Option(names = "--mode", paramLabel = "MODE", description = "enforce, or observe: count but accept.")
        private TenantConfig.@Nullable Mode mode;

        @Option(
                names = "--blocked-until",
                paramLabel = "TIME",
                description = "Reject everything until then (ISO, UTC).")
        private @Nullable String blockedUntil;

        @Option(
                names = "--from",
                paramLabel = "FILE",
                description = "A whole config as JSON, - for standard input; replaces all, other options come on top.")
        private @Nullable String from;

        @Option(
                names = "--dry-run",
                description = "Set nothing; say how many of the tenant's last signals would have been refused.")
        private boolean dryRun;

        @Option(
                names = "--since",
                paramLabel = "TIME",
                converter = Amounts.DurationConverter.class,
                description = "With --dry-run: how far back. Default: 1h.")
        private Duration since = Duration.ofHours(1);

        @Override
        public Integer call() {
            TenantDirectory directory = directory();
            TenantConfig base = from != null ? read(from) : null;
            // A limit that cannot be is refused before the broker is asked for the ones that stay.
            TenantConfig unused = apply(base != null ? base : fresh());
            if (base == null && !namesAny()) {
                throw new ParameterException(spec.commandLine(), "name what to set, such as --rate 100/s");
            }
            if (dryRun) {
                TenantConfig found = base != null ? base : stored(directory);
                TenantConfig proposed = apply(found != null ? found : fresh());
                print(new DryRun(options.load()).judge(proposed, since, System.currentTimeMillis()));
                warn(TenantOperations.warnings(proposed, options.load()));
                hint("nothing was set");
                return ExitCodes.OK;
            }
            TenantOperations.Outcome outcome = operate((operations, caller) -> base != null
                    ? operations.set(apply(base), caller)
                    : operations.changeOrCreate(tenant, this::apply, caller));
            int exit = print(outcome, "set");
            if (outcome instanceof Changed changed && changed.config() != null) {
                explainBurst(changed.config());
            }
            return exit;
        }

        /** A burst that was set earlier stays when the rate changes, and may no longer fit it. */
        private void explainBurst(TenantConfig config) {
            Long kept = config.burstSignals();
            if (rate != null && burst == null && kept != null && config.maxSignalsPerSec() != null) {
                hint(
                        ("the burst stays %d, as it was set; without it the burst would be %d (2 × the rate): tidegate tenants"
                                        + " unset %s --burst")
                                .formatted(
                                        kept,
                                        config.toBuilder()
                                                .burstSignals(null)
                                                .build()
                                                .burst(),
                                        tenant.decimal()));
            }
        }

        private void print(DryRun.Report report) {
            if (output.json()) {
                ObjectNode json = Json.object();
                json.put("tenant_id", new BigInteger(tenant.decimal()));
                report.writeTo(json);
                out().println(Json.line(json));
            } else {
                out().println("%d of %d signals of tenant %s would have been refused"
                        .formatted(report.rejectedCount(), report.signals(), tenant));
                report.rejected().forEach((reason, count) -> out().println("  %s %d".formatted(reason.id(), count)));
            }
            out().flush();
        }

        private boolean namesAny() {
            return Stream.of(rate, burst, entities, storage, regions, label, mode, blockedUntil)
                    .anyMatch(Objects::nonNull);
        }

        private TenantConfig fresh() {
            return tenant.isDefault() ? TenantConfig.defaultTenant() : TenantConfig.unlimited(tenant, "");
        }

        private TenantConfig apply(TenantConfig base) {
            try {
                return base.toBuilder()
                        .maxSignalsPerSec(
                                rate == null ? base.maxSignalsPerSec() : amount("--rate", rate, Amounts::perSecond))
                        .burstSignals(burst == null ? base.burstSignals() : burst)
                        .maxEntities(entities == null ? base.maxEntities() : entities)
                        .maxStorageBytes(
                                storage == null ? base.maxStorageBytes() : amount("--storage", storage, Amounts::bytes))
                        .requiredRegions(regions == null ? base.requiredRegions() : regions)
                        .label(label == null ? base.label() : label)
                        .mode(mode == null ? base.mode() : mode)
                        .blockedUntil(blockedUntil == null ? base.blockedUntil() : time(blockedUntil))
                        .build();
            } catch (IllegalArgumentException e) {
                throw new ParameterException(spec.commandLine(), e.getMessage(), e);
            }
        }

        private static <T> T amount(String option, String text, Function<String, T> read) {
            try {
                return read.apply(text);
            } catch (IllegalArgumentException e) {
                throw new IllegalArgumentException("%s: %s".formatted(option, e.getMessage()), e);
            }
        }

        private static Instant time(String text) {
            try {
                return Instant.parse(text);
            } catch (DateTimeException e) {
                throw new IllegalArgumentException(
                        "--blocked-until: '%s' is not a time such as 2026-01-31T12:00:00Z".formatted(text), e);
            }
        }

        private TenantConfig read(String file) {
            try {
                byte[] json = file.equals("-") ? System.in.readAllBytes() : Files.readAllBytes(Path.of(file));
                return ofThisTenant(json);
            } catch (IllegalArgumentException e) {
                throw new ParameterException(spec.commandLine(), "--from %s: %s".formatted(file, e.getMessage()), e);
            } catch (IOException e) {
                throw new ParameterException(
                        spec.commandLine(), "--from %s cannot be read: %s".formatted(file, Tidegate.message(e)), e);
            }
        }

        /** The config of another tenant, or of none, is a template: {@code tenants get 42 -o json | tenants set 43 --from -}. */
        private TenantConfig ofThisTenant(byte[] json) {
            byte[] named = json;
            if (Json.tree(json) instanceof ObjectNode object && !object.has("tenant_id")) {
                named = Json.line(object.put("tenant_id", new BigInteger(tenant.decimal())))
                        .getBytes(StandardCharsets.UTF_8);
            }
            TenantConfig config = TenantConfigJson.parse(named);
            if (config.tenantId().equals(tenant)) {
                return config;
            }
            hint("the config names tenant %s; its limits are used for %s".formatted(config.tenantId(), tenant));
            return config.withTenantId(tenant);
        }
    }

    @Command(
            name = "unset",
            mixinStandardHelpOptions = true,
            description = "Takes limits of a tenant away; what is not named stays.")
    static final class Unset extends Changing {
        @Option(names = "--rate", description = "No limit of the rate.")
        private boolean rate;

        @Option(names = "--burst", description = "The bucket is 2 × the rate again.")
        private boolean burst;

        @Option(names = "--entities", description = "No limit of entities.")
        private boolean entities;

        @Option(names = "--storage", description = "No limit of storage.")
        private boolean storage;

        @Option(names = "--region", description = "The data may reside anywhere.")
        private boolean region;

        @Option(names = "--label", description = "No label.")
        private boolean label;

        @Option(names = "--mode", description = "enforce again.")
        private boolean mode;

        @Option(names = "--blocked-until", description = "Not blocked.")
        private boolean blockedUntil;

        @Override
        public Integer call() {
            if (!(rate || burst || entities || storage || region || label || mode || blockedUntil)) {
                throw new ParameterException(spec.commandLine(), "name what to unset, such as --rate");
            }
            return print(operate((operations, caller) -> operations.change(tenant, this::without, caller)), "changed");
        }

        private TenantConfig without(TenantConfig base) {
            return base.toBuilder()
                    .maxSignalsPerSec(rate ? null : base.maxSignalsPerSec())
                    .burstSignals(burst ? null : base.burstSignals())
                    .maxEntities(entities ? null : base.maxEntities())
                    .maxStorageBytes(storage ? null : base.maxStorageBytes())
                    .requiredRegions(region ? List.of() : base.requiredRegions())
                    .label(label ? "" : base.label())
                    .mode(mode ? TenantConfig.Mode.ENFORCE : base.mode())
                    .blockedUntil(blockedUntil ? null : base.blockedUntil())
                    .build();
        }
    }

    @Command(
            name = "rm",
            mixinStandardHelpOptions = true,
            description = "Removes a tenant's config: the tenant is unknown then. Its state and WAL stay.")
    static final class Rm extends Changing {
        @Override
        public Integer call() {
            return print(operate((operations, caller) -> operations.remove(tenant, caller)), "removed");
        }
    }

    static String rate(TenantConfig config) {
        return config.maxSignalsPerSec() == null ? "unlimited" : config.maxSignalsPerSec() + "/s";
    }

    static String entities(@Nullable TenantConfig config) {
        return config == null ? "-" : Amounts.orUnlimited(config.maxEntities());
    }

    static String storage(@Nullable TenantConfig config) {
        if (config == null) {
            return "-";
        }
        return config.maxStorageBytes() == null ? "unlimited" : Amounts.size(config.storageBytesMax());
    }
}
