package io.tidegate.http;

import io.tidegate.http.Access.Principal;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Iterator;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * The threads that answer requests that may block. Both the threads and their queue are {@linkplain Shares shared}: a request
 * whose principal has used up its share of threads stays in the queue, and later requests overtake it. Thread-safe.
 */
final class Workers implements AutoCloseable {
    static final int THREADS = 8;
    static final int WAITING_MAX = 64;

    private record Task(Principal principal, Runnable work) {}

    private final Shares threads = new Shares(THREADS);
    private final Shares places = new Shares(WAITING_MAX);
    private final Deque<Task> waiting = new ArrayDeque<>();
    private final ExecutorService executor;
    private boolean closed;

    Workers() {
        // No more tasks are submitted than there are threads, so the executor's own queue stays empty.
        ThreadPoolExecutor pool = new ThreadPoolExecutor(
                THREADS, THREADS, 1, TimeUnit.MINUTES, new LinkedBlockingQueue<>(THREADS), task -> {
                    Thread thread = new Thread(task, "tidegate-http-work");
                    thread.setDaemon(true);
                    return thread;
                });
        pool.allowCoreThreadTimeOut(true);
        executor = pool;
    }

    /**
     * Runs work as soon as the principal's share allows it.
     *
     * @throws Problem if the maximum number of its requests is already waiting
     */
    void execute(Principal principal, Runnable work) {
        synchronized (this) {
            if (closed) {
                throw Problem.retryLater(Problem.Kind.STARTING, "the instance is stopping", 2);
            }
            if (threads.take(principal)) {
                start(new Task(principal, work));
                return;
            }
            if (places.take(principal)) {
                waiting.addLast(new Task(principal, work));
                return;
            }
        }
        throw Problem.retryLater(
                Problem.Kind.BUSY,
                "too many requests are waiting; at most %d of one token, and %d in total, may wait"
                        .formatted(places.of(principal), WAITING_MAX),
                1);
    }

    private void start(Task task) {
        executor.execute(() -> {
            try {
                task.work().run();
            } finally {
                finished(task.principal());
            }
        });
    }

    private synchronized void finished(Principal principal) {
        threads.release(principal);
        Task next = closed ? null : next();
        if (next != null) {
            places.release(next.principal());
            start(next);
        }
    }

    /** Takes the first task in the queue whose principal may have another thread. */
    private @Nullable Task next() {
        for (Iterator<Task> tasks = waiting.iterator(); tasks.hasNext(); ) {
            Task task = tasks.next();
            if (threads.take(task.principal())) {
                tasks.remove();
                return task;
            }
        }
        return null;
    }

    @Override
    public synchronized void close() {
        closed = true;
        executor.shutdownNow();
    }
}
