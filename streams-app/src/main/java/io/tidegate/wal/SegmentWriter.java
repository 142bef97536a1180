package io.tidegate.wal;

import io.tidegate.tenant.TenantId;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * The end of one segment: a batch in memory, the file if it is open, and whether all written bytes are durable. {@link
 * LogFiles} performs the operations and keeps track of all writers of a shard. Not thread-safe.
 */
final class SegmentWriter {
    private static final int BATCH_BYTES_MIN = 512;

    private final TenantId tenant;
    private final Path path;
    private final int stamp;
    private final WalSettings settings;
    private RecordBatches.@Nullable Builder batch;
    private @Nullable FileChannel file;
    private long position;
    private boolean unsynced;
    private boolean isNew;
    private int pendingBytes;
    private int batchBytesExpected;

    /** @param position the position of the next batch: the size of the file */
    SegmentWriter(LogSegments segments, long firstSeq, long position, WalSettings settings) {
        this.tenant = segments.tenant();
        this.path = segments.path(firstSeq);
        this.stamp = RecordBatches.stamp(tenant, segments.shard());
        this.position = position;
        this.settings = settings;
        this.batchBytesExpected = BATCH_BYTES_MIN;
    }

    /** Marks the segment as one without a file. Expects batches as large as those of {@code before}. */
    SegmentWriter begun(@Nullable SegmentWriter before) {
        isNew = true;
        if (before != null) {
            batchBytesExpected = before.batchBytesExpected;
        }
        return this;
    }

    TenantId tenant() {
        return tenant;
    }

    Path path() {
        return path;
    }

    long position() {
        return position;
    }

    boolean isPending() {
        return batch != null;
    }

    boolean isOpen() {
        return file != null;
    }

    /** Whether the file must be created. */
    boolean isNew() {
        return isNew;
    }

    boolean isUnsynced() {
        return unsynced;
    }

    int pendingBytes() {
        return pendingBytes;
    }

    /** Whether the batch in memory is large enough to be written. */
    boolean isBatchFull() {
        return batch != null && batch.bytes() >= settings.batchBytes();
    }

    void append(WalRecord record) {
        RecordBatches.Builder filling = batch;
        if (filling == null) {
            filling = new RecordBatches.Builder(record.seq(), stamp, settings.compression(), batchBytesExpected);
            batch = filling;
        }
        filling.append(record);
        pendingBytes += record.ownBytes();
    }

    /** Returns the batch in memory, ready to be written. The caller must {@linkplain #write write} it next. */
    ByteBuffer takeBatch() throws IOException {
        RecordBatches.Builder full = batch;
        if (full == null) {
            throw new IllegalStateException(path + " has no batch to write");
        }
        batch = null;
        pendingBytes = 0;
        return full.build();
    }

    void write(ByteBuffer bytes) throws IOException {
        FileChannel out = openFile();
        int size = bytes.remaining();
        while (bytes.hasRemaining()) {
            position += out.write(bytes, position);
        }
        batchBytesExpected = Math.max(BATCH_BYTES_MIN, Math.min(size + size / 4, settings.batchBytes() * 2));
        unsynced = true;
    }

    void open(FileChannel opened) {
        file = opened;
        isNew = false;
    }

    FileChannel openFile() {
        if (file == null) {
            throw new IllegalStateException(path + " is not open");
        }
        return file;
    }

    void markUnsynced() {
        unsynced = true;
    }

    void markSynced() {
        unsynced = false;
    }

    void close() throws IOException {
        FileChannel closing = file;
        file = null;
        if (closing != null) {
            closing.close();
        }
    }
}
