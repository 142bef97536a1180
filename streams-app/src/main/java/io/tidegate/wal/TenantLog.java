package io.tidegate.wal;

import io.tidegate.tenant.TenantId;
import io.tidegate.wal.LogRecovery.Recovered;
import io.tidegate.wal.RecordBatches.StoredBatch;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One tenant's log in one shard: its segments, the last of which is appended to.
 *
 * <p>The first record of a segment seals the one before. Marks in {@code signals-accepted} say which records begin a
 * segment, so all copies have the same segments, whatever their settings, batches and restarts. {@link LogFiles} writes
 * and syncs the files, and {@link LogRecovery} finds them.
 *
 * <p>Not thread-safe; owned by the {@link Shard}.
 */
final class TenantLog {
    private static final Logger LOG = LoggerFactory.getLogger(TenantLog.class);

    /** Bounds the work and the log lines for a topic that repeats sequence numbers. */
    private static final int REPEATS_COMPARED_MAX = 100;

    private final LogFiles files;
    private final LogSegments segments;
    private final ContentChecksum checksum;
    private final RecordOrigin origin;
    private final Consumer<SealedSegment> sealed;

    /** Whether the checkpoint knows files of the tenant, so that its directories are durable. */
    private final boolean directoriesDurable;

    /** The last segment, sealed or not; null if this copy has none. Its position is that of {@link #writer}. */
    private @Nullable SegmentState tail;

    /** The end of the last segment; null if there is no file. */
    private @Nullable SegmentWriter writer;

    /** The first sequence number of the log; segments below were pruned. */
    private long beginSeq;

    /** The sequence number after the last record read from the topic, new or not. */
    private long appliedSeq;

    /**
     * The durable part of the last segment in the checkpoint when the log was opened; null if the checkpoint lacked the
     * segment.
     */
    private @Nullable SegmentState opened;

    /** Whether a record that was read again has been compared with the stored one. */
    private boolean compared;

    /** The first sequence number that was appended since the log was opened; -1 if none was. */
    private long appendedFrom = -1;

    /** The number of compared records that repeat a sequence number appended since the log was opened. */
    private int repeats;

    /** Whether pruned segments are still on disk. */
    private boolean pruning;

    /**
     * @param recovered the log as recovery found it on disk
     * @param promised the checkpoint's entry; null if it does not know the tenant
     * @param origin decides about a record that differs from the stored one
     * @param sealed receives each sealed segment, and receives it again if the record after it is read again
     */
    TenantLog(
            LogFiles files,
            Recovered recovered,
            Checkpoint.@Nullable Log promised,
            ContentChecksum checksum,
            RecordOrigin origin,
            Consumer<SealedSegment> sealed) {
        this.files = files;
        this.segments = recovered.segments();
        this.checksum = checksum;
        this.origin = origin;
        this.sealed = sealed;
        this.directoriesDurable = promised != null && promised.promisesFiles();
        this.beginSeq = promised == null ? Checkpoint.Log.UNKNOWN : promised.beginSeq();
        this.appliedSeq = promised == null ? 0 : promised.appliedSeq();
        this.tail = recovered.last();
        this.opened = recovered.durable();
        SegmentState last = tail;
        if (last != null && !segments.isEmpty()) {
            SegmentWriter found = new SegmentWriter(segments, last.firstSeq(), last.position(), files.settings());
            writer = found;
            if (recovered.isUnsynced()) {
                files.recovered(found);
            }
            if (!recovered.known()) {
                noteDirectories();
            }
            if (beginSeq < 0) {
                beginSeq = segments.first();
            }
        }
    }

    TenantId tenant() {
        return segments.tenant();
    }

    /** Returns the next sequence number; null while this copy has no record of the tenant. */
    @Nullable
    Long nextSeq() {
        return tail == null ? null : tail.nextSeq();
    }

    long beginSeq() {
        return beginSeq;
    }

