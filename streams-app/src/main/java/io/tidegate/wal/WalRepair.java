package io.tidegate.wal;

import io.tidegate.tenant.TenantId;
import io.tidegate.wal.RecordBatches.StoredBatch;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.NavigableSet;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.ToIntFunction;
import org.jspecify.annotations.Nullable;

/**
 * Rebuilds damaged segments from their readable part and from {@code signals-accepted}. The rebuilt segments have the
 * same records and boundaries as before, and so the same content checksums as every other copy.
 *
 * <p>Works only on the directory of a stopped instance; the caller must hold its lock. New files are built in a staging
 * directory, and replace damaged ones when they are complete and durable; copies of the damaged ones go to the
 * quarantine first. If the topic no longer has a record that is needed, nothing is changed, and the range is reported.
 *
 * <p>If we crash while new files are built: the next repair discards them. After the copies: the copies remain. Between
 * the two checkpoints around a new last segment: the shard does not open until the repair is run again. After a rename:
 * that file is already repaired.
 *
 * <p>Not thread-safe.
 */
public final class WalRepair {
    /** The records of one shard, from the first that the topic still has. */
    public interface Source {
        void read(int shard, Reader each);
    }

    /** Receives one record, and whether it begins a segment. */
    public interface Reader {
        void accept(TenantId tenant, WalRecord record, boolean begins);
    }

    /**
     * The outcome for one range of a tenant's sequence numbers. {@code lastSeq} is below {@code firstSeq} if the range
     * is empty.
     */
    public record Outcome(TenantId tenant, long firstSeq, long lastSeq, boolean repaired, String what) {}

    private final DataDir dir;
    private final ToIntFunction<TenantId> shardOf;
    private final WalSettings settings;
    private final DataDir staging;

    /** @param settings the segment limits, which must be those that this directory has always had */
    public WalRepair(DataDir dir, ToIntFunction<TenantId> shardOf, WalSettings settings) {
        this.dir = dir;
        this.shardOf = shardOf;
        this.settings = settings;
        this.staging = new DataDir(dir.repairs());
    }

    /** Missing sequence numbers of a log, from {@code from} inclusive to {@code to} exclusive. */
    private static final class MissingRange {
        final long from;
        final long to;
        final boolean last;

        /** The sequence number after the last record found for the range. */
        long found;

        /** The tenant's first sequence number that the topic still has; -1 until one is read. */
        long topicBegins = -1;

        /** Builds new segments for the range; null until the repair begins. */
        @Nullable
        Shard staged;

        @Nullable
        DataDir stagedDir;

        /**
         * The segment before the range, if the missing records may continue it; it is staged again from its beginning.
         */
        final @Nullable SegmentState reopened;

        /** Whether the reopened segment turned out to be complete. */
        boolean reopenedIsComplete;

        MissingRange(@Nullable SegmentState reopened, long next, long to, boolean last) {
            this.reopened = reopened;
            long from = reopened == null ? next : reopened.firstSeq();
            this.from = from;
            this.to = to;
            this.last = last;
            this.found = from;
        }

        /** Returns the first sequence number that is in no file, or in a file that must be replaced. */
        long replacesFrom() {
            return reopened != null && reopenedIsComplete ? reopened.nextSeq() : from;
        }

        /** Whether the segment with the checkpoint's position is replaced: then the position may be inside a batch. */
        boolean replaces(@Nullable SegmentState durable) {
            return durable != null && durable.firstSeq() >= replacesFrom() && durable.firstSeq() < to;
        }

        /** Appends the record if it is the next one of the range. */
        void offer(TenantId tenant, WalRecord record, boolean begins) {
            if (staged != null && record.seq() == found && record.seq() < to) {
                staged.append(tenant, record, begins);
                found++;
            }
        }

        /** Like {@link #offer}, and notes the beginning of the topic. */
        void offerFromTopic(TenantId tenant, WalRecord record, boolean begins) {
            if (topicBegins < 0) {
                topicBegins = record.seq();
            }
            offer(tenant, record, begins);
        }
    }

    /** The findings about one tenant's log. */
    private static final class LogFindings {
        final TenantId tenant;
        final int shard;
        final NavigableMap<Long, SegmentState> good = new TreeMap<>();
        final Set<SegmentName> bad = new LinkedHashSet<>();
        final List<MissingRange> missing = new ArrayList<>();

        /** The checkpoint's last segment; null if there is none with records. */
        @Nullable
        SegmentState durable;

