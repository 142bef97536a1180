package io.tidegate.topology;

import io.tidegate.admission.Bucket;
import io.tidegate.admission.ChargedSegment;
import io.tidegate.admission.EntityKind;
import io.tidegate.admission.EntitySet;
import io.tidegate.admission.OpenSegment;
import io.tidegate.admission.TenantUsage;
import io.tidegate.contract.SegmentLimits;
import io.tidegate.contract.StateKeys;
import io.tidegate.tenant.TenantId;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.BiConsumer;
import java.util.function.Function;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.state.KeyValueIterator;
import org.apache.kafka.streams.state.KeyValueStore;
import org.jspecify.annotations.Nullable;

/**
 * The usage of all tenants of one task: in memory for decisions, in four logged stores for everything else.
 *
 * <pre>
 *  usage     tenant (8)                      → {@link TenantUsage}
 *  entities  tenant (8) | chunk number (4)   → a chunk of {@link EntitySet}
 *  segments  tenant (8) | first seq (8)      → record bytes (8) | last seq (8) of a sealed segment
 *
 *   history   tenant (8) | bucket (1) | chunk number (4)   → times at which its tokens were taken
 * </pre>
 *
 * <p>A tenant is read from the stores at its first signal. Changes stay in memory until {@link #write}, which must be
 * called before each commit: so a tenant's usage is written once per transaction, however many signals it has. Chunks
 * of entities are written when they are full, the last one with the usage. When too many tenants or bytes are in
 * memory, the least recently used tenants are written and dropped; the current tenant always stays. Memory is never
 * newer than the open transaction: after a failure, a move or a revival, the task creates a new instance, which reads
 * the stores.
 *
 * <p>Not thread-safe; owned by the task.
 */
final class TenantStates {

    /**
     * Approximate memory of a tenant's usage, limits, key and map entry, used to bound it: {@code benchmarks/sizing}.
     */
    private static final long TENANT_BYTES = 1_400;

    private final KeyValueStore<Bytes, byte[]> usages;
    private final KeyValueStore<Bytes, byte[]> entities;
    private final KeyValueStore<Bytes, byte[]> segments;
    private final KeyValueStore<Bytes, byte[]> history;
    private final int tenantsMax;
    private final MemoryShare memory;
    private final GatheredWrites usageWrites;
    private final GatheredWrites entityWrites;
    private final GatheredWrites historyWrites;
    private final SecureRandom random = new SecureRandom();
    private final Map<TenantId, CachedTenant> cached = new LinkedHashMap<>(1024, 0.75f, true);
    private final Set<CachedTenant> changed = new LinkedHashSet<>();
    private long cachedBytes;

    /** One tenant in memory. Valid only until the next record: it may be dropped then. */
    static final class CachedTenant {
        private final TenantId tenant;
        private final TenantUsage usage;
        private boolean changed;
        private boolean comparedWithWal;
        private long bytes;

        private CachedTenant(TenantId tenant, TenantUsage usage) {
            this.tenant = tenant;
            this.usage = usage;
        }

        TenantUsage usage() {
            return usage;
        }

        /**
         * Checks, for the first signal that is accepted under this state, that the WAL does not have its sequence number yet.
         *
         * @throws IllegalStateException if the stored usage is older than the WAL
         */
        void requireNotInWal(long seq, Function<TenantId, @Nullable Long> nextInWal) {
            if (comparedWithWal) {
                return;
            }
            Long next = nextInWal.apply(tenant);
            if (next != null && seq < next) {
                throw lost(
                        tenant,
                        StateKeys.USAGE,
                        "it continues with the sequence number %d, and the WAL has records up to %d"
                                .formatted(seq, next - 1));
            }
            comparedWithWal = true;
        }
    }

    /** Without this check, limits and sequence numbers would start again, and accepted signals would be missing in the WAL. */
    private static IllegalStateException lost(TenantId tenant, String store, String what) {
        return new IllegalStateException(
                ("the stored state of tenant %s is incomplete: %s. The topic with a name that ends in %s-changelog lost records, or was"
                                + " deleted. No signal was decided with this state. Bring the topic back; or start over: with tidegate reset, which"
                                + " deletes all data, or with an application.id, topics and data directories of its own")
                        .formatted(tenant, what, store));
    }

