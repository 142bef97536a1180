package io.tidegate.tenant;

import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * A plan: the fields that tenants share. It supplies each field that a tenant on it does not set, except the label.
 *
 * <p>This is the value of a {@code tenant-configs} record with the key {@code plan:NAME}. It has the fields of a {@link
 * TenantConfig} without {@code tenant_id} and {@code plan}. Any plan fits any tenant: no rule of a config concerns two
 * fields.
 *
 * @param name the name by which tenants refer to it
 * @param fields the supplied fields; their tenant id is ignored
 */
public record Plan(String name, TenantConfig fields) {
    private static final int NAME_CHARS_MAX = 64;
    private static final Pattern NAME = Pattern.compile("[A-Za-z0-9][A-Za-z0-9._-]{0,63}");

    public Plan {
        checkName("plan", name);
        if (fields.plan() != null) {
            throw new IllegalArgumentException(
                    "plan '%s': plan = '%s' is not a field of a plan".formatted(name, fields.plan()));
        }
        fields = fields.withTenantId(TenantId.DEFAULT);
    }

    /** Returns a plan without fields. */
    public static Plan empty(String name) {
        return new Plan(name, TenantConfig.unlimited(TenantId.DEFAULT, ""));
    }

    /**
     * Returns the config in force for a tenant.
     *
     * @param own the fields that the tenant sets
     * @param supplied the fields of its plan; null if it has no plan, or there is no such plan
     * @return null if the tenant's plan does not exist: then its limits are unknown
     */
    public static @Nullable TenantConfig inForce(TenantConfig own, @Nullable TenantConfig supplied) {
        if (own.plan() == null) {
            return own;
        }
        return supplied == null ? null : own.completedBy(supplied);
    }

    /**
     * Checks a name, which must be safe in keys, paths and file names.
     *
     * @throws IllegalArgumentException naming {@code what}, the value and the rule
     */
    public static void checkName(String what, String name) {
        if (!NAME.matcher(name).matches()) {
            throw new IllegalArgumentException(
                    "%s: '%s' is not a name of a plan (letters, digits, '.', '_' and '-', at most %d, beginning with a letter or digit)"
                            .formatted(what, JsonFaults.quoted(name), NAME_CHARS_MAX));
        }
    }
}
