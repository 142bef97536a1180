package io.tidegate.signal;

/**
 * Checks that bytes are well-formed UTF-8 (the Unicode standard, table 3-7) without the character NUL.
 *
 * <p>Separate from the JSON parser, which does not check it: it accepts overlong forms or replaces bad bytes, so that
 * two different ids become one, and it detects UTF-16 and UTF-32. No JSON text contains NUL, and every object in UTF-16
 * or UTF-32 has such a byte.
 */
final class Utf8 {
    private Utf8() {}

    static boolean isText(byte[] bytes) {
        int at = 0;
        while (at < bytes.length) {
            if (bytes[at] > 0) {
                at++;
                continue;
            }
            int length = lengthOfMultibyte(bytes, at);
            if (length == 0) {
                return false;
            }
            at += length;
        }
        return true;
    }

    /** Returns the length of the sequence of 2 to 4 bytes at {@code at}; 0 if it is not well-formed. */
    private static int lengthOfMultibyte(byte[] bytes, int at) {
        int lead = bytes[at] & 0xff;
        int length = lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 0;
        if (length == 0 || length > bytes.length - at) {
            return 0;
        }
        // The range of the second byte excludes overlong forms, surrogates and values above U+10FFFF.
        int second = bytes[at + 1] & 0xff;
        int low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
        int high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
        if (second < low || second > high) {
            return 0;
        }
        for (int i = 2; i < length; i++) {
            if ((bytes[at + i] & 0xc0) != 0x80) {
                return 0;
            }
        }
        return length;
    }
}
