package io.tidegate.admission;

import io.tidegate.signal.Signal;
import org.jspecify.annotations.Nullable;

/** The three kinds of entities that a signal can name. The order is part of {@link TenantUsage}'s stored format. */
public enum EntityKind {
    ITEM('i'),
    USER('u'),
    CREATOR('c');

    static final EntityKind[] ALL = values();

    /** Hashed before the id, so that item 7 and user 7 are two entities. Stored fingerprints depend on it. */
    final char prefix;

    EntityKind(char prefix) {
        this.prefix = prefix;
    }

    @Nullable
    String idIn(Signal signal) {
        return switch (this) {
            case ITEM -> signal.item();
            case USER -> signal.user();
            case CREATOR -> signal.creator();
        };
    }
}
