package io.tidegate.topologytests.broker;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.tidegate.demo.EmbeddedBroker;
import io.tidegate.tenant.TenantId;
import io.tidegate.topologytests.cli.RecommendedCommand;
import io.tidegate.topologytests.support.Deployment;
import io.tidegate.topologytests.support.TidegateProcess;
import io.tidegate.wal.DataDir;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.serialization.StringSerializer;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Data of an instance that is removed or damaged: the instance stops with a remedy, or repairs the data. */
@Timeout(value = 15, unit = TimeUnit.MINUTES)
@Tag("long")
final class WalGuardTest {
    private static final int SIGNALS = 600;

    /** The exit code of a process after SIGTERM: 128 + 15. */
    private static final int SIGTERM = 143;

    @TempDir
    static Path brokerDir;

    private static EmbeddedBroker broker;
    private static Admin admin;
    private static int deployments;

    @TempDir
    Path temp;

    private String name;
    private Deployment app;

    @BeforeAll
    static void startBroker() throws Exception {
        broker = EmbeddedBroker.start(brokerDir, 0, Map.of());
        admin = Admin.create(Map.of("bootstrap.servers", broker.bootstrapServers()));
    }

    @AfterAll
    static void stopBroker() {
        admin.close();
        broker.close();
    }

    @BeforeEach
    void writeSomething() throws Exception {
        name = "guard-" + ++deployments;
        app = new Deployment(broker.bootstrapServers(), name, temp);
        TidegateProcess instance = app.start("a");
        app.send(SIGNALS, i -> "{\"n\":%d,\"pad\":\"%s\"}".formatted(i, "x".repeat(80)));
        app.verify("a");
        assertThat(instance.terminate()).as(instance::logText).isEqualTo(SIGTERM);
    }

    @AfterEach
    void stopAll() {
        app.close();
    }

    @Test
    void aDamagedSegmentIsRebuiltFromTheTopic() throws Exception {
        DataDir dir = new DataDir(Path.of(app.dataDir("a")));
        Path segment = dir.walOf(TenantId.DEFAULT)
                .resolve(dir.segments(TenantId.DEFAULT).first().fileName());
        byte[] right = Files.readAllBytes(segment);
        byte[] wrong = right.clone();
        wrong[right.length / 2] ^= 1;
        Files.write(segment, wrong);
        assertThat(app.quick("wal", "verify", "--data-dir", app.dataDir("a")).exit())
                .isEqualTo(3);

        var repaired = app.tidegate("wal", "verify", "--repair", "--data-dir", app.dataDir("a"));

        assertThat(repaired.exit()).as(repaired.out() + repaired.err()).isZero();
        assertThat(repaired.err())
                .contains("REPAIRED tenant t0, sequence numbers 0 to ")
                .doesNotContain("no longer has its beginning");
        assertThat(repaired.out()).contains("clean");
        app.start("a");
        app.send(10, i -> "{}");
        assertThat(app.verify("a").at("/tenants/0/in_wal").asLong()).isEqualTo(SIGNALS + 10);
        var running = app.tidegate("wal", "verify", "--repair", "--data-dir", app.dataDir("a"));
        assertThat(running.exit()).isNotZero();
        assertThat(running.err()).contains("is in use by process");
    }

    @Test
    void doesNotStartWithoutItsOffsetsUntilTheyAreReset() throws Exception {
        Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>(admin.listStreamsGroupOffsets(
                        Map.of(name, new org.apache.kafka.clients.admin.ListStreamsGroupOffsetsSpec()))
                .partitionsToOffsetAndMetadata(name)
                .get());
        offsets.keySet().removeIf(partition -> !partition.topic().equals(app.signals()));
        assertThat(offsets).isNotEmpty();
        admin.deleteStreamsGroupOffsets(name, offsets.keySet()).all().get();

        TidegateProcess rejected = app.launch("a");

        assertThat(rejected.awaitExit()).as(rejected::logText).isNotZero();
        assertThat(rejected.logText())
                .contains("the group %1$s has no committed offsets of %1$s.signals".formatted(name))
                .contains("tidegate reset --topic %s.signals --to-latest".formatted(name));
        RecommendedCommand.run(temp, RecommendedCommand.in(rejected.logText(), "tidegate reset"), app.connection());
        app.start("a");
        app.send(10, i -> "{}");
        assertThat(app.verify("a").at("/tenants/0/in_wal").asLong()).isEqualTo(SIGNALS + 10);
    }

    @Test
    void doesNotStartOnAnInnerTopicThatAVersionWithThreeStagesWrote() throws Exception {
        long offset = writeByTenant(new RecordHeaders().add("tidegate.source", "signals/0/1".getBytes(UTF_8)));

        TidegateProcess rejected = app.launch("a");

        assertThat(rejected.awaitExit()).as(rejected::logText).isNotZero();
        assertThat(rejected.logText())
                .contains(
                        "%s-0 has a signal without an envelope at offset %d".formatted(app.topic("by-tenant"), offset))
                .contains("Start that version again until its lag is 0");
    }

    @Test
    void aForeignRecordInTheInnerTopicIsADeadLetterAndStopsNoStart() throws Exception {
        writeByTenant(new RecordHeaders());

        app.start("a");

        app.send(10, i -> "{}");
        awaitRecords(SIGNALS + 10);
        TidegateProcess.await(Deployment.TAKES_EFFECT_WITHIN, "the dead letter", app::logs, () -> deadLetters() > 0);
    }

