package io.tidegate.admission;

import java.util.Arrays;

/**
 * The fingerprints of {@link EntitySet} in memory: a sorted table with gaps.
 *
 * <p>A search starts at the slot of a fingerprint's upper half, scaled to the table. From there on fingerprints are in
 * order without a gap, so a search, successful or not, ends at the first one that is not smaller: after about two
 * slots. Slots are two longs, at most 3/4 of them are full, and the table grows by half: 21 to 32 bytes per entity. A
 * look-up allocates nothing.
 *
 * <p>A <em>dated</em> table has two more bytes per slot, the number of the entity's {@linkplain EntityAges generation}.
 * Expired entities stay until they are {@linkplain #sweep swept}, or the table is resized. A slot's index is valid
 * until the table changes.
 *
 * <p>Not thread-safe; part of {@link EntitySet}.
 */
final class EntityTable {
    private static final int HOMES_MIN = 8;
    private static final int OVERFLOW_MIN = 4;
    private static final int SHRINKS_BELOW = 8;

    /** A larger table does not shrink: that is a pass over all its slots, which takes too long for one signal. */
    static final int SHRINKS_MAX = 65_536;

    private static final int SHRINKS_MIN = 4_096;

    /** The number of slots at which a search can start; the slots after them take the overflow at the end. */
    private int homes = HOMES_MIN;

    /** Two longs per slot; an upper half of zero marks an empty slot. The last slot is always empty. */
    private long[] slots = new long[2 * (HOMES_MIN + OVERFLOW_MIN)];

    /** The generation of each slot, if the table is dated. */
    private short[] generations = new short[0];

    private boolean dated;
    private int size;
    private int swept;

    /** The number of entities in the table, including expired ones. */
    int size() {
        return size;
    }

    /** The number of slots, full and empty. */
    int slotCount() {
        return slots.length / 2;
    }

    long memoryBytes() {
        return Long.BYTES * (long) slots.length + Short.BYTES * (long) generations.length;
    }

    /** Makes the table dated; existing entities are in generation 0. */
    void date() {
        dated = true;
        generations = new short[slots.length / 2];
    }

    /**
     * Loads the first probe slot of a fingerprint. Callers that look up several fingerprints do this for all of them first, so
     * that the cache misses overlap.
     */
    long firstProbe(long high) {
        return slots[homeOf(notZero(high))];
    }

    /** @param first from {@link #firstProbe} */
    boolean contains(long high, long low, long first) {
        long stored = notZero(high);
        int slot = slotOf(stored, low, first);
        return slots[slot] == stored && slots[slot + 1] == low;
    }

    int find(long high, long low) {
        return find(high, low, firstProbe(high));
    }

    /**
     * Returns the slot of a fingerprint, expired or not; -1 if there is none.
     *
     * @param first from {@link #firstProbe}
     */
    int find(long high, long low, long first) {
        long stored = notZero(high);
        int slot = slotOf(stored, low, first);
        return slots[slot] == stored && slots[slot + 1] == low ? slot : -1;
    }

    long high(int slot) {
        return slots[slot];
    }

    long low(int slot) {
        return slots[slot + 1];
    }

    short generation(int slot) {
        return generations[slot / 2];
    }

    void generation(int slot, int number) {
        generations[slot / 2] = (short) number;
    }

    /** Whether the entity in a slot of a dated table has expired. */
    boolean isExpired(int slot, int firstGeneration) {
        return !EntityAges.isSince(generations[slot / 2], firstGeneration);
    }

    /**
     * Adds an absent fingerprint.
     *
     * @param firstGeneration in a dated table, the oldest generation that has not expired
     * @return its slot
     */
    int add(long high, long low, int firstGeneration) {
        if ((size + 1) * 4L > homes * 3L) {
            resize(homes + homes / 2, firstGeneration);
        }
        size++;
        return insert(notZero(high), low);
    }

    /** Makes room for {@code entities} at once, instead of growing step by step. */
    void expect(long entities, int firstGeneration) {
        int needed = Math.toIntExact(entities * 4 / 3 + 1);
        if (needed > homes) {
            resize(needed, firstGeneration);
        }
    }

