package io.tidegate.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.math.BigInteger;
import java.time.Duration;
import java.time.Instant;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

final class AmountsTest {
    @ParameterizedTest
    @CsvSource({
        "0, 0",
        "1024, 1024",
        "7B, 7",
        "1KiB, 1024",
        "1 MiB, 1048576",
        "1GiB, 1073741824",
        "2TiB, 2199023255552",
        "1kB, 1000",
        "500MB, 500000000",
        "1GB, 1000000000",
        "1TB, 1000000000000",
        "18446744073709551615, 18446744073709551615"
    })
    void readsSizes(String text, BigInteger bytes) {
        assertThat(Amounts.bytes(text)).isEqualTo(bytes);
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "GiB", "-1", "1.5GiB", "1gib", "1 XB", "0x10", "1e3", "١"})
    void rejectsAnInvalidSize(String text) {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Amounts.bytes(text))
                .withMessage("'%s' is not a size such as 1GiB, 500MB or 1024", text);
    }

    @ParameterizedTest
    @CsvSource({"100/s, 100", "100, 100", "0, 0", "4294967295/s, 4294967295", "999999999999999999, 999999999999999999"})
    void readsRates(String text, long perSecond) {
        assertThat(Amounts.perSecond(text)).isEqualTo(perSecond);
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "-1", "1.5/s", "100/m", "/s", "100 /s", "9223372036854775808", "abc"})
    void rejectsAnInvalidRate(String text) {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Amounts.perSecond(text))
                .withMessage("'%s' is not a rate such as 100/s", text);
    }

    @ParameterizedTest
    @CsvSource({
        "500ms, PT0.5S",
        "0s, PT0S",
        "30s, PT30S",
        "5m, PT5M",
        "2h, PT2H",
        "3d, PT72H",
        "PT1M30S, PT1M30S",
        "36500d, PT876000H"
    })
    void readsDurations(String text, Duration duration) {
        assertThat(Amounts.duration(text)).isEqualTo(duration);
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "30", "30 s", "s", "-5s", "1.5s", "1w", "1234567890123s"})
    void rejectsAnInvalidDuration(String text) {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Amounts.duration(text))
                .withMessage("'%s' is not a duration such as 500ms, 30s, 5m, 12h or 30d", text);
    }

    @Test
    void readsTimesInThePast() {
        Instant now = Instant.parse("2026-11-25T14:30:00Z");

        assertThat(Amounts.time("15m", now)).isEqualTo("2026-11-25T14:15:00Z");
        assertThat(Amounts.time("2026-11-25T00:00:00.5Z", now)).isEqualTo("2026-11-25T00:00:00.500Z");
        // The second one is a time, but no timestamp of a record.
        for (String wrong : new String[] {"noon", "+1000000000-12-31T23:59:59Z"}) {
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> Amounts.time(wrong, now))
                    .withMessageStartingWith("'%s' is neither a time in UTC such as", wrong);
        }
    }

    /** The nanoseconds of longer durations would overflow later, in unexpected places. */
    @ParameterizedTest
    @ValueSource(strings = {"PT-5S", "36501d", "999999999999d"})
    void rejectsDurationsThatWouldOverflow(String text) {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Amounts.duration(text))
                .withMessage("'%s' is outside 0 to 100 years", text);
    }

    @ParameterizedTest
    @CsvSource({
        "0, 0 B",
        "1023, 1023 B",
        "1024, 1.0 KiB",
        "1536, 1.5 KiB",
        "1048576, 1.0 MiB",
        "805306368, 768.0 MiB",
        "9223372036854775807, 8.0 EiB"
    })
    void writesSizes(long bytes, String text) {
        assertThat(Amounts.size(bytes)).isEqualTo(text);
    }

    @ParameterizedTest
    @CsvSource({
        "0, 0 B",
        "2000, 2000 B",
        "1536, 1536 B",
        "1024, 1 KiB",
        "1049600, 1025 KiB",
        "10737418240, 10 GiB",
        "18446744073709551615, 18446744073709551615 B"
    })
    void writesSizesOfLimitsWithoutRounding(BigInteger bytes, String text) {
        assertThat(Amounts.exactSize(bytes)).isEqualTo(text);
        assertThat(Amounts.bytes(text)).isEqualTo(bytes);
    }

    @Test
    void writesLimits() {
        assertThat(Amounts.orUnlimited(null)).isEqualTo("unlimited");
        assertThat(Amounts.orUnlimited(0L)).isEqualTo("0");
    }
}
