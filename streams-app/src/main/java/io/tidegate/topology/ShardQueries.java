package io.tidegate.topology;

import io.tidegate.admission.ChargedSegment;
import io.tidegate.admission.TenantUsage;
import io.tidegate.contract.StateKeys;
import io.tidegate.streams.InstanceView;
import io.tidegate.tenant.TenantId;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BiConsumer;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.errors.InvalidStateStoreException;
import org.apache.kafka.streams.state.KeyValueIterator;
import org.apache.kafka.streams.state.ReadOnlyKeyValueStore;
import org.jspecify.annotations.Nullable;

/**
 * Reads the state of the shards that this instance owns. Any other shard is reported as "not here", never guessed.
 * Thread-safe; reads while other threads decide.
 */
public final class ShardQueries {
    /**
     * A sealed segment that a tenant is charged for.
     *
     * @param bytes the own bytes of its records
     */
    public record Segment(long firstSeq, long bytes) {}

    /** The state of a tenant whose shard is here. The usage is null for a tenant without any decision. */
    public record UsageLookup(@Nullable TenantUsage usage) {}

    private final InstanceView view;

    public ShardQueries(InstanceView view) {
        this.view = view;
    }

    /** Reads a tenant's usage; null if its shard is not here. */
    public @Nullable UsageLookup usage(TenantId tenant) {
        ReadOnlyKeyValueStore<Bytes, byte[]> store = view.store(StateKeys.USAGE, view.shardOf(tenant));
        if (store == null) {
            return null;
        }
        try {
            byte[] stored = store.get(StateKeys.usage(tenant));
            return new UsageLookup(stored == null ? null : TenantUsage.read(stored));
        } catch (InvalidStateStoreException e) {
            return null; // the shard moved away during the read
        }
    }

    /**
     * Returns a tenant's sealed segments in order; null if its shard is not here.
     *
     * @param after only segments that begin above this sequence number
     */
    public @Nullable List<Segment> segments(TenantId tenant, long after, int max) {
        ReadOnlyKeyValueStore<Bytes, byte[]> store = view.store(StateKeys.SEGMENTS, view.shardOf(tenant));
        if (store == null) {
            return null;
        }
        if (after == Long.MAX_VALUE) {
            return List.of();
        }
        List<Segment> found = new ArrayList<>();
        try (KeyValueIterator<Bytes, byte[]> range =
                store.range(StateKeys.segment(tenant, after + 1), StateKeys.segment(tenant, Long.MAX_VALUE))) {
            while (range.hasNext() && found.size() < max) {
                var entry = range.next();
                found.add(new Segment(StateKeys.firstSeqOf(entry.key.get()), ChargedSegment.bytesOf(entry.value)));
            }
            return found;
        } catch (InvalidStateStoreException e) {
            return null;
        }
    }

    /**
     * Reads the usage of all tenants of a shard, in the order of their ids.
     *
     * @return false if the shard is not here or moved away during the read: the tenants passed on are then incomplete
     */
    public boolean usages(int shard, BiConsumer<TenantId, TenantUsage> each) {
        ReadOnlyKeyValueStore<Bytes, byte[]> store = view.store(StateKeys.USAGE, shard);
        if (store == null) {
            return false;
        }
        try (KeyValueIterator<Bytes, byte[]> all = store.all()) {
            while (all.hasNext()) {
                var entry = all.next();
                each.accept(StateKeys.tenantOf(entry.key.get()), TenantUsage.read(entry.value));
            }
            return true;
        } catch (InvalidStateStoreException e) {
            return false;
        }
    }
}
