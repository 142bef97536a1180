package io.tidegate.topologytests.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidegate.topologytests.support.TidegateProcess;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The demo as a newcomer runs it. */
@Timeout(value = 15, unit = TimeUnit.MINUTES)
@Tag("long")
final class DemoTest {
    @TempDir
    private Path temp;

    @Test
    void endsWithTheCauseIfItsBrokerEnds() throws Exception {
        Path dir = temp.resolve("demo");
        var demo = CompletableFuture.supplyAsync(() -> {
            try {
                return TidegateProcess.command(
                        temp, "demo", "--duration", "60m", "--http-port", "0", "--data-dir", dir.toString());
            } catch (Exception e) {
                throw new AssertionError(e);
            }
        });
        TidegateProcess.await(
                Duration.ofMinutes(5),
                "the first signals in the WAL",
                () -> "",
                () -> demo.isDone() || Files.isDirectory(dir.resolve("data/tenants/1/wal")));

        List<ProcessHandle> brokers = ProcessHandle.current()
                .children()
                .flatMap(ProcessHandle::children)
                .toList();
        assertThat(brokers).as("the broker of the demo").hasSize(1);
        brokers.get(0).destroyForcibly();

        TidegateProcess.Result result = demo.get(10, TimeUnit.MINUTES);
        assertThat(result.exit()).as(result.err()).isEqualTo(1);
        assertThat(result.err()).contains("the broker ended with 137; the end of its log:");
    }
}