    private long deadLetters() {
        try {
            return admin
                    .listOffsets(Map.of(
                            new TopicPartition(app.topic("dead-letter"), 0),
                            OffsetSpec.latest(),
                            new TopicPartition(app.topic("dead-letter"), 1),
                            OffsetSpec.latest()))
                    .all()
                    .get()
                    .values()
                    .stream()
                    .mapToLong(end -> end.offset())
                    .sum();
        } catch (Exception e) {
            throw new AssertionError(e);
        }
    }

    private void awaitRecords(long count) throws InterruptedException {
        TidegateProcess.await(Deployment.TAKES_EFFECT_WITHIN, "the records in the WAL", app::logs, () -> {
            try {
                return app.quick("wal", "cat", "0", "--data-dir", app.dataDir("a"))
                                .out()
                                .lines()
                                .count()
                        == count;
            } catch (Exception e) {
                throw new AssertionError(e);
            }
        });
    }

    /** Writes a single signal of tenant 0 to the inner topic, and returns its offset. */
    private long writeByTenant(Headers headers) throws Exception {
        try (var producer = new KafkaProducer<>(
                Map.<String, Object>of("bootstrap.servers", broker.bootstrapServers()),
                new StringSerializer(),
                new StringSerializer())) {
            return producer.send(new ProducerRecord<>(app.topic("by-tenant"), 0, null, "0", "{}", headers))
                    .get(30, TimeUnit.SECONDS)
                    .offset();
        }
    }

    @Test
    void aDataDirectoryOfAnEarlierFormatIsRejectedWithARemedy() throws Exception {
        Path identity = Path.of(app.dataDir("a")).resolve(".tidegate/identity");
        Files.writeString(identity, Files.readString(identity).replace("format=2", "format=1"));

        TidegateProcess rejected = app.launch("a");

        assertThat(rejected.awaitExit()).as(rejected::logText).isNotZero();
        assertThat(rejected.logText())
                .contains("has format 1, and this version of Tidegate works with format 2")
                .contains("set data.dir to an empty directory");
        Files.move(Path.of(app.dataDir("a")), temp.resolve("moved-away"));
        app.start("a");
        app.send(10, i -> "{}");
        assertThat(app.verify("a").at("/tenants/0/in_wal").asLong()).isEqualTo(SIGNALS + 10);
    }

    @Test
    void aDamagedStateStoreStopsTheStartWithARemedyThatWorks() throws Exception {
        Path state = new DataDir(Path.of(app.dataDir("a"))).streamsState();
        assertThat(truncateFilesOfStores(state, "CURRENT")).isPositive();

        TidegateProcess rejected = app.launch("a");

        assertThat(rejected.awaitExit()).as(rejected::logText).isEqualTo(3);
        startsAgainAfter(rejected, state);
    }

    @Test
    void aStateStoreThatIsDamagedWhileItIsReadEndsTheInstanceAtOnce() throws Exception {
        Path state = new DataDir(Path.of(app.dataDir("a"))).streamsState();
        TidegateProcess instance =
                app.start("a", "--set", "kafka.rocksdb.config.setter=" + TinyMemtables.class.getName());
        app.send(1, i -> "{}");
        TidegateProcess.await(
                Deployment.TAKES_EFFECT_WITHIN,
                "files of the stores",
                app::logs,
                () -> truncateFilesOfStores(state, ".sst") > 0);

        while (instance.isAlive()) {
            app.send(10, i -> "{}");
            truncateFilesOfStores(state, ".sst");
        }

        assertThat(instance.awaitExit()).as(instance::logText).isEqualTo(3);
        assertThat(instance.logText()).doesNotContain("a thread failed");
        startsAgainAfter(instance, state);
    }

    /** Runs the remedy of the last line, and checks that no signal is missing or duplicated. */
    private void startsAgainAfter(TidegateProcess ended, Path state) throws Exception {
        String last = ended.logText().lines().reduce("", (before, line) -> line);
        assertThat(last)
                .contains("stopped: the state in %s is damaged: ".formatted(state))
                .contains("Move this directory away (keep it), and start the instance again");
        Files.move(state, temp.resolve("moved-away"));
        app.start("a");
        app.send(10, i -> "{}");
        assertThat(app.verify("a").at("/tenants/0/in_wal").asLong()).isGreaterThanOrEqualTo(SIGNALS + 10);
    }

    private static long truncateFilesOfStores(Path state, String name) {
        try (Stream<Path> walk = Files.walk(state)) {
            List<Path> files = walk.filter(file -> file.getFileName().toString().contains(name))
                    .toList();
            for (Path file : files) {
                try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
                    channel.truncate(channel.size() / 2);
                }
            }
            return files.size();
        } catch (IOException | UncheckedIOException e) {
            // RocksDB deletes files meanwhile.
            return 0;
        }
    }

    @Test
    void recordsDeletedBelowTheCheckpointAreNotMissed() throws Exception {
        var dir = new DataDir(Path.of(app.dataDir("a")));
        Map<TopicPartition, RecordsToDelete> below = new HashMap<>();
        dir.appliedOffsets()
                .forEach((shard, offset) -> below.put(
                        new TopicPartition(app.topic("accepted"), shard), RecordsToDelete.beforeOffset(offset + 1)));
        admin.deleteRecords(below).all().get();

        app.start("a");

        app.send(10, i -> "{}");
        awaitRecords(SIGNALS + 10);
    }
}
