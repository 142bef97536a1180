package io.tidegate.wal;

import static io.tidegate.wal.AcceptedTopic.FIRST;
import static io.tidegate.wal.AcceptedTopic.TENANTS;
import static io.tidegate.wal.AcceptedTopic.stored;
import static org.assertj.core.api.Assertions.assertThat;

import io.tidegate.tenant.TenantId;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.apache.kafka.common.compress.Compression;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Segments begin at the marks, so that all copies have the same ones. */
class SealingTest {
    private static final int SHARD = 0;

    @TempDir
    Path root;

    private List<SealedSegment> sealed(AcceptedTopic topic, WalSettings settings) {
        List<SealedSegment> sealed = new ArrayList<>();
        try (Shard shard = new Shard(new DataDir(root), SHARD, settings, () -> false, sealed::add)) {
            for (int offset = 0; offset < topic.size(); offset++) {
                topic.apply(shard, offset);
            }
        }
        return sealed;
    }

    @Test
    void sealsWithTheRecordThatBeginsTheNextSegment() throws IOException {
        AcceptedTopic topic = AcceptedTopic.of(FIRST, 7);

        List<SealedSegment> sealed = sealed(topic, AcceptedTopic.settings(300));

        assertThat(sealed)
                .extracting(SealedSegment::firstSeq, SealedSegment::lastSeq, SealedSegment::sealedAtMs)
                .containsExactly(tuple(0, 2, 3), tuple(3, 5, 6));
        assertThat(sealed.get(0).bytes()).isEqualTo(300);
        assertThat(sealed.get(0).records()).isEqualTo(3);
    }

    @Test
    void sealsByAgeInTheTimeOfTheRecordsBeforeTheOneThatIsTooYoung() {
        AcceptedTopic topic = new AcceptedTopic();
        for (long timestampMs : new long[] {5000, 5999, 4000, 6000, 5500, 7000}) {
            topic.add(FIRST, timestampMs, null, "v");
        }

        assertThat(sealed(topic, AcceptedTopic.settings(1 << 20)))
                .extracting(SealedSegment::firstSeq, SealedSegment::lastSeq, SealedSegment::sealedAtMs)
                .containsExactly(tuple(0, 2, 6000), tuple(3, 4, 7000));
    }

    @Test
    void reportsTheSameSegmentsAgainIfTheirRecordsComeAgain() throws IOException {
        AcceptedTopic topic = new AcceptedTopic();
        topic.add(FIRST, 0, null, "v");
        topic.add(FIRST, 1000, null, "x".repeat(500));
        topic.add(FIRST, 1001, null, "w");
        List<SealedSegment> first = sealed(topic, AcceptedTopic.settings(400));

        List<SealedSegment> again = new ArrayList<>();
        try (Shard shard = new Shard(new DataDir(root), SHARD, AcceptedTopic.settings(400), () -> false, again::add)) {
            topic.apply(shard, 1);
            topic.apply(shard, 2);
        }

        assertThat(first).extracting(SealedSegment::firstSeq).containsExactly(0L, 1L);
        assertThat(again).isEqualTo(first);
    }

    @Test
    void reportsASegmentAgainIfTheRecordThatSealedItWasTruncated() throws IOException {
        AcceptedTopic topic = new AcceptedTopic();
        topic.add(FIRST, 0, null, "v");
        topic.add(FIRST, 1000, null, "w");
        List<SealedSegment> first = sealed(topic, AcceptedTopic.settings(400));
        Files.write(root.resolve("wal").resolve(new SegmentName(1, SHARD).fileName()), new byte[0]);

        List<SealedSegment> again = new ArrayList<>();
        try (Shard shard = new Shard(new DataDir(root), SHARD, AcceptedTopic.settings(400), () -> false, again::add)) {
            topic.apply(shard, 1);
        }

        assertThat(again).isEqualTo(first).hasSize(1);
        assertThat(stored(new DataDir(root), FIRST)).isEqualTo(topic.of(FIRST));
    }

