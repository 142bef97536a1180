package io.tidegate.topology;

import java.util.concurrent.atomic.AtomicInteger;

/**
 * The memory of one instance for tenants' usage and entities, in equal parts for the tasks that are open.
 *
 * <p>A task keeps to its part at its next decision after another task has opened. Thread-safe.
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

    /** What each open task may take. */
    long bytes() {
        return totalBytes / Math.max(1, open.get());
    }
}
