package io.tidegate.tenant;

/**
 * The maximum limits that the tenants of a plan may set themselves: one for each named limit. The maximum of any other
 * limit is the plan's own value.
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
