package io.tidegate.wal;

import io.tidegate.tenant.TenantId;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The files of one shard that are not in their final state: unwritten batches, bytes and directory entries that are not
 * durable, and the open files, whose number is bounded.
 *
 * <p>An append goes to a batch in memory, {@link #flush} writes the batch, and {@link #sync} makes it durable. A new
 * file is created when its first batch is written. A file is never closed before its bytes are durable, except by
 * {@link #closeAll}: the kernel reports a failed write-back only to processes that have the file open, and may have
 * forgotten it when the file is opened again. An fsync is never repeated after a failure: the second one would seem to
 * succeed.
 *
 * <p>Not thread-safe; owned by the {@link Shard}.
 */
final class LogFiles {
    private static final Logger LOG = LoggerFactory.getLogger(LogFiles.class);

    /** The memory of a batch besides its records. Bounds the number of tenants with pending batches. */
    private static final int BATCH_OVERHEAD_BYTES = 1024;

    private final DataDir dir;
    private final WalSettings settings;
    private final Set<SegmentWriter> pending = new LinkedHashSet<>();
    private final Set<SegmentWriter> unsynced = new LinkedHashSet<>();
    private final Set<Path> newEntries = new LinkedHashSet<>();

    /** Writers whose file is open, the least recently used first. */
    private final LinkedHashMap<SegmentWriter, Boolean> open = new LinkedHashMap<>(16, 0.75f, true);

    private long pendingBytes;

    LogFiles(DataDir dir, WalSettings settings) {
        this.dir = dir;
        this.settings = settings;
    }

    DataDir dir() {
        return dir;
    }

    WalSettings settings() {
        return settings;
    }

    /** Returns the tenants with written bytes that are not durable. */
    List<TenantId> undurable() {
        return unsynced.stream().map(SegmentWriter::tenant).toList();
    }

    /** Notes that a recovered file may have bytes that are only in the page cache. */
    void recovered(SegmentWriter writer) {
        writer.markUnsynced();
        unsynced.add(writer);
    }

    /** Notes that a directory has a new entry. */
    void newEntry(Path directory) {
        newEntries.add(directory);
    }

    /** Makes a directory's new entries durable now, if there are any. */
    void syncEntry(Path directory) throws IOException {
        if (newEntries.remove(directory)) {
            DurableFiles.fsync(directory);
        }
    }

    /** Appends to the batch in memory. */
    void append(SegmentWriter writer, WalRecord record) {
        if (!writer.isPending()) {
            pending.add(writer);
        }
        writer.append(record);
        pendingBytes += record.ownBytes();
    }

    /** Writes the batch in memory. */
    void flush(SegmentWriter writer) throws IOException {
        if (!writer.isPending()) {
            return;
        }
        pending.remove(writer);
        pendingBytes -= writer.pendingBytes();
        ByteBuffer bytes = writer.takeBatch();
        int size = bytes.remaining();
        use(writer);
        writer.write(bytes);
        unsynced.add(writer);
        dir.listener().wrote(size);
    }

    /** Writes all batches in memory, so that readers see them. */
    void flushAll() throws IOException {
        for (SegmentWriter writer : List.copyOf(pending)) {
            flush(writer);
            closeSurplus();
        }
    }

    /**
     * Writes the batches of open files, and of as many other files as can be opened without closing a file with bytes
     * that are not durable. So this method needs no fsync, however many tenants have signals. The rest waits for {@link
     * #flushAndSyncAll}, or until {@link #keepBounds} finds too many pending bytes.
     */
    void flushOpen() throws IOException {
        List<SegmentWriter> before = List.copyOf(open.keySet());
        for (SegmentWriter writer : before) {
            flush(writer);
        }
        for (SegmentWriter writer : before) {
            if (open.size() + pending.size() > settings.openFiles() && !writer.isUnsynced()) {
                close(writer);
            }
        }
        int room = settings.openFiles() - open.size();
        for (SegmentWriter writer : pending.stream().limit(Math.max(0, room)).toList()) {
            flush(writer);
        }
    }

    /** Returns the number of batches in memory. */
    int pending() {
        return pending.size();
    }

    /** Enforces the bounds: writes batches if too many bytes are pending, and closes files if too many are open. */
    void keepBounds() throws IOException {
        if (pendingBytes > settings.pendingBytes()
                || pending.size() > Math.max(settings.openFiles(), settings.pendingBytes() / BATCH_OVERHEAD_BYTES)) {
            flushAll();
        }
        closeSurplus();
    }

    /**
     * Writes all batches and makes all bytes and directory entries durable. Opens, writes, syncs and closes each file
     * at most once, many files together. Files that were open and in use stay open, up to half the limit.
     */
    void flushAndSyncAll() throws IOException {
        List<SegmentWriter> before = List.copyOf(open.keySet());
        for (SegmentWriter writer : before) {
            flush(writer);
        }
        Set<SegmentWriter> used = Set.copyOf(unsynced);
        sync(before.stream().filter(unsynced::contains).toList());
        Set<SegmentWriter> others = new LinkedHashSet<>(pending);
        others.addAll(unsynced);
        if (open.size() + others.size() > settings.openFiles()) {
            for (SegmentWriter idle : before) {
                if (!used.contains(idle)) {
                    close(idle);
                }
            }
            int surplus = open.size() - settings.openFiles() / 2;
            for (SegmentWriter writer :
                    open.keySet().stream().limit(Math.max(0, surplus)).toList()) {
                close(writer);
            }
        }
        List<SegmentWriter> rest = List.copyOf(others);
        int room = Math.max(1, settings.openFiles() - open.size());
        for (int from = 0; from < rest.size(); from += room) {
            List<SegmentWriter> some = rest.subList(from, Math.min(rest.size(), from + room));
            for (SegmentWriter writer : some) {
                flush(writer);
            }
            sync(some);
            if (from + room < rest.size()) {
                for (SegmentWriter writer : some) {
                    close(writer);
                }
            }
        }
        List<Syncs.Sync> syncs = new ArrayList<>();
        newEntries.forEach(directory -> syncs.add(() -> DurableFiles.fsync(directory)));
        Syncs.all(syncs);
        newEntries.clear();
    }

    /** Makes all bytes of a file durable. */
    void sync(SegmentWriter writer) throws IOException {
        flush(writer);
        if (writer.isUnsynced()) {
            sync(List.of(writer));
        }
    }

    /** Marks the files as durable only when all syncs succeeded: after a failure all are in doubt. */
    private void sync(List<SegmentWriter> writers) throws IOException {
        List<Syncs.Sync> syncs = new ArrayList<>();
        for (SegmentWriter writer : writers) {
            use(writer);
            FileChannel file = writer.openFile();
            Path path = writer.path();
            syncs.add(() -> {
                long began = System.nanoTime();
                file.force(false);
                dir.listener().fsynced(System.nanoTime() - began);
                if (!Files.exists(path, LinkOption.NOFOLLOW_LINKS)) {
                    // Writes to a deleted file succeed until it is closed.
                    throw new FileSystemException(null, null, path + " was deleted while Tidegate wrote to it");
                }
            });
        }
        Syncs.all(syncs);
        writers.forEach(writer -> {
            writer.markSynced();
            unsynced.remove(writer);
        });
    }

    private void use(SegmentWriter writer) throws IOException {
        if (!writer.isOpen()) {
            if (writer.isNew()) {
                dir.files().createDirectories(writer.path().getParent(), newEntries::add);
            }
            writer.open(dir.files().open(writer.path(), writer.isNew()));
        }
        open.put(writer, true);
    }

    void close(SegmentWriter writer) throws IOException {
        open.remove(writer);
        writer.close();
    }

    /** Closes files to make room, many at once, so that they can be synced together. */
    void closeSurplus() throws IOException {
        if (open.size() <= settings.openFiles()) {
            return;
        }
        int surplus = open.size() - settings.openFiles() / 2;
        List<SegmentWriter> retired = open.keySet().stream().limit(surplus).toList();
        sync(retired.stream().filter(unsynced::contains).toList());
        for (SegmentWriter writer : retired) {
            close(writer);
        }
    }

    /** Closes all files, even if closing one fails. */
    void closeAll() {
        for (SegmentWriter writer : List.copyOf(open.keySet())) {
            try {
                close(writer);
            } catch (IOException e) {
                LOG.warn("closing a segment failed tenant={} segment={}", writer.tenant(), writer.path(), e);
            }
        }
    }
}
