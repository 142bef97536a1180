package io.tidegate.signal;

import org.jspecify.annotations.Nullable;

/**
 * Finds escapes of half a surrogate pair in names, such as {@code "\ud83d"}. RFC 8259 allows them in every text.
 * Jackson accepts them in values and rejects them in names. No field that Tidegate reads has one in its name, so they
 * are replaced before parsing.
 */
final class LoneSurrogates {
    private static final int ESCAPE_BYTES = 6;
    private static final int HEX = 16;
    private static final byte[] REPLACEMENT = {'\\', 'u', 'f', 'f', 'f', 'd'};

    private LoneSurrogates() {}

    /** Returns a copy in which names have U+FFFD instead; null if there is nothing to replace. Accepts any bytes. */
    static byte @Nullable [] replacedInNames(byte[] json) {
        byte[] copy = null;
        int at = 0;
        while (at < json.length) {
            if (json[at] != '"') {
                at++;
                continue;
            }
            int end = endOfText(json, at + 1);
            if (isName(json, end + 1)) {
                for (int i = at + 1; i < end; i += lengthAt(json, i)) {
                    if (isSurrogate(json, i, end, 0xD8) && isSurrogate(json, i + ESCAPE_BYTES, end, 0xDC)) {
                        i += ESCAPE_BYTES; // a pair
                    } else if (isSurrogate(json, i, end, 0xD8) || isSurrogate(json, i, end, 0xDC)) {
                        copy = copy == null ? json.clone() : copy;
                        System.arraycopy(REPLACEMENT, 0, copy, i, ESCAPE_BYTES);
                    }
                }
            }
            at = end + 1;
        }
        return copy;
    }

    private static int endOfText(byte[] json, int from) {
        int at = from;
        while (at < json.length && json[at] != '"') {
            at += json[at] == '\\' ? 2 : 1;
        }
        return at;
    }

    private static int lengthAt(byte[] json, int at) {
        return json[at] != '\\' ? 1 : at + 1 < json.length && json[at + 1] == 'u' ? ESCAPE_BYTES : 2;
    }

    private static boolean isName(byte[] json, int after) {
        int at = after;
        while (at < json.length && (json[at] == ' ' || json[at] == '\n' || json[at] == '\r' || json[at] == '\t')) {
            at++;
        }
        return at < json.length && json[at] == ':';
    }

    /** Whether an escape between {@code first}00 and {@code first}00 + 3FF begins at {@code at}. */
    private static boolean isSurrogate(byte[] json, int at, int end, int first) {
        if (at + ESCAPE_BYTES > end || json[at] != '\\' || json[at + 1] != 'u') {
            return false;
        }
        int high = Character.digit(json[at + 2], HEX) * HEX + Character.digit(json[at + 3], HEX);
        return high >= first
                && high < first + 4
                && Character.digit(json[at + 4], HEX) >= 0
                && Character.digit(json[at + 5], HEX) >= 0;
    }
}
