package io.tidegate.streams;

import java.util.ArrayList;
import java.util.List;
import java.util.function.IntToLongFunction;

/**
 * What stages do once a transaction of their thread is committed, on the same thread, before it does anything else. If the
 * outcome of a commit is unknown, nothing is run, and the thread ends. One object per instance. Thread-safe.
 */
public final class AfterCommit {
    /** An offset for a partition in which nothing was acknowledged. */
    public static final long NONE = -1;

    /** Work of one stage. Owned by the stage's thread. */
    @FunctionalInterface
    public interface Work {
        /**
         * Runs the work.
         *
         * @param lastOffsets the offset of the last record of {@code signals-accepted} that this thread's transactions have
         *     written to a partition; {@link #NONE} if there is none
         */
        void run(IntToLongFunction lastOffsets);
    }

    private final ThreadLocal<List<Work>> ofThread = ThreadLocal.withInitial(ArrayList::new);
    private final Runnable before;
    private final Runnable after;

    public AfterCommit() {
        this(() -> {}, () -> {});
    }

    /**
     * For tests of what can happen in these moments.
     *
     * @param before run when a transaction is committed and no work has begun
     * @param after run when all work is done
     */
    public AfterCommit(Runnable before, Runnable after) {
        this.before = before;
        this.after = after;
    }

    /** Adds work of a stage of the current thread. */
    public void add(Work work) {
        ofThread.get().add(work);
    }

    /** Removes work of a stage that is closed, which does not run any more. */
    public void remove(Work work) {
        ofThread.get().remove(work);
    }

    /**
     * Runs all work of the current thread, whichever fails.
     *
     * @throws RuntimeException the first failure; the others are suppressed by it
     */
    void run(IntToLongFunction lastOffsets) {
        before.run();
        RuntimeException failure = null;
        for (Work work : ofThread.get()) {
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
