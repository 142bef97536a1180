package io.tidegate.wal;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidegate.tenant.TenantId;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Locale;
import java.util.stream.Stream;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.header.Header;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** After a kill, a start reads the records after the checkpoint, however large the WAL is. */
class RestartTest {
    private static final int SHARD = 0;
    private static final int VALUE_BYTES = 1000;
    private static final Header[] NO_HEADERS = {};

    @TempDir
    Path root;

    private static WalRecord record(long seq, byte[] value) {
        return new WalRecord(seq, seq, null, value, NO_HEADERS);
    }

    private static WalSettings settings() {
        return WalSettings.of(WalSettings.SEGMENT_BYTES_DEFAULT, Duration.ofDays(1), 100, Compression.NONE);
    }

    /**
     * Writes {@code each} records of every tenant, and a checkpoint; then {@code after} more, as if the process was killed after
     * them.
     */
    private static void write(DataDir dir, int tenants, int each, int after) {
        byte[] value = new byte[VALUE_BYTES];
        Shard shard = new Shard(dir, SHARD, settings());
        for (int seq = 0; seq < each + after; seq++) {
            if (seq == each) {
                shard.checkpoint(0);
            }
            for (int tenant = 0; tenant < tenants; tenant++) {
                shard.append(TenantId.of(tenant), record(seq, value));
            }
        }
        shard.flush();
        shard.close();
    }

    /** Restarts; returns the bytes read until every tenant can be appended to. */
    private static long restart(DataDir dir, int tenants, int from) {
        byte[] value = new byte[VALUE_BYTES];
        try (Shard shard = new Shard(dir, SHARD, settings())) {
            assertThat(shard.recoveredBytes()).isZero();
            for (int tenant = 0; tenant < tenants; tenant++) {
                shard.append(TenantId.of(tenant), record(from, value));
            }
            return shard.recoveredBytes();
        }
    }

    @Test
    @Timeout(600)
    void readsTheSameHoweverLargeTheWalIs() {
        int tenants = 1000;
        DataDir small = new DataDir(root.resolve("small"));
        DataDir large = new DataDir(root.resolve("large"));
        write(small, tenants, 5, 2);
        write(large, tenants, 50, 2);

        long readSmall = restart(small, tenants, 7);
        long readLarge = restart(large, tenants, 52);

        assertThat(readSmall).isPositive();
        assertThat(readLarge).isBetween(readSmall * 95 / 100, readSmall * 105 / 100);
        assertThat(readLarge).isLessThan(tenants * 3L * VALUE_BYTES);
    }

    /**
     * The measurement of docs/wal-format.md: {@code RestartTest <dir> <tenants> <records each>} writes there and restarts.
     */
    static final class Measure {
        private Measure() {}

        @SuppressWarnings("SystemOut")
        public static void main(String[] arguments) throws IOException {
            DataDir dir = new DataDir(Path.of(arguments[0]));
            int tenants = Integer.parseInt(arguments[1]);
            int each = Integer.parseInt(arguments[2]);
            write(dir, tenants, each, 20);
            long size = 0;
            try (Stream<Path> files = Files.walk(dir.root())) {
                for (Path file : files.filter(Files::isRegularFile).toList()) {
                    size += Files.size(file);
                }
            }
            long start = System.nanoTime();
            long read = restart(dir, tenants, each + 20);
            System.out.println("wal_bytes=%d tenants=%d read_bytes=%d seconds=%s"
                    .formatted(
                            size,
                            tenants,
                            read,
                            String.format(Locale.ROOT, "%.2f", (System.nanoTime() - start) / 1e9)));
        }
    }
}
