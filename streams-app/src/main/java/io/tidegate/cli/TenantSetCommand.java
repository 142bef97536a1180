package io.tidegate.cli;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tidegate.admin.TenantDirectory;
import io.tidegate.admin.TenantOperations;
import io.tidegate.admin.TenantOperations.Outcome.Changed;
import io.tidegate.tenant.TenantConfig;
import io.tidegate.tenant.TenantConfigJson;
import io.tidegate.tools.DryRun;
import java.io.IOException;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Objects;
import java.util.function.Function;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;

@Command(
        name = "set",
        mixinStandardHelpOptions = true,
        description =
                "Sets limits of a tenant; what is not named stays. A new tenant has no limit but those that are named.")
final class TenantSetCommand extends ConfigChange {
    @Option(names = "--rate", paramLabel = "N/s", description = "Signals per second; 0 rejects all.")
    private @Nullable String rate;

    @Option(names = "--burst", paramLabel = "N", description = "Size of the bucket in signals.")
    private @Nullable Long burst;

    @Option(
            names = "--byte-rate",
            paramLabel = "SIZE/s",
            description = "Bytes of values per second, such as 1MiB/s; 0 rejects all.")
    private @Nullable String byteRate;

    @Option(
            names = "--byte-burst",
            paramLabel = "SIZE",
            description = "Size of the byte bucket, such as 4MiB; a larger signal is rejected.")
    private @Nullable String byteBurst;

    @Option(names = "--signal-size", paramLabel = "SIZE", description = "Bytes of the largest value, such as 64KiB.")
    private @Nullable String signalSize;

    @Option(names = "--entities", paramLabel = "N", description = "Distinct items, users and creators together.")
    private @Nullable BigInteger entities;

    @Option(names = "--items", paramLabel = "N", description = "Distinct items.")
    private @Nullable BigInteger items;

    @Option(names = "--users", paramLabel = "N", description = "Distinct users.")
    private @Nullable BigInteger users;

    @Option(names = "--creators", paramLabel = "N", description = "Distinct creators.")
    private @Nullable BigInteger creators;

    @Option(names = "--storage", paramLabel = "SIZE", description = "Bytes of sealed WAL segments, such as 1GiB.")
    private @Nullable String storage;

    @Option(
            names = "--region",
            paramLabel = "NAME",
            description = "Where the data must reside; can be repeated, replaces all.")
    private @Nullable List<String> regions;

    @Option(
            names = "--external-id",
            paramLabel = "NAME",
            description =
                    "A name by which signals and commands can refer to the tenant; can be repeated, replaces all.")
    private @Nullable List<String> externalIds;

    @Option(names = "--label", paramLabel = "TEXT", description = "A name for people.")
    private @Nullable String label;

    @Option(names = "--mode", paramLabel = "MODE", description = "enforce, or observe: count but accept.")
    private TenantConfig.@Nullable Mode mode;

    @Option(names = "--blocked-until", paramLabel = "TIME", description = "Reject everything until then (ISO, UTC).")
    private @Nullable String blockedUntil;

    @Option(
            names = "--from",
            paramLabel = "FILE",
            description = "A whole config as JSON, - for standard input; replaces all, other options come on top.")
    private @Nullable String from;

    @Option(
            names = "--dry-run",
            description = "Set nothing; say how many of the tenant's last signals would have been rejected.")
    private boolean dryRun;

    @Option(
            names = "--since",
            paramLabel = "TIME",
            converter = Amounts.DurationConverter.class,
            description = "With --dry-run: how far back. Default: 1h.")
    private Duration since = Duration.ofHours(1);

    @Override
    Integer execute() {
        TenantDirectory directory = directory();
        TenantConfig base = from != null ? read(from) : null;
        // An invalid limit is rejected before the broker is asked for the ones that stay.
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
            hint(("the burst stays %d, as it was set; without it the burst would be %d (2 × the rate): tidegate tenants"
                            + " unset %s --burst")
                    .formatted(
                            kept, config.toBuilder().burstSignals(null).build().burst(), tenant.decimal()));
        }
    }

    private void print(DryRun.Report report) {
        if (output.json()) {
            ObjectNode json = Json.object();
            json.put("tenant_id", new BigInteger(tenant.decimal()));
            report.writeTo(json);
            out().println(Json.line(json));
        } else {
            out().println("%d of %d signals of tenant %s would have been rejected"
                    .formatted(report.rejectedCount(), report.signals(), tenant));
            report.rejected().forEach((reason, count) -> out().println("  %s %d".formatted(reason.id(), count)));
        }
        out().flush();
    }

    private boolean namesAny() {
        return Stream.of(
                        rate,
                        burst,
                        byteRate,
                        byteBurst,
                        signalSize,
                        entities,
                        items,
                        users,
                        creators,
                        storage,
                        regions,
                        externalIds,
                        label,
                        mode,
                        blockedUntil)
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
                    .maxBytesPerSec(
                            byteRate == null
                                    ? base.maxBytesPerSec()
                                    : amount("--byte-rate", byteRate, Amounts::bytesPerSecond))
                    .burstBytes(
                            byteBurst == null ? base.burstBytes() : amount("--byte-burst", byteBurst, Amounts::bytes))
                    .maxSignalBytes(
                            signalSize == null
                                    ? base.maxSignalBytes()
                                    : amount("--signal-size", signalSize, TenantSetCommand::u32))
                    .maxEntities(entities == null ? base.maxEntities() : entities)
                    .maxItems(items == null ? base.maxItems() : items)
                    .maxUsers(users == null ? base.maxUsers() : users)
                    .maxCreators(creators == null ? base.maxCreators() : creators)
                    .maxStorageBytes(
                            storage == null ? base.maxStorageBytes() : amount("--storage", storage, Amounts::bytes))
                    .requiredRegions(regions == null ? base.requiredRegions() : regions)
                    .externalIds(externalIds == null ? base.externalIds() : externalIds)
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

    private static long u32(String text) {
        BigInteger bytes = Amounts.bytes(text);
        if (bytes.compareTo(BigInteger.valueOf(TenantConfig.U32_MAX)) > 0) {
            throw new IllegalArgumentException(
                    "%s is above the largest limit, %d bytes".formatted(text, TenantConfig.U32_MAX));
        }
        return bytes.longValue();
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
                    spec.commandLine(), "--from %s cannot be read: %s".formatted(file, ErrorText.of(e)), e);
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
