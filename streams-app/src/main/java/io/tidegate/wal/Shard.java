package io.tidegate.wal;

import io.tidegate.tenant.TenantId;
import io.tidegate.wal.LogRecovery.Recovered;
import java.io.Closeable;
import java.io.IOException;
import java.nio.channels.ClosedByInterruptException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One partition of {@code signals-accepted} on disk: the logs of all its tenants and their checkpoint.
 *
 * <p>Invariants. A tenant's records are stored as 0, 1, 2, … without gap or repeat: a record at or below the last is
 * skipped, and one above the next stops the shard. The checkpoint is written after the files that it describes are
 * fsynced, so nothing below it is ever missing. Everything above it is read from the topic again, and skipped if it is
 * already stored. After a failed write or fsync the shard rejects all work: the page cache can no longer be trusted,
 * and only a restart from the checkpoint helps.
 *
 * <p>If we crash after an append: the file has the bytes that reached the page cache, and the topic has the rest. After
 * a power loss: the files have at least the bytes of the checkpoint. Between fsync and checkpoint: the old checkpoint
 * applies, and more records are skipped. While the checkpoint is replaced: the old or the new one applies. Between a
 * prune and the next checkpoint: nothing was removed, and the prune is read again. After that checkpoint: it lists the
 * segments to remove, and the next start removes them.
 *
 * <p>Not thread-safe; owned by the task that owns the partition.
 */
public final class Shard implements Closeable {
    /** The {@link #committedOffset} of a shard that stored none. */
    public static final long NO_OFFSET = Long.MIN_VALUE;

    /** The maximum number of consecutive checkpoints that are put off. */
    static final int PUT_OFF_MAX = 5;

    private static final Logger LOG = LoggerFactory.getLogger(Shard.class);

    private final DataDir dir;
    private final int number;
    private final BooleanSupplier beginningIsGone;
    private final RecordOrigin origin;
    private final Consumer<SealedSegment> sealed;
    private final LogFiles files;
    private final ContentChecksum checksum = new ContentChecksum();

    private final Map<TenantId, TenantLog> logs = new HashMap<>();
    private final Map<TenantId, Checkpoint.Log> durable = new HashMap<>();

    private long recoveredBytes;
    private long offset;
    private boolean partial;
    private boolean hasCheckpoint;

    /** Whether this copy is still empty. */
    private boolean isNew;

    private boolean dirty;
    private int putOff;
    private @Nullable WalException failure;

    /** Opens a shard of a topic that still has its beginning, and reports no sealed segments. */
    public Shard(DataDir dir, int number, WalSettings settings) {
        this(dir, number, settings, () -> false, segment -> {});
    }

    /** Opens a shard that stops at every record that does not continue its tenant's log. */
    public Shard(
            DataDir dir,
            int number,
            WalSettings settings,
            BooleanSupplier beginningIsGone,
            Consumer<SealedSegment> sealed) {
        this(dir, number, settings, beginningIsGone, RecordOrigin.TRUSTED, sealed);
    }

    /**
     * Opens a shard. Reads its checkpoint and, only if the disk failed before, truncates the bytes in doubt.
     *
     * @param beginningIsGone whether the topic no longer has its beginning. Called at the first record of a new copy;
     *     if true, its tenants may start above 0
     * @param origin decides about records that do not continue their tenant's log
     * @param sealed receives each segment when the first record of the next one is appended, or read again
     * @throws WalException if the checkpoint is damaged
     */
    public Shard(
            DataDir dir,
            int number,
            WalSettings settings,
            BooleanSupplier beginningIsGone,
            RecordOrigin origin,
            Consumer<SealedSegment> sealed) {
        this.dir = dir;
        this.number = number;
        this.beginningIsGone = beginningIsGone;
        this.origin = origin;
        this.sealed = sealed;
        this.files = new LogFiles(dir, settings);
        Checkpoint checkpoint = Checkpoint.read(dir.checkpoint(number), number);
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
        truncateUndurable();
    }

    /** Resets the applied sequence numbers, because the topic is read from its beginning again. */
    private void forgetApplied() {
        durable.replaceAll((tenant, log) -> log.appliedAgain());
    }

