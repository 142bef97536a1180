package io.tidegate.signal;

import io.tidegate.tenant.TenantId;
import io.tidegate.tenant.TenantName;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/**
 * A fast path for plain signals: ASCII without escapes, little nesting, no defects.
 *
 * <p>If it is sure, it returns exactly what {@link SignalParser} would return; otherwise it leaves the value to the
 * JSON parser. It never rejects. It accepts a subset of JSON, which it checks to the last byte. Separate because nearly
 * all signals are plain, and a full JSON parser costs several times as much. Pure; thread-safe.
 */
final class SignalScanner {
    static final int BYTES_MAX = 1024 * 1024;
    static final int NAME_BYTES_MAX = 1_000;
    private static final int NUMBER_BYTES_MAX = 100;
    static final int DEPTH_MAX = 16;
    static final int UNSURE = -1;
    private static final VarHandle LONGS = MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

    /** The value 1 in each byte of a long. */
    private static final long EACH = 0x0101_0101_0101_0101L;

    private static final byte[] TENANT_ID = ascii("tenant_id");
    private static final byte[] SIGNAL = ascii("signal");
    private static final byte[] ITEM = ascii("item");
    private static final byte[] USER = ascii("user");
    private static final byte[] CREATOR = ascii("creator");
    private static final byte[] TRUE = ascii("true");
    private static final byte[] FALSE = ascii("false");
    static final byte[] NULL = ascii("null");

    private SignalScanner() {}

    /** Returns the signal; null if this scanner is not sure. */
    static @Nullable Signal scan(byte[] value) {
        if (value.length > BYTES_MAX) {
            return null;
        }
        int at = blanks(value, 0);
        if (byteAt(value, at) != '{') {
            return null;
        }
        TenantId tenantId = null;
        String tenantName = null;
        String type = null;
        String item = null;
        String user = null;
        String creator = null;
        int seen = 0;
        at = blanks(value, at + 1);
        if (byteAt(value, at) == '}') {
            return blanks(value, at + 1) == value.length ? new Signal(null, null, null, null) : null;
        }
        while (true) {
            int name = at + 1;
            int nameEnd = text(value, at);
            if (nameEnd == UNSURE || nameEnd - name > NAME_BYTES_MAX) {
                return null;
            }
            at = blanks(value, nameEnd + 1);
            if (byteAt(value, at) != ':') {
                return null;
            }
            at = blanks(value, at + 1);
            int end = value(value, at, 0);
            if (end == UNSURE) {
                return null;
            }
            int field = field(value, name, nameEnd);
            if (field != 0) {
                if ((seen & field) != 0 || !fits(value, at, end, field)) {
                    return null;
                }
                seen |= field;
                switch (field) {
                    case 1 -> {
                        if (value[at] == '"') {
                            tenantName = TenantName.tryParse(string(value, at + 1, end - 1));
                        } else {
                            tenantId = TenantId.tryParse(value, at, end);
                        }
                        if (tenantId == null && tenantName == null) {
                            return null;
                        }
                    }
                    case 2 -> type = type(value, at, end);
                    case 4 -> item = id(value, at, end);
                    case 8 -> user = id(value, at, end);
                    default -> creator = id(value, at, end);
                }
            }
            at = blanks(value, end);
            int next = byteAt(value, at);
            if (next == '}') {
                return blanks(value, at + 1) == value.length
                        ? new Signal(tenantId, tenantName, type, item, user, creator)
                        : null;
            }
            if (next != ',') {
                return null;
            }
            at = blanks(value, at + 1);
        }
    }

    /** Returns the bit of a field that is read; 0 for all others. */
    private static int field(byte[] value, int from, int to) {
        return switch (to - from) {
            case 4 -> is(value, from, to, ITEM) ? 4 : is(value, from, to, USER) ? 8 : 0;
            case 6 -> is(value, from, to, SIGNAL) ? 2 : 0;
            case 7 -> is(value, from, to, CREATOR) ? 16 : 0;
            case 9 -> is(value, from, to, TENANT_ID) ? 1 : 0;
            default -> 0;
        };
    }

    /** Whether a field's value has the required type; if not, the parser reports the defect. */
    private static boolean fits(byte[] value, int from, int to, int field) {
        byte first = value[from];
        boolean digits = isDigit(first);
        for (int i = from; digits && i < to; i++) {
            digits = isDigit(value[i]);
        }
        boolean isText = first == '"';
        return switch (field) {
            case 1 -> digits || isText;
            case 2 -> isText || first == 'n';
            default ->
                digits
                        || first == 'n'
                        || (isText && to - from > 2 && to - from - 2 <= SignalParser.ENTITY_ID_CHARS_MAX);
        };
    }

    private static @Nullable String id(byte[] value, int from, int to) {
        return switch (value[from]) {
            case '"' -> string(value, from + 1, to - 1);
            case 'n' -> null;
            default -> string(value, from, to);
        };
    }

    /** Returns the type; null for a text that no config can name. */
    private static @Nullable String type(byte[] value, int from, int to) {
        int length = to - from - 2;
        return value[from] == '"' && length > 0 && length <= SignalParser.ENTITY_ID_CHARS_MAX
                ? string(value, from + 1, to - 1)
                : null;
    }

    /** Returns the end of the value that begins at {@code at}, or {@link #UNSURE}. */
    static int value(byte[] value, int at, int depth) {
        int first = byteAt(value, at);
        return switch (first) {
            case '"' -> {
                int quote = text(value, at);
                yield quote == UNSURE ? UNSURE : quote + 1;
            }
            case '{', '[' -> depth == DEPTH_MAX ? UNSURE : nested(value, at, depth + 1);
            case 't' -> literal(value, at, TRUE);
            case 'f' -> literal(value, at, FALSE);
            case 'n' -> literal(value, at, NULL);
            default -> number(value, at);
        };
    }

