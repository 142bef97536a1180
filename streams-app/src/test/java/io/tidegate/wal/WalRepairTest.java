package io.tidegate.wal;

import static io.tidegate.wal.AcceptedTopic.FIRST;
import static io.tidegate.wal.AcceptedTopic.SECOND;
import static io.tidegate.wal.AcceptedTopic.stored;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;

import io.tidegate.tenant.TenantId;
import io.tidegate.wal.WalRepair.Outcome;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.apache.kafka.common.header.Header;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Damage of every kind is repaired from the topic, with the same records in the same segments. */
class WalRepairTest {
    private static final int SHARD = 3;
    private static final int RECORDS = 11;

    /** Three records to a segment: 0 to 2, 3 to 5, 6 to 8, and 9 to 10. */
    private static final WalSettings SETTINGS = AcceptedTopic.settings(300);

    @TempDir(factory = MemoryDir.class)
    Path root;

    private DataDir dir;
    private AcceptedTopic topic;

    @BeforeEach
    void writeWal() {
        dir = new DataDir(root.resolve("data"));
        topic = write(dir);
    }

    /** Writes two tenants, whose records alternate. */
    private static AcceptedTopic write(DataDir dir) {
        return write(dir, 2 * RECORDS - 1);
    }

    /** @param checkpointed the last offset in the checkpoint; the records after it were written before the process was killed */
    private static AcceptedTopic write(DataDir dir, int checkpointed) {
        AcceptedTopic topic = new AcceptedTopic();
        for (int i = 0; i < RECORDS; i++) {
            for (TenantId tenant : List.of(FIRST, SECOND)) {
                topic.add(tenant, i, null, "v".repeat(76));
            }
        }
        try (Shard shard = new Shard(dir, SHARD, SETTINGS)) {
            for (int offset = 0; offset < topic.size(); offset++) {
                topic.apply(shard, offset);
                shard.flush();
                if (offset == checkpointed) {
                    shard.checkpoint(offset);
                }
            }
        }
        return topic;
    }

    private Path segment(TenantId tenant, long firstSeq) {
        return dir.walOf(tenant).resolve(new SegmentName(firstSeq, SHARD).fileName());
    }

    /** The topic from an offset on. */
    private static WalRepair.Source source(AcceptedTopic topic, int from) {
        return (shard, each) -> {
            for (int offset = from; offset < topic.size(); offset++) {
                each.accept(topic.tenant(offset), topic.recordAt(offset), topic.beginsSegment(SETTINGS, offset));
            }
        };
    }

    private static List<Outcome> repair(DataDir dir, AcceptedTopic topic, int from) throws IOException {
        return new WalRepair(dir, tenant -> SHARD, SETTINGS)
                .repair(new TreeSet<>(List.of(FIRST, SECOND)), source(topic, from));
    }

    @Test
    void oneTenantThatCannotBeReadDoesNotKeepOthersFromBeingRepaired() throws IOException {
        TenantId unreadable = TenantId.of(7);
        Files.createDirectories(dir.walOf(unreadable).getParent());
        Files.writeString(dir.walOf(unreadable), "a file");
        Map<String, String> before = contents(dir);
        Files.delete(segment(SECOND, 3));

        List<Outcome> outcomes = new WalRepair(dir, tenant -> SHARD, SETTINGS)
                .repair(new TreeSet<>(List.of(unreadable, FIRST, SECOND)), source(topic, 0));

        assertThat(contents(dir)).isEqualTo(before);
        assertThat(outcomes).extracting(Outcome::tenant).containsExactly(unreadable, SECOND);
        assertThat(outcomes).extracting(Outcome::repaired).containsExactly(false, true);
    }

    @Test
    void aDamagedCheckpointOfOneShardDoesNotKeepOtherShardsFromBeingRepaired() throws IOException {
        TenantId other = TenantId.of(7);
        try (Shard shard = new Shard(dir, SHARD + 1, SETTINGS)) {
            shard.append(other, new WalRecord(0, 1, null, new byte[3], new Header[0]));
            shard.checkpoint(0);
        }
        Files.writeString(dir.checkpoint(SHARD + 1), "damaged");
        Map<String, String> before = contents(dir);
        Files.delete(segment(SECOND, 3));

        List<Outcome> outcomes = new WalRepair(dir, tenant -> tenant.equals(other) ? SHARD + 1 : SHARD, SETTINGS)
                .repair(new TreeSet<>(List.of(other, FIRST, SECOND)), source(topic, 0));

        assertThat(contents(dir)).isEqualTo(before);
        assertThat(outcomes).extracting(Outcome::repaired).containsExactly(false, true);
    }