        /** Whether the checkpoint's entry does not match the files, although they may be complete. */
        boolean isEntryWrong;

        /** The sequence number after the last valid record of a damaged file; -1 if there is none. */
        long readableEnd = -1;

        LogFindings(TenantId tenant, int shard) {
            this.tenant = tenant;
            this.shard = shard;
        }

        boolean isWhole() {
            return bad.isEmpty() && missing.isEmpty() && !isEntryWrong;
        }
    }

    /** Repairs these tenants as far as possible, and returns the outcome for each that was damaged. */
    public List<Outcome> repair(NavigableSet<TenantId> tenants, Source source) throws IOException {
        staging.clear();
        List<Outcome> outcomes = new ArrayList<>();
        Map<Integer, Checkpoint> checkpoints = new HashMap<>();
        Map<Integer, Map<TenantId, LogFindings>> damaged = new TreeMap<>();
        for (TenantId tenant : tenants) {
            int shard = shardOf.applyAsInt(tenant);
            try {
                if (!checkpoints.containsKey(shard)) {
                    checkpoints.put(shard, Checkpoint.read(dir.checkpoint(shard), shard));
                }
                LogFindings found = examine(tenant, shard, checkpoints.get(shard));
                if (!found.isWhole()) {
                    damaged.computeIfAbsent(shard, number -> new LinkedHashMap<>())
                            .put(tenant, found);
                }
            } catch (IOException | WalException e) {
                outcomes.add(notRepaired(tenant, e));
            }
        }
        for (Map.Entry<Integer, Map<TenantId, LogFindings>> shard : damaged.entrySet()) {
            repair(shard.getKey(), shard.getValue(), source, outcomes);
        }
        staging.clear();
        return outcomes;
    }

    /** Returns a failed outcome; the repair continues with the other tenants. */
    private static Outcome notRepaired(TenantId tenant, Exception why) {
        String text = why instanceof IOException io ? FileFault.describe(io) : String.valueOf(why.getMessage());
        return new Outcome(tenant, 0, -1, false, text);
    }

    private void repair(int shard, Map<TenantId, LogFindings> damaged, Source source, List<Outcome> outcomes)
            throws IOException {
        List<Shard> staged = new ArrayList<>();
        try {
            for (LogFindings found : damaged.values()) {
                for (int i = 0; i < found.missing.size(); i++) {
                    if (i == staged.size()) {
                        staged.add(new Shard(part(i), shard, settings, () -> true, segment -> {}));
                    }
                    MissingRange range = found.missing.get(i);
                    range.staged = staged.get(i);
                    range.stagedDir = part(i);
                    salvage(found, range);
                }
            }
            if (!staged.isEmpty()) {
                source.read(shard, (tenant, record, begins) -> {
                    LogFindings found = damaged.get(tenant);
                    if (found != null) {
                        found.missing.forEach(range -> range.offerFromTopic(tenant, record, begins));
                    }
                });
            }
            for (Shard one : staged) {
                one.checkpoint(0);
            }
        } finally {
            staged.forEach(Shard::close);
        }
        for (LogFindings found : damaged.values()) {
            try {
                install(found, outcomes);
            } catch (IOException | WalException e) {
                outcomes.add(notRepaired(found.tenant, e));
            }
        }
    }

    private DataDir part(int i) {
        return new DataDir(staging.root().resolve("part-" + i));
    }

    /** Takes the readable part of the file that begins the range: its checksums are right. */
    private void salvage(LogFindings found, MissingRange range) throws IOException {
        SegmentName name = new SegmentName(range.from, found.shard);
        Path path = path(found.tenant, name);
        if (!found.bad.contains(name) || !Files.isRegularFile(path, LinkOption.NOFOLLOW_LINKS)) {
            return;
        }
        try (SegmentReader reader = new SegmentReader(found.tenant, name, path)) {
            for (StoredBatch batch = reader.next(); batch != null; batch = reader.next()) {
                batch.records().forEach(record -> range.offer(found.tenant, record, false));
            }
        } catch (BadBatchException e) {
            // The rest must come from the topic.
        }
    }

    private Path path(TenantId tenant, SegmentName name) {
        return dir.walOf(tenant).resolve(name.fileName());
    }

