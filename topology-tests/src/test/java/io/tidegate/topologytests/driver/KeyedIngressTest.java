package io.tidegate.topologytests.driver;

import static io.tidegate.topologytests.driver.TopologyFixture.ACCEPTED;
import static io.tidegate.topologytests.driver.TopologyFixture.BY_TENANT;
import static io.tidegate.topologytests.driver.TopologyFixture.DEAD_LETTER;
import static io.tidegate.topologytests.driver.TopologyFixture.QUOTA_EVENTS;
import static io.tidegate.topologytests.driver.TopologyFixture.QUOTA_EXCEEDED;
import static io.tidegate.topologytests.driver.TopologyFixture.SIGNALS;
import static io.tidegate.topologytests.driver.TopologyFixture.SIGNALS_ACCEPTED;
import static io.tidegate.topologytests.driver.TopologyFixture.T0;
import static io.tidegate.topologytests.driver.TopologyFixture.TENANT_COMMANDS;
import static io.tidegate.topologytests.driver.TopologyFixture.WAL_SEGMENTS;
import static io.tidegate.topologytests.driver.TopologyFixture.record;
import static io.tidegate.topologytests.driver.TopologyFixture.text;
import static org.assertj.core.api.Assertions.assertThat;

import io.tidegate.contract.Envelope;
import io.tidegate.contract.RoutedSignal;
import io.tidegate.contract.StateKeys;
import io.tidegate.contract.TenantPartitions;
import io.tidegate.contract.TidegateHeaders;
import io.tidegate.tenant.TenantId;
import io.tidegate.topologytests.driver.TopologyFixture.Setup;
import io.tidegate.wal.WalRecord;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.TopologyDescription;
import org.apache.kafka.streams.TopologyDescription.Node;
import org.apache.kafka.streams.TopologyDescription.Subtopology;
import org.apache.kafka.streams.test.TestRecord;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Both stages in one task, with signals in their tenant's partition and in other ones.
 *
 * <p>In the driver all topics have one partition, so this is the task of shard 0. A second topology represents the tasks of the
 * other partitions; the test hands its envelopes to the first.
 */
@Timeout(600)
final class KeyedIngressTest {
    private static final int SHARDS = 4;
    private static final List<String> HERE = ofShard(0, 5);
    private static final List<String> ELSEWHERE = ofShard(1, 3);
    private static final List<String> ENDS =
            List.of(SIGNALS_ACCEPTED, QUOTA_EXCEEDED, DEAD_LETTER, WAL_SEGMENTS, QUOTA_EVENTS);

    @TempDir(factory = MemoryDir.class)
    private Path dir;

    private TopologyFixture keyed;
    private TopologyFixture otherTask;

    private static List<String> ofShard(int shard, int count) {
        return LongStream.iterate(1, id -> id + 1)
                .filter(id -> TenantPartitions.of(TenantId.of(id), SHARDS) == shard)
                .limit(count)
                .mapToObj(Long::toString)
                .toList();
    }

    @BeforeEach
    void start() {
        keyed = setup("keyed").keyed(true).start();
        otherTask = setup("other").start();
    }

    @AfterEach
    void stop() {
        keyed.close();
        otherTask.close();
    }

    private Setup setup(String name) {
        return TopologyFixture.in(dir.resolve(name)).shards(SHARDS).segmentBytes(1_500);
    }

    /** Sends a signal to a partition of another tenant: that partition's task routes it, and this one reads the envelope. */
    private void sendElsewhere(TestRecord<byte[], byte[]> signal) {
        otherTask.pipe(SIGNALS, signal);
        otherTask.read(BY_TENANT).forEach(envelope -> keyed.pipe(BY_TENANT, envelope));
    }

    private void sendAnywhere(Random random, TestRecord<byte[], byte[]> signal) {
        if (random.nextBoolean()) {
            keyed.pipe(SIGNALS, signal);
        } else {
            sendElsewhere(signal);
        }
    }

