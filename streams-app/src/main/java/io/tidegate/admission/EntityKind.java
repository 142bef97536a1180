package io.tidegate.admission;

import io.tidegate.signal.Signal;
import io.tidegate.tenant.TenantConfig;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** The three kinds of entities that a signal can name. The order is part of {@link TenantUsage}'s stored format. */
public enum EntityKind {
    ITEM('i'),
    USER('u'),
    CREATOR('c');

    static final EntityKind[] ALL = values();

    /** Hashed before the id, so that item 7 and user 7 are two entities. Stored fingerprints depend on it. */
    final char prefix;

    private final String id = name().toLowerCase(Locale.ROOT);

    EntityKind(char prefix) {
        this.prefix = prefix;
    }

    /** Returns the kind with this id, such as {@code item}; null if there is none. */
    public static @Nullable EntityKind of(String id) {
        for (EntityKind kind : ALL) {
            if (kind.id.equals(id)) {
                return kind;
            }
        }
        return null;
    }

    /** The id in events, answers and commands: {@code item}, {@code user}, {@code creator}. */
    public String id() {
        return id;
    }

    /** Returns the maximum number of this kind in a config; {@link Long#MAX_VALUE} if it is not limited. */
    long maxIn(TenantConfig config) {
        return switch (this) {
            case ITEM -> config.itemLimit();
            case USER -> config.userLimit();
            case CREATOR -> config.creatorLimit();
        };
    }

    /** Returns the entities of this kind that a signal names. */
    List<String> idsIn(Signal signal) {
        return switch (this) {
            case ITEM -> signal.items();
            case USER -> signal.users();
            case CREATOR -> signal.creators();
        };
    }
}
