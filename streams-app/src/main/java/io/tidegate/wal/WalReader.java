package io.tidegate.wal;

import io.tidegate.tenant.TenantId;
import io.tidegate.wal.RecordBatches.StoredBatch;
import java.io.Closeable;
import java.io.IOException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.NavigableSet;
import java.util.Objects;
import java.util.Queue;
import org.jspecify.annotations.Nullable;

/**
 * Reads a tenant's records in order across its segments, also while they are written. Validates each batch as it is
 * read. Not thread-safe.
 */
public final class WalReader implements Closeable {
    private final DataDir dir;
    private final TenantId tenant;
    private final Deque<SegmentName> segments;
    private final Queue<WalRecord> read = new ArrayDeque<>();
    private final Checkpoint.@Nullable Log promised;
    private long fromSeq;
    private @Nullable SegmentReader current;
    private @Nullable SegmentName currentName;
    private @Nullable Path path;
    private @Nullable EndPosition end;

    /** Whether the current segment is read from a place that a restart may have made wrong since the last read. */
    private boolean resumed;

    /** The end of the log as of the last read. */
    private record EndPosition(SegmentName segment, long position, long nextSeq) {}

    private WalReader(
            DataDir dir,
            TenantId tenant,
            long fromSeq,
            Deque<SegmentName> segments,
            Checkpoint.@Nullable Log promised) {
        this.promised = promised;
        this.dir = dir;
        this.tenant = tenant;
        this.fromSeq = fromSeq;
        this.segments = segments;
    }

    /**
     * Opens a tenant's log.
     *
     * @param fromSeq the first sequence number to return; segments that end below it are not read
     * @throws WalException if the segments are of more than one shard, or behind a symbolic link
     */
    public static WalReader open(DataDir dir, TenantId tenant, long fromSeq) throws IOException {
        return open(dir, tenant, fromSeq, null);
    }

    /** Like {@link #open}, and {@link #next} rejects a log that ends before the durable end in the checkpoint. */
    public static WalReader openToDurableEnd(DataDir dir, TenantId tenant, long fromSeq) throws IOException {
        NavigableSet<SegmentName> segments = dir.segments(tenant);
        // The checkpoint is read first: then the files have at least its records, even while they are written.
        return open(
                dir,
                tenant,
                fromSeq,
                segments.isEmpty()
                        ? null
                        : durable(dir, tenant, segments.first().shard()));
    }

    /** Returns the durable state of a tenant's log; null if no checkpoint has it. */
    static Checkpoint.@Nullable Log durable(DataDir dir, TenantId tenant, int shard) {
        try {
            Checkpoint checkpoint = Checkpoint.read(dir.checkpoint(shard), shard);
            return checkpoint == null ? null : checkpoint.logs().get(tenant);
        } catch (WalException e) {
            return null; // the records are readable without it; the verification reports it
        }
    }

    private static WalReader open(DataDir dir, TenantId tenant, long fromSeq, Checkpoint.@Nullable Log promised)
            throws IOException {
        Deque<SegmentName> segments = new ArrayDeque<>(dir.segments(tenant));
        for (SegmentName segment : segments) {
            if (segment.shard() != segments.getFirst().shard()) {
                throw WalException.damage(
                        tenant,
                        dir.walOf(tenant).resolve(segment.fileName()),
                        0,
                        "the segment is of another shard than %d"
                                .formatted(segments.getFirst().shard()));
            }
        }
        SegmentName first = segments.poll();
        while (first != null && !segments.isEmpty() && segments.peek().firstSeq() <= fromSeq) {
            first = segments.poll();
        }
        if (first != null) {
            segments.addFirst(first);
        }
        return new WalReader(dir, tenant, fromSeq, segments, promised);
    }

