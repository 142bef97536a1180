package io.tidegate.wal;

import io.tidegate.tenant.TenantId;
import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedByInterruptException;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One partition of {@code signals-accepted} on disk: the logs of all its tenants and the checkpoint over them.
 *
 * <p>Invariants. A tenant's records are stored as 0, 1, 2, … without gap or repeat: a record at or below the last is
 * skipped, one above the next stops the shard. The checkpoint is written after the files that it speaks of are fsynced,
 * so below it nothing is ever missing; above it everything comes again from the topic and is skipped where it is here
 * already. After a failed write or fsync the shard refuses all work: the page cache can no longer be trusted, and a new
 * start from the checkpoint is the only way on.
 *
 * <p>If we crash after an append: the file holds what reached the page cache, and the topic has the rest. After a power
 * loss: the files hold at least what the checkpoint says. Between fsync and checkpoint: the old checkpoint, more is
 * skipped. While the checkpoint is replaced: the old or the new one. Between a prune and the checkpoint after it: nothing
 * was removed, and the prune comes again. After that checkpoint: it says what to remove, and the next start does.
 *
 * <p>Not thread-safe; owned by the task that owns the partition.
 */
public final class Shard implements Closeable {
    /** What {@link #committedOffset} gives where nothing was stored. */
    public static final long NO_OFFSET = Long.MIN_VALUE;

    private static final Logger LOG = LoggerFactory.getLogger(Shard.class);

    private final DataDir dir;
    private final int number;
    private final WalSettings settings;
    private final ByteBuilder scratch = WalRecord.scratch();

    private final Map<TenantId, TenantLog> logs = new HashMap<>();
    private final Map<TenantId, Checkpoint.Log> durable = new HashMap<>();
    private final Set<TenantLog> pending = new LinkedHashSet<>();
    private final Set<TenantLog> unsynced = new LinkedHashSet<>();
    private final Set<Path> newEntries = new LinkedHashSet<>();

    /** Logs whose file is open, the least recently used first. */
    private final LinkedHashMap<TenantLog, Boolean> open = new LinkedHashMap<>(16, 0.75f, true);

    private long pendingBytes;
    private long recoveredBytes;
    private long offset;
    private boolean partial;
    private boolean hasCheckpoint;

    /** Whether this copy has nothing yet. */
    private boolean isNew;

    private boolean dirty;
    private @Nullable WalException failure;

    /**
     * Opens a shard. Reads its checkpoint and, only where the disk failed before, cuts what it left in doubt.
     *
     * @throws WalException if the checkpoint is damaged
     */
    public Shard(DataDir dir, int number, WalSettings settings) {
        this.dir = dir;
        this.number = number;
        this.settings = settings;
        Checkpoint checkpoint = Checkpoint.read(dir, number);
        hasCheckpoint = checkpoint != null;
        offset = checkpoint == null ? NO_OFFSET : checkpoint.offset();
        partial = checkpoint != null && checkpoint.partial();
        if (checkpoint != null) {
            durable.putAll(checkpoint.logs());
        }
        isNew = durable.isEmpty() && !partial;
        if (offset < 0) {
            forgetApplied();
        }
        finishPruning();
        distrust();
    }

    /** The topic is read from its beginning again: no record of it was applied in this order yet. */
    private void forgetApplied() {
        durable.replaceAll((tenant, log) -> log.appliedAgain());
    }

    /** Removes what a crash between a checkpoint and the removal left of pruned segments. */
    private void finishPruning() {
        for (Map.Entry<TenantId, Checkpoint.Log> entry : durable.entrySet()) {
            if (entry.getValue().pruning()) {
                try {
                    dir.removeSegments(entry.getKey(), number, entry.getValue().beginSeq());
                } catch (IOException e) {
                    throw WalException.io("pruning", dir.walOf(entry.getKey()), e);
                }
                entry.setValue(entry.getValue().pruned());
                dirty = true;
            }
        }
    }

