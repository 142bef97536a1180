package io.tidegate.topology;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Slow work rests for a bounded time, and neither a single slow run nor a clock that jumps stops it. */
class PaceTest {
    private static boolean runs(Pace pace, long nowMs) {
        List<Long> runs = new ArrayList<>();
        pace.run(nowMs, () -> runs.add(nowMs));
        return !runs.isEmpty();
    }

    @Test
    void workThatCostsNothingIsDoneEachTime() {
        Pace pace = new Pace(() -> 1);
        pace.tookMs(1_000_000, 0);

        assertThat(runs(pace, 1_000_000)).isTrue();
    }

    @Test
    void workThatTookLongOnceRestsNoLongerThanItUsuallyDoes() {
        Pace pace = new Pace(() -> 1);
        pace.tookMs(1_000_000, 10);
        pace.tookMs(1_001_000, 500);

        assertThat(runs(pace, 1_001_589)).isFalse();
        assertThat(runs(pace, 1_001_590)).isTrue();
    }

    @ParameterizedTest
    @CsvSource({
        "100, 1, 1000999, false",
        "100, 1, 1001000, true",
        "100, 3, 1002799, false",
        "100, 3, 1002800, true",
        "60000, 1, 1089999, false",
        "60000, 1, 1090000, true",
        "100, 1, 1000099, true",
        "100, 1, 0, true"
    })
    void workThatTookLongRests(long tookMs, int sharing, long nowMs, boolean due) {
        Pace pace = new Pace(() -> sharing);
        pace.tookMs(900_000, tookMs);
        pace.tookMs(1_000_000, tookMs);

        assertThat(runs(pace, nowMs)).isEqualTo(due);
    }
}
