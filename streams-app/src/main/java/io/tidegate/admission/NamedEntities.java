package io.tidegate.admission;

import io.tidegate.signal.Signal;
import java.util.Arrays;
import java.util.List;

/**
 * The entities that a signal names and its tenant does not have yet. Reused for each signal; bounded by {@link
 * Signal#ENTITIES_MAX}. Not thread-safe.
 */
final class NamedEntities {
    private static final int FIRST_CAPACITY = 4;

    private final SipHash128 hash = new SipHash128();
    private final int[] ofKind = new int[EntityKind.ALL.length];
    private EntityKind[] kinds = new EntityKind[FIRST_CAPACITY];
    private long[] high = new long[FIRST_CAPACITY];
    private long[] low = new long[FIRST_CAPACITY];
    private long[] firstProbe = new long[FIRST_CAPACITY];
    private int size;

    /** The slots of the known entities, if the tenant's entities have ages. */
    private int[] knownSlots = new int[0];

    private EntityKind[] knownKinds = new EntityKind[0];
    private int known;

    /**
     * Hashes the signal's entities and keeps those that are new to the tenant.
     *
     * @param nowMs the signal's time: an entity that has expired by then is new
     */
    void lookUp(TenantUsage usage, Signal signal, long nowMs) {
        EntitySet set = usage.entities();
        EntityTable entities = set.table();
        int named = 0;
        for (EntityKind kind : EntityKind.ALL) {
            List<String> ids = kind.idsIn(signal);
            for (int i = 0; i < ids.size(); i++) {
                if (named == kinds.length) {
                    grow();
                }
                usage.hash(hash, kind, ids.get(i));
                kinds[named] = kind;
                high[named] = hash.high();
                low[named] = hash.low();
                // Load the memory of all of them before the first one is needed.
                firstProbe[named] = entities.firstProbe(hash.high());
                named++;
            }
        }
        size = 0;
        known = 0;
        Arrays.fill(ofKind, 0);
        EntityAges ages = set.ages();
        if (ages != null) {
            keepNewAndKnown(entities, ages.firstAt(nowMs), named);
            return;
        }
        for (int i = 0; i < named; i++) {
            if (!entities.contains(high[i], low[i], firstProbe[i])) {
                keepNew(i);
            }
        }
    }

    private void keepNewAndKnown(EntityTable entities, int firstGeneration, int named) {
        if (knownSlots.length < named) {
            knownSlots = new int[kinds.length];
            knownKinds = new EntityKind[kinds.length];
        }
        for (int i = 0; i < named; i++) {
            int slot = entities.find(high[i], low[i], firstProbe[i]);
            if (slot < 0 || entities.isExpired(slot, firstGeneration)) {
                keepNew(i);
            } else {
                knownSlots[known] = slot;
                knownKinds[known] = kinds[i];
                known++;
            }
        }
    }

    private void keepNew(int i) {
        kinds[size] = kinds[i];
        high[size] = high[i];
        low[size] = low[i];
        size++;
        ofKind[kinds[i].ordinal()]++;
    }

    /** The number of new entities. */
    int size() {
        return size;
    }

    /** The number of new entities of one kind. */
    int size(EntityKind kind) {
        return ofKind[kind.ordinal()];
    }

    /**
     * Applies the entities of an accepted signal: adds the new ones to the tenant's, and refreshes the known ones.
     *
     * @param entitiesMax the maximum size of the set; new entities that do not fit are left out
     */
    void addTo(TenantUsage usage, long nowMs, long entitiesMax) {
        EntityAges ages = usage.entities().ages();
        if (ages != null) {
            addTo(usage, ages, nowMs, entitiesMax);
        } else if (usage.entityCount() + size <= entitiesMax) {
            for (int i = 0; i < size; i++) {
                usage.addEntity(kinds[i], high[i], low[i]);
            }
        }
    }

    private void addTo(TenantUsage usage, EntityAges ages, long nowMs, long entitiesMax) {
        EntitySet entities = usage.entities();
        usage.expireIdle(nowMs);
        int generation = ages.generationAt(nowMs);
        long appended = entities.log().appended();
        // Refresh the known entities first: adding moves slots.
        for (int i = 0; i < known && ages.ttlMs() != 0; i++) {
            entities.refresh(knownSlots[i], generation, knownKinds[i]);
        }
        if (usage.entityCount() + size <= entitiesMax) {
            for (int i = 0; i < size; i++) {
                usage.addEntity(kinds[i], high[i], low[i], generation);
            }
        }
        entities.settle(appended);
    }

    private void grow() {
        int capacity = kinds.length * 2;
        kinds = Arrays.copyOf(kinds, capacity);
        high = Arrays.copyOf(high, capacity);
        low = Arrays.copyOf(low, capacity);
        firstProbe = Arrays.copyOf(firstProbe, capacity);
    }
}
