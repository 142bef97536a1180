package io.tidegate.cli;

import java.io.PrintWriter;
import java.time.Duration;

/** Progress of long work on stderr: a line that is rewritten on a terminal, a line now and then elsewhere. */
public final class Progress {
    private static final Duration ON_TERMINAL = Duration.ofMillis(200);
    private static final Duration ELSEWHERE = Duration.ofSeconds(5);

    private final PrintWriter err;
    private final String doing;
    private final boolean terminal = isTerminal();
    private long nextNanos = System.nanoTime() + ON_TERMINAL.toNanos();
    private long bytes;
    private boolean written;

    public Progress(PrintWriter err, String doing) {
        this.err = err;
        this.doing = doing;
    }

    /** Whether a person is looking at stderr; the launcher knows, Java 17 does not. */
    static boolean isTerminal() {
        return "1".equals(System.getProperty("tidegate.tty"));
    }

    void bytes(long more) {
        bytes += more;
        show("%s: %s".formatted(doing, Amounts.size(bytes)));
    }

    /** Shows a state now and then. */
    void show(String text) {
        long now = System.nanoTime();
        if (now - nextNanos < 0) {
            return;
        }
        nextNanos = now + (terminal ? ON_TERMINAL : ELSEWHERE).toNanos();
        if (terminal) {
            err.print("\r\u001b[K" + text);
        } else {
            err.println(text);
        }
        err.flush();
        written = true;
    }

    /** A bar for {@code done} of 1. */
    static String bar(double done) {
        int width = 30;
        int filled = (int) Math.round(Math.max(0, Math.min(1, done)) * width);
        return "[" + "#".repeat(filled) + "-".repeat(width - filled) + "]";
    }

    void done() {
        if (written && terminal) {
            err.print("\r\u001b[K");
            err.flush();
        }
    }
}
