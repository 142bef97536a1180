package io.tidegate.topologytests.faults;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.tidegate.topologytests.support.BrokerCluster;
import io.tidegate.topologytests.support.Deployment;
import io.tidegate.topologytests.support.FaultyInstance;
import io.tidegate.topologytests.support.FaultyInstance.Fault;
import io.tidegate.topologytests.support.FaultyInstance.Moment;
import io.tidegate.topologytests.support.Http;
import io.tidegate.topologytests.support.TidegateProcess;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Faults of an instance between the commit of a transaction, the append of its accepted signals, and the checkpoint. The test
 * forces these moments. Nothing is lost or duplicated, and no file has a gap.
 */
@Timeout(value = 15, unit = TimeUnit.MINUTES)
@Tag("long")
final class CommitFaultTest {
    private static final int KILLS = 3;
    private static final int TENANTS = 6;
    private static final int EACH = 50;
    private static final int SIGTERM = 143;
    private static final Duration HAPPENS_WITHIN = Duration.ofMinutes(2);

    /** Between two rounds of signals, so that sending leaves the processors to the instance. */
    private static final Duration PAUSE = Duration.ofMillis(200);

    /** A minute after the last failure. */
    private static final Duration READY_AGAIN_WITHIN = Duration.ofMinutes(8);

    @TempDir
    static Path brokerDir;

    @TempDir
    Path temp;

    private static BrokerCluster broker;
    private static int deployments;

    @BeforeAll
    static void startBroker() throws Exception {
        broker = BrokerCluster.start(brokerDir, 1);
    }

    @AfterAll
    static void stopBroker() {
        broker.close();
    }

    private Deployment deployment(String... settings) {
        return new Deployment(broker.bootstrapServers(), "commit-fault-" + ++deployments, temp, settings);
    }

    @ParameterizedTest
    @EnumSource(Moment.class)
    void anInstanceKilledRepeatedlyAtThisMomentLosesNothing(Moment moment) throws Exception {
        try (Deployment app = deployment("commit.interval.ms=200")) {
            configure(app);
            int rounds = 0;
            for (int i = 0; i < KILLS; i++) {
                // Gives the first commits a backlog.
                send(app);
                rounds++;
                TidegateProcess killed = app.launchFaulty("a", Fault.KILL, moment, 2 + 3 * i);
                while (!killed.endsWithin(PAUSE)) {
                    send(app);
                    rounds++;
                }
                assertThat(killed.awaitExit()).as(killed::logText).isEqualTo(FaultyInstance.KILLED);
            }
            app.start("a");

            assertAllIsStored(app, rounds);
            assertWhole(app, "a");
        }
    }

    @ParameterizedTest
    @CsvSource({"streams", "classic"})
    void anInstanceThatSleepsBetweenCommitAndAppendLeavesNoGapInAnyCopy(String protocol) throws Exception {
        try (Deployment app = deployment("commit.interval.ms=200", "group.protocol=" + protocol)) {
            app.init();
            app.prepareLoad();
            Deployment.Load load = app.startLoad();
            TidegateProcess frozen = app.launchFaulty("a", Fault.FREEZE, Moment.BETWEEN_COMMIT_AND_APPEND, 20);
            TidegateProcess.await(
                    HAPPENS_WITHIN, "the instance to stand still", frozen::logText, () -> isStopped(frozen));

            // The session of the frozen instance ends, and the other one owns all tasks.
            app.start("b");
            load.stop();
            JsonNode verified = app.verify("b");
            frozen.signal("CONT");

            app.send(200, i -> "{\"tenant_id\":1,\"after\":%d}".formatted(i));
            assertThat(app.verify("b").at("/tenants/1/in_wal").asLong())
                    .isGreaterThan(verified.at("/tenants/1/in_wal").asLong());
            assertThat(frozen.isAlive()).as(frozen::logText).isTrue();
            assertWhole(app, "a");
            assertWhole(app, "b");
        }
    }

    /** With this long interval, only the revocation commits. */
    @Test
    void aTaskRevokedWithUncommittedSignalsHasThemAllAfterItsReturn() throws Exception {
        try (Deployment app = deployment("commit.interval.ms=10000", "standby.replicas=1")) {
            configure(app);
            app.start("a");
            int rounds = 0;
            for (int i = 0; i < 2; i++) {
                send(app);
                TidegateProcess other = app.start("b");
                send(app);
                assertThat(other.terminate()).as(other::logText).isEqualTo(SIGTERM);
                rounds += 2;
            }
            send(app);
            rounds++;

            assertAllIsStored(app, rounds);
            assertWhole(app, "a");
            assertWhole(app, "b");
        }
    }

    @Test
    void anInstanceWhoseThreadsFailRepeatedlyIsNotReadyUntilTheyRunAndLosesNothing() throws Exception {
        try (Deployment app = deployment("commit.interval.ms=200")) {
            configure(app);
            TidegateProcess failing = app.launchFaulty("a", Fault.FAIL, Moment.BETWEEN_COMMIT_AND_APPEND, 2);
            AtomicInteger rounds = new AtomicInteger();
            TidegateProcess.await(HAPPENS_WITHIN, "threads to fail repeatedly", failing::logText, () -> {
                try {
                    send(app);
                } catch (Exception e) {
                    throw new AssertionError(e);
                }
                rounds.incrementAndGet();
                return readiness(failing).contains("threads failed repeatedly within the last minute");
            });
            assertThat(Http.of(failing).get("/readyz").status()).isEqualTo(503);
            assertThat(Http.of(failing).get("/livez").status()).isEqualTo(200);

            TidegateProcess.await(
                    READY_AGAIN_WITHIN,
                    "the instance to be ready",
                    failing::logText,
                    () -> Http.of(failing).get("/readyz").status() == 200);
            assertAllIsStored(app, rounds.get());
            assertWhole(app, "a");
        }
    }

    /** The text of {@code /readyz}; empty until the HTTP server listens. */
    private static String readiness(TidegateProcess instance) {
        return instance.logText().contains("http_url")
                ? Http.of(instance).get("/readyz").text()
                : "";
    }

    private static void configure(Deployment app) throws Exception {
        app.init();
        for (int tenant = 1; tenant <= TENANTS; tenant++) {
            app.set(Integer.toString(tenant), "--label", "Tenant");
        }
    }

    private static void assertAllIsStored(Deployment app, int rounds) {
        JsonNode verified = app.verify("a");
        for (int tenant = 1; tenant <= TENANTS; tenant++) {
            assertThat(verified.at("/tenants/%d/in_wal".formatted(tenant)).asLong())
                    .as("tenant %d", tenant)
                    .isEqualTo((long) rounds * EACH);
        }
    }

    private static void send(Deployment app) throws Exception {
        app.send(TENANTS * EACH, i -> "{\"tenant_id\":%d,\"item\":%d}".formatted(1 + i % TENANTS, i));
    }

    private static void assertWhole(Deployment app, String instance) throws Exception {
        var wal = app.quick("wal", "verify", "--data-dir", app.dataDir(instance));
        assertThat(wal.exit()).as(wal.out()).isZero();
    }

    private static boolean isStopped(TidegateProcess process) {
        try {
            String stat = Files.readString(Path.of("/proc/%d/stat".formatted(process.pid())));
            return stat.substring(stat.lastIndexOf(')') + 2).startsWith("T");
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }
}
