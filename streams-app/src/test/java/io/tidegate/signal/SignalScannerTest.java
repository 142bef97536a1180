package io.tidegate.signal;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidegate.tenant.TenantId;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** {@link SignalParserFuzzTest} checks on mutated values that the scanner agrees with the parser. */
class SignalScannerTest {
    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    @Test
    void readsAPlainSignal() {
        assertThat(SignalScanner.scan(bytes(" {\"tenant_id\" : 42,\"signal\":\"view\",\"item\":\"sku-1\",\"user\":7,"
                        + "\"creator\":null,\"n\":[-1.5e3,{\"a\":[]},true,false]}\n")))
                .isEqualTo(new Signal(TenantId.of(42), "view", "sku-1", "7", null));
        assertThat(SignalScanner.scan(bytes("{}"))).isEqualTo(new Signal(null, null, null, null));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                " ",
                "[]",
                "{",
                "{}x",
                "{,}",
                "{\"a\"}",
                "{\"a\":}",
                "{\"a\":1,}",
                "{\"a\":01}",
                "{\"a\":1.}",
                "{\"a\":1e}",
                "{\"a\":-}",
                "{\"a\":1 2}",
                "{\"a\":nul}",
                "{\"a\":[1,]}",
                "{\"a\":[}",
                "{\"a\":{\"b\":1]}",
                "{\"a\":\"\\n\"}",
                "{\"a\":\"é\"}",
                "{\"a\":\"\u007f\"}",
                "{\"a\":\"x",
                "{\"item\":1,\"item\":2}",
                "{\"item\":\"\"}",
                "{\"item\":-1}",
                "{\"item\":1.5}",
                "{\"item\":true}",
                "{\"item\":{}}",
                "{\"signal\":1}",
                "{\"tenant_id\":\"42\"}",
                "{\"tenant_id\":null}",
                "{\"tenant_id\":18446744073709551616}",
                "{\"\\u0069tem\":1}"
            })
    void leavesInvalidOrUnusualValuesToTheParser(String value) {
        assertThat(SignalScanner.scan(bytes(value))).isNull();
    }

    /** The scanner reads texts eight bytes at a time. */
    @Test
    void findsAnUnusualByteAnywhereInAText() {
        for (int length = 1; length <= 20; length++) {
            byte[] value = bytes("{\"a\":\"" + "x".repeat(length) + "\"}");
            for (int at = 6; at < 6 + length; at++) {
                for (int other = 0; other < 256; other++) {
                    value[at] = (byte) other;
                    boolean plain = other >= ' ' && other < 0x7f && other != '"' && other != '\\';
                    assertThat(SignalScanner.scan(value) != null)
                            .as("byte %d at %d of %d", other, at - 6, length)
                            .isEqualTo(plain);
                }
                value[at] = 'x';
            }
        }
    }

    /** A prefix is not valid JSON: the scanner reads nothing beyond its end, and accepts none. */
    @Test
    void acceptsNoPrefixOfASignal() {
        byte[] whole = bytes("{\"tenant_id\":42,\"item\":\"sku\",\"n\":[-1.5e3,{\"a\":null}],\"t\":true}");
        for (int length = 0; length < whole.length; length++) {
            assertThat(SignalScanner.scan(Arrays.copyOf(whole, length)))
                    .as("%d bytes", length)
                    .isNull();
        }
    }

    @Test
    void leavesDeepNestingToTheParser() {
        assertThat(SignalScanner.scan(bytes("{\"a\":" + "[".repeat(16) + "]".repeat(16) + "}")))
                .isNotNull();
        assertThat(SignalScanner.scan(bytes("{\"a\":" + "[".repeat(17) + "]".repeat(17) + "}")))
                .isNull();
        assertThat(SignalScanner.scan(bytes("{\"a\":" + "[".repeat(100_000)))).isNull();
    }

    @Test
    void acceptsAnIdOfTheMaximumLengthAndNoLonger() {
        assertThat(SignalScanner.scan(bytes("{\"item\":\"" + "x".repeat(512) + "\"}")))
                .isNotNull();
        assertThat(SignalScanner.scan(bytes("{\"item\":\"" + "x".repeat(513) + "\"}")))
                .isNull();
    }
}