    /** Returns the checkpoint's entry; null while this copy is empty. Only valid while all bytes are durable. */
    Checkpoint.@Nullable Log state() {
        SegmentState last = positioned();
        return last == null ? null : new Checkpoint.Log(last, beginSeq, appliedSeq, pruning);
    }

    private @Nullable SegmentState positioned() {
        return tail == null || writer == null ? tail : tail.at(writer.position());
    }

    /**
     * Skips a record that is already stored. Compares the first such record since the start with the stored one: a
     * topic that lost records or was recreated has other records under the same sequence numbers. If the record sealed
     * a segment when it was first appended, reports that segment again, because the first report may not have been
     * committed. Reporting twice is harmless.
     *
     * @throws WalException if they differ
     */
    void skip(WalRecord record) throws IOException {
        Long start = segments.holding(record.seq());
        if (start != null && appendedFrom >= 0 && record.seq() >= appendedFrom) {
            // The topic repeated this sequence number since the start. The first record stays: all copies read the same
            // order.
            if (repeats++ < REPEATS_COMPARED_MAX && differs(record, start)) {
                LOG.error(
                        "signals-accepted has two records under one sequence number, the WAL keeps the first: another"
                                + " program wrote to the topic tenant={} shard={} seq={}",
                        tenant(),
                        segments.shard(),
                        record.seq());
            }
        } else if (!compared && start != null) {
            compared = true;
            Integer stored = storedChecksum(record.seq(), start);
            if (stored != null && stored != checksum.chained(record, 0)) {
                if (origin.isRepeated(tenant(), record.seq(), other -> checksum.chained(other, 0) == stored)) {
                    compared = false; // the record proves nothing about the topic
                    return;
                }
                throw WalException.differs(tenant(), segments.shard(), record.seq(), segments.path(start));
            }
        }
        // A repeated sequence number must not move the applied one back.
        appliedSeq = Math.max(appliedSeq, record.seq() + 1);
        reportBefore(record.seq(), record.timestampMs());
    }

    /** Whether a record differs from the stored one; false also if the stored one is damaged. */
    private boolean differs(WalRecord record, long start) throws IOException {
        Integer stored = storedChecksum(record.seq(), start);
        return stored != null && stored != checksum.chained(record, 0);
    }

    /** Returns the checksum of a stored record; null if it cannot be read. */
    private @Nullable Integer storedChecksum(long seq, long start) throws IOException {
        SegmentWriter current = writer;
        if (current != null) {
            files.flush(current);
        }
        Path path = segments.path(start);
        try (SegmentReader reader = segments.reader(start)) {
            if (opened != null && opened.firstSeq() == start && opened.nextSeq() <= seq) {
                reader.skipTo(opened.position(), opened.nextSeq());
            }
            for (StoredBatch batch = reader.next(); batch != null; batch = reader.next()) {
                if (batch.lastSeq() >= seq) {
                    WalRecord stored = batch.records().get(Math.toIntExact(seq - batch.firstSeq()));
                    return checksum.chained(stored, 0);
                }
            }
        } catch (BadBatchException e) {
            LOG.warn(
                    "damage: a record that is read again cannot be compared; see tidegate wal verify tenant={} segment={}"
                            + " why=\"{}\"",
                    tenant(),
                    path.getFileName(),
                    e.getMessage());
        }
        return null;
    }

    /**
     * Drops the segments whose records are all below {@code belowSeq} and were applied before this call. Their files
     * stay until a checkpoint records the new beginning of the log: a start before that checkpoint finds the log as if
     * it had not been pruned.
     *
     * @param dropped receives the first sequence numbers of these segments
     * @return whether any segment was dropped
     */
    boolean prune(long belowSeq, List<Long> dropped) throws IOException {
        // If no record of the tenant was read before, all stored ones precede what the topic still has.
        long below = appliedSeq == 0 ? belowSeq : Math.min(belowSeq, appliedSeq);
        boolean pruned = false;
        while (tail != null && !segments.isEmpty()) {
            Long following = segments.second();
            long end = following == null ? tail.nextSeq() : following;
            if (end > below || (following == null && tail.records() == 0)) {
                break;
            }
            if (following == null) {
                finishFile();
                tail = SegmentState.empty(end);
            }
            dropped.add(segments.first());
            segments.removeFirst();
            beginSeq = end;
            pruned = true;
        }
        pruning |= pruned;
        return pruned;
    }

