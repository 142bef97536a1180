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
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.serialization.StringSerializer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Faults of the broker under load; each test has its own broker. Nothing is lost or duplicated. */
@Timeout(value = 30, unit = TimeUnit.MINUTES)
@Tag("long")
final class BrokerFaultTest {
    private static final int MAX_BLOCK_MS = 5000;
    private static final long AWAY_MS = 12_000;

    @TempDir
    Path temp;

    private BrokerCluster broker;
    private Deployment app;
    private TidegateProcess instance;

    private void start(BrokerCluster started) {
        broker = started;
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
        start(BrokerCluster.start(temp.resolve("broker"), 1));
        instance = app.start(
                "a",
                "--set",
                "bootstrap.servers=" + broker.bootstrapServersByWire(),
                "--set",
                "group.protocol=" + protocol,
                "--set",
                "kafka.producer.max.block.ms=" + MAX_BLOCK_MS,
                "--set",
                "kafka.producer.transaction.timeout.ms=60000");
        app.prepareLoad();
        Deployment.Load load = app.startLoad();
        freezeAt(ApiKeys.TXN_OFFSET_COMMIT);
        freezeAt(ApiKeys.END_TXN);
        app.awaitRecordsOfTenant1(app.recordsOfTenant1() + 100);
        load.stop();

        app.assertLoadIsAccountedFor();
        assertThat(instance.logText())
                // Otherwise readers of committed records would be blocked until the transaction times out.
                .contains("aborted the transaction of a thread that failed");
    }

    private void freezeAt(ApiKeys step) throws Exception {
        int timedOut = commitsTimedOut();
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
        frozen.get(3, TimeUnit.MINUTES);
        try {
            TidegateProcess.await(
                    Duration.ofMinutes(3),
                    "the commit to time out at " + step,
                    instance::logText,
                    () -> commitsTimedOut() > timedOut);
        } finally {
            broker.thaw(0);
        }
    }

    private int commitsTimedOut() {
        return instance.logText().split("a commit timed out", -1).length - 1;
    }

    @Test
    void aBrokerThatIsKilledAndComesBackLosesNothing() throws Exception {
        Deployment.Load load = loadTheInstance();
        broker.kill(0);
        broker.restart(0);
        load.stop();

        app.assertLoadIsAccountedFor();
    }

    /**
     * The broker is down for longer than a transaction may be open. It then aborts the transactions that it finds before it is
     * back in the cluster, forgets their markers, and regards them as ended.
     */
    @Test
    void aBrokerThatForgetsTheEndOfTransactionsLosesNothing() throws Exception {
        Deployment.Load load = loadTheInstance();
        KafkaProducer<String, String> gone = withAnOpenTransaction();
        // A running instance would end its transaction itself, sooner or later than the broker does.
        instance.kill();
        broker.kill(0);
        // Sends nothing to the broker, like a killed producer.
        gone.close(Duration.ZERO);
        // The duration is the fault.
        Thread.sleep(AWAY_MS);
        broker.restart(0);
        instance = app.start("a");
        load.stop();

        // At the second look, a minute after the restart, if each question is answered at once.
        TidegateProcess.await(
                Duration.ofMinutes(6),
                "the end of the transaction that nobody ends",
                app::logs,
                () -> app.logs().contains("transactional_id=" + goneId()));
        app.assertLoadIsAccountedFor();
    }

    /** Begins again if the brokers aborted it, because they or this test were too slow. */
    private KafkaProducer<String, String> withAnOpenTransaction() throws InterruptedException {
        Map<String, Object> config = Map.of(
                "bootstrap.servers",
                broker.bootstrapServers(),
                "transactional.id",
                goneId(),
                "transaction.timeout.ms",
                (int) AWAY_MS - 2000);
        while (true) {
            var producer = new KafkaProducer<>(config, new StringSerializer(), new StringSerializer());
            producer.initTransactions();
            producer.beginTransaction();
            try {
                for (String topic : List.of("quota-exceeded", "accepted", "by-tenant")) {
                    producer.send(new ProducerRecord<>(app.topic(topic), 0, "1", "nobody ends this"))
                            .get();
                }
                return producer;
            } catch (ExecutionException e) {
                producer.close(Duration.ZERO);
            }
        }
    }

    /** As of a thread of an instance that is gone. */
    private String goneId() {
        return app.applicationId() + "-00000000-0000-4000-8000-000000000000-1";
    }

    private Deployment.Load loadTheInstance() throws Exception {
        start(BrokerCluster.start(temp.resolve("broker"), 1, BrokerCluster.SHORT_SESSION));
        instance = app.start("a");
        app.prepareLoad();
        Deployment.Load load = app.startLoad();
        app.awaitRecordsOfTenant1(200);
        return load;
    }
}