    /** Deletes the pruned segments that remained after a crash between a checkpoint and their removal. */
    private void finishPruning() {
        if (durable.values().stream().noneMatch(Checkpoint.Log::pruning)) {
            return;
        }
        // A killed process may not have synced the name of this checkpoint. After a power loss, an older one, which
        // expects these files, would be read again.
        write(offset);
        for (Map.Entry<TenantId, Checkpoint.Log> entry : durable.entrySet()) {
            if (entry.getValue().pruning()) {
                try {
                    LogSegments.delete(
                            dir, entry.getKey(), number, entry.getValue().beginSeq());
                } catch (IOException e) {
                    throw WalException.io("pruning", dir.walOf(entry.getKey()), e);
                }
                entry.setValue(entry.getValue().pruned());
                dirty = true;
            }
        }
    }

    /**
     * Truncates the bytes that an earlier shard wrote and could not make durable. Their records are read from the topic
     * again.
     */
    private void truncateUndurable() {
        try {
            for (TenantId tenant : dir.undurable().of(number)) {
                recovery().truncateToDurable(tenant, durable.get(tenant));
            }
            dir.undurable().clear(number);
        } catch (IOException e) {
            throw WalException.io("truncating to the checkpoint in", dir.root(), e);
        }
    }

    private LogRecovery recovery() {
        return new LogRecovery(dir, number, hasCheckpoint);
    }

    /** Appends a record that continues its tenant's last segment. */
    public void append(TenantId tenant, WalRecord record) {
        append(tenant, record, false);
    }

    /**
     * Appends a record, or skips it if it is already stored.
     *
     * @param begins whether the record begins a new segment. Admission decides that and marks the record in {@code
     *     signals-accepted}, so that all copies have the same segments
     * @throws WalException if the record leaves a gap, stored bytes are damaged, or the disk fails
     */
    public void append(TenantId tenant, WalRecord record, boolean begins) {
        guarded("appending to", () -> dir.walOf(tenant), () -> {
            beginCopy();
            TenantLog log = log(tenant);
            Long next = log.nextSeq();
            if (next != null && record.seq() < next) {
                log.skip(record);
                return;
            }
            if (next != null ? record.seq() > next : record.seq() > 0 && !partial) {
                long nextSeq = next == null ? 0 : next;
                if (!origin.isGap(tenant, nextSeq, record.seq())) {
                    return;
                }
                throw WalException.gap(
                        tenant,
                        number,
                        nextSeq,
                        record.seq() - 1,
                        "They are not in signals-accepted where they should be: restore the topic, or stop, move the"
                                + " data directory away and start again: the new copy begins with the first record that is left");
            }
            log.append(record, begins);
            dirty = true;
            files.keepBounds();
        });
    }

    /** Whether a sequence number is above the next one of a tenant; false if this copy has no record of the tenant. */
    public boolean isAboveNext(TenantId tenant, long seq) {
        Long next = nextSeq(tenant);
        return next != null && seq > next;
    }

    /** Returns the sequence number of a tenant's next record; null if this copy has no record of the tenant. */
    public @Nullable Long nextSeq(TenantId tenant) {
        AtomicReference<@Nullable Long> next = new AtomicReference<>();
        guarded("opening", () -> dir.walOf(tenant), () -> next.set(log(tenant).nextSeq()));
        return next.get();
    }

    private TenantLog log(TenantId tenant) throws IOException {
        TenantLog log = logs.get(tenant);
        if (log == null) {
            Checkpoint.Log promised = durable.get(tenant);
            Recovered recovered = recovery().recover(tenant, promised);
            recoveredBytes += recovered.bytesRead();
            log = new TenantLog(files, recovered, promised, checksum, origin, sealed);
            dirty |= recovered.isUnsynced();
            logs.put(tenant, log);
        }
        return log;
    }

    /**
     * Drops the segments whose records are all below {@code belowSeq} and precede this call in the order of the topic.
     * So every copy drops the same segments, even if the call is repeated after a crash. The log continues with the
     * next sequence number. The files are deleted with the next {@link #checkpoint}.
     *
     * @return the first sequence numbers of the dropped segments
     */
    public List<Long> prune(TenantId tenant, long belowSeq) {
        List<Long> dropped = new ArrayList<>();
        guarded("pruning", () -> dir.walOf(tenant), () -> {
            TenantLog log = log(tenant);
            if (log.prune(belowSeq, dropped)) {
                dirty = true;
                LOG.info("pruning tenant={} shard={} below_seq={} begins={}", tenant, number, belowSeq, log.beginSeq());
            }
            files.closeSurplus();
        });
        return dropped;
    }

