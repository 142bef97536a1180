package io.tidegate.admin;

import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.apache.kafka.common.KafkaFuture;

/** Waits for Kafka's answers, with a deadline and an error that a person can use. */
final class KafkaFutures {
    private static final int WAIT_S = 30;

    private KafkaFutures() {}

    /** @param doing what is waited for, such as "describing the topics" */
    static <T> T get(KafkaFuture<T> future, String doing) {
        try {
            return future.get(WAIT_S, TimeUnit.SECONDS);
        } catch (ExecutionException e) {
            Throwable cause = e.getCause();
            throw new AdminException("%s failed: %s".formatted(doing, cause.getMessage()), cause);
        } catch (TimeoutException e) {
            throw new AdminException(
                    ("%s: no answer within %d s. Is the broker up, and is the address that it advertises"
                                    + " (advertised.listeners) one that can be reached from here?")
                            .formatted(doing, WAIT_S),
                    e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new AdminException(doing + " was interrupted", e);
        }
    }
}
