package io.tidegate.wal;

import io.tidegate.tenant.TenantId;
import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.DirectoryStream;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.NavigableSet;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * The local data directory: where what lies, who may use it, and how files become durable.
 *
 * <pre>
 * {root}/wal/                     tenant 0
 * {root}/tenants/42/wal/          tenant 42
 * {root}/.tidegate/lock           held by the one process that writes here
 * {root}/.tidegate/identity       whose files these are
 * {root}/.tidegate/checkpoints/   one file a shard
 * {root}/.tidegate/quarantine/    copies of all bytes that were ever cut
 * {root}/.tidegate/streams/       Kafka Streams' own state
 * {root}/.tidegate/lib/           RocksDB's native library
 * </pre>
 *
 * Directories and files are made readable for their owner alone, and no symbolic link below the root is followed.
 */
public final class DataDir {
    private static final String IDENTITY_FORMAT = "1";

    private static final int COPY_BYTES = 1 << 16;

    /** The directories that this process has locked. */
    private static final Set<Path> LOCKED_HERE = ConcurrentHashMap.newKeySet();

    private final Path root;
    private final WalListener listener;

    public DataDir(Path root) {
        this(root, WalListener.NONE);
    }

    public DataDir(Path root, WalListener listener) {
        this.root = root.toAbsolutePath().normalize();
        this.listener = listener;
    }

    WalListener listener() {
        return listener;
    }

    public Path root() {
        return root;
    }

    /** The directory of a tenant's segments: {@code {root}/wal} for the default tenant. */
    public Path walOf(TenantId tenant) {
        return tenant.isDefault()
                ? root.resolve("wal")
                : root.resolve("tenants").resolve(tenant.decimal()).resolve("wal");
    }

    /** Kafka Streams' own directory. */
    public Path streamsState() {
        return own().resolve("streams");
    }

    /** Where native libraries are unpacked. */
    public Path libraries() {
        return own().resolve("lib");
    }

    /** See {@link LastVerify}. */
    Path verified() {
        return own().resolve("verified");
    }

    Path quarantine() {
        return own().resolve("quarantine");
    }

    /** Where new segments are made before they take their places. */
    Path repairs() {
        return own().resolve("repair");
    }

    /** Removes everything below the root, and the root. */
    void clear() throws IOException {
        if (Files.isDirectory(root, LinkOption.NOFOLLOW_LINKS)) {
            try (Stream<Path> all = Files.walk(root)) {
                for (Path path : all.sorted(Comparator.reverseOrder()).toList()) {
                    Files.delete(path);
                }
            }
        }
    }

    /** Where a copy of a segment from {@code position} on goes: a name that is not taken. */
    Path quarantined(TenantId tenant, Path segment, long position) {
        String name = "%s.%s.from-%d".formatted(tenant.decimal(), segment.getFileName(), position);
        Path copy = quarantine().resolve(name);
        for (int i = 2; Files.exists(copy, LinkOption.NOFOLLOW_LINKS); i++) {
            copy = quarantine().resolve(name + "." + i);
        }
        return copy;
    }

    /** Keeps a durable copy of a whole segment; of what is no regular file, none. */
    void copyToQuarantine(TenantId tenant, Path segment) throws IOException {
        if (!Files.isRegularFile(segment, LinkOption.NOFOLLOW_LINKS)) {
            return;
        }
        createDurably(quarantine());
        Path copy = quarantined(tenant, segment, 0);
        try (FileChannel from = openSegment(segment, false);
                FileChannel to = openSegment(copy, true)) {
            ByteBuffer bytes = ByteBuffer.allocate(COPY_BYTES);
            for (long at = 0; from.read(bytes, at) >= 0; at = to.position()) {
                bytes.flip();
                while (bytes.hasRemaining()) {
                    to.write(bytes);
                }
                bytes.clear();
            }
            to.force(true);
        }
        fsync(quarantine());
    }

