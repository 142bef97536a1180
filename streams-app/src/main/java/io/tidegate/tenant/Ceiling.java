package io.tidegate.tenant;

/**
 * How far the tenants of a plan may change their limits themselves: a maximum for each limit that is named. Where a limit is not
 * named, the plan's own value is the maximum.
 *
 * @param limits the maxima; no other field is set
 */
public record Ceiling(TenantConfig limits) {
    public Ceiling {
        limits = limits.withTenantId(TenantId.DEFAULT);
        TenantConfig none = TenantConfig.unlimited(TenantId.DEFAULT, "");
        for (String field : TenantConfigJson.difference(none, limits)) {
            if (!TenantConfig.LIMITS.contains(field)) {
                throw new IllegalArgumentException("ceiling: %s is not a limit; limits: %s"
                        .formatted(field, String.join(", ", TenantConfig.LIMITS)));
            }
        }
        if (limits.equals(none)) {
            throw new IllegalArgumentException(
                    "ceiling: names no limit; limits: %s".formatted(String.join(", ", TenantConfig.LIMITS)));
        }
    }
}