    /**
     * @param tenantsMax the maximum number of tenants in memory
     * @param memory the maximum memory that they may take
     */
    TenantStates(
            KeyValueStore<Bytes, byte[]> usages,
            KeyValueStore<Bytes, byte[]> entities,
            KeyValueStore<Bytes, byte[]> segments,
            KeyValueStore<Bytes, byte[]> history,
            int tenantsMax,
            MemoryShare memory) {
        this.usages = usages;
        this.entities = entities;
        this.segments = segments;
        this.history = history;
        this.usageWrites = new GatheredWrites(usages);
        this.entityWrites = new GatheredWrites(entities);
        this.historyWrites = new GatheredWrites(history);
        this.tenantsMax = tenantsMax;
        this.memory = memory;
    }

    CachedTenant of(TenantId tenant) {
        CachedTenant known = cached.get(tenant);
        if (known == null) {
            byte[] stored = usages.get(StateKeys.usage(tenant));
            TenantUsage usage =
                    stored == null ? TenantUsage.fresh(random.nextLong(), random.nextLong()) : TenantUsage.read(stored);
            // Before loading: two large tenants must never be in memory together.
            drop(cached.size() + 1, TENANT_BYTES + usage.entityBytesMax(), null);
            load(tenant, usage);
            known = new CachedTenant(tenant, usage);
            cached.put(tenant, known);
            weigh(known);
        }
        return known;
    }

    /** Visits the tenants in memory. */
    void forEachCached(BiConsumer<TenantId, TenantUsage> visitor) {
        cached.forEach((tenant, one) -> visitor.accept(tenant, one.usage));
    }

    private void load(TenantId tenant, TenantUsage usage) {
        loadHistory(tenant, usage);
        EntitySet set = usage.entities();
        if (!set.isStored(usage.entityCount())) {
            return;
        }
        set.expect(usage.entityCount());
        try (KeyValueIterator<Bytes, byte[]> chunks =
                entities.range(StateKeys.entities(tenant, 0), StateKeys.entities(tenant, Integer.MAX_VALUE))) {
            while (chunks.hasNext()) {
                var chunk = chunks.next();
                set.load(StateKeys.chunkOf(chunk.key.get()), chunk.value);
            }
        }
        if (set.size() != usage.entityCount()) {
            throw lost(
                    tenant,
                    StateKeys.ENTITIES,
                    "it counts %d entities, and %d are stored".formatted(usage.entityCount(), set.size()));
        }
    }

    private void loadHistory(TenantId tenant, TenantUsage usage) {
        for (Bucket bucket : usage.buckets()) {
            if (usage.isStoredHistoryStale(bucket)) {
                deleteHistory(tenant, bucket);
            } else if (usage.hasStoredHistory(bucket)) {
                try {
                    usage.loadHistory(bucket, storedHistory(tenant, bucket));
                } catch (IllegalStateException e) {
                    throw lost(tenant, StateKeys.HISTORY, String.valueOf(e.getMessage()));
                }
            }
        }
    }

    /** Returns the chunks of a bucket's history by number; bounded by {@link io.tidegate.admission.HistoryBounds}. */
    private Map<Integer, byte[]> storedHistory(TenantId tenant, Bucket bucket) {
        Map<Integer, byte[]> chunks = new LinkedHashMap<>();
        try (KeyValueIterator<Bytes, byte[]> range = history.range(
                StateKeys.history(tenant, bucket.key(), 0),
                StateKeys.history(tenant, bucket.key(), Integer.MAX_VALUE))) {
            while (range.hasNext()) {
                var chunk = range.next();
                chunks.put(StateKeys.chunkOf(chunk.key.get()), chunk.value);
            }
        }
        return chunks;
    }

    private void deleteHistory(TenantId tenant, Bucket bucket) {
        storedHistory(tenant, bucket)
                .keySet()
                .forEach(number -> history.delete(StateKeys.history(tenant, bucket.key(), number)));
    }

    /** Notes that a tenant changed, and enforces the bounds. */
    void changed(CachedTenant one) {
        writeFullChunks(one);
        collectChunks(one);
        if (!one.changed) {
            one.changed = true;
            changed.add(one);
        }
        weigh(one);
    }