    /** Finds the valid and the damaged files, and the missing ranges. */
    private LogFindings examine(TenantId tenant, int shard, @Nullable Checkpoint checkpoint) throws IOException {
        LogFindings found = new LogFindings(tenant, shard);
        Checkpoint.Log log = checkpoint == null ? null : checkpoint.logs().get(tenant);
        long begin = log == null ? Checkpoint.Log.UNKNOWN : log.beginSeq();
        NavigableSet<SegmentName> names = dir.segments(tenant);
        found.durable = log != null && log.tail().records() > 0 ? log.tail() : null;
        for (SegmentName name : names) {
            if (name.shard() != shard || !Files.isRegularFile(path(tenant, name), LinkOption.NOFOLLOW_LINKS)) {
                found.bad.add(name);
            } else if (name.firstSeq() >= begin) {
                scan(found, name, name.equals(names.last()), log);
            }
        }
        if (begin < 0) {
            begin = names.isEmpty() ? 0 : names.first().firstSeq();
        }
        long end = log == null ? found.readableEnd : Math.max(log.tail().nextSeq(), log.appliedSeq());
        found.isEntryWrong |= log != null && log.isBrokenOff();
        missing(found, begin, end);
        return found;
    }

    private void scan(LogFindings found, SegmentName name, boolean last, Checkpoint.@Nullable Log log)
            throws IOException {
        SegmentState tail = log != null && log.tail().firstSeq() == name.firstSeq() ? log.tail() : null;
        long durable = tail == null ? 0 : tail.position();
        SegmentScan scan = scan(found.tenant, name, SegmentState.empty(name.firstSeq()));
        BadBatchException bad = scan.bad();
        if (bad != null && !(bad.reachesEnd() && last && scan.state().position() >= durable)) {
            found.bad.add(name);
            if (scan.state().records() > 0) {
                found.readableEnd = Math.max(found.readableEnd, scan.state().nextSeq());
            }
            return;
        }
        found.good.put(name.firstSeq(), scan.state());
        if (tail != null
                && tail.records() > 0
                && !scan(found.tenant, name, tail).state().equals(scan.state())) {
            found.isEntryWrong = true; // the position is inside a batch: the file has been rebuilt in other batches
        }
    }

    private SegmentScan scan(TenantId tenant, SegmentName name, SegmentState from) throws IOException {
        try (SegmentReader reader = new SegmentReader(tenant, name, path(tenant, name))) {
            return reader.scan(from);
        }
    }

    private void missing(LogFindings found, long begin, long end) {
        long next = begin;
        NavigableMap<Long, SegmentState> kept = new TreeMap<>();
        for (SegmentState tail : List.copyOf(found.good.values())) {
            boolean last = tail.firstSeq() == found.good.lastKey();
            // A file without records proves nothing: only as the next one does it belong to the log.
            if (tail.firstSeq() < next || (tail.records() == 0 && (!last || tail.firstSeq() > next))) {
                drop(found, tail);
                continue;
            }
            if (tail.firstSeq() > next) {
                found.missing.add(new MissingRange(reopened(found, kept, next), next, tail.firstSeq(), false));
            }
            kept.put(tail.firstSeq(), tail);
            next = tail.nextSeq();
        }
        if (end > next) {
            found.missing.add(new MissingRange(reopened(found, kept, next), next, end, true));
        }
    }

    private static void drop(LogFindings found, SegmentState tail) {
        found.good.remove(tail.firstSeq());
        found.bad.add(new SegmentName(tail.firstSeq(), found.shard));
    }

    /**
     * Returns the segment before a range, unless a file proves that a segment begins with the range. The end of the
     * segment before may be missing too, which only the topic can show.
     */
    private static @Nullable SegmentState reopened(
            LogFindings found, NavigableMap<Long, SegmentState> kept, long next) {
        if (kept.isEmpty() || found.bad.contains(new SegmentName(next, found.shard))) {
            return null;
        }
        SegmentState before = kept.pollLastEntry().getValue();
        drop(found, before);
        return before;
    }

    /** Leaves a reopened segment unchanged if none of its records was missing. */
    private static void keepComplete(LogFindings found, MissingRange range) throws IOException {
        SegmentState before = range.reopened;
        DataDir staged = range.stagedDir;
        if (before == null || staged == null) {
            return;
        }
        SegmentName name = new SegmentName(before.firstSeq(), found.shard);
        Path path = staged.walOf(found.tenant).resolve(name.fileName());
        try (SegmentReader reader = new SegmentReader(found.tenant, name, path)) {
            SegmentState now =
                    reader.scan(SegmentState.empty(before.firstSeq())).state();
            if (now.nextSeq() == before.nextSeq() && now.crc() == before.crc()) {
                range.reopenedIsComplete = true;
                found.bad.remove(name);
            }
        }
    }

