package io.tidegate.topology;

import io.tidegate.tenant.TenantId;
import java.nio.charset.StandardCharsets;

/**
 * The key {@code 42:1234} of {@code signals-accepted} and {@code wal-segments}, read.
 *
 * @param tenant whose record
 * @param seq its sequence number
 */
public record NumberedKey(TenantId tenant, long seq) {
    /** @throws IllegalArgumentException where {@code key} has another form: only Tidegate writes these topics */
    public static NumberedKey parse(byte[] key) {
        String text = new String(key, StandardCharsets.ISO_8859_1);
        int colon = text.indexOf(':');
        TenantId tenant = colon < 0 ? null : TenantId.tryParse(key, 0, colon);
        if (tenant == null) {
            throw new IllegalArgumentException("key '%s' is not <tenant>:<sequence number>".formatted(text));
        }
        long seq = Long.parseLong(text, colon + 1, text.length(), 10);
        if (seq < 0) {
            throw new IllegalArgumentException("key '%s' has a negative sequence number".formatted(text));
        }
        return new NumberedKey(tenant, seq);
    }
}