    private void writeFullChunks(CachedTenant one) {
        EntitySet set = one.usage.entities();
        if (set.hasFull()) {
            set.writeFull((number, chunk) -> entities.put(StateKeys.entities(one.tenant, number), chunk));
        }
    }

    /** Deletes chunks that are due. Bounded by the number of chunks that the last accepted signal appended. */
    private void collectChunks(CachedTenant one) {
        EntitySet set = one.usage.entities();
        for (int due = set.dueChunk(); due >= 0; due = set.dueChunk()) {
            set.collect(entities.delete(StateKeys.entities(one.tenant, due)));
            writeFullChunks(one);
        }
    }

    private void weigh(CachedTenant one) {
        long bytes = TENANT_BYTES + one.usage.entities().memoryBytes() + one.usage.historyBytes();
        cachedBytes += bytes - one.bytes;
        one.bytes = bytes;
        drop(cached.size(), 0, one);
    }

    /**
     * Drops the least recently used tenants until the bounds hold.
     *
     * @param tenants the number of tenants about to be in memory
     * @param moreBytes the bytes about to be added
     * @param current the tenant that stays; null if all may be dropped
     */
    private void drop(int tenants, long moreBytes, @Nullable CachedTenant current) {
        int surplus = tenants - tenantsMax;
        Iterator<CachedTenant> eldest = cached.values().iterator();
        while (eldest.hasNext() && (surplus > 0 || cachedBytes + moreBytes > memory.bytes())) {
            CachedTenant one = eldest.next();
            if (one == current) {
                return;
            }
            surplus--;
            if (changed.remove(one)) {
                write(one);
            }
            cachedBytes -= one.bytes;
            eldest.remove();
        }
    }

    /** Drops a tenant with its changes since it was read, unless they must be written. */
    void drop(CachedTenant one) {
        if (!changed.contains(one)) {
            remove(one);
        }
    }

    private void remove(CachedTenant one) {
        cached.remove(one.tenant);
        cachedBytes -= one.bytes;
    }

    /** Writes all changes. Must be called before each commit; may be called at any time. */
    void write() {
        List<CachedTenant> inOrder = new ArrayList<>(changed);
        inOrder.sort(Comparator.comparing(one -> one.tenant));
        inOrder.forEach(this::gather);
        changed.clear();
        writeGathered();
    }

    private void write(CachedTenant one) {
        gather(one);
        writeGathered();
    }

    private void gather(CachedTenant one) {
        one.changed = false;
        gatherUsage(one);
        one.usage
                .entities()
                .writeAll((number, chunk) -> entityWrites.put(StateKeys.entities(one.tenant, number), chunk));
    }

    /** Gathers the usage and its histories, which belong together: a short history moves between them. */
    private void gatherUsage(CachedTenant one) {
        usageWrites.put(StateKeys.usage(one.tenant), one.usage.write());
        for (Bucket bucket : one.usage.buckets()) {
            one.usage.writeHistory(
                    bucket,
                    (number, chunk) -> historyWrites.put(StateKeys.history(one.tenant, bucket.key(), number), chunk));
        }
    }

    private void writeGathered() {
        usageWrites.flush();
        historyWrites.flush();
        entityWrites.flush();
    }

    /**
     * Adds an accepted signal's record bytes to the open segment, or to a new one if the open one is too old. Seals a
     * segment that is full, so that it counts from the next decision on. The caller must {@linkplain #changed note} the
     * change.
     *
     * @return whether the record begins a segment
     */
    boolean stored(CachedTenant one, long recordBytes, long atMs, SegmentLimits limits) {
        OpenSegment open = one.usage.openSegment();
        long seq = one.usage.lastSeq();
        if (open.isTooOld(atMs, limits.ageMs())) {
            seal(one, open, seq - 1);
            open = OpenSegment.NONE;
        }
        boolean begins = !open.isOpen();
        open = open.with(seq, recordBytes, atMs);
        if (open.bytes() >= limits.bytes()) {
            seal(one, open, seq);
            open = OpenSegment.NONE;
        }
        one.usage.openSegment(open);
        return begins;
    }

    private void seal(CachedTenant one, OpenSegment segment, long lastSeq) {
        segments.put(
                StateKeys.segment(one.tenant, segment.firstSeq()),
                new ChargedSegment(segment.bytes(), lastSeq).write());
        one.usage.storageChanged(1, segment.bytes());
    }

