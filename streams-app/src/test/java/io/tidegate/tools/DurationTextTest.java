package io.tidegate.tools;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class DurationTextTest {
    @ParameterizedTest
    @CsvSource({
        "0, 0ms",
        "33, 33ms",
        "1000, 1s",
        "1500, 1.5s",
        "10000, 10s",
        "59999, 59.999s",
        "60000, 1m",
        "60001, 1m1s",
        "13334777, 3h42m15s",
        "86400000, 1d",
        "42350281914, 490d3h58m2s"
    })
    void writesDaysToMilliseconds(long ms, String text) {
        assertThat(DurationText.of(ms)).isEqualTo(text);
    }
}
