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
import java.util.List;
import java.util.NavigableSet;
import java.util.function.Consumer;
import java.util.function.ToIntFunction;
import org.jspecify.annotations.Nullable;

/**
 * Reads every byte of every segment and says what is wrong: checksums, owner's stamps, sequence within and between
 * segments, shards, names. Changes nothing; runs beside a writer.
 */
public final class WalVerifier {
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

    private final DataDir dir;
    private final @Nullable ToIntFunction<TenantId> shardOf;

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
        try (DirectoryStream<Path> entries = Files.newDirectoryStream(tenants)) {
            for (Path entry : entries) {
                TenantId id = TenantId.tryParse(entry.getFileName().toString());
                if (id == null || id.isDefault()) {
                    strays.add(new Damage(null, entry, 0, "the name is not a tenant's"));
                } else if (!Files.isDirectory(entry, LinkOption.NOFOLLOW_LINKS)) {
                    strays.add(new Damage(id, entry, 0, "a directory is expected, not a link or a file"));
                }
            }
        } catch (NoSuchFileException e) {
            // Only the default tenant has written.
        }
        return strays;
    }

    /** @param progress told of bytes as they are read */
    public TenantReport verify(TenantId tenant, Consumer<Long> progress) throws IOException {
        List<Damage> damage = new ArrayList<>();
        Path directory = dir.walOf(tenant);
        checkNames(tenant, directory, damage);
        NavigableSet<SegmentName> segments = dir.segments(tenant);
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
            try (SegmentReader reader = new SegmentReader(tenant, name, path)) {
                long read = 0;
                try {
                    for (Stored batch = reader.next(); batch != null; batch = reader.next()) {
                        records += batch.records().size();
                        progress.accept(batch.end() - read);
                        read = batch.end();
                    }
                } catch (BadBatchException e) {
                    if (e.reachesEnd() && name.equals(segments.last())) {
                        unfinished = reader.end() - reader.position();
                    } else {
                        damage.add(new Damage(tenant, path, reader.position(), e.getMessage()));
                    }
                }
                bytes += reader.position();
                expected = reader.nextSeq();
            }
        }
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

    private static void checkNames(TenantId tenant, Path directory, List<Damage> damage) throws IOException {
        try (DirectoryStream<Path> entries = Files.newDirectoryStream(directory)) {
            for (Path entry : entries) {
                if (SegmentName.tryParse(entry.getFileName().toString()) == null) {
                    damage.add(new Damage(tenant, entry, 0, "the name is not a segment's"));
                } else if (!Files.isRegularFile(entry, LinkOption.NOFOLLOW_LINKS)) {
                    damage.add(new Damage(tenant, entry, 0, "a regular file is expected, not a link or a directory"));
                }
            }
        } catch (NoSuchFileException e) {
            // Nothing stored.
        }
    }
}
