package io.tidegate.tenant;

import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/**
 * How a signal, a command or a request refers to a tenant: by its id or by one of its names. No text is both.
 *
 * @param id null if it is a name
 * @param name null if it is an id
 */
public record TenantRef(@Nullable TenantId id, @Nullable String name) {
    /** More bytes are no reference; a character takes at most four. */
    private static final int BYTES_MAX = 16 * TenantName.CHARS_MAX;

    public TenantRef {
        if ((id == null) == (name == null)) {
            throw new IllegalArgumentException("a tenant is referred to by its id or by a name");
        }
    }

    public static TenantRef of(TenantId id) {
        return new TenantRef(id, null);
    }

    /** Reads a canonical decimal or a name; null where the text can be neither. */
    public static @Nullable TenantRef tryParse(String text) {
        TenantId id = TenantId.tryParse(text);
        return id != null ? of(id) : ofName(text);
    }

    /** The same of UTF-8, as keys and headers have it. */
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

    /** The tenant; null if no tenant has the name. */
    public @Nullable TenantId in(TenantNames names) {
        return name == null ? id : names.named(name);
    }

    @Override
    public String toString() {
        return name == null ? String.valueOf(id) : "'" + name + "'";
    }
}
