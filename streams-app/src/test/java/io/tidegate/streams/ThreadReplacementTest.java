package io.tidegate.streams;

import static org.assertj.core.api.Assertions.assertThat;

import org.apache.kafka.common.errors.TimeoutException;
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

    /** Threads of which one never ends; Kafka Streams then removes it again and again. */
    private static final class SlowThreads implements ThreadReplacement.Threads {
        private int live;
        private boolean ending;

        SlowThreads(int live) {
            this.live = live;
        }

        @Override
        public int live() {
            return live;
        }

        @Override
        public void remove() {
            live -= ending ? 0 : 1;
            ending = true;
            throw new TimeoutException("it did not end in time");
        }

        @Override
        public void add() {
            live++;
        }
    }

    @Test
    void aThreadThatDoesNotEndInTimeStillGetsASuccessor() {
        SlowThreads threads = new SlowThreads(3);

        ThreadReplacement.replaceAll(threads, 3);

        assertThat(threads.live()).isEqualTo(3);
    }

    @Test
    void threadsThatWereLostEarlierAreAdded() {
        SlowThreads threads = new SlowThreads(0);

        ThreadReplacement.replaceAll(threads, 2);

        assertThat(threads.live()).isEqualTo(2);
    }
}
