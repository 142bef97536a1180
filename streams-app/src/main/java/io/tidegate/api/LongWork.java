package io.tidegate.api;

import io.tidegate.admin.AdminException;
import io.tidegate.http.Problem;
import io.tidegate.signal.SchemaUnavailableException;
import java.time.Duration;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.SynchronousQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.apache.kafka.common.KafkaException;

/**
 * Work that reads whole topics or waits for another instance: few at a time, none queued, and each with a deadline. So it
 * occupies only some of the work threads, and never for long. Thread-safe.
 */
final class LongWork implements AutoCloseable {
    static final int AT_A_TIME = 2;

    /** Shorter than the idle time-out of a connection. */
    static final Duration WITHIN = Duration.ofSeconds(20);

    private static final int RETRY_AFTER_S = 5;

    private final Duration within;
    private final ThreadPoolExecutor threads;

    LongWork() {
        this(WITHIN);
    }

    LongWork(Duration within) {
        this.within = within;
        threads = new ThreadPoolExecutor(0, AT_A_TIME, 1, TimeUnit.MINUTES, new SynchronousQueue<>(), task -> {
            Thread thread = new Thread(task, "tidegate-http-long");
            thread.setDaemon(true);
            return thread;
        });
    }

    /**
     * Runs the work and waits for its result.
     *
     * @throws Problem if too much work is running, if it takes too long and is ended, or if Kafka or the schema registry
     *     prevents it
     */
    <T> T run(Callable<T> work) throws InterruptedException {
        Future<T> done;
        try {
            done = threads.submit(work);
        } catch (RejectedExecutionException e) {
            throw Problem.retryLater(
                    Problem.Kind.BUSY, "%d long requests are already running".formatted(AT_A_TIME), RETRY_AFTER_S);
        }
        try {
            return done.get(within.toMillis(), TimeUnit.MILLISECONDS);
        } catch (TimeoutException e) {
            throw Problem.retryLater(
                    Problem.Kind.TIMED_OUT,
                    "the request did not complete within %d s; the command line waits longer"
                            .formatted(within.toSeconds()),
                    RETRY_AFTER_S);
        } catch (ExecutionException e) {
            if (e.getCause() instanceof AdminException || e.getCause() instanceof KafkaException) {
                throw Problem.retryLater(
                        Problem.Kind.KAFKA_UNAVAILABLE,
                        String.valueOf(e.getCause().getMessage()),
                        RETRY_AFTER_S);
            }
            if (e.getCause() instanceof SchemaUnavailableException unavailable) {
                throw Problem.retryLater(
                        Problem.Kind.SCHEMA_REGISTRY_UNAVAILABLE,
                        String.valueOf(unavailable.getMessage()),
                        RETRY_AFTER_S);
            }
            if (e.getCause() instanceof RuntimeException failure) {
                throw failure;
            }
            throw new IllegalStateException(e.getCause());
        } finally {
            done.cancel(true);
        }
    }

    @Override
    public void close() {
        threads.shutdownNow();
    }
}
