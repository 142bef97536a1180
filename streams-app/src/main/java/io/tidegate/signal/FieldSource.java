package io.tidegate.signal;

import java.util.ArrayList;
import java.util.List;

/** The place of a field of a signal. */
public sealed interface FieldSource {
    /** The maximum number of names in a pointer. */
    int DEPTH_MAX = 32;

    /** The maximum length of a pointer or of a header's name, in characters. */
    int CHARS_MAX = 512;

    /** The description of the place in messages. */
    String place();

    /**
     * A place in a JSON value (RFC 6901).
     *
     * @param text the pointer, such as {@code /account/id}
     * @param tokens its names, without escapes; at least one
     */
    record Pointer(String text, List<String> tokens) implements FieldSource {
        public Pointer {
            tokens = List.copyOf(tokens);
        }

        @Override
        public String place() {
            return "field '" + text + "'";
        }

        /** Whether this is the same place as {@code other} or inside it. */
        boolean isWithin(Pointer other) {
            int length = other.tokens.size();
            return tokens.size() >= length && tokens.subList(0, length).equals(other.tokens);
        }
    }

    /** A header. If a record has it more than once, each value counts. */
    record Header(String name) implements FieldSource {
        @Override
        public String place() {
            return "header '" + name + "'";
        }
    }

    /** The record's key, as text. */
    record Key() implements FieldSource {
        @Override
        public String place() {
            return "key";
        }
    }

    /**
     * Reads the form used in settings.
     *
     * @throws IllegalArgumentException naming the rule that {@code text} violates
     */
    static FieldSource parse(String text) {
        if (text.equals("key")) {
            return new Key();
        }
        if (text.startsWith("header:")) {
            String name = text.substring("header:".length());
            if (name.isEmpty() || name.length() > CHARS_MAX || !isWellFormed(name)) {
                throw new IllegalArgumentException(
                        "header: must be followed by the name of a header, of at most %d".formatted(CHARS_MAX)
                                + " characters");
            }
            return new Header(name);
        }
        if (!text.startsWith("/")) {
            throw new IllegalArgumentException(
                    "must be a JSON pointer such as /account/id, header:NAME, key, or empty");
        }
        if (text.length() > CHARS_MAX || !isWellFormed(text)) {
            throw new IllegalArgumentException(
                    "a JSON pointer must be well-formed text of at most %d characters".formatted(CHARS_MAX));
        }
        return new Pointer(text, tokens(text));
    }

    private static List<String> tokens(String text) {
        List<String> tokens = new ArrayList<>();
        for (String raw : text.substring(1).split("/", -1)) {
            StringBuilder token = new StringBuilder(raw.length());
            for (int i = 0; i < raw.length(); i++) {
                char next = raw.charAt(i);
                if (next == '~') {
                    i++;
                    char escaped = i < raw.length() ? raw.charAt(i) : ' ';
                    if (escaped != '0' && escaped != '1') {
                        throw new IllegalArgumentException(
                                "in a JSON pointer (RFC 6901) ~ must be written ~0, and / inside a name ~1");
                    }
                    next = escaped == '0' ? '~' : '/';
                }
                token.append(next);
            }
            tokens.add(token.toString());
        }
        if (tokens.size() > DEPTH_MAX) {
            throw new IllegalArgumentException("a JSON pointer must have at most %d names".formatted(DEPTH_MAX));
        }
        return tokens;
    }

    /** Whether the text has no half of a surrogate pair, and not the character that replaces such halves. */
    private static boolean isWellFormed(String text) {
        return text.codePoints().noneMatch(point -> point == 0xFFFD || (point >= 0xD800 && point <= 0xDFFF));
    }
}
