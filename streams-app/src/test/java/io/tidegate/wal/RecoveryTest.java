package io.tidegate.wal;

import static io.tidegate.wal.AcceptedTopic.SECOND;
import static io.tidegate.wal.AcceptedTopic.stored;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.apache.kafka.common.compress.Compression;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The recovery of a log with missing or changed bytes. */
class RecoveryTest {
    private static final int SHARD = 3;

    /** Four batches of two records in each segment of eight. */
    private static final WalSettings SETTINGS =
            new WalSettings(800, Duration.ofDays(1), 1 << 20, 1 << 20, 10, Compression.NONE);

    private static final String FIRST_SEGMENT = "tenants/42/wal/00000000000000000000.shard-00003.log";
    private static final String LAST_SEGMENT = "tenants/42/wal/00000000000000000008.shard-00003.log";

    @TempDir
    Path root;

    private static AcceptedTopic written(Path root, int records, int checkpointAfter) {
        AcceptedTopic topic = AcceptedTopic.of(SECOND, records);
        try (Shard shard = new Shard(new DataDir(root), SHARD, SETTINGS)) {
            for (int offset = 0; offset < records; offset++) {
                topic.apply(shard, offset);
                if (offset % 2 == 1) {
                    shard.flush();
                }
                if (offset + 1 == checkpointAfter) {
                    shard.checkpoint(offset);
                }
            }
        }
        return topic;
    }

    /** The start of each batch in a file, and the end of the file. */
    private static List<Long> boundaries(Path segment) throws IOException {
        List<Long> boundaries = new ArrayList<>(List.of(0L));
        try (SegmentReader reader = new SegmentReader(
                SECOND, SegmentName.tryParse(segment.getFileName().toString()), segment)) {
            while (reader.next() != null) {
                boundaries.add(reader.position());
            }
        } catch (BadBatchException e) {
            throw new AssertionError(e);
        }
        return boundaries;
    }

    private static List<byte[]> quarantined(Path root) throws IOException {
        List<byte[]> copies = new ArrayList<>();
        Path quarantine = new DataDir(root).quarantine().directory();
        if (Files.exists(quarantine)) {
            try (Stream<Path> files = Files.list(quarantine)) {
                for (Path file : files.sorted().toList()) {
                    copies.add(Files.readAllBytes(file));
                }
            }
        }
        return copies;
    }

    private static void restart(Path root, AcceptedTopic topic, int from) {
        try (Shard shard = new Shard(new DataDir(root), SHARD, SETTINGS)) {
            topic.apply(shard, from, topic.size());
        }
    }

    @Test
    void keepsAPrefixAndACopyOfTheRestWhereverTheLastSegmentWasCutOff() throws IOException {
        Path whole = root.resolve("whole");
        AcceptedTopic topic = written(whole, 14, 0);
        byte[] bytes = Files.readAllBytes(whole.resolve(LAST_SEGMENT));
        List<Long> boundaries = boundaries(whole.resolve(LAST_SEGMENT));
        assertThat(boundaries).hasSize(4);
        for (int cut = 0; cut <= bytes.length; cut++) {
            Path copy = root.resolve("cut-" + cut);
            Files.createDirectories(copy.resolve("tenants/42/wal"));
            Files.copy(whole.resolve(FIRST_SEGMENT), copy.resolve(FIRST_SEGMENT));
            Files.write(copy.resolve(LAST_SEGMENT), Arrays.copyOf(bytes, cut));
            int kept = 0;
            while (kept + 1 < boundaries.size() && boundaries.get(kept + 1) <= cut) {
                kept++;
            }
            int keptBytes = Math.toIntExact(boundaries.get(kept));
            String description = "cut at %d".formatted(cut);
            assertThat(stored(new DataDir(copy), SECOND))
                    .as(description)
                    .isEqualTo(topic.of(SECOND).subList(0, 8 + 2 * kept));

            // The first record opens the log again; the shard skips it.
            try (Shard shard = new Shard(new DataDir(copy), SHARD, SETTINGS)) {
                topic.apply(shard, 0, 1);
            }

            assertThat(Files.readAllBytes(copy.resolve(LAST_SEGMENT)))
                    .as(description)
                    .isEqualTo(Arrays.copyOf(bytes, keptBytes));
            if (cut == keptBytes) {
                assertThat(quarantined(copy)).as(description).isEmpty();
            } else {
                assertThat(quarantined(copy)).as(description).hasSize(1);
                assertThat(quarantined(copy).get(0))
                        .as(description)
                        .isEqualTo(Arrays.copyOfRange(bytes, keptBytes, cut));
            }
            restart(copy, topic, 0);
            assertThat(stored(new DataDir(copy), SECOND)).as(description).isEqualTo(topic.of(SECOND));
        }
    }

