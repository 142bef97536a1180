package io.tidegate.tenant;

import org.jspecify.annotations.Nullable;

/** Which config is in force for a tenant that has none of its own. */
public enum UnknownTenants {
    /** None: its signals are rejected. */
    REJECT,
    /** The config of the default tenant. */
    DEFAULT_CONFIG;

    /**
     * The config in force. The default tenant always has one of its own.
     *
     * @param own what is stored for the tenant; null if nothing is
     * @param ofDefault what is in force for the default tenant
     * @return null if the tenant's signals are rejected
     */
    public <C> @Nullable C inForce(@Nullable C own, C ofDefault) {
        return own != null || this == REJECT ? own : ofDefault;
    }
}
