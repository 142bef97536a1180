package io.tidegate.admin;

/** An operation that Kafka or its topics do not allow. The message gives the problem, its place and the remedy. */
public class AdminException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    public AdminException(String message) {
        super(message);
    }

    public AdminException(String message, Throwable cause) {
        super(message, cause);
    }
}
