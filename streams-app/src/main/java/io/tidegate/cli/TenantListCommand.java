package io.tidegate.cli;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tidegate.admin.PeriodsJson;
import io.tidegate.admin.SignalsJson;
import io.tidegate.admin.TenantDirectory;
import io.tidegate.admin.TenantDirectory.ConfigRecord;
import io.tidegate.admin.TenantDirectory.Snapshot;
import io.tidegate.admission.EntityKind;
import io.tidegate.admission.QuotaUse;
import io.tidegate.admission.QuotaUse.PeriodUse;
import io.tidegate.admission.Reason;
import io.tidegate.admission.TenantUsage;
import io.tidegate.tenant.TenantConfig;
import io.tidegate.tenant.TenantConfigJson;
import io.tidegate.tenant.TenantId;
import java.math.BigInteger;
import java.time.Instant;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.ToLongBiFunction;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;

@Command(
        name = "ls",
        aliases = "list",
        mixinStandardHelpOptions = true,
        description =
                "Lists all tenants with usage and limits. OBSERVED counts the signals that observe mode accepted and enforce mode"
                        + " would have rejected; PERIOD is the hour, day or month whose limit is used most; USED is the largest"
                        + " share of a limit, in percent.")
final class TenantListCommand extends OnTenants {
    @Mixin
    private OutputOptions output = new OutputOptions();

    @Option(
            names = "--over",
            paramLabel = "PERCENT",
            description = "Only tenants that used at least this percentage of one of their limits.")
    private @Nullable Integer over;

    private record Row(
            TenantId id,
            @Nullable ConfigRecord stored,
            @Nullable TenantConfig completed,
            @Nullable TenantConfig inForce,
            @Nullable TenantUsage usage,
            long usedPercent) {
        /** Returns the stored config; a plan may complete it. */
        @Nullable
        TenantConfig own() {
            return stored == null ? null : stored.config();
        }

        long sum(ToLongBiFunction<TenantUsage, Reason> count) {
            return usage == null
                    ? 0
                    : Stream.of(Reason.values())
                            .mapToLong(reason -> count.applyAsLong(usage, reason))
                            .sum();
        }
    }

    @Override
    public Integer call() {
        if (over != null && over < 0) {
            throw new ParameterException(spec.commandLine(), "--over: %d is below 0".formatted(over));
        }
        TenantDirectory directory = directory();
        Snapshot snapshot = directory.snapshot();
        Map<TenantId, ConfigRecord> configs = snapshot.tenants();
        Map<TenantId, TenantUsage> usages = directory.usages();
        Set<TenantId> all = new TreeSet<>(configs.keySet());
        all.addAll(usages.keySet());
        long nowMs = System.currentTimeMillis();
        Stream<Row> rows = all.stream()
                .map(id -> {
                    TenantConfig inForce = directory.inForce(snapshot, id);
                    TenantUsage usage = usages.get(id);
                    if (usage != null) {
                        usage.showAsOf(inForce, nowMs);
                    }
                    long usedPercent = QuotaUse.percent(usage, inForce, nowMs);
                    ConfigRecord stored = configs.get(id);
                    return new Row(id, stored, completed(snapshot, stored), inForce, usage, usedPercent);
                })
                .filter(row -> over == null || row.usedPercent() >= over);
        if (output.asObjects()) {
            rows.forEach(row -> out().println(output.line(json(row))));
        } else {
            table(rows, nowMs).print(out());
        }
        out().flush();
        return ExitCodes.OK;
    }

    /** Returns the limits of a tenant with its own config; null if it has none, or its plan does not exist. */
    private static @Nullable TenantConfig completed(Snapshot snapshot, @Nullable ConfigRecord stored) {
        return stored == null || stored.config() == null ? null : snapshot.completed(stored.config());
    }

    private static Table table(Stream<Row> rows, long nowMs) {
        Table table = new Table(
                "TENANT>",
                "NAMES",
                "LABEL",
                "PLAN",
                "RATE>",
                "BURST>",
                "ACCEPTED>",
                "REJECTED>",
                "OBSERVED>",
                "BYTES>",
                "ENTITIES>",
                "STORAGE>",
                "PERIOD>",
                "USED>",
                "STATE");
        rows.forEach(row -> {
            TenantConfig own = row.own();
            TenantConfig config = row.completed();
            TenantUsage usage = row.usage();
            table.row(
                    row.id().decimal(),
                    own == null ? null : Table.shortened(String.join(", ", own.externalIds())),
                    own == null ? null : Table.shortened(own.label()),
                    own == null ? null : own.plan(),
                    config == null ? null : rates(config),
                    config == null || config.maxSignalsPerSec() == null ? null : config.burst(),
                    usage == null ? 0 : usage.acceptedCount(),
                    row.sum(TenantUsage::rejectedCount),
                    row.sum(TenantUsage::observedCount),
                    bytes(usage, config),
                    entities(usage, config),
                    "%s / %s"
                            .formatted(
                                    Amounts.size(usage == null ? 0 : usage.sealedBytes()), ConfigTexts.storage(config)),
                    config == null ? null : period(usage, config, nowMs),
                    row.usedPercent() + " %",
                    state(row));
        });
        return table;
    }

