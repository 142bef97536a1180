package io.tidegate.admission;

/**
 * SipHash-2-4 with 128 bits of output (Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012), over a prefix
 * character and a text, both as UTF-16LE.
 *
 * <p>A keyed hash, because tenants choose the ids: without the key nobody can make two ids collide, and with 128 bits
 * they do not collide by chance (one pair in 10^9 entities with probability 10^-21). The result is left in {@link
 * #high} and {@link #low}, so that hashing allocates nothing. Not thread-safe.
 */
final class SipHash128 {
    private static final int UNITS_PER_WORD = Long.BYTES / Character.BYTES;

    private long v0;
    private long v1;
    private long v2;
    private long v3;
    private long high;
    private long low;

    long high() {
        return high;
    }

    long low() {
        return low;
    }

    void hash(long key0, long key1, char prefix, CharSequence text) {
        long a = key0 ^ 0x736f6d6570736575L;
        long b = key1 ^ 0x646f72616e646f6dL ^ 0xee;
        long c = key0 ^ 0x6c7967656e657261L;
        long d = key1 ^ 0x7465646279746573L;
        int units = 1 + text.length();
        int last = units & -UNITS_PER_WORD;
        for (int at = 0; at <= last; at += UNITS_PER_WORD) {
            long word = at < last ? word(prefix, text, at) : lastWord(prefix, text, at);
            d ^= word;
            // The rounds again, on local variables: most of an id's time is here.
            for (int i = 0; i < 2; i++) {
                a += b;
                b = Long.rotateLeft(b, 13) ^ a;
                a = Long.rotateLeft(a, 32);
                c += d;
                d = Long.rotateLeft(d, 16) ^ c;
                a += d;
                d = Long.rotateLeft(d, 21) ^ a;
                c += b;
                b = Long.rotateLeft(b, 17) ^ c;
                c = Long.rotateLeft(c, 32);
            }
            a ^= word;
        }
        v0 = a;
        v1 = b;
        v2 = c ^ 0xee;
        v3 = d;
        rounds(4);
        low = v0 ^ v1 ^ v2 ^ v3;
        v1 ^= 0xdd;
        rounds(4);
        high = v0 ^ v1 ^ v2 ^ v3;
    }

    /** Returns four units: the unit at index i is the prefix for 0, and the text's character i - 1 otherwise. */
    private static long word(char prefix, CharSequence text, int at) {
        return (at == 0 ? prefix : text.charAt(at - 1))
                | (long) text.charAt(at) << 16
                | (long) text.charAt(at + 1) << 32
                | (long) text.charAt(at + 2) << 48;
    }

    /** Returns the up to three units that are left, and the number of bytes. */
    private static long lastWord(char prefix, CharSequence text, int at) {
        int units = 1 + text.length();
        long word = ((long) units * Character.BYTES) << 56;
        for (int i = at; i < units; i++) {
            word |= (long) (i == 0 ? prefix : text.charAt(i - 1)) << ((i - at) * Character.SIZE);
        }
        return word;
    }

    private void rounds(int count) {
        long a = v0;
        long b = v1;
        long c = v2;
        long d = v3;
        for (int i = 0; i < count; i++) {
            a += b;
            b = Long.rotateLeft(b, 13) ^ a;
            a = Long.rotateLeft(a, 32);
            c += d;
            d = Long.rotateLeft(d, 16) ^ c;
            a += d;
            d = Long.rotateLeft(d, 21) ^ a;
            c += b;
            b = Long.rotateLeft(b, 17) ^ c;
            c = Long.rotateLeft(c, 32);
        }
        v0 = a;
        v1 = b;
        v2 = c;
        v3 = d;
    }
}
