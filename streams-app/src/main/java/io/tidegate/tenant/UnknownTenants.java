package io.tidegate.tenant;

import org.jspecify.annotations.Nullable;

/** The config in force for a tenant that has no config. */
public enum UnknownTenants {
    /** None: its signals are rejected. */
    REJECT,
    /** The config of the default tenant. */
    DEFAULT_CONFIG;

    /**
     * Returns the config in force. The default tenant always has its own.
     *
     * @param own the tenant's own config; null if there is none
     * @param ofDefault the config in force for the default tenant
     * @return null if the tenant's signals are rejected
     */
    public <C> @Nullable C inForce(@Nullable C own, C ofDefault) {
        return own != null || this == REJECT ? own : ofDefault;
    }
}