    private void install(LogFindings found, List<Outcome> outcomes) throws IOException {
        List<MissingRange> lost =
                found.missing.stream().filter(range -> range.found < range.to).toList();
        if (!lost.isEmpty()) {
            for (MissingRange range : lost) {
                long last = range.topicBegins < 0 ? range.to - 1 : Math.min(range.to, range.topicBegins) - 1;
                outcomes.add(new Outcome(
                        found.tenant,
                        range.found,
                        Math.max(last, range.found),
                        false,
                        "signals-accepted no longer has these records; nothing was changed"));
            }
            return;
        }
        for (MissingRange range : found.missing) {
            keepComplete(found, range);
        }
        for (SegmentName name : found.bad) {
            dir.quarantine().copy(found.tenant, path(found.tenant, name));
        }
        MissingRange open = found.missing.stream()
                .filter(range -> range.last || range.replaces(found.durable))
                .findFirst()
                .orElse(null);
        if (open != null) {
            write(found, open);
        }
        Set<String> installed = new LinkedHashSet<>();
        List<Path> grown = new ArrayList<>();
        dir.files().createDirectories(dir.walOf(found.tenant), grown::add);
        for (MissingRange range : found.missing) {
            DataDir from = range.stagedDir;
            if (from != null) {
                NavigableSet<SegmentName> names = from.segments(found.tenant);
                for (SegmentName name : names.tailSet(new SegmentName(range.replacesFrom(), found.shard))) {
                    Path target = path(found.tenant, name);
                    if (Files.isDirectory(target, LinkOption.NOFOLLOW_LINKS)) {
                        throw WalException.rejected(target + " is a directory: move it away");
                    }
                    Files.move(
                            from.walOf(found.tenant).resolve(name.fileName()),
                            target,
                            StandardCopyOption.ATOMIC_MOVE,
                            StandardCopyOption.REPLACE_EXISTING);
                    installed.add(name.fileName());
                }
            }
        }
        for (SegmentName name : found.bad) {
            if (!installed.contains(name.fileName())) {
                Files.deleteIfExists(path(found.tenant, name));
            }
        }
        DurableFiles.fsync(dir.walOf(found.tenant));
        for (Path directory : grown) {
            DurableFiles.fsync(directory);
        }
        if (open != null || found.isEntryWrong) {
            write(found, null);
        }
        for (MissingRange range : found.missing) {
            outcomes.add(new Outcome(found.tenant, range.replacesFrom(), range.to - 1, true, "rebuilt"));
        }
        if (found.missing.isEmpty()) {
            String done = found.bad.isEmpty()
                    ? "updated the checkpoint, which did not match the files"
                    : "moved files that do not belong to the log to quarantine/";
            outcomes.add(new Outcome(found.tenant, 0, -1, true, done));
        }
    }

    /**
     * Writes the checkpoint's entry of a tenant.
     *
     * @param open the range that is about to be installed: the checkpoint then marks the repair as unfinished; null to
     *     store the current end of the files
     */
    private void write(LogFindings found, @Nullable MissingRange open) throws IOException {
        Checkpoint checkpoint = Checkpoint.read(dir.checkpoint(found.shard), found.shard);
        Checkpoint.Log log = checkpoint == null ? null : checkpoint.logs().get(found.tenant);
        if (checkpoint == null || log == null) {
            return;
        }
        SegmentState tail;
        if (open != null) {
            tail = SegmentState.empty(open.replacesFrom());
        } else {
            SegmentName last = dir.segments(found.tenant).last();
            SegmentScan scan = scan(found.tenant, last, SegmentState.empty(last.firstSeq()));
            tail = scan.state();
            BadBatchException bad = scan.bad();
            if (bad != null && !bad.reachesEnd()) {
                throw WalException.damage(found.tenant, path(found.tenant, last), tail.position(), bad.getMessage());
            }
            // A killed process may have left these bytes only in the page cache.
            dir.files().makeDurable(path(found.tenant, last), tail.position());
        }
        Map<TenantId, Checkpoint.Log> logs = new HashMap<>(checkpoint.logs());
        long applied = Math.max(log.appliedSeq(), log.tail().nextSeq());
        logs.put(found.tenant, new Checkpoint.Log(tail, log.beginSeq(), applied, log.pruning()));
        new Checkpoint(checkpoint.offset(), checkpoint.partial(), logs)
                .write(dir.files(), dir.checkpoint(found.shard), found.shard);
    }
}
