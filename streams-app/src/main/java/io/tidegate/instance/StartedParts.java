package io.tidegate.instance;

import java.util.ArrayDeque;
import java.util.Deque;

/**
 * The parts of an instance that were started so far. Closes all of them in reverse order, even if some fail: both after a
 * failed start and at the end. Not thread-safe.
 */
final class StartedParts implements AutoCloseable {
    private final Deque<AutoCloseable> parts = new ArrayDeque<>();

    /** Adds a part; the last one added is closed first. */
    <T extends AutoCloseable> T add(T part) {
        parts.push(part);
        return part;
    }

    /** Marks a part to be closed before all others, although it was started before them. */
    void closeFirst(AutoCloseable part) {
        if (!parts.remove(part)) {
            throw new IllegalArgumentException("not a started part: " + part);
        }
        parts.push(part);
    }

    /** Closes the parts because of a failure, and adds further failures to it as suppressed ones. */
    void closeAfter(Throwable failure) {
        while (!parts.isEmpty()) {
            try {
                parts.pop().close();
            } catch (Exception e) {
                failure.addSuppressed(e);
            }
        }
    }

    /** @throws IllegalStateException if a part could not be closed; the others are closed */
    @Override
    public void close() {
        IllegalStateException failure = new IllegalStateException("some parts could not be closed");
        closeAfter(failure);
        if (failure.getSuppressed().length > 0) {
            throw failure;
        }
    }
}
