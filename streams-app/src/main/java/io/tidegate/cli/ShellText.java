package io.tidegate.cli;

import java.nio.file.Path;

/** Text for commands that users paste into a shell. */
final class ShellText {
    private ShellText() {}

    /** Quotes a path for a shell. */
    static String quoted(Path path) {
        String text = path.toString();
        return text.matches("[\\w/.,:@+-]+") ? text : "'" + text.replace("'", "'\\''") + "'";
    }
}