    @ParameterizedTest
    @Timeout(600)
    @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8})
    void rollsTheSameSegmentsWheneverFlushesCheckpointsRestartsAndReplaysHappen(long seed) throws IOException {
        Random random = new Random(seed);
        AcceptedTopic topic = AcceptedTopic.random(seed, 400);
        long segmentBytes = 100L + random.nextInt(600);
        Duration age = Duration.ofMillis(200 + random.nextInt(3000));

        WalSettings marks = WalSettings.of(segmentBytes, age, 1, Compression.NONE);

        Copy plain = new Copy("plain", topic, marks, segmentBytes, Compression.NONE);
        plain.applyAll(new Random(0), 1000);
        // Its own segment size differs, which must not matter.
        Copy restless = new Copy(
                "restless", topic, marks, 3 * segmentBytes, Compression.lz4().build());
        restless.applyAll(random, 12);

        String description = "seed %d".formatted(seed);
        assertThat(plain.reports).as(description).hasSizeGreaterThan(10);
        assertThat(restless.reports).as(description).isEqualTo(plain.reports);
        assertThat(restless.segments()).as(description).isEqualTo(plain.segments());
        for (TenantId tenant : TENANTS) {
            assertThat(stored(restless.dir, tenant)).as(description).isEqualTo(topic.of(tenant));
        }
    }

    private static org.assertj.core.groups.Tuple tuple(long first, long last, long at) {
        return org.assertj.core.groups.Tuple.tuple(first, last, at);
    }

    /** One copy of the topic's WAL, and its reports. */
    private final class Copy {
        private final AcceptedTopic topic;
        private final DataDir dir;
        private final long segmentBytes;
        private final WalSettings marks;
        private final Compression compression;
        private final Set<String> reports = new TreeSet<>();

        Copy(String name, AcceptedTopic topic, WalSettings marks, long segmentBytes, Compression compression) {
            this.topic = topic;
            this.dir = new DataDir(root.resolve(name));
            this.segmentBytes = segmentBytes;
            this.marks = marks;
            this.compression = compression;
        }

        private Shard open(Random random) {
            return new Shard(
                    dir,
                    SHARD,
                    new WalSettings(
                            segmentBytes,
                            marks.segmentAge(),
                            1 + random.nextInt(500),
                            random.nextInt(2000),
                            1,
                            compression),
                    () -> false,
                    segment -> reports.add("%s %d to %d, crc %x"
                            .formatted(segment.tenant(), segment.firstSeq(), segment.lastSeq(), segment.crc())));
        }

        /** Appends all records; after about one in {@code calm}, flushes, checkpoints or restarts. */
        void applyAll(Random random, int calm) {
            Shard shard = open(random);
            int restarts = 30;
            for (int offset = 0; offset < topic.size(); offset++) {
                shard.append(topic.tenant(offset), topic.recordAt(offset), topic.beginsSegment(marks, offset));
                switch (random.nextInt(calm)) {
                    case 0 -> shard.flush();
                    case 1 -> shard.checkpoint(offset);
                    case 2 -> {
                        if (restarts-- <= 0) {
                            break;
                        }
                        if (random.nextBoolean()) {
                            shard.close();
                        }
                        // Otherwise a kill: pending records are applied again.
                        shard = open(random);
                        offset = random.nextInt(5) == 0
                                ? -1
                                : (int) Math.max(-1, Math.min(offset, shard.committedOffset()));
                    }
                    default -> {}
                }
            }
            shard.close();
        }

        /** Each file with its records, however they are batched. */
        Map<String, List<String>> segments() throws IOException {
            Map<String, List<String>> segments = new TreeMap<>();
            for (TenantId tenant : dir.tenants()) {
                for (SegmentName name : dir.segments(tenant)) {
                    List<String> records = new ArrayList<>();
                    Path path = dir.walOf(tenant).resolve(name.fileName());
                    try (SegmentReader reader = new SegmentReader(tenant, name, path)) {
                        for (var batch = reader.next(); batch != null; batch = reader.next()) {
                            batch.records().forEach(record -> records.add(AcceptedTopic.text(record)));
                        }
                    } catch (BadBatchException e) {
                        throw new AssertionError(path.toString(), e);
                    }
                    segments.put(dir.root().relativize(path).toString(), records);
                }
            }
            return segments;
        }
    }
}
