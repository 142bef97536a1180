package io.tidegate.cli;

import java.io.PrintWriter;
import java.time.Duration;
import java.util.function.LongSupplier;

/** Shows the progress of long work on stderr: a line that is rewritten on a terminal, otherwise a line from time to time. */
public final class Progress {
    private static final Duration ON_TERMINAL = Duration.ofMillis(200);
    private static final Duration ELSEWHERE = Duration.ofSeconds(5);

    private final PrintWriter err;
    private final String doing;
    private final boolean terminal = isTerminal();
    private final LongSupplier nanoClock;
    private long nextNanos;
    private long bytes;
    private boolean written;

    public Progress(PrintWriter err, String doing) {
        this(err, doing, System::nanoTime);
    }

    Progress(PrintWriter err, String doing, LongSupplier nanoClock) {
        this.err = err;
        this.doing = doing;
        this.nanoClock = nanoClock;
        nextNanos = nanoClock.getAsLong() + interval().toNanos();
    }

    /** Returns whether stderr is a terminal. The launcher determines this, because Java 17 cannot. */
    static boolean isTerminal() {
        return "1".equals(System.getProperty("tidegate.tty"));
    }

    private Duration interval() {
        return terminal ? ON_TERMINAL : ELSEWHERE;
    }

    void bytes(long more) {
        bytes += more;
        show("%s: %s".formatted(doing, Amounts.size(bytes)));
    }

    /** Shows a state from time to time. */
    void show(String text) {
        long now = nanoClock.getAsLong();
        if (now - nextNanos < 0) {
            return;
        }
        nextNanos = now + interval().toNanos();
        if (terminal) {
            err.print("\r\u001b[K" + text);
        } else {
            err.println(text);
        }
        err.flush();
        written = true;
    }

    /** Returns a progress bar for {@code done} out of 1. */
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
