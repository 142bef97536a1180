package io.tidegate.wal;

import io.tidegate.tenant.TenantId;
import io.tidegate.wal.RecordBatches.BadBatchException;
import io.tidegate.wal.RecordBatches.StoredBatch;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.NavigableSet;
import java.util.TreeSet;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One tenant's log in one shard: its segments, the last of which is appended to.
 *
 * <p>An append goes to a batch in memory; {@link #flush} writes the batch, {@link #sync} makes it durable. The segment is
 * sealed by what the records say (their own bytes, their time), never by the wall clock or by how batches fell, so every
 * copy is cut alike.
 *
 * <p>Nothing is read until the tenant's first record comes; then the last segment is checked from where the checkpoint
 * knew it durable. Not thread-safe; owned by its {@link Shard}.
 */
final class TenantLog {
    private static final Logger LOG = LoggerFactory.getLogger(TenantLog.class);
    private static final int BATCH_BYTES_MIN = 512;

    private final Shard shard;
    private final TenantId tenant;
    private final Path directory;
    private final int stamp;

    /** First sequence numbers of all segments here, the one being filled included. */
    private final NavigableSet<Long> starts = new TreeSet<>();

    /** The last segment, sealed or not; null where this copy has none. */
    private @Nullable SegmentState tail;

    private RecordBatches.@Nullable Builder batch;
    private @Nullable FileChannel file;
    private boolean unsynced;

    /** Where the log begins; segments below were pruned. */
    private long beginSeq = Checkpoint.Log.UNKNOWN;

    /** The sequence number after the last record that the topic gave, new or not. */
    private long appliedSeq;

    /** What the checkpoint knew durable when the log was opened; null where it did not know the last segment. */
    private @Nullable SegmentState opened;

    /** Whether a record that came again was compared with the stored one. */
    private boolean compared;

    /** Whether pruned segments are still on disk. */
    private boolean pruning;

    private int pendingBytes;
    private int batchBytesExpected = BATCH_BYTES_MIN;

    private TenantLog(Shard shard, TenantId tenant) {
        this.shard = shard;
        this.tenant = tenant;
        this.directory = shard.dir().walOf(tenant);
        this.stamp = RecordBatches.stamp(tenant, shard.number());
    }

    /**
     * Finds the end of the log.
     *
     * @param durable what the checkpoint knows of the log; null where it does not know the tenant
     * @param bytesRead told how many bytes had to be read
     */
    static TenantLog open(Shard shard, TenantId tenant, Checkpoint.@Nullable Log durable, Consumer<Long> bytesRead)
            throws IOException {
        TenantLog log = new TenantLog(shard, tenant);
        if (durable != null) {
            log.beginSeq = durable.beginSeq();
            log.appliedSeq = durable.appliedSeq();
            if (durable.isBrokenOff()) {
                throw WalException.damage(
                        tenant, log.directory, 0, "a repair was broken off: run tidegate wal verify --repair again");
            }
        }
        for (SegmentName name : shard.dir().segments(tenant)) {
            if (name.shard() != shard.number()) {
                throw WalException.damage(
                        tenant,
                        log.directory.resolve(name.fileName()),
                        0,
                        "the segment is of another shard than %d".formatted(shard.number()));
            }
            if (name.firstSeq() >= log.beginSeq) {
                log.starts.add(name.firstSeq());
            }
        }
        if (!log.starts.isEmpty()) {
            log.recover(durable == null ? null : durable.tail(), bytesRead);
            if (log.beginSeq < 0) {
                log.beginSeq = log.starts.first();
            }
        } else if (durable != null && durable.promisesFiles()) {
            throw WalException.damage(
                    tenant,
                    log.directory,
                    0,
                    "the checkpoint knows the sequence numbers %d to %d here, and there is no segment"
                            .formatted(Math.max(0, log.beginSeq), durable.tail().nextSeq() - 1));
        } else if (durable != null) {
            log.tail = durable.tail();
        }
        return log;
    }

    /** Cuts the last segment down to what the checkpoint knows durable, whatever its bytes look like. */
    static void cutToDurable(Shard shard, TenantId tenant, Checkpoint.@Nullable Log known) throws IOException {
        SegmentName last = null;
        for (SegmentName name : shard.dir().segments(tenant)) {
            last = name.shard() == shard.number() ? name : last;
        }
        if (last == null) {
            return;
        }
        Path path = shard.dir().walOf(tenant).resolve(last.fileName());
        long position = known != null && known.tail().firstSeq() == last.firstSeq()
                ? known.tail().position()
                : 0;
        if (Files.size(path) > position) {
            shard.cut(tenant, path, position, "the disk failed before these bytes were durable");
        }
    }

    private void recover(@Nullable SegmentState durable, Consumer<Long> bytesRead) throws IOException {
        long last = starts.last();
        Path path = path(last);
        if (durable != null && durable.firstSeq() > last) {
            throw WalException.damage(
                    tenant, path, 0, "the segment that begins with %d is missing".formatted(durable.firstSeq()));
        }
        // A tail without records says nothing of a file: one that is there was made after the checkpoint.
        boolean known = durable != null && durable.firstSeq() == last && durable.records() > 0;
        SegmentState from = known ? durable : SegmentState.empty(last);
        opened = from;
        try (SegmentReader reader = new SegmentReader(tenant, new SegmentName(last, shard.number()), path)) {
            if (reader.end() < from.position()) {
                throw WalException.damage(
                        tenant,
                        path,
                        reader.end(),
                        "the file ends here, the checkpoint knows %d bytes durable".formatted(from.position()));
            }
            bytesRead.accept(reader.end() - from.position());
            reader.skipTo(from.position(), from.nextSeq());
            tail = from;
            for (StoredBatch read = reader.next(); read != null; read = reader.next()) {
                tail = replay(read, tail);
            }
        } catch (BadBatchException e) {
            // Above the checkpoint nothing was promised durable: after a power loss any of it can be missing. Where no
            // checkpoint is known, only the last batch can have been cut by a crash.
            if (!e.reachesEnd() && !shard.hasCheckpoint()) {
                throw WalException.damage(tenant, path, tail.position(), e.getMessage());
            }
            shard.cut(tenant, path, tail.position(), e.getMessage());
        }
        // What was written before a crash of the process alone may be in the page cache only.
        unsynced = tail.position() > from.position() || !known;
        if (unsynced) {
            shard.unsynced(this);
        }
        if (!known) {
            newEntries();
        }
    }

    private SegmentState replay(StoredBatch read, SegmentState before) {
        SegmentState after = before;
        for (WalRecord record : read.records()) {
            after = after.with(record, shard.chainedCrc(record, after.crc()));
        }
        return after.at(read.end());
    }

    /** The sequence number that comes next; null while this copy has none of the tenant's records. */
    @Nullable
    Long nextSeq() {
        return tail == null ? null : tail.nextSeq();
    }

    /** Where the log begins. */
    long beginSeq() {
        return beginSeq;
    }

    /** What the checkpoint is to know; null while this copy has nothing. Only meaningful right after {@link #sync}. */
    Checkpoint.@Nullable Log state() {
        return tail == null ? null : new Checkpoint.Log(tail, beginSeq, appliedSeq, pruning);
    }

    /**
     * Skips a record that is here already. The first one since the start is compared with what is stored: a topic that
     * went back, or that was written anew, gives other records under the same numbers.
     *
     * @throws WalException if they differ
     */
    void skip(WalRecord record) throws IOException {
        appliedSeq = record.seq() + 1;
        Long start = starts.floor(record.seq());
        if (compared || start == null) {
            return;
        }
        compared = true;
        flush();
        Path path = path(start);
        try (SegmentReader reader = new SegmentReader(tenant, new SegmentName(start, shard.number()), path)) {
            if (opened != null && opened.firstSeq() == start && opened.nextSeq() <= record.seq()) {
                reader.skipTo(opened.position(), opened.nextSeq());
            }
            for (StoredBatch batch = reader.next(); batch != null; batch = reader.next()) {
                if (batch.lastSeq() >= record.seq()) {
                    WalRecord stored = batch.records().get(Math.toIntExact(record.seq() - batch.firstSeq()));
                    if (shard.chainedCrc(stored, 0) != shard.chainedCrc(record, 0)) {
                        throw WalException.differs(tenant, shard.number(), record.seq(), path);
                    }
                    return;
                }
            }
        } catch (BadBatchException e) {
            LOG.warn(
                    "damage: a record that comes again cannot be compared; see tidegate wal verify tenant={} segment={}"
                            + " why=\"{}\"",
                    tenant,
                    path.getFileName(),
                    e.getMessage());
        }
    }

    /**
     * Forgets the segments whose records are all below {@code belowSeq} and came before this in the topic; the files stay
     * until a checkpoint says where the log begins now. They are whole until then, so that whoever starts before that
     * checkpoint finds the log as if nothing had been asked.
     *
     * @return whether there are such segments
     */
    boolean prune(long belowSeq) throws IOException {
        long below = Math.min(belowSeq, appliedSeq);
        boolean pruned = false;
        while (tail != null && !starts.isEmpty()) {
            Long following = starts.higher(starts.first());
            long end = following == null ? tail.nextSeq() : following;
            if (end > below || (following == null && tail.records() == 0)) {
                break;
            }
            if (following == null) {
                sync();
                closeFile();
                shard.syncEntry(directory);
                tail = SegmentState.empty(end);
            }
            starts.pollFirst();
            beginSeq = end;
            pruned = true;
        }
        pruning |= pruned;
        return pruned;
    }

    /** The files of pruned segments are gone. */
    void pruned() {
        pruning = false;
    }

    /**
     * Appends the record with the {@linkplain #nextSeq next} sequence number, or the first record of a new copy.
     *
     * @param sealed told of each segment that this record seals: at most the one before and the one it fills
     */
    void append(WalRecord record, Consumer<SealedSegment> sealed) throws IOException {
        SegmentState current = tail;
        if (current != null && current.records() == 0) {
            // A crash took the record that began this segment, and with it the report of the segment before.
            reportBefore(current.firstSeq(), record.timestampMs(), sealed);
        }
        if (current != null && isTooOld(current, record.timestampMs()) && !isFull(current)) {
            seal(current, record.timestampMs(), sealed);
            current = null;
        }
        if (current == null || isFull(current) || !starts.contains(current.firstSeq())) {
            current = begin(record.seq());
        }
        if (batch == null) {
            batch = new RecordBatches.Builder(
                    record.seq(), stamp, shard.settings().compression(), batchBytesExpected);
            shard.pending(this);
        }
        batch.append(record);
        pendingBytes += record.ownBytes();
        shard.pendingBytes(record.ownBytes());
        current = current.with(record, shard.chainedCrc(record, current.crc()));
        tail = current;
        appliedSeq = current.nextSeq();
        if (isFull(current)) {
            seal(current, record.timestampMs(), sealed);
        } else if (batch.bytes() >= shard.settings().batchBytes()) {
            flush();
        }
    }

    /**
     * Tells again of a segment that the record {@code seq}, which is here already, sealed when it came first: then the
     * report may not have been committed. Telling twice does no harm.
     */
    void sealedBy(long seq, long timestampMs, Consumer<SealedSegment> sealed) throws IOException {
        reportBefore(seq, timestampMs, sealed);
        SegmentState last = tail;
        if (last != null && last.nextSeq() == seq + 1 && isFull(last)) {
            sealed.accept(report(last, timestampMs));
        } else {
            reportBefore(seq + 1, timestampMs, sealed);
        }
    }

    /** Reports the segment that ends where another one begins with {@code start}, if there is one. */
    private void reportBefore(long start, long timestampMs, Consumer<SealedSegment> sealed) throws IOException {
        Long before = starts.contains(start) ? starts.lower(start) : null;
        if (before != null) {
            sealed.accept(report(scan(before), timestampMs));
        }
    }

    private SegmentState scan(long firstSeq) throws IOException {
        Path path = path(firstSeq);
        SegmentState scanned = SegmentState.empty(firstSeq);
        try (SegmentReader reader = new SegmentReader(tenant, new SegmentName(firstSeq, shard.number()), path)) {
            for (StoredBatch read = reader.next(); read != null; read = reader.next()) {
                scanned = replay(read, scanned);
            }
        } catch (BadBatchException e) {
            throw WalException.damage(tenant, path, scanned.position(), e.getMessage());
        }
        return scanned;
    }

    private boolean isFull(SegmentState segment) {
        return segment.ownBytes() >= shard.settings().segmentBytes();
    }

    private boolean isTooOld(SegmentState segment, long nowMs) {
        return segment.firstTimestampMs() >= 0
                && nowMs - segment.firstTimestampMs()
                        >= shard.settings().segmentAge().toMillis();
    }

    private SegmentState begin(long firstSeq) throws IOException {
        // Also where the segment before was found full after a crash: then nobody has synced it yet. Its entry must be
        // durable before the next one exists, or a power loss could keep the later segment and lose the earlier.
        sync();
        closeFile();
        shard.syncEntry(directory);
        SegmentState begun = SegmentState.empty(firstSeq);
        shard.dir().createDirectories(directory, shard::newEntry);
        file = shard.dir().openSegment(path(firstSeq), true);
        newEntries();
        shard.opened(this);
        starts.add(firstSeq);
        if (beginSeq < 0) {
            beginSeq = firstSeq;
        }
        tail = begun;
        return begun;
    }

    /**
     * The segment's entry, and where the checkpoint does not know the tenant also those of its directories: who made
     * them may have been killed before it could sync them.
     */
    private void newEntries() {
        shard.newEntry(directory);
        if (!shard.knowsDurable(tenant)) {
            for (Path child = directory; !child.equals(shard.dir().root()); child = child.getParent()) {
                shard.newEntry(child.getParent());
            }
        }
    }

    private void seal(SegmentState segment, long nowMs, Consumer<SealedSegment> sealed) throws IOException {
        flush();
        sync();
        closeFile();
        SegmentState written = tail == null ? segment : tail;
        shard.dir().listener().sealed(written.position());
        sealed.accept(report(written, nowMs));
    }

    private SealedSegment report(SegmentState segment, long nowMs) {
        return new SealedSegment(
                tenant,
                shard.number(),
                segment.firstSeq(),
                segment.nextSeq() - 1,
                segment.position(),
                segment.crc(),
                nowMs);
    }

    /** Writes the pending batch. */
    void flush() throws IOException {
        RecordBatches.Builder pending = batch;
        SegmentState current = tail;
        if (pending == null || current == null) {
            return;
        }
        batch = null;
        shard.flushed(this, pendingBytes);
        pendingBytes = 0;
        ByteBuffer bytes = pending.build();
        int size = bytes.remaining();
        FileChannel out = openFile();
        long position = current.position();
        while (bytes.hasRemaining()) {
            position += out.write(bytes, position);
        }
        tail = current.at(position);
        shard.dir().listener().wrote(size);
        batchBytesExpected = Math.max(
                BATCH_BYTES_MIN, Math.min(size + size / 4, shard.settings().batchBytes() * 2));
        if (!unsynced) {
            unsynced = true;
            shard.unsynced(this);
        }
    }

    /** Makes all that was written durable. Never repeated after a failure: the second one would seem to succeed. */
    void sync() throws IOException {
        flush();
        if (unsynced) {
            beginSync().run();
            endSync();
        }
    }

    /** What makes durable what was written; it may run in any thread, and {@link #endSync} follows when it has. */
    Syncs.Sync beginSync() throws IOException {
        FileChannel syncing = openFile();
        return () -> {
            long began = System.nanoTime();
            syncing.force(false);
            shard.dir().listener().fsynced(System.nanoTime() - began);
        };
    }

    void endSync() {
        unsynced = false;
        shard.synced(this);
    }

    private FileChannel openFile() throws IOException {
        if (file == null) {
            if (tail == null) {
                throw new IllegalStateException(tenant + " has no segment to open");
            }
            file = shard.dir().openSegment(path(tail.firstSeq()), false);
        }
        shard.opened(this);
        return file;
    }

    void closeFile() throws IOException {
        if (file != null) {
            shard.closed(this);
            FileChannel closing = file;
            file = null;
            closing.close();
        }
    }

    TenantId tenant() {
        return tenant;
    }

    private Path path(long firstSeq) {
        return directory.resolve(new SegmentName(firstSeq, shard.number()).fileName());
    }
}
