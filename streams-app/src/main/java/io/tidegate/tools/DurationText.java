package io.tidegate.tools;

import java.time.Duration;

/** A duration for people: {@code 490d4h}, {@code 3h42m14s}, {@code 1.5s}, {@code 33ms}. */
public final class DurationText {
    private static final long SECOND_MS = 1000;
    private static final long MINUTE_MS = 60_000;

    private DurationText() {}

    /** Returns the text. From a minute on it is rounded up to whole seconds: a delay that a text names is long enough. */
    public static String of(long ms) {
        if (ms < SECOND_MS) {
            return ms + "ms";
        }
        if (ms < MINUTE_MS) {
            String seconds = "%d.%03d".formatted(ms / SECOND_MS, ms % SECOND_MS);
            return seconds.replaceFirst("\\.?0+$", "") + "s";
        }
        Duration duration = Duration.ofSeconds((ms + SECOND_MS - 1) / SECOND_MS);
        return part(duration.toDays(), "d")
                + part(duration.toHoursPart(), "h")
                + part(duration.toMinutesPart(), "m")
                + part(duration.toSecondsPart(), "s");
    }

    private static String part(long amount, String unit) {
        return amount == 0 ? "" : amount + unit;
    }
}
