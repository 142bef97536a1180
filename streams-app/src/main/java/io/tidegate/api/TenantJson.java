package io.tidegate.api;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tidegate.admin.ConfigHistory;
import io.tidegate.admin.LimitsInForce;
import io.tidegate.admin.PeriodsJson;
import io.tidegate.admin.SignalsJson;
import io.tidegate.admission.EntityKind;
import io.tidegate.admission.QuotaUse;
import io.tidegate.admission.Reason;
import io.tidegate.admission.TenantUsage;
import io.tidegate.http.Json;
import io.tidegate.tenant.ConfigWarnings.Warning;
import io.tidegate.tenant.TenantConfig;
import io.tidegate.tenant.TenantConfigJson;
import io.tidegate.tenant.TenantId;
import io.tidegate.topology.TenantConfigs;
import io.tidegate.topology.TenantConfigs.InForce;
import java.math.BigInteger;
import java.time.Instant;
import java.util.List;
import java.util.Objects;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** Tenants in the form of the API. Ids are numbers and also text, because JavaScript cannot represent all of these numbers. */
final class TenantJson {
    private TenantJson() {}

    /** Adds a tenant's id in both forms, as in every answer; null if the answer is about all tenants. */
    static void putId(ObjectNode into, @Nullable TenantId id) {
        into.put("id", id == null ? null : id.decimal());
        putTenantId(into, id);
    }

    /** Adds a tenant's id in the form of the command line and the topics. */
    static void putTenantId(ObjectNode into, @Nullable TenantId id) {
        into.put("tenant_id", id == null ? null : new BigInteger(id.decimal()));
    }

    /**
     * Returns a tenant with its config and the limits in force.
     *
     * @param own null if it has none
     * @param inForce null if it is unknown and rejected
     * @param plan the plan of its own config; null if there is none
     */
    static ObjectNode tenant(TenantId id, @Nullable InForce own, @Nullable InForce inForce, @Nullable InForce plan) {
        ObjectNode json = Json.object();
        putId(json, id);
        if (own == null) {
            json.putNull("config").putNull("config_offset");
        } else {
            json.set("config", config(own.config()));
            putOffset(json, own.offset());
        }
        if (inForce == null) {
            json.putNull("limits");
        } else {
            // Also if the plan of its own config does not exist.
            boolean byDefault = own == null
                    || own.offset() == TenantConfigs.NO_OFFSET
                    || !Objects.equals(own.config().plan(), inForce.config().plan());
            json.set(
                    "limits",
                    LimitsInForce.json(
                            byDefault ? null : own.config(),
                            inForce.config(),
                            plan == null ? null : plan.config().ceiling()));
        }
        return json;
    }

    private static void putOffset(ObjectNode json, long offset) {
        if (offset == TenantConfigs.NO_OFFSET) {
            json.putNull("config_offset");
        } else {
            json.put("config_offset", offset);
        }
    }

    static ArrayNode warnings(List<Warning> warnings) {
        ArrayNode json = Json.object().putArray("warnings");
        warnings.forEach(warning -> json.addObject()
                .put("id", warning.id())
                .put("field", warning.field())
                .put("message", warning.message()));
        return json;
    }

    static ObjectNode config(TenantConfig config) {
        return (ObjectNode) Json.tree(TenantConfigJson.write(config));
    }

