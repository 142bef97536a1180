package io.tidegate.topology;

import java.util.function.BooleanSupplier;

/**
 * Periodic work that waits for the disk. While a transaction of its thread is open, the work is put off until that is
 * committed: the brokers abort a transaction that a stalled disk keeps open for too long, and all its signals would be
 * decided again. Not thread-safe.
 */
final class BetweenTransactions {
    private final Pace pace;
    private final Runnable work;
    private final BooleanSupplier transactionIsOpen;
    private boolean due;

    BetweenTransactions(Pace pace, Runnable work, BooleanSupplier transactionIsOpen) {
        this.pace = pace;
        this.work = work;
        this.transactionIsOpen = transactionIsOpen;
    }

    /** Runs the work now, or after the commit of the open transaction. */
    void run(long nowMs) {
        due = transactionIsOpen.getAsBoolean();
        if (!due) {
            pace.run(nowMs, work);
        }
    }

    /** Runs the work if it was put off. Must be called after the commit. */
    void committed(long nowMs) {
        if (due) {
            due = false;
            pace.run(nowMs, work);
        }
    }

    /** Cancels work that was put off: the transaction will not be committed. */
    void discard() {
        due = false;
    }
}
