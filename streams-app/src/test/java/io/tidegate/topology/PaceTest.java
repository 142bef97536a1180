package io.tidegate.topology;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Work rests for nine times as long as it took, within a bound, and a clock that jumps does not stop it. */
class PaceTest {
    private static boolean runs(Pace pace, long nowMs) {
        List<Long> runs = new ArrayList<>();
        pace.run(nowMs, () -> runs.add(nowMs));
        return !runs.isEmpty();
    }

    @Test
    void workThatCostsNothingIsDoneEachTime() {
        Pace pace = new Pace();
        pace.tookMs(1_000_000, 0);

        assertThat(runs(pace, 1_000_000)).isTrue();
    }

    @ParameterizedTest
    @CsvSource({
        "100, 1000999, false",
        "100, 1001000, true",
        "60000, 1089999, false",
        "60000, 1090000, true",
        "100, 1000099, true",
        "100, 0, true"
    })
    void workThatTookLongRests(long tookMs, long nowMs, boolean due) {
        Pace pace = new Pace();
        pace.tookMs(1_000_000, tookMs);

        assertThat(runs(pace, nowMs)).isEqualTo(due);
    }
}