    @Test
    void keepsEachCopyWhenTheSamePlaceIsTruncatedAgain() throws IOException {
        AcceptedTopic topic = written(root, 4, 0);
        Path segment = root.resolve(FIRST_SEGMENT);
        for (int time = 0; time < 3; time++) {
            byte[] bytes = Files.readAllBytes(segment);
            Files.write(segment, Arrays.copyOf(bytes, bytes.length - 1 - time));
            restart(root, topic, 0);
        }

        assertThat(quarantined(root)).hasSize(3);
        assertThat(stored(new DataDir(root), SECOND)).isEqualTo(topic.of(SECOND));
    }

    @Test
    void countsTheBytesReadBeforeATruncation() throws IOException {
        AcceptedTopic topic = written(root, 4, 0);
        Path segment = root.resolve(FIRST_SEGMENT);
        byte[] bytes = Files.readAllBytes(segment);
        Files.write(segment, Arrays.copyOf(bytes, bytes.length - 1));
        try (Shard shard = new Shard(new DataDir(root), SHARD, SETTINGS)) {
            topic.apply(shard, 0, 1);
            assertThat(shard.recoveredBytes()).isEqualTo(bytes.length - 1);
        }
    }

    /** A kind of damage to one batch. */
    enum Damage {
        LENGTH_LARGER {
            @Override
            void apply(ByteBuffer batch) {
                batch.putInt(8, batch.getInt(8) + 100_000);
            }
        },
        LENGTH_SMALLER {
            @Override
            void apply(ByteBuffer batch) {
                batch.putInt(8, batch.getInt(8) - 1);
            }
        },
        LENGTH_ABSURD {
            @Override
            void apply(ByteBuffer batch) {
                batch.putInt(8, -1);
            }
        },
        BASE_OFFSET {
            @Override
            void apply(ByteBuffer batch) {
                batch.putLong(0, batch.getLong(0) + 1);
            }
        },
        STAMP {
            @Override
            void apply(ByteBuffer batch) {
                batch.putInt(12, batch.getInt(12) ^ 1);
            }
        },
        MAGIC {
            @Override
            void apply(ByteBuffer batch) {
                batch.put(16, (byte) 1);
            }
        },
        CRC {
            @Override
            void apply(ByteBuffer batch) {
                batch.putInt(17, ~batch.getInt(17));
            }
        },
        PAYLOAD {
            @Override
            void apply(ByteBuffer batch) {
                batch.put(100, (byte) (batch.get(100) ^ 4));
            }
        },
        ZEROS {
            @Override
            void apply(ByteBuffer batch) {
                Arrays.fill(batch.array(), batch.arrayOffset(), batch.arrayOffset() + batch.limit(), (byte) 0);
            }
        };

        abstract void apply(ByteBuffer batch);
    }

    private long damage(Path segment, int batch, Damage damage) throws IOException {
        List<Long> boundaries = boundaries(segment);
        byte[] bytes = Files.readAllBytes(segment);
        long from = boundaries.get(batch);
        damage.apply(ByteBuffer.wrap(bytes, (int) from, (int) (boundaries.get(batch + 1) - from))
                .slice());
        Files.write(segment, bytes);
        return from;
    }

    private static List<WalVerifier.Damage> verified(Path root) throws IOException {
        return new WalVerifier(new DataDir(root), null)
                .verify(SECOND, bytes -> {})
                .damage();
    }