    /**
     * Cuts what an earlier shard wrote and could not make durable, down to the checkpoint. After a failed fsync such
     * bytes read well from the page cache, which took them for written, and are not on the disk; no later fsync would say
     * so. They come again from the topic.
     */
    private void distrust() {
        try {
            for (TenantId tenant : UndurableTenants.of(dir, number)) {
                TenantLog.cutToDurable(this, tenant, durable.get(tenant));
            }
            UndurableTenants.clear(dir, number);
        } catch (IOException e) {
            throw WalException.io("cutting to the checkpoint in", dir.root(), e);
        }
    }

    /**
     * Appends a record, or skips it where it is stored already.
     *
     * @param beginningIsGone whether the topic no longer has its beginning; asked at the first record of a new copy, in
     *     which tenants then may start above 0
     * @param sealed told of each segment that this record seals, also when the record was skipped
     * @throws WalException if the record leaves a gap, stored bytes are damaged, or the disk fails
     */
    public void append(
            TenantId tenant, WalRecord record, BooleanSupplier beginningIsGone, Consumer<SealedSegment> sealed) {
        guarded("appending to", () -> dir.walOf(tenant), () -> {
            beginCopy(beginningIsGone);
            TenantLog log = log(tenant);
            Long next = log.nextSeq();
            if (next != null && record.seq() < next) {
                log.skip(record);
                log.sealedBy(record.seq(), record.timestampMs(), sealed);
                return;
            }
            if (next != null ? record.seq() > next : record.seq() > 0 && !partial) {
                throw WalException.gap(
                        tenant,
                        number,
                        next == null ? 0 : next,
                        record.seq() - 1,
                        "They are not in signals-accepted where they should be: restore the topic, or stop, move the"
                                + " data directory away and start again to begin a copy with what the topic still has");
            }
            log.append(record, sealed);
            dirty = true;
            if (pendingBytes > settings.pendingBytes()) {
                flushPending();
            }
            closeSurplusFiles();
        });
    }

    private TenantLog log(TenantId tenant) throws IOException {
        TenantLog log = logs.get(tenant);
        if (log == null) {
            log = TenantLog.open(this, tenant, durable.get(tenant), bytes -> recoveredBytes += bytes);
            logs.put(tenant, log);
        }
        return log;
    }

    /**
     * Lets go of the segments whose records are all below {@code belowSeq} and were appended before this call in the
     * order of the topic; so every copy lets go of the same ones, also when the call comes again after a crash. The log
     * goes on with the next sequence number. The files are removed with the next {@link #checkpoint}.
     */
    public void prune(TenantId tenant, long belowSeq) {
        guarded("pruning", () -> dir.walOf(tenant), () -> {
            TenantLog log = log(tenant);
            if (log.prune(belowSeq)) {
                dirty = true;
                LOG.info("pruning tenant={} shard={} below_seq={} begins={}", tenant, number, belowSeq, log.beginSeq());
            }
            closeSurplusFiles();
        });
    }

    /** Removes the copies of what was ever cut or moved away of a tenant's files. */
    public void removeCopies(TenantId tenant) {
        guarded("removing the copies of cut bytes from", dir::quarantine, () -> dir.removeQuarantined(tenant));
    }

    /** Asked once, at the first record of a new copy: later the topic may lose what this copy has. */
    private void beginCopy(BooleanSupplier beginningIsGone) {
        if (isNew) {
            partial = beginningIsGone.getAsBoolean();
            isNew = false;
            if (partial) {
                LOG.warn(
                        "signals-accepted no longer has its beginning: this copy of the WAL begins later shard={}",
                        number);
            }
        }
    }

    /** Writes all pending batches, so that readers see them; durable they are after {@link #checkpoint}. */
    public void flush() {
        guarded("writing to", dir::root, this::flushPending);
    }

