package io.tidegate.wal;

import io.tidegate.tenant.TenantId;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.NavigableSet;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/** The segments of one tenant's log in one shard, by their first sequence numbers. Not thread-safe. */
final class LogSegments {
    private final TenantId tenant;
    private final int shard;
    private final Path directory;
    private final NavigableSet<Long> starts = new TreeSet<>();

    private LogSegments(TenantId tenant, int shard, Path directory) {
        this.tenant = tenant;
        this.shard = shard;
        this.directory = directory;
    }

    /**
     * Lists the segments that are on disk and not below {@code beginSeq}.
     *
     * @throws WalException if the tenant has segments of another shard
     */
    static LogSegments list(DataDir dir, TenantId tenant, int shard, long beginSeq) throws IOException {
        LogSegments segments = new LogSegments(tenant, shard, dir.walOf(tenant));
        for (SegmentName name : dir.segments(tenant)) {
            if (name.shard() != shard) {
                throw WalException.damage(
                        tenant,
                        segments.directory.resolve(name.fileName()),
                        0,
                        "the segment is of another shard than %d".formatted(shard));
            }
            if (name.firstSeq() >= beginSeq) {
                segments.starts.add(name.firstSeq());
            }
        }
        return segments;
    }

    TenantId tenant() {
        return tenant;
    }

    int shard() {
        return shard;
    }

    Path directory() {
        return directory;
    }

    boolean isEmpty() {
        return starts.isEmpty();
    }

    boolean contains(long firstSeq) {
        return starts.contains(firstSeq);
    }

    long first() {
        return starts.first();
    }

    long last() {
        return starts.last();
    }

    /** Returns the segment after the first one; null if there is none. */
    @Nullable
    Long second() {
        return starts.higher(starts.first());
    }

    /** Returns the segment after the one that begins with {@code firstSeq}; null if it is the last one. */
    @Nullable
    Long after(long firstSeq) {
        return starts.higher(firstSeq);
    }

    /** Returns the segment that would contain {@code seq}; null if all begin above it. */
    @Nullable
    Long holding(long seq) {
        return starts.floor(seq);
    }

    /** Returns the segment before the one that begins with {@code firstSeq}; null if either does not exist. */
    @Nullable
    Long before(long firstSeq) {
        return starts.contains(firstSeq) ? starts.lower(firstSeq) : null;
    }

    void add(long firstSeq) {
        starts.add(firstSeq);
    }

    void removeFirst() {
        starts.pollFirst();
    }

    Path path(long firstSeq) {
        return directory.resolve(new SegmentName(firstSeq, shard).fileName());
    }

    SegmentReader reader(long firstSeq) throws IOException {
        return new SegmentReader(tenant, new SegmentName(firstSeq, shard), path(firstSeq));
    }

    /**
     * Deletes a tenant's segments that begin below {@code belowSeq}, the oldest first and each durably before the next,
     * so that the remaining segments have no gap. Then deletes the directories if they are empty. Can be interrupted
     * and repeated.
     *
     * @throws WalException if one of them is not a regular file
     */
    static void delete(DataDir dir, TenantId tenant, int shard, long belowSeq) throws IOException {
        Path directory = dir.walOf(tenant);
        NavigableSet<SegmentName> left = dir.segments(tenant);
        for (SegmentName name : dir.segments(tenant)) {
            if (name.shard() == shard && name.firstSeq() < belowSeq) {
                Path path = directory.resolve(name.fileName());
                if (!Files.isRegularFile(path, LinkOption.NOFOLLOW_LINKS)) {
                    throw WalException.damage(tenant, path, 0, "a regular file is expected, not a link or a directory");
                }
                DurableFiles.delete(path);
                left.remove(name);
            }
        }
        if (Files.isDirectory(directory, LinkOption.NOFOLLOW_LINKS)) {
            // A call that was interrupted may have deleted files only in memory.
            DurableFiles.fsync(directory);
        }
        if (left.isEmpty()) {
            DurableFiles.deleteIfEmpty(directory);
            if (!tenant.isDefault()) {
                DurableFiles.deleteIfEmpty(directory.getParent());
            }
        }
    }
}
