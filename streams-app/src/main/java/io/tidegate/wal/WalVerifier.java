package io.tidegate.wal;

import io.tidegate.tenant.TenantId;
import io.tidegate.wal.RecordBatches.BadBatchException;
import io.tidegate.wal.RecordBatches.Stored;
import java.io.IOException;
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
 * Reads every byte of every segment and says what is wrong: checksums, owner's stamps, sequence within and between
 * segments, shards, names. Changes nothing; runs beside a writer.
 */
public final class WalVerifier {
    private static final Logger LOG = LoggerFactory.getLogger(WalVerifier.class);

    /**
     * Something that is not as it was written.
     *
     * @param tenant whose; null where that cannot be told
     * @param path the file
     * @param position the first byte that is wrong
     * @param what is wrong
     */
    public record Damage(@Nullable TenantId tenant, Path path, long position, String what) {}

    /**
     * What was read of one tenant.
     *
     * @param tenant whose
     * @param segments files
     * @param records records that are right
     * @param bytes bytes that are right
     * @param firstSeq the first sequence number; -1 where there is none
     * @param lastSeq the last sequence number; -1 where there is none
     * @param unfinishedBytes bytes at the end that are a batch being written, or cut by a crash
     * @param damage what is wrong
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

    private static final String NOT_DIRECTORY = "a directory is expected, not a link or a file";

    private final DataDir dir;
    private final @Nullable ToIntFunction<TenantId> shardOf;
    private @Nullable Map<Integer, Checkpoint> checkpoints;

    /**
     * @param shardOf the shard that a tenant's records belong to; null where that is not known, then a tenant's segments
     *     need only agree
     */
    public WalVerifier(DataDir dir, @Nullable ToIntFunction<TenantId> shardOf) {
        this.dir = dir;
        this.shardOf = shardOf;
    }

