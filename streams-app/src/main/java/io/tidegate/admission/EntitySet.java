package io.tidegate.admission;

import java.nio.ByteBuffer;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * The distinct entities of one tenant, as 128-bit fingerprints in memory over chunks in a store.
 *
 * <p>In memory: a sorted table with gaps. A fingerprint's upper half, scaled to the table, is where it is looked for; from
 * there on fingerprints stand in order without a gap, so a search, for one that is there or not, ends at the first that
 * is not smaller: after about two slots. Slots are two longs, at most 3/4 of them full, and the table grows by a half: 21
 * to 32 bytes an entity. A look-up touches no store and allocates nothing.
 *
 * <p>Durable: fingerprints in the order of arrival, cut into chunks of {@value #CHUNK_ENTITIES}. Only the last chunk
 * changes, so what has to be written is each chunk once when it is full, and the last one when a transaction is
 * committed; {@link #load} reads them back. Chunks are kept in this form until they are {@linkplain #release released}.
 *
 * <pre>
 *  chunk key   tenant (8) | chunk number (4)      big-endian
 *  chunk       version = 1 (1) | high (8), low (8) | high, low | … up to 64
 * </pre>
 *
 * <p>Not thread-safe; owned by the task that owns the tenant.
 */
public final class EntitySet {
    /** Fingerprints in a full chunk. */
    public static final int CHUNK_ENTITIES = 64;

    /** Entities of one set: the table is one array. */
    public static final int ENTITIES_MAX = 500_000_000;

    /** Bytes for each entity while a table grows: the old one, 3/4 full, and the new one, half full. */
    public static final int GROWTH_BYTES = 54;

    private static final byte VERSION = 1;
    private static final int FINGERPRINT_BYTES = 2 * Long.BYTES;
    private static final int HOMES_MIN = 8;
    private static final int OVERFLOW_MIN = 4;
    private static final int TAIL_DOUBLES_TO = 2 * CHUNK_ENTITIES;
    private static final int TAIL_STEP = 16;
    private static final long OBJECT_BYTES = 96;

    /** Slots at which a search can begin; those behind take what does not fit at the end. */
    private int homes = HOMES_MIN;

    /** Two longs a slot; an upper half of zero is an empty slot. The last slot is always empty. */
    private long[] slots = new long[2 * (HOMES_MIN + OVERFLOW_MIN)];

    /** The chunks from {@link #firstHeldChunk} on. */
    private long[] tail = new long[2];

    private int firstHeldChunk;
    private int size;

    public int size() {
        return size;
    }

    /** The number of the chunk that the next entity goes to. */
    public int tailChunk() {
        return size / CHUNK_ENTITIES;
    }

    /** The first chunk that {@link #chunk} can give. */
    public int firstHeldChunk() {
        return firstHeldChunk;
    }

    /** The most memory that a set of so many entities takes: a table that has just grown is half full. */
    public static long memoryBytesMax(long entities) {
        return OBJECT_BYTES + 2L * FINGERPRINT_BYTES * entities;
    }

    /** The memory that this takes, near enough to bound it. */
    public long memoryBytes() {
        return OBJECT_BYTES + Long.BYTES * ((long) slots.length + tail.length);
    }

    boolean contains(long high, long low) {
        return contains(high, low, firstSeen(high));
    }

    /**
     * Loads the first probe slot of a fingerprint. Callers that look up several fingerprints do this for all of them first, so
     * that the cache misses overlap.
     */
    long firstSeen(long high) {
        return slots[homeOf(notZero(high))];
    }

    /** @param first from {@link #firstSeen} */
    boolean contains(long high, long low, long first) {
        long stored = notZero(high);
        int slot = slotOf(stored, low, first);
        return slots[slot] == stored && slots[slot + 1] == low;
    }

    /** Adds a fingerprint that is not {@linkplain #contains contained}. */
    void add(long high, long low) {
        if ((size + 1) * 4L > homes * 3L) {
            resize(homes + homes / 2);
        }
        insert(notZero(high), low);
        int inTail = (size - firstHeldChunk * CHUNK_ENTITIES) * 2;
        if (inTail >= tail.length) {
            tail = Arrays.copyOf(tail, tail.length < TAIL_DOUBLES_TO ? tail.length * 2 : tail.length + TAIL_STEP);
        }
        tail[inTail] = high;
        tail[inTail + 1] = low;
        size++;
    }

    /**
     * The chunk {@code number} as stored.
     *
     * @throws IllegalArgumentException where it was released, or is empty
     */
    public byte[] chunk(int number) {
        int count = Math.min(CHUNK_ENTITIES, size - number * CHUNK_ENTITIES);
        if (count <= 0 || number < firstHeldChunk) {
            throw new IllegalArgumentException("chunk %d of %d entities is released or empty".formatted(number, size));
        }
        ByteBuffer out = ByteBuffer.allocate(1 + count * FINGERPRINT_BYTES).put(VERSION);
        int first = (number - firstHeldChunk) * 2 * CHUNK_ENTITIES;
        for (int i = first; i < first + 2 * count; i++) {
            out.putLong(tail[i]);
        }
        return out.array();
    }

    /** Forgets the stored form of all full chunks. They must have been stored: they never change again. */
    public void release() {
        int released = tailChunk() - firstHeldChunk;
        if (released > 0) {
            int first = released * 2 * CHUNK_ENTITIES;
            int kept = 2 * (size - tailChunk() * CHUNK_ENTITIES);
            System.arraycopy(tail, first, tail, 0, kept);
            firstHeldChunk = tailChunk();
        }
    }

    /**
     * Makes room for {@code entities} at once, instead of growing step by step.
     *
     * @throws IllegalStateException where that is more than one set can hold
     */
    public void expect(long entities) {
        if (entities > ENTITIES_MAX) {
            throw new IllegalStateException(
                    "%d entities of one tenant are more than %d".formatted(entities, ENTITIES_MAX));
        }
        int needed = Math.toIntExact(entities * 4 / 3 + 1);
        if (needed > homes) {
            resize(needed);
        }
    }

    /**
     * Reads chunk {@code number} back; chunks come in order from 0.
     *
     * @throws IllegalStateException if the chunk is of an unknown version, cut, or out of order
     */
    public void load(int number, byte[] chunk) {
        if (number * CHUNK_ENTITIES != size) {
            throw new IllegalStateException("entity chunk %d follows %d entities".formatted(number, size));
        }
        if (chunk.length == 0 || chunk[0] != VERSION || (chunk.length - 1) % FINGERPRINT_BYTES != 0) {
            throw new IllegalStateException(
                    "entity chunk %d of %d bytes is not of version %d".formatted(number, chunk.length, VERSION));
        }
        ByteBuffer in = ByteBuffer.wrap(chunk, 1, chunk.length - 1);
        while (in.hasRemaining()) {
            add(in.getLong(), in.getLong());
        }
        release();
    }

    /** Where in a stored chunk a fingerprint stands; -1 where it does not. */
    static int indexIn(byte[] chunk, long high, long low) {
        ByteBuffer in = ByteBuffer.wrap(chunk, 1, chunk.length - 1);
        for (int index = 0; in.hasRemaining(); index++) {
            long thisHigh = in.getLong();
            if (in.getLong() == low && thisHigh == high) {
                return index;
            }
        }
        return -1;
    }

    /** Puts the last fingerprint of {@code last} where one in {@code chunk} stood. Both may be the same array. */
    static void replace(byte[] chunk, int index, byte[] last) {
        System.arraycopy(
                last, last.length - FINGERPRINT_BYTES, chunk, 1 + index * FINGERPRINT_BYTES, FINGERPRINT_BYTES);
    }

    /** A chunk without its last fingerprint; null where that was the only one. */
    static byte @Nullable [] withoutLast(byte[] chunk) {
        int length = chunk.length - FINGERPRINT_BYTES;
        return length == 1 ? null : Arrays.copyOf(chunk, length);
    }

    /** Zero marks an empty slot. One value less in 2^64 makes no two entities the same that were not. */
    private static long notZero(long high) {
        return high == 0 ? 1 : high;
    }

    /** The index of the fingerprint's first long, or of the slot where it would go. */
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

    /** The fingerprint is uniform, so its upper half scaled to the table is too; and it keeps the order. */
    private int homeOf(long high) {
        return (int) Math.multiplyHigh(high >>> 1, 2L * homes) * 2;
    }

    private void insert(long high, long low) {
        int slot = slotOf(high, low, slots[homeOf(high)]);
        int empty = slot;
        while (slots[empty] != 0) {
            empty += 2;
        }
        if (empty == slots.length - 2) {
            slots = Arrays.copyOf(slots, slots.length + Math.max(2 * OVERFLOW_MIN, slots.length - 2 * homes));
        }
        System.arraycopy(slots, slot, slots, slot + 2, empty - slot);
        slots[slot] = high;
        slots[slot + 1] = low;
    }

    /** What is in order stays in order, so it is only spread out. */
    private void resize(int newHomes) {
        long[] old = slots;
        homes = newHomes;
        slots = new long[2 * (newHomes + OVERFLOW_MIN)];
        int next = 0;
        for (int i = 0; i < old.length; i += 2) {
            if (old[i] != 0) {
                int slot = Math.max(homeOf(old[i]), next);
                if (slot >= slots.length - 2) {
                    slots = Arrays.copyOf(slots, slots.length + Math.max(2 * OVERFLOW_MIN, slots.length - 2 * homes));
                }
                slots[slot] = old[i];
                slots[slot + 1] = old[i + 1];
                next = slot + 2;
            }
        }
    }
}