    private static List<WalVerifier.Damage> damage(DataDir dir) throws IOException {
        WalVerifier verifier = new WalVerifier(dir, tenant -> SHARD);
        return Stream.of(FIRST, SECOND)
                .flatMap(tenant -> {
                    try {
                        return verifier.verify(tenant, bytes -> {}).damage().stream();
                    } catch (IOException e) {
                        throw new AssertionError(e);
                    }
                })
                .toList();
    }

    /** The content checksum of each segment, by its path. */
    private static Map<String, String> contents(DataDir dir) throws IOException {
        Map<String, String> contents = new TreeMap<>();
        for (TenantId tenant : List.of(FIRST, SECOND)) {
            for (SegmentName name : dir.segments(tenant)) {
                Path path = dir.walOf(tenant).resolve(name.fileName());
                SegmentState tail = SegmentState.empty(name.firstSeq());
                try (SegmentReader reader = new SegmentReader(tenant, name, path)) {
                    for (var batch = reader.next(); batch != null; batch = reader.next()) {
                        for (WalRecord record : batch.records()) {
                            tail = tail.with(record, record.chainedCrc(tail.crc(), WalRecord.scratch()));
                        }
                    }
                } catch (BadBatchException e) {
                    throw new AssertionError(path.toString(), e);
                }
                contents.put(tenant + "/" + name.fileName(), "%d %x".formatted(tail.nextSeq(), tail.crc()));
            }
        }
        return contents;
    }

    private static void assertContinues(DataDir dir, AcceptedTopic topic) throws IOException {
        assertContinues(dir, topic, topic.size() - 1);
    }

    private static void assertContinues(DataDir dir, AcceptedTopic topic, int checkpointed) throws IOException {
        AcceptedTopic more = topic;
        more.add(SECOND, 20, null, "one more");
        try (Shard shard = new Shard(dir, SHARD, SETTINGS)) {
            assertThat(shard.committedOffset()).isEqualTo(checkpointed);
            more.apply(shard, checkpointed + 1, more.size());
        }
        for (TenantId tenant : List.of(FIRST, SECOND)) {
            assertThat(stored(dir, tenant)).isEqualTo(more.of(tenant));
        }
    }