    Path checkpoint(int shard) {
        return checkpoints().resolve("shard-%05d".formatted(shard));
    }

    Path checkpoints() {
        return own().resolve("checkpoints");
    }

    /**
     * How far the files of each shard that is here follow {@code signals-accepted}: the offset of the last record that was
     * applied and made durable.
     *
     * @throws WalException if a checkpoint is damaged
     */
    public Map<Integer, Long> appliedOffsets() throws IOException {
        Map<Integer, Long> offsets = new TreeMap<>();
        for (int shard : checkpointedShards()) {
            Checkpoint checkpoint = Checkpoint.read(this, shard);
            if (checkpoint != null && checkpoint.offset() >= 0) {
                offsets.put(shard, checkpoint.offset());
            }
        }
        return offsets;
    }

    /** The shards that have a checkpoint here, in order. */
    NavigableSet<Integer> checkpointedShards() throws IOException {
        NavigableSet<Integer> shards = new TreeSet<>();
        try (DirectoryStream<Path> entries = Files.newDirectoryStream(checkpoints(), "shard-?????")) {
            for (Path entry : entries) {
                String number = entry.getFileName().toString().substring("shard-".length());
                if (number.chars().allMatch(c -> c >= '0' && c <= '9')) {
                    shards.add(Integer.parseInt(number));
                }
            }
        } catch (NoSuchFileException e) {
            // No shard has written one yet.
        }
        return shards;
    }

    private Path own() {
        return root.resolve(".tidegate");
    }

    /**
     * The tenants that have a directory here, in order; links are left out ({@link WalVerifier#strays} tells of them).
     *
     * @throws IOException if the directory cannot be read
     */
    public NavigableSet<TenantId> tenants() throws IOException {
        NavigableSet<TenantId> tenants = new TreeSet<>();
        if (Files.isDirectory(walOf(TenantId.DEFAULT), LinkOption.NOFOLLOW_LINKS)) {
            tenants.add(TenantId.DEFAULT);
        }
        Path named = root.resolve("tenants");
        if (Files.isSymbolicLink(named)) {
            return tenants;
        }
        try (DirectoryStream<Path> entries = Files.newDirectoryStream(named)) {
            for (Path entry : entries) {
                TenantId tenant = TenantId.tryParse(entry.getFileName().toString());
                if (tenant != null
                        && !tenant.isDefault()
                        && Files.isDirectory(entry, LinkOption.NOFOLLOW_LINKS)
                        && Files.isDirectory(walOf(tenant), LinkOption.NOFOLLOW_LINKS)) {
                    tenants.add(tenant);
                }
            }
        } catch (NoSuchFileException e) {
            // No tenant but the default one has written yet.
        }
        return tenants;
    }

    /**
     * A tenant's segments of all shards, in order.
     *
     * @throws IOException if the directory cannot be read
     * @throws WalException if a part of its path is a symbolic link
     */
    public NavigableSet<SegmentName> segments(TenantId tenant) throws IOException {
        NavigableSet<SegmentName> segments = new TreeSet<>();
        refuseLinks(walOf(tenant));
        try (DirectoryStream<Path> entries = Files.newDirectoryStream(walOf(tenant))) {
            for (Path entry : entries) {
                SegmentName name = SegmentName.tryParse(entry.getFileName().toString());
                if (name != null) {
                    segments.add(name);
                }
            }
        } catch (NoSuchFileException e) {
            // The tenant has no directory here.
        } catch (NotDirectoryException e) {
            throw WalException.damage(tenant, walOf(tenant), 0, "a directory is expected, not a file");
        }
        return segments;
    }

