package io.tidegate.signal;

import java.util.Locale;

/** The format of signals' values. */
public enum SignalFormat {
    /** A JSON object in UTF-8, checked to its end. */
    JSON,
    /** An Avro record after the id of its schema in a registry, checked to its end. */
    AVRO,
    /** Any bytes, which are not read. */
    OPAQUE;

    public static SignalFormat of(String name) {
        return valueOf(name.toUpperCase(Locale.ROOT));
    }

    /** Whether pointers can refer to places in a value. */
    public boolean hasPointers() {
        return this != OPAQUE;
    }

    /** The name in settings. */
    public String id() {
        return name().toLowerCase(Locale.ROOT);
    }
}