    void clear() {
        homes = HOMES_MIN;
        slots = new long[2 * (HOMES_MIN + OVERFLOW_MIN)];
        generations = dated ? new short[slots.length / 2] : generations;
        size = 0;
    }

    /**
     * Removes expired entities from the next slots.
     *
     * @param most the maximum number of slots to visit
     * @param living the number of entities that have not expired
     */
    void sweep(int firstGeneration, long most, long living) {
        for (long left = most; left > 0 && size > living; left--) {
            swept = swept >= generations.length ? 0 : swept;
            int slot = 2 * swept;
            if (slots[slot] != 0 && isExpired(slot, firstGeneration)) {
                remove(slot);
            } else {
                swept++;
            }
        }
        if (homes > SHRINKS_MIN && homes <= SHRINKS_MAX && size < homes / SHRINKS_BELOW) {
            resize(2 * size, firstGeneration);
        }
    }

    /**
     * Replaces zero, which marks an empty slot. Losing one of 2^64 values makes no two different entities equal in
     * practice.
     */
    static long notZero(long high) {
        return high == 0 ? 1 : high;
    }

    /** Returns the index of the fingerprint's first long, or the index at which to insert it. */
    private int slotOf(long high, long low, long first) {
        long[] table = slots;
        int slot = homeOf(high);
        long there = first;
        while (there != 0 && Long.compareUnsigned(there, high) < 0) {
            slot += 2;
            there = table[slot];
        }
        while (there == high && table[slot + 1] < low) {
            slot += 2;
            there = table[slot];
        }
        return slot;
    }

    /**
     * Returns the first slot to search. The fingerprint is uniform, so its upper half scaled to the table is too, and
     * keeps the order.
     */
    private int homeOf(long high) {
        return (int) Math.multiplyHigh(high >>> 1, 2L * homes) * 2;
    }

    private int insert(long high, long low) {
        int slot = slotOf(high, low, slots[homeOf(high)]);
        int empty = slot;
        while (slots[empty] != 0) {
            empty += 2;
        }
        if (empty == slots.length - 2) {
            extend();
        }
        System.arraycopy(slots, slot, slots, slot + 2, empty - slot);
        slots[slot] = high;
        slots[slot + 1] = low;
        if (dated) {
            System.arraycopy(generations, slot / 2, generations, slot / 2 + 1, (empty - slot) / 2);
        }
        return slot;
    }

    /** Adds slots after the last home. */
    private void extend() {
        slots = Arrays.copyOf(slots, slots.length + Math.max(2 * OVERFLOW_MIN, slots.length - 2 * homes));
        if (dated) {
            generations = Arrays.copyOf(generations, slots.length / 2);
        }
    }

    /**
     * Removes a slot, and moves up the following fingerprints that are not at their home, so that no gap is before
     * them.
     */
    private void remove(int slot) {
        int end = slot + 2;
        while (slots[end] != 0 && homeOf(slots[end]) < end) {
            end += 2;
        }
        System.arraycopy(slots, slot + 2, slots, slot, end - slot - 2);
        System.arraycopy(generations, slot / 2 + 1, generations, slot / 2, (end - slot) / 2 - 1);
        slots[end - 2] = 0;
        slots[end - 1] = 0;
        size--;
    }

    /**
     * Resizes the table and drops expired entities. The order stays the same, so the fingerprints are only spread out.
     */
    private void resize(int newHomes, int firstGeneration) {
        long[] old = slots;
        short[] oldGenerations = generations;
        homes = Math.max(HOMES_MIN, newHomes);
        slots = new long[2 * (homes + OVERFLOW_MIN)];
        generations = dated ? new short[slots.length / 2] : generations;
        swept = 0;
        int next = 0;
        for (int i = 0; i < old.length; i += 2) {
            if (old[i] == 0) {
                continue;
            }
            if (dated && !EntityAges.isSince(oldGenerations[i / 2], firstGeneration)) {
                size--;
                continue;
            }
            int slot = Math.max(homeOf(old[i]), next);
            if (slot >= slots.length - 2) {
                extend();
            }
            slots[slot] = old[i];
            slots[slot + 1] = old[i + 1];
            if (dated) {
                generations[slot / 2] = oldGenerations[i / 2];
            }
            next = slot + 2;
        }
    }
}
