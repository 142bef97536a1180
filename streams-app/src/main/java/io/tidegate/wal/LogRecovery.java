package io.tidegate.wal;

import io.tidegate.tenant.TenantId;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * Finds the end of a tenant's log after a start: checks the last segment from the position that the checkpoint knows
 * durable, and truncates a torn tail.
 *
 * <p>Above the checkpoint nothing was promised durable: after a power loss any of it can be missing. If no checkpoint is
 * known, only the last batch can have been cut by a crash, and everything else is damage. Not thread-safe.
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
     * A log as it was found.
     *
     * @param segments its files
     * @param last the state of the last segment; null if this copy has no record of the tenant
     * @param durable the part of the last segment that the checkpoint knows durable; null without a segment
     * @param known whether the checkpoint knows the last segment
     * @param bytesRead bytes that had to be read
     */
    record Recovered(
            LogSegments segments,
            @Nullable SegmentState last,
            @Nullable SegmentState durable,
            boolean known,
            long bytesRead) {
        /** Whether bytes may be in the page cache only: those that were written before a crash of the process alone. */
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
                    tenant, dir.walOf(tenant), 0, "a repair was broken off: run tidegate wal verify --repair again");
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
                    "the checkpoint knows the sequence numbers %d to %d here, and there is no segment"
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
        // A state without records does not speak of a file: one that is there was created after the checkpoint.
        boolean known = promised != null && promised.firstSeq() == last && promised.records() > 0;
        SegmentState from = known ? promised : SegmentState.empty(last);
        SegmentScan scan;
        long bytesRead;
        try (SegmentReader reader = segments.reader(last)) {
            if (reader.end() < from.position()) {
                throw WalException.damage(
                        tenant,
                        path,
                        reader.end(),
                        "the file ends here, the checkpoint knows %d bytes durable".formatted(from.position()));
            }
            bytesRead = reader.end() - from.position();
            scan = reader.scan(from);
        }
        BadBatchException bad = scan.bad();
        if (bad != null) {
            if (!bad.reachesEnd() && !hasCheckpoint) {
                throw WalException.damage(tenant, path, scan.state().position(), bad.getMessage());
            }
            dir.quarantine().truncate(tenant, path, scan.state().position(), bad.getMessage());
        }
        return new Recovered(segments, scan.state(), from, known, bytesRead);
    }

    /**
     * Truncates the last segment to what the checkpoint knows durable, whatever its bytes look like. After a failed fsync
     * such bytes read well from the page cache and are not on the disk; no later fsync would report that.
     */
    void truncateToDurable(TenantId tenant, Checkpoint.@Nullable Log known) throws IOException {
        SegmentName last = null;
        for (SegmentName name : dir.segments(tenant)) {
            last = name.shard() == shard ? name : last;
        }
        if (last == null) {
            return;
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