    /** Kinds of damage to the files. */
    enum FileDamage {
        FIRST_MISSING {
            @Override
            void happen(WalRepairTest test) throws IOException {
                Files.delete(test.segment(SECOND, 0));
            }
        },
        MIDDLE_MISSING {
            @Override
            void happen(WalRepairTest test) throws IOException {
                Files.delete(test.segment(SECOND, 3));
            }
        },
        TWO_IN_A_ROW_MISSING {
            @Override
            void happen(WalRepairTest test) throws IOException {
                Files.delete(test.segment(SECOND, 3));
                Files.delete(test.segment(SECOND, 6));
            }
        },
        TWO_APART_MISSING {
            @Override
            void happen(WalRepairTest test) throws IOException {
                Files.delete(test.segment(SECOND, 0));
                Files.delete(test.segment(SECOND, 6));
            }
        },
        LAST_MISSING {
            @Override
            void happen(WalRepairTest test) throws IOException {
                Files.delete(test.segment(SECOND, 9));
            }
        },
        ALL_MISSING {
            @Override
            void happen(WalRepairTest test) throws IOException {
                for (long first : new long[] {0, 3, 6, 9}) {
                    Files.delete(test.segment(SECOND, first));
                }
                Files.delete(test.dir.walOf(SECOND));
                Files.delete(test.dir.walOf(SECOND).getParent());
            }
        },
        EMPTY_MIDDLE {
            @Override
            void happen(WalRepairTest test) throws IOException {
                Files.write(test.segment(SECOND, 3), new byte[0]);
            }
        },
        EMPTY_LAST {
            @Override
            void happen(WalRepairTest test) throws IOException {
                Files.write(test.segment(SECOND, 9), new byte[0]);
            }
        },
        MIDDLE_CUT_AT_A_BATCH {
            @Override
            void happen(WalRepairTest test) throws IOException {
                test.cutAtFirstBatch(test.segment(SECOND, 3));
            }
        },
        LAST_CUT_AT_A_BATCH {
            @Override
            void happen(WalRepairTest test) throws IOException {
                test.cutAtFirstBatch(test.segment(SECOND, 9));
            }
        },
        WRONG_NAME {
            @Override
            void happen(WalRepairTest test) throws IOException {
                Files.move(test.segment(SECOND, 3), test.segment(SECOND, 4));
            }
        },
        TWO_COPIES {
            @Override
            void happen(WalRepairTest test) throws IOException {
                Files.copy(test.segment(SECOND, 3), test.segment(SECOND, 4));
            }
        },
        OF_ANOTHER_SHARD {
            @Override
            void happen(WalRepairTest test) throws IOException {
                Path other = test.dir.walOf(SECOND).resolve(new SegmentName(3, 7).fileName());
                Files.move(test.segment(SECOND, 3), other);
            }
        },
        SWAPPED_WITH_ANOTHER_TENANT {
            @Override
            void happen(WalRepairTest test) throws IOException {
                Path aside = test.root.resolve("aside");
                Files.move(test.segment(SECOND, 3), aside);
                Files.move(test.segment(FIRST, 3), test.segment(SECOND, 3));
                Files.move(aside, test.segment(FIRST, 3));
            }
        },
        LINK_IN_PLACE_OF_A_SEGMENT {
            @Override
            void happen(WalRepairTest test) throws IOException {
                Path moved = test.root.resolve("moved");
                Files.move(test.segment(SECOND, 3), moved);
                Files.createSymbolicLink(test.segment(SECOND, 3), moved);
            }
        };

        abstract void happen(WalRepairTest test) throws IOException;
    }

    private void cutAtFirstBatch(Path path) throws IOException {
        byte[] bytes = Files.readAllBytes(path);
        int first = 12 + java.nio.ByteBuffer.wrap(bytes).getInt(8);
        assertThat(first).isLessThan(bytes.length);
        Files.write(path, Arrays.copyOf(bytes, first));
    }

    @ParameterizedTest
    @EnumSource
    void rebuildsTheSameSegmentsAfterAnyDamage(FileDamage damage) throws IOException {
        Map<String, String> before = contents(dir);
        damage.happen(this);
        assertThat(damage(dir)).isNotEmpty();

        List<Outcome> outcomes = repair(dir, topic, 0);

        assertThat(outcomes).isNotEmpty().allMatch(Outcome::repaired);
        assertThat(damage(dir)).isEmpty();
        assertThat(contents(dir)).isEqualTo(before);
        assertThat(dir.repairs()).doesNotExist();
        assertThat(repair(dir, topic, 0)).as("nothing is left to do").isEmpty();
        assertContinues(dir, topic);
    }

    @Test
    @Timeout(600)
    void repairsEveryByteOfASmallSegmentAndKeepsTheDamagedOne() throws IOException {
        Map<String, String> before = contents(dir);
        for (long first : new long[] {3, 9}) {
            byte[] right = Files.readAllBytes(segment(SECOND, first));
            for (int at = 0; at < right.length; at++) {
                byte[] wrong = right.clone();
                wrong[at] ^= 0x10;
                Files.write(segment(SECOND, first), wrong);

                assertThat(repair(dir, topic, 0)).as("byte %d", at).allMatch(Outcome::repaired);

                String description = "segment %d, byte %d".formatted(first, at);
                assertThat(contents(dir)).as(description).isEqualTo(before);
                assertThat(damage(dir)).as(description).isEmpty();
                Path copy;
                try (Stream<Path> copies = Files.list(dir.quarantine().directory())) {
                    copy = copies.findFirst().orElseThrow();
                }
                assertThat(Files.readAllBytes(copy)).as(description).isEqualTo(wrong);
                Files.delete(copy);
            }
        }
        assertContinues(dir, topic);
    }

