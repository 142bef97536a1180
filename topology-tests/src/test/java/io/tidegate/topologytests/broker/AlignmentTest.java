package io.tidegate.topologytests.broker;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidegate.topologytests.support.BrokerCluster;
import io.tidegate.topologytests.support.Deployment;
import io.tidegate.topologytests.support.TidegateProcess;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** While a backlog is read, no partition is ahead of another one by more than {@code lateness.max.ms}. */
@Timeout(value = 15, unit = TimeUnit.MINUTES)
@Tag("long")
final class AlignmentTest {
    private static final int PARTITIONS = 8;
    private static final long LATENESS_MAX_MS = 60_000;
    private static final Duration OUTAGE = Duration.ofMinutes(5);

    /** Far longer than the configured wait, and shorter than the session. */
    private static final Duration WAITS_WITHIN = Duration.ofMinutes(4);

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

    private void unlimited(Deployment app, String... tenants) throws Exception {
        for (String tenant : tenants) {
            app.set(tenant, "--rate", "1000000/s", "--burst", "1000000");
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"streams", "classic"})
    void aBacklogOverAllPartitionsIsReadWithinTheSkew(String protocol) throws Exception {
        try (Deployment app = deployment("backlog-" + protocol)) {
            Backlog backlog = Backlog.create(app, PARTITIONS);
            unlimited(app, "42");
            backlog.send("42", System.currentTimeMillis() - OUTAGE.toMillis(), OUTAGE, 90);
            app.start("a", "--set", "group.protocol=" + protocol);
            Backlog.Outcome outcome = backlog.await();
            assertThat(outcome.accepted()).isEqualTo(OUTAGE.toSeconds() * 90);
            assertThat(outcome.skewMs()).isLessThanOrEqualTo(LATENESS_MAX_MS);
        }
    }

    /** Partition 0 has five times the data, tenant 7 writes to partition 1 only, and partition 2 is empty. */
    @Test
    void twoInstancesReadUnevenPartitionsWithinTheSkew() throws Exception {
        try (Deployment app = deployment("uneven")) {
            Backlog backlog = Backlog.create(app, PARTITIONS);
            unlimited(app, "42", "7");
            long fromMs = System.currentTimeMillis() - OUTAGE.toMillis();
            int others = PARTITIONS - 3;
            backlog.send(
                    fromMs,
                    OUTAGE,
                    new Backlog.Load("42", 60, i -> i % 2 == 0 ? 0 : 3 + (int) (i / 2 % others)),
                    new Backlog.Load("7", 10, i -> 1));
            app.launch("b");
            app.start("a");
            Backlog.Outcome outcome = backlog.await();
            assertThat(outcome.accepted()).isEqualTo(OUTAGE.toSeconds() * 70);
            assertThat(outcome.skewMs()).isLessThanOrEqualTo(LATENESS_MAX_MS);
        }
    }

    /** The session is longer than the test, so no instance takes over the frozen instance's tasks. */
    @Test
    void aFrozenInstanceDelaysTheOthersForTheLongestWaitOnly() throws Exception {
        try (Deployment app = new Deployment(
                cluster.bootstrapServers(),
                "frozen",
                temp,
                "signals.require.log.append.time=false",
                "group.protocol=classic",
                "session.timeout.ms=600000",
                "alignment.wait.max.ms=5000")) {
            Backlog backlog = Backlog.create(app, 2);
            unlimited(app, "42");
            TidegateProcess frozen = app.start("a");
            app.start("b");
            // Once both instances have read something, each owns one of the two partitions.
            long fromMs = System.currentTimeMillis() - OUTAGE.toMillis();
            backlog.send("42", fromMs, Duration.ofSeconds(1), 10);
            backlog.await();
            frozen.signal("STOP");
            try {
                backlog.send("42", fromMs + 1_000, OUTAGE.minusSeconds(1), 10);
                TidegateProcess.await(
                        WAITS_WITHIN,
                        "one partition to be read",
                        app::logs,
                        () -> backlog.read().size() == 1);
            } finally {
                frozen.signal("CONT");
            }
            assertThat(backlog.await().accepted()).isEqualTo(OUTAGE.toSeconds() * 10);
        }
    }
}
