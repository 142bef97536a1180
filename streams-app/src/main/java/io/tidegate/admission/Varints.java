package io.tidegate.admission;

import java.nio.ByteBuffer;

/**
 * Numbers in as few bytes as possible: seven bits per byte, the lowest first; the highest bit marks that another byte
 * follows.
 */
final class Varints {
    static final int BYTES_MAX = 10;

    private static final int BITS = 7;
    private static final long MASK = 0x7F;

    private Varints() {}

    static void put(ByteBuffer out, long value) {
        long rest = value;
        while ((rest & ~MASK) != 0) {
            out.put((byte) ((rest & MASK) | ~MASK));
            rest >>>= BITS;
        }
        out.put((byte) rest);
    }

    /** Returns the size of a number. */
    static int bytes(long value) {
        return Math.max(1, (Long.SIZE - Long.numberOfLeadingZeros(value) + BITS - 1) / BITS);
    }

    /** @throws IllegalStateException if the number does not end within the remaining bytes */
    static long get(ByteBuffer in) {
        long value = 0;
        for (int shift = 0; shift < Long.SIZE && in.hasRemaining(); shift += BITS) {
            byte next = in.get();
            value |= (next & MASK) << shift;
            if (next >= 0) {
                return value;
            }
        }
        throw new IllegalStateException("a number does not end before byte %d".formatted(in.position()));
    }
}