    @Test
    void reportsExactlyTheLostRecordsAndChangesNothingIfTheTopicLacksThem() throws IOException {
        byte[] right = Files.readAllBytes(segment(SECOND, 3));
        int secondBatch = 12 + java.nio.ByteBuffer.wrap(right).getInt(8);
        byte[] wrong = right.clone();
        wrong[secondBatch + 70] ^= 1;
        Files.write(segment(SECOND, 3), wrong);

        // Offsets alternate, so the topic begins with record 5 of each tenant: record 4 is lost, 3 can be read.
        assertThat(repair(dir, topic, 10))
                .extracting(Outcome::tenant, Outcome::firstSeq, Outcome::lastSeq, Outcome::repaired)
                .containsExactly(org.assertj.core.groups.Tuple.tuple(SECOND, 4L, 4L, false));
        assertThat(Files.readAllBytes(segment(SECOND, 3))).isEqualTo(wrong);
        assertThat(repair(dir, topic, topic.size()))
                .extracting(Outcome::firstSeq, Outcome::lastSeq)
                .containsExactly(org.assertj.core.groups.Tuple.tuple(4L, 5L));
        assertThat(dir.quarantine().directory())
                .satisfiesAnyOf(
                        path -> assertThat(path).doesNotExist(),
                        path -> assertThat(path).isEmptyDirectory());

        // The readable part of the file is enough if the topic has the rest.
        assertThat(repair(dir, topic, 8)).allMatch(Outcome::repaired);
        assertThat(damage(dir)).isEmpty();
    }

    @Test
    void doesNotRestorePrunedRecords() throws IOException {
        try (Shard shard = new Shard(dir, SHARD, SETTINGS)) {
            shard.prune(SECOND, 4);
            shard.checkpoint(topic.size() - 1);
        }
        Files.delete(segment(SECOND, 3));

        assertThat(repair(dir, topic, 0))
                .extracting(Outcome::firstSeq, Outcome::lastSeq)
                .containsExactly(org.assertj.core.groups.Tuple.tuple(3L, 5L));
        assertThat(damage(dir)).isEmpty();
        assertThat(dir.segments(SECOND).first().firstSeq()).isEqualTo(3);
    }

    @ParameterizedTest
    @ValueSource(strings = {"middle", "last", "both", "renamed", "checkpointed"})
    @Timeout(600)
    void anInterruptedRepairIsFinishedByTheNextOne(String where) throws IOException {
        int at = 1;
        for (boolean reached = true; reached; at++) {
            String description = "%s, change %d".formatted(where, at);
            Path base = Files.createDirectory(root.resolve("run-" + at));
            FaultyDisk disk = new FaultyDisk(base);
            DataDir own = new DataDir(disk.root());
            own.lock().close();
            // Two records of each tenant, which are in the first segment.
            int checkpointed = where.equals("checkpointed") ? 3 : 2 * RECORDS - 1;
            AcceptedTopic written = write(own, checkpointed);
            Map<String, String> before = contents(own);
            long[] damaged = switch (where) {
                case "middle" -> new long[] {3};
                case "last" -> new long[] {9};
                case "both" -> new long[] {3, 9};
                case "checkpointed" -> new long[] {0};
                default -> new long[0];
            };
            if (where.equals("renamed")) {
                Path wal = own.walOf(SECOND);
                Files.move(
                        wal.resolve(new SegmentName(9, SHARD).fileName()),
                        wal.resolve(new SegmentName(10, SHARD).fileName()));
                DurableFiles.fsync(wal);
            }
            for (long first : damaged) {
                Path path = own.walOf(SECOND).resolve(new SegmentName(first, SHARD).fileName());
                try (var file = own.files().open(path, false)) {
                    file.write(java.nio.ByteBuffer.wrap(new byte[] {1, 2, 3, 4}), 70);
                    file.force(true);
                }
            }
            disk.breakAt(at, true);
            List<Outcome> outcomes = new ArrayList<>();
            Throwable thrown = catchThrowable(() -> outcomes.addAll(repair(own, written, 0)));
            reached = disk.broke();
            disk.breakAt(0, false);
            assertThat(thrown != null || !outcomes.stream().allMatch(Outcome::repaired))
                    .as(description)
                    .isEqualTo(reached);
            if (reached) {
                if (where.equals("checkpointed")) {
                    disk.killProcess(); // the power would take the records above the checkpoint too
                } else {
                    disk.losePower(new Random(at));
                }
                repair(own, written, 0);
            }
            assertThat(damage(own)).as(description).isEmpty();
            assertThat(contents(own)).as(description).isEqualTo(before);
            assertContinues(own, written, checkpointed);
        }
        assertThat(at).isGreaterThan(15);
    }

