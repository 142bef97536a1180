package io.tidegate.tenant;

/** The rule for labels, ids and values of {@code signal}: text that prints on one line and survives a round trip through UTF-8. */
public final class PlainText {
    private PlainText() {}

    /** Whether a text has neither a control character nor half of a surrogate pair, which UTF-8 cannot represent. */
    public static boolean isValid(String text) {
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (Character.isISOControl(c)) {
                return false;
            }
            if (Character.isSurrogate(c)) {
                boolean pair = i + 1 < text.length() && Character.isSurrogatePair(c, text.charAt(i + 1));
                if (!pair) {
                    return false;
                }
                i++;
            }
        }
        return true;
    }
}
