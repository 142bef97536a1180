package io.tidegate.topology;

import java.util.concurrent.atomic.AtomicInteger;

/**
 * The memory of one instance for tenants' usage and entities, divided equally among the open tasks.
 *
 * <p>When another task opens, a task shrinks to its new share at its next decision. Thread-safe.
 */
final class MemoryShare {
    private final long totalBytes;
    private final AtomicInteger open = new AtomicInteger();

    MemoryShare(long totalBytes) {
        this.totalBytes = totalBytes;
    }

    void opened() {
        open.incrementAndGet();
    }

    void closed() {
        open.decrementAndGet();
    }

    /** Returns the maximum memory of each open task. */
    long bytes() {
        return totalBytes / Math.max(1, open.get());
    }
}
