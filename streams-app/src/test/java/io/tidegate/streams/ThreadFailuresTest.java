package io.tidegate.streams;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The count of thread failures, the pause after them, and the same numbers in the docs. */
class ThreadFailuresTest {
    private static final Pattern IN_DOCS = Pattern.compile("more than (\\w+) failures[^.]*? in (\\w+) minutes");

    private final ThreadFailures failures = new ThreadFailures();

    private static long at(Duration since) {
        return -1_000_000_000_000L + since.toNanos(); // A monotonic clock can be negative.
    }

    @Test
    void endsTheInstanceAfterMoreThanTheMaximumWithinTheWindow() {
        for (int i = 0; i < ThreadFailures.MAX; i++) {
            assertThat(failures.add(at(Duration.ofSeconds(10L * i)))).isFalse();
        }
        assertThat(failures.add(at(Duration.ofSeconds(10L * ThreadFailures.MAX))))
                .isTrue();
    }

    @Test
    void countsFailuresOfOneMomentOnce() {
        for (int i = 0; i < 100; i++) {
            assertThat(failures.add(at(Duration.ofMillis(i)))).isFalse();
        }
        assertThat(failures.areRepeating(at(Duration.ofSeconds(1)))).isFalse();
    }

    @Test
    void forgetsWhatIsOlderThanTheWindow() {
        for (int i = 0; i < 100; i++) {
            assertThat(failures.add(at(ThreadFailures.WITHIN
                            .dividedBy(ThreadFailures.MAX - 1)
                            .multipliedBy(i))))
                    .isFalse();
        }
    }

    @Test
    void pausesLongerWithEachFailureInARowUpToABound() {
        failures.add(at(Duration.ZERO));
        long first = failures.pauseMs();
        failures.add(at(Duration.ofSeconds(1)));
        assertThat(failures.pauseMs()).isEqualTo(2 * first);
        for (int i = 2; i < 100; i++) {
            failures.add(at(Duration.ofSeconds(i)));
        }
        assertThat(failures.pauseMs()).isEqualTo(10_000);
        failures.add(at(Duration.ofHours(1)));
        assertThat(failures.pauseMs()).isEqualTo(first);
    }

    @Test
    void failuresContinueUntilAMinuteHasPassedWithoutASecondOne() {
        failures.add(at(Duration.ZERO));
        assertThat(failures.areRepeating(at(Duration.ZERO))).isFalse();
        failures.add(at(Duration.ofSeconds(10)));
        assertThat(failures.areRepeating(at(Duration.ofSeconds(59)))).isTrue();
        assertThat(failures.areRepeating(at(Duration.ofSeconds(61)))).isFalse();
    }

    @Test
    void theMessageNamesTheFailureItsCountAndThatARestartIsWorthwhile() {
        Throwable revoked =
                new IllegalStateException("a wrapper", new SecurityException("Not authorized: quota-exceeded"));

        assertThat(new RepeatedFailureException(revoked))
                .hasMessageContaining("SecurityException: Not authorized: quota-exceeded")
                .hasMessageContaining("failed %d times within 5 minutes".formatted(ThreadFailures.MAX + 1))
                .hasMessageContaining("Once the cause is fixed, start the instance again");
    }

    @ParameterizedTest
    @ValueSource(strings = {"concepts.md", "operations.md", "decisions.md"})
    void theDocsNameTheSameNumbers(String page) throws IOException {
        String text = Files.readString(Path.of("..", "docs", page)).replaceAll("\\s+", " ");
        Matcher named = IN_DOCS.matcher(text);

        assertThat(named.find()).as("%s names the failure window", page).isTrue();
        do {
            assertThat(named.group(1)).isEqualTo(Integer.toString(ThreadFailures.MAX));
            assertThat(named.group(2)).isEqualTo(Long.toString(ThreadFailures.WITHIN.toMinutes()));
        } while (named.find());
    }
}
