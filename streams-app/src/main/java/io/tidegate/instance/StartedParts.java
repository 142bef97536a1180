package io.tidegate.instance;

import java.util.ArrayDeque;
import java.util.Deque;

/**
 * The parts of an instance that were started so far. Closes them in reverse order, all of them, whichever fails: after a start
 * that fails half-way as well as at the end. Not thread-safe.
 */
final class StartedParts implements AutoCloseable {
    private final Deque<AutoCloseable> parts = new ArrayDeque<>();

    /** Takes a part over; the part that is added last is closed first. */
    <T extends AutoCloseable> T add(T part) {
        parts.push(part);
        return part;
    }

    /** Closes a part before all others, although it was started before them. */
    void closeFirst(AutoCloseable part) {
        if (!parts.remove(part)) {
            throw new IllegalArgumentException("not a started part: " + part);
        }
        parts.push(part);
    }

    /** Closes the parts because of a failure; what goes wrong meanwhile is suppressed by it. */
    void closeAfter(Throwable failure) {
        while (!parts.isEmpty()) {
            try {
                parts.pop().close();
            } catch (Exception e) {
                failure.addSuppressed(e);
            }
        }
    }

    /** @throws IllegalStateException if a part could not be closed; all others are closed */
    @Override
    public void close() {
        IllegalStateException failure = new IllegalStateException("not everything could be closed");
        closeAfter(failure);
        if (failure.getSuppressed().length > 0) {
            throw failure;
        }
    }
}
