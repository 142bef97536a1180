package io.tidegate.config;

import io.tidegate.admission.EntitySet;

/**
 * How many entities one tenant can have so that its set always fits the heap.
 *
 * <p>A task holds the tenant of its last signal whole, even if the tenant takes more than the task's part of the cache. In
 * the worst case one instance has all shards, and on each a tenant at the bound grows at the same time: together they take
 * the larger of the cache and a quarter of the heap, so at most half of the heap.
 *
 * @param heapBytes of this process
 * @param cacheBytes memory for tenants' usage and entities, at most half of the heap
 * @param shards all that an instance can get
 */
record EntityBound(long heapBytes, long cacheBytes, int shards) {
    private static final int SHARE_OF_HEAP = 4;
    private static final int BASE = 10;

    /** What fits. */
    long entities() {
        long bytes = Math.max(cacheBytes, heapBytes / SHARE_OF_HEAP) / shards;
        return Math.min(EntitySet.ENTITIES_MAX, bytes / EntitySet.GROWTH_BYTES);
    }

    /**
     * What fits, with one digit that is not zero: instances whose heaps differ by little, as collectors count them, decide
     * alike.
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

    /** The smallest heap that holds so many entities, whatever the cache is. */
    long heapNeeded(long entities) {
        return entities * SHARE_OF_HEAP * EntitySet.GROWTH_BYTES * shards;
    }
}
