package io.tidegate.signal;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class Utf8Test {
    /** All bytes at a border of a range of the encoding. */
    private static final int[] BORDERS = {
        0x01, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xec, 0xed, 0xee, 0xef,
        0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xf8, 0xff
    };

    private static boolean decodes(byte[] bytes) {
        try {
            StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes));
            return true;
        } catch (CharacterCodingException e) {
            return false;
        }
    }

    @Test
    @Timeout(600)
    void agreesWithTheJdkOnEverySequenceOfBorderBytes() {
        for (int length = 1; length <= 4; length++) {
            byte[] bytes = new byte[length];
            for (int n = 0; n < Math.pow(BORDERS.length, length); n++) {
                for (int i = 0, rest = n; i < length; i++, rest /= BORDERS.length) {
                    bytes[i] = (byte) BORDERS[rest % BORDERS.length];
                }
                if (Utf8.isText(bytes) != decodes(bytes)) {
                    assertThat(Utf8.isText(bytes))
                            .as(HexFormat.of().formatHex(bytes))
                            .isEqualTo(decodes(bytes));
                }
            }
        }
    }

    @Test
    void takesEveryCodePointButNulAndSurrogates() {
        for (int codePoint = 0; codePoint <= Character.MAX_CODE_POINT; codePoint++) {
            if (codePoint >= Character.MIN_SURROGATE && codePoint <= Character.MAX_SURROGATE) {
                continue;
            }
            byte[] bytes = Character.toString(codePoint).getBytes(StandardCharsets.UTF_8);
            if (Utf8.isText(bytes) != (codePoint != 0)) {
                assertThat(Utf8.isText(bytes)).as("U+%04X", codePoint).isEqualTo(codePoint != 0);
            }
        }
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3})
    void agreesWithTheJdkOnMutatedText(long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        byte[] text = "aé€😀 plain text, zoë, \uFFFD".getBytes(StandardCharsets.UTF_8);
        for (int step = 0; step < 20_000; step++) {
            byte[] bytes = Arrays.copyOfRange(text, random.nextInt(4), text.length - random.nextInt(8));
            for (int edits = random.nextInt(3); edits > 0; edits--) {
                bytes[random.nextInt(bytes.length)] = (byte) (1 + random.nextInt(255));
            }
            assertThat(Utf8.isText(bytes))
                    .as("seed %d, step %d: %s", seed, step, HexFormat.of().formatHex(bytes))
                    .isEqualTo(decodes(bytes));
        }
    }
}
