package io.tidegate.wal;

import io.tidegate.tenant.TenantId;
import java.io.Closeable;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.Map;
import java.util.NavigableSet;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * The layout of the local data directory.
 *
 * <pre>
 * {root}/wal/                     tenant 0
 * {root}/tenants/42/wal/          tenant 42
 * {root}/.tidegate/lock           {@link DirectoryLock}: held by the one process that writes here
 *
 * {root}/.tidegate/identity       {@link DirectoryIdentity}: the cluster, topic and application of the files
 * {root}/.tidegate/checkpoints/   one file per shard
 * {root}/.tidegate/quarantine/    {@link Quarantine}: copies of all bytes removed from a segment
 * {root}/.tidegate/streams/       Kafka Streams' own state
 * {root}/.tidegate/lib/           RocksDB's native library
 * </pre>
 *
 * No symbolic link below the root is followed. Thread-safe.
 */
public final class DataDir {
    private final Path root;
    private final WalListener listener;
    private final DurableFiles files;
    private final DirectoryLock lock;
    private final DirectoryIdentity identity;
    private final Quarantine quarantine;
    private final UndurableTenants undurable;

    public DataDir(Path root) {
        this(root, WalListener.NONE);
    }

    public DataDir(Path root, WalListener listener) {
        this.root = root.toAbsolutePath().normalize();
        this.listener = listener;
        files = new DurableFiles(this.root);
        lock = new DirectoryLock(this.root, own().resolve("lock"), files);
        identity = new DirectoryIdentity(this.root, own().resolve("identity"), files);
        quarantine = new Quarantine(own().resolve("quarantine"), files, listener);
        undurable = new UndurableTenants(checkpoints(), files);
    }

    WalListener listener() {
        return listener;
    }

    DurableFiles files() {
        return files;
    }

    Quarantine quarantine() {
        return quarantine;
    }

    UndurableTenants undurable() {
        return undurable;
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

    /** The state directory of Kafka Streams. */
    public Path streamsState() {
        return own().resolve("streams");
    }

    /** The directory into which native libraries are unpacked. */
    public Path libraries() {
        return own().resolve("lib");
    }

    /** The file of {@link LastVerify}. */
    Path verified() {
        return own().resolve("verified");
    }

    /** The directory in which new segments are built before they are moved into place. */
    Path repairs() {
        return own().resolve("repair");
    }

    Path checkpoint(int shard) {
        return checkpoints().resolve("shard-%05d".formatted(shard));
    }

    private Path checkpoints() {
        return own().resolve("checkpoints");
    }

    private Path own() {
        return root.resolve(".tidegate");
    }

    /**
     * Returns the offset of the last record of {@code signals-accepted} that is applied and durable, for each local
     * shard.
     *
     * @throws WalException if a checkpoint is damaged
     */
    public Map<Integer, Long> appliedOffsets() throws IOException {
        Map<Integer, Long> offsets = new TreeMap<>();
        for (int shard : checkpointedShards()) {
            Checkpoint checkpoint = Checkpoint.read(checkpoint(shard), shard);
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

    /**
     * Returns the tenants that have a directory here, in order. Excludes symbolic links; {@link WalVerifier#strays}
     * reports those.
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
            // Only the default tenant has written.
        }
        return tenants;
    }

    /**
     * Returns a tenant's segments of all shards, in order.
     *
     * @throws IOException if the directory cannot be read
     * @throws WalException if a part of its path is a symbolic link
     */
    public NavigableSet<SegmentName> segments(TenantId tenant) throws IOException {
        NavigableSet<SegmentName> segments = new TreeSet<>();
        rejectLinks(walOf(tenant));
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

    /** Rejects a directory that is reached through a symbolic link below the root. */
    private void rejectLinks(Path directory) {
        for (Path part = directory; part != null && !part.equals(root); part = part.getParent()) {
            if (Files.isSymbolicLink(part)) {
                throw WalException.rejected(part + " is a symbolic link, a directory is expected");
            }
        }
    }

    /**
     * Locks the directory for this process; creates it if it is missing.
     *
     * @throws WalException naming the process that has the lock
     */
    public Closeable lock() {
        try {
            files.createDurably(checkpoints());
            files.createDurably(quarantine.directory());
            // Also needed if the directories exist: a process may have been killed between creating and syncing them.
            DurableFiles.fsync(own());
            DurableFiles.fsync(root);
            return lock.acquire();
        } catch (IOException e) {
            throw WalException.io("locking", own().resolve("lock"), e);
        }
    }

    /** The id of the process that has the directory {@linkplain #lock locked}; null if none has. */
    public @Nullable String holder() {
        return lock.holder();
    }

    /** Binds the directory to its owner at the first start, and checks the owner at each later one. */
    public void bind(Map<String, String> owner) {
        identity.bind(owner);
    }

    /**
     * Checks that the directory was {@linkplain #bind bound} to an owner with these values.
     *
     * @throws WalException naming the difference
     */
    public void requireOwner(Map<String, String> part) {
        identity.require(part);
    }

    /** Whether an instance has {@linkplain #bind bound} the directory before. */
    public boolean isBound() {
        return identity.exists();
    }

    /** Returns the free bytes for WAL and state; the state may be on a separate file system. */
    public long freeBytes() throws IOException {
        long free = Files.getFileStore(root).getUsableSpace();
        Path state = streamsState();
        return Files.isDirectory(state)
                ? Math.min(free, Files.getFileStore(state).getUsableSpace())
                : free;
    }

    /** Whether an instance was ever started with the directory. An archive of segments has neither of these files. */
    boolean isOfInstance() {
        return isBound() || Files.exists(own().resolve("lock"), LinkOption.NOFOLLOW_LINKS);
    }

    /** Whether the directory contains any file of an instance. */
    public boolean isUsed() {
        return Stream.of(own(), walOf(TenantId.DEFAULT), root.resolve("tenants"))
                .anyMatch(part -> Files.exists(part, LinkOption.NOFOLLOW_LINKS));
    }

    /**
     * Removes everything that an instance has written: segments, checkpoints, quarantine, and the state of Kafka
     * Streams. Keeps the root and the files of other programs in it. Follows no symbolic link.
     *
     * @throws WalException naming the process that has the lock
     */
    public void removeAll() throws IOException {
        Closeable held = lock();
        try {
            removeTree(walOf(TenantId.DEFAULT));
            removeTree(root.resolve("tenants"));
            removeTree(own());
        } finally {
            held.close();
        }
        DurableFiles.fsync(root);
    }

    private static void removeTree(Path tree) throws IOException {
        if (Files.exists(tree, LinkOption.NOFOLLOW_LINKS)) {
            try (Stream<Path> all = Files.walk(tree)) {
                for (Path path : all.sorted(Comparator.reverseOrder()).toList()) {
                    Files.delete(path);
                }
            }
        }
    }

    /** Removes the root and everything below it. */
    void clear() throws IOException {
        if (Files.isDirectory(root, LinkOption.NOFOLLOW_LINKS)) {
            try (Stream<Path> all = Files.walk(root)) {
                for (Path path : all.sorted(Comparator.reverseOrder()).toList()) {
                    Files.delete(path);
                }
            }
        }
    }
}
