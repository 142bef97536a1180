package io.tidegate.cli;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tidegate.admin.AdminException;
import io.tidegate.admin.ConfigWriter;
import io.tidegate.admin.DryRun;
import io.tidegate.admin.TenantDirectory;
import io.tidegate.tenant.TenantConfig;
import io.tidegate.tenant.TenantConfigJson;
import io.tidegate.tenant.TenantId;
import java.io.IOException;
import java.io.PrintWriter;
import java.math.BigInteger;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.concurrent.Callable;
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
                throw notAConfig(found.offset());
            }
            return found == null ? null : found.config();
        }

        /** As {@link #stored}, for an edit. */
        @Nullable
        TenantConfig stored(ConfigWriter.Current current) {
            if (!current.readable()) {
                throw notAConfig(current.offset());
            }
            return current.config();
        }

        private AdminException notAConfig(long offset) {
            return new AdminException(
                    "the record of tenant %s in tenant-configs (offset %d) is not a config of it; replace it with: tidegate"
                                    .formatted(tenant, offset)
                            + " tenants set %s --from FILE".formatted(tenant.decimal()));
        }
    }

    /** The commands that change a tenant's config, and say where the change stands in its topic. */
    abstract static class Changing extends OnTenant {
        @Mixin
        OutputOptions output = new OutputOptions();

        int changed(String what, long offset) {
            if (output.json()) {
                out().println(Json.line(Json.object()
                        .put("tenant_id", new BigInteger(tenant.decimal()))
                        .put("config_offset", offset)));
            } else {
                out().println("tenant %s %s (config offset %d)".formatted(tenant, what, offset));
            }
            out().flush();
            return ExitCodes.OK;
        }

        int hasNoConfig() {
            hint("tenant %s has no config".formatted(tenant));
            return ExitCodes.FAILED;
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
            if (base != null && !base.tenantId().equals(tenant)) {
                throw new ParameterException(
                        spec.commandLine(), "the config is of tenant %s, not of %s".formatted(base.tenantId(), tenant));
            }
            // A limit that cannot be is refused before the broker is asked for the ones that stay.
            TenantConfig unused = apply(base != null ? base : fresh());
            if (base == null && !namesAny()) {
                throw new ParameterException(spec.commandLine(), "name what to set, such as --rate 100/s");
            }
            if (dryRun) {
                TenantConfig found = base != null ? base : stored(directory);
                TenantConfig proposed = apply(found != null ? found : fresh());
                print(new DryRun(options.load()).judge(proposed, since, System.currentTimeMillis()));
                hint("nothing was set");
                return ExitCodes.OK;
            }
            long offset = directory
                    .change(tenant, current -> {
                        TenantConfig stored = base != null ? base : stored(current);
                        return apply(stored != null ? stored : fresh());
                    })
                    .offset();
            return changed("set", offset);
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
                return new TenantConfig(
                        tenant,
                        rate == null ? base.maxSignalsPerSec() : amount("--rate", rate, Amounts::perSecond),
                        burst == null ? base.burstSignals() : burst,
                        entities == null ? base.maxEntities() : entities,
                        storage == null ? base.maxStorageBytes() : amount("--storage", storage, Amounts::bytes),
                        regions == null ? base.requiredRegions() : regions,
                        label == null ? base.label() : label,
                        mode == null ? base.mode() : mode,
                        blockedUntil == null ? base.blockedUntil() : time(blockedUntil));
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
                return TenantConfigJson.parse(json);
            } catch (IllegalArgumentException e) {
                throw new ParameterException(spec.commandLine(), "--from %s: %s".formatted(file, e.getMessage()), e);
            } catch (IOException e) {
                throw new ParameterException(
                        spec.commandLine(), "--from %s cannot be read: %s".formatted(file, Tidegate.message(e)), e);
            }
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
            try {
                long offset = directory().change(tenant, this::without).offset();
                return changed("changed", offset);
            } catch (NoConfig e) {
                return hasNoConfig();
            }
        }

        private TenantConfig without(ConfigWriter.Current current) {
            TenantConfig base = stored(current);
            if (base == null) {
                throw new NoConfig();
            }
            return new TenantConfig(
                    tenant,
                    rate ? null : base.maxSignalsPerSec(),
                    burst ? null : base.burstSignals(),
                    entities ? null : base.maxEntities(),
                    storage ? null : base.maxStorageBytes(),
                    region ? List.of() : base.requiredRegions(),
                    label ? "" : base.label(),
                    mode ? TenantConfig.Mode.ENFORCE : base.mode(),
                    blockedUntil ? null : base.blockedUntil());
        }
    }

    @Command(
            name = "rm",
            mixinStandardHelpOptions = true,
            description = "Removes a tenant's config: the tenant is unknown then. Its state and WAL stay.")
    static final class Rm extends Changing {
        @Override
        public Integer call() {
            try {
                long offset = directory()
                        .change(tenant, current -> {
                            if (current.config() == null && current.readable()) {
                                throw new NoConfig();
                            }
                            return null;
                        })
                        .offset();
                return changed("removed", offset);
            } catch (NoConfig e) {
                return hasNoConfig();
            }
        }
    }

    /** An edit that has nothing to edit: nothing is written. */
    private static final class NoConfig extends RuntimeException {
        private static final long serialVersionUID = 1L;
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
