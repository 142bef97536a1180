package io.tidegate.admission;

import io.tidegate.signal.Signal;
import java.util.Arrays;
import java.util.List;

/**
 * The entities that a signal names and its tenant does not have yet. Reused for each signal; bounded by
 * {@link Signal#ENTITIES_MAX}. Not thread-safe.
 */
final class NamedEntities {
    private static final int FIRST_CAPACITY = 4;

    private final SipHash128 hash = new SipHash128();
    private final int[] ofKind = new int[EntityKind.ALL.length];
    private EntityKind[] kinds = new EntityKind[FIRST_CAPACITY];
    private long[] high = new long[FIRST_CAPACITY];
    private long[] low = new long[FIRST_CAPACITY];
    private long[] firstSeen = new long[FIRST_CAPACITY];
    private int size;

    /** Hashes the signal's entities and keeps those that are new to the tenant. */
    void lookUp(TenantUsage usage, Signal signal) {
        EntitySet entities = usage.entities();
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
                // Memory is read for all of them before the first is needed.
                firstSeen[named] = entities.firstSeen(hash.high());
                named++;
            }
        }
        size = 0;
        Arrays.fill(ofKind, 0);
        for (int i = 0; i < named; i++) {
            if (!entities.contains(high[i], low[i], firstSeen[i])) {
                kinds[size] = kinds[i];
                high[size] = high[i];
                low[size] = low[i];
                size++;
                ofKind[kinds[i].ordinal()]++;
            }
        }
    }

    /** How many are new. */
    int size() {
        return size;
    }

    /** How many of one kind are new. */
    int size(EntityKind kind) {
        return ofKind[kind.ordinal()];
    }

    /** Adds the new ones to the tenant's. */
    void addTo(TenantUsage usage) {
        for (int i = 0; i < size; i++) {
            usage.addEntity(kinds[i], high[i], low[i]);
        }
    }

    private void grow() {
        int capacity = kinds.length * 2;
        kinds = Arrays.copyOf(kinds, capacity);
        high = Arrays.copyOf(high, capacity);
        low = Arrays.copyOf(low, capacity);
        firstSeen = Arrays.copyOf(firstSeen, capacity);
    }
}
