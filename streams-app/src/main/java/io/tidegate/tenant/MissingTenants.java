package io.tidegate.tenant;

/** The treatment of signals that name no tenant. */
public enum MissingTenants {
    /**
     * They count for the default tenant, as long as no other tenant is configured. From then on they are dead letters:
     * otherwise a tenant could escape its limits by leaving its id out or misspelling the field.
     */
    REJECT,
    /** They always count for the default tenant. */
    DEFAULT;

    /**
     * Whether such a signal counts for the default tenant.
     *
     * @param othersConfigured whether a tenant other than the default one has a config
     */
    public boolean countForDefault(boolean othersConfigured) {
        return this == DEFAULT || !othersConfigured;
    }
}