    /**
     * Takes the directory for this process, creating it where it is missing.
     *
     * @throws WalException naming the process that has it
     */
    public Closeable lock() {
        Path path = own().resolve("lock");
        try {
            createDurably(checkpoints());
            createDurably(quarantine());
            // Also where they were made by a process that was killed before it could do this.
            fsync(own());
            fsync(root);
            Path real = own().toRealPath();
            String pid = Long.toString(ProcessHandle.current().pid());
            // Not even opened where this process has it: closing any channel of a file drops the process's lock on it.
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
                        ownerOnly("rw-------"));
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
        } catch (IOException e) {
            throw WalException.io("locking", path, e);
        }
    }

    private WalException inUse(String holder) {
        return WalException.refused("the data directory %s is in use by %s. One process at a time can write"
                        .formatted(root, holder.isEmpty() ? "another process" : "process " + holder)
                + " there: stop that one, or give this one another data.dir");
    }

    /**
     * Binds the directory to what its files belong to, at the first start, and checks that it is the same at each
     * later one.
     *
     * @param identity names and values, such as the cluster's and the topic's id
     * @throws WalException naming what differs and what to do
     */
    public void bind(Map<String, String> identity) {
        Path path = own().resolve("identity");
        Map<String, String> expected = new TreeMap<>(identity);
        expected.put("format", IDENTITY_FORMAT);
        try {
            if (!Files.exists(path)) {
                StringBuilder text = new StringBuilder();
                expected.forEach((name, value) ->
                        text.append(name).append('=').append(value).append('\n'));
                replace(path, text.toString().getBytes(StandardCharsets.UTF_8));
                return;
            }
            Map<String, String> found = new TreeMap<>();
            for (String line : Files.readAllLines(path)) {
                int equals = line.indexOf('=');
                if (equals > 0) {
                    found.put(line.substring(0, equals), line.substring(equals + 1));
                }
            }
            expected.forEach((name, value) -> {
                if (!value.equals(found.get(name))) {
                    throw WalException.refused(
                            ("the data directory %s belongs to something else: its %s is %s, here it is"
                                            + " %s. Point data.dir at the right directory or at an empty one; from an empty one"
                                            + " the files are rebuilt from signals-accepted")
                                    .formatted(root, name, found.getOrDefault(name, "missing"), value));
                }
            });
        } catch (IOException e) {
            throw WalException.io("reading", path, e);
        }
    }

    /** Whether the directory was {@linkplain #bind bound} by an instance before. */
    public boolean isBound() {
        return Files.exists(own().resolve("identity"));
    }

    /** The id of the process that has the directory {@linkplain #lock locked}; null where none has. */
    public @Nullable String holder() {
        Path path = own().resolve("lock");
        if (!Files.exists(path)) {
            return null;
        }
        try {
            // Not even opened where this process has it: closing any channel of a file drops the process's lock on it.
            if (LOCKED_HERE.contains(own().toRealPath())) {
                return Long.toString(ProcessHandle.current().pid());
            }
        } catch (IOException e) {
            throw WalException.io("looking at", path, e);
        }
        try (FileChannel file = FileChannel.open(path, Set.of(StandardOpenOption.WRITE, LinkOption.NOFOLLOW_LINKS))) {
            FileLock free = file.tryLock();
            if (free != null) {
                free.release();
                return null;
            }
            return Files.readString(path).trim();
        } catch (IOException e) {
            throw WalException.io("looking at", path, e);
        }
    }

    /** Refuses a directory that is reached through a symbolic link below the root. */
    private void refuseLinks(Path directory) {
        for (Path part = directory; part != null && !part.equals(root); part = part.getParent()) {
            if (Files.isSymbolicLink(part)) {
                throw WalException.refused(part + " is a symbolic link, a directory is expected");
            }
        }
    }

    /** Bytes that can still be written here, to WAL and state: the state may have a file system of its own. */
    public long freeBytes() throws IOException {
        long free = Files.getFileStore(root).getUsableSpace();
        Path state = streamsState();
        return Files.isDirectory(state)
                ? Math.min(free, Files.getFileStore(state).getUsableSpace())
                : free;
    }

    /**
     * Creates a directory and its missing parents.
     *
     * @param newEntry told of each directory that got a new entry, and so needs an {@link #fsync} to be durable
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
                throw WalException.refused(directory + " is a symbolic link or a file, a directory is expected");
            }
        }
        newEntry.accept(parent);
    }

    private void createDurably(Path directory) throws IOException {
        List<Path> grown = new ArrayList<>();
        createDirectories(directory, grown::add);
        for (Path parent : grown) {
            fsync(parent);
        }
    }

    /** Opens a segment to be written, creating it where {@code create}; never through a symbolic link. */
    FileChannel openSegment(Path path, boolean create) throws IOException {
        Set<? extends java.nio.file.OpenOption> options = create
                ? Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.READ, StandardOpenOption.WRITE)
                : Set.of(StandardOpenOption.READ, StandardOpenOption.WRITE, LinkOption.NOFOLLOW_LINKS);
        return FileChannel.open(path, options, create ? ownerOnly("rw-------") : new FileAttribute<?>[0]);
    }

    /** Writes a whole file so that after a crash it is either the old or the new one. */
    void replace(Path path, byte[] content) throws IOException {
        createDurably(path.getParent());
        Path temporary = path.resolveSibling(path.getFileName() + ".tmp");
        Files.deleteIfExists(temporary);
        try (FileChannel file = openSegment(temporary, true)) {
            ByteBuffer bytes = ByteBuffer.wrap(content);
            while (bytes.hasRemaining()) {
                file.write(bytes);
            }
            file.force(true);
        }
        Files.move(temporary, path, StandardCopyOption.ATOMIC_MOVE);
        fsync(path.getParent());
    }

    /**
     * Removes a tenant's segments that begin below {@code belowSeq}, the oldest first and each durably before the next, so
     * that what is left has no hole; then the directories, where they are empty. Can be broken off and repeated.
     *
     * @throws WalException if one of them is not a regular file
     */
    void removeSegments(TenantId tenant, int shard, long belowSeq) throws IOException {
        Path directory = walOf(tenant);
        NavigableSet<SegmentName> left = segments(tenant);
        for (SegmentName name : segments(tenant)) {
            if (name.shard() == shard && name.firstSeq() < belowSeq) {
                Path path = directory.resolve(name.fileName());
                if (!Files.isRegularFile(path, LinkOption.NOFOLLOW_LINKS)) {
                    throw WalException.damage(tenant, path, 0, "a regular file is expected, not a link or a directory");
                }
                Files.delete(path);
                fsync(directory);
                left.remove(name);
            }
        }
        if (left.isEmpty()) {
            removeEmptied(directory);
            if (!tenant.isDefault()) {
                removeEmptied(directory.getParent());
            }
        }
    }

    private static void removeEmptied(@Nullable Path directory) throws IOException {
        if (directory != null && directory.getParent() != null) {
            try {
                Files.deleteIfExists(directory);
            } catch (DirectoryNotEmptyException e) {
                return; // something that is not ours to remove
            }
            if (Files.isDirectory(directory.getParent(), LinkOption.NOFOLLOW_LINKS)) {
                fsync(directory.getParent());
            }
        }
    }

    /** Removes the copies of a tenant's bytes from the quarantine. */
    void removeQuarantined(TenantId tenant) throws IOException {
        boolean removed = false;
        try (DirectoryStream<Path> entries = Files.newDirectoryStream(quarantine())) {
            for (Path entry : entries) {
                if (entry.getFileName().toString().startsWith(tenant.decimal() + ".")) {
                    Files.delete(entry);
                    removed = true;
                }
            }
        } catch (NoSuchFileException e) {
            return; // nothing was ever cut
        }
        if (removed) {
            fsync(quarantine());
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

    private FileAttribute<?>[] ownerOnly(String permissions) {
        return root.getFileSystem().supportedFileAttributeViews().contains("posix")
                ? new FileAttribute<?>[] {
                    PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString(permissions))
                }
                : new FileAttribute<?>[0];
    }
}
