package io.tidegate.tenant;

import java.text.Normalizer;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * The syntax of {@code external_ids}: the users' own names for tenants, such as {@code acme}, a UUID or {@code
 * org_8Kd}.
 *
 * <p>A name is case-sensitive and compared in Unicode's normalization form C, so that two spellings of one letter are
 * equal. It contains a letter and never looks like an id, so that no text can be both. It can be a segment of a URL's
 * path without escapes. Files and directories are named by ids only.
 */
public final class TenantName {
    /** The maximum length of a name in form C, in UTF-16 code units. */
    public static final int CHARS_MAX = 128;

    /** The maximum length before normalization; longer texts are not checked further. */
    private static final int RAW_CHARS_MAX = 4 * CHARS_MAX;

    /** The common spelling of an id: never a name, whatever is configured. */
    private static final Pattern LIKE_AN_ID = Pattern.compile("[tT][0-9]+");

    /** Characters that split a path or are escaped twice in one. The last one replaces bytes that are not UTF-8. */
    private static final String NEVER = "/\\%;\uFFFD";

    static final String RULE =
            "1 to %d characters with at least one letter, without control characters, / \\ %% ; and blanks at its ends; not"
                            .formatted(CHARS_MAX)
                    + " like t42, and not beginning with -";

    private TenantName() {}

    /**
     * Returns the name in form C.
     *
     * @throws IllegalArgumentException with the value and the rule
     */
    public static String parse(String text) {
        String name = tryParse(text);
        if (name == null) {
            throw new IllegalArgumentException(
                    "'%s' is not a tenant's name: %s".formatted(JsonFaults.quoted(text), RULE));
        }
        return name;
    }

    /** Like {@link #parse}, but returns null instead of throwing: for input that is sometimes invalid. */
    public static @Nullable String tryParse(String text) {
        if (text.isEmpty() || text.length() > RAW_CHARS_MAX) {
            return null;
        }
        String name = isAscii(text) ? text : Normalizer.normalize(text, Normalizer.Form.NFC);
        boolean hasEnds = name.length() <= CHARS_MAX
                && name.charAt(0) != ' '
                && name.charAt(0) != '-'
                && name.charAt(name.length() - 1) != ' ';
        return hasEnds && isWellFormed(name) && !LIKE_AN_ID.matcher(name).matches() ? name : null;
    }

    /** Whether all characters may be in a name, and one is a letter. */
    private static boolean isWellFormed(String text) {
        boolean hasLetter = false;
        for (int i = 0; i < text.length(); ) {
            int point = text.codePointAt(i);
            i += Character.charCount(point);
            if (NEVER.indexOf(point) >= 0) {
                return false;
            }
            switch (Character.getType(point)) {
                case Character.CONTROL,
                        Character.FORMAT,
                        Character.SURROGATE,
                        Character.PRIVATE_USE,
                        Character.LINE_SEPARATOR,
                        Character.PARAGRAPH_SEPARATOR -> {
                    return false;
                }
                case Character.SPACE_SEPARATOR -> {
                    if (point != ' ') {
                        return false;
                    }
                }
                default -> hasLetter |= Character.isLetter(point);
            }
        }
        return hasLetter;
    }

    private static boolean isAscii(String text) {
        for (int i = 0; i < text.length(); i++) {
            if (text.charAt(i) > 0x7f) {
                return false;
            }
        }
        return true;
    }
}
