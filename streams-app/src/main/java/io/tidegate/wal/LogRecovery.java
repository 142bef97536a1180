package io.tidegate.wal;

import io.tidegate.tenant.TenantId;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * Finds the end of a tenant's log after a start: checks the last segment from its durable position in the checkpoint,
 * and truncates a torn tail. Writes the valid bytes above that position again, so that a later fsync includes them.
 *
 * <p>Bytes above the checkpoint may be missing after a power loss. Without a checkpoint, a crash can have torn only the
 * last batch; all other invalid bytes are damage. Not thread-safe.
 */
final class LogRecovery {
    private final DataDir dir;
    private final int shard;
    private final boolean hasCheckpoint;

    LogRecovery(DataDir dir, int shard, boolean hasCheckpoint) {
        this.dir = dir;
        this.shard = shard;
        this.hasCheckpoint = hasCheckpoint;
    }

    /**
     * A recovered log.
     *
     * @param segments its files
     * @param last the state of the last segment; null if this copy has no record of the tenant
     * @param durable the part of the last segment that is durable according to the checkpoint; null without a segment
     * @param known whether the checkpoint knows the last segment
     * @param bytesRead the number of bytes that recovery read
     */
    record Recovered(
            LogSegments segments,
            @Nullable SegmentState last,
            @Nullable SegmentState durable,
            boolean known,
            long bytesRead) {
        /** Whether bytes may be only in the page cache, because the process crashed but not the machine. */
        boolean isUnsynced() {
            return last != null && durable != null && (last.position() > durable.position() || !known);
        }
    }

    /**
     * Finds the end of a log.
     *
     * @param promised the checkpoint's entry; null if it does not know the tenant
     * @throws WalException if the files lack what the checkpoint promises, or are damaged
     */
    Recovered recover(TenantId tenant, Checkpoint.@Nullable Log promised) throws IOException {
        long beginSeq = promised == null ? Checkpoint.Log.UNKNOWN : promised.beginSeq();
        if (promised != null && promised.isBrokenOff()) {
            throw WalException.damage(
                    tenant, dir.walOf(tenant), 0, "a repair was interrupted: run tidegate wal verify --repair again");
        }
        LogSegments segments = LogSegments.list(dir, tenant, shard, beginSeq);
        if (!segments.isEmpty()) {
            return recoverLast(segments, promised == null ? null : promised.tail());
        }
        if (promised != null && promised.promisesFiles()) {
            throw WalException.damage(
                    tenant,
                    segments.directory(),
                    0,
                    "the checkpoint has the sequence numbers %d to %d here, but there is no segment"
                            .formatted(Math.max(0, beginSeq), promised.tail().nextSeq() - 1));
        }
        return new Recovered(segments, promised == null ? null : promised.tail(), null, true, 0);
    }

    private Recovered recoverLast(LogSegments segments, @Nullable SegmentState promised) throws IOException {
        TenantId tenant = segments.tenant();
        long last = segments.last();
        Path path = segments.path(last);
        if (promised != null && promised.firstSeq() > last) {
            throw WalException.damage(
                    tenant, path, 0, "the segment that begins with %d is missing".formatted(promised.firstSeq()));
        }
        long bytesBefore = promised == null || promised.records() == 0 ? 0 : checkSealedSince(segments, promised);
        // A state without records does not describe a file: an existing file was created after the checkpoint.
        boolean known = promised != null && promised.firstSeq() == last && promised.records() > 0;
        SegmentState from = known ? promised : SegmentState.empty(last);
        SegmentScan scan;
        long bytesRead = bytesBefore;
        try (SegmentReader reader = segments.reader(last)) {
            if (reader.end() < from.position()) {
                throw shorter(segments, from, reader.end());
            }
            bytesRead += reader.end() - from.position();
            scan = reader.scan(from);
        }
        BadBatchException bad = scan.bad();
        if (bad != null) {
            if (!bad.reachesEnd() && !hasCheckpoint) {
                throw WalException.damage(tenant, path, scan.state().position(), bad.getMessage());
            }
            dir.quarantine().truncate(tenant, path, scan.state().position(), bad.getMessage());
        }
        // If an fsync of an earlier process failed, these bytes may be only in the page cache, which regards them as
        // written: a later fsync would succeed and write nothing.
        dir.files().rewrite(path, from.position(), scan.state().position());
        return new Recovered(segments, scan.state(), from, known, bytesRead);
    }

    private static WalException shorter(LogSegments segments, SegmentState durable, long end) {
        return WalException.damage(
                segments.tenant(),
                segments.path(durable.firstSeq()),
                end,
                "the file ends here, but the checkpoint has %d durable bytes".formatted(durable.position()));
    }

    /**
     * Checks the segments from the end of the checkpoint to the last one: each continues the one before. Otherwise the records
     * between would be taken for stored.
     *
     * @return the number of bytes read
     */
    private static long checkSealedSince(LogSegments segments, SegmentState promised) throws IOException {
        if (!segments.contains(promised.firstSeq())) {
            throw WalException.damage(
                    segments.tenant(),
                    segments.path(promised.firstSeq()),
                    0,
                    "the segment that begins with %d is missing".formatted(promised.firstSeq()));
        }
        long bytesRead = 0;
        SegmentState from = promised;
        for (Long next = segments.after(from.firstSeq()); next != null; next = segments.after(from.firstSeq())) {
            try (SegmentReader reader = segments.reader(from.firstSeq())) {
                if (reader.end() < from.position()) {
                    throw shorter(segments, from, reader.end());
                }
                SegmentScan scan = reader.scan(from);
                BadBatchException bad = scan.bad();
                if (bad != null) {
                    throw WalException.damage(
                            segments.tenant(),
                            segments.path(from.firstSeq()),
                            scan.state().position(),
                            bad.getMessage());
                }
                if (scan.state().nextSeq() != next) {
                    throw WalException.damage(
                            segments.tenant(),
                            segments.path(next),
                            0,
                            "the segment begins with %d, the one before ends with %d"
                                    .formatted(next, scan.state().nextSeq() - 1));
                }
                bytesRead += reader.end() - from.position();
            }
            from = SegmentState.empty(next);
        }
        return bytesRead;
    }

    /**
     * Truncates the last segment to its durable length in the checkpoint, even if the bytes above look valid. After a
     * failed fsync such bytes are readable from the page cache but are not on the disk, and no later fsync would report
     * that.
     */
    void truncateToDurable(TenantId tenant, Checkpoint.@Nullable Log known) throws IOException {
        SegmentName last = null;
        for (SegmentName name : dir.segments(tenant)) {
            last = name.shard() == shard ? name : last;
        }
        if (last == null) {
            return;
        }
        if (known != null && known.promisesFiles() && known.tail().firstSeq() > last.firstSeq()) {
            return; // the tail is missing, which recovery reports; this segment is sealed and durable
        }
        Path path = dir.walOf(tenant).resolve(last.fileName());
        long position = known != null && known.tail().firstSeq() == last.firstSeq()
                ? known.tail().position()
                : 0;
        if (Files.size(path) > position) {
            dir.quarantine().truncate(tenant, path, position, "the disk failed before these bytes were durable");
        }
    }
}
