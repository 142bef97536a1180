package io.tidegate.wal;

import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/** The lock file of a data directory, which lets one process at a time write there. Thread-safe. */
final class DirectoryLock {
    /**
     * The directories that this process has locked. Static, because file locks of the operating system belong to the
     * process.
     */
    private static final Set<Path> LOCKED_HERE = ConcurrentHashMap.newKeySet();

    private final Path root;
    private final Path path;
    private final DurableFiles files;

    /**
     * @param root the data directory
     * @param path the lock file
     */
    DirectoryLock(Path root, Path path, DurableFiles files) {
        this.root = root;
        this.path = path;
        this.files = files;
    }

    /**
     * Takes the lock.
     *
     * @throws WalException naming the process that has it
     */
    Closeable acquire() throws IOException {
        Path real = path.getParent().toRealPath();
        String pid = Long.toString(ProcessHandle.current().pid());
        // Do not open the file if this process has the lock: closing any channel of it would release the process's
        // lock.
        if (!LOCKED_HERE.add(real)) {
            throw inUse(pid);
        }
        FileChannel file = null;
        boolean locked = false;
        try {
            file = FileChannel.open(
                    path,
                    Set.of(
                            StandardOpenOption.CREATE,
                            StandardOpenOption.READ,
                            StandardOpenOption.WRITE,
                            LinkOption.NOFOLLOW_LINKS),
                    files.ownerOnly("rw-------"));
            if (file.tryLock() == null) {
                throw inUse(Files.readString(path).trim());
            }
            file.truncate(0);
            file.write(ByteBuffer.wrap((pid + "\n").getBytes(StandardCharsets.US_ASCII)));
            locked = true;
        } finally {
            if (!locked) {
                LOCKED_HERE.remove(real);
                if (file != null) {
                    file.close();
                }
            }
        }
        FileChannel held = file;
        return () -> {
            held.close();
            LOCKED_HERE.remove(real);
        };
    }

    private WalException inUse(String holder) {
        return WalException.rejected("the data directory %s is in use by %s. One process at a time can write"
                        .formatted(root, holder.isEmpty() ? "another process" : "process " + holder)
                + " there: stop that one, or give this one another data.dir");
    }

    /** Returns the id of the process that has the lock; null if none has it. */
    @Nullable
    String holder() {
        if (!Files.exists(path)) {
            return null;
        }
        try {
            if (LOCKED_HERE.contains(path.getParent().toRealPath())) {
                return Long.toString(ProcessHandle.current().pid());
            }
            try (FileChannel file =
                    FileChannel.open(path, Set.of(StandardOpenOption.WRITE, LinkOption.NOFOLLOW_LINKS))) {
                FileLock free = file.tryLock();
                if (free != null) {
                    free.release();
                    return null;
                }
                return Files.readString(path).trim();
            }
        } catch (IOException e) {
            throw WalException.io("looking at", path, e);
        }
    }
}
