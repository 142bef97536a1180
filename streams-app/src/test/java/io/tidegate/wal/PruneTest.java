package io.tidegate.wal;

import static io.tidegate.wal.AcceptedTopic.FIRST;
import static io.tidegate.wal.AcceptedTopic.LAST;
import static io.tidegate.wal.AcceptedTopic.SECOND;
import static io.tidegate.wal.AcceptedTopic.stored;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import io.tidegate.tenant.TenantId;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.stream.LongStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Segments that are entirely below a sequence number are removed, others stay, and the log continues with its next number. */
class PruneTest {
    private static final int SHARD = 3;

    /** Three records of 100 bytes in each segment. */
    private static final WalSettings SETTINGS = AcceptedTopic.settings(300);

    @TempDir(factory = MemoryDir.class)
    Path root;

    private DataDir dir;

    @BeforeEach
    void dataDir() {
        dir = new DataDir(root);
    }

    private Shard open() {
        return new Shard(dir, SHARD, SETTINGS);
    }

    private List<Long> starts(TenantId tenant) throws IOException {
        return dir.segments(tenant).stream().map(SegmentName::firstSeq).toList();
    }

    private static List<WalVerifier.Damage> damage(DataDir dir, TenantId tenant) throws IOException {
        return new WalVerifier(dir, id -> SHARD).verify(tenant, bytes -> {}).damage();
    }

    /** Eight records: segments of 0 to 2, 3 to 5, and 6 to 7, which is not full. */
    @ParameterizedTest
    @CsvSource({"0, 0 3 6", "2, 0 3 6", "3, 3 6", "5, 3 6", "6, 6", "7, 6", "8, ''", "9, ''", "9223372036854775807, ''"
    })
    void removesTheSegmentsWhoseRecordsAreAllBelowTheSequenceNumber(long below, String left) throws IOException {
        AcceptedTopic topic = AcceptedTopic.of(SECOND, 12);
        List<Long> expected = left.isEmpty()
                ? List.of()
                : List.of(left.split(" ")).stream().map(Long::valueOf).toList();
        try (Shard shard = open()) {
            topic.apply(shard, 0, 8);
            shard.prune(SECOND, below);
            shard.flush(); // the first batch creates the file of the last segment
            assertThat(starts(SECOND)).as("until a checkpoint says so").containsExactly(0L, 3L, 6L);
            shard.checkpoint(8);
            assertThat(starts(SECOND)).isEqualTo(expected);
            assertThat(damage(dir, SECOND)).isEmpty();
            topic.apply(shard, 8, 12);
        }

        int begin = expected.isEmpty() ? 8 : Math.toIntExact(expected.get(0));
        assertThat(stored(dir, SECOND)).isEqualTo(topic.of(SECOND).subList(begin, 12));
    }

    @Test
    void continuesWithItsNextNumberInANewSegmentAfterARestartWithNoFileLeft() throws IOException {
        AcceptedTopic topic = AcceptedTopic.of(SECOND, 12).prunedBelow(SECOND, 8);
        try (Shard shard = open()) {
            topic.apply(shard, 0, 8);
            shard.prune(SECOND, 8);
            shard.checkpoint(8);
        }
        assertThat(root.resolve("tenants/42")).doesNotExist();
        assertThat(root.resolve("tenants")).isEmptyDirectory();
        assertThat(damage(dir, SECOND)).isEmpty();
        assertThat(new WalVerifier(dir, null).tenants()).isEmpty();

        try (Shard shard = open()) {
            topic.apply(shard, 5, 12);
        }

        assertThat(stored(dir, SECOND)).isEqualTo(topic.of(SECOND).subList(8, 12));
        assertThat(starts(SECOND)).containsExactly(8L, 11L);
    }

    /** The topic no longer has the checkpoint's place, and no record of the tenant. */
    @Test
    void removesSegmentsOfWhichTheTopicHasNoRecordLeft() throws IOException {
        try (Shard shard = open()) {
            AcceptedTopic.of(SECOND, 8).apply(shard, 0, 8);
            AcceptedTopic.of(FIRST, 4).apply(shard, 0, 4);
            shard.checkpoint(12);
            shard.forgetOffset();
        }

        try (Shard shard = open()) {
            AcceptedTopic.of(FIRST, 4).apply(shard, 2, 4);
            shard.prune(SECOND, 8);
            shard.prune(FIRST, 4);
            shard.checkpoint(20);
        }

        assertThat(starts(SECOND)).isEmpty();
        assertThat(starts(FIRST)).isEmpty();
    }

