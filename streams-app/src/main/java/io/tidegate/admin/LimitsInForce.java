package io.tidegate.admin;

import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tidegate.tenant.Ceiling;
import io.tidegate.tenant.TenantConfig;
import io.tidegate.tenant.TenantConfigJson;
import java.io.IOException;
import java.util.Locale;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** The limits in force for a tenant, each with its origin, as the command line and the HTTP API show them. */
public final class LimitsInForce {
    private static final JsonMapper JSON = new JsonMapper();
    private static final Set<String> NO_LIMITS =
            Set.of("tenant_id", "external_ids", "label", "plan", "unlimited", "ceiling");

    private enum Origin {
        /** The tenant's own config. */
        TENANT,
        /** The tenant's plan. */
        PLAN,
        /** The config of the default tenant. */
        DEFAULT,
        /** No config: the tenant is unlimited. */
        UNSET,
        TWICE_THE_RATE;

        String id() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    private LimitsInForce() {}

    /**
     * Returns each limit with its origin: {@code {"max_signals_per_sec":{"value":100,"origin":"plan"},…}}.
     *
     * @param own the tenant's own config; null if it is judged by the default tenant's config
     * @param inForce the config by which it is judged
     * @param ceiling the highest limits that the tenant may set itself; null if there is none
     */
    public static ObjectNode json(@Nullable TenantConfig own, TenantConfig inForce, @Nullable Ceiling ceiling) {
        ObjectNode json = JSON.createObjectNode();
        Set<String> setAnywhere = TenantConfigJson.fieldsSet(inForce);
        Set<String> set = own == null ? Set.of() : TenantConfigJson.fieldsSet(own);
        tree(inForce).properties().forEach(field -> {
            String name = field.getKey();
            if (!NO_LIMITS.contains(name)) {
                Origin origin;
                if (own != null && isOwn(name, set, own, inForce)) {
                    origin = Origin.TENANT;
                } else if (!setAnywhere.contains(name)) {
                    origin = Origin.UNSET;
                } else {
                    origin = own == null ? Origin.DEFAULT : Origin.PLAN;
                }
                json.putObject(name).put("origin", origin.id()).set("value", field.getValue());
            }
        });
        if (inForce.maxSignalsPerSec() != null && inForce.burstSignals() == null) {
            json.putObject("burst_signals").put("value", inForce.burst()).put("origin", Origin.TWICE_THE_RATE.id());
        }
        if (inForce.maxBytesPerSec() != null && inForce.burstBytes() == null) {
            json.putObject("burst_bytes").put("value", inForce.bytesBurst()).put("origin", Origin.TWICE_THE_RATE.id());
        }
        if (ceiling != null) {
            ObjectNode most = tree(ceiling.limits());
            TenantConfigJson.fieldsSet(ceiling.limits()).forEach(field -> {
                // A ceiling also has a mode, as each config does.
                if (TenantConfig.LIMITS.contains(field) && json.path(field) instanceof ObjectNode limit) {
                    limit.set("ceiling", most.get(field));
                }
            });
        }
        return json;
    }

    /** Of two blocks, the later one is in force. */
    private static boolean isOwn(String name, Set<String> set, TenantConfig own, TenantConfig inForce) {
        return set.contains(name)
                && (!name.equals("blocked_until") || Objects.equals(own.blockedUntil(), inForce.blockedUntil()));
    }

    private static ObjectNode tree(TenantConfig config) {
        try {
            return (ObjectNode) JSON.readTree(TenantConfigJson.write(config));
        } catch (IOException e) {
            throw new IllegalStateException("a config is always readable", e);
        }
    }
}
