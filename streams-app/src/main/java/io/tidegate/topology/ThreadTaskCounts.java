package io.tidegate.topology;

import java.util.concurrent.atomic.AtomicInteger;

/** Counts the tasks with a WAL on each thread. One object per topology; thread-safe. */
final class ThreadTaskCounts {
    private final ThreadLocal<AtomicInteger> tasks = ThreadLocal.withInitial(AtomicInteger::new);

    AtomicInteger tasks() {
        return tasks.get();
    }
}
