package io.tidegate.cli;

import io.tidegate.admin.KafkaAnswers;
import java.io.UncheckedIOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.NoSuchFileException;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.errors.AuthenticationException;
import org.apache.kafka.common.errors.SslAuthenticationException;
import org.apache.kafka.common.errors.TimeoutException;

/** Failures as text. */
final class ErrorText {
    private ErrorText() {}

    /** Returns the failure in a form that helps a user: for missing or unreadable files, and with causes that Kafka hides. */
    static String of(Throwable failure) {
        if (failure instanceof UncheckedIOException unchecked) {
            return of(unchecked.getCause());
        }
        if (failure instanceof NoSuchFileException) {
            return failure.getMessage() + " does not exist";
        }
        if (failure instanceof FileAlreadyExistsException) {
            return failure.getMessage() + " exists already, and is not a directory";
        }
        if (failure instanceof AccessDeniedException) {
            return failure.getMessage() + ": permission denied";
        }
        Throwable root = failure;
        while (root.getCause() != null) {
            root = root.getCause();
        }
        String text = failure.getMessage() == null ? failure.toString() : failure.getMessage();
        // Kafka's message is "Failed to construct kafka consumer"; the reason is in the cause.
        String complete =
                failure instanceof KafkaException && root.getMessage() != null && !text.contains(root.getMessage())
                        ? text + ": " + root.getMessage()
                        : text;
        return complete + remedy(failure);
    }

    private static String remedy(Throwable failure) {
        if (KafkaAnswers.isCausedBy(failure, AuthenticationException.class)
                && !KafkaAnswers.isCausedBy(failure, SslAuthenticationException.class)) {
            return ": " + KafkaAnswers.LOGIN_REMEDY;
        }
        return failure instanceof TimeoutException
                ? ". The brokers accept connections; can the addresses that they advertise (advertised.listeners) be reached"
                        + " from here? tidegate doctor checks them"
                : "";
    }
}
