package io.tidegate.wal;

import io.tidegate.tenant.TenantId;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Keeps a copy of all bytes that are removed from a segment. */
final class Quarantine {
    private static final Logger LOG = LoggerFactory.getLogger(Quarantine.class);
    private static final int COPY_BYTES = 1 << 16;

    /** Twice the largest {@code wal.segment.bytes}. */
    static final long KEPT_BYTES_MAX = 1L << 31;

    private final Path directory;
    private final DurableFiles files;
    private final WalListener listener;

    Quarantine(Path directory, DurableFiles files, WalListener listener) {
        this.directory = directory;
        this.files = files;
        this.listener = listener;
    }

    Path directory() {
        return directory;
    }

    /** Returns an unused path for a copy of a segment's bytes from {@code position} on. */
    private Path copyOf(TenantId tenant, Path segment, long position) {
        String name = "%s.%s.from-%d".formatted(tenant.decimal(), segment.getFileName(), position);
        Path copy = directory.resolve(name);
        for (int i = 2; Files.exists(copy, LinkOption.NOFOLLOW_LINKS); i++) {
            copy = directory.resolve(name + "." + i);
        }
        return copy;
    }

    /** Keeps a durable copy of a whole segment. Copies regular files only. */
    void copy(TenantId tenant, Path segment) throws IOException {
        if (!Files.isRegularFile(segment, LinkOption.NOFOLLOW_LINKS)) {
            return;
        }
        files.createDurably(directory);
        try (FileChannel from = files.open(segment, false)) {
            long unused = keep(from, 0, from.size(), copyOf(tenant, segment, 0));
        }
        DurableFiles.fsync(directory);
    }

    /**
     * Writes a durable copy. Removes one that fails: on a full disk, repeated attempts must not take what is left.
     *
     * @return the number of bytes that the copy represents
     */
    private long keep(FileChannel from, long position, long end, Path copy) throws IOException {
        try (FileChannel to = files.open(copy, true)) {
            long kept = copy(from, position, end, to);
            to.force(true);
            return kept;
        } catch (IOException e) {
            try {
                Files.deleteIfExists(copy);
            } catch (IOException stays) {
                e.addSuppressed(stays);
            }
            throw e;
        }
    }

    /**
     * Copies the bytes up to an end, at most {@value #KEPT_BYTES_MAX}: files that Tidegate wrote are smaller, and a
     * foreign file must not fill the disk. Blocks of zeros become holes.
     *
     * @return the number of bytes that the copy represents
     */
    private static long copy(FileChannel from, long position, long end, FileChannel to) throws IOException {
        long length = Math.min(end - position, KEPT_BYTES_MAX);
        ByteBuffer bytes = ByteBuffer.allocate(COPY_BYTES);
        long at = 0;
        while (at < length) {
            bytes.clear().limit((int) Math.min(COPY_BYTES, length - at));
            int read = from.read(bytes, position + at);
            if (read < 0) {
                break;
            }
            bytes.flip();
            boolean isLast = at + read >= length;
            if (isLast || !isZero(bytes)) {
                long target = at;
                while (bytes.hasRemaining()) {
                    target += to.write(bytes, target);
                }
            }
            at += read;
        }
        return at;
    }

    private static boolean isZero(ByteBuffer bytes) {
        for (int i = bytes.position(); i < bytes.limit(); i++) {
            if (bytes.get(i) != 0) {
                return false;
            }
        }
        return true;
    }

    /** Truncates a segment durably, after the copy of the removed bytes is durable. */
    void truncate(TenantId tenant, Path segment, long position, String why) throws IOException {
        Path copy = copyOf(tenant, segment, position);
        try (FileChannel file = files.open(segment, false)) {
            long end = file.size();
            files.createDurably(directory);
            long kept = keep(file, position, end, copy);
            DurableFiles.fsync(directory);
            file.truncate(position);
            file.force(true);
            listener.cut(end - position);
            LOG.warn(
                    "truncated a torn tail, its records are read again from signals-accepted tenant={} segment={} position={}"
                            + " bytes={} kept_bytes={} why=\"{}\" copy={}",
                    tenant,
                    segment.getFileName(),
                    position,
                    end - position,
                    kept,
                    why,
                    copy);
        }
    }

    /** Removes the copies of a tenant's bytes. */
    void remove(TenantId tenant) throws IOException {
        try (DirectoryStream<Path> entries = Files.newDirectoryStream(directory)) {
            for (Path entry : entries) {
                if (entry.getFileName().toString().startsWith(tenant.decimal() + ".")) {
                    Files.delete(entry);
                }
            }
        } catch (NoSuchFileException e) {
            return; // nothing was ever truncated
        }
        // Also if nothing is left: a call that was interrupted may have deleted files only in memory.
        DurableFiles.fsync(directory);
    }
}
