package io.tidegate.streams;

import java.util.ArrayList;
import java.util.List;
import java.util.function.IntToLongFunction;

/**
 * The work of stages after a commit. It runs on the thread whose transaction was committed, before anything else. If
 * the outcome of a commit is unknown, no work runs, and the thread ends. One object per instance. Thread-safe.
 */
public final class AfterCommit {
    /** The offset of a partition in which no record was acknowledged. */
    public static final long NONE = -1;

    /** Work of one stage. Owned by the stage's thread. */
    @FunctionalInterface
    public interface Work {
        /**
         * Runs the work.
         *
         * @param lastOffsets returns the offset of the last record that this thread's transactions have written to a
         *     partition of {@code signals-accepted}; {@link #NONE} if there is none
         */
        void run(IntToLongFunction lastOffsets);
    }

    private static final class OfThread {
        final List<Work> works = new ArrayList<>();
        boolean transactionIsOpen;
    }

    private final ThreadLocal<OfThread> ofThread = ThreadLocal.withInitial(OfThread::new);
    private final Runnable before;
    private final Runnable after;

    public AfterCommit() {
        this(() -> {}, () -> {});
    }

    /**
     * Creates an object with hooks, for tests of failures at these points.
     *
     * @param before run when a transaction is committed, before all work
     * @param after run after all work is done
     */
    public AfterCommit(Runnable before, Runnable after) {
        this.before = before;
        this.after = after;
    }

    /** Adds the work of a stage of the current thread. */
    public void add(Work work) {
        ofThread.get().works.add(work);
    }

    /** Removes the work of a closed stage, which is not run any more. */
    public void remove(Work work) {
        ofThread.get().works.remove(work);
    }

    /**
     * Whether the current thread has begun a transaction and not ended it. The brokers abort a transaction that stays
     * open for too long, so a stage must not wait for a disk then.
     */
    public boolean isTransactionOpen() {
        return ofThread.get().transactionIsOpen;
    }

    /** Notes that the current thread begins or ends a transaction. */
    void transactionIsOpen(boolean open) {
        ofThread.get().transactionIsOpen = open;
    }

    /**
     * Runs all work of the current thread, even if some of it fails.
     *
     * @throws RuntimeException the first failure, with the others suppressed
     */
    void run(IntToLongFunction lastOffsets) {
        before.run();
        RuntimeException failure = null;
        for (Work work : ofThread.get().works) {
            try {
                work.run(lastOffsets);
            } catch (RuntimeException e) {
                if (failure == null) {
                    failure = e;
                } else {
                    failure.addSuppressed(e);
                }
            }
        }
        if (failure != null) {
            throw failure;
        }
        after.run();
    }
}