    @Test
    void removesTheDirectoryOfTheDefaultTenantAndKeepsForeignFiles() throws IOException {
        try (Shard shard = open()) {
            AcceptedTopic.of(FIRST, 4).apply(shard, 0, 4);
            AcceptedTopic.of(LAST, 4).apply(shard, 0, 4);
            shard.flush();
            Files.writeString(dir.walOf(LAST).resolve("notes.txt"), "not ours");
            shard.prune(FIRST, 4);
            shard.prune(LAST, 4);
            shard.checkpoint(10);
        }

        assertThat(dir.walOf(FIRST)).doesNotExist();
        assertThat(dir.walOf(LAST)).isDirectoryContaining("glob:**notes.txt");
        assertThat(starts(LAST)).isEmpty();
    }

    @Test
    void aRepeatedPruneRemovesNoLaterRecords() throws IOException {
        AcceptedTopic topic = AcceptedTopic.of(SECOND, 12).prunedBelow(SECOND, 5);
        for (int crash = 0; crash < 2; crash++) {
            // Far above the last record: removes all records before the prune, and nothing else.
            try (Shard shard = open()) {
                topic.apply(shard, 0, 5);
                shard.prune(SECOND, 10);
                topic.apply(shard, 5, 12);
            }
            assertThat(stored(dir, SECOND)).as("nothing is removed yet").isEqualTo(topic.of(SECOND));
        }
        try (Shard shard = open()) {
            topic.apply(shard, 0, 5);
            shard.checkpoint(4);
        }
        try (Shard shard = open()) {
            shard.prune(SECOND, 10);
            shard.checkpoint(5);
            assertThat(starts(SECOND)).containsExactly(5L, 8L, 11L);
            topic.apply(shard, 5, 12);
            shard.prune(SECOND, 10);
            shard.prune(SECOND, 10);
            shard.checkpoint(13);
        }

        assertThat(starts(SECOND)).containsExactly(8L, 11L);
        assertThat(stored(dir, SECOND)).isEqualTo(topic.of(SECOND).subList(8, 12));
        assertThat(damage(dir, SECOND)).isEmpty();
    }

    @Test
    void aTopicThatIsReadFromItsBeginningAgainPrunesTheSame() throws IOException {
        AcceptedTopic topic = AcceptedTopic.of(SECOND, 12).prunedBelow(SECOND, 5);
        try (Shard shard = open()) {
            topic.apply(shard, 0, 5);
            shard.prune(SECOND, 10);
            topic.apply(shard, 5, 12);
            shard.checkpoint(12);
            shard.forgetOffset();
        }
        try (Shard shard = open()) {
            shard.checkpoint(-1);
            topic.apply(shard, 0, 3);
            shard.checkpoint(2);
        }
        try (Shard shard = open()) {
            topic.apply(shard, 3, 5);
            shard.prune(SECOND, 10);
            topic.apply(shard, 5, 12);
            shard.checkpoint(12);
        }

        assertThat(starts(SECOND)).containsExactly(5L, 8L, 11L);
        assertThat(stored(dir, SECOND)).isEqualTo(topic.of(SECOND).subList(5, 12));
    }

    @Test
    void aTenantThatIsNotKnownHereHasNothingToPrune() throws IOException {
        try (Shard shard = open()) {
            shard.prune(SECOND, 100);
            shard.checkpoint(0);
            AcceptedTopic.of(SECOND, 2).applyAll(shard);
        }

        assertThat(stored(dir, SECOND)).hasSize(2);
    }

    @Test
    void finishesAPruneAtTheNextStartAfterACrashBehindTheCheckpoint() throws IOException {
        AcceptedTopic topic = AcceptedTopic.of(SECOND, 8);
        Path kept = root.resolve("kept");
        try (Shard shard = open()) {
            topic.apply(shard, 0, 8);
            shard.flush();
            Files.copy(dir.walOf(SECOND).resolve(new SegmentName(3, SHARD).fileName()), kept);
            shard.prune(SECOND, 6);
            shard.checkpoint(8);
        }
        Files.copy(kept, dir.walOf(SECOND).resolve(new SegmentName(3, SHARD).fileName()));
        assertThat(damage(dir, SECOND)).as("pruned, not removed yet").isEmpty();

        open().close();

        assertThat(starts(SECOND)).containsExactly(6L);
    }