    /**
     * Returns the next record; null at the end of the log or at an incomplete batch. Skips segments that were pruned
     * since the log was opened.
     *
     * @throws WalException if stored bytes are damaged
     */
    public @Nullable WalRecord next() throws IOException {
        while (read.isEmpty()) {
            if (!readBatch()) {
                checkEnd();
                return null;
            }
        }
        return read.remove();
    }

    private void checkEnd() {
        if (promised == null || !promised.promisesFiles()) {
            return;
        }
        SegmentReader reading = current;
        long next = reading != null ? reading.nextSeq() : end != null ? end.nextSeq() : 0;
        long durable = promised.tail().nextSeq();
        SegmentName last = currentName;
        if (next >= durable || last == null) {
            return;
        }
        Checkpoint.Log now = durable(dir, tenant, last.shard());
        if (now != null && now.beginSeq() >= durable) {
            return; // pruned since the log was opened
        }
        throw WalException.damage(
                tenant,
                path,
                reading != null ? reading.position() : end != null ? end.position() : 0,
                "the log ends here, but the checkpoint has the sequence numbers %d to %d".formatted(next, durable - 1));
    }

    /** Continues after {@link #next} returned null, with the batches and segments written since. */
    public void refresh() throws IOException {
        if (current != null) {
            leave(current);
        }
        segments.clear();
        segments.addAll(
                end == null ? dir.segments(tenant) : dir.segments(tenant).tailSet(end.segment(), true));
        fromSeq = end == null ? fromSeq : Math.max(fromSeq, end.nextSeq());
    }

    private void leave(SegmentReader reader) throws IOException {
        end = new EndPosition(Objects.requireNonNull(currentName), reader.position(), reader.nextSeq());
        current = null;
        reader.close();
    }

    private boolean readBatch() throws IOException {
        if (current == null) {
            SegmentName name = segments.poll();
            if (name == null) {
                return false;
            }
            path = dir.walOf(tenant).resolve(name.fileName());
            try {
                current = new SegmentReader(tenant, name, path);
                currentName = name;
                // A restart can have truncated bytes that were not durable; then the segment is read from its start.
                resumed = end != null && end.segment().equals(name) && end.position() <= current.end();
                if (end != null && resumed) {
                    current.skipTo(end.position(), end.nextSeq());
                }
            } catch (NoSuchFileException e) {
                NavigableSet<SegmentName> left = dir.segments(tenant);
                if (left.isEmpty() || left.first().compareTo(name) > 0) {
                    return !segments.isEmpty(); // pruned since the log was opened
                }
                throw e;
            }
        }
        try {
            StoredBatch batch = current.next();
            if (batch == null) {
                long expected = current.nextSeq();
                SegmentName following = segments.peek();
                if (following != null && following.firstSeq() != expected && isRewound(current)) {
                    return true;
                }
                leave(current);
                if (following != null && following.firstSeq() != expected) {
                    throw WalException.gap(
                            tenant,
                            following.shard(),
                            expected,
                            following.firstSeq() - 1,
                            "The segment that should hold them is missing");
                }
                return !segments.isEmpty();
            }
            resumed = false;
            if (batch.lastSeq() >= fromSeq) {
                for (WalRecord record : batch.records()) {
                    if (record.seq() >= fromSeq) {
                        read.add(record);
                    }
                }
            }
            return true;
        } catch (BadBatchException e) {
            if (isRewound(current)) {
                return true;
            }
            if (segments.isEmpty() && e.reachesEnd()) {
                return false;
            }
            throw WalException.damage(tenant, path, current.position(), e.getMessage());
        }
    }

    /** Goes back to the start of a segment that was resumed, once. Records that were returned are not returned again. */
    private boolean isRewound(SegmentReader reader) {
        boolean rewinds = resumed;
        resumed = false;
        if (rewinds) {
            reader.skipTo(0, Objects.requireNonNull(currentName).firstSeq());
        }
        return rewinds;
    }

    @Override
    public void close() throws IOException {
        if (current != null) {
            current.close();
        }
    }
}
