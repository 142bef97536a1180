package io.tidegate.admin;

/** A topic does not exist. */
public final class MissingTopicException extends AdminException {
    private static final long serialVersionUID = 1L;

    MissingTopicException(String message) {
        super(message);
    }
}
