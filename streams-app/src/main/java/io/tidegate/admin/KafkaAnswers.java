package io.tidegate.admin;

import io.tidegate.config.Settings;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.KafkaFuture;

/** Waits for Kafka's answers, with a deadline and an actionable error. */
public final class KafkaAnswers {
    /** The remedy if a broker rejects the login. */
    public static final String LOGIN_REMEDY =
            "set kafka.security.protocol, kafka.sasl.mechanism and kafka.sasl.jaas.config to those of this listener";

    private static final int WAIT_S = 30;

    private KafkaAnswers() {}

    static AdminException noAnswer(String doing, long waitedS, Exception cause) {
        return new AdminException(
                ("%s: no answer within %d s. Is the broker up, is its security as set here, and can the address that it"
                                + " advertises (advertised.listeners) be reached from here? TIDEGATE_LOG_LEVEL=INFO shows each"
                                + " attempt")
                        .formatted(doing, waitedS),
                cause);
    }

    /** Returns the error for a client that could not be created; Kafka puts the reason into the causes. */
    static AdminException noClient(Settings settings, KafkaException e) {
        StringBuilder reasons = new StringBuilder();
        for (Throwable cause = e; cause != null; cause = cause.getCause()) {
            String reason = cause.getMessage();
            if (reason != null && reasons.indexOf(reason) < 0) {
                reasons.append(": ").append(reason);
            }
        }
        return new AdminException("cannot connect to %s%s".formatted(settings.bootstrapServers(), reasons), e);
    }

    /** Whether a failure or one of its causes is of a type. */
    public static boolean isCausedBy(Throwable failure, Class<? extends Throwable> type) {
        for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
            if (type.isInstance(cause)) {
                return true;
            }
        }
        return false;
    }

    /** @param doing the operation waited for, such as "describing the topics" */
    public static <T> T get(KafkaFuture<T> future, String doing) {
        try {
            return future.get(WAIT_S, TimeUnit.SECONDS);
        } catch (ExecutionException e) {
            Throwable cause = e.getCause();
            String why = cause.getMessage() == null || cause.getMessage().isEmpty()
                    ? cause.getClass().getSimpleName()
                    : cause.getMessage();
            throw new AdminException("%s failed: %s".formatted(doing, why), cause);
        } catch (TimeoutException e) {
            throw noAnswer(doing, WAIT_S, e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new AdminException(doing + " was interrupted", e);
        }
    }
}
