package io.tidegate.topologytests.broker;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidegate.config.Settings;
import io.tidegate.contract.AcceptedRecord;
import io.tidegate.contract.TenantPartitions;
import io.tidegate.contract.TidegateHeaders;
import io.tidegate.demo.EmbeddedBroker;
import io.tidegate.tenant.TenantId;
import io.tidegate.tools.ConservationCheck;
import io.tidegate.tools.ConservationCheck.Balance;
import io.tidegate.topologytests.support.Deployment;
import io.tidegate.wal.DataDir;
import io.tidegate.wal.Shard;
import io.tidegate.wal.WalSettings;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The conservation check over topics and files that a test wrote: states in which a running cluster is only for a moment. */
@Timeout(value = 15, unit = TimeUnit.MINUTES)
final class ConservationCheckTest {
    private static final TenantId TENANT = TenantId.of(42);
    private static final int SHARDS = 2;
    private static final int SHARD = TenantPartitions.of(TENANT, SHARDS);
    private static final int SIGNALS = 20;
    private static final WalSettings WAL = WalSettings.of(1 << 20, Duration.ofHours(1), 8, Compression.NONE);

    @TempDir
    Path temp;

    private EmbeddedBroker broker;
    private KafkaProducer<byte[], byte[]> producer;
    private Deployment app;
    private Settings settings;

    /** The accepted signals, by sequence number. */
    private final List<ProducerRecord<byte[], byte[]>> accepted = new ArrayList<>();

    @BeforeEach
    void start() throws Exception {
        broker = EmbeddedBroker.start(temp.resolve("broker"), 0, Map.of());
        Map<String, Object> config = Map.of("bootstrap.servers", broker.bootstrapServers(), "acks", "all");
        producer = new KafkaProducer<>(config, new ByteArraySerializer(), new ByteArraySerializer());
    }

    @AfterEach
    void stop() {
        producer.close();
        app.close();
        broker.close();
    }

    private void create(String... more) {
        app = new Deployment(broker.bootstrapServers(), "conserved", temp, more);
        app.init();
        settings = app.settings();
    }

    private RecordMetadata send(ProducerRecord<byte[], byte[]> record) {
        try {
            return producer.send(record).get(30, TimeUnit.SECONDS);
        } catch (InterruptedException | ExecutionException | TimeoutException e) {
            throw new AssertionError(e);
        }
    }

    /** Sends signals, and their outcomes as the instances would. */
    private void acceptSignals() {
        for (int seq = 0; seq < SIGNALS; seq++) {
            byte[] value = "{\"tenant_id\":42,\"n\":%d}".formatted(seq).getBytes(StandardCharsets.UTF_8);
            RecordMetadata sent = send(new ProducerRecord<>(app.signals(), 0, null, value));
            accepted.add(new ProducerRecord<>(
                    app.topic("accepted"), SHARD, sent.timestamp(), key(seq), value, headers(sent, Map.of())));
            send(accepted.get(seq));
        }
    }

    private static byte[] key(int seq) {
        return ("42:" + seq).getBytes(StandardCharsets.UTF_8);
    }

    private static RecordHeaders headers(@Nullable RecordMetadata source, Map<String, String> more) {
        RecordHeaders headers = new RecordHeaders();
        if (source != null) {
            String position = "%s/%d/%d".formatted(source.topic(), source.partition(), source.offset());
            TidegateHeaders.set(headers, TidegateHeaders.SOURCE, position);
        }
        more.forEach((name, value) -> TidegateHeaders.set(headers, name, value));
        return headers;
    }

    private void sendPrune(int below) {
        var command = headers(null, Map.of(TidegateHeaders.COMMAND, TidegateHeaders.PRUNE_WAL));
        send(new ProducerRecord<>(app.topic("accepted"), SHARD, null, key(below), null, command));
    }

