package io.tidegate.admission;

import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * The stored form of a chunk of {@link EntitySet}. Big-endian:
 *
 * <pre>
 *  version = 1 (1) | high (8), low (8) | high, low | … up to 64
 *  version = 2 (1) | end of a generation, ms (8) | n (1) | n × ( high (8), low (8) ) | end | n | …      up to 64 together
 * </pre>
 *
 * <p>Version 2 is used for a tenant with an {@code entity_idle_ttl}; it groups entities by their {@linkplain EntityAges
 * generation}. A chunk of version 1 among them is older than the ttl.
 */
final class EntityChunk {
    static final int FINGERPRINT_BYTES = 2 * Long.BYTES;

    private static final byte VERSION = 1;
    private static final byte VERSION_DATED = 2;
    private static final int GROUP_BYTES = Long.BYTES + 1;

    /** Receives the entries of a chunk. */
    interface Visitor {
        void entry(long high, long low, long end);
    }

    private EntityChunk() {}

    static byte[] write(long[] fingerprints, int from, int count) {
        ByteBuffer out = ByteBuffer.allocate(1 + count * FINGERPRINT_BYTES).put(VERSION);
        for (int i = 2 * from; i < 2 * (from + count); i++) {
            out.putLong(fingerprints[i]);
        }
        return out.array();
    }

    /** @param ends the ends of the fingerprints' generations */
    static byte[] writeDated(long[] fingerprints, long[] ends, int from, int count) {
        long[] groups =
                Arrays.stream(ends, from, from + count).sorted().distinct().toArray();
        ByteBuffer out = ByteBuffer.allocate(1 + groups.length * GROUP_BYTES + count * FINGERPRINT_BYTES);
        out.put(VERSION_DATED);
        for (long end : groups) {
            out.putLong(end);
            int head = out.position();
            out.put((byte) 0);
            for (int i = from; i < from + count; i++) {
                if (ends[i] == end) {
                    out.putLong(fingerprints[2 * i]).putLong(fingerprints[2 * i + 1]);
                    out.put(head, (byte) (out.get(head) + 1));
                }
            }
        }
        return out.array();
    }

    /**
     * Reads a chunk of version 1.
     *
     * @throws IllegalStateException if it is of another version or truncated
     */
    static void read(int number, byte[] chunk, Visitor each) {
        if (chunk.length == 0 || chunk[0] != VERSION || (chunk.length - 1) % FINGERPRINT_BYTES != 0) {
            throw new IllegalStateException(
                    "entity chunk %d of %d bytes is not of version %d".formatted(number, chunk.length, VERSION));
        }
        ByteBuffer in = ByteBuffer.wrap(chunk, 1, chunk.length - 1);
        while (in.hasRemaining()) {
            each.entry(in.getLong(), in.getLong(), EntityAges.UNDATED);
        }
    }

    /**
     * Reads a chunk of either version.
     *
     * @throws IllegalStateException if it is of another version or truncated
     */
    static void readDated(int number, byte[] chunk, Visitor each) {
        if (chunk.length == 0 || chunk[0] != VERSION_DATED) {
            read(number, chunk, each);
            return;
        }
        ByteBuffer in = ByteBuffer.wrap(chunk, 1, chunk.length - 1);
        try {
            while (in.hasRemaining()) {
                long end = in.getLong();
                for (int left = in.get(); left > 0; left--) {
                    each.entry(in.getLong(), in.getLong(), end);
                }
            }
        } catch (BufferUnderflowException e) {
            throw new IllegalStateException(
                    "entity chunk %d of %d bytes is truncated".formatted(number, chunk.length), e);
        }
    }

    /** Returns the position of a fingerprint in a chunk of version 1; -1 if it is not in it. */
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

    /**
     * Overwrites a fingerprint in {@code chunk} with the last one of {@code last}; both of version 1. Both may be the
     * same array.
     */
    static void replace(byte[] chunk, int index, byte[] last) {
        System.arraycopy(
                last, last.length - FINGERPRINT_BYTES, chunk, 1 + index * FINGERPRINT_BYTES, FINGERPRINT_BYTES);
    }

    /** Returns a chunk of version 1 without its last fingerprint; null if that was the only one. */
    static byte @Nullable [] withoutLast(byte[] chunk) {
        int length = chunk.length - FINGERPRINT_BYTES;
        return length == 1 ? null : Arrays.copyOf(chunk, length);
    }

    /** Returns the number of entries of a chunk of either version. */
    static int entries(int number, byte[] chunk) {
        int[] entries = new int[1];
        readDated(number, chunk, (high, low, end) -> entries[0]++);
        return entries[0];
    }

    /**
     * Returns a chunk of either version without a fingerprint, as version 2; empty if that was the only one, null if it
     * was not in it.
     */
    static byte @Nullable [] without(int number, byte[] chunk, long high, long low) {
        long[] fingerprints = new long[2 * EntitySet.CHUNK_ENTITIES];
        long[] ends = new long[EntitySet.CHUNK_ENTITIES];
        int[] sizes = new int[2]; // all, kept
        readDated(number, chunk, (thisHigh, thisLow, end) -> {
            sizes[0]++;
            if (thisLow != low || EntityTable.notZero(thisHigh) != EntityTable.notZero(high)) {
                fingerprints[2 * sizes[1]] = thisHigh;
                fingerprints[2 * sizes[1] + 1] = thisLow;
                ends[sizes[1]] = end;
                sizes[1]++;
            }
        });
        return sizes[0] == sizes[1] ? null : writeDated(fingerprints, ends, 0, sizes[1]);
    }
}
