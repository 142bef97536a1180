package io.tidegate.wal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;

import io.tidegate.tenant.TenantId;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import org.apache.kafka.common.compress.Compression;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * A scripted life of a shard (appends, flushes, checkpoints, kills, commits to Kafka) with a failure at each of its changes to
 * the disk in turn. After any failure, a restart must end with every record stored once and every sealed segment reported.
 */
@Timeout(600)
class DiskFailureTest {
    private static final int SHARD = 3;
    private static final WalSettings SETTINGS =
            new WalSettings(400, Duration.ofMillis(700), 200, 500, 1, Compression.NONE);

    @TempDir(factory = MemoryDir.class)
    Path temporary;

    /** One shard and the state of its task in Kafka: the committed offset and the committed reports. */
    private static final class Life {
        private final AcceptedTopic topic;
        private final FaultyDisk disk;
        private DataDir dir;
        private final Set<String> reported = new TreeSet<>();
        private final List<SealedSegment> uncommitted = new ArrayList<>();
        private int committed;
        private int next;
        private Shard shard;

        /** Kafka Streams forwards nothing while it restores. */
        private boolean reporting;

        Life(AcceptedTopic topic, FaultyDisk disk) {
            this.topic = topic;
            this.disk = disk;
            this.dir = new DataDir(disk.root());
        }

        /** Starts in a new process, which knows only what is on the disk. */
        void startProcess() throws IOException {
            dir = new DataDir(disk.root());
            start();
        }

        /** Like Kafka Streams, restores up to the committed offset, and then continues from there. */
        void start() throws IOException {
            shard = null;
            uncommitted.clear();
            next = committed;
            dir.lock().close();
            shard = new Shard(dir, SHARD, SETTINGS, () -> false, this::sealed);
            long resume = shard.committedOffset();
            topic.apply(shard, resume == Shard.NO_OFFSET ? 0 : (int) resume + 1, committed);
        }

        private void sealed(SealedSegment segment) {
            if (reporting) {
                uncommitted.add(segment);
            }
        }

        void step() {
            reporting = true;
            topic.apply(shard, next);
            reporting = false;
            next++;
        }

        void checkpoint() {
            if (next > 0) {
                shard.checkpoint(next - 1);
            }
        }

        void commit() {
            committed = next;
            uncommitted.forEach(segment -> reported.add(known(segment)));
            uncommitted.clear();
        }

        void script(Random random) throws IOException {
            start();
            while (next < topic.size()) {
                switch (random.nextInt(14)) {
                    case 0 -> shard.flush();
                    case 1 -> checkpoint();
                    case 2 -> commit();
                    case 3 -> {
                        if (random.nextInt(3) == 0) {
                            disk.killProcess();
                            start();
                        }
                    }
                    default -> step();
                }
            }
            finish();
        }

        void finish() {
            while (next < topic.size()) {
                step();
            }
            commit();
            checkpoint();
            shard.close();
        }

        void check(Set<String> segments, String description) throws IOException {
            for (TenantId tenant : AcceptedTopic.TENANTS) {
                assertThat(AcceptedTopic.stored(dir, tenant)).as(description).isEqualTo(topic.of(tenant));
                assertThat(new WalVerifier(dir, id -> SHARD)
                                .verify(tenant, bytes -> {})
                                .damage())
                        .as(description)
                        .isEmpty();
            }
            assertThat(reported).as(description).isEqualTo(segments);
        }
    }

    private static String known(SealedSegment segment) {
        return "%s %d to %d, crc %x".formatted(segment.tenant(), segment.firstSeq(), segment.lastSeq(), segment.crc());
    }

