package io.tidegate.topologytests.driver;

import static io.tidegate.topologytests.driver.TopologyFixture.ACCEPTED;
import static io.tidegate.topologytests.driver.TopologyFixture.BY_TENANT;
import static io.tidegate.topologytests.driver.TopologyFixture.DEAD_LETTER;
import static io.tidegate.topologytests.driver.TopologyFixture.QUOTA_EVENTS;
import static io.tidegate.topologytests.driver.TopologyFixture.QUOTA_EXCEEDED;
import static io.tidegate.topologytests.driver.TopologyFixture.SIGNALS_ACCEPTED;
import static io.tidegate.topologytests.driver.TopologyFixture.T0;
import static io.tidegate.topologytests.driver.TopologyFixture.TENANT_COMMANDS;
import static io.tidegate.topologytests.driver.TopologyFixture.bytes;
import static org.assertj.core.api.Assertions.assertThat;

import io.tidegate.contract.EnvelopeWriter;
import io.tidegate.contract.RecordSizes;
import io.tidegate.contract.RoutedSignal;
import io.tidegate.contract.SourcePosition;
import io.tidegate.contract.TenantPartitions;
import io.tidegate.contract.TidegateHeaders;
import io.tidegate.tenant.TenantId;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.streams.test.TestRecord;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Records of other programs on any topic stop nothing and cause no gap in a tenant's sequence numbers. */
@Timeout(600)
class InternalTopicsTest {
    private static final String[] KEYS = {
        "42",
        "42:0",
        "42:3",
        "42:99999",
        "43:0",
        "0",
        "",
        "42:",
        ":",
        "42:x",
        "042:1",
        "42:-1",
        "plan:a",
        "18446744073709551615:9223372036854775807",
        "18446744073709551616:1",
        "\u0000\u00ff",
        "\n\u001b[2J"
    };
    private static final String[] VALUES = {
        "",
        "null",
        "{}",
        "[]",
        "1",
        "not JSON",
        "{\"tenant_id\":42}",
        "{\"tenant_id\":43,\"item\":\"x\"}",
        "{\"command\":\"prune-wal\",\"below_seq\":9223372036854775807}",
        "{\"command\":\"prune-wal\",\"below_seq\":-1}",
        "{\"command\":\"prune-wal\"}",
        "{\"command\":\"forget-entity\",\"kind\":\"item\",\"id\":\"x\"}",
        "{\"command\":\"forget-entity\",\"kind\":null,\"id\":{}}",
        "{\"command\":null}",
        "{\"bytes\":9223372036854775807,\"first_seq\":6,\"last_seq\":1}",
        "{\"tenant_id\":43,\"max_storage_bytes\":18446744073709551615,\"max_signals_per_sec\":4294967295}",
        "{\"tenant_id\":43,\"blocked_until\":\"+999999999-12-31T23:59:59Z\"}"
    };
    private static final String[] HEADERS = {
        "tidegate.command", "tidegate.key", "tidegate.segment", "tidegate.command_id", "tidegate.by"
    };

    @TempDir(factory = MemoryDir.class)
    Path dir;

    private static byte[] oneOf(Random random, String[] texts) {
        int index = random.nextInt(texts.length + 2);
        if (index == texts.length) {
            return null;
        }
        if (index > texts.length) {
            byte[] noise = new byte[random.nextInt(40)];
            random.nextBytes(noise);
            return noise;
        }
        return bytes(texts[index]);
    }

    private static TestRecord<byte[], byte[]> strange(Random random, boolean fromRoute) {
        RecordHeaders headers = new RecordHeaders();
        for (int i = random.nextInt(3); i > 0; i--) {
            headers.add(HEADERS[random.nextInt(HEADERS.length)], oneOf(random, KEYS));
        }
        if (fromRoute && random.nextBoolean()) {
            headers.add("tidegate.source", bytes(random.nextBoolean() ? "signals/0/" + random.nextInt() : "signals"));
        }
        long[] times = {0, T0, Long.MAX_VALUE};
        return new TestRecord<>(oneOf(random, KEYS), oneOf(random, VALUES), headers, times[random.nextInt(3)]);
    }

