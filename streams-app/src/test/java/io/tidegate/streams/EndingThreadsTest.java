package io.tidegate.streams;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(value = 15, unit = TimeUnit.MINUTES)
class EndingThreadsTest {
    private static final String STREAM_THREAD = "ending-test-StreamThread-1";
    private static final String STATE_UPDATER = "ending-test-StateUpdater-1";

    private final CountDownLatch end = new CountDownLatch(1);

    @AfterEach
    void endAll() {
        end.countDown();
    }

    private Thread start(String name, Runnable work) {
        Thread thread = new Thread(work, name);
        thread.setDaemon(true);
        thread.start();
        while (thread.getState() != Thread.State.WAITING) {
            LockSupport.parkNanos(1_000_000);
        }
        return thread;
    }

    private void awaitEnd() {
        try {
            end.await();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** Has the name of the method in which a stream thread of Kafka waits. */
    private void waitForFuture() {
        awaitEnd();
    }

    @Test
    void aThreadThatWaitsForADeadOneIsStuck() {
        Thread waiting = start(STREAM_THREAD, this::waitForFuture);

        assertThat(KafkaInternals.waitsForDeadStateUpdater(waiting)).isTrue();
    }

    @Test
    void aThreadWhoseStateUpdaterLivesIsNot() {
        Thread waiting = start(STREAM_THREAD, this::waitForFuture);
        start(STATE_UPDATER, this::awaitEnd);

        assertThat(KafkaInternals.waitsForDeadStateUpdater(waiting)).isFalse();
    }

    @Test
    void aThreadThatClosesItsStoresIsNot() {
        Thread closing = start(STREAM_THREAD, this::awaitEnd);

        assertThat(KafkaInternals.waitsForDeadStateUpdater(closing)).isFalse();
    }

    @Test
    void aThreadHasSomeTimeToEnd() {
        EndingThreads threads = new EndingThreads(thread -> true);
        Thread waiting = start(STREAM_THREAD, this::awaitEnd);
        long limit = EndingThreads.ENDS_WITHIN.toNanos();

        assertThat(threads.stuck(limit)).isNull();
        threads.failed(waiting, 0);
        assertThat(threads.stuck(limit - 1)).isNull();
        assertThat(threads.stuck(limit)).isSameAs(waiting);
    }

    @Test
    void aThreadThatHasEndedIsForgotten() throws InterruptedException {
        EndingThreads threads = new EndingThreads(thread -> true);
        Thread ending = start(STREAM_THREAD, this::awaitEnd);
        threads.failed(ending, 0);
        end.countDown();
        ending.join();

        assertThat(threads.stuck(EndingThreads.ENDS_WITHIN.toNanos())).isNull();
    }
}