    @Test
    void removesAnEmptyFileThatDoesNotContinueTheLog() throws IOException {
        Map<String, String> before = contents(dir);
        Files.createFile(segment(SECOND, 20));

        assertThat(repair(dir, topic, 0)).extracting(Outcome::repaired).containsExactly(true);

        assertThat(contents(dir)).isEqualTo(before);
        assertThat(damage(dir)).isEmpty();
        assertContinues(dir, topic);
    }

    @Test
    void updatesACheckpointWhosePositionIsInsideABatch() throws IOException {
        Checkpoint checkpoint = Checkpoint.read(dir.checkpoint(SHARD), SHARD);
        Map<TenantId, Checkpoint.Log> logs = new TreeMap<>(checkpoint.logs());
        Checkpoint.Log log = logs.get(SECOND);
        SegmentState inside = log.tail().at(log.tail().position() - 10);
        logs.put(SECOND, new Checkpoint.Log(inside, log.beginSeq(), log.appliedSeq(), false));
        new Checkpoint(checkpoint.offset(), false, logs).write(dir.files(), dir.checkpoint(SHARD), SHARD);
        assertThat(damage(dir)).extracting(WalVerifier.Damage::what).anyMatch(what -> what.contains("inside a batch"));

        assertThat(repair(dir, topic, 0)).extracting(Outcome::repaired).containsExactly(true);

        assertThat(damage(dir)).isEmpty();
        assertContinues(dir, topic);
    }

    @ParameterizedTest
    @ValueSource(longs = {6, 9})
    void keepsTheReadableRecordsOfALastSegmentThatNeitherACheckpointNorTheTopicHas(long firstSeq) throws IOException {
        if (firstSeq < 9) {
            Files.delete(segment(SECOND, 9));
        }
        Path last = segment(SECOND, firstSeq);
        cutAtFirstBatch(last);
        long readable = Files.size(last);
        Files.write(last, new byte[200], StandardOpenOption.APPEND);
        Files.write(last, new byte[] {1}, StandardOpenOption.APPEND);
        Files.delete(dir.checkpoint(SHARD));

        assertThat(repair(dir, topic, topic.size())).allMatch(Outcome::repaired);

        assertThat(damage(dir)).isEmpty();
        assertThat(last).hasSize(readable);
        assertThat(stored(dir, SECOND)).isEqualTo(topic.of(SECOND).subList(0, (int) firstSeq + 1));
        assertThat(dir.quarantine().directory()).isNotEmptyDirectory();
    }

    @Test
    void aShardDoesNotOpenALogWhoseRepairWasInterrupted() throws IOException {
        Checkpoint checkpoint = Checkpoint.read(dir.checkpoint(SHARD), SHARD);
        Map<TenantId, Checkpoint.Log> logs = new TreeMap<>(checkpoint.logs());
        Checkpoint.Log log = logs.get(SECOND);
        logs.put(SECOND, new Checkpoint.Log(SegmentState.empty(9), log.beginSeq(), log.appliedSeq(), false));
        new Checkpoint(checkpoint.offset(), false, logs).write(dir.files(), dir.checkpoint(SHARD), SHARD);

        assertThat(damage(dir)).extracting(WalVerifier.Damage::what).anyMatch(what -> what.contains("interrupted"));
        try (Shard shard = new Shard(dir, SHARD, SETTINGS)) {
            assertThatThrownBy(() -> topic.apply(shard, topic.size() - 1))
                    .hasMessageContaining("a repair was interrupted");
        }
        assertThat(repair(dir, topic, 0)).allMatch(Outcome::repaired);
        assertContinues(dir, topic);
    }
}
