package io.tidegate.admission;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Compares with the published vectors, and with a second implementation that works byte by byte. */
class SipHash128Test {
    /** The key 00 01 … 0f of the published vectors, as two little-endian longs. */
    private static final long KEY0 = 0x0706050403020100L;

    private static final long KEY1 = 0x0f0e0d0c0b0a0908L;
    private static final HexFormat HEX = HexFormat.of();

    /** From vectors.h of the reference implementation: the input of n bytes is 00 01 … n-1. */
    @ParameterizedTest
    @CsvSource({
        "0, a3817f04ba25a8e66df67214c7550293",
        "1, da87c1d86b99af44347659119b22fc45",
        "2, 8177228da4a45dc7fca38bdef60affe4",
        "3, 9c70b60c5267a94e5f33b6b02985ed51",
        "4, f88164c12d9c8faf7d0f6e7c7bcd5579",
        "8, 3b62a9ba6258f5610f83e264f31497b4",
        "14, 31fcefac66d7de9c7ec7485fe4494902",
        "15, 5493e99933b0a8117e08ec0f97cfc3d9",
        "22, 4a29b54552d16b9a469c10528eff0aae",
    })
    void theReferenceOfThisTestGivesThePublishedVectors(int length, String expected) {
        assertThat(HEX.formatHex(reference(KEY0, KEY1, counting(length)))).isEqualTo(expected);
    }

    @ParameterizedTest
    @CsvSource({
        "2, 8177228da4a45dc7fca38bdef60affe4",
        "4, f88164c12d9c8faf7d0f6e7c7bcd5579",
        "8, 3b62a9ba6258f5610f83e264f31497b4",
        "14, 31fcefac66d7de9c7ec7485fe4494902",
        "22, 4a29b54552d16b9a469c10528eff0aae",
    })
    void givesThePublishedVectors(int length, String expected) {
        String text = new String(counting(length), StandardCharsets.UTF_16LE);
        assertThat(HEX.formatHex(hash(KEY0, KEY1, text.charAt(0), text.substring(1))))
                .isEqualTo(expected);
    }

    @Test
    void givesTheReferenceForEveryLengthUpToTheLongestId() {
        SipHash128 hash = new SipHash128();
        StringBuilder text = new StringBuilder();
        for (int length = 0; length <= 512; length++) {
            hash.hash(KEY0, KEY1, 'i', text);
            assertThat(bytes(hash)).as("%d characters", length).isEqualTo(reference(KEY0, KEY1, "i" + text));
            text.append((char) (0x0100 * length + 7 * length));
        }
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3})
    void givesTheReferenceForRandomKeysAndTexts(long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        SipHash128 hash = new SipHash128();
        for (int i = 0; i < 3_000; i++) {
            long key0 = random.nextLong();
            long key1 = random.nextLong();
            char[] chars = new char[1 + random.nextInt(24)];
            for (int c = 0; c < chars.length; c++) {
                chars[c] = (char) random.nextInt(0x10000);
            }
            String text = new String(chars);
            hash.hash(key0, key1, text.charAt(0), text.substring(1));
            assertThat(bytes(hash)).as("seed %d, step %d", seed, i).isEqualTo(reference(key0, key1, text));
        }
    }

    @Test
    void dependsOnThePrefixAndOnBothHalvesOfTheKey() {
        byte[] item7 = hash(1, 2, 'i', "7");
        assertThat(hash(1, 2, 'u', "7")).isNotEqualTo(item7);
        assertThat(hash(3, 2, 'i', "7")).isNotEqualTo(item7);
        assertThat(hash(1, 3, 'i', "7")).isNotEqualTo(item7);
        assertThat(hash(1, 2, 'i', "7")).isEqualTo(item7);
    }

    private static byte[] hash(long key0, long key1, char prefix, String text) {
        SipHash128 hash = new SipHash128();
        hash.hash(key0, key1, prefix, text);
        return bytes(hash);
    }

    private static byte[] bytes(SipHash128 hash) {
        return ByteBuffer.allocate(16)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putLong(hash.low())
                .putLong(hash.high())
                .array();
    }

    private static byte[] counting(int length) {
        byte[] bytes = new byte[length];
        for (int i = 0; i < length; i++) {
            bytes[i] = (byte) i;
        }
        return bytes;
    }

    /** Encodes to UTF-16LE itself, because the JDK's encoder replaces lone surrogates. */
    private static byte[] reference(long key0, long key1, String text) {
        byte[] input = new byte[2 * text.length()];
        for (int i = 0; i < text.length(); i++) {
            input[2 * i] = (byte) text.charAt(i);
            input[2 * i + 1] = (byte) (text.charAt(i) >>> 8);
        }
        return reference(key0, key1, input);
    }

    /** The paper's description, with the state in an array and the padded message as bytes. */
    private static byte[] reference(long key0, long key1, byte[] input) {
        byte[] padded = new byte[(input.length / 8 + 1) * 8];
        System.arraycopy(input, 0, padded, 0, input.length);
        padded[padded.length - 1] = (byte) input.length;
        byte[] start = "somepseudorandomlygeneratedbytes".getBytes(StandardCharsets.US_ASCII);
        long[] v = new long[4];
        for (int i = 0; i < 4; i++) {
            v[i] = ByteBuffer.wrap(start).getLong(8 * i) ^ ((i & 1) == 0 ? key0 : key1);
        }
        v[1] ^= 0xee;
        ByteBuffer words = ByteBuffer.wrap(padded).order(ByteOrder.LITTLE_ENDIAN);
        while (words.hasRemaining()) {
            long word = words.getLong();
            v[3] ^= word;
            sipRounds(v, 2);
            v[0] ^= word;
        }
        ByteBuffer out = ByteBuffer.allocate(16).order(ByteOrder.LITTLE_ENDIAN);
        v[2] ^= 0xee;
        sipRounds(v, 4);
        out.putLong(v[0] ^ v[1] ^ v[2] ^ v[3]);
        v[1] ^= 0xdd;
        sipRounds(v, 4);
        return out.putLong(v[0] ^ v[1] ^ v[2] ^ v[3]).array();
    }

    private static void sipRounds(long[] v, int count) {
        for (int i = 0; i < count; i++) {
            halfRound(v, 0, 1, 13, 2, 3, 16);
            halfRound(v, 2, 1, 17, 0, 3, 21);
        }
    }

    private static void halfRound(long[] v, int a, int b, int rotateB, int c, int d, int rotateD) {
        v[a] += v[b];
        v[c] += v[d];
        v[b] = Long.rotateLeft(v[b], rotateB) ^ v[a];
        v[d] = Long.rotateLeft(v[d], rotateD) ^ v[c];
        v[a] = Long.rotateLeft(v[a], 32);
    }
}
