package io.tidegate.signal;

import io.tidegate.tenant.TenantId;
import io.tidegate.tenant.TenantRef;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What Tidegate reads of a signal; all else passes through untouched.
 *
 * <p>An entity id is text or an integer, and an integer is the same entity as its text: {@code 7} and {@code "7"} are
 * one item. A list names each entity once.
 *
 * @param tenantId the tenant that it names; null where it names none, or by a name
 * @param tenantName the name by which it refers to its tenant; null where it does not
 * @param type what kind of signal it is; null where it does not say, or says what no config could name: a longer text than
 *     an id can be, or one with control characters
 * @param items the items it is about
 * @param users the users it is about
 * @param creators the creators it is about
 */
public record Signal(
        @Nullable TenantId tenantId,
        @Nullable String tenantName,
        @Nullable String type,
        List<String> items,
        List<String> users,
        List<String> creators) {
    /** Entities of all kinds that one signal can name. */
    public static final int ENTITIES_MAX = 256;

    public Signal {
        items = List.copyOf(items);
        users = List.copyOf(users);
        creators = List.copyOf(creators);
    }

    /** A signal that does not refer to its tenant by a name. */
    public Signal(
            @Nullable TenantId tenantId,
            @Nullable String type,
            List<String> items,
            List<String> users,
            List<String> creators) {
        this(tenantId, null, type, items, users, creators);
    }

    /** A signal without a type, with at most one entity of each kind. */
    public Signal(@Nullable TenantId tenantId, @Nullable String item, @Nullable String user, @Nullable String creator) {
        this(tenantId, null, item, user, creator);
    }

    /** A signal with at most one entity of each kind. */
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

    /** How it refers to its tenant; null where it does not. */
    public @Nullable TenantRef tenant() {
        return tenantId == null && tenantName == null ? null : new TenantRef(tenantId, tenantName);
    }

    private static List<String> list(@Nullable String id) {
        return id == null ? List.of() : List.of(id);
    }
}
