package io.tidegate.topology;

import io.tidegate.tenant.TenantConfig;
import io.tidegate.tenant.TenantConfigJson;
import io.tidegate.tenant.TenantId;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * All tenants' configs as this instance has read them from {@code tenant-configs}: parsed once, looked up by every task.
 *
 * <p>A bad record changes nothing but a counter: the tenant keeps its last good config. Thread-safe; one writer.
 */
public final class TenantConfigs {
    private static final Logger LOG = LoggerFactory.getLogger(TenantConfigs.class);

    /** {@link InForce#offset} of a config that no record set. */
    static final long NO_OFFSET = -1;

    /** What holds for a tenant without a config, other than {@link TenantId#DEFAULT}. */
    public enum Unknown {
        /** Its signals are refused. */
        REJECT,
        /** It gets the config of the default tenant. */
        DEFAULT_CONFIG
    }

    /**
     * The config that is in force for a tenant.
     *
     * @param config the limits
     * @param offset the offset of the record in {@code tenant-configs} that set it; -1 where none did
     */
    record InForce(TenantConfig config, long offset) {}

    private final Unknown unknown;
    private final Map<TenantId, InForce> stored = new ConcurrentHashMap<>();
    private final AtomicLong refused = new AtomicLong();
    private volatile long readOffset = NO_OFFSET;
    private volatile long readTimestampMs;
    private volatile InForce defaultTenant = new InForce(TenantConfig.defaultTenant(), NO_OFFSET);

    public TenantConfigs(Unknown unknown) {
        this.unknown = unknown;
    }

    /** The config in force; null for an unknown tenant whose signals are to be refused. */
    @Nullable
    InForce inForce(TenantId tenant) {
        InForce known = tenant.isDefault() ? defaultTenant : stored.get(tenant);
        if (known != null || unknown == Unknown.REJECT) {
            return known;
        }
        InForce fallback = defaultTenant;
        return new InForce(fallback.config().withTenantId(tenant), fallback.offset());
    }

    /** Applies one record of the topic. Never throws for what the record holds. */
    void apply(byte @Nullable [] key, byte @Nullable [] value, long offset) {
        TenantId tenant = key == null ? null : TenantId.tryParse(key);
        if (tenant == null) {
            refuse("?", offset, "the key is not a tenant id in decimal");
            return;
        }
        if (value == null) {
            stored.remove(tenant);
            if (tenant.isDefault()) {
                defaultTenant = new InForce(TenantConfig.defaultTenant(), offset);
            }
            return;
        }
        try {
            TenantConfig config = TenantConfigJson.parseStored(value);
            if (!config.tenantId().equals(tenant)) {
                refuse(tenant.toString(), offset, "the config is of tenant " + config.tenantId());
                return;
            }
            InForce changed = new InForce(config, offset);
            if (tenant.isDefault()) {
                defaultTenant = changed;
            } else {
                stored.put(tenant, changed);
            }
        } catch (IllegalArgumentException e) {
            refuse(tenant.toString(), offset, e.getMessage());
        }
    }

    /** Records of the topic that could not be used since the start. */
    public long refusedCount() {
        return refused.get();
    }

    /** Notes that the topic was read up to a record, good or bad. */
    void read(long offset, long timestampMs) {
        readTimestampMs = timestampMs;
        readOffset = offset;
    }

    /** The offset of the last record of the topic that was read; -1 before the first. */
    public long readOffset() {
        return readOffset;
    }

    /** The time of that record, in ms since the epoch; 0 before the first. */
    public long readTimestampMs() {
        return readTimestampMs;
    }

    /** Tenants that have a config. */
    public int size() {
        return stored.size();
    }

    private void refuse(String tenant, long offset, @Nullable String why) {
        refused.incrementAndGet();
        LOG.warn(
                "a bad config record is ignored, the tenant keeps its last good one tenant={} offset={} why=\"{}\"",
                tenant,
                offset,
                why);
    }
}
