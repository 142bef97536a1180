package io.tidegate.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import io.tidegate.admin.AdminException;
import io.tidegate.streams.RepeatedFailureException;
import io.tidegate.tenant.TenantId;
import io.tidegate.wal.DataDir;
import io.tidegate.wal.Shard;
import io.tidegate.wal.WalRecord;
import io.tidegate.wal.WalSettings;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.header.Header;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The last line and the exit code of an instance that ends by itself, for every kind of end. */
class RunEndTest {
    private static final TenantId TENANT = TenantId.of(42);
    private static final WalSettings SETTINGS = WalSettings.of(1 << 20, Duration.ofHours(1), 4, Compression.NONE);

    @TempDir
    private Path root;

    private Throwable append(long seq) {
        try (Shard shard = new Shard(new DataDir(root), 3, SETTINGS)) {
            return catchThrowable(
                    () -> shard.append(TENANT, new WalRecord(seq, 0, null, new byte[100], new Header[0])));
        }
    }

    @Test
    void aGapNamesItsRangeAndExitsWithThree() {
        RunEnd end = RunEnd.of(append(5));

        assertThat(end.exitCode()).isEqualTo(ExitCodes.DAMAGE);
        assertThat(end.sentence())
                .startsWith("stopped: ")
                .contains("tenant t42, shard 3 lacks the sequence numbers 0 to 4", "restore the topic")
                .doesNotContain("does not fix");
    }

    @Test
    void damageNamesTheSegmentAndTheRepairAndExitsWithThree() throws Exception {
        assertThat(append(0)).isNull();
        Path segment = new DataDir(root).walOf(TENANT).resolve("00000000000000000000.shard-00003.log");
        byte[] bytes = Files.readAllBytes(segment);
        bytes[30] ^= 1;
        byte[] more = java.util.Arrays.copyOf(bytes, bytes.length + 500);
        more[more.length - 1] = 1;
        Files.write(segment, more);

        RunEnd end = RunEnd.of(append(1));

        assertThat(end.exitCode()).isEqualTo(ExitCodes.DAMAGE);
        assertThat(end.sentence()).contains("damage in the WAL: tenant t42", "wal verify --repair");
    }

    @Test
    void invalidTopicsAreNamedAndAStartIsAdvised() {
        RunEnd end = RunEnd.of(new AdminException("the topic signals was created again"));

        assertThat(end.exitCode()).isEqualTo(ExitCodes.FAILED);
        assertThat(end.sentence())
                .isEqualTo("stopped because of the topics: the topic signals was created again. When that is fixed,"
                        + " start the instance again");
    }

    @Test
    void threadsThatFailRepeatedlyNameTheLastCause() {
        RunEnd end = RunEnd.of(new RepeatedFailureException(new IllegalStateException("no leader for signals-0")));

        assertThat(end.exitCode()).isEqualTo(ExitCodes.FAILED);
        assertThat(end.sentence())
                .startsWith("stopped: threads failed ")
                .contains("no leader for signals-0", "start the instance again")
                .doesNotContain("report it");
    }

    @Test
    void aFullHeapKeepsTheAdviceOfItsMessage() {
        RunEnd end = RunEnd.of(new IllegalStateException(
                "out of memory: the heap of 64 MiB is full. Give Java a larger one",
                new OutOfMemoryError("Java heap")));

        assertThat(end.exitCode()).isEqualTo(ExitCodes.FAILED);
        assertThat(end.sentence())
                .isEqualTo("stopped: out of memory: the heap of 64 MiB is full. Give Java a larger one");
    }

    @Test
    void otherFailuresAreNotCalledPermanent() {
        RunEnd end = RunEnd.of(new IllegalStateException("the producer was fenced"));

        assertThat(end.exitCode()).isEqualTo(ExitCodes.FAILED);
        assertThat(end.sentence()).contains("the producer was fenced", "Start the instance again");
    }
}