    /**
     * Makes everything durable, then remembers {@code appliedOffset} as the place to resume after.
     *
     * @param appliedOffset the offset of the last record that was applied, with all before it
     */
    public void checkpoint(long appliedOffset) {
        if (failure == null && !dirty && appliedOffset == offset) {
            return;
        }
        guarded("checkpointing", dir::root, () -> {
            long began = System.nanoTime();
            flushPending();
            syncFiles();
            syncEntries();
            List<TenantLog> pruned = new ArrayList<>();
            for (TenantLog log : logs.values()) {
                Checkpoint.Log state = log.state();
                if (state != null) {
                    durable.put(log.tenant(), state);
                    if (state.pruning()) {
                        pruned.add(log);
                    }
                }
            }
            new Checkpoint(appliedOffset, partial, durable).write(dir, number);
            offset = appliedOffset;
            hasCheckpoint = true;
            // If we crash here, the checkpoint says what must go, and the next start removes it.
            for (TenantLog log : pruned) {
                dir.removeSegments(log.tenant(), number, log.beginSeq());
                log.pruned();
                durable.computeIfPresent(log.tenant(), (tenant, state) -> state.pruned());
            }
            dirty = !pruned.isEmpty(); // the next one says that they are gone
            dir.listener().checkpointed(System.nanoTime() - began);
            closeSurplusFiles();
        });
    }

    /** Forgets the place to resume after, and nothing else: what comes again is skipped. */
    public void forgetOffset() {
        if (offset != NO_OFFSET) {
            LOG.warn("the WAL's place in signals-accepted is lost, the topic is read again shard={}", number);
            offset = NO_OFFSET;
            forgetApplied();
            // On disk too: the task is closed and opened again next, and must not find the lost place there.
            new Checkpoint(NO_OFFSET, partial, durable).write(dir, number);
        }
    }

    /** The offset to resume after; {@link #NO_OFFSET} where there is none. */
    public long committedOffset() {
        return offset;
    }

    /** Bytes that had to be read to find the ends of logs since the shard was opened. */
    public long recoveredBytes() {
        return recoveredBytes;
    }

    public int number() {
        return number;
    }

    /** Closes the files. What was not checkpointed comes again. */
    @Override
    public void close() {
        try {
            if (failure == null) {
                flush();
            }
        } finally {
            // Listed only now: the flush opens files too.
            for (TenantLog log : List.copyOf(open.keySet())) {
                try {
                    log.closeFile();
                } catch (IOException e) {
                    LOG.warn("closing a segment failed tenant={} shard={}", log.tenant(), number, e);
                }
            }
            logs.clear();
        }
    }

    // What the tenants' logs tell and ask their shard.

    DataDir dir() {
        return dir;
    }

    WalSettings settings() {
        return settings;
    }

    boolean hasCheckpoint() {
        return hasCheckpoint;
    }

    int chainedCrc(WalRecord record, int previous) {
        return record.chainedCrc(previous, scratch);
    }

    void pending(TenantLog log) {
        pending.add(log);
    }

    void pendingBytes(int more) {
        pendingBytes += more;
    }

    void flushed(TenantLog log, int bytes) {
        pending.remove(log);
        pendingBytes -= bytes;
    }

    void unsynced(TenantLog log) {
        unsynced.add(log);
        dirty = true;
    }

    void synced(TenantLog log) {
        unsynced.remove(log);
    }

    void newEntry(Path directory) {
        newEntries.add(directory);
    }

    /** Makes a directory's new entries durable now, if there are any. */
    void syncEntry(Path directory) throws IOException {
        if (newEntries.remove(directory)) {
            DataDir.fsync(directory);
        }
    }

    /** Whether the checkpoint knows a segment of the tenant, so that its directories are durable. */
    boolean knowsDurable(TenantId tenant) {
        Checkpoint.Log known = durable.get(tenant);
        return known != null && known.promisesFiles();
    }

    void opened(TenantLog log) {
        open.put(log, true);
    }

