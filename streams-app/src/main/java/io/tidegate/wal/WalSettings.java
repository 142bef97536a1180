package io.tidegate.wal;

import java.time.Duration;
import org.apache.kafka.common.compress.Compression;

/**
 * The limits of segments, and how files are written. Admission applies {@code segmentBytes} and {@code segmentAge} when
 * it accepts a signal, and marks the first record of each segment; the files follow the marks.
 *
 * @param segmentBytes a segment is full when its record bytes reach this, or less for a small storage quota
 * @param segmentAge a record that is this much younger than the first record of the segment begins a new one
 * @param batchBytes a batch is written when it reaches this size, if not earlier
 * @param pendingBytes the record bytes of all of a shard's tenants that may wait in memory
 * @param openFiles the number of segment files that one shard keeps open
 * @param compression the compression of batches
 */
public record WalSettings(
        long segmentBytes,
        Duration segmentAge,
        int batchBytes,
        long pendingBytes,
        int openFiles,
        Compression compression) {
    public static final long SEGMENT_BYTES_DEFAULT = 64L * 1024 * 1024;
    private static final int BATCH_BYTES_DEFAULT = 32 * 1024;
    private static final long PENDING_BYTES_DEFAULT = 32L * 1024 * 1024;

    public WalSettings {
        if (segmentBytes < 1 || segmentAge.toMillis() < 1 || batchBytes < 1 || pendingBytes < 1 || openFiles < 1) {
            throw new IllegalArgumentException(
                    "WAL settings must be positive: segment %d bytes, %s; batch %d, pending %d;"
                                    .formatted(segmentBytes, segmentAge, batchBytes, pendingBytes)
                            + " open files %d".formatted(openFiles));
        }
    }

    public static WalSettings of(long segmentBytes, Duration segmentAge, int openFiles, Compression compression) {
        return new WalSettings(
                segmentBytes, segmentAge, BATCH_BYTES_DEFAULT, PENDING_BYTES_DEFAULT, openFiles, compression);
    }

    /** Returns these settings with at most this many pending bytes. */
    public WalSettings pendingAtMost(long bytes) {
        return new WalSettings(
                segmentBytes,
                segmentAge,
                batchBytes,
                Math.max(1, Math.min(pendingBytes, bytes)),
                openFiles,
                compression);
    }

    /** Returns a compression by its Kafka name: none, gzip, snappy, lz4 or zstd. */
    public static Compression compression(String name) {
        return RecordBatches.compression(name);
    }
}
