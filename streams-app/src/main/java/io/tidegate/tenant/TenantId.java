package io.tidegate.tenant;

import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonValue;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/**
 * A tenant's identity: an unsigned 64-bit number.
 *
 * <p>{@link #DEFAULT} is 0: a signal that names no tenant belongs to it. In paths, Kafka keys and JSON an id is its
 * canonical decimal ({@link #decimal()}): no sign, no leading zero, no blank, so that one tenant has exactly one
 * spelling and no spelling can lead out of a directory. For people it prints as {@code t42}.
 *
 * @param bits the number, interpreted as unsigned
 */
public record TenantId(long bits) implements Comparable<TenantId> {
    public static final TenantId DEFAULT = new TenantId(0);

    /** 2^64-1 has 20 digits. */
    private static final int DIGITS_MAX = 20;

    private static final BigInteger MAX = BigInteger.ONE.shiftLeft(Long.SIZE).subtract(BigInteger.ONE);

    public static TenantId of(long bits) {
        return bits == 0 ? DEFAULT : new TenantId(bits);
    }

    /**
     * Reads a canonical decimal.
     *
     * @throws IllegalArgumentException if {@code text} is not the one canonical spelling of a number from 0 to 2^64-1
     */
    public static TenantId parse(String text) {
        TenantId id = tryParse(text);
        if (id == null) {
            throw new IllegalArgumentException("tenant id '%s' is not a decimal number from 0 to %s without sign,"
                            .formatted(abbreviated(text), MAX)
                    + " leading zeros or blanks");
        }
        return id;
    }

    /** Like {@link #parse}, but returns null instead of throwing: for input that is sometimes invalid. */
    public static @Nullable TenantId tryParse(CharSequence text) {
        // Characters beyond Latin-1 become question marks, which are not digits either.
        return text.length() > DIGITS_MAX ? null : tryParse(text.toString().getBytes(StandardCharsets.ISO_8859_1));
    }

    /** Reads the canonical decimal in ASCII, as in Kafka keys and headers; null if it is invalid. */
    public static @Nullable TenantId tryParse(byte[] ascii) {
        return tryParse(ascii, 0, ascii.length);
    }

    /** Like {@link #tryParse(byte[])}, for the bytes from {@code from} up to, but not including, {@code to}. */
    public static @Nullable TenantId tryParse(byte[] ascii, int from, int to) {
        int length = to - from;
        if (length == 0 || length > DIGITS_MAX || (length > 1 && ascii[from] == '0')) {
            return null;
        }
        long value = 0;
        for (int i = 0; i < length; i++) {
            int digit = ascii[from + i] - '0';
            if (digit < 0 || digit > 9) {
                return null;
            }
            // Only the 20th digit can overflow: 19 digits are below 2^64.
            if (i == DIGITS_MAX - 1 && overflows(value, digit)) {
                return null;
            }
            value = value * 10 + digit;
        }
        return of(value);
    }

    private static boolean overflows(long value, int digit) {
        long limit = Long.divideUnsigned(-1L, 10);
        int order = Long.compareUnsigned(value, limit);
        return order > 0 || (order == 0 && digit > Long.remainderUnsigned(-1L, 10));
    }

    @JsonCreator
    static TenantId fromJson(BigInteger number) {
        if (number.signum() < 0 || number.compareTo(MAX) > 0) {
            throw new IllegalArgumentException("tenant id %s is outside 0 to %s".formatted(number, MAX));
        }
        return of(number.longValue());
    }

    @JsonValue
    BigInteger toJson() {
        return bits >= 0 ? BigInteger.valueOf(bits) : new BigInteger(decimal());
    }

    /** The canonical decimal: the form in paths, keys and JSON. */
    public String decimal() {
        return Long.toUnsignedString(bits);
    }

    /** {@link #decimal()} in ASCII: the form in Kafka keys. */
    public byte[] key() {
        return decimal().getBytes(StandardCharsets.ISO_8859_1);
    }

    public boolean isDefault() {
        return bits == 0;
    }

    @Override
    public int compareTo(TenantId other) {
        return Long.compareUnsigned(bits, other.bits);
    }

    /** Mixes the bits well, because ids are often consecutive. */
    @Override
    public int hashCode() {
        long mixed = bits * 0x9E3779B97F4A7C15L;
        return (int) (mixed ^ (mixed >>> 32));
    }

    @Override
    public boolean equals(@Nullable Object other) {
        return other instanceof TenantId that && that.bits == bits;
    }

    @Override
    public String toString() {
        return "t" + decimal();
    }

    private static String abbreviated(String text) {
        return text.length() <= 64 ? text : text.substring(0, 64) + "…";
    }
}
