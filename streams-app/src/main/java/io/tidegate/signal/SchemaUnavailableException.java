package io.tidegate.signal;

/** A schema cannot be looked up at the moment. It says nothing about the value. */
public final class SchemaUnavailableException extends RuntimeException {
    /** @param message the registry and the failure */
    public SchemaUnavailableException(String message) {
        super(message);
    }
}