    /** Writes a copy of the WAL with the first signals; a segment begins at half of all. */
    private DataDir copy(String name, int signals) {
        DataDir dir = new DataDir(temp.resolve(name));
        try (Shard shard = new Shard(dir, SHARD, WAL)) {
            for (int seq = 0; seq < signals; seq++) {
                var record = accepted.get(seq);
                shard.append(
                        TENANT,
                        AcceptedRecord.of(seq, record.timestamp(), record.value(), record.headers()),
                        seq == SIGNALS / 2);
            }
            shard.checkpoint(signals);
        }
        return dir;
    }

    private static void prune(DataDir dir, int below) {
        try (Shard shard = new Shard(dir, SHARD, WAL)) {
            shard.prune(TENANT, below);
            shard.checkpoint(SIGNALS + 1);
        }
    }

    private Balance check(Duration settle, DataDir... dirs) throws Exception {
        return new ConservationCheck(settings).check(List.of(dirs), settle, step -> {});
    }

    /** The files of a shard stay where it was before; that instance does not read later prunes. */
    @Test
    void anOldCopyOfATenantThatIsPrunedEntirelyIsNotMissed() throws Exception {
        create();
        acceptSignals();
        DataDir old = copy("old", SIGNALS / 4);
        DataDir owner = copy("owner", SIGNALS);
        assertThat(check(Duration.ZERO, old, owner).findings()).isEmpty();
        prune(owner, SIGNALS);
        assertThat(check(Duration.ZERO, old, owner).findings())
                .as("without the order to prune")
                .anyMatch(finding -> finding.contains("the WAL ends before"));

        sendPrune(SIGNALS);

        Balance balance = check(Duration.ZERO, old, owner);
        assertThat(balance.findings()).isEmpty();
        assertThat(balance.accounts().get("42").pruned()).isEqualTo(SIGNALS);
    }

    /** @param below a half: the first of two segments; all: both */
    @ParameterizedTest
    @ValueSource(ints = {SIGNALS / 2, SIGNALS})
    void aPruneWhileTheCheckRunsIsNoDamage(int below) throws Exception {
        create();
        acceptSignals();
        DataDir dir = copy("owner", SIGNALS);
        List<String> steps = new ArrayList<>();

        Balance balance = new ConservationCheck(settings).check(List.of(dir), Duration.ofSeconds(30), step -> {
            steps.add(step);
            if (step.equals("reading the WAL")) {
                sendPrune(below);
                prune(dir, below);
            }
        });

        assertThat(steps).contains("reading the WAL");
        assertThat(balance.findings()).isEmpty();
        assertThat(balance.accounts().get("42").pruned()).isEqualTo(below);
    }

    /** The instance knows the name from the configs; the check has only the outcome. */
    @Test
    void aDeadLetterWhoseTenantAHeaderNamesIsThatTenants() throws Exception {
        create("tenant.source=header");
        var named = new RecordHeaders();
        named.add(TidegateHeaders.TENANT_CLAIM, "acme".getBytes(StandardCharsets.UTF_8));
        byte[] value = "not JSON".getBytes(StandardCharsets.UTF_8);
        RecordMetadata sent = send(new ProducerRecord<>(app.signals(), 0, null, null, value, named));
        Map<String, String> outcome = Map.of(TidegateHeaders.TENANT, "42", TidegateHeaders.REASON, "malformed");
        RecordHeaders letter = headers(null, outcome);
        TidegateHeaders.set(letter, TidegateHeaders.SOURCE_TOPIC, sent.topic());
        TidegateHeaders.set(letter, TidegateHeaders.SOURCE_PARTITION, Integer.toString(sent.partition()));
        TidegateHeaders.set(letter, TidegateHeaders.SOURCE_OFFSET, Long.toString(sent.offset()));
        send(new ProducerRecord<>(app.topic("dead-letter"), 0, sent.timestamp(), null, value, letter));

        Balance balance = check(Duration.ZERO);

        assertThat(balance.findings()).isEmpty();
        assertThat(balance.accounts().get("42").deadLettered()).isEqualTo(1);
    }
}