    void closed(TenantLog log) {
        open.remove(log);
    }

    /** Cuts a torn tail, after a copy of what is cut is safe in the quarantine. */
    void cut(TenantId tenant, Path segment, long position, String why) throws IOException {
        Path copy = dir.quarantined(tenant, segment, position);
        try (FileChannel file = dir.openSegment(segment, false)) {
            long end = file.size();
            ByteBuffer bytes = ByteBuffer.allocate(Math.toIntExact(end - position));
            while (bytes.hasRemaining() && file.read(bytes, position + bytes.position()) >= 0) {
                // read on
            }
            dir.replace(copy, bytes.array());
            file.truncate(position);
            file.force(true);
            dir.listener().cut(end - position);
            LOG.warn(
                    "cut a torn tail, its records come again from signals-accepted tenant={} segment={} position={}"
                            + " bytes={} why=\"{}\" copy={}",
                    tenant,
                    segment.getFileName(),
                    position,
                    end - position,
                    why,
                    copy);
        }
    }

    private void flushPending() throws IOException {
        for (TenantLog log : List.copyOf(pending)) {
            log.flush();
            closeSurplusFiles();
        }
    }

    /** Makes what was written durable, so many files at once as may be open. */
    private void syncFiles() throws IOException {
        List<TenantLog> all = List.copyOf(unsynced);
        for (int from = 0; from < all.size(); from += settings.openFiles()) {
            List<TenantLog> some = all.subList(from, Math.min(all.size(), from + settings.openFiles()));
            sync(some.stream().filter(unsynced::contains).toList());
            closeSurplusFiles();
        }
    }

    private void syncEntries() throws IOException {
        List<Syncs.Sync> syncs = new ArrayList<>();
        newEntries.forEach(directory -> syncs.add(() -> DataDir.fsync(directory)));
        Syncs.all(syncs);
        newEntries.clear();
    }

    /** Files count as synced when all of them are: after a failure all are in doubt. */
    private static void sync(List<TenantLog> logs) throws IOException {
        List<Syncs.Sync> syncs = new ArrayList<>();
        for (TenantLog log : logs) {
            syncs.add(log.beginSync());
        }
        Syncs.all(syncs);
        logs.forEach(TenantLog::endSync);
    }

    /**
     * Closes files to make room for others, many at once, so that they can be synced together. What was written is made
     * durable first: the kernel tells of a failed write-back to those who have the file open, and may have forgotten it
     * when the file is opened again.
     */
    private void closeSurplusFiles() throws IOException {
        if (open.size() <= settings.openFiles()) {
            return;
        }
        int surplus = open.size() - settings.openFiles() / 2;
        List<TenantLog> retired = open.keySet().stream().limit(surplus).toList();
        sync(retired.stream().filter(unsynced::contains).toList());
        for (TenantLog log : retired) {
            log.closeFile();
        }
    }

    private interface Work {
        void run() throws IOException;
    }

    /** @param where asked only for the message: making a path costs more than an append */
    private void guarded(String doing, Supplier<Path> where, Work work) {
        if (failure != null) {
            throw failure;
        }
        try {
            work.run();
        } catch (ClosedByInterruptException e) {
            // No failure of the disk: what was written stays so, and what was not comes again.
            failure = WalException.io(doing, where.get(), e);
            throw failure;
        } catch (IOException e) {
            failure = WalException.io(doing, where.get(), e);
            UndurableTenants.add(
                    dir, number, unsynced.stream().map(TenantLog::tenant).toList());
            throw failure;
        } catch (WalException e) {
            failure = e;
            if (e.kind() == WalException.Kind.DAMAGE) {
                dir.listener().damaged();
            }
            throw e;
        } catch (RuntimeException | Error e) {
            // Thrown from anywhere, so what is in memory may be half changed: a batch taken but not written, say.
            failure = WalException.io(doing, where.get(), e);
            throw e;
        }
    }
}
