package io.tidegate.api;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tidegate.admin.AdminException;
import io.tidegate.http.Access.Principal;
import io.tidegate.http.Access.Role;
import io.tidegate.http.Problem;
import io.tidegate.signal.SchemaUnavailableException;
import io.tidegate.tenant.TenantId;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(value = 10, unit = TimeUnit.MINUTES)
final class LongWorkTest {
    private static Problem.Kind kind(Throwable failure) {
        return ((Problem) failure).kind();
    }

    private static final Duration PATIENT = Duration.ofMinutes(10);

    private static final Principal TENANT = new Principal("acme", Role.TENANT, TenantId.parse("2"));
    private static final Principal OTHER_TENANT = new Principal("other", Role.TENANT_ADMIN, TenantId.parse("3"));
    private static final Principal READER = new Principal("grafana", Role.READ, null);
    private static final Principal ADMIN = new Principal("root", Role.ADMIN, null);

    /** Requests that run until they are released. */
    private static final class Running implements AutoCloseable {
        private final LongWork work;
        private final CountDownLatch release = new CountDownLatch(1);
        private final List<CompletableFuture<String>> all = new ArrayList<>();

        Running(LongWork work) {
            this.work = work;
        }

        void start(Principal principal) throws InterruptedException {
            CountDownLatch begun = new CountDownLatch(1);
            all.add(CompletableFuture.supplyAsync(
                    () -> {
                        try {
                            return work.run(principal, () -> {
                                begun.countDown();
                                release.await();
                                return "done";
                            });
                        } catch (InterruptedException e) {
                            throw new AssertionError(e);
                        }
                    },
                    task -> new Thread(task).start()));
            begun.await();
        }

        void assertBusy(Principal principal) {
            assertThatThrownBy(() -> work.run(principal, () -> "more"))
                    .satisfies(failure -> assertThat(kind(failure)).isEqualTo(Problem.Kind.BUSY));
        }

        @Override
        public void close() {
            release.countDown();
            for (CompletableFuture<String> one : all) {
                assertThat(one.join()).isEqualTo("done");
            }
        }
    }

    @Test
    void isRejectedIfTheMaximumIsAlreadyRunning() throws Exception {
        try (LongWork work = new LongWork(2, PATIENT);
                Running running = new Running(work)) {
            running.start(ADMIN);
            running.start(ADMIN);
            running.assertBusy(ADMIN);
        }
    }

    @Test
    void oneTokenKeepsNobodyElseOut() throws Exception {
        try (LongWork work = new LongWork(4, PATIENT);
                Running running = new Running(work)) {
            running.start(TENANT);
            running.assertBusy(TENANT);
            running.start(READER);
            running.start(READER);
            running.assertBusy(READER);
            running.assertBusy(OTHER_TENANT);
            running.start(ADMIN);
        }
    }

    @Test
    void aTokenWithOnePlaceSendsItsNextRequestAtOnce() throws Exception {
        try (LongWork work = new LongWork(4, PATIENT)) {
            for (int i = 0; i < 1000; i++) {
                assertThat(work.run(TENANT, () -> "page")).isEqualTo("page");
            }
        }
    }

    @Test
    void isEndedWhenItTakesTooLong() throws Exception {
        CountDownLatch begun = new CountDownLatch(1);
        CountDownLatch ended = new CountDownLatch(1);
        // Work that its thread does not begin in time is ended too, but proves nothing.
        for (long ms = 50; begun.getCount() > 0; ms *= 2) {
            try (LongWork work = new LongWork(2, Duration.ofMillis(ms))) {
                assertThatThrownBy(() -> work.run(ADMIN, () -> {
                            begun.countDown();
                            try {
                                return new CountDownLatch(1).await(10, TimeUnit.MINUTES);
                            } finally {
                                ended.countDown();
                            }
                        }))
                        .satisfies(failure -> {
                            assertThat(kind(failure)).isEqualTo(Problem.Kind.TIMED_OUT);
                            assertThat(((Problem) failure).reply().headers()).containsKey("Retry-After");
                        });
            }
        }
        ended.await();
    }

    /** Work that does not end in time keeps its place: its thread is still in use. */
    @Test
    void thePlaceIsFreeOnceTheWorkHasReallyEnded() throws Exception {
        CountDownLatch release = new CountDownLatch(1);
        CompletableFuture<Thread> thread = new CompletableFuture<>();
        LongWork work;
        long ms = 50;
        do {
            work = new LongWork(4, Duration.ofMillis(ms));
            assertTimedOut(work, () -> {
                thread.complete(Thread.currentThread());
                awaitUninterruptibly(release);
                return "late";
            });
            ms *= 2;
        } while (!thread.isDone()); // Work that does not begin in time leaves its place at once.
        assertWhatIsLeft(work, release, thread);
    }

    private static void assertTimedOut(LongWork work, Callable<String> late) {
        assertThatThrownBy(() -> work.run(TENANT, late))
                .satisfies(failure -> assertThat(kind(failure)).isEqualTo(Problem.Kind.TIMED_OUT));
    }

    private static void assertWhatIsLeft(LongWork work, CountDownLatch release, CompletableFuture<Thread> thread)
            throws InterruptedException {
        try (work) {
            assertThatThrownBy(() -> work.run(TENANT, () -> "more"))
                    .satisfies(failure -> assertThat(kind(failure)).isEqualTo(Problem.Kind.BUSY));
            release.countDown();
        }
        thread.join().join();
        assertThatThrownBy(() -> work.run(TENANT, () -> "more"))
                .as("a place is free, but threads no longer start")
                .satisfies(failure -> assertThat(kind(failure)).isEqualTo(Problem.Kind.STARTING));
    }

    private static void awaitUninterruptibly(CountDownLatch latch) {
        for (; ; ) {
            try {
                latch.await();
                return;
            } catch (InterruptedException e) {
                // the deadline
            }
        }
    }

    @Test
    void namesKafkaAsTheCause() {
        try (LongWork work = new LongWork(2, PATIENT)) {
            assertThatThrownBy(() -> work.run(ADMIN, () -> {
                        throw new AdminException("no broker answers");
                    }))
                    .hasMessage("no broker answers")
                    .satisfies(failure -> assertThat(kind(failure)).isEqualTo(Problem.Kind.KAFKA_UNAVAILABLE));
        }
    }

    @Test
    void namesTheSchemaRegistryAsTheCause() {
        try (LongWork work = new LongWork(2, PATIENT)) {
            assertThatThrownBy(() -> work.run(ADMIN, () -> {
                        throw new SchemaUnavailableException("the registry does not answer");
                    }))
                    .hasMessage("the registry does not answer")
                    .satisfies(
                            failure -> assertThat(kind(failure)).isEqualTo(Problem.Kind.SCHEMA_REGISTRY_UNAVAILABLE));
        }
    }
}
