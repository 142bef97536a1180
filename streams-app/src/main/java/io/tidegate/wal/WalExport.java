package io.tidegate.wal;

import io.tidegate.tenant.TenantId;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.NavigableSet;
import java.util.Set;
import java.util.function.LongConsumer;

/**
 * Copies the durable records of tenants to an archive: a directory with the layout of a {@link DataDir}, without checkpoints.
 * Validates each batch as it is read. Can run beside a writer, and again: segments that the archive has are compared by their
 * records and kept, and the one that has grown is replaced atomically. Removes nothing from the archive, so it also
 * keeps segments that were pruned since. Not thread-safe.
 */
public final class WalExport {
    private final DataDir from;
    private final DataDir to;

    /**
     * The export of one tenant.
     *
     * @param segments the segments of the source with durable records
     * @param written those of them that were written to the archive; the others were in it
     * @param records the durable records of the source
     * @param bytes their bytes in the files
     * @param firstSeq the first sequence number of the source; -1 without records
     * @param lastSeq its last durable one; -1 without records
     */
    public record Report(int segments, int written, long records, long bytes, long firstSeq, long lastSeq) {}

    /**
     * @param to the archive; need not exist
     * @throws WalException if it is a data directory that an instance uses, or an archive of another origin
     */
    public WalExport(DataDir from, DataDir to) {
        if (to.root().startsWith(from.root())) {
            throw WalException.rejected("%s is, or is inside, the exported directory %s: export to another one"
                    .formatted(to.root(), from.root()));
        }
        if (to.isOfInstance()) {
            throw WalException.rejected(
                    "%s is the data directory of an instance: export to another one".formatted(to.root()));
        }
        to.bindArchive(from);
        this.from = from;
        this.to = to;
    }

    /**
     * Exports one tenant.
     *
     * @param progress receives the number of bytes after each step
     * @throws WalException if stored bytes are damaged or missing, if the archive has other records, or if records between those
     *     of the archive and those of the source are in neither
     */
    public Report export(TenantId tenant, LongConsumer progress) throws IOException {
        NavigableSet<SegmentName> names = from.segments(tenant);
        Report report = new Report(0, 0, 0, 0, -1, -1);
        if (names.isEmpty()) {
            return report;
        }
        Checkpoint.Log durable = WalReader.durable(from, tenant, names.first().shard());
        long end = durable == null ? Long.MAX_VALUE : durable.tail().nextSeq();
        // After the checkpoint, so that they have at least its records, even if a segment was begun meanwhile.
        names = from.segments(tenant);
        boolean pruned = names.isEmpty();
        for (SegmentName name : names) {
            if (name.firstSeq() >= end) {
                break;
            }
            Path source = from.walOf(tenant).resolve(name.fileName());
            SegmentState state;
            boolean written;
            try {
                state = durablePart(tenant, name, source, end, name.equals(names.last()), progress);
                if (state.records() > 0 && report.segments() == 0) {
                    requireContinuation(tenant, name);
                }
                written = state.records() > 0 && write(tenant, name, source, state);
            } catch (NoSuchFileException e) {
                requirePruned(tenant, name, e);
                pruned = true;
                continue;
            }
            if (state.records() > 0) {
                if (!pruned) {
                    requireNoGap(tenant, name, report);
                }
                pruned = false;
                report = new Report(
                        report.segments() + 1,
                        report.written() + (written ? 1 : 0),
                        report.records() + state.records(),
                        report.bytes() + state.position(),
                        report.firstSeq() < 0 ? name.firstSeq() : report.firstSeq(),
                        state.nextSeq() - 1);
            }
        }
        if (durable != null && durable.promisesFiles() && !pruned && report.lastSeq() + 1 < end) {
            throw WalException.damage(
                    tenant,
                    from.walOf(tenant).resolve(names.last().fileName()),
                    0,
                    "the log ends with the sequence number %d, but the checkpoint has those up to %d"
                            .formatted(report.lastSeq(), end - 1));
        }
        return report;
    }

