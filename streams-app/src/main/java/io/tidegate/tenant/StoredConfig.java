package io.tidegate.tenant;

import org.jspecify.annotations.Nullable;

/**
 * The value of a record of {@code tenant-configs}, checked against the record's key.
 *
 * @param config the config, or the fields of a plan; null if the value does not match the key
 * @param problem the reason; null if the value is valid
 */
public record StoredConfig(
        @Nullable TenantConfig config, @Nullable String problem) {
    /** Reads a value that is not null: a tenant's config, or the fields of a plan. Never throws for its content. */
    public static StoredConfig read(ConfigKey key, byte[] value) {
        if (key instanceof ConfigKey.OfTenant tenant) {
            return read(tenant.tenant(), value);
        }
        try {
            String name = ((ConfigKey.OfPlan) key).name();
            return new StoredConfig(
                    TenantConfigJson.parseStoredPlan(name, value).fields(), null);
        } catch (IllegalArgumentException e) {
            return new StoredConfig(null, String.valueOf(e.getMessage()));
        }
    }

    /** Returns the value of a record: a tenant's config, or the fields of a plan. */
    public static byte[] write(ConfigKey key, TenantConfig config) {
        return key instanceof ConfigKey.OfPlan ? TenantConfigJson.writePlan(config) : TenantConfigJson.write(config);
    }

    /** Reads a value that is not null. Never throws for its content. */
    public static StoredConfig read(TenantId key, byte[] value) {
        try {
            TenantConfig config = TenantConfigJson.parseStored(value);
            return config.tenantId().equals(key)
                    ? new StoredConfig(
                            config.ceiling() == null
                                    ? config
                                    : config.toBuilder().ceiling(null).build(),
                            null)
                    : new StoredConfig(null, "the config is of tenant " + config.tenantId());
        } catch (IllegalArgumentException e) {
            return new StoredConfig(null, String.valueOf(e.getMessage()));
        }
    }
}
