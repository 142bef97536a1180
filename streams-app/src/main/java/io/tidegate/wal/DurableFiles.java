package io.tidegate.wal;

import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Durable file operations below one root. Only their owner can read the directories and files, and no symbolic link
 * below the root is followed. Thread-safe: has no state.
 */
final class DurableFiles {
    private static final int REWRITE_BYTES = 1 << 16;

    private final Path root;

    DurableFiles(Path root) {
        this.root = root;
    }

    /**
     * Creates a directory and its missing parents.
     *
     * @param newEntry receives each directory that got a new entry and needs an {@link #fsync} to make it durable
     * @throws WalException if a part of the path is a symbolic link or a file
     */
    void createDirectories(Path directory, Consumer<Path> newEntry) throws IOException {
        Path parent = directory.getParent();
        if (parent == null || (directory.equals(root) && Files.isDirectory(root))) {
            return;
        }
        if (directory.equals(root)) {
            Files.createDirectories(parent);
        } else {
            createDirectories(parent, newEntry);
            if (Files.isDirectory(directory, LinkOption.NOFOLLOW_LINKS)) {
                return;
            }
        }
        try {
            Files.createDirectory(directory, ownerOnly("rwx------"));
        } catch (FileAlreadyExistsException e) {
            if (!Files.isDirectory(directory, LinkOption.NOFOLLOW_LINKS)) {
                throw WalException.rejected(directory + " is a symbolic link or a file, a directory is expected");
            }
        }
        newEntry.accept(parent);
    }

    /** Creates a directory and its missing parents, and makes them durable. */
    void createDurably(Path directory) throws IOException {
        List<Path> grown = new ArrayList<>();
        createDirectories(directory, grown::add);
        for (Path parent : grown) {
            fsync(parent);
        }
    }

    /** Opens a file for reading and writing, creating it if {@code create}; never follows a symbolic link. */
    FileChannel open(Path path, boolean create) throws IOException {
        Set<? extends java.nio.file.OpenOption> options = create
                ? Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.READ, StandardOpenOption.WRITE)
                : Set.of(StandardOpenOption.READ, StandardOpenOption.WRITE, LinkOption.NOFOLLOW_LINKS);
        return FileChannel.open(path, options, create ? ownerOnly("rw-------") : new FileAttribute<?>[0]);
    }

    /** Replaces a file atomically: after a crash it has either the old or the new content. */
    void replace(Path path, byte[] content) throws IOException {
        replace(path, file -> {
            ByteBuffer bytes = ByteBuffer.wrap(content);
            while (bytes.hasRemaining()) {
                file.write(bytes);
            }
        });
    }

    /** Replaces a file by the first {@code length} bytes of another one, atomically like {@link #replace(Path, byte[])}. */
    void replace(Path path, FileChannel source, long length) throws IOException {
        replace(path, file -> {
            for (long at = 0; at < length; ) {
                long copied = source.transferTo(at, length - at, file);
                if (copied <= 0) {
                    throw new EOFException("the file became shorter while it was read");
                }
                at += copied;
            }
        });
    }

    /** Writes the content of a new file. */
    @FunctionalInterface
    private interface Content {
        void writeTo(FileChannel file) throws IOException;
    }

    private void replace(Path path, Content content) throws IOException {
        createDurably(path.getParent());
        Path temporary = path.resolveSibling(path.getFileName() + ".tmp");
        Files.deleteIfExists(temporary);
        try {
            try (FileChannel file = open(temporary, true)) {
                content.writeTo(file);
                file.force(true);
            }
            Files.move(temporary, path, StandardCopyOption.ATOMIC_MOVE);
        } catch (IOException e) {
            try {
                Files.deleteIfExists(temporary); // on a full disk, it would keep the space
            } catch (IOException again) {
                e.addSuppressed(again);
            }
            throw e;
        }
        fsync(path.getParent());
    }

    /** Writes the bytes from {@code from} to {@code to} again, unchanged, so that the next fsync of the file includes them. */
    void rewrite(Path path, long from, long to) throws IOException {
        if (from < to) {
            try (FileChannel file = open(path, false)) {
                rewrite(file, from, to);
            }
        }
    }

    /** Makes the bytes of a file durable, even if an earlier fsync of them failed. */
    void makeDurable(Path path, long to) throws IOException {
        try (FileChannel file = open(path, false)) {
            rewrite(file, 0, to);
            file.force(true);
        }
    }

    private static void rewrite(FileChannel file, long from, long to) throws IOException {
        ByteBuffer bytes = ByteBuffer.allocate(REWRITE_BYTES);
        for (long at = from; at < to; ) {
            bytes.clear().limit((int) Math.min(to - at, REWRITE_BYTES));
            if (file.read(bytes, at) < 0) {
                throw new EOFException("the file became shorter while it was read");
            }
            bytes.flip();
            while (bytes.hasRemaining()) {
                at += file.write(bytes, at);
            }
        }
    }

    /** Deletes a file durably. */
    static void delete(Path path) throws IOException {
        Files.delete(path);
        fsync(path.getParent());
    }

    /** Deletes a directory if it is empty. */
    static void deleteIfEmpty(@Nullable Path directory) throws IOException {
        if (directory != null && directory.getParent() != null) {
            try {
                Files.deleteIfExists(directory);
            } catch (DirectoryNotEmptyException e) {
                return; // it contains a file that Tidegate did not write
            }
            if (Files.isDirectory(directory.getParent(), LinkOption.NOFOLLOW_LINKS)) {
                fsync(directory.getParent());
            }
        }
    }

    /** Makes the entries of a directory durable. */
    static void fsync(@Nullable Path directory) throws IOException {
        if (directory != null) {
            try (FileChannel channel = FileChannel.open(directory, StandardOpenOption.READ)) {
                channel.force(true);
            }
        }
    }

    FileAttribute<?>[] ownerOnly(String permissions) {
        return root.getFileSystem().supportedFileAttributeViews().contains("posix")
                ? new FileAttribute<?>[] {
                    PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString(permissions))
                }
                : new FileAttribute<?>[0];
    }
}
