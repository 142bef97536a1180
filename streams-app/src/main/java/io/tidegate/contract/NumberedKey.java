package io.tidegate.contract;

import io.tidegate.tenant.TenantId;
import org.jspecify.annotations.Nullable;

/**
 * The parsed key {@code 42:1234} of {@code signals-accepted} and {@code wal-segments}.
 *
 * @param tenant the tenant of the record
 * @param seq its sequence number
 */
public record NumberedKey(TenantId tenant, long seq) {
    private static final int DIGITS_MAX = Long.toString(Long.MAX_VALUE).length();

    /** @throws IllegalArgumentException if the key has another form, so Tidegate did not write it */
    public static NumberedKey parse(byte @Nullable [] key) {
        NumberedKey parsed = tryParse(key);
        if (parsed == null) {
            throw new IllegalArgumentException("the key is not <tenant>:<sequence number>");
        }
        return parsed;
    }

    /** Parses the key; returns null if it has another form, so Tidegate did not write it. */
    public static @Nullable NumberedKey tryParse(byte @Nullable [] key) {
        int colon = 0;
        while (key != null && colon < key.length && key[colon] != ':') {
            colon++;
        }
        int digits = key == null ? 0 : key.length - colon - 1;
        TenantId tenant = key == null || digits < 1 || digits > DIGITS_MAX ? null : TenantId.tryParse(key, 0, colon);
        if (key == null || tenant == null || (digits > 1 && key[colon + 1] == '0')) {
            return null;
        }
        long seq = 0;
        for (int i = colon + 1; i < key.length; i++) {
            int digit = key[i] - '0';
            if (digit < 0 || digit > 9 || seq > (Long.MAX_VALUE - digit) / 10) {
                return null;
            }
            seq = 10 * seq + digit;
        }
        return new NumberedKey(tenant, seq);
    }
}
