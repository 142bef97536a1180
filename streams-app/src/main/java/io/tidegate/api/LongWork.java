package io.tidegate.api;

import io.tidegate.admin.AdminException;
import io.tidegate.http.Access.Principal;
import io.tidegate.http.Problem;
import io.tidegate.signal.SchemaUnavailableException;
import java.time.Duration;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.FutureTask;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.apache.kafka.common.KafkaException;

/**
 * Work that reads whole topics or waits for another instance: few at a time, none queued, and each with a deadline. So it
 * occupies only some of the work threads, and never for long. The places are shared between principals. Thread-safe.
 */
final class LongWork implements AutoCloseable {
    /** Shorter than the idle timeout of a connection. */
    static final Duration WITHIN = Duration.ofSeconds(20);

    private static final int RETRY_AFTER_S = 5;

    private final Places places;
    private final Duration within;

    /** Grows as needed: the places bound the number of threads. */
    private final ExecutorService threads = Executors.newCachedThreadPool(task -> {
        Thread thread = new Thread(task, "tidegate-http-long");
        thread.setDaemon(true);
        return thread;
    });

    LongWork(int atATime) {
        this(atATime, WITHIN);
    }

    LongWork(int atATime, Duration within) {
        places = new Places(atATime, "long requests", RETRY_AFTER_S);
        this.within = within;
    }

    /**
     * Runs the work and waits for its result.
     *
     * @throws Problem if too much work is running, of this principal or in total, if it takes too long and is ended, or if
     *     Kafka or the schema registry prevents it
     */
    <T> T run(Principal principal, Callable<T> work) throws InterruptedException {
        FutureTask<T> done = start(places.take(principal), work);
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

    /** Keeps the place until the work has really ended, which can be after its deadline. */
    private <T> FutureTask<T> start(Places.Place place, Callable<T> work) {
        FutureTask<T> task = new FutureTask<>(() -> {
            try {
                return work.call();
            } finally {
                // Before the result is there: the same client may send its next request at once.
                place.release();
            }
        });
        try {
            threads.execute(() -> {
                task.run();
                place.release(); // the task was cancelled before it began
            });
        } catch (RejectedExecutionException e) {
            place.release();
            throw Problem.retryLater(Problem.Kind.STARTING, "the instance is stopping", RETRY_AFTER_S);
        }
        return task;
    }

    @Override
    public void close() {
        threads.shutdownNow();
    }
}
