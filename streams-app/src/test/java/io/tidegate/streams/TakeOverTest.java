package io.tidegate.streams;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tidegate.streams.OpenTransactions.EndedTransaction;
import io.tidegate.streams.OpenTransactions.Outcome;
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
    private static final EndedTransaction LAST = new EndedTransaction("id-1", 7, 3, Outcome.ABORTED);

    private final List<String> steps = new ArrayList<>();
    private final Map<String, RuntimeException> failures = new HashMap<>();
    private @Nullable EndedTransaction last = LAST;

    private final TakeOver takeOver = new TakeOver(
            "id-1",
            () -> {
                step("outcome");
                return last;
            },
            ended -> {
                assertThat(ended).isEqualTo(LAST);
                step("clean up");
            });

    private void step(String name) {
        steps.add(name);
        RuntimeException failure = failures.remove(name);
        if (failure != null) {
            throw failure;
        }
    }

    @Test
    void continuesAfterATimeOut() {
        for (String name : List.of("outcome", "step", "clean up")) {
            failures.put(name, new TimeoutException(name));
            assertThatThrownBy(() -> takeOver.run(() -> step("step")))
                    .isInstanceOf(TimeoutException.class)
                    .hasMessage(name);
        }

        takeOver.run(() -> step("step of the next owner"));
        assertThat(steps)
                .containsExactly(
                        "outcome", "outcome", "step", "step", "clean up", "step of the next owner", "clean up");
    }

    @Test
    void theIdIsNotTakenOverBeforeTheOutcomeIsKnown() {
        failures.put("outcome", new TimeoutException("no leader"));

        assertThatThrownBy(() -> takeOver.run(() -> step("step"))).isInstanceOf(TimeoutException.class);

        assertThat(steps).containsExactly("outcome");
    }

    @Test
    void anIdWithoutATransactionNeedsNoCleanUp() {
        last = null;

        takeOver.run(() -> step("step"));

        assertThat(steps).containsExactly("outcome", "step");
    }

    @Test
    void worksWithoutTheRightsForTheQueries() {
        failures.put("outcome", new ClusterAuthorizationException("no"));
        takeOver.run(() -> step("step"));
        assertThat(steps).containsExactly("outcome", "step");
    }

    @Test
    void worksWithoutTheRightsForTheCleanUp() {
        failures.put("clean up", new ClusterAuthorizationException("no"));
        takeOver.run(() -> step("step"));
        assertThat(steps).containsExactly("outcome", "step", "clean up");
    }

    @Test
    void aFencedProducerIsNotCleanedUpAfter() {
        failures.put("step", new ProducerFencedException("a successor has the id"));

        assertThatThrownBy(() -> takeOver.run(() -> step("step"))).isInstanceOf(ProducerFencedException.class);

        assertThat(steps).containsExactly("outcome", "step");
    }
}
