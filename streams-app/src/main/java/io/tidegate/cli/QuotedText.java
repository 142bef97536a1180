package io.tidegate.cli;

/**
 * Untrusted text in a log line: truncated, and on one line. The content of a record must not fill a disk, forge a line, or move
 * the cursor of the terminal that shows it.
 */
final class QuotedText {
    /** The limit for a value. */
    static final int VALUE_CHARS_MAX = 200;

    /** The limit for a sentence of Tidegate or of a library, which may quote a value. */
    static final int SENTENCE_CHARS_MAX = 800;

    private QuotedText() {}

    /** Quotes a value; keeps at most {@value #VALUE_CHARS_MAX} characters. */
    static String value(String text) {
        return escaped(shortened(text, VALUE_CHARS_MAX));
    }

    /** Quotes a sentence. It may be longer than a value, but each of its words may not. */
    static String sentence(String text) {
        String whole = shortened(text, SENTENCE_CHARS_MAX);
        StringBuilder sentence = new StringBuilder(whole.length());
        int word = 0;
        for (int i = 0; i < whole.length(); i++) {
            char c = whole.charAt(i);
            word = c == ' ' ? 0 : word + 1;
            if (word == VALUE_CHARS_MAX) {
                sentence.append('…');
            } else if (word < VALUE_CHARS_MAX) {
                sentence.append(c);
            }
        }
        return escaped(sentence.toString());
    }

    private static String shortened(String text, int charsMax) {
        return text.length() <= charsMax
                ? text
                : text.substring(0, charsMax) + "… (%d characters)".formatted(text.length());
    }

    /** Escapes control characters, and characters that reorder or break a line. */
    static String escaped(String text) {
        StringBuilder escaped = null;
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            boolean plain = (c >= ' ' && c < 0x7f) || (c > 0x9f && !isHidden(text, i));
            if (!plain && escaped == null) {
                escaped = new StringBuilder(text.length() + 16).append(text, 0, i);
            }
            if (escaped != null) {
                if (plain) {
                    escaped.append(c);
                } else {
                    escaped.append(
                            switch (c) {
                                case '\n' -> "\\n";
                                case '\r' -> "\\r";
                                case '\t' -> "\\t";
                                default -> "\\u%04x".formatted((int) c);
                            });
                }
            }
        }
        return escaped == null ? text : escaped.toString();
    }

    private static boolean isHidden(String text, int index) {
        char c = text.charAt(index);
        if (Character.isHighSurrogate(c)) {
            return index + 1 == text.length() || !Character.isLowSurrogate(text.charAt(index + 1));
        }
        if (Character.isLowSurrogate(c)) {
            return index == 0 || !Character.isHighSurrogate(text.charAt(index - 1));
        }
        int type = Character.getType(c);
        return type == Character.FORMAT || type == Character.LINE_SEPARATOR || type == Character.PARAGRAPH_SEPARATOR;
    }
}
