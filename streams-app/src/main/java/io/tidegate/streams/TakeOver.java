package io.tidegate.streams;

import io.tidegate.streams.OpenTransactions.EndedTransaction;
import io.tidegate.streams.OpenTransactions.Outcome;
import java.time.Duration;
import java.util.function.Consumer;
import java.util.function.LongSupplier;
import java.util.function.Supplier;
import org.apache.kafka.common.errors.InterruptException;
import org.apache.kafka.common.errors.TimeoutException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Takes over a transactional id. The brokers end its open transaction then; this class ends the parts that they forget.
 *
 * <p>The outcome of the transaction is known only before the id is taken over, and the parts can be ended only after that. So
 * neither is left out when the brokers do not answer: {@link #run} fails, and the next take-over of the id continues. An
 * application without the rights for these queries takes over ids like any other Kafka client. Thread-safe.
 */
final class TakeOver {
    private static final Logger LOG = LoggerFactory.getLogger(TakeOver.class);
    private static final Duration PAUSE = Duration.ofSeconds(10);

    private final String transactionalId;
    private final Supplier<@Nullable EndedTransaction> outcome;
    private final Consumer<EndedTransaction> cleanUp;

    private final LongSupplier nanoClock;

    private boolean isTaken;
    private @Nullable EndedTransaction ended;
    private @Nullable TimeoutException lastFailure;
    private long failedNanos;

    /**
     * @param outcome returns the outcome of the last transaction; null if there is none
     * @param cleanUp ends the remaining parts of the transaction
     */
    TakeOver(
            String transactionalId,
            Supplier<@Nullable EndedTransaction> outcome,
            Consumer<EndedTransaction> cleanUp,
            LongSupplier nanoClock) {
        this.transactionalId = transactionalId;
        this.outcome = outcome;
        this.cleanUp = cleanUp;
        this.nanoClock = nanoClock;
    }

    /**
     * Takes over the id, or continues.
     *
     * @param step takes over the id; called again if it, or the clean-up, times out
     * @throws TimeoutException if the brokers do not answer, or partitions of the transaction have no leader. At once if that
     *     was so a moment ago: a thread calls this for each of its tasks
     */
    synchronized void run(Runnable step) {
        if (lastFailure != null && nanoClock.getAsLong() - failedNanos < PAUSE.toNanos()) {
            throw lastFailure;
        }
        try {
            lastFailure = null;
            continueWith(step);
        } catch (TimeoutException e) {
            lastFailure = e;
            failedNanos = nanoClock.getAsLong();
            throw e;
        }
    }

    private void continueWith(Runnable step) {
        if (!isTaken) {
            EndedTransaction now = askOutcome();
            // A step that timed out may have happened, and leaves no outcome.
            ended = ended == null || (now != null && now.outcome() != Outcome.UNKNOWN) ? now : ended;
        }
        step.run();
        isTaken = true;
        if (ended != null) {
            try {
                cleanUp.accept(ended);
            } catch (TimeoutException | InterruptException e) {
                throw e;
            } catch (RuntimeException e) {
                LOG.warn("the open parts of a transaction are not known transactional_id={}", transactionalId, e);
            }
            ended = null;
        }
    }

    private @Nullable EndedTransaction askOutcome() {
        try {
            return outcome.get();
        } catch (TimeoutException | InterruptException e) {
            throw e;
        } catch (RuntimeException e) {
            LOG.warn("the last transaction is not known transactional_id={}", transactionalId, e);
            return null;
        }
    }
}
