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
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
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
 * {root}/.tidegate/place          {@link DirectoryPlace}: which distinguishes a copy from the original
 * {root}/.tidegate/archive        only in an archive: the identity of the directory that it was exported from
 * </pre>
 *
 * No symbolic link below the root is followed. Thread-safe.
 */
public final class DataDir {
    /** The file in which Kafka Streams stores the id of its process, from which transactional ids follow. */
    static final String PROCESS_FILE = "kafka-streams-process-metadata";

    /** Enough for the segments of a few tenants. */
    private static final int PROBE_FILES = 16;

    private final Path root;
    private final WalListener listener;
    private final DurableFiles files;
    private final DirectoryLock lock;
    private final DirectoryIdentity identity;
    private final DirectoryIdentity archive;
    private final DirectoryPlace place;
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
        place = new DirectoryPlace(own(), own().resolve("place"), files);
        archive = new DirectoryIdentity(this.root, own().resolve("archive"), files);
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

    /**
     * Binds the directory to its owner at the first start, and checks the owner at each later one.
     *
     * @throws WalException naming the difference; or if the directory has segments, and no owner
     */
    public void bind(Map<String, String> owner) {
        if (!identity.exists() && hasSegments()) {
            throw WalException.rejected(
                    ("the directory %s has segments, and no %s: it is an archive, or a part of a data directory. Nothing was"
                                    + " changed. Restore the whole data directory, or set data.dir to an empty one: the files are"
                                    + " rebuilt from signals-accepted")
                            .formatted(root, own().resolve("identity")));
        }
        identity.bind(owner);
    }

    /**
     * Gives a copy of a data directory an identity of its own in Kafka's group: two processes with the same one would fence each
     * other without end. To be called with the {@linkplain #lock lock}, before Kafka Streams starts.
     *
     * @return whether the directory is a copy
     */
    public boolean separateFromOriginal() {
        try {
            if (place.isStored()) {
                return false;
            }
            boolean isCopy = place.exists();
            if (isCopy && Files.isDirectory(streamsState(), LinkOption.NOFOLLOW_LINKS)) {
                try (DirectoryStream<Path> applications = Files.newDirectoryStream(streamsState())) {
                    for (Path application : applications) {
                        Files.deleteIfExists(application.resolve(PROCESS_FILE));
                    }
                }
            }
            place.store();
            return isCopy;
        } catch (IOException e) {
            throw WalException.io("reading", own(), e);
        }
    }

    private boolean hasSegments() {
        try {
            for (TenantId tenant : tenants()) {
                if (!segments(tenant).isEmpty()) {
                    return true;
                }
            }
            return false;
        } catch (IOException e) {
            throw WalException.io("reading", root, e);
        }
    }

    /** Returns the identity of the instances that wrote the segments; empty if it is unknown. */
    private Map<String, String> origin() throws IOException {
        return identity.exists() ? identity.values() : archive.values();
    }

    /**
     * Binds an archive to the origin of the exported segments, and checks it at each later export: after a reset, or in another
     * cluster, the same sequence numbers have other signals.
     *
     * @throws WalException naming the difference
     */
    void bindArchive(DataDir from) {
        Map<String, String> origin;
        Map<String, String> known;
        try {
            origin = from.origin();
            known = archive.values();
            if (known.isEmpty() && !origin.isEmpty()) {
                archive.write(origin);
            }
        } catch (IOException e) {
            throw WalException.io("binding", root, e);
        }
        known.forEach((name, value) -> {
            String now = origin.get(name);
            if (now != null && !now.equals(value)) {
                throw WalException.rejected(
                        ("the archive %s has records of another origin: its %s is %s, but that of the exported directory is %s."
                                        + " Nothing was changed. Export to another directory")
                                .formatted(root, name, value, now));
            }
        });
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

    /**
     * Whether the file systems of WAL and state take new files: they may have free bytes but no inodes, or the quota of the user
     * may be used up. Creates some empty files and removes them.
     *
     * @throws IOException if files cannot be created for another reason
     */
    public boolean takesFiles() throws IOException {
        return takesFiles(own()) && (!Files.isDirectory(streamsState()) || takesFiles(streamsState()));
    }

    private static boolean takesFiles(Path directory) throws IOException {
        List<Path> created = new ArrayList<>();
        try {
            for (int i = 0; i < PROBE_FILES; i++) {
                Path file = directory.resolve(".probe-" + i);
                Files.newByteChannel(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE)
                        .close();
                created.add(file);
            }
            return true;
        } catch (IOException e) {
            if (FileFault.isFull(e)) {
                return false;
            }
            throw e;
        } finally {
            for (Path file : created) {
                Files.deleteIfExists(file);
            }
        }
    }

    /** Whether an instance was ever started with the directory. One that has rejected an archive has only locked it. */
    boolean isOfInstance() {
        return isBound() || (!archive.exists() && Files.exists(own().resolve("lock"), LinkOption.NOFOLLOW_LINKS));
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