    private void requirePruned(TenantId tenant, SegmentName name, NoSuchFileException missing) throws IOException {
        NavigableSet<SegmentName> left = from.segments(tenant);
        if (!left.isEmpty() && left.first().compareTo(name) <= 0) {
            throw missing;
        }
    }

    /** Checks that the first segment of the source follows those of the archive: a hole in it would look like damage. */
    private void requireContinuation(TenantId tenant, SegmentName first) throws IOException {
        NavigableSet<SegmentName> archived = to.segments(tenant);
        if (archived.isEmpty() || first.firstSeq() <= archived.last().firstSeq()) {
            return;
        }
        SegmentName last = archived.last();
        long end = content(tenant, last, to.walOf(tenant).resolve(last.fileName()), Long.MAX_VALUE)
                .nextSeq();
        if (first.firstSeq() > end) {
            throw WalException.rejected(
                    ("tenant %s: the archive %s ends with the sequence number %d, and the WAL begins with %d: the records in between"
                                    + " were pruned before they were exported. Nothing was changed. Export the tenant to another"
                                    + " directory")
                            .formatted(tenant, to.root(), end - 1, first.firstSeq()));
        }
    }

    private static void requireNoGap(TenantId tenant, SegmentName name, Report before) {
        if (before.segments() > 0 && name.firstSeq() != before.lastSeq() + 1) {
            throw WalException.gap(
                    tenant,
                    name.shard(),
                    before.lastSeq() + 1,
                    name.firstSeq() - 1,
                    "The segment that should hold them is missing");
        }
    }

    /** Reads a segment up to the durable end. */
    private static SegmentState durablePart(
            TenantId tenant, SegmentName name, Path path, long end, boolean last, LongConsumer progress)
            throws IOException {
        try (SegmentReader reader = new SegmentReader(tenant, name, path)) {
            SegmentScan scan = reader.scan(SegmentState.empty(name.firstSeq()), end, progress);
            BadBatchException bad = scan.bad();
            // Without a checkpoint, the last batch may be one that is being written.
            boolean isUnfinished = last && end == Long.MAX_VALUE && bad != null && bad.reachesEnd();
            if (bad != null && !isUnfinished) {
                throw WalException.damage(tenant, path, reader.position(), bad.getMessage());
            }
            return scan.state();
        }
    }

    /** Writes a segment to the archive, unless the archive has its records. Returns whether it was written. */
    private boolean write(TenantId tenant, SegmentName name, Path source, SegmentState state) throws IOException {
        Path target = to.walOf(tenant).resolve(name.fileName());
        if (Files.exists(target, LinkOption.NOFOLLOW_LINKS)) {
            SegmentState archived = content(tenant, name, target, state.nextSeq());
            boolean isWhole = archived.nextSeq() == state.nextSeq();
            SegmentState same = isWhole ? state : content(tenant, name, source, archived.nextSeq());
            if (same.crc() != archived.crc()) {
                throw WalException.rejected(
                        "%s has other records than %s under the same sequence numbers: export to an empty directory"
                                .formatted(target, source));
            }
            if (isWhole) {
                return false;
            }
        }
        try (FileChannel in = FileChannel.open(source, Set.of(StandardOpenOption.READ, LinkOption.NOFOLLOW_LINKS))) {
            copy(in, state.position(), target);
        }
        return true;
    }

    private void copy(FileChannel in, long length, Path target) {
        try {
            to.files().replace(target, in, length);
        } catch (IOException e) {
            throw WalException.io("writing", target, e);
        }
    }

    /** Returns the content of a segment up to a sequence number, or to the first byte that is not valid. */
    private static SegmentState content(TenantId tenant, SegmentName name, Path path, long end) throws IOException {
        try (SegmentReader reader = new SegmentReader(tenant, name, path)) {
            return reader.scan(SegmentState.empty(name.firstSeq()), end, bytes -> {})
                    .state();
        }
    }
}