    private void remove(CachedTenant one, long firstSeq, long bytes) {
        segments.delete(StateKeys.segment(one.tenant, firstSeq));
        one.usage.storageChanged(-1, -bytes);
        changed(one);
    }

    /**
     * The data removed from a tenant.
     *
     * @param usage the usage before the removal
     * @param segments the first sequence numbers of the removed segments
     * @param bytes the size of these segments
     * @param nextSeq the next sequence number, which stays
     */
    record Removal(TenantUsage usage, List<Long> segments, long bytes, long nextSeq) {}

    /**
     * Removes the segments whose records are all below {@code belowSeq}, which must not exceed the next sequence
     * number.
     */
    Removal prune(CachedTenant one, long belowSeq) {
        long bytesBefore = one.usage.sealedBytes();
        List<Long> gone = new ArrayList<>();
        for (Segment segment : segmentsOf(one)) {
            if (segment.charged.lastSeq() < belowSeq) {
                remove(one, segment.firstSeq, segment.charged.bytes());
                gone.add(segment.firstSeq);
            }
        }
        OpenSegment open = one.usage.openSegment();
        if (open.isRemovedBelow(belowSeq, one.usage.lastSeq())) {
            // All its records are removed. The WAL drops the file, so the next signal begins a segment.
            one.usage.openSegment(OpenSegment.NONE);
            changed(one);
        }
        if (one.usage.prunedBelow() < belowSeq) {
            one.usage.prunedBelow(belowSeq);
            changed(one);
        }
        return new Removal(one.usage, gone, bytesBefore - one.usage.sealedBytes(), one.usage.acceptedCount());
    }

    private record Segment(long firstSeq, ChargedSegment charged) {}

    /** Returns a tenant's segments in order; bounded by the size of its WAL. */
    private List<Segment> segmentsOf(CachedTenant one) {
        List<Segment> found = new ArrayList<>();
        try (KeyValueIterator<Bytes, byte[]> range =
                segments.range(StateKeys.segment(one.tenant, 0), StateKeys.segment(one.tenant, Long.MAX_VALUE))) {
            while (range.hasNext()) {
                var next = range.next();
                found.add(new Segment(
                        StateKeys.firstSeqOf(next.key.get()), ChargedSegment.read(next.value, one.usage.lastSeq())));
            }
        }
        return found;
    }

    /** Removes an entity; false if the tenant does not have it. */
    boolean forget(CachedTenant one, EntityKind kind, String id) {
        writeAndDrop(one);
        boolean found = one.usage.forget(
                kind,
                id,
                number -> entities.get(StateKeys.entities(one.tenant, number)),
                (number, chunk) -> entities.put(StateKeys.entities(one.tenant, number), chunk));
        if (found) {
            gatherUsage(one);
            writeGathered();
        }
        return found;
    }

    /** Removes everything of a tenant except its next sequence number. */
    Removal delete(CachedTenant one) {
        writeAndDrop(one);
        deleteEntities(one.tenant);
        for (Bucket bucket : Bucket.ALL) {
            deleteHistory(one.tenant, bucket);
        }
        List<Long> gone = new ArrayList<>();
        for (Segment segment : segmentsOf(one)) {
            segments.delete(StateKeys.segment(one.tenant, segment.firstSeq));
            gone.add(segment.firstSeq);
        }
        usages.put(
                StateKeys.usage(one.tenant),
                one.usage.deleted(random.nextLong(), random.nextLong()).write());
        return new Removal(one.usage, gone, one.usage.sealedBytes(), one.usage.acceptedCount());
    }

    private void deleteEntities(TenantId tenant) {
        List<Bytes> keys = new ArrayList<>();
        try (KeyValueIterator<Bytes, byte[]> chunks =
                entities.range(StateKeys.entities(tenant, 0), StateKeys.entities(tenant, Integer.MAX_VALUE))) {
            chunks.forEachRemaining(chunk -> keys.add(chunk.key));
        }
        keys.forEach(entities::delete);
    }

    /** Updates the stores and drops the tenant from memory; its next record reads the stores again. */
    private void writeAndDrop(CachedTenant one) {
        if (changed.remove(one)) {
            write(one);
        }
        remove(one);
    }
}
