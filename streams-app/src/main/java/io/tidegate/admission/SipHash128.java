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
        v0 = key0 ^ 0x736f6d6570736575L;
        v1 = key1 ^ 0x646f72616e646f6dL ^ 0xee;
        v2 = key0 ^ 0x6c7967656e657261L;
        v3 = key1 ^ 0x7465646279746573L;
        int length = text.length();
        long word = prefix;
        for (int i = 0; i < length; i++) {
            int inWord = (i + 1) & 3;
            if (inWord == 0) {
                compress(word);
                word = 0;
            }
            word |= (long) text.charAt(i) << (inWord * Character.SIZE);
        }
        int units = length + 1;
        if ((units & 3) == 0) {
            compress(word);
            word = 0;
        }
        compress(word | (((long) units * Character.BYTES) << 56));
        v2 ^= 0xee;
        rounds(4);
        low = v0 ^ v1 ^ v2 ^ v3;
        v1 ^= 0xdd;
        rounds(4);
        high = v0 ^ v1 ^ v2 ^ v3;
    }

    private void compress(long word) {
        v3 ^= word;
        rounds(2);
        v0 ^= word;
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
