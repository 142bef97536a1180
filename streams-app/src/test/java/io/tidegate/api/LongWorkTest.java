package io.tidegate.api;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tidegate.admin.AdminException;
import io.tidegate.http.Problem;
import io.tidegate.signal.SchemaUnavailableException;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
final class LongWorkTest {
    private static Problem.Kind kind(Throwable failure) {
        return ((Problem) failure).kind();
    }

    @Test
    void isRejectedIfTheMaximumIsAlreadyRunning() throws Exception {
        CountDownLatch begun = new CountDownLatch(LongWork.AT_A_TIME);
        CountDownLatch release = new CountDownLatch(1);
        try (LongWork work = new LongWork()) {
            CompletableFuture<?>[] running = new CompletableFuture<?>[LongWork.AT_A_TIME];
            for (int i = 0; i < running.length; i++) {
                running[i] = CompletableFuture.supplyAsync(
                        () -> {
                            try {
                                return work.run(() -> {
                                    begun.countDown();
                                    release.await();
                                    return "done";
                                });
                            } catch (InterruptedException e) {
                                throw new AssertionError(e);
                            }
                        },
                        task -> new Thread(task).start());
            }
            begun.await();

            assertThatThrownBy(() -> work.run(() -> "more"))
                    .satisfies(failure -> assertThat(kind(failure)).isEqualTo(Problem.Kind.BUSY));

            release.countDown();
            for (CompletableFuture<?> one : running) {
                assertThat(one.join()).isEqualTo("done");
            }
        }
    }

    @Test
    void isEndedWhenItTakesTooLongAndItsPlaceIsFree() throws Exception {
        try (LongWork work = new LongWork(Duration.ofMillis(50))) {
            CountDownLatch ended = new CountDownLatch(LongWork.AT_A_TIME);
            for (int i = 0; i < LongWork.AT_A_TIME; i++) {
                assertThatThrownBy(() -> work.run(() -> {
                            try {
                                return new CountDownLatch(1).await(1, java.util.concurrent.TimeUnit.MINUTES);
                            } finally {
                                ended.countDown();
                            }
                        }))
                        .satisfies(failure -> {
                            assertThat(kind(failure)).isEqualTo(Problem.Kind.TIMED_OUT);
                            assertThat(((Problem) failure).reply().headers()).containsKey("Retry-After");
                        });
            }
            ended.await();
        }
    }

    @Test
    void namesKafkaAsTheCause() {
        try (LongWork work = new LongWork()) {
            assertThatThrownBy(() -> work.run(() -> {
                        throw new AdminException("no broker answers");
                    }))
                    .hasMessage("no broker answers")
                    .satisfies(failure -> assertThat(kind(failure)).isEqualTo(Problem.Kind.KAFKA_UNAVAILABLE));
        }
    }

    @Test
    void namesTheSchemaRegistryAsTheCause() {
        try (LongWork work = new LongWork()) {
            assertThatThrownBy(() -> work.run(() -> {
                        throw new SchemaUnavailableException("the registry does not answer");
                    }))
                    .hasMessage("the registry does not answer")
                    .satisfies(
                            failure -> assertThat(kind(failure)).isEqualTo(Problem.Kind.SCHEMA_REGISTRY_UNAVAILABLE));
        }
    }
}