    /**
     * Returns a tenant's usage with its limits.
     *
     * @param usage null = no signal was decided yet
     * @param config null = unknown and rejected
     */
    static ObjectNode usage(@Nullable TenantUsage usage, @Nullable TenantConfig config, long nowMs) {
        ObjectNode json = Json.object();
        json.put("at", Instant.ofEpochMilli(nowMs).toString());
        ObjectNode rate = json.putObject("rate");
        putLimit(rate, "limit_per_sec", config == null ? null : config.maxSignalsPerSec());
        if (config != null && config.maxSignalsPerSec() != null) {
            rate.put("burst", config.burst());
            rate.put("tokens", tokens(usage, config, nowMs));
            rate.put("level_percent", QuotaUse.ratePercent(usage, nowMs));
        }
        json.set("bytes", bytes(usage, config, nowMs));
        json.set("signals", SignalsJson.of(usage, config, nowMs));
        json.set("periods", PeriodsJson.of(usage, config, nowMs));
        ObjectNode entities = json.putObject("entities");
        entities.put("total", usage == null ? 0 : usage.entityCount());
        for (EntityKind kind : EntityKind.values()) {
            entities.put(kind.id(), usage == null ? 0 : usage.entityCount(kind));
        }
        entities.put("item_limit", config == null ? null : config.maxItems());
        entities.put("user_limit", config == null ? null : config.maxUsers());
        entities.put("creator_limit", config == null ? null : config.maxCreators());
        ObjectNode storage = json.putObject("storage");
        storage.put("sealed_bytes", usage == null ? 0 : usage.sealedBytes());
        storage.put("sealed_segments", usage == null ? 0 : usage.sealedSegments());
        if (config == null || config.maxEntities() == null) {
            entities.putNull("limit");
        } else {
            entities.put("limit", config.maxEntities());
            entities.put("used_percent", QuotaUse.entitiesPercent(usage, config));
        }
        if (config == null || config.maxStorageBytes() == null) {
            storage.putNull("limit_bytes");
        } else {
            storage.put("limit_bytes", config.maxStorageBytes());
            storage.put("used_percent", QuotaUse.storagePercent(usage, config));
        }
        storage.put("pruned_below_seq", usage == null ? 0 : usage.prunedBelow());
        json.put("accepted", usage == null ? 0 : usage.acceptedCount());
        json.put("accepted_bytes", usage == null ? 0 : usage.acceptedBytes());
        json.put("rejected_total", rejected(usage));
        ObjectNode rejected = json.putObject("rejected");
        ObjectNode observed = json.putObject("observed");
        for (Reason reason : Reason.values()) {
            rejected.put(reason.id(), usage == null ? 0 : usage.rejectedCount(reason));
            observed.put(reason.id(), usage == null ? 0 : usage.observedCount(reason));
        }
        putTime(json, "last_decision_at", usage == null ? 0 : usage.lastDecisionMs());
        Reason last = usage == null ? null : usage.lastRejection();
        if (usage == null || last == null) {
            json.putNull("last_rejection");
        } else {
            putTime(json.putObject("last_rejection").put("reason", last.id()), "at", usage.lastRejectionMs());
        }
        return json;
    }

    private static ObjectNode bytes(@Nullable TenantUsage usage, @Nullable TenantConfig config, long nowMs) {
        ObjectNode json = Json.object();
        json.put("accepted", usage == null ? 0 : usage.acceptedBytes());
        long largest = config == null ? Long.MAX_VALUE : config.signalBytesLimit();
        json.put("signal_limit", largest == Long.MAX_VALUE ? null : (Long) largest);
        json.put("limit_per_sec", config == null ? null : config.maxBytesPerSec());
        if (config != null && config.maxBytesPerSec() != null) {
            json.put("burst", config.bytesBurst());
            json.put(
                    "tokens",
                    usage == null
                            ? Math.min(config.bytesPerSec(), config.bytesBurst())
                            : usage.byteTokens(config, nowMs));
            json.put("level_percent", QuotaUse.byteRatePercent(usage, nowMs));
        }
        return json;
    }

    private static void putTime(ObjectNode json, String name, long ms) {
        json.put(name, ms <= 0 ? null : Instant.ofEpochMilli(ms).toString());
    }

    private static void putLimit(ObjectNode json, String name, @Nullable Long limit) {
        if (limit == null) {
            json.putNull(name);
        } else {
            json.put(name, limit);
        }
    }

    static long rejected(@Nullable TenantUsage usage) {
        long sum = 0;
        if (usage != null) {
            for (Reason reason : Reason.values()) {
                sum += usage.rejectedCount(reason);
            }
        }
        return sum;
    }

    private static long tokens(@Nullable TenantUsage usage, TenantConfig config, long nowMs) {
        Long rate = config.maxSignalsPerSec();
        if (usage == null || rate == null) {
            return rate == null ? 0 : Math.min(rate, config.burst());
        }
        return usage.tokens(config, nowMs);
    }

    /** Returns null if the counts are unknown. */
    static @Nullable ObjectNode recent(RecentCounts.@Nullable Recent recent) {
        if (recent == null) {
            return null;
        }
        return Json.object()
                .put("accepted", recent.accepted())
                .put("rejected", recent.rejected())
                .put("top_reason", recent.top() == null ? null : recent.top().id());
    }

    /** @param stored the stored form of a config */
    static ObjectNode change(ConfigHistory.Change change, Function<TenantConfig, byte[]> stored) {
        ObjectNode json = Json.object();
        json.put("at", change.at().toString());
        json.put("by", change.by());
        putOffset(json, change.offset());
        json.set("from", change.from() == null ? null : Json.tree(stored.apply(change.from())));
        json.set("to", change.to() == null ? null : Json.tree(stored.apply(change.to())));
        return json;
    }
}
