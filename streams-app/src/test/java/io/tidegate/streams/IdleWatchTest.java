package io.tidegate.streams;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

final class IdleWatchTest {
    private final IdleWatch watch = new IdleWatch(Duration.ofSeconds(60));

    @Test
    void warnsAfterAMinuteWithoutTasksAndAgainAfterAnother() {
        assertThat(look(0, false)).isFalse();
        assertThat(look(59, false)).isFalse();
        assertThat(look(60, false)).isTrue();
        assertThat(look(61, false)).isFalse();
        assertThat(look(120, false)).isTrue();
    }

    @Test
    void isSilentWhileTasksRestoreHoweverLong() {
        for (int second = 0; second < 1000; second += 10) {
            assertThat(look(second, true)).isFalse();
        }
    }

    @Test
    void beginsAgainWhenTheInstanceRanInBetween() {
        assertThat(look(0, false)).isFalse();
        assertThat(watch.tooLong(false, () -> false, TimeUnit.SECONDS.toNanos(50)))
                .isFalse();
        assertThat(look(70, false)).isFalse();
        assertThat(look(129, false)).isFalse();
        assertThat(look(130, false)).isTrue();
    }

    private boolean look(long second, boolean hasTasks) {
        return watch.tooLong(true, () -> hasTasks, TimeUnit.SECONDS.toNanos(second));
    }
}
