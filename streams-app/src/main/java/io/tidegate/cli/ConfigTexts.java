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
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** Configs as text. */
final class ConfigTexts {
    private static final Pattern PLAIN = Pattern.compile("[\\w.:/-]+");

    private ConfigTexts() {}

    /**
     * Returns what a change did to a config.
     *
     * @param change the description of the change, such as "set"
     */
    static String done(@Nullable TenantConfig from, @Nullable TenantConfig to, String change) {
        return to != null && to.equals(from) ? "unchanged" : change;
    }

    /** Returns the fields that differ, with both values. A field without a value may get one from a plan, so it is "unset". */
    static List<String> difference(@Nullable TenantConfig from, TenantConfig to) {
        ObjectNode before = from == null ? Json.object() : (ObjectNode) Json.tree(TenantConfigJson.write(from));
        ObjectNode after = (ObjectNode) Json.tree(TenantConfigJson.write(to));
        Set<String> names = new LinkedHashSet<>();
        before.fieldNames().forEachRemaining(names::add);
        after.fieldNames().forEachRemaining(names::add);
        List<String> fields = new ArrayList<>();
        for (String name : names) {
            JsonNode old = before.path(name);
            JsonNode now = after.path(name);
            if (!old.equals(now) && !(isUnset(old) && isUnset(now)) && !name.equals("tenant_id")) {
                fields.add(
                        before.has(name)
                                ? "%s: %s → %s".formatted(name, value(name, old), value(name, now))
                                : "%s=%s".formatted(name, value(name, now)));
            }
        }
        return fields;
    }

    private static boolean isUnset(JsonNode value) {
        return value.isMissingNode()
                || value.isNull()
                || (value.isTextual() && value.asText().isEmpty())
                || (value.isContainerNode() && value.isEmpty());
    }

    /** Returns the value of a field of a config: limits of periods and types as text, anything else as JSON. */
    static String value(String field, JsonNode value) {
        if (isUnset(value) && !value.isTextual()) {
            return "unset";
        }
        return switch (field) {
            case "periods" -> periods(value);
            case "signals" -> signals(value);
            case "ceiling" ->
                value.properties().stream()
                        .map(one -> one.getKey() + " " + value(one.getKey(), one.getValue()))
                        .collect(Collectors.joining(", "));
            default -> value.toString();
        };
    }

    /** Returns a text such as {@code day 1000 signals, month 10 GiB}. */
    static String periods(JsonNode limits) {
        return periods(limits.valueStream().map(limit -> Json.to(PeriodLimit.class, limit)));
    }

    static String periods(Stream<PeriodLimit> limits) {
        return orUnlimited(limits.map(ConfigTexts::period));
    }

    /** Returns a text such as {@code click 10/s burst 20, view 100/s burst 200 (2 × the rate)}. */
    static String signals(JsonNode limits) {
        return orUnlimited(limits.properties().stream()
                .map(limit -> signal(limit.getKey(), Json.to(SignalLimit.class, limit.getValue()))));
    }

    static String signals(TenantConfig config) {
        return orUnlimited(config.signals().entrySet().stream().map(limit -> signal(limit.getKey(), limit.getValue())));
    }

    private static String orUnlimited(Stream<String> limits) {
        String text = limits.collect(Collectors.joining(", "));
        return text.isEmpty() ? LimitOptions.UNLIMITED : text;
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
            parts.add(limit.maxSignals() + (limit.maxSignals().equals(BigInteger.ONE) ? " signal" : " signals"));
        }
        if (limit.maxBytes() != null) {
            parts.add(Amounts.exactSize(limit.maxBytes()));
        }
        return limit.per().id() + " " + String.join(" and ", parts);
    }

    /** Returns a text such as {@code click 10/s burst 20}. A type that could be mistaken for other text is quoted. */
    static String signal(String type, SignalLimit limit) {
        return "%s %d/s burst %d%s"
                .formatted(
                        PLAIN.matcher(type).matches() ? type : Json.text(type),
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
