package io.tidegate.tenant;

import org.jspecify.annotations.Nullable;

/** Resolves names in {@code external_ids}. */
@FunctionalInterface
public interface TenantNames {
    /** Knows no names. */
    TenantNames NONE = name -> null;

    /**
     * Returns the tenant of a name.
     *
     * @param name a name that {@link TenantName} has normalized
     * @return null if no tenant has it, or several
     */
    @Nullable
    TenantId named(String name);
}
