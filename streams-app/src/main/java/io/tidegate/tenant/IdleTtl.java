package io.tidegate.tenant;

import java.time.DateTimeException;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/** Reads and writes {@code entity_idle_ttl}. */
public final class IdleTtl {
    public static final Duration MIN = Duration.ofSeconds(1);
    public static final Duration MAX = Duration.ofDays(3650);

    static final String RULE = "an ISO duration such as P30D or PT12H";

    private IdleTtl() {}

    /**
     * Reads a duration.
     *
     * @throws IllegalArgumentException if the text is not one; the range is checked by {@link TenantConfig}
     */
    static Duration parse(String text) {
        try {
            return Duration.parse(text);
        } catch (DateTimeException e) {
            throw new IllegalArgumentException("'%s' is not %s".formatted(JsonFaults.quoted(text), RULE), e);
        }
    }

    /** Returns the text that {@link #parse} reads: whole days as {@code P30D}. */
    public static String text(Duration ttl) {
        return ttl.equals(Duration.ofDays(ttl.toDays())) ? "P%dD".formatted(ttl.toDays()) : ttl.toString();
    }

    static void check(TenantId owner, @Nullable Duration ttl) {
        if (ttl != null
                && (ttl.compareTo(MIN) < 0
                        || ttl.compareTo(MAX) > 0
                        || !ttl.equals(Duration.ofMillis(ttl.toMillis())))) {
            throw new IllegalArgumentException(
                    "%s: entity_idle_ttl = %s is outside PT1S to P3650D in whole milliseconds (null is never)"
                            .formatted(owner, text(ttl)));
        }
    }
}