    /** Notes that the files of pruned segments are deleted. */
    void pruned() {
        pruning = false;
    }

    /**
     * Appends the record with the {@linkplain #nextSeq next} sequence number, or the first record of a new copy.
     *
     * @param begins whether it begins a new segment
     */
    void append(WalRecord record, boolean begins) throws IOException {
        SegmentState current = tail;
        if (current != null && current.records() == 0) {
            // A crash lost the record that began this segment, and with it the report of the segment before.
            reportBefore(current.firstSeq(), record.timestampMs());
        }
        SegmentWriter end = writer;
        if (current != null && end != null && begins && current.records() > 0) {
            seal(record.timestampMs());
            end = null;
        }
        if (current == null || end == null) {
            current = SegmentState.empty(record.seq());
            end = begin(record.seq());
        }
        if (appendedFrom < 0) {
            appendedFrom = record.seq();
        }
        files.append(end, record);
        current = current.with(record, checksum.chained(record, current.crc()));
        tail = current;
        appliedSeq = current.nextSeq();
        if (end.isBatchFull()) {
            files.flush(end);
        }
    }

    private SegmentWriter begin(long firstSeq) throws IOException {
        SegmentWriter before = writer;
        finishFile();
        SegmentWriter begun = new SegmentWriter(segments, firstSeq, 0, files.settings()).begun(before);
        noteDirectories();
        writer = begun;
        segments.add(firstSeq);
        if (beginSeq < 0) {
            beginSeq = firstSeq;
        }
        tail = SegmentState.empty(firstSeq);
        return begun;
    }

    /**
     * Syncs and closes the last segment. Its directory entry must be durable before the next segment exists, or a power
     * loss could keep the later segment and lose the earlier one.
     */
    private void finishFile() throws IOException {
        SegmentWriter finished = writer;
        if (finished != null) {
            files.sync(finished);
            files.close(finished);
        }
        files.syncEntry(segments.directory());
        SegmentState last = tail;
        if (last != null && finished != null) {
            tail = last.at(finished.position());
        }
        writer = null;
    }

    /**
     * Notes the directory entry of the segment and, if the checkpoint does not know the tenant, those of its
     * directories: the process that created them may have been killed before it could sync them.
     */
    private void noteDirectories() {
        files.newEntry(segments.directory());
        if (!directoriesDurable) {
            Path root = files.dir().root();
            for (Path child = segments.directory(); !child.equals(root); child = child.getParent()) {
                files.newEntry(child.getParent());
            }
        }
    }

    private void seal(long nowMs) throws IOException {
        SegmentWriter full = writer;
        if (full != null) {
            files.sync(full);
            files.close(full);
        }
        SegmentState last = positioned();
        if (last != null) {
            files.dir().listener().sealed(last.position());
            report(last, nowMs);
        }
    }

    /** Reports the segment before the one that begins with {@code start}, if there is one. */
    private void reportBefore(long start, long timestampMs) throws IOException {
        Long before = segments.before(start);
        if (before == null) {
            return;
        }
        try (SegmentReader reader = segments.reader(before)) {
            SegmentScan scan = reader.scan(SegmentState.empty(before));
            if (scan.bad() != null) {
                throw WalException.damage(
                        tenant(),
                        segments.path(before),
                        scan.state().position(),
                        scan.bad().getMessage());
            }
            report(scan.state(), timestampMs);
        }
    }

    private void report(SegmentState segment, long nowMs) {
        sealed.accept(new SealedSegment(
                tenant(),
                segments.shard(),
                segment.firstSeq(),
                segment.nextSeq() - 1,
                segment.ownBytes(),
                segment.crc(),
                nowMs));
    }
}
