package io.tidegate.tools;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import org.junit.jupiter.api.Test;

class LoadPaceTest {
    private static final long SECOND = Duration.ofSeconds(1).toNanos();

    @Test
    void theNextBurstIsDueAnIntervalAfterTheLastWasDueHoweverLongItTook() {
        assertThat(LoadGenerator.dueNanos(10 * SECOND, 10 * SECOND + 7, SECOND)).isEqualTo(11 * SECOND);
    }

    @Test
    void aGeneratorThatFellBehindCatchesUpWithASecondAtMost() {
        assertThat(LoadGenerator.dueNanos(10 * SECOND, 60 * SECOND, SECOND / 100))
                .isEqualTo(59 * SECOND);
    }

    @Test
    void theFirstBurstIsDueAtOnce() {
        assertThat(LoadGenerator.dueNanos(10 * SECOND - 100 * SECOND, 10 * SECOND, 100 * SECOND))
                .isEqualTo(10 * SECOND);
    }

    @Test
    void aBurstThatIsDueAfterTheEndIsNotSent() {
        long now = System.nanoTime();
        assertThat(LoadGenerator.comes(now + 3_600 * SECOND, now + 1, () -> false))
                .isFalse();
        assertThat(LoadGenerator.comes(now + 3_600 * SECOND, now + 7_200 * SECOND, () -> true))
                .isFalse();
        assertThat(LoadGenerator.comes(now, now + 3_600 * SECOND, () -> false)).isTrue();
    }
}
