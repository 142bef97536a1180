package io.tidegate.admission;

/**
 * The bounds of the history that a bucket keeps to judge late signals exactly.
 *
 * @param latenessMaxMs how much older than the newest signals a signal may be
 * @param entriesMax the maximum number of milliseconds with acceptances per tenant; the oldest are dropped first
 */
public record HistoryBounds(long latenessMaxMs, int entriesMax) {
    public static final long LATENESS_MS_DEFAULT = 60_000;

    /** One minute with an acceptance in every millisecond. */
    public static final int ENTRIES_DEFAULT = 65_536;

    /** Several runs, so that there is always one to drop. */
    public static final int ENTRIES_MIN = 4 * AcceptedRun.ENTRIES_MAX;

    public static final HistoryBounds DEFAULT = new HistoryBounds(LATENESS_MS_DEFAULT, ENTRIES_DEFAULT);

    public HistoryBounds {
        if (latenessMaxMs < 0) {
            throw new IllegalArgumentException("the lateness is negative: " + latenessMaxMs);
        }
        if (entriesMax < ENTRIES_MIN) {
            throw new IllegalArgumentException(
                    "a history of %d entries is too small, the least is %d".formatted(entriesMax, ENTRIES_MIN));
        }
    }
}
