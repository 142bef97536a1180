package io.tidegate.http;

import io.tidegate.http.Access.Principal;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Iterator;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;

/**
 * The threads that answer requests that may block. Both the threads and their queue are {@linkplain Shares shared}: a request
 * whose principal has used up its share of threads stays in the queue, and later requests overtake it. So do those that need
 * no other system, such as {@code /metrics}, when half of the threads wait for one. Thread-safe.
 */
final class Workers implements AutoCloseable {
    static final int THREADS = 8;
    static final int SLOW_MAX = THREADS / 2;
    static final int WAITING_MAX = 64;

    /** @param slow whether the work waits for another system, such as Kafka */
    private record Task(Principal principal, boolean slow, Runnable work) {}

    private final Shares threads = new Shares(THREADS);
    private final Shares places = new Shares(WAITING_MAX);
    private final Deque<Task> waiting = new ArrayDeque<>();
    private final ExecutorService executor;
    private int slow;
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
     * @param waits whether the work waits for another system, such as Kafka
     * @throws Problem if the maximum number of its requests is already waiting
     */
    void execute(Principal principal, boolean waits, Runnable work) {
        Task task = new Task(principal, waits, work);
        synchronized (this) {
            if (closed) {
                throw Problem.retryLater(Problem.Kind.STARTING, "the instance is stopping", 2);
            }
            if (takesThread(task)) {
                start(task);
                return;
            }
            if (places.take(principal)) {
                waiting.addLast(task);
                return;
            }
        }
        throw Problem.retryLater(
                Problem.Kind.BUSY,
                "too many requests are waiting; at most %d of one token, and %d in total, may wait"
                        .formatted(places.of(principal), WAITING_MAX),
                1);
    }

    private boolean takesThread(Task task) {
        if ((task.slow() && slow >= SLOW_MAX) || !threads.take(task.principal())) {
            return false;
        }
        slow += task.slow() ? 1 : 0;
        return true;
    }

    private void start(Task task) {
        executor.execute(() -> {
            try {
                task.work().run();
            } finally {
                finished(task);
            }
        });
    }

    private synchronized void finished(Task task) {
        threads.release(task.principal());
        slow -= task.slow() ? 1 : 0;
        for (Iterator<Task> tasks = waiting.iterator(); tasks.hasNext() && !closed; ) {
            Task next = tasks.next();
            if (takesThread(next)) {
                tasks.remove();
                places.release(next.principal());
                start(next);
            }
        }
    }

    @Override
    public synchronized void close() {
        closed = true;
        executor.shutdownNow();
    }
}
