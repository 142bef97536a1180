package io.tidegate.tenant;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class TenantIdTest {
    private static final String LARGEST = "18446744073709551615";
    private static final JsonMapper JACKSON = new JsonMapper();

    @Test
    void defaultIsZeroAndNeedsNoName() {
        assertThat(TenantId.DEFAULT.bits()).isZero();
        assertThat(TenantId.DEFAULT.isDefault()).isTrue();
        assertThat(TenantId.parse("0")).isEqualTo(TenantId.DEFAULT);
        assertThat(TenantId.of(1).isDefault()).isFalse();
    }

    @Test
    void equalsByNumberAlone() {
        assertThat(TenantId.of(42))
                .isEqualTo(new TenantId(42))
                .isEqualTo(TenantId.parse("42"))
                .hasSameHashCodeAs(TenantId.parse("42"))
                .isNotEqualTo(TenantId.of(43))
                .isNotEqualTo(null)
                .isNotEqualTo("42");
    }

    @Test
    void hashSpreadsIdsThatAreConsecutiveOrDifferOnlyInTheUpperHalf() {
        Set<Integer> consecutive = new HashSet<>();
        Set<Integer> upperHalf = new HashSet<>();
        for (long i = 0; i < 1024; i++) {
            consecutive.add(TenantId.of(i).hashCode() & 1023);
            upperHalf.add(TenantId.of(i << 32).hashCode() & 1023);
        }
        // Random ids hit about 647 of 1024 buckets.
        assertThat(consecutive).hasSizeGreaterThan(500);
        assertThat(upperHalf).hasSizeGreaterThan(500);
    }

    @Test
    void ordersAsUnsignedNumbers() {
        List<TenantId> ids = new ArrayList<>();
        for (String text : List.of(LARGEST, "9223372036854775808", "10", "0", "9223372036854775807", "9")) {
            ids.add(TenantId.parse(text));
        }
        Collections.sort(ids);
        assertThat(ids)
                .extracting(TenantId::decimal)
                .containsExactly("0", "9", "10", "9223372036854775807", "9223372036854775808", LARGEST);
        assertThat(new TreeSet<>(ids)).hasSize(6);
        assertThat(TenantId.of(7)).isEqualByComparingTo(TenantId.parse("7"));
    }

    @Test
    void printsWithALeadingT() {
        assertThat(TenantId.of(42)).hasToString("t42");
        assertThat(TenantId.DEFAULT).hasToString("t0");
        assertThat(TenantId.parse(LARGEST)).hasToString("t" + LARGEST);
    }

    @Test
    void holdsTheFullRangeInTextAndKeys() {
        for (String text : List.of("0", "1", "9223372036854775807", "9223372036854775808", LARGEST)) {
            TenantId id = TenantId.parse(text);
            assertThat(id.decimal()).isEqualTo(text);
            assertThat(new String(id.key(), StandardCharsets.US_ASCII)).isEqualTo(text);
            assertThat(TenantId.tryParse(id.key())).isEqualTo(id);
            assertThat(new BigInteger(text).longValue()).isEqualTo(id.bits());
        }
        assertThat(TenantId.parse(LARGEST).bits()).isEqualTo(-1L);
    }

    @Test
    void jacksonWritesABareNumberAndReadsItBack() throws JsonProcessingException {
        for (String text : List.of("0", "42", "9223372036854775808", LARGEST)) {
            TenantId id = TenantId.parse(text);
            assertThat(JACKSON.writeValueAsString(id)).isEqualTo(text);
            assertThat(JACKSON.readValue(text, TenantId.class)).isEqualTo(id);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"-1", "18446744073709551616", "-9223372036854775808", "99999999999999999999999"})
    void jacksonRejectsANumberOutsideTheRange(String json) {
        assertThatThrownBy(() -> JACKSON.readValue(json, TenantId.class))
                .isInstanceOf(JsonProcessingException.class)
                .hasMessageContaining("outside 0 to " + LARGEST);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                " ",
                "007",
                "00",
                "+7",
                "-1",
                "-0",
                "7.0",
                "7e0",
                "0x7",
                " 7",
                "7 ",
                "7\n",
                "7\u0000",
                "1_000",
                "1,000",
                "t42",
                "null",
                "18446744073709551616",
                "18446744073709551620",
                "28446744073709551615",
                "99999999999999999999",
                "018446744073709551615",
                "184467440737095516150",
                "../../etc",
                "42/../43",
                "..",
                "/",
                "٤٢",
                "４２",
                "²"
            })
    void rejectsEverythingButTheOneCanonicalSpelling(String text) {
        assertThat(TenantId.tryParse(text)).isNull();
        assertThat(TenantId.tryParse(text.getBytes(StandardCharsets.UTF_8))).isNull();
        assertThatIllegalArgumentException()
                .isThrownBy(() -> TenantId.parse(text))
                .withMessageContaining("'" + text + "'")
                .withMessageContaining(LARGEST);
    }

    @Test
    void rejectsBytesOfAHugeKeyWithoutQuotingAllOfIt() {
        String huge = "9".repeat(1_000_000);
        assertThat(TenantId.tryParse(huge.getBytes(StandardCharsets.US_ASCII))).isNull();
        assertThatIllegalArgumentException()
                .isThrownBy(() -> TenantId.parse(huge))
                .satisfies(e -> assertThat(e.getMessage()).hasSizeLessThan(250));
    }

    /** Compares with BigInteger, for every text near the border of the range and for random ones. */
    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3})
    void readsWhatBigIntegerReadsWithinTheRangeAndNothingElse(long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        BigInteger end = BigInteger.ONE.shiftLeft(Long.SIZE);
        for (int i = 0; i < 20_000; i++) {
            BigInteger number = (i & 1) == 0
                    ? end.add(BigInteger.valueOf(random.nextInt(-2_000, 2_000)))
                    : BigInteger.valueOf(random.nextLong()).abs().shiftLeft(random.nextInt(4));
            TenantId id = TenantId.tryParse(number.toString());
            if (number.compareTo(end) < 0) {
                assertThat(id).as("seed %d, %s", seed, number).isEqualTo(TenantId.of(number.longValue()));
            } else {
                assertThat(id).as("seed %d, %s", seed, number).isNull();
            }
        }
    }
}
