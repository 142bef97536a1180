package io.tidegate.streams;

import io.tidegate.streams.OpenTransactions.EndedTransaction;
import java.util.function.Consumer;
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

    private final String transactionalId;
    private final Supplier<@Nullable EndedTransaction> outcome;
    private final Consumer<EndedTransaction> cleanUp;

    private boolean outcomeIsKnown;
    private @Nullable EndedTransaction ended;

    /**
     * @param outcome returns the outcome of the last transaction; null if there is none
     * @param cleanUp ends the remaining parts of the transaction
     */
    TakeOver(String transactionalId, Supplier<@Nullable EndedTransaction> outcome, Consumer<EndedTransaction> cleanUp) {
        this.transactionalId = transactionalId;
        this.outcome = outcome;
        this.cleanUp = cleanUp;
    }

    /**
     * Takes over the id, or continues.
     *
     * @param step takes over the id; called again if it, or what follows it, times out
     * @throws TimeoutException if the brokers do not answer, or partitions of the transaction have no leader
     */
    synchronized void run(Runnable step) {
        if (!outcomeIsKnown) {
            try {
                ended = outcome.get();
            } catch (TimeoutException | InterruptException e) {
                throw e;
            } catch (RuntimeException e) {
                LOG.warn("the last transaction is not known transactional_id={}", transactionalId, e);
            }
            outcomeIsKnown = true;
        }
        step.run();
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
}
