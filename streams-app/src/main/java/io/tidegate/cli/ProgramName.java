package io.tidegate.cli;

import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The name by which the user calls this program: {@code ./tidegate} in a checkout, {@code tidegate} otherwise. */
final class ProgramName {
    private static final String PROGRAM = "tidegate";

    /** The launcher of a checkout sets this; that of the package is in the PATH. */
    private static final String NAME = System.getProperty("tidegate.command", PROGRAM);

    private static final Pattern COMMANDS = Pattern.compile(
            "(?<![\\w./-])" + PROGRAM
                    + "(?= (?:completion|config|demo|doctor|help|init|load|plans|rejections|reset|run|signals|status|tenants|usage|verify|wal)\\b)");

    private ProgramName() {}

    static String get() {
        return NAME;
    }

    /** Returns a message whose commands can be pasted into the user's terminal. */
    static String pasteable(String message) {
        return pasteable(message, NAME);
    }

    static String pasteable(String message, String name) {
        return name.equals(PROGRAM) ? message : COMMANDS.matcher(message).replaceAll(Matcher.quoteReplacement(name));
    }
}
