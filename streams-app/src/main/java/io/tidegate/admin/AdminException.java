package io.tidegate.admin;

/** Something that Kafka or its topics do not allow. The message says what, where and what to do. */
public class AdminException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    public AdminException(String message) {
        super(message);
    }

    public AdminException(String message, Throwable cause) {
        super(message, cause);
    }
}