    /** Two segments, with eight and six records: the batches of the last one begin with 8, 10 and 12. */
    @ParameterizedTest
    @CsvSource({
        "LENGTH_LARGER, 1", "LENGTH_SMALLER, 1", "LENGTH_ABSURD, 1", "BASE_OFFSET, 1", "STAMP, 1", "MAGIC, 1",
        "CRC, 1", "PAYLOAD, 1", "ZEROS, 1", "LENGTH_LARGER, 2", "LENGTH_SMALLER, 2", "LENGTH_ABSURD, 2",
        "BASE_OFFSET, 2", "STAMP, 2", "MAGIC, 2", "CRC, 2", "PAYLOAD, 2", "ZEROS, 2"
    })
    void truncatesDamageAboveTheCheckpointAndReadsTheRecordsAgain(Damage damage, int batch) throws IOException {
        AcceptedTopic topic = written(root, 14, 10);
        damage(root.resolve(LAST_SEGMENT), batch, damage);

        restart(root, topic, 10);

        assertThat(quarantined(root)).hasSize(1);
        assertThat(stored(new DataDir(root), SECOND)).isEqualTo(topic.of(SECOND));
        assertThat(verified(root)).isEmpty();
    }

    @ParameterizedTest
    @CsvSource({"BASE_OFFSET", "STAMP", "MAGIC", "CRC", "PAYLOAD", "ZEROS", "LENGTH_SMALLER", "LENGTH_ABSURD"})
    void rejectsABadBatchInTheMiddleWithoutACheckpoint(Damage damage) throws IOException {
        AcceptedTopic topic = written(root, 14, 0);
        long position = damage(root.resolve(LAST_SEGMENT), 1, damage);
        byte[] before = Files.readAllBytes(root.resolve(LAST_SEGMENT));

        WalException rejection = catchThrowableOfType(WalException.class, () -> restart(root, topic, 0));

        assertThat(rejection.kind()).isEqualTo(WalException.Kind.DAMAGE);
        assertThat(rejection)
                .hasMessageContaining("tenant t42, segment %s, byte %d", root.resolve(LAST_SEGMENT), position);
        assertThat(Files.readAllBytes(root.resolve(LAST_SEGMENT))).isEqualTo(before);
        assertThat(quarantined(root)).isEmpty();
        assertThat(verified(root)).hasSize(1);
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 2})
    void neitherReadsNorTruncatesBelowTheCheckpointAndVerifyFindsTheDamage(int batch) throws IOException {
        for (Damage damage : Damage.values()) {
            Path copy = root.resolve(damage.name());
            AcceptedTopic topic = written(copy, 14, 14);
            topic.add(SECOND, 14, null, "one more");
            long position = damage(copy.resolve(LAST_SEGMENT), batch, damage);
            byte[] before = Files.readAllBytes(copy.resolve(LAST_SEGMENT));

            restart(copy, topic, 14);

            assertThat(Files.readAllBytes(copy.resolve(LAST_SEGMENT)))
                    .as(damage.name())
                    .startsWith(before)
                    .hasSizeGreaterThan(before.length);
            assertThat(verified(copy))
                    .as(damage.name())
                    .extracting(WalVerifier.Damage::tenant, WalVerifier.Damage::path, WalVerifier.Damage::position)
                    .containsExactly(org.assertj.core.groups.Tuple.tuple(SECOND, copy.resolve(LAST_SEGMENT), position));
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 2, 3})
    void appendsBesideDamageInAnOlderSegmentThatReaderAndVerifyFind(int batch) throws IOException {
        for (Damage damage : Damage.values()) {
            Path copy = root.resolve(damage.name());
            AcceptedTopic topic = written(copy, 14, 0);
            topic.add(SECOND, 14, null, "one more");
            long position = damage(copy.resolve(FIRST_SEGMENT), batch, damage);
            byte[] before = Files.readAllBytes(copy.resolve(FIRST_SEGMENT));

            restart(copy, topic, 12);

            assertThat(Files.readAllBytes(copy.resolve(FIRST_SEGMENT))).isEqualTo(before);
            assertThat(stored(new DataDir(copy), SECOND, 8))
                    .isEqualTo(topic.of(SECOND).subList(8, 15));
            assertThat(catchThrowableOfType(WalException.class, () -> stored(new DataDir(copy), SECOND)))
                    .as(damage.name())
                    .hasMessageContaining("segment %s, byte %d", copy.resolve(FIRST_SEGMENT), position);
            assertThat(verified(copy).get(0))
                    .as(damage.name())
                    .extracting(WalVerifier.Damage::tenant, WalVerifier.Damage::path, WalVerifier.Damage::position)
                    .containsExactly(SECOND, copy.resolve(FIRST_SEGMENT), position);
        }
    }

    @Test
    void rejectsAFileThatIsShorterThanInTheCheckpoint() throws IOException {
        AcceptedTopic topic = written(root, 14, 14);
        Path segment = root.resolve(LAST_SEGMENT);
        List<Long> boundaries = boundaries(segment);
        for (long size : new long[] {boundaries.get(3) - 1, boundaries.get(2), 0}) {
            Files.write(segment, Arrays.copyOf(Files.readAllBytes(segment), (int) size));

            assertThat(catchThrowableOfType(WalException.class, () -> restart(root, topic, 0)))
                    .hasMessageContaining(
                            "segment %s, byte %d: the file ends here, but the checkpoint has %d durable bytes",
                            segment, size, boundaries.get(3));
            assertThat(Files.size(segment)).isEqualTo(size);
            assertThat(verified(root)).hasSize(1);
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void rejectsALogWhoseLastSegmentOrAllOfItIsMissing(boolean all) throws IOException {
        AcceptedTopic topic = written(root, 14, 14);
        Files.delete(root.resolve(LAST_SEGMENT));
        if (all) {
            Files.delete(root.resolve(FIRST_SEGMENT));
        }

        WalException rejection = catchThrowableOfType(WalException.class, () -> restart(root, topic, 0));

        assertThat(rejection.kind()).isEqualTo(WalException.Kind.DAMAGE);
        assertThat(verified(root)).extracting(WalVerifier.Damage::path).containsExactly(root.resolve(LAST_SEGMENT));
    }

    /** The records before such a segment would be taken for stored, and the checkpoint would move past them. */
    @ParameterizedTest
    @CsvSource({
        // A stray file after the last segment, the last segment under another name, and a last segment that is lost.
        "create, 00000000000000005000.shard-00003.log",
        "rename, 00000000000000000500.shard-00003.log",
        "lose, 00000000000000000016.shard-00003.log"
    })
    void rejectsALogWithSegmentsThatDoNotContinueTheCheckpoint(String change, String name) throws IOException {
        AcceptedTopic topic = written(root, 30, 14);
        Path last = root.resolve(LAST_SEGMENT);
        Path other = last.resolveSibling(name);
        for (Path later : new Path[] {
            last.resolveSibling("00000000000000000016.shard-00003.log"),
            last.resolveSibling("00000000000000000024.shard-00003.log")
        }) {
            if (!later.equals(other)) {
                Files.deleteIfExists(later);
            }
        }
        switch (change) {
            case "create" -> Files.createFile(other);
            case "rename" -> Files.move(last, other);
            default -> Files.delete(last);
        }
        long size = Files.size(other);

        WalException rejection = catchThrowableOfType(WalException.class, () -> restart(root, topic, 14));

        assertThat(rejection.kind()).isEqualTo(WalException.Kind.DAMAGE);
        assertThat(Files.size(other)).as("bytes after the start").isEqualTo(size);
    }

    @Test
    void readsTheSegmentsThatWereSealedAfterTheCheckpoint() throws IOException {
        AcceptedTopic topic = written(root, 30, 14);

        restart(root, topic, 14);

        assertThat(stored(new DataDir(root), SECOND)).isEqualTo(topic.of(SECOND));
        assertThat(verified(root)).isEmpty();
    }

    @Test
    void rebuildsALogThatWasMovedAwayTogetherWithTheCheckpoint() throws IOException {
        AcceptedTopic topic = written(root, 14, 14);
        Files.delete(root.resolve(LAST_SEGMENT));
        Files.delete(root.resolve(FIRST_SEGMENT));
        Files.delete(new DataDir(root).checkpoint(SHARD));

        restart(root, topic, 0);

        assertThat(stored(new DataDir(root), SECOND)).isEqualTo(topic.of(SECOND));
    }
}
