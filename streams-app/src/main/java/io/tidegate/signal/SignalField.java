package io.tidegate.signal;

import java.util.Locale;

/** The fields that Tidegate reads of a signal. */
public enum SignalField {
    TENANT,
    TYPE,
    ITEM,
    USER,
    CREATOR;

    private final String setting = "signal." + name().toLowerCase(Locale.ROOT);

    /** The setting for the place of this field, such as {@code signal.item}. */
    public String setting() {
        return setting;
    }

    /** Whether it names entities, of which a signal can have many. */
    public boolean isEntity() {
        return this != TENANT && this != TYPE;
    }
}
