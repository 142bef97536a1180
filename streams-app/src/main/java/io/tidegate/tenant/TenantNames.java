package io.tidegate.tenant;

import org.jspecify.annotations.Nullable;

/** Which tenant a name in {@code external_ids} refers to. */
@FunctionalInterface
public interface TenantNames {
    /** Knows no name. */
    TenantNames NONE = name -> null;

    /**
     * The tenant of a name.
     *
     * @param name as {@link TenantName} reads it
     * @return null if no tenant has it, or several
     */
    @Nullable
    TenantId named(String name);
}
