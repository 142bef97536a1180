package io.tidegate.admin;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tidegate.admission.QuotaUse;
import io.tidegate.admission.TenantUsage;
import io.tidegate.tenant.PeriodLimit;
import io.tidegate.tenant.TenantConfig;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/** A tenant's usage of its calendar periods, with their limits, as the command line and the HTTP API show it. */
public final class PeriodsJson {
    private PeriodsJson() {}

    /**
     * Returns one entry for each period limit in force.
     *
     * @param usage null = no signal was decided yet
     * @param config null = unknown and rejected
     */
    public static ArrayNode of(@Nullable TenantUsage usage, @Nullable TenantConfig config, long nowMs) {
        ArrayNode json = JsonNodeFactory.instance.arrayNode();
        if (config == null) {
            return json;
        }
        for (PeriodLimit limit : config.periods()) {
            PeriodLimit.Per per = limit.per();
            ObjectNode period = json.addObject();
            period.put("per", per.id());
            period.put(
                    "began_at",
                    Instant.ofEpochMilli(per.startOf(per.indexOf(nowMs))).toString());
            period.put(
                    "resets_at", Instant.ofEpochMilli(nowMs + per.leftMs(nowMs)).toString());
            period.put("signals", usage == null ? 0 : usage.periodSignals(per, nowMs));
            period.put("max_signals", limit.maxSignals());
            period.put("bytes", usage == null ? 0 : usage.periodBytes(per, nowMs));
            period.put("max_bytes", limit.maxBytes());
            period.put("used_percent", QuotaUse.periodPercent(usage, limit, nowMs));
        }
        return json;
    }
}
