package io.tidegate.wal;

import io.tidegate.tenant.TenantId;
import io.tidegate.wal.RecordBatches.StoredBatch;
import java.io.IOException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.NavigableSet;
import java.util.function.Consumer;
import java.util.function.ToIntFunction;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Reads every byte of every segment and reports damage: checksums, owner's stamps, sequence within and between
 * segments, shards, names. Changes nothing; can run beside a writer.
 */
public final class WalVerifier {
    private static final Logger LOG = LoggerFactory.getLogger(WalVerifier.class);

    /**
     * A damaged place.
     *
     * @param tenant the owner of the file; null if unknown
     * @param path the file
     * @param position the first wrong byte
     * @param what the description of the damage
     */
    public record Damage(@Nullable TenantId tenant, Path path, long position, String what) {}

    /**
     * The result of reading one tenant's files.
     *
     * @param tenant the tenant
     * @param segments the number of files
     * @param records the number of valid records
     * @param bytes the number of valid bytes
     * @param firstSeq the first sequence number; -1 if there is none
     * @param lastSeq the last sequence number; -1 if there is none
     * @param unfinishedBytes the bytes at the end of an incomplete batch: in progress, or torn by a crash
     * @param damage the damaged places
     */
    public record TenantReport(
            TenantId tenant,
            int segments,
            long records,
            long bytes,
            long firstSeq,
            long lastSeq,
            long unfinishedBytes,
            List<Damage> damage) {}

    /** Means that the checkpoint promises the whole file, whatever its size. */
    private static final long ALL_BYTES = Long.MAX_VALUE;

    private static final String NOT_DIRECTORY = "a directory is expected, not a link or a file";

    private final DataDir dir;
    private final @Nullable ToIntFunction<TenantId> shardOf;
    private final List<Damage> unreadable = new ArrayList<>();
    private @Nullable Map<Integer, Checkpoint> checkpoints;

    /**
     * @param shardOf the shard that a tenant's records belong to; null if unknown: then the segments of a tenant must
     *     only agree
     */
    public WalVerifier(DataDir dir, @Nullable ToIntFunction<TenantId> shardOf) {
        this.dir = dir;
        this.shardOf = shardOf;
    }

    /**
     * Returns the damage outside the tenants' files: checkpoints that cannot be read, symbolic links, and the files and
     * directories under {@code tenants/} that belong to no tenant.
     */
    public List<Damage> strays() throws IOException {
        checkpoints();
        List<Damage> strays = new ArrayList<>(unreadable);
        Path tenants = dir.root().resolve("tenants");
        for (Path fixed : List.of(tenants, dir.walOf(TenantId.DEFAULT))) {
            if (notDirectory(fixed)) {
                strays.add(new Damage(null, fixed, 0, NOT_DIRECTORY));
            }
        }
        if (notDirectory(tenants)) {
            return strays;
        }
        try (DirectoryStream<Path> entries = Files.newDirectoryStream(tenants)) {
            for (Path entry : entries) {
                TenantId id = TenantId.tryParse(entry.getFileName().toString());
                if (id == null || id.isDefault()) {
                    strays.add(new Damage(null, entry, 0, "the name is not a tenant's"));
                } else if (notDirectory(entry)) {
                    strays.add(new Damage(id, entry, 0, NOT_DIRECTORY));
                } else if (notDirectory(dir.walOf(id))) {
                    strays.add(new Damage(id, dir.walOf(id), 0, NOT_DIRECTORY));
                }
            }
        } catch (NoSuchFileException e) {
            // Only the default tenant has written.
        }
        return strays;
    }

    private static boolean notDirectory(Path path) {
        return Files.exists(path, LinkOption.NOFOLLOW_LINKS) && !Files.isDirectory(path, LinkOption.NOFOLLOW_LINKS);
    }

    /**
     * Reads the checkpoints, by shard. They are read once and before any segment, so that a concurrent writer can only
     * have added to them. One that cannot be read is left out and noted; its shard does not open.
     */
    private Map<Integer, Checkpoint> checkpoints() throws IOException {
        Map<Integer, Checkpoint> known = checkpoints;
        if (known == null) {
            known = new HashMap<>();
            for (int shard : dir.checkpointedShards()) {
                try {
                    Checkpoint checkpoint = Checkpoint.read(dir.checkpoint(shard), shard);
                    if (checkpoint != null) {
                        known.put(shard, checkpoint);
                    }
                } catch (WalException e) {
                    LOG.warn("a checkpoint is not readable, verifying without it shard={}", shard, e);
                    unreadable.add(new Damage(null, dir.checkpoint(shard), 0, String.valueOf(e.getMessage())));
                }
            }
            checkpoints = known;
        }
        return known;
    }