    @Test
    void aFirstSegmentThatIsMissingWithoutAPruneIsDamage() throws IOException {
        try (Shard shard = open()) {
            AcceptedTopic.of(SECOND, 8).applyAll(shard);
            shard.prune(SECOND, 3);
            shard.checkpoint(8);
        }
        assertThat(damage(dir, SECOND)).isEmpty();
        Files.delete(dir.walOf(SECOND).resolve(new SegmentName(3, SHARD).fileName()));

        assertThat(damage(dir, SECOND))
                .extracting(WalVerifier.Damage::what)
                .containsExactly("the sequence numbers 3 to 5 before this segment are missing");
    }

    @Test
    void anOpenReaderContinuesAtTheNewBeginningOfTheLog() throws IOException {
        AcceptedTopic topic = AcceptedTopic.of(SECOND, 8);
        try (Shard shard = open()) {
            topic.applyAll(shard);
            shard.flush();
            try (WalReader reader = WalReader.open(dir, SECOND, 0)) {
                assertThat(reader.next()).isNotNull();
                shard.prune(SECOND, 6);
                shard.checkpoint(8);
                List<Long> read = new ArrayList<>();
                for (WalRecord record = reader.next(); record != null; record = reader.next()) {
                    read.add(record.seq());
                }
                assertThat(read).containsExactly(1L, 2L, 6L, 7L);
            }
        }
    }

    @Test
    void onlyADeletedTenantsCopiesAreRemovedFromTheQuarantine() throws IOException {
        List<String> names = List.of("42.a.log.from-0", "42.a.log.from-0.2", "421.a.log.from-0", "4.a.log.from-0");
        Files.createDirectories(dir.quarantine().directory());
        for (String name : names) {
            Files.createFile(dir.quarantine().directory().resolve(name));
        }
        try (Shard shard = open()) {
            shard.removeCopies(SECOND);
            shard.removeCopies(SECOND);
        }

        try (var left = Files.list(dir.quarantine().directory())) {
            assertThat(left.map(path -> path.getFileName().toString()))
                    .containsExactlyInAnyOrder("421.a.log.from-0", "4.a.log.from-0");
        }
    }

    /** Appends, flushes, checkpoints and kills, with occasional prunes; the same for every copy. */
    private static final class Life {
        private final AcceptedTopic topic;
        private final Map<Integer, Long> prunes;
        private final DataDir dir;
        private final FaultyDisk disk;
        private Shard shard;
        private int next;

        Life(AcceptedTopic topic, Map<Integer, Long> prunes, FaultyDisk disk) {
            this.topic = topic;
            this.prunes = prunes;
            this.disk = disk;
            this.dir = new DataDir(disk.root());
        }

        void start() throws IOException {
            dir.lock().close();
            shard = new Shard(dir, SHARD, SETTINGS);
            next = shard.committedOffset() == Shard.NO_OFFSET ? 0 : (int) shard.committedOffset() + 1;
        }

        /** Applies an offset: a record, and the prune that follows it. */
        void step() {
            topic.apply(shard, next);
            Long below = prunes.get(next);
            if (below != null) {
                shard.prune(topic.tenant(next), below);
            }
            next++;
        }

        void script(Random random) throws IOException {
            start();
            while (next < topic.size()) {
                switch (random.nextInt(12)) {
                    case 0 -> shard.flush();
                    case 1 -> checkpoint();
                    case 2 -> {
                        if (random.nextInt(2) == 0) {
                            disk.killProcess();
                            start();
                        }
                    }
                    default -> step();
                }
            }
            finish();
        }

        void checkpoint() {
            if (next > 0) {
                shard.checkpoint(next - 1);
            }
        }

        void finish() {
            while (next < topic.size()) {
                step();
            }
            checkpoint();
            checkpoint();
            shard.close();
        }

