package io.tidegate.signal;

import io.tidegate.tenant.TenantId;
import io.tidegate.tenant.TenantRef;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The fields that Tidegate reads of a signal; all other content passes through unchanged.
 *
 * <p>An entity id is text or an integer, and an integer is the same entity as its text: {@code 7} and {@code "7"} are
 * one item. A list names each entity once.
 *
 * @param tenantId the tenant that it names; null if it names none, or names it by a name
 * @param tenantName the name by which it refers to its tenant; null if it does not use one
 * @param type the type of the signal; null if it has none, or one that no config can name: longer than an id can be, or
 *     with control characters
 * @param items the items that it names
 * @param users the users that it names
 * @param creators the creators that it names
 */
public record Signal(
        @Nullable TenantId tenantId,
        @Nullable String tenantName,
        @Nullable String type,
        List<String> items,
        List<String> users,
        List<String> creators) {
    /** The maximum number of entities of all kinds that one signal can name. */
    public static final int ENTITIES_MAX = 256;

    public Signal {
        items = List.copyOf(items);
        users = List.copyOf(users);
        creators = List.copyOf(creators);
    }

    /** Creates a signal that does not refer to its tenant by a name. */
    public Signal(
            @Nullable TenantId tenantId,
            @Nullable String type,
            List<String> items,
            List<String> users,
            List<String> creators) {
        this(tenantId, null, type, items, users, creators);
    }

    /** Creates a signal without a type, with at most one entity of each kind. */
    public Signal(@Nullable TenantId tenantId, @Nullable String item, @Nullable String user, @Nullable String creator) {
        this(tenantId, null, item, user, creator);
    }

    /** Creates a signal with at most one entity of each kind. */
    public Signal(
            @Nullable TenantId tenantId,
            @Nullable String type,
            @Nullable String item,
            @Nullable String user,
            @Nullable String creator) {
        this(tenantId, null, type, item, user, creator);
    }

    Signal(
            @Nullable TenantId tenantId,
            @Nullable String tenantName,
            @Nullable String type,
            @Nullable String item,
            @Nullable String user,
            @Nullable String creator) {
        this(tenantId, tenantName, type, list(item), list(user), list(creator));
    }

    /** Returns its reference to its tenant; null if it has none. */
    public @Nullable TenantRef tenant() {
        return tenantId == null && tenantName == null ? null : new TenantRef(tenantId, tenantName);
    }

    private static List<String> list(@Nullable String id) {
        return id == null ? List.of() : List.of(id);
    }
}
