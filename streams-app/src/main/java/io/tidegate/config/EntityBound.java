package io.tidegate.config;

import io.tidegate.admission.EntitySet;

/**
 * The number of entities that one tenant can have so that its entity set always fits the heap.
 *
 * <p>A task holds the whole set of its last signal's tenant, even if it exceeds the task's part of the cache. In the worst
 * case, one instance has all shards, and on each a tenant at the bound grows at the same time. Together these sets take the
 * larger of the cache and a quarter of the heap, so at most half of the heap.
 *
 * @param heapBytes the heap of this process
 * @param cacheBytes memory for tenants' usage and entities, at most half of the heap
 * @param shards the number of shards that an instance can get
 */
record EntityBound(long heapBytes, long cacheBytes, int shards) {
    private static final int SHARE_OF_HEAP = 4;
    private static final int BASE = 10;

    /** Returns the bound. */
    long entities() {
        long bytes = Math.max(cacheBytes, heapBytes / SHARE_OF_HEAP) / shards;
        return Math.min(EntitySet.ENTITIES_MAX, bytes / EntitySet.GROWTH_BYTES);
    }

    /**
     * Returns the bound, rounded down to one significant digit. So instances whose heaps differ slightly, because collectors
     * count them differently, use the same bound.
     */
    long rounded() {
        long digit = Math.max(1, entities());
        long unit = 1;
        while (digit >= BASE) {
            digit /= BASE;
            unit *= BASE;
        }
        return digit * unit;
    }

    /** Returns the smallest heap that holds this many entities, for any cache. */
    long heapNeeded(long entities) {
        return entities * SHARE_OF_HEAP * EntitySet.GROWTH_BYTES * shards;
    }
}
