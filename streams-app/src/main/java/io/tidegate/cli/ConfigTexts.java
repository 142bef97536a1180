package io.tidegate.cli;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tidegate.tenant.IdleTtl;
import io.tidegate.tenant.PeriodLimit;
import io.tidegate.tenant.SignalLimit;
import io.tidegate.tenant.TenantConfig;
import io.tidegate.tenant.TenantConfigJson;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** Configs as text. */
final class ConfigTexts {
    private ConfigTexts() {}

    /**
     * Returns what a change did to a config.
     *
     * @param change the description of the change, such as "set"
     */
    static String done(@Nullable TenantConfig from, @Nullable TenantConfig to, String change) {
        return to != null && to.equals(from) ? "unchanged" : change;
    }

    /** Returns the fields that differ, with both values. */
    static List<String> difference(@Nullable TenantConfig from, TenantConfig to) {
        ObjectNode before = from == null ? Json.object() : (ObjectNode) Json.tree(TenantConfigJson.write(from));
        ObjectNode after = (ObjectNode) Json.tree(TenantConfigJson.write(to));
        List<String> fields = new ArrayList<>();
        before.properties().forEach(field -> {
            if (!after.has(field.getKey()) && isShown(field)) {
                fields.add("%s: %s → unset".formatted(field.getKey(), value(field)));
            }
        });
        after.properties().forEach(field -> {
            JsonNode earlier = before.get(field.getKey());
            if (earlier == null ? isShown(field) : !earlier.equals(field.getValue())) {
                fields.add(
                        earlier == null
                                ? "%s=%s".formatted(field.getKey(), value(field))
                                : "%s: %s → %s"
                                        .formatted(
                                                field.getKey(),
                                                value(Map.entry(field.getKey(), earlier)),
                                                value(field)));
            }
        });
        return fields;
    }

    /** Returns whether a field of a new config is worth showing. */
    private static boolean isShown(Map.Entry<String, JsonNode> field) {
        JsonNode value = field.getValue();
        return !field.getKey().equals("tenant_id")
                && !value.isNull()
                && !(value.isTextual() && value.asText().isEmpty())
                && !(value.isContainerNode() && value.isEmpty());
    }

    /** Returns the value of a field of a config: a list of limits as text, anything else as JSON. */
    private static String value(Map.Entry<String, JsonNode> field) {
        JsonNode value = field.getValue();
        return switch (field.getKey()) {
            case "periods" -> periods(value);
            case "signals" -> signals(value);
            case "ceiling" ->
                joined(value.properties().stream().map(one -> one.getKey() + " " + value(one)), value.toString());
            default -> value.toString();
        };
    }

    /** Returns a text such as {@code day 1000 signals, month 10 GiB}. */
    static String periods(JsonNode limits) {
        return joined(
                limits.valueStream().map(limit -> period(Json.to(PeriodLimit.class, limit))), LimitOptions.UNLIMITED);
    }

    /** Returns a text such as {@code click 10/s burst 20, view 100/s burst 200 (2 × the rate)}. */
    static String signals(JsonNode limits) {
        return joined(
                limits.properties().stream()
                        .map(limit -> signal(limit.getKey(), Json.to(SignalLimit.class, limit.getValue()))),
                LimitOptions.UNLIMITED);
    }

    private static String joined(Stream<String> parts, String none) {
        String text = parts.collect(Collectors.joining(", "));
        return text.isEmpty() ? none : text;
    }

    /** Returns the limits in force on one line. */
    static String limits(TenantConfig config) {
        List<String> limits = new ArrayList<>();
        if (config.plan() != null) {
            limits.add("plan " + config.plan());
        }
        limits.add("rate " + rate(config));
        if (config.maxSignalsPerSec() != null) {
            limits.add("burst " + config.burst() + (config.burstSignals() == null ? " (2 × the rate)" : ""));
        }
        if (config.maxBytesPerSec() != null) {
            limits.add("bytes " + byteRate(config));
            limits.add("byte burst " + byteBurst(config));
        }
        if (config.maxSignalBytes() != null) {
            limits.add("signal size " + signalBytes(config));
        }
        config.periods().forEach(limit -> limits.add(period(limit)));
        config.signals().forEach((type, limit) -> limits.add(signal(type, limit)));
        limits.add("entities " + entities(config));
        addKind(limits, "items", config.maxItems());
        addKind(limits, "users", config.maxUsers());
        addKind(limits, "creators", config.maxCreators());
        if (config.entityIdleTtl() != null) {
            limits.add("idle entities expire after " + IdleTtl.text(config.entityIdleTtl()));
        }
        limits.add("storage " + storage(config));
        if (!config.requiredRegions().isEmpty()) {
            limits.add("regions " + String.join(" ", config.requiredRegions()));
        }
        if (!config.externalIds().isEmpty()) {
            limits.add("names " + String.join(" ", config.externalIds()));
        }
        limits.add("mode " + mode(config));
        if (config.blockedUntil() != null) {
            String over = config.isBlocked(System.currentTimeMillis()) ? "" : " (over)";
            limits.add("blocked until " + config.blockedUntil() + over);
        }
        return String.join(", ", limits);
    }

    private static void addKind(List<String> limits, String kind, @Nullable BigInteger max) {
        if (max != null) {
            limits.add(kind + " " + max);
        }
    }

    static String mode(TenantConfig config) {
        TenantConfig.Mode mode = config.mode();
        return mode == null ? "of the plan" : mode.name().toLowerCase(Locale.ROOT);
    }

    /** Returns a text such as {@code day 1000 signals and 10 GiB}. */
    static String period(PeriodLimit limit) {
        List<String> parts = new ArrayList<>();
        if (limit.maxSignals() != null) {
            parts.add(limit.maxSignals() + " signals");
        }
        if (limit.maxBytes() != null) {
            parts.add(Amounts.exactSize(limit.maxBytes()));
        }
        return limit.per().id() + " " + String.join(" and ", parts);
    }

    /** Returns a text such as {@code click 10/s burst 20}. */
    static String signal(String type, SignalLimit limit) {
        return "%s %d/s burst %d%s"
                .formatted(
                        type,
                        limit.maxSignalsPerSec(),
                        limit.burst(),
                        limit.burstSignals() == null ? " (2 × the rate)" : "");
    }

    static String byteRate(TenantConfig config) {
        return config.maxBytesPerSec() == null ? "unlimited" : Amounts.exactSize(config.maxBytesPerSec()) + "/s";
    }

    /** Returns the burst, which a tenant can set although its rate comes from its plan. */
    static String burst(TenantConfig config) {
        if (config.burstSignals() != null) {
            return config.burstSignals().toString();
        }
        return config.maxSignalsPerSec() == null ? "unlimited" : config.burst() + " (2 × the rate)";
    }

    static String byteBurst(TenantConfig config) {
        if (config.burstBytes() != null) {
            return Amounts.exactSize(config.burstBytes());
        }
        return config.maxBytesPerSec() == null
                ? "unlimited"
                : Amounts.exactSize(BigInteger.valueOf(config.bytesBurst()))
                        + (config.bytesBurst() == Long.MAX_VALUE ? "" : " (2 × the rate)");
    }

    static String signalBytes(TenantConfig config) {
        Long max = config.maxSignalBytes();
        return max == null ? "unlimited" : Amounts.exactSize(BigInteger.valueOf(max));
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
        return config.maxStorageBytes() == null ? "unlimited" : Amounts.exactSize(config.maxStorageBytes());
    }
}