    /** The reports of a life without failures. */
    private Set<String> segments(AcceptedTopic topic) throws IOException {
        Life life = new Life(topic, new FaultyDisk(Files.createDirectory(temporary.resolve("undisturbed"))));
        life.start();
        life.finish();
        assertThat(life.reported).hasSizeGreaterThan(8);
        return life.reported;
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 2})
    void losesAndRepeatsNothingWhenThePowerFailsAtAnyChange(long seed) throws IOException {
        AcceptedTopic topic = AcceptedTopic.random(seed, 90);
        Set<String> segments = segments(topic);
        int at = 1;
        for (boolean reached = true; reached; at++) {
            String description = "seed %d, change %d".formatted(seed, at);
            FaultyDisk disk = new FaultyDisk(Files.createDirectory(temporary.resolve("run-" + at)));
            Life life = new Life(topic, disk);
            disk.breakAt(at, true);
            Throwable thrown = catchThrowable(() -> life.script(new Random(seed)));
            reached = disk.broke();
            assertThat(thrown != null).as(description).isEqualTo(reached);
            if (reached) {
                disk.losePower(new Random(seed * 1000 + at));
                life.start();
                life.finish();
            }
            life.check(segments, description);
        }
        assertThat(at).as("changes").isGreaterThan(100);
    }

    /**
     * The writes of a killed process may be in memory only: its successor must not regard them as durable, not even if the
     * process could note nothing after a failed fsync.
     */
    @ParameterizedTest
    @CsvSource({"11, false", "12, false", "13, true", "14, true"})
    void promisesOnlyDurableRecordsEvenInFilesThatAKilledProcessWrote(long seed, boolean atOnce) throws IOException {
        AcceptedTopic topic = AcceptedTopic.random(seed, 60);
        Set<String> segments = segments(topic);
        int at = 1;
        for (boolean reached = true; reached; at++) {
            Random random = new Random(seed * 1000 + at);
            String description = "seed %d, killed at change %d".formatted(seed, at);
            FaultyDisk disk = new FaultyDisk(Files.createDirectory(temporary.resolve("run-" + at)));
            Life life = new Life(topic, disk);
            disk.breakAt(at, atOnce);
            Throwable thrown = catchThrowable(() -> life.script(new Random(seed)));
            reached = disk.broke();
            assertThat(thrown != null).as(description).isEqualTo(reached);
            if (reached) {
                disk.killProcess();
                life.startProcess();
                for (int more = 1 + random.nextInt(40); more > 0 && life.next < topic.size(); more--) {
                    life.step();
                }
                life.commit();
                // A checkpoint that was renamed before the kill is not written again. Its loss is harmless: more is
                // read again.
                boolean writes = life.shard.committedOffset() != life.next - 1;
                life.checkpoint();
                disk.losePower(random);
                if (writes) {
                    assertThat(new Shard(life.dir, SHARD, SETTINGS).committedOffset())
                            .as(description)
                            .isEqualTo(life.committed - 1);
                }
                life.start();
                life.finish();
            }
            life.check(segments, description);
        }
        assertThat(at).as("changes").isGreaterThan(100);
    }

    @ParameterizedTest
    @ValueSource(longs = {21})
    void rejectsAllWorkAfterAFailureAndRecoversAtTheNextStart(long seed) throws IOException {
        AcceptedTopic topic = AcceptedTopic.random(seed, 60);
        Set<String> segments = segments(topic);
        int at = 1;
        int rejections = 0;
        for (boolean reached = true; reached; at++) {
            String description = "seed %d, change %d".formatted(seed, at);
            FaultyDisk disk = new FaultyDisk(Files.createDirectory(temporary.resolve("run-" + at)));
            Life life = new Life(topic, disk);
            disk.breakAt(at, false);
            Throwable thrown = catchThrowable(() -> life.script(new Random(seed)));
            reached = disk.broke();
            if (reached) {
                assertThat(thrown)
                        .as(description)
                        .isInstanceOfSatisfying(
                                WalException.class, e -> assertThat(e.mayPass()).isTrue());
                Shard failed = life.shard;
                if (failed != null) {
                    rejections++;
                    assertThatThrownBy(() -> topic.apply(failed, 0)).isSameAs(thrown);
                    assertThatThrownBy(failed::flush).isSameAs(thrown);
                    assertThatThrownBy(() -> failed.checkpoint(topic.size())).isSameAs(thrown);
                    failed.close();
                }
                life.start();
                life.finish();
            }
            life.check(segments, description);
        }
        assertThat(rejections).isGreaterThan(100);
    }

    @Test
    void writesNoCheckpointWhenTheFilesBelowItCouldNotBeSynced() throws IOException {
        AcceptedTopic topic = AcceptedTopic.of(AcceptedTopic.SECOND, 3);
        FaultyDisk disk = new FaultyDisk(temporary);
        DataDir dir = new DataDir(disk.root());
        Shard shard = new Shard(dir, SHARD, AcceptedTopic.settings(1000));
        topic.apply(shard, 0, 1);
        shard.checkpoint(0);
        topic.apply(shard, 1, 3);
        shard.flush();
        disk.breakAt(1, false);

        assertThatThrownBy(() -> shard.checkpoint(2)).isInstanceOf(WalException.class);

        assertThatThrownBy(() -> shard.checkpoint(2)).isInstanceOf(WalException.class);
        shard.close();
        assertThat(new Shard(dir, SHARD, AcceptedTopic.settings(1000)).committedOffset())
                .isZero();
    }
}