        /** Each segment with its records. */
        Map<String, List<String>> segments() throws IOException {
            Map<String, List<String>> segments = new TreeMap<>();
            for (TenantId tenant : AcceptedTopic.TENANTS) {
                List<SegmentName> names = List.copyOf(dir.segments(tenant));
                List<String> all = stored(dir, tenant);
                for (int i = 0; i < names.size(); i++) {
                    long first = names.get(i).firstSeq() - names.get(0).firstSeq();
                    long end = i + 1 == names.size()
                            ? all.size()
                            : names.get(i + 1).firstSeq() - names.get(0).firstSeq();
                    segments.put(tenant + " " + names.get(i).fileName(), all.subList((int) first, (int) end));
                }
            }
            return segments;
        }

        void check(Map<String, List<String>> expected, String description) throws IOException {
            assertThat(segments()).as(description).isEqualTo(expected);
            for (TenantId tenant : AcceptedTopic.TENANTS) {
                assertThat(damage(dir, tenant)).as(description).isEmpty();
            }
        }
    }

    /** One seed, or more with {@code -Dtidegate.test.seeds=20}; each fails at every change. */
    static LongStream seeds() {
        return LongStream.rangeClosed(1, Integer.getInteger("tidegate.test.seeds", 1));
    }

    /** Prunes of all kinds: of nothing, of some records, of all, and beyond the last one. */
    private static Map<Integer, Long> prunes(AcceptedTopic topic, Random random) {
        Map<Integer, Long> prunes = new TreeMap<>();
        for (int offset = 5; offset < topic.size(); offset += 4 + random.nextInt(9)) {
            long seq = topic.of(topic.tenant(offset)).size() * (long) offset / topic.size();
            prunes.put(offset, random.nextInt(3) == 0 ? Long.MAX_VALUE : Math.max(0, seq - 4 + random.nextInt(8)));
        }
        return prunes;
    }

    private Map<String, List<String>> undisturbed(AcceptedTopic topic, Map<Integer, Long> prunes) throws IOException {
        Life life = new Life(topic, prunes, new FaultyDisk(Files.createDirectory(root.resolve("undisturbed"))));
        life.start();
        life.finish();
        assertThat(life.segments().size()).isBetween(3, topic.size() / 4);
        return life.segments();
    }

    @ParameterizedTest
    @Timeout(600)
    @MethodSource("seeds")
    void isTheSameInEveryCopyWhenThePowerFailsAtAnyChange(long seed) throws IOException {
        AcceptedTopic topic = AcceptedTopic.random(seed, 80);
        Map<Integer, Long> prunes = prunes(topic, new Random(seed));
        Map<String, List<String>> expected = undisturbed(topic, prunes);
        int at = 1;
        for (boolean reached = true; reached; at++) {
            String description = "seed %d, change %d".formatted(seed, at);
            FaultyDisk disk = new FaultyDisk(Files.createDirectory(root.resolve("run-" + at)));
            Life life = new Life(topic, prunes, disk);
            disk.breakAt(at, true);
            Throwable thrown = catchThrowable(() -> life.script(new Random(seed)));
            reached = disk.broke();
            assertThat(thrown != null).as(description).isEqualTo(reached);
            if (reached) {
                disk.losePower(new Random(seed * 1000 + at));
                for (TenantId tenant : AcceptedTopic.TENANTS) {
                    assertThat(damage(life.dir, tenant)).as(description).isEmpty();
                }
                life.start();
                life.finish();
            }
            life.check(expected, description);
        }
        assertThat(at).as("changes").isGreaterThan(100);
    }

    @ParameterizedTest
    @Timeout(600)
    @MethodSource("seeds")
    void isTheSameInEveryCopyWhenAStepFailsOrTheProcessIsKilledAtAnyChange(long seed) throws IOException {
        AcceptedTopic topic = AcceptedTopic.random(seed, 80);
        Map<Integer, Long> prunes = prunes(topic, new Random(seed));
        Map<String, List<String>> expected = undisturbed(topic, prunes);
        int at = 1;
        for (boolean reached = true; reached; at++) {
            String description = "seed %d, change %d".formatted(seed, at);
            FaultyDisk disk = new FaultyDisk(Files.createDirectory(root.resolve("run-" + at)));
            Life life = new Life(topic, prunes, disk);
            disk.breakAt(at, false);
            Throwable thrown = catchThrowable(() -> life.script(new Random(seed)));
            reached = disk.broke();
            assertThat(thrown != null).as(description).isEqualTo(reached);
            if (reached) {
                disk.killProcess();
                life.start();
                life.finish();
            }
            life.check(expected, description);
        }
        assertThat(at).as("changes").isGreaterThan(100);
    }
}
