package io.tidegate.metrics;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class StageMetersTest {
    private static final long T = 1_700_000_000_000L;

    private final StageMeters.Last task = new StageMeters.Last();

    @Test
    void theLagIsTheAgeOfTheLastRecord() {
        assertThat(task.lagMs(7, T - 4_000)).as("nothing read yet").isZero();
        assertThat(task.lagMs(7, T)).as("nothing read since").isEqualTo(4_000);
        task.accept(T - 9_000);
        assertThat(task.lagMs(7, T)).isEqualTo(9_000);
        assertThat(task.lagMs(0, T + 1_000)).isZero();
    }

    @Test
    void theFirstRecordAfterAPauseIsNotAsOldAsTheLastOneBeforeIt() {
        task.accept(T);
        long hoursLater = T + 18_000_000;
        assertThat(task.lagMs(0, hoursLater)).isZero();

        assertThat(task.lagMs(1, hoursLater + 2_000)).isEqualTo(2_000);
        assertThat(task.lagMs(5, hoursLater + 4_000)).as("none read").isEqualTo(4_000);
        task.accept(hoursLater + 100);
        assertThat(task.lagMs(4, hoursLater + 6_000)).isEqualTo(5_900);
    }
}