    @ParameterizedTest
    @CsvSource({"tenant-commands,1", "tenant-configs,2", "signals-by-tenant,3", "signals,5"})
    void noContentOfATopicStopsAStage(String topic, long seed) {
        Random random = new Random(seed);
        try (TopologyFixture topology =
                TopologyFixture.in(dir).segmentBytes(300).start()) {
            topology.config("42", "");
            for (int i = 0; i < 400; i++) {
                TestRecord<byte[], byte[]> record = strange(random, topic.equals(BY_TENANT));
                topology.pipe(topic, record);
            }
            Stream.of(SIGNALS_ACCEPTED, QUOTA_EXCEEDED, DEAD_LETTER).forEach(topology::read);
            // A random record may have replaced the tenant's config.
            topology.config("42", "");
            assertThat(topology.send("42", T0).verdict())
                    .as("topic %s, seed %d", topic, seed)
                    .isEqualTo(ACCEPTED);
            List<Long> seqs = new ArrayList<>();
            topology.wal("42").forEach(record -> seqs.add(record.seq()));
            for (int i = 1; i < seqs.size(); i++) {
                assertThat(seqs.get(i)).isEqualTo(seqs.get(i - 1) + 1);
            }
        }
    }

    /** A tenant of one of two shards. The driver has a single partition, which stands for shard 0. */
    private static String tenantOfShard(int shard) {
        for (long id = 1; ; id++) {
            if (TenantPartitions.of(TenantId.of(id), 2) == shard) {
                return Long.toString(id);
            }
        }
    }

    /** The topics may have accepted larger records when stage 1 wrote the envelope. */
    @Test
    void aSignalThatIsTooLargeForItsOutcomeIsADeadLetterAndTheOthersAreDecided() {
        try (TopologyFixture topology =
                TopologyFixture.in(dir).sizes(new RecordSizes(1_000, 2_000)).start()) {
            topology.config("42", "");
            EnvelopeWriter envelope = new EnvelopeWriter();
            envelope.add(signal(7, "{\"x\":\"%s\"}".formatted("x".repeat(1_000))));
            envelope.add(signal(8, "{}"));
            topology.pipe(BY_TENANT, new TestRecord<>(null, envelope.take(), new RecordHeaders(), T0));

            assertThat(topology.read(DEAD_LETTER))
                    .singleElement()
                    .satisfies(letter -> assertThat(TidegateHeaders.text(letter.headers(), TidegateHeaders.REASON))
                            .isEqualTo("too_large"));
            assertThat(topology.read(SIGNALS_ACCEPTED))
                    .singleElement()
                    .satisfies(accepted -> assertThat(accepted.value()).isEqualTo(bytes("{}")));
        }
    }

    private static RoutedSignal signal(long offset, String value) {
        return new RoutedSignal(
                TenantId.of(42), T0, new SourcePosition("signals", 0, offset), null, new Header[0], bytes(value), null);
    }

    @Test
    void recordsOfATenantOfAnotherShardAreDeadLettered() {
        String here = tenantOfShard(0);
        String elsewhere = tenantOfShard(1);
        try (TopologyFixture topology = TopologyFixture.in(dir).shards(2).start()) {
            topology.config(here, "");
            topology.config(elsewhere, "");

            EnvelopeWriter forged = new EnvelopeWriter();
            forged.add(new RoutedSignal(
                    TenantId.of(Long.parseLong(elsewhere)),
                    T0,
                    new SourcePosition("signals", 0, 7),
                    null,
                    new Header[0],
                    bytes("{}"),
                    null));
            topology.pipe(BY_TENANT, new TestRecord<>(null, forged.take(), new RecordHeaders(), T0));
            assertThat(topology.read(DEAD_LETTER))
                    .singleElement()
                    .satisfies(letter -> assertThat(TidegateHeaders.text(letter.headers(), TidegateHeaders.REASON))
                            .isEqualTo("malformed"));
            assertThat(topology.read(SIGNALS_ACCEPTED)).isEmpty();
            topology.pipe(
                    TENANT_COMMANDS,
                    new TestRecord<>(
                            bytes(elsewhere), bytes("{\"command\":\"delete-tenant\"}"), new RecordHeaders(), T0));
            assertThat(topology.read(QUOTA_EVENTS))
                    .singleElement()
                    .satisfies(event -> assertThat(TopologyFixture.text(event.value()))
                            .contains("command_failed")
                            .contains("must be in partition 1"));

            assertThat(topology.send(here, T0).verdict()).isEqualTo(ACCEPTED);
            assertThat(topology.wal(elsewhere)).isEmpty();
        }
    }
}
