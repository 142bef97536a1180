package io.tidegate.topologytests.faults;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidegate.topologytests.support.BrokerCluster;
import io.tidegate.topologytests.support.Deployment;
import io.tidegate.topologytests.support.TidegateProcess;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.serialization.StringSerializer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Faults of the broker under load; each test has its own broker. Nothing is lost or duplicated. */
@Timeout(value = 8, unit = TimeUnit.MINUTES)
@Tag("long")
final class BrokerFaultTest {
    /** Shorter than the freeze, so that requests to the broker time out. */
    private static final int MAX_BLOCK_MS = 3000;

    private static final long FREEZE_MS = 4500;
    private static final long AWAY_MS = 12_000;

    @TempDir
    Path temp;

    private BrokerCluster broker;
    private Deployment app;

    @BeforeEach
    void startBroker() throws Exception {
        broker = BrokerCluster.start(temp.resolve("broker"), 1);
        app = new Deployment(broker.bootstrapServers(), "faults", temp);
    }

    @AfterEach
    void stopAll() {
        app.close();
        broker.close();
    }

    @ParameterizedTest
    @ValueSource(strings = {"streams", "classic"})
    void aCommitThatTimesOutWhileTheBrokerIsFrozenLosesNothing(String protocol) throws Exception {
        TidegateProcess instance = app.start(
                "a",
                "--set",
                "bootstrap.servers=" + broker.bootstrapServersByWire(),
                "--set",
                "group.protocol=" + protocol,
                "--set",
                "kafka.producer.max.block.ms=" + MAX_BLOCK_MS,
                "--set",
                "kafka.producer.transaction.timeout.ms=10000");
        app.prepareLoad();
        Deployment.Load load = app.startLoad();
        freezeAt(ApiKeys.TXN_OFFSET_COMMIT, instance);
        freezeAt(ApiKeys.END_TXN, instance);
        app.awaitRecordsOfTenant1(app.recordsOfTenant1() + 100);
        load.stop();

        app.assertLoadIsAccountedFor();
        assertThat(instance.logText())
                // Otherwise readers of committed records would be blocked until the transaction times out.
                .contains("aborted the transaction of a thread that failed");
    }

    private void freezeAt(ApiKeys step, TidegateProcess instance) throws Exception {
        int timedOut = commitsTimedOut(instance);
        app.awaitRecordsOfTenant1(app.recordsOfTenant1() + 100);
        var frozen = new CompletableFuture<Void>();
        broker.wire(0).beforeNext(step, () -> {
            try {
                broker.freeze(0);
                frozen.complete(null);
            } catch (Exception e) {
                frozen.completeExceptionally(e);
            }
        });
        frozen.get(1, TimeUnit.MINUTES);
        // The duration is the fault: longer than the client waits.
        Thread.sleep(FREEZE_MS);
        broker.thaw(0);
        TidegateProcess.await(
                Duration.ofMinutes(1),
                "the commit to time out at " + step,
                instance::logText,
                () -> commitsTimedOut(instance) > timedOut);
    }

    private static int commitsTimedOut(TidegateProcess instance) {
        return instance.logText().split("a commit timed out", -1).length - 1;
    }

    @Test
    void aBrokerThatIsKilledAndComesBackLosesNothing() throws Exception {
        var sending = loadTheInstance();
        broker.kill(0);
        broker.restart(0);
        assertSent(sending);

        app.assertLoadIsAccountedFor();
    }

    /**
     * The broker is down for longer than a transaction may be open. It then aborts the transactions that it finds before it is
     * back in the cluster, forgets their markers, and regards them as ended.
     */
    @Test
    void aBrokerThatForgetsTheEndOfTransactionsLosesNothing() throws Exception {
        var sending = loadTheInstance();
        Map<String, Object> config = Map.of(
                "bootstrap.servers",
                broker.bootstrapServers(),
                "transactional.id",
                app.applicationId() + "-gone",
                "transaction.timeout.ms",
                (int) AWAY_MS - 2000);
        var gone = new KafkaProducer<>(config, new StringSerializer(), new StringSerializer());
        gone.initTransactions();
        gone.beginTransaction();
        for (String topic : List.of("quota-exceeded", "accepted", "by-tenant")) {
            gone.send(new ProducerRecord<>(app.topic(topic), 0, "1", "nobody ends this"))
                    .get();
        }
        broker.kill(0);
        // Sends nothing to the broker, like a killed producer.
        gone.close(Duration.ZERO);
        // The duration is the fault.
        Thread.sleep(AWAY_MS);
        broker.restart(0);
        assertSent(sending);

        app.assertLoadIsAccountedFor();
    }

    private static void assertSent(CompletableFuture<TidegateProcess.Result> sending) throws Exception {
        TidegateProcess.Result sent = sending.get(3, TimeUnit.MINUTES);
        assertThat(sent.exit()).as(sent.err()).isZero();
    }

    private CompletableFuture<TidegateProcess.Result> loadTheInstance() throws Exception {
        app.start("a");
        app.prepareLoad();
        var sending = app.load("15s");
        app.awaitRecordsOfTenant1(200);
        return sending;
    }
}