    /** Files and directories under {@code tenants/} that belong to no tenant, and links. */
    public List<Damage> strays() throws IOException {
        List<Damage> strays = new ArrayList<>();
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
     * What the checkpoints promise, by shard: read once, before any segment, so that a writer beside can only have done
     * more. A damaged one promises nothing here; its shard refuses to open.
     */
    private Map<Integer, Checkpoint> checkpoints() throws IOException {
        Map<Integer, Checkpoint> known = checkpoints;
        if (known == null) {
            known = new HashMap<>();
            try (DirectoryStream<Path> entries = Files.newDirectoryStream(dir.checkpoints(), "shard-?????")) {
                for (Path entry : entries) {
                    String number = entry.getFileName().toString().substring("shard-".length());
                    if (number.chars().allMatch(c -> c >= '0' && c <= '9')) {
                        int shard = Integer.parseInt(number);
                        Checkpoint checkpoint = readable(shard);
                        if (checkpoint != null) {
                            known.put(shard, checkpoint);
                        }
                    }
                }
            } catch (NoSuchFileException e) {
                // No shard has written one yet.
            }
            checkpoints = known;
        }
        return known;
    }

    private @Nullable Checkpoint readable(int shard) {
        try {
            return Checkpoint.read(dir, shard);
        } catch (WalException e) {
            LOG.warn("a checkpoint is not readable, verifying without it shard={}", shard, e);
            return null;
        }
    }

    /**
     * Checks one tenant's files.
     *
     * @param progress told of bytes as they are read
     * @throws WalException if the tenant's directory lies behind a symbolic link
     */
    public TenantReport verify(TenantId tenant, Consumer<Long> progress) throws IOException {
        List<Damage> damage = new ArrayList<>();
        Path directory = dir.walOf(tenant);
        Map<Integer, Checkpoint> promised = checkpoints();
        NavigableSet<SegmentName> segments = dir.segments(tenant);
        checkNames(tenant, directory, damage, segments);
        long records = 0;
        long bytes = 0;
        long unfinished = 0;
        long expected = segments.isEmpty() ? 0 : segments.first().firstSeq();
        for (SegmentName name : segments) {
            Path path = directory.resolve(name.fileName());
            int rightShard = shardOf == null ? segments.first().shard() : shardOf.applyAsInt(tenant);
            if (name.shard() != rightShard) {
                damage.add(new Damage(
                        tenant, path, 0, "the segment is of shard %d, not %d".formatted(name.shard(), rightShard)));
            }
            if (name.firstSeq() != expected) {
                damage.add(new Damage(
                        tenant,
                        path,
                        0,
                        name.firstSeq() > expected
                                ? "the sequence numbers %d to %d before this segment are missing"
                                        .formatted(expected, name.firstSeq() - 1)
                                : "the segment begins with %d, the one before ends with %d"
                                        .formatted(name.firstSeq(), expected - 1)));
            }
            long durable = durable(promised, tenant, name);
            try (SegmentReader reader = new SegmentReader(tenant, name, path)) {
                long read = 0;
                try {
                    for (Stored batch = reader.next(); batch != null; batch = reader.next()) {
                        records += batch.records().size();
                        progress.accept(batch.end() - read);
                        read = batch.end();
                    }
                    if (read < durable) {
                        damage.add(new Damage(tenant, path, read, ends(durable)));
                    }
                } catch (BadBatchException e) {
                    if (e.reachesEnd() && name.equals(segments.last()) && reader.position() >= durable) {
                        unfinished = reader.end() - reader.position();
                    } else {
                        damage.add(new Damage(tenant, path, reader.position(), e.getMessage()));
                    }
                }
                bytes += reader.position();
                expected = reader.nextSeq();
            }
        }
        promised.forEach((shard, checkpoint) -> {
            Tail tail = checkpoint.tails().get(tenant);
            SegmentName last = tail == null ? null : new SegmentName(tail.firstSeq(), shard);
            if (last != null && !segments.contains(last)) {
                damage.add(new Damage(
                        tenant,
                        directory.resolve(last.fileName()),
                        0,
                        "the checkpoint knows this segment, it is missing"));
            }
        });
        long firstSeq = segments.isEmpty() ? -1 : segments.first().firstSeq();
        return new TenantReport(
                tenant,
                segments.size(),
                records,
                bytes,
                records == 0 ? -1 : firstSeq,
                records == 0 ? -1 : expected - 1,
                unfinished,
                List.copyOf(damage));
    }

    /** How many bytes of a segment the checkpoint promises: of the tenant's last one then, what was filled. */
    private static long durable(Map<Integer, Checkpoint> promised, TenantId tenant, SegmentName name) {
        Checkpoint checkpoint = promised.get(name.shard());
        Tail tail = checkpoint == null ? null : checkpoint.tails().get(tenant);
        return tail != null && tail.firstSeq() == name.firstSeq() ? tail.position() : 0;
    }

    private static String ends(long durable) {
        return "the file ends here, the checkpoint knows %d bytes durable".formatted(durable);
    }

    /** Says what in the directory is no segment, and takes from {@code segments} what cannot be read as one. */
    private static void checkNames(
            TenantId tenant, Path directory, List<Damage> damage, NavigableSet<SegmentName> segments)
            throws IOException {
        try (DirectoryStream<Path> entries = Files.newDirectoryStream(directory)) {
            for (Path entry : entries) {
                SegmentName name = SegmentName.tryParse(entry.getFileName().toString());
                if (name == null) {
                    damage.add(new Damage(tenant, entry, 0, "the name is not a segment's"));
                } else if (!Files.isRegularFile(entry, LinkOption.NOFOLLOW_LINKS)) {
                    damage.add(new Damage(tenant, entry, 0, "a regular file is expected, not a link or a directory"));
                    segments.remove(name);
                }
            }
        } catch (NoSuchFileException e) {
            // Nothing stored.
        }
    }
}
