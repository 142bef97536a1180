package io.tidegate.streams;

import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;

/** Executors with one thread that does not keep the process alive. */
final class Daemons {
    private Daemons() {}

    /** @param name of the thread */
    static ScheduledExecutorService one(String name) {
        return Executors.newSingleThreadScheduledExecutor(task -> {
            Thread thread = new Thread(task, name);
            thread.setDaemon(true);
            return thread;
        });
    }
}