    private static int nested(byte[] value, int open, int depth) {
        boolean object = value[open] == '{';
        int close = object ? '}' : ']';
        int at = blanks(value, open + 1);
        if (byteAt(value, at) == close) {
            return at + 1;
        }
        while (true) {
            if (object) {
                int nameEnd = text(value, at);
                if (nameEnd == UNSURE || nameEnd - at > NAME_BYTES_MAX) {
                    return UNSURE;
                }
                at = blanks(value, nameEnd + 1);
                if (byteAt(value, at) != ':') {
                    return UNSURE;
                }
                at = blanks(value, at + 1);
            }
            int end = value(value, at, depth);
            if (end == UNSURE) {
                return UNSURE;
            }
            at = blanks(value, end);
            int next = byteAt(value, at);
            if (next == close) {
                return at + 1;
            }
            if (next != ',') {
                return UNSURE;
            }
            at = blanks(value, at + 1);
        }
    }

    /** Returns the closing quote of the text that opens at {@code at}; only for printable ASCII without escapes. */
    static int text(byte[] value, int at) {
        if (byteAt(value, at) != '"') {
            return UNSURE;
        }
        int i = at + 1;
        for (; i + Long.BYTES <= value.length; i += Long.BYTES) {
            long stops = stops((long) LONGS.get(value, i));
            if (stops != 0) {
                int stop = i + Long.numberOfTrailingZeros(stops) / Byte.SIZE;
                return value[stop] == '"' ? stop : UNSURE;
            }
        }
        for (; i < value.length; i++) {
            byte next = value[i];
            if (next == '"') {
                return i;
            }
            if (next < ' ' || next == '\\' || next == 0x7f) {
                return UNSURE;
            }
        }
        return UNSURE;
    }

    /**
     * Checks eight bytes at once: sets the highest bit of each byte that is not a plain character of a text, and
     * possibly of bytes after the first such byte.
     */
    private static long stops(long bytes) {
        long control = bytes - EACH * ' ';
        long delete = (bytes ^ EACH * 0x7f) - EACH;
        long quote = (bytes ^ EACH * '"') - EACH;
        long escape = (bytes ^ EACH * '\\') - EACH;
        // Non-ASCII bytes already have their highest bit set. Of the ASCII bytes, only the ones to find borrow from it.
        return (bytes | control | delete | quote | escape) & EACH << 7;
    }

    /** Returns the first eight bytes of a range as one number; a shorter range is padded with zeros. */
    static long head(byte[] value, int from, int to) {
        int length = to - from;
        if (from + Long.BYTES <= value.length) {
            long head = (long) LONGS.get(value, from);
            return length >= Long.BYTES ? head : head & ((1L << (length * Byte.SIZE)) - 1);
        }
        long head = 0;
        for (int i = from; i < to; i++) {
            head |= (value[i] & 0xffL) << ((i - from) * Byte.SIZE);
        }
        return head;
    }

    static int number(byte[] value, int at) {
        int i = byteAt(value, at) == '-' ? at + 1 : at;
        int integer = digits(value, i);
        if (integer == i || (value[i] == '0' && integer > i + 1)) {
            return UNSURE;
        }
        i = integer;
        if (byteAt(value, i) == '.') {
            int fraction = digits(value, i + 1);
            if (fraction == i + 1) {
                return UNSURE;
            }
            i = fraction;
        }
        if (byteAt(value, i) == 'e' || byteAt(value, i) == 'E') {
            int sign = byteAt(value, i + 1);
            int from = sign == '+' || sign == '-' ? i + 2 : i + 1;
            int exponent = digits(value, from);
            if (exponent == from) {
                return UNSURE;
            }
            i = exponent;
        }
        return i - at > NUMBER_BYTES_MAX ? UNSURE : i;
    }

    /** Returns the end of a number that has only digits: a fraction is not an id, and a sign is rare. */
    static int integer(byte[] value, int at) {
        int end = digits(value, at);
        int next = byteAt(value, end);
        return end == at
                        || (value[at] == '0' && end > at + 1)
                        || end - at > NUMBER_BYTES_MAX
                        || next == '.'
                        || next == 'e'
                        || next == 'E'
                ? UNSURE
                : end;
    }

    private static int digits(byte[] value, int at) {
        int i = at;
        while (i < value.length && isDigit(value[i])) {
            i++;
        }
        return i;
    }

    static int literal(byte[] value, int at, byte[] literal) {
        int end = at + literal.length;
        return end <= value.length && is(value, at, end, literal) ? end : UNSURE;
    }

    static int blanks(byte[] value, int at) {
        int i = at;
        while (i < value.length && (value[i] == ' ' || value[i] == '\n' || value[i] == '\r' || value[i] == '\t')) {
            i++;
        }
        return i;
    }

    static int byteAt(byte[] value, int at) {
        return at < value.length ? value[at] : UNSURE;
    }

    static boolean isDigit(byte next) {
        return next >= '0' && next <= '9';
    }

    private static boolean is(byte[] value, int from, int to, byte[] text) {
        // A few bytes: a loop is faster than the JDK's comparison of ranges, which is optimized for long ones.
        if (to - from != text.length) {
            return false;
        }
        for (int i = 0; i < text.length; i++) {
            if (value[from + i] != text[i]) {
                return false;
            }
        }
        return true;
    }

    static String string(byte[] value, int from, int to) {
        return new String(value, from, to - from, StandardCharsets.ISO_8859_1);
    }

    private static byte[] ascii(String text) {
        return text.getBytes(StandardCharsets.US_ASCII);
    }
}
