package io.tidegate.topology;

import io.tidegate.admission.EntitySet;
import io.tidegate.admission.TenantUsage;
import io.tidegate.tenant.TenantId;
import java.nio.ByteBuffer;
import java.security.SecureRandom;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.BiConsumer;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.state.KeyValueIterator;
import org.apache.kafka.streams.state.KeyValueStore;
import org.jspecify.annotations.Nullable;

/**
 * The usage of all tenants of one task: in memory for decisions, in three logged stores for everything else.
 *
 * <pre>
 *  usage     tenant (8)                      → {@link TenantUsage}
 *  entities  tenant (8) | chunk number (4)   → a chunk of {@link EntitySet}
 *  segments  tenant (8) | first seq (8)      → bytes (8) of a sealed segment
 * </pre>
 *
 * <p>A tenant is read from the stores at its first signal; every change is written through at once, so a tenant can be
 * dropped from memory at any time, and the least recently used is when there are too many. Not thread-safe; owned by the
 * task.
 */
final class TenantStates {
    static final String USAGE = "usage";
    static final String ENTITIES = "entities";
    static final String SEGMENTS = "segments";

    private final KeyValueStore<Bytes, byte[]> usages;
    private final KeyValueStore<Bytes, byte[]> entities;
    private final KeyValueStore<Bytes, byte[]> segments;
    private final SecureRandom random = new SecureRandom();
    private final Map<TenantId, TenantUsage> cached;

    /** @param cachedMax tenants kept in memory */
    TenantStates(
            KeyValueStore<Bytes, byte[]> usages,
            KeyValueStore<Bytes, byte[]> entities,
            KeyValueStore<Bytes, byte[]> segments,
            int cachedMax) {
        this.usages = usages;
        this.entities = entities;
        this.segments = segments;
        this.cached = new LinkedHashMap<>(1024, 0.75f, true) {
            private static final long serialVersionUID = 1L;

            @Override
            protected boolean removeEldestEntry(Map.Entry<TenantId, TenantUsage> eldest) {
                return size() > cachedMax;
            }
        };
    }

    TenantUsage usage(TenantId tenant) {
        TenantUsage usage = cached.get(tenant);
        if (usage == null) {
            usage = load(tenant);
            cached.put(tenant, usage);
        }
        return usage;
    }

    /** Visits the tenants that are in memory. */
    void forEachCached(BiConsumer<TenantId, TenantUsage> visitor) {
        cached.forEach(visitor);
    }

    private TenantUsage load(TenantId tenant) {
        byte[] stored = usages.get(usageKey(tenant));
        if (stored == null) {
            return TenantUsage.fresh(random.nextLong(), random.nextLong());
        }
        TenantUsage usage = TenantUsage.read(stored);
        try (KeyValueIterator<Bytes, byte[]> chunks =
                entities.range(chunkKey(tenant, 0), chunkKey(tenant, Integer.MAX_VALUE))) {
            while (chunks.hasNext()) {
                var chunk = chunks.next();
                usage.entities().load(ByteBuffer.wrap(chunk.key.get()).getInt(Long.BYTES), chunk.value);
            }
        }
        if (usage.entities().size() != usage.entityCount()) {
            throw new IllegalStateException("tenant %s has %d entities in its set and counts %d"
                    .formatted(tenant, usage.entities().size(), usage.entityCount()));
        }
        return usage;
    }

    /**
     * Writes a usage that a decision changed.
     *
     * @param entitiesBefore the size of the entity set before the decision
     */
    void changed(TenantId tenant, TenantUsage usage, int entitiesBefore) {
        usages.put(usageKey(tenant), usage.write());
        EntitySet set = usage.entities();
        if (set.size() > entitiesBefore) {
            int last = (set.size() - 1) / EntitySet.CHUNK_ENTITIES;
            for (int chunk = entitiesBefore / EntitySet.CHUNK_ENTITIES; chunk <= last; chunk++) {
                entities.put(chunkKey(tenant, chunk), set.chunk(chunk));
            }
        }
    }

    /** Counts a sealed segment, once however often it is reported; null bytes: it is gone. */
    void segment(TenantId tenant, long firstSeq, @Nullable Long bytes) {
        Bytes key = Bytes.wrap(ByteBuffer.allocate(2 * Long.BYTES)
                .putLong(tenant.bits())
                .putLong(firstSeq)
                .array());
        byte[] before = segments.get(key);
        long bytesBefore = before == null ? 0 : ByteBuffer.wrap(before).getLong();
        if (bytes == null ? before == null : before != null && bytesBefore == bytes) {
            return;
        }
        TenantUsage usage = usage(tenant);
        if (bytes == null) {
            segments.delete(key);
            usage.storageChanged(-1, -bytesBefore);
        } else {
            segments.put(key, ByteBuffer.allocate(Long.BYTES).putLong(bytes).array());
            usage.storageChanged(before == null ? 1 : 0, bytes - bytesBefore);
        }
        changed(tenant, usage, usage.entities().size());
    }

    private static Bytes usageKey(TenantId tenant) {
        return Bytes.wrap(ByteBuffer.allocate(Long.BYTES).putLong(tenant.bits()).array());
    }

    private static Bytes chunkKey(TenantId tenant, int chunk) {
        return Bytes.wrap(ByteBuffer.allocate(Long.BYTES + Integer.BYTES)
                .putLong(tenant.bits())
                .putInt(chunk)
                .array());
    }
}
