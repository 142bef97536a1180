package io.tidegate.topologytests.driver;

import static io.tidegate.topologytests.driver.TopologyFixture.ACCEPTED;
import static io.tidegate.topologytests.driver.TopologyFixture.BY_TENANT;
import static io.tidegate.topologytests.driver.TopologyFixture.DEAD_LETTER;
import static io.tidegate.topologytests.driver.TopologyFixture.QUOTA_EXCEEDED;
import static io.tidegate.topologytests.driver.TopologyFixture.SIGNALS_ACCEPTED;
import static io.tidegate.topologytests.driver.TopologyFixture.T0;
import static io.tidegate.topologytests.driver.TopologyFixture.bytes;
import static io.tidegate.topologytests.driver.TopologyFixture.lines;
import static io.tidegate.topologytests.driver.TopologyFixture.record;
import static org.assertj.core.api.Assertions.assertThat;

import io.tidegate.contract.Envelope;
import io.tidegate.contract.RoutedSignal;
import io.tidegate.contract.SourcePosition;
import io.tidegate.tenant.TenantId;
import io.tidegate.topologytests.driver.TopologyFixture.Outcome;
import io.tidegate.wal.WalRecord;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.streams.test.TestRecord;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Every signal has exactly one outcome, and its record there is unchanged. */
class SignalPathTest {
    /** Blanks, escapes and a producer's additional field, which a parser would normalise. */
    private static final String ODD_VALUE =
            "  { \"tenant_id\" : 42 ,\t\"item\":\"\\u0041\", \"price\": 1.50E+1, \"note\":\"é\" }\n";

    @TempDir(factory = MemoryDir.class)
    private Path dir;

    private TopologyFixture topology;

    @BeforeEach
    void start() {
        topology = TopologyFixture.in(dir).start();
        topology.config("42", "");
    }

    @AfterEach
    void stop() {
        topology.close();
    }

    private static TestRecord<byte[], byte[]> oddSignal(String value) {
        TestRecord<byte[], byte[]> signal = record(value)
                .key("the producer's key")
                .header("trace", "1")
                .header("trace", "2")
                .header("empty", "")
                .header("none", null)
                .at(T0 + 7);
        signal.headers().add(new RecordHeader("binary", new byte[] {0, -1, -128}));
        return signal;
    }

    private static List<String> with(List<String> lines, String... more) {
        List<String> all = new ArrayList<>(lines);
        all.addAll(List.of(more));
        return all;
    }

    @Test
    void anAcceptedSignalIsNumberedAndOtherwiseUntouched() {
        TestRecord<byte[], byte[]> sent = oddSignal(ODD_VALUE);

        Outcome outcome = topology.send(sent);

        assertThat(outcome.topic()).isEqualTo(SIGNALS_ACCEPTED);
        assertThat(outcome.key()).isEqualTo("42:0");
        assertThat(outcome.record().value()).isEqualTo(sent.value());
        assertThat(outcome.record().timestamp()).isEqualTo(T0 + 7);
        assertThat(lines(outcome.record().headers()))
                .isEqualTo(with(
                        lines(sent.headers()),
                        "tidegate.source=signals/0/0",
                        "tidegate.key=the producer's key",
                        "tidegate.segment="));
    }

    @Test
    void theWalHoldsTheSignalAsItWasSentAndItsSourcePosition() {
        TestRecord<byte[], byte[]> sent = oddSignal(ODD_VALUE);

        topology.send(sent);

        List<WalRecord> wal = topology.wal("42");
        assertThat(wal).hasSize(1);
        WalRecord stored = wal.get(0);
        assertThat(stored.seq()).isZero();
        assertThat(stored.key()).isEqualTo(sent.key());
        assertThat(stored.value()).isEqualTo(sent.value());
        assertThat(stored.timestampMs()).isEqualTo(T0 + 7);
        assertThat(lines(List.of(stored.headers())))
                .isEqualTo(with(lines(sent.headers()), "tidegate.source=signals/0/0"));
        assertThat(stored.headers()[4].value()).isEqualTo(new byte[] {0, -1, -128});
    }

    @Test
    void aRejectedSignalKeepsKeyValueTimeAndHeaders() {
        topology.config("42", "\"max_signals_per_sec\":0");
        TestRecord<byte[], byte[]> sent = oddSignal(ODD_VALUE);

        Outcome outcome = topology.send(sent);

        assertThat(outcome.topic()).isEqualTo(QUOTA_EXCEEDED);
        assertUntouched(outcome.record(), sent);
        assertThat(topology.wal("42")).isEmpty();
    }

    @Test
    void aDeadLetterKeepsKeyValueTimeAndHeaders() {
        TestRecord<byte[], byte[]> sent = oddSignal("not { JSON \u0000");

        Outcome outcome = topology.send(sent);

        assertThat(outcome.topic()).isEqualTo(DEAD_LETTER);
        assertUntouched(outcome.record(), sent);
    }

    private static void assertUntouched(TestRecord<byte[], byte[]> written, TestRecord<byte[], byte[]> sent) {
        assertThat(written.key()).isEqualTo(sent.key());
        assertThat(written.value()).isEqualTo(sent.value());
        assertThat(written.timestamp()).isEqualTo(sent.timestamp());
        assertThat(lines(written.headers())).startsWith(lines(sent.headers()).toArray(String[]::new));
        assertThat(lines(written.headers()).subList(5, lines(written.headers()).size()))
                .allMatch(line -> line.startsWith("tidegate."));
    }

