package io.tidegate.signal;

/** A schema cannot be looked up at the moment; the value is as good as it was. */
public final class SchemaUnavailableException extends RuntimeException {
    /** @param message says which registry, and what happened */
    public SchemaUnavailableException(String message) {
        super(message);
    }
}
