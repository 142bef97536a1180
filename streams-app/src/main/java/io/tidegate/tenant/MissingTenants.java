package io.tidegate.tenant;

/** Whose signals are those that name no tenant. */
public enum MissingTenants {
    /**
     * The default tenant's, as long as no other tenant is configured. From then on they are nobody's: otherwise a tenant
     * would escape its limits by leaving its id out or misspelling the field.
     */
    REJECT,
    /** Always the default tenant's. */
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
