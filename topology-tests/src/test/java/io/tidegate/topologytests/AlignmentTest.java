package io.tidegate.topologytests;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.time.Duration;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** However a backlog is read, no partition is read further ahead of the others than {@code lateness.max.ms}. */
@Timeout(value = 3, unit = TimeUnit.MINUTES)
final class AlignmentTest {
    private static final int PARTITIONS = 8;
    private static final long LATENESS_MAX_MS = 60_000;

    @TempDir
    static Path brokerDir;

    @TempDir
    Path temp;

    private static BrokerCluster cluster;

    @BeforeAll
    static void startBroker() throws Exception {
        cluster = BrokerCluster.start(brokerDir, 1);
    }

    @AfterAll
    static void stopBroker() {
        cluster.close();
    }

    private Deployment deployment(String name) {
        return new Deployment(
                cluster.bootstrapServers(),
                name.toLowerCase(Locale.ROOT),
                temp,
                "signals.require.log.append.time=false",
                "threads=2");
    }

    @ParameterizedTest
    @ValueSource(strings = {"streams", "classic"})
    void aBacklogOverAllPartitionsIsReadWithinTheSkew(String protocol) throws Exception {
        try (Deployment app = deployment("backlog-" + protocol)) {
            Backlog backlog = Backlog.create(app, PARTITIONS);
            app.set("42", "--rate", "1000000/s", "--burst", "1000000");
            Duration outage = Duration.ofMinutes(5);
            backlog.send("42", System.currentTimeMillis() - outage.toMillis(), outage, 90);
            app.start("a", "--set", "group.protocol=" + protocol);
            long began = System.nanoTime();
            Backlog.Outcome outcome = backlog.await();
            System.out.println(protocol + " " + outcome + " " + (System.nanoTime() - began) / 1_000_000 + " ms");
            assertThat(outcome.skewMs()).isLessThanOrEqualTo(LATENESS_MAX_MS);
        }
    }
}