    /** Returns the tenants that have a directory here or an entry in a checkpoint, in order. */
    public NavigableSet<TenantId> tenants() throws IOException {
        NavigableSet<TenantId> tenants = dir.tenants();
        checkpoints()
                .values()
                .forEach(checkpoint -> checkpoint.logs().forEach((tenant, log) -> {
                    if (log.promisesFiles() || log.isBrokenOff()) {
                        tenants.add(tenant);
                    }
                }));
        return tenants;
    }

    /**
     * Checks one tenant's files. The report includes all damage and all files that cannot be read, so that the check
     * can continue with other tenants.
     *
     * @param progress receives the number of bytes as they are read
     */
    public TenantReport verify(TenantId tenant, Consumer<Long> progress) throws IOException {
        Map<Integer, Checkpoint> promised = checkpoints();
        TenantCheck check = new TenantCheck(tenant, progress);
        for (Path directory = dir.walOf(tenant); !directory.equals(dir.root()); directory = directory.getParent()) {
            if (notDirectory(directory)) {
                check.damaged(directory, 0, NOT_DIRECTORY);
                return check.report(-1);
            }
        }
        try {
            return check.report(files(promised, tenant, check));
        } catch (IOException | WalException | DirectoryIteratorException e) {
            check.damaged(check.directory, 0, "it cannot be read: " + e);
            return check.report(-1);
        }
    }

    /** @return the first sequence number of the log; -1 if there is none */
    private long files(Map<Integer, Checkpoint> promised, TenantId tenant, TenantCheck check) throws IOException {
        NavigableSet<SegmentName> segments = dir.segments(tenant);
        check.names(segments);
        int shard = shardOf != null
                ? shardOf.applyAsInt(tenant)
                : segments.isEmpty() ? 0 : segments.first().shard();
        // Segments that are pruned but not deleted yet do not belong to the log any more.
        long begin = begin(promised, tenant, shard);
        segments.removeIf(name -> name.shard() == shard && name.firstSeq() < begin);
        if (begin >= 0 && !segments.isEmpty()) {
            check.expected = segments.first().firstSeq() <= begin ? begin : begin(reread(shard), tenant, shard);
        } else if (!segments.isEmpty()) {
            check.expected = segments.first().firstSeq();
        }
        long first = segments.isEmpty() ? -1 : segments.first().firstSeq();
        for (SegmentName name : segments) {
            check.segment(name, shard, name.equals(segments.last()), durable(promised, tenant, name));
        }
        promised.forEach(
                (number, checkpoint) -> check.promises(number, checkpoint.logs().get(tenant), segments));
        if (check.damage.isEmpty() && !segments.isEmpty()) {
            check.reaches(shard, promised);
        }
        return first;
    }

    private static long begin(Map<Integer, Checkpoint> promised, TenantId tenant, int shard) {
        Checkpoint checkpoint = promised.get(shard);
        Checkpoint.Log log = checkpoint == null ? null : checkpoint.logs().get(tenant);
        return log == null ? Checkpoint.Log.UNKNOWN : log.beginSeq();
    }

    /** Reads a shard's checkpoint again: a prune may have moved a beginning since the checkpoints were read. */
    private Map<Integer, Checkpoint> reread(int shard) {
        Checkpoint now = Checkpoint.read(dir.checkpoint(shard), shard);
        return now == null ? Map.of() : Map.of(shard, now);
    }

    /**
     * Returns the bytes of a segment that the checkpoint promises: all of them if it knows a later segment, else its
     * position.
     */
    private static long durable(Map<Integer, Checkpoint> promised, TenantId tenant, SegmentName name) {
        Checkpoint checkpoint = promised.get(name.shard());
        Checkpoint.Log log = checkpoint == null ? null : checkpoint.logs().get(tenant);
        if (log == null || name.firstSeq() > log.tail().firstSeq()) {
            return 0;
        }
        return name.firstSeq() < log.tail().firstSeq() ? ALL_BYTES : log.tail().position();
    }

    /** The check of one tenant in progress. */
    private final class TenantCheck {
        private final TenantId tenant;
        private final Path directory;
        private final Consumer<Long> progress;
        private final List<Damage> damage = new ArrayList<>();
        private int segments;
        private long records;
        private long bytes;
        private long unfinished;
        private long expected;

        /** Whether segments were pruned since the directory was read. */
        private boolean pruned;

        TenantCheck(TenantId tenant, Consumer<Long> progress) {
            this.tenant = tenant;
            this.progress = progress;
            this.directory = dir.walOf(tenant);
        }

        TenantReport report(long first) {
            return new TenantReport(
                    tenant,
                    segments,
                    records,
                    bytes,
                    records == 0 ? -1 : first,
                    records == 0 ? -1 : expected - 1,
                    unfinished,
                    List.copyOf(damage));
        }

