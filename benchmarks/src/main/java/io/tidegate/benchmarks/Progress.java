package io.tidegate.benchmarks;

import java.time.Duration;
import java.util.function.Supplier;

/** Progress on stderr: one line that is rewritten on a terminal, or otherwise a line from time to time. */
public final class Progress {
    private static final boolean TERMINAL = "1".equals(System.getProperty("tidegate.tty"));
    private static final long INTERVAL_NANOS = (TERMINAL ? Duration.ofMillis(500) : Duration.ofSeconds(10)).toNanos();

    private final long deadlineNanos;
    private String step = "";
    private long shownNanos = System.nanoTime();

    /** @param within the time after which no new step should begin */
    public Progress(Duration within) {
        deadlineNanos = System.nanoTime() + within.toNanos();
    }

    boolean isOver() {
        return System.nanoTime() - deadlineNanos > 0;
    }

    /** Begins a step, such as {@code 3 of 40}. Its name precedes all following output. */
    void step(String begun) {
        step = begun;
    }

    /** Shows a state from time to time. */
    void show(Supplier<String> text) {
        long now = System.nanoTime();
        if (now - shownNanos < INTERVAL_NANOS) {
            return;
        }
        shownNanos = now;
        Duration left = Duration.ofNanos(Math.max(0, deadlineNanos - now));
        String line = "%s %s (ends in %d min at the latest)".formatted(step, text.get(), left.toMinutes() + 1);
        if (TERMINAL) {
            System.err.print("\r\u001b[K" + line);
        } else {
            System.err.println(line);
        }
    }

    /** Prints a result. */
    void say(String text) {
        System.err.println(TERMINAL ? "\r\u001b[K" + text : text);
    }
}
