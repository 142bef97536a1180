package io.tidegate.admission;

import java.nio.ByteBuffer;
import java.util.Arrays;

/**
 * The distinct entities of one tenant, as 128-bit fingerprints in memory over chunks in a store.
 *
 * <p>In memory: an open-addressed table of two longs a slot, at most 4/5 full, growing by a half, so 20 to 32 bytes an
 * entity; a look-up touches no store. Durable: fingerprints in the order of arrival, cut into chunks of {@value
 * #CHUNK_ENTITIES}. Only the last chunk ever changes, so a new entity costs one write of at most 1 KiB that a write-back
 * cache folds into one per commit, however many arrive; a restart reads the chunks back with {@link #load}.
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

    private static final byte VERSION = 1;
    private static final int FINGERPRINT_BYTES = 2 * Long.BYTES;
    private static final int SLOTS_MIN = 8;
    private static final int TAIL_LONGS = 2 * 2 * CHUNK_ENTITIES;

    /** Two longs a slot; both zero is empty, which no fingerprint is but with probability 2^-128. */
    private long[] slots = new long[2 * SLOTS_MIN];

    /** The last two chunks, each at its number modulo 2. */
    private long[] tail = new long[2];

    private int size;

    public int size() {
        return size;
    }

    /** The number of the chunk that the next entity goes to. */
    public int tailChunk() {
        return size / CHUNK_ENTITIES;
    }

    boolean contains(long high, long low) {
        int slot = slotOf(high, low);
        return slots[slot] != 0 || slots[slot + 1] != 0;
    }

    /** Adds a fingerprint that is not {@linkplain #contains contained}. */
    void add(long high, long low) {
        insert(high, low);
        int inTail = (size % (2 * CHUNK_ENTITIES)) * 2;
        if (inTail >= tail.length) {
            tail = Arrays.copyOf(tail, Math.min(tail.length * 4, TAIL_LONGS));
        }
        tail[inTail] = high;
        tail[inTail + 1] = low;
        size++;
    }

    /**
     * The chunk {@code number} as stored. Only the last two are kept in this form: one decision adds at most three
     * entities, so what it changed is among them.
     *
     * @throws IllegalArgumentException where it is not one of the last two, or empty
     */
    public byte[] chunk(int number) {
        int count = Math.min(CHUNK_ENTITIES, size - number * CHUNK_ENTITIES);
        if (count <= 0 || number < tailChunk() - 1) {
            throw new IllegalArgumentException(
                    "chunk %d is not one of the last two of %d entities".formatted(number, size));
        }
        ByteBuffer out = ByteBuffer.allocate(1 + count * FINGERPRINT_BYTES).put(VERSION);
        int first = (number % 2) * 2 * CHUNK_ENTITIES;
        for (int i = first; i < first + 2 * count; i++) {
            out.putLong(tail[i]);
        }
        return out.array();
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
    }

    private void insert(long high, long low) {
        if ((size + 1) * 5L > (slots.length / 2) * 4L) {
            grow();
        }
        put(high, low);
    }

    private void grow() {
        long[] old = slots;
        int grown = Math.toIntExact((old.length / 2) * 3L / 2);
        slots = new long[2 * grown];
        for (int i = 0; i < old.length; i += 2) {
            if (old[i] != 0 || old[i + 1] != 0) {
                put(old[i], old[i + 1]);
            }
        }
    }

    private void put(long high, long low) {
        int slot = slotOf(high, low);
        slots[slot] = high;
        slots[slot + 1] = low;
    }

    /** The index of the fingerprint's first long, or of the empty slot where it would go. */
    private int slotOf(long high, long low) {
        int count = slots.length / 2;
        // The fingerprint is uniform, so its upper bits scaled to the table are too.
        int slot = (int) Math.multiplyHigh(high >>> 1, 2L * count) * 2;
        while ((slots[slot] != high || slots[slot + 1] != low) && (slots[slot] != 0 || slots[slot + 1] != 0)) {
            slot += 2;
            if (slot == slots.length) {
                slot = 0;
            }
        }
        return slot;
    }
}
