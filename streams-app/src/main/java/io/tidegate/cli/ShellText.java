package io.tidegate.cli;

import java.nio.file.Path;

/** Text of commands that a person can paste into a shell. */
final class ShellText {
    private ShellText() {}

    /** As a shell needs it. */
    static String quoted(Path path) {
        String text = path.toString();
        return text.matches("[\\w/.,:@+-]+") ? text : "'" + text.replace("'", "'\\''") + "'";
    }
}