    /** Returns the rate of all signals, and of each value of {@code signal} that has its own rate. */
    private static String rates(TenantConfig config) {
        StringBuilder text = new StringBuilder(ConfigTexts.rate(config));
        config.signals()
                .forEach((type, limit) -> text.append(", ")
                        .append(type)
                        .append(' ')
                        .append(limit.maxSignalsPerSec())
                        .append("/s"));
        return text.toString();
    }

    /** Returns the accepted bytes, and the byte rate if there is one. */
    private static String bytes(@Nullable TenantUsage usage, @Nullable TenantConfig config) {
        String accepted = Amounts.size(usage == null ? 0 : usage.acceptedBytes());
        return config == null || config.maxBytesPerSec() == null
                ? accepted
                : accepted + " / " + ConfigTexts.byteRate(config);
    }

    /** Returns all entities with their limit, and each kind that has its own limit. */
    private static String entities(@Nullable TenantUsage usage, @Nullable TenantConfig config) {
        StringBuilder text = new StringBuilder();
        text.append(usage == null ? 0 : usage.entityCount()).append(" / ").append(ConfigTexts.entities(config));
        if (config != null) {
            addKind(text, usage, EntityKind.ITEM, config.maxItems());
            addKind(text, usage, EntityKind.USER, config.maxUsers());
            addKind(text, usage, EntityKind.CREATOR, config.maxCreators());
        }
        return text.toString();
    }

    private static void addKind(
            StringBuilder text, @Nullable TenantUsage usage, EntityKind kind, @Nullable BigInteger max) {
        if (max != null) {
            text.append(", %ss %d / %d".formatted(kind.id(), usage == null ? 0 : usage.entityCount(kind), max));
        }
    }

    /** Returns the use of the limit of a period that is used most, such as "day 900 / 1000"; null without such a limit. */
    static @Nullable String period(@Nullable TenantUsage usage, TenantConfig config, long nowMs) {
        PeriodUse most = QuotaUse.mostUsed(QuotaUse.periods(usage, config, nowMs));
        if (most == null) {
            return null;
        }
        return most.bytes()
                ? "%s %s / %s".formatted(most.of().per().id(), Amounts.size(most.used()), Amounts.size(most.limit()))
                : "%s %d / %d"
                        .formatted(most.of().per().id(), most.used(), most.of().maxSignals());
    }

    private static String state(Row row) {
        if (row.stored() == null) {
            return row.id().isDefault() ? "default" : "no config";
        }
        if (row.own() == null) {
            return "bad config";
        }
        TenantConfig config = row.completed();
        if (config == null) {
            return "no such plan";
        }
        return config.isBlocked(System.currentTimeMillis())
                ? "blocked until " + config.blockedUntil()
                : ConfigTexts.mode(config);
    }

    private static ObjectNode json(Row row) {
        ObjectNode json = Json.object();
        Json.putTenant(json, row.id());
        TenantConfig config = row.own();
        if (row.stored() == null || config == null) {
            json.putNull("config");
        } else {
            json.set("config", Json.tree(TenantConfigJson.write(config)));
            json.put("config_offset", row.stored().offset());
        }
        json.put("used_percent", row.usedPercent());
        TenantUsage usage = row.usage();
        if (usage == null) {
            json.putNull("usage");
            return json;
        }
        ObjectNode use = json.putObject("usage");
        use.put("accepted", usage.acceptedCount());
        use.put("accepted_bytes", usage.acceptedBytes());
        ObjectNode rejected = use.putObject("rejected");
        ObjectNode observed = use.putObject("observed");
        for (Reason reason : Reason.values()) {
            rejected.put(reason.id(), usage.rejectedCount(reason));
            observed.put(reason.id(), usage.observedCount(reason));
        }
        ObjectNode entities = use.putObject("entities");
        for (EntityKind kind : EntityKind.values()) {
            entities.put(kind.id(), usage.entityCount(kind));
        }
        use.set("signals", SignalsJson.of(usage, row.inForce(), System.currentTimeMillis()));
        use.set("periods", PeriodsJson.of(usage, row.inForce(), System.currentTimeMillis()));
        use.put("sealed_segments", usage.sealedSegments());
        use.put("sealed_bytes", usage.sealedBytes());
        use.put(
                "last_decision_at",
                usage.lastDecisionMs() == 0
                        ? null
                        : Instant.ofEpochMilli(usage.lastDecisionMs()).toString());
        return json;
    }
}
