package io.tidegate.tenant;

import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/**
 * A reference of a signal, command or request to a tenant: its id or one of its names. No text is both.
 *
 * @param id null for a name
 * @param name null for an id
 * @param name null if it is an id
 */
public record TenantRef(@Nullable TenantId id, @Nullable String name) {
    /** The maximum length of a reference; a character takes at most four bytes. */
    private static final int BYTES_MAX = 16 * TenantName.CHARS_MAX;

    public TenantRef {
        if ((id == null) == (name == null)) {
            throw new IllegalArgumentException("a tenant is referred to by its id or by a name");
        }
    }

    public static TenantRef of(TenantId id) {
        return new TenantRef(id, null);
    }

    /** Reads a canonical decimal or a name; null if the text is neither. */
    public static @Nullable TenantRef tryParse(String text) {
        TenantId id = TenantId.tryParse(text);
        return id != null ? of(id) : ofName(text);
    }

    /** Like {@link #tryParse(String)}, for UTF-8 as in keys and headers. */
    public static @Nullable TenantRef tryParse(byte @Nullable [] utf8) {
        if (utf8 == null || utf8.length > BYTES_MAX) {
            return null;
        }
        TenantId id = TenantId.tryParse(utf8);
        return id != null ? of(id) : ofName(new String(utf8, StandardCharsets.UTF_8));
    }

    private static @Nullable TenantRef ofName(String text) {
        String name = TenantName.tryParse(text);
        return name == null ? null : new TenantRef(null, name);
    }

    /** Returns the tenant; null if no tenant has the name. */
    public @Nullable TenantId in(TenantNames names) {
        return name == null ? id : names.named(name);
    }

    @Override
    public String toString() {
        return name == null ? String.valueOf(id) : "'" + name + "'";
    }
}
