package io.tidegate.streams;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tidegate.streams.OpenTransactions.EndedTransaction;
import io.tidegate.streams.OpenTransactions.Outcome;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.common.errors.ClusterAuthorizationException;
import org.apache.kafka.common.errors.ProducerFencedException;
import org.apache.kafka.common.errors.TimeoutException;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** Nothing is left out when the brokers do not answer, and the outcome is not asked for again. */
final class TakeOverTest {
    private static final EndedTransaction LAST = new EndedTransaction("id-1", 7, 3, 3, Outcome.ABORTED);

    private final List<String> steps = new ArrayList<>();
    private final Map<String, RuntimeException> failures = new HashMap<>();
    private final List<EndedTransaction> cleanedUp = new ArrayList<>();
    private @Nullable EndedTransaction last = LAST;
    private long nowNanos;

    private final TakeOver takeOver = new TakeOver(
            "id-1",
            () -> {
                step("outcome");
                return last;
            },
            ended -> {
                cleanedUp.add(ended);
                step("clean up");
            },
            () -> nowNanos);

    private void run(String step) {
        nowNanos += Duration.ofSeconds(10).toNanos();
        takeOver.run(() -> step(step));
    }

    private void step(String name) {
        steps.add(name);
        RuntimeException failure = failures.remove(name);
        if (failure != null) {
            throw failure;
        }
    }

    @Test
    void continuesAfterATimeOut() {
        failures.put("outcome", new TimeoutException("outcome"));
        assertThatThrownBy(() -> run("step")).hasMessage("outcome");
        failures.put("step", new TimeoutException("step"));
        assertThatThrownBy(() -> run("step")).hasMessage("step");
        // The step may have happened, which leaves no outcome.
        last = new EndedTransaction("id-1", 7, 4, 4, Outcome.UNKNOWN);
        failures.put("clean up", new TimeoutException("clean up"));
        assertThatThrownBy(() -> run("step")).hasMessage("clean up");

        run("step of the next owner");

        assertThat(steps)
                .containsExactly(
                        "outcome",
                        "outcome",
                        "step",
                        "outcome",
                        "step",
                        "clean up",
                        "step of the next owner",
                        "clean up");
        assertThat(cleanedUp).containsExactly(LAST, LAST);
    }

    /** A commit that was on its way may come before the step. */
    @Test
    void aLaterOutcomeReplacesTheFirstOne() {
        failures.put("step", new TimeoutException("step"));
        assertThatThrownBy(() -> run("step")).isInstanceOf(TimeoutException.class);
        last = new EndedTransaction("id-1", 7, 4, 4, Outcome.COMMITTED);

        run("step");

        assertThat(cleanedUp).containsExactly(last);
    }

    /** A thread asks for each of its tasks, and must not wait for each. */
    @Test
    void failsAtOnceAMomentAfterATimeOut() {
        failures.put("outcome", new TimeoutException("no leader"));
        assertThatThrownBy(() -> run("step")).isInstanceOf(TimeoutException.class);

        assertThatThrownBy(() -> takeOver.run(() -> step("step"))).hasMessage("no leader");

        assertThat(steps).containsExactly("outcome");
    }

    @Test
    void theIdIsNotTakenOverBeforeTheOutcomeIsKnown() {
        failures.put("outcome", new TimeoutException("no leader"));

        assertThatThrownBy(() -> run("step")).isInstanceOf(TimeoutException.class);

        assertThat(steps).containsExactly("outcome");
    }

    @Test
    void anIdWithoutATransactionNeedsNoCleanUp() {
        last = null;

        run("step");

        assertThat(steps).containsExactly("outcome", "step");
    }

    @Test
    void worksWithoutTheRightsForTheQueries() {
        failures.put("outcome", new ClusterAuthorizationException("no"));
        run("step");
        assertThat(steps).containsExactly("outcome", "step");
    }

    @Test
    void worksWithoutTheRightsForTheCleanUp() {
        failures.put("clean up", new ClusterAuthorizationException("no"));
        run("step");
        assertThat(steps).containsExactly("outcome", "step", "clean up");
    }

    @Test
    void aFencedProducerIsNotCleanedUpAfter() {
        failures.put("step", new ProducerFencedException("a successor has the id"));

        assertThatThrownBy(() -> run("step")).isInstanceOf(ProducerFencedException.class);

        assertThat(steps).containsExactly("outcome", "step");
    }
}
