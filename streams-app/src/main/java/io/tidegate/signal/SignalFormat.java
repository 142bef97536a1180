package io.tidegate.signal;

import java.util.Locale;

/** What the values of signals are. */
public enum SignalFormat {
    /** A JSON object in UTF-8, checked to its end. */
    JSON,
    /** An Avro record behind the id of its schema in a registry, checked to its end. */
    AVRO,
    /** Any bytes: nothing is read of them. */
    OPAQUE;

    public static SignalFormat of(String name) {
        return valueOf(name.toUpperCase(Locale.ROOT));
    }

    /** Whether pointers can lead into a value. */
    public boolean hasPointers() {
        return this != OPAQUE;
    }

    /** As settings write it. */
    public String id() {
        return name().toLowerCase(Locale.ROOT);
    }
}
