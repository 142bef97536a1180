package io.tidegate.admin;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import io.tidegate.admission.QuotaUse;
import io.tidegate.admission.TenantUsage;
import io.tidegate.tenant.TenantConfig;
import org.jspecify.annotations.Nullable;

/** A tenant's usage of the limits for single values of {@code signal}, as the command line and the HTTP API show it. */
public final class SignalsJson {
    private SignalsJson() {}

    /**
     * Returns one entry for each value that has a limit in force.
     *
     * @param usage null = no signal was decided yet
     * @param config null = unknown and rejected
     */
    public static ArrayNode of(@Nullable TenantUsage usage, @Nullable TenantConfig config, long nowMs) {
        ArrayNode json = JsonNodeFactory.instance.arrayNode();
        if (config == null) {
            return json;
        }
        config.signals()
                .forEach((type, limit) -> json.addObject()
                        .put("signal", type)
                        .put("limit_per_sec", limit.maxSignalsPerSec())
                        .put("burst", limit.burst())
                        .put(
                                "tokens",
                                usage == null
                                        ? Math.min(limit.maxSignalsPerSec(), limit.burst())
                                        : usage.signalTokens(type, limit, nowMs))
                        .put("level_percent", QuotaUse.signalRatePercent(usage, type, nowMs)));
        return json;
    }
}