        private void damaged(Path path, long position, @Nullable String what) {
            damage.add(new Damage(tenant, path, position, String.valueOf(what)));
        }

        /**
         * Reports the directory entries that are not segments, and removes those that cannot be read from {@code
         * names}.
         */
        void names(NavigableSet<SegmentName> names) throws IOException {
            try (DirectoryStream<Path> entries = Files.newDirectoryStream(directory)) {
                for (Path entry : entries) {
                    SegmentName name = SegmentName.tryParse(entry.getFileName().toString());
                    if (name == null) {
                        damaged(entry, 0, "the name is not a segment's; if the file is not Tidegate's, remove it");
                    } else if (!Files.isRegularFile(entry, LinkOption.NOFOLLOW_LINKS)) {
                        damaged(entry, 0, "a regular file is expected, not a link or a directory");
                        names.remove(name);
                    }
                }
            } catch (NoSuchFileException e) {
                // The tenant has nothing stored.
            }
        }

        void segment(SegmentName name, int shard, boolean last, long durable) throws IOException {
            Path path = directory.resolve(name.fileName());
            try (SegmentReader reader = new SegmentReader(tenant, name, path)) {
                place(path, name, shard);
                long read = 0;
                try {
                    for (StoredBatch batch = reader.next(); batch != null; batch = reader.next()) {
                        records += batch.records().size();
                        progress.accept(batch.end() - read);
                        if (read < durable && durable < batch.end() && durable != ALL_BYTES) {
                            damaged(path, durable, "the checkpoint's position is inside a batch");
                        }
                        read = batch.end();
                    }
                    if (durable != ALL_BYTES && read < durable) {
                        damaged(path, read, ends(durable));
                    }
                } catch (BadBatchException e) {
                    if (e.reachesEnd() && last && reader.position() >= durable) {
                        unfinished = reader.end() - reader.position();
                    } else {
                        damaged(path, reader.position(), e.getMessage());
                    }
                }
                segments++;
                bytes += reader.position();
                expected = reader.nextSeq();
            } catch (NoSuchFileException e) {
                NavigableSet<SegmentName> left = dir.segments(tenant);
                if (!left.isEmpty() && left.first().compareTo(name) < 0) {
                    throw e;
                }
                // The segment was pruned since the directory was read.
                pruned = true;
                expected = left.isEmpty() ? name.firstSeq() : left.first().firstSeq();
            } catch (IOException e) {
                damaged(path, 0, "it cannot be read: " + e);
                segments++;
                expected = name.firstSeq();
            }
        }

        /** Checks that the segment continues the one before. */
        private void place(Path path, SegmentName name, int shard) {
            if (name.shard() != shard) {
                damaged(path, 0, "the segment is of shard %d, not %d".formatted(name.shard(), shard));
            }
            if (name.firstSeq() != expected) {
                damaged(
                        path,
                        0,
                        name.firstSeq() > expected
                                ? "the sequence numbers %d to %d before this segment are missing"
                                        .formatted(expected, name.firstSeq() - 1)
                                : "the segment begins with %d, the one before ends with %d"
                                        .formatted(name.firstSeq(), expected - 1));
            }
        }

        /** Checks that the log extends to the checkpoint's offset. */
        void reaches(int shard, Map<Integer, Checkpoint> promised) {
            Checkpoint checkpoint = promised.get(shard);
            Checkpoint.Log log = checkpoint == null ? null : checkpoint.logs().get(tenant);
            if (log != null
                    && log.appliedSeq() > expected
                    && !(pruned && begin(reread(shard), tenant, shard) >= log.appliedSeq())) {
                damaged(
                        directory,
                        0,
                        "the sequence numbers %d to %d at the end are missing"
                                .formatted(expected, log.appliedSeq() - 1));
            }
        }

        /** Checks that all files in the checkpoint exist. */
        void promises(int shard, Checkpoint.@Nullable Log log, NavigableSet<SegmentName> names) {
            if (log != null && log.isBrokenOff()) {
                damaged(directory, 0, "a repair was interrupted: run it again");
            }
            if (log == null || !log.promisesFiles()) {
                return;
            }
            SegmentName last = new SegmentName(log.tail().firstSeq(), shard);
            if (log.tail().records() > 0
                    && !names.contains(last)
                    && begin(reread(shard), tenant, shard) <= last.firstSeq()) {
                damaged(
                        directory.resolve(last.fileName()),
                        0,
                        names.isEmpty() && log.beginSeq() >= 0
                                ? "the checkpoint has the sequence numbers %d to %d, but there is no segment"
                                        .formatted(log.beginSeq(), log.tail().nextSeq() - 1)
                                : "the checkpoint has this segment, but it is missing");
            }
        }
    }

    private static String ends(long durable) {
        return "the file ends here, but the checkpoint has %d durable bytes".formatted(durable);
    }
}
