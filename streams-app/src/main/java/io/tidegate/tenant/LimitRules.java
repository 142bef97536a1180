package io.tidegate.tenant;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** The rules of a {@link TenantConfig} about limits of values of {@code signal}, and about {@code unlimited}. */
final class LimitRules {
    /** Bursts have a default, and are never unlimited. */
    private static final Set<String> BURSTS = Set.of("burst_signals", "burst_bytes");

    /** The fields that {@code unlimited} can name. */
    private static final List<String> UNLIMITED = Stream.concat(
                    TenantConfig.LIMITS.stream().filter(limit -> !BURSTS.contains(limit)),
                    Stream.of(TenantConfig.ENTITY_IDLE_TTL))
            .toList();

    private LimitRules() {}

    /** Whether a field can be an entry of {@code unlimited}. */
    static boolean isUnlimited(String field) {
        return UNLIMITED.contains(field);
    }

    /** Checks an entry of {@code unlimited}. */
    static void checkUnlimited(TenantId owner, String field) {
        if (BURSTS.contains(field)) {
            throw new IllegalArgumentException(
                    "%s: %s cannot be unlimited: name the rate, or set a size".formatted(owner, field));
        }
        if (!isUnlimited(field)) {
            throw new IllegalArgumentException("%s: unlimited: '%s' is not a limit; limits: %s"
                    .formatted(owner, JsonFaults.quoted(field), String.join(", ", UNLIMITED)));
        }
    }

    /** Checks that a limit is not both unlimited and set. */
    static void checkUnset(TenantId owner, List<String> unlimited, String field, @Nullable Object value) {
        if (value != null && unlimited.contains(field)) {
            throw new IllegalArgumentException("%s: %s is unlimited, and has a value".formatted(owner, field));
        }
    }

    /** Checks the limits and sorts them by type, so that equal limits are equal configs. */
    static Map<String, SignalLimit> signals(TenantId owner, @Nullable Map<String, SignalLimit> signals) {
        if (signals == null || signals.isEmpty()) {
            return Map.of();
        }
        if (signals.size() > TenantConfig.SIGNALS_MAX) {
            throw new IllegalArgumentException("%s: signals has %d entries, the limit is %d"
                    .formatted(owner, signals.size(), TenantConfig.SIGNALS_MAX));
        }
        signals.forEach((type, limit) -> {
            if (type.isEmpty() || type.length() > TenantConfig.SIGNAL_CHARS_MAX || !PlainText.isValid(type)) {
                throw new IllegalArgumentException(
                        "%s: signals: '%s' is not a value of signal (1 to %d characters, without control characters)"
                                .formatted(owner, JsonFaults.quoted(type), TenantConfig.SIGNAL_CHARS_MAX));
            }
            if (limit == null) {
                throw new IllegalArgumentException(
                        "%s: signals: '%s' has no limit: an object with max_signals_per_sec is expected"
                                .formatted(owner, JsonFaults.quoted(type)));
            }
        });
        return Collections.unmodifiableMap(new LinkedHashMap<>(new TreeMap<>(signals)));
    }
}
