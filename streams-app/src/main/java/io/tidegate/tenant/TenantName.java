package io.tidegate.tenant;

import java.text.Normalizer;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * The spelling of {@code external_ids}: the users' own names for tenants, such as {@code acme}, a UUID or {@code org_8Kd}.
 *
 * <p>A name is case-sensitive and compared in Unicode's normalization form C, so that two spellings of one letter are one. It
 * contains a letter and never looks like an id, so that no text can be both. It can stand in a segment of a URL's path as
 * it is. Files and directories are named by ids alone.
 */
public final class TenantName {
    /** UTF-16 code units of a name in form C. */
    public static final int CHARS_MAX = 128;

    /** Characters before normalization; more are not looked at. */
    private static final int RAW_CHARS_MAX = 4 * CHARS_MAX;

    /** What people write for an id: not a name, whatever is configured. */
    private static final Pattern LIKE_AN_ID = Pattern.compile("[tT][0-9]+");

    /** Would split a path or be escaped twice in one; the last one stands for bytes that are not UTF-8. */
    private static final String NEVER = "/\\%;\uFFFD";

    static final String RULE =
            "1 to %d characters with at least one letter, without control characters, / \\ %% ; and blanks at its ends; not"
                            .formatted(CHARS_MAX)
                    + " like t42, and not beginning with -";

    private TenantName() {}

    /**
     * The name in form C.
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

    /** As {@link #parse}, but null where it would throw: for input that is expected to be bad now and then. */
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

    /** Whether each character can be in a name, and one is a letter. */
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
