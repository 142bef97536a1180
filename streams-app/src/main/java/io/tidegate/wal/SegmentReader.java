package io.tidegate.wal;

import io.tidegate.tenant.TenantId;
import io.tidegate.wal.RecordBatches.StoredBatch;
import java.io.Closeable;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Set;
import java.util.function.LongConsumer;
import org.jspecify.annotations.Nullable;

/**
 * Reads one segment batch by batch and validates each: checksum, owner's stamp, sequence. Reads up to the file's size
 * at the time of opening, so it can run beside a writer. Not thread-safe.
 */
final class SegmentReader implements Closeable {
    private final TenantId tenant;
    private final SegmentName name;
    private final FileChannel file;
    private final long end;
    private final int stamp;
    private long position;
    private long nextSeq;

    /**
     * @param path the file
     * @throws WalException if it is a symbolic link or a directory
     */
    SegmentReader(TenantId tenant, SegmentName name, Path path) throws IOException {
        if (Files.exists(path, LinkOption.NOFOLLOW_LINKS) && !Files.isRegularFile(path, LinkOption.NOFOLLOW_LINKS)) {
            throw WalException.damage(tenant, path, 0, "a regular file is expected, not a link or a directory");
        }
        this.tenant = tenant;
        this.name = name;
        this.file = FileChannel.open(path, Set.of(StandardOpenOption.READ, LinkOption.NOFOLLOW_LINKS));
        this.end = file.size();
        this.stamp = RecordBatches.stamp(tenant, name.shard());
        this.nextSeq = name.firstSeq();
    }

    /** Starts at a batch boundary from a checkpoint. */
    void skipTo(long newPosition, long newNextSeq) {
        position = newPosition;
        nextSeq = newNextSeq;
    }

    /**
     * Returns the next batch, or null at the end of the file.
     *
     * @throws BadBatchException at the first invalid byte; {@link #position()} is the start of its batch
     */
    @Nullable
    StoredBatch next() throws IOException, BadBatchException {
        if (position == end) {
            return null;
        }
        StoredBatch batch = RecordBatches.read(file, position, end);
        if (batch.stamp() != stamp) {
            throw new BadBatchException(
                    "the batch is stamped %d and not %d: it is not of tenant %s, shard %d"
                            .formatted(batch.stamp(), stamp, tenant, name.shard()),
                    false);
        }
        if (batch.firstSeq() != nextSeq || batch.lastSeq() < batch.firstSeq()) {
            throw new BadBatchException(
                    "the batch holds the sequence numbers %d to %d, %d is expected"
                            .formatted(batch.firstSeq(), batch.lastSeq(), nextSeq),
                    false);
        }
        position = batch.end();
        nextSeq = batch.lastSeq() + 1;
        return batch;
    }

    /**
     * Reads from {@code from} to the end of the file, or to the first invalid byte.
     *
     * @param from a state of this segment at a batch boundary, such as that of a checkpoint
     */
    SegmentScan scan(SegmentState from) throws IOException {
        return scan(from, Long.MAX_VALUE, bytes -> {});
    }

    /**
     * Reads like {@link #scan(SegmentState)}, at most up to the batch that contains the sequence number before {@code endSeq}. Of
     * that batch, later records belong to the position, but not to the content: copies can have the same records in other
     * batches.
     *
     * @param progress receives the size of each batch
     */
    SegmentScan scan(SegmentState from, long endSeq, LongConsumer progress) throws IOException {
        skipTo(from.position(), from.nextSeq());
        ContentChecksum checksum = new ContentChecksum();
        SegmentState state = from;
        try {
            while (state.nextSeq() < endSeq) {
                StoredBatch batch = next();
                if (batch == null) {
                    break;
                }
                progress.accept(batch.end() - state.position());
                for (WalRecord record : batch.records()) {
                    if (record.seq() < endSeq) {
                        state = state.with(record, checksum.chained(record, state.crc()));
                    }
                }
                state = state.at(batch.end());
            }
            return new SegmentScan(state, null);
        } catch (BadBatchException e) {
            return new SegmentScan(state, e);
        }
    }

    /** The position of the next batch. */
    long position() {
        return position;
    }

    /** The next sequence number. */
    long nextSeq() {
        return nextSeq;
    }

    /** The file's size when it was opened. */
    long end() {
        return end;
    }

    @Override
    public void close() throws IOException {
        file.close();
    }
}
