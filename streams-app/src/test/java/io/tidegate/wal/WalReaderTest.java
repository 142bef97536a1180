package io.tidegate.wal;

import static io.tidegate.wal.AcceptedTopic.SECOND;
import static io.tidegate.wal.AcceptedTopic.settings;
import static io.tidegate.wal.AcceptedTopic.stored;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class WalReaderTest {
    private static final int SHARD = 3;

    @TempDir
    Path root;

    private Path segment(long firstSeq) {
        return new DataDir(root).walOf(SECOND).resolve(new SegmentName(firstSeq, SHARD).fileName());
    }

    @Test
    void readsFromAnyNumberAcrossSegments() throws IOException {
        DataDir dir = new DataDir(root);
        AcceptedTopic topic = AcceptedTopic.of(SECOND, 20);
        try (Shard shard = new Shard(dir, SHARD, settings(600))) {
            for (int offset = 0; offset < topic.size(); offset++) {
                topic.apply(shard, offset);
                if (offset % 4 == 0) {
                    shard.flush();
                }
            }
        }
        for (int fromSeq = 0; fromSeq <= 20; fromSeq++) {
            assertThat(stored(dir, SECOND, fromSeq)).isEqualTo(topic.of(SECOND).subList(fromSeq, 20));
        }
        assertThat(stored(dir, SECOND, Long.MAX_VALUE)).isEmpty();
    }

    @Test
    void doesNotTouchSegmentsThatEndBelowTheFirstNumberWanted() throws IOException {
        DataDir dir = new DataDir(root);
        AcceptedTopic topic = AcceptedTopic.of(SECOND, 8);
        try (Shard shard = new Shard(dir, SHARD, settings(300))) {
            topic.applyAll(shard);
        }
        Files.write(segment(0), new byte[100]);

        assertThat(stored(dir, SECOND, 3)).isEqualTo(topic.of(SECOND).subList(3, 8));
        assertThatThrownBy(() -> stored(dir, SECOND, 2)).isInstanceOf(WalException.class);
    }

    @Test
    void startsAtTheFirstRecordOfALogThatBeginsLaterAndReadsNothingWithoutALog() throws IOException {
        DataDir dir = new DataDir(root);
        assertThat(stored(dir, SECOND)).isEmpty();
        try (Shard shard = new Shard(dir, SHARD, settings(300), () -> true, segment -> {})) {
            shard.append(SECOND, AcceptedTopic.record(50));
        }
        assertThat(stored(dir, SECOND, 10)).containsExactly(AcceptedTopic.text(AcceptedTopic.record(50)));
    }

    /** After a disk error, a restart truncates bytes that a reader has seen, and writes their records in other batches. */
    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 4, 5})
    void continuesInASegmentThatARestartHasWrittenInOtherBatches(int batch) throws IOException {
        DataDir dir = new DataDir(root);
        AcceptedTopic topic = AcceptedTopic.of(SECOND, 24);
        try (Shard shard = new Shard(dir, SHARD, settings(10_000))) {
            for (int offset = 0; offset < 8; offset++) {
                topic.apply(shard, offset);
                shard.flush();
            }
        }
        List<String> seen = new ArrayList<>();
        try (WalReader reader = WalReader.open(dir, SECOND, 0)) {
            readTo(reader, seen);
            Files.delete(segment(0));
            try (Shard shard = new Shard(dir, SHARD, settings(10_000))) {
                for (int offset = 0; offset < topic.size(); offset++) {
                    topic.apply(shard, offset);
                    if (offset % batch == 0) {
                        shard.flush();
                    }
                }
            }
            reader.refresh();
            readTo(reader, seen);
        }
        assertThat(seen).isEqualTo(topic.of(SECOND));
    }

    private static void readTo(WalReader reader, List<String> seen) throws IOException {
        for (WalRecord record = reader.next(); record != null; record = reader.next()) {
            seen.add(AcceptedTopic.text(record));
        }
    }

    @Test
    void seesTheFlushedRecordsOfALiveShard() throws IOException {
        DataDir dir = new DataDir(root);
        AcceptedTopic topic = AcceptedTopic.of(SECOND, 10);
        try (Shard shard = new Shard(dir, SHARD, settings(300))) {
            for (int offset = 0; offset < topic.size(); offset++) {
                topic.apply(shard, offset);
                shard.flush();
                assertThat(stored(dir, SECOND)).isEqualTo(topic.of(SECOND).subList(0, offset + 1));
            }
        }
    }

    @Test
    void endsBeforeABatchThatIsHalfWrittenAndReadsItOnceItIsWhole() throws IOException {
        DataDir dir = new DataDir(root);
        AcceptedTopic topic = AcceptedTopic.of(SECOND, 4);
        try (Shard shard = new Shard(dir, SHARD, settings(1000))) {
            topic.apply(shard, 0, 2);
            shard.flush();
            topic.apply(shard, 2, 4);
        }
        byte[] whole = Files.readAllBytes(segment(0));
        int first = whole.length / 2;
        for (int end = first; end < whole.length; end++) {
            Files.write(segment(0), Arrays.copyOf(whole, end));
            try (WalReader reader = WalReader.open(dir, SECOND, 1)) {
                assertThat(reader.next()).as("end %d", end).isNotNull();
                assertThat(reader.next()).as("end %d", end).isNull();
                assertThat(reader.next()).as("end %d", end).isNull();
            }
        }
        Files.write(segment(0), Arrays.copyOfRange(whole, whole.length - 1, whole.length), StandardOpenOption.APPEND);
        assertThat(stored(dir, SECOND)).isEqualTo(topic.of(SECOND));
    }

    @ParameterizedTest
    @ValueSource(strings = {"cut", "damaged", "missing"})
    void noticesThatDurableRecordsAtTheEndAreGone(String how) throws IOException {
        DataDir dir = new DataDir(root);
        AcceptedTopic topic = AcceptedTopic.of(SECOND, 8);
        try (Shard shard = new Shard(dir, SHARD, settings(300))) {
            topic.applyAll(shard);
            shard.checkpoint(7);
        }
        byte[] whole = Files.readAllBytes(segment(6));
        switch (how) {
            case "cut" -> Files.write(segment(6), Arrays.copyOf(whole, whole.length - 1));
            case "damaged" -> {
                whole[whole.length - 1] ^= 1;
                Files.write(segment(6), whole);
            }
            default -> Files.delete(segment(6));
        }

        try (WalReader reader = WalReader.openToDurableEnd(dir, SECOND, 0)) {
            for (int seq = 0; seq < 6; seq++) {
                assertThat(reader.next()).isNotNull();
            }
            assertThatThrownBy(reader::next).hasMessageContaining("the checkpoint has the sequence numbers 6 to 7");
        }
    }

    @Test
    void readsToTheEndOfALogThatIsPrunedMeanwhile() throws IOException {
        DataDir dir = new DataDir(root);
        AcceptedTopic topic = AcceptedTopic.of(SECOND, 8);
        try (Shard shard = new Shard(dir, SHARD, settings(300))) {
            topic.applyAll(shard);
            shard.checkpoint(7);
            try (WalReader reader = WalReader.openToDurableEnd(dir, SECOND, 0)) {
                assertThat(reader.next()).isNotNull();
                shard.prune(SECOND, 8);
                shard.checkpoint(7);
                assertThat(reader.next()).isNotNull();
                assertThat(reader.next()).isNotNull();
                assertThat(reader.next()).isNull();
            }
        }
    }
}