    @Test
    void aSignalWithoutAKeyHasNoneAfterwardsWhereverItEnds() {
        topology.config("7", "\"max_signals_per_sec\":0");

        topology.send(record("{\"tenant_id\":42}").now());
        Outcome rejected = topology.send(record("{\"tenant_id\":7}").now());
        Outcome deadLetter = topology.send(record("no JSON").now());

        assertThat(topology.wal("42").get(0).key()).isNull();
        assertThat(rejected.record().key()).isNull();
        assertThat(deadLetter.record().key()).isNull();
    }

    @Test
    void anEmptyKeyIsNotNoKey() {
        topology.config("7", "\"max_signals_per_sec\":0");

        topology.send(record("{\"tenant_id\":42}").key("").now());
        Outcome rejected = topology.send(record("{\"tenant_id\":7}").key("").now());

        assertThat(topology.wal("42").get(0).key()).isEmpty();
        assertThat(rejected.record().key()).isEmpty();
    }

    @Test
    void aProducerCannotForgeTheKeyOrTheSourceOfItsSignal() {
        TestRecord<byte[], byte[]> sent = record("{\"tenant_id\":42}")
                .header("tidegate.key", "forged")
                .header("tidegate.source", "other/9/9")
                .header("tidegate.source", "other/9/10")
                .now();

        Outcome outcome = topology.send(sent);

        assertThat(lines(outcome.record().headers()))
                .containsExactly("tidegate.source=signals/0/0", "tidegate.segment=");
        WalRecord stored = topology.wal("42").get(0);
        assertThat(stored.key()).isNull();
        assertThat(lines(List.of(stored.headers()))).containsExactly("tidegate.source=signals/0/0");
    }

    @Test
    void betweenTheStagesASignalIsInAnEnvelopeWithAllThatItsProducerSent() {
        TestRecord<byte[], byte[]> sent = oddSignal(ODD_VALUE);
        topology.send(sent);

        List<TestRecord<byte[], byte[]>> between = topology.read(BY_TENANT);
        assertThat(between).hasSize(1);
        assertThat(between.get(0).key()).isNull();
        assertThat(between.get(0).timestamp()).isEqualTo(T0 + 7);
        List<RoutedSignal> signals = Envelope.read(between.get(0).value());
        assertThat(signals).hasSize(1);
        RoutedSignal signal = signals.get(0);
        assertThat(signal.tenant()).isEqualTo(TenantId.of(42));
        assertThat(signal.timestampMs()).isEqualTo(T0 + 7);
        assertThat(signal.source()).isEqualTo(new SourcePosition("signals", 0, 0));
        assertThat(signal.key()).isEqualTo(sent.key());
        assertThat(lines(List.of(signal.headers()))).isEqualTo(lines(sent.headers()));
        assertThat(signal.value()).isEqualTo(bytes(ODD_VALUE));
    }

    @Test
    void aTenantsSequenceIsDenseWhateverHappensAroundIt() {
        topology.config("7", "\"max_signals_per_sec\":2,\"burst_signals\":2");
        List<String> keys = new ArrayList<>();
        for (int i = 0; i < 30; i++) {
            topology.send("42", T0 + i);
            topology.send(record("no JSON").at(T0 + i));
            Outcome limited = topology.send("7", T0 + i * 100L);
            if (limited.verdict().equals(ACCEPTED)) {
                keys.add(limited.key());
            }
        }

        assertThat(topology.wal("42")).extracting(WalRecord::seq).containsExactlyElementsOf(upTo(30));
        assertThat(keys).hasSizeBetween(5, 10);
        assertThat(topology.wal("7")).extracting(WalRecord::seq).containsExactlyElementsOf(upTo(keys.size()));
        assertThat(keys)
                .isEqualTo(upTo(keys.size()).stream().map(seq -> "7:" + seq).toList());
    }

    private static List<Long> upTo(int count) {
        List<Long> sequence = new ArrayList<>();
        for (long seq = 0; seq < count; seq++) {
            sequence.add(seq);
        }
        return sequence;
    }

    @Test
    void aSignalThatNamesNoTenantIsTheDefaultTenantsWhereNoOtherIsConfigured() {
        topology.configRecord(bytes("42"), null);
        topology.configRecord(bytes("43"), null);

        Outcome outcome = topology.send(record("{\"signal\":\"click\"}").now());

        assertThat(outcome.key()).isEqualTo("0:0");
        assertThat(topology.wal("0")).hasSize(1);
        assertThat(dir.resolve("wal")).isDirectoryContaining("glob:**00000000000000000000.shard-00000.log");
        assertThat(dir.resolve("tenants")).doesNotExist();
    }

    @Test
    void aTenantsFilesLieUnderItsOwnDirectoryUpToTheLargestId() {
        String largest = "18446744073709551615";
        topology.config(largest, "");

        Outcome outcome = topology.send(largest, T0);

        assertThat(outcome.key()).isEqualTo(largest + ":0");
        assertThat(topology.wal(largest)).hasSize(1);
        assertThat(Files.isRegularFile(dir.resolve("tenants/" + largest + "/wal/00000000000000000000.shard-00000.log")))
                .isTrue();
    }

    @Test
    void aRecordWithANegativeTimestampIsNotLost() {
        Outcome outcome = topology.sendAtNegativeTime(bytes("{\"tenant_id\":42}"));

        assertThat(outcome.verdict()).isEqualTo(ACCEPTED);
        assertThat(topology.wal("42")).extracting(WalRecord::timestampMs).containsExactly(0L);
    }

    @Test
    void twoEqualRecordsAreTwoSignals() {
        TestRecord<byte[], byte[]> signal = oddSignal(ODD_VALUE);

        assertThat(topology.send(signal).header("tidegate.source")).isEqualTo("signals/0/0");
        assertThat(topology.send(signal).header("tidegate.source")).isEqualTo("signals/0/1");
    }
}