    /** A signal's stored size includes its offset, so all offsets must have the same number of digits. */
    private static void takeOffsetsBelow100(TopologyFixture topology) {
        for (int i = 0; i < 100; i++) {
            topology.pipe(SIGNALS, record("filler").now());
        }
        topology.read(DEAD_LETTER);
    }

    /** All outputs, without the source position of each signal, which depends on its partition. */
    private static List<String> read(TopologyFixture topology) {
        topology.awaitReports();
        List<String> all = new ArrayList<>();
        for (String end : ENDS) {
            for (TestRecord<byte[], byte[]> one : topology.read(end)) {
                String headers = TopologyFixture.lines(one.headers()).stream()
                        .filter(line -> !line.startsWith("tidegate.source"))
                        .collect(Collectors.joining(" "));
                all.add("%s %s %s %d %s".formatted(end, text(one.key()), text(one.value()), one.timestamp(), headers));
            }
        }
        return all;
    }

    private static List<String> withoutChecksums(List<String> lines) {
        return lines.stream()
                .map(line -> line.replaceAll("\"crc\":\"\\w+\"", ""))
                .toList();
    }

    /** Signals of several tenants with all kinds of limits, late and invalid ones, unknown tenants, commands, config changes. */
    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4, 5})
    void signalsInAnyPartitionGetTheDecisionsOfOnePartition(long seed) {
        Random random = new Random(seed);
        long nowMs = T0;
        try (TopologyFixture reference = setup("reference").start()) {
            List.of(reference, keyed, otherTask).forEach(KeyedIngressTest::takeOffsetsBelow100);
            for (int i = 0; i < 600; i++) {
                nowMs += random.nextInt(12) == 0 ? -random.nextInt(5_000) : random.nextInt(300);
                String tenant = HERE.get(random.nextInt(HERE.size()));
                int kind = i < HERE.size() ? 0 : random.nextInt(40);
                if (kind == 0) {
                    String fields = "\"max_signals_per_sec\":%d,\"max_entities\":%d,\"max_storage_bytes\":%d"
                            .formatted(random.nextInt(6), random.nextInt(20), random.nextInt(30_000));
                    String owner = i < HERE.size() ? HERE.get(i) : tenant;
                    List.of(reference, keyed, otherTask).forEach(one -> one.config(owner, fields));
                } else if (kind == 1) {
                    TestRecord<byte[], byte[]> command = record(
                                    "{\"command\":\"prune-wal\",\"below_seq\":%d}".formatted(random.nextInt(40)))
                            .key(tenant)
                            .header(TidegateHeaders.COMMAND_ID, "c" + i)
                            .at(nowMs);
                    reference.pipe(TENANT_COMMANDS, command);
                    keyed.pipe(TENANT_COMMANDS, command);
                } else if (kind == 2) {
                    TestRecord<byte[], byte[]> rubbish = record("rubbish " + i).at(nowMs);
                    reference.pipe(SIGNALS, rubbish);
                    keyed.pipe(SIGNALS, rubbish);
                } else {
                    TestRecord<byte[], byte[]> signal = TopologyFixture.signal(
                            tenant,
                            nowMs,
                            "\"n\":" + i,
                            "\"item\":" + random.nextInt(15),
                            "\"user\":" + random.nextInt(5));
                    reference.pipe(SIGNALS, signal);
                    sendAnywhere(random, signal);
                }
            }

            List<String> expected = read(reference);
            assertThat(withoutChecksums(read(keyed))).as("seed %d", seed).isEqualTo(withoutChecksums(expected));
            assertThat(expected)
                    .as("seed %d reaches every end", seed)
                    .extracting(line -> line.substring(0, line.indexOf(' ')))
                    .contains(ENDS.toArray(String[]::new));
            for (String tenant : HERE) {
                assertThat(keyed.wal(tenant))
                        .as("seed %d, WAL of %s", seed, tenant)
                        .usingRecursiveComparison()
                        .ignoringFields("headers")
                        .isEqualTo(reference.wal(tenant));
            }
        }
    }

    @Test
    void aSignalThatBelongsElsewhereTakesTheInnerTopicAndLeavesNothingHere() {
        for (String tenant : ELSEWHERE) {
            keyed.config(tenant, "");
            keyed.pipe(SIGNALS, TopologyFixture.signal(tenant, T0, "\"item\":\"a\""));

            List<RoutedSignal> sent = keyed.read(BY_TENANT).stream()
                    .flatMap(envelope -> Envelope.read(envelope.value()).stream())
                    .toList();
            assertThat(sent)
                    .as("tenant %s", tenant)
                    .extracting(signal -> signal.tenant().decimal())
                    .containsExactly(tenant);
            assertThat(keyed.read(SIGNALS_ACCEPTED)).as("tenant %s", tenant).isEmpty();
            assertThat(keyed.<Bytes>store(StateKeys.USAGE).get(StateKeys.usage(TenantId.parse(tenant))))
                    .as("usage of tenant %s", tenant)
                    .isNull();
            assertThat(keyed.<Bytes>store(StateKeys.ENTITIES).all().hasNext())
                    .as("entities of tenant %s", tenant)
                    .isFalse();
        }
    }

    @Test
    void aSignalInItsTenantsPartitionIsNotSentToTheInnerTopic() {
        String tenant = HERE.get(0);
        keyed.config(tenant, "");

        assertThat(keyed.verdicts(3, tenant, T0)).containsOnly(ACCEPTED);

        assertThat(keyed.read(BY_TENANT)).isEmpty();
        assertThat(keyed.wal(tenant)).extracting(WalRecord::seq).containsExactly(0L, 1L, 2L);
    }

    /** After an outage the partitions are read one after the other, the tenant's own one first. */
    @Test
    void aBacklogBelowItsRateIsAcceptedWhicheverPartitionIsReadFirst() {
        String tenant = HERE.get(0);
        int partitions = 8;
        int perSecond = 9;
        keyed.config(tenant, "\"max_signals_per_sec\":10");
        for (int partition = 0; partition < partitions; partition++) {
            int residue = partition;
            List<TestRecord<byte[], byte[]>> signals = IntStream.range(0, 40 * perSecond)
                    .filter(i -> i % partitions == residue)
                    .mapToObj(i -> TopologyFixture.signal(tenant, T0 + i * 1_000L / perSecond))
                    .toList();
            if (partition == 0) {
                signals.forEach(signal -> keyed.pipe(SIGNALS, signal));
            } else {
                signals.forEach(this::sendElsewhere);
            }
        }

        assertThat(keyed.read(QUOTA_EXCEEDED)).isEmpty();
        assertThat(keyed.read(SIGNALS_ACCEPTED)).hasSize(40 * perSecond);
    }

    /** Otherwise an instance could not use its local state after a change of the setting. */
    @Test
    void theTasksThatDecideHaveTheSameIdsWithBothSettings() {
        assertThat(idOfAdmit(keyed)).isEqualTo(idOfAdmit(otherTask));
        assertThat(keyed.subtopologies()).hasSize(1);
        assertThat(otherTask.subtopologies()).hasSize(2);
    }

    private static int idOfAdmit(TopologyFixture topology) {
        return topology.subtopologies().stream()
                .filter(one -> one.nodes().stream()
                        .anyMatch(node -> node instanceof TopologyDescription.Source source
                                && source.topicSet().contains(BY_TENANT)))
                .mapToInt(Subtopology::id)
                .findFirst()
                .orElseThrow(() -> new AssertionError("no stage reads " + BY_TENANT
                        + topology.subtopologies().stream()
                                .flatMap(one -> one.nodes().stream())
                                .map(Node::name)
                                .toList()));
    }
}
