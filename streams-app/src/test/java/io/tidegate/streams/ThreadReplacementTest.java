package io.tidegate.streams;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class ThreadReplacementTest {
    private static final long NOW = -1_000_000_000L; // A monotonic clock can be negative.
    private static final long QUIET = ThreadReplacement.QUIET.toNanos();

    private final ThreadReplacement replacement = new ThreadReplacement();

    @Test
    void idleThreadsAreReplacedIfNoneHasEverFailed() {
        assertThat(replacement.removalBegins(NOW)).isTrue();
    }

    @Test
    void noThreadIsRemovedWhileOneFailsOrShortlyAfter() {
        assertThat(replacement.failureBegins()).isTrue();
        assertThat(replacement.failureBegins()).isTrue();
        assertThat(replacement.removalBegins(NOW)).isFalse();
        replacement.failureEnds(NOW);
        assertThat(replacement.removalBegins(NOW + QUIET)).as("the other one").isFalse();
        replacement.failureEnds(NOW);

        assertThat(replacement.removalBegins(NOW + QUIET - 1)).isFalse();
        assertThat(replacement.removalBegins(NOW + QUIET)).isTrue();
    }

    @Test
    void aThreadThatFailsDuringARemovalIsNotReplaced() {
        assertThat(replacement.removalBegins(NOW)).isTrue();
        assertThat(replacement.failureBegins()).isFalse();
        replacement.failureEnds(NOW);
        replacement.removalEnds();

        assertThat(replacement.failureBegins()).isTrue();
    }
}