    /** Deletes the quarantined copies of a tenant's bytes. */
    public void removeCopies(TenantId tenant) {
        guarded(
                "removing the copies of truncated bytes from",
                () -> dir.quarantine().directory(),
                () -> dir.quarantine().remove(tenant));
    }

    /**
     * Checks for the topic's beginning once, at the first record of a new copy: later the topic may lose records that
     * this copy has.
     */
    private void beginCopy() {
        if (isNew) {
            partial = beginningIsGone.getAsBoolean();
            isNew = false;
        }
    }

    /**
     * Writes the pending batches of open files, and of as many other files as may be open, so that readers see them.
     * The other batches are written with the next {@link #checkpoint}, or earlier if too many are pending.
     */
    public void flushOpen() {
        guarded("writing to", dir::root, files::flushOpen);
    }

    /** Writes all pending batches, so that readers see them; {@link #checkpoint} makes them durable. */
    public void flush() {
        guarded("writing to", dir::root, files::flushAll);
    }

    /**
     * Like {@link #checkpoint}, but puts it off, at most {@value #PUT_OFF_MAX} times in a row, while more tenants have
     * pending batches than files may be open. Then each file that is opened, written, fsynced and closed receives more
     * bytes.
     */
    public void checkpointWhenDue(long appliedOffset) {
        if (failure == null
                && putOff < PUT_OFF_MAX
                && files.pending() > settings().openFiles()) {
            putOff++;
            return;
        }
        checkpoint(appliedOffset);
    }

    /**
     * Makes everything durable, then stores {@code appliedOffset} as the offset to resume after.
     *
     * @param appliedOffset the offset of the last applied record
     */
    public void checkpoint(long appliedOffset) {
        if (failure == null && !dirty && appliedOffset == offset) {
            return;
        }
        guarded("checkpointing", dir::root, () -> {
            long began = System.nanoTime();
            putOff = 0;
            files.flushAndSyncAll();
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
            write(appliedOffset);
            hasCheckpoint = true;
            // If we crash here, the next start removes these segments, because the checkpoint lists them.
            for (TenantLog log : pruned) {
                LogSegments.delete(dir, log.tenant(), number, log.beginSeq());
                log.pruned();
                durable.computeIfPresent(log.tenant(), (tenant, state) -> state.pruned());
            }
            dirty = !pruned.isEmpty(); // the next checkpoint records that they are deleted
            dir.listener().checkpointed(System.nanoTime() - began);
            files.closeSurplus();
        });
    }

    private void write(long newOffset) {
        new Checkpoint(newOffset, partial, durable).write(dir.files(), dir.checkpoint(number), number);
        offset = newOffset;
    }

    /** Forgets the offset to resume after, and nothing else: records that are read again are skipped. */
    public void forgetOffset() {
        if (offset != NO_OFFSET) {
            LOG.warn("the WAL's offset in signals-accepted is lost, the topic is read again shard={}", number);
            forgetApplied();
            // On disk too: the task is closed and opened again next, and must not find the lost offset there.
            write(NO_OFFSET);
        }
    }

    /** The offset to resume after; {@link #NO_OFFSET} if there is none. */
    public long committedOffset() {
        return offset;
    }

    /** Returns the bytes read to find the ends of logs since the shard was opened. */
    public long recoveredBytes() {
        return recoveredBytes;
    }

    public int number() {
        return number;
    }

    WalSettings settings() {
        return files.settings();
    }

    /** Closes the files. Records after the last checkpoint are read from the topic again. */
    @Override
    public void close() {
        try {
            if (failure == null) {
                flush();
            }
        } finally {
            // After the flush, which opens files too.
            files.closeAll();
            logs.clear();
        }
    }

    private interface Work {
        void run() throws IOException;
    }

    /** @param where called only for the message: building a path costs more than an append */
    private void guarded(String doing, Supplier<Path> where, Work work) {
        if (failure != null) {
            throw failure;
        }
        try {
            work.run();
        } catch (ClosedByInterruptException e) {
            // The disk has not failed: written bytes stay, and the rest is read from the topic again.
            failure = WalException.io(doing, where.get(), e);
            throw failure;
        } catch (IOException e) {
            failure = WalException.io(doing, where.get(), e);
            dir.undurable().add(number, files.undurable());
            throw failure;
        } catch (WalException e) {
            failure = e;
            throw e;
        } catch (RuntimeException | Error e) {
            // The state in memory may be inconsistent, such as a batch that was taken but not written.
            failure = WalException.io(doing, where.get(), e);
            throw e;
        }
    }
}
