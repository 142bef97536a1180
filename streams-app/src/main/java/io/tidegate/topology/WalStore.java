package io.tidegate.topology;

import io.tidegate.contract.AcceptedRecord;
import io.tidegate.contract.AcceptedTopic;
import io.tidegate.contract.NumberedKey;
import io.tidegate.contract.TidegateHeaders;
import io.tidegate.streams.KafkaInternals;
import io.tidegate.tenant.TenantId;
import io.tidegate.wal.DataDir;
import io.tidegate.wal.RecordOrigin;
import io.tidegate.wal.SealedSegment;
import io.tidegate.wal.Shard;
import io.tidegate.wal.WalException;
import io.tidegate.wal.WalRecord;
import io.tidegate.wal.WalSettings;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.streams.processor.StateStore;
import org.apache.kafka.streams.processor.StateStoreContext;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A {@link Shard} as a state store of Kafka Streams: a store of admit whose changelog is {@code signals-accepted}.
 *
 * <p>The owner stages accepted signals and applies them to the files, on the same thread, after its transaction is
 * committed. So a file never has a signal that is not committed. Kafka Streams restores the files on a new machine from
 * the topic, keeps standbys up to date, and resumes from {@link #committedOffset} after a crash.
 *
 * <p>If we crash between a commit and its append: the files lag behind the topic, and are restored from the checkpoint
 * on. Between the append and the checkpoint: the records are read again and skipped. If the outcome of a commit is
 * unknown, the thread ends, and its successor restores the files from the topic.
 *
 * <p>The files are outside Kafka Streams' own directories, which it deletes at will. Owned by the task's thread.
 */
final class WalStore implements StateStore {
    private static final Logger LOG = LoggerFactory.getLogger(WalStore.class);

    static final String NAME = "wal";

    /** Maximum bytes of accepted records that wait for their commit; at this bound the owner requests one. */
    static final long STAGED_BYTES_MAX = 8 * 1024 * 1024;

    /**
     * Maximum number of reports that a copy keeps in case it takes over. Those of the owner are bounded by what it
     * stages, and each is written.
     */
    private static final int REPORTS_MAX = 1_000;

    private static final String TOPIC = "signals-accepted";

    /** A change of the files that waits for the commit of its transaction. */
    private sealed interface Staged {
        record Append(TenantId tenant, WalRecord record, boolean begins) implements Staged {}

        record Prune(TenantId tenant, long belowSeq, boolean deletesCopies, long atMs) implements Staged {}
    }

    /** A record for {@code wal-segments}. */
    sealed interface Report {
        record Sealed(SealedSegment segment) implements Report {}

        record Dropped(TenantId tenant, long firstSeq, long atMs) implements Report {}
    }

    private final int shards;
    private final DataDir dir;
    private final WalSettings settings;
    private final AcceptedTopic accepted;
    private final SkippedRecords skipped;
    private @Nullable Shard shard;

    private final List<Staged> staged = new ArrayList<>();
    private long stagedBytes;

    private final Deque<Report> reports = new ArrayDeque<>();

    private long reportsMade;

    /** Whether the open transaction has reports. */
    private boolean isReporting;

    /** Whether a crash now would lose reports about records above {@link #unreportedAbove}. */
    private boolean hasUnreported;

    private long unreportedAbove;

    /** The offset of the last applied or restored record; negative while there is none. */
    private long lastOffset = Shard.NO_OFFSET;

    /** Whether the next restored record must be checked for a gap before it. */
    private boolean checksNext;

    private final RecordOrigin origin = new RecordOrigin() {
        @Override
        public boolean isGap(TenantId tenant, long nextSeq, long seq) {
            return accepted.isGap(opened().number(), tenant, nextSeq, seq, applying)
                    || !skip("its sequence number does not follow, and no record is missing");
        }

        @Override
        public boolean isRepeated(TenantId tenant, long seq, Predicate<WalRecord> isStored) {
            return accepted.hasEarlier(opened().number(), tenant, seq, applying, isStored)
                    && skip("another record came under its sequence number before");
        }

        private boolean skip(String why) {
            skipped.skipped(TOPIC, opened().number(), applying, why);
            return true;
        }
    };

    /** The offset of the record in progress. */
    private long applying = Shard.NO_OFFSET;

    WalStore(DataDir dir, WalSettings settings, int shards, AcceptedTopic accepted, SkippedRecords skipped) {
        this.dir = dir;
        this.settings = settings;
        this.shards = shards;
        this.accepted = accepted;
        this.skipped = skipped;
    }

    @Override
    public String name() {
        return NAME;
    }

    /** May be called twice in a row, on two threads, and without a broker. */
    @Override
    public void init(StateStoreContext context, StateStore root) {
        if (shard == null) {
            int partition = context.taskId().partition();
            shard = new Shard(dir, partition, settings, () -> beginningIsGone(partition), origin, this::sealed);
            lastOffset = shard.committedOffset();
            checksNext = lastOffset >= 0;
        }
        context.register(root, KafkaInternals.wholeRecords(this::restore));
    }

    private boolean beginningIsGone(int partition) {
        boolean gone = accepted.beginningIsGone(partition);
        if (gone) {
            LOG.warn(
                    "signals-accepted no longer has its beginning: this copy of the WAL begins later shard={}",
                    partition);
        }
        return gone;
    }

    void restore(Collection<ConsumerRecord<byte[], byte[]>> records) {
        for (ConsumerRecord<byte[], byte[]> record : records) {
            if (lastOffset >= 0 && record.offset() > lastOffset + 1) {
                // The records of a transaction have consecutive offsets. So this is a later one, which was committed
                // with the reports of segments that earlier ones sealed.
                hasUnreported = false;
            }
            long before = reportsMade;
            apply(record.offset(), record.timestamp(), record.key(), record.value(), record.headers());
            noteReports(before, record.offset() - 1);
        }
        while (reports.size() > REPORTS_MAX) {
            reports.removeFirst();
        }
    }

    private void sealed(SealedSegment segment) {
        report(new Report.Sealed(segment));
    }

    private void report(Report report) {
        reports.addLast(report);
        reportsMade++;
    }

    /** Cancels the pending reports of deleted segments, and withdraws the reports that were sent. */
    private void dropped(TenantId tenant, List<Long> firstSeqs, long atMs) {
        if (firstSeqs.isEmpty()) {
            return;
        }
        reports.removeIf(report -> report instanceof Report.Sealed sealed
                && sealed.segment().tenant().equals(tenant)
                && firstSeqs.contains(sealed.segment().firstSeq()));
        for (long firstSeq : firstSeqs) {
            report(new Report.Dropped(tenant, firstSeq, Math.max(0, atMs)));
        }
    }

    /** Stages an accepted signal. */
    void append(TenantId tenant, WalRecord record, boolean begins) {
        staged.add(new Staged.Append(tenant, record, begins));
        stagedBytes += record.ownBytes();
    }

    /** Stages a prune. */
    void prune(TenantId tenant, long belowSeq, boolean deletesCopies, long atMs) {
        staged.add(new Staged.Prune(tenant, belowSeq, deletesCopies, atMs));
    }

    /** Returns the sequence number of a tenant's next record, without staged ones; null if there is no record of the tenant. */
    @Nullable
    Long nextSeq(TenantId tenant) {
        return opened().nextSeq(tenant);
    }

    /** Whether so much is staged that the owner must request a commit. */
    boolean isFull() {
        return stagedBytes >= STAGED_BYTES_MAX;
    }

    /** Drops the staged changes: their transaction will not be committed, or its outcome is unknown. */
    void discard() {
        staged.clear();
        stagedBytes = 0;
        isReporting = false;
        // Records that another owner writes in the meantime are restored next.
        checksNext = lastOffset >= 0;
    }

    /** Returns the reports for the open transaction. */
    List<Report> takeReports() {
        if (!reports.isEmpty()) {
            staged.forEach(this::withoutPruned);
        }
        List<Report> taken = List.copyOf(reports);
        reports.clear();
        isReporting |= !taken.isEmpty();
        return taken;
    }

    /** Cancels the reports of segments that a staged prune deletes: it withdraws reports that were sent before. */
    private void withoutPruned(Staged one) {
        if (one instanceof Staged.Prune prune) {
            reports.removeIf(report -> report instanceof Report.Sealed sealed
                    && sealed.segment().tenant().equals(prune.tenant())
                    && sealed.segment().lastSeq() < prune.belowSeq());
        }
    }

    /**
     * Applies the staged changes, whose transaction is committed.
     *
     * @param offset the offset of the last record that this owner has written to the topic; negative if there is none
     */
    void committed(long offset) {
        if (isReporting) {
            isReporting = false;
            hasUnreported = false;
        }
        long before = reportsMade;
        staged.forEach(this::apply);
        staged.clear();
        stagedBytes = 0;
        noteReports(before, lastOffset);
        lastOffset = Math.max(lastOffset, offset);
    }

    /** Notes reports that a crash would lose, unless the records above an offset were read again. */
    private void noteReports(long madeBefore, long above) {
        if (reportsMade > madeBefore && !hasUnreported) {
            hasUnreported = true;
            unreportedAbove = above;
        }
    }

    private void apply(Staged one) {
        if (one instanceof Staged.Append append) {
            opened().append(append.tenant(), append.record(), append.begins());
        } else if (one instanceof Staged.Prune prune) {
            dropped(prune.tenant(), apply(prune.tenant(), prune.belowSeq(), prune.deletesCopies()), prune.atMs());
        }
    }

    /** Applies one record of {@code signals-accepted} during restoration, or on a standby. */
    void apply(long offset, long timestampMs, byte @Nullable [] key, byte @Nullable [] value, Headers headers) {
        if (checksNext) {
            checkContinues(offset);
            checksNext = false;
        }
        NumberedKey number = NumberedKey.tryParse(key);
        String foreign = AcceptedRecord.foreign(number, value, headers, opened().number(), shards);
        if (number == null || foreign != null) {
            skipped.skipped(TOPIC, opened().number(), offset, String.valueOf(foreign));
            lastOffset = offset;
            return;
        }
        applying = offset;
        try {
            if (value == null) {
                if (opened().isAboveNext(number.tenant(), number.seq())) {
                    skipped.skipped(TOPIC, opened().number(), offset, "it prunes sequence numbers not yet assigned");
                } else {
                    String command = TidegateHeaders.text(headers, TidegateHeaders.COMMAND);
                    dropped(
                            number.tenant(),
                            apply(number.tenant(), number.seq(), TidegateHeaders.DELETE_TENANT.equals(command)),
                            timestampMs);
                }
            } else {
                WalRecord record = AcceptedRecord.of(number.seq(), timestampMs, value, headers);
                opened().append(number.tenant(), record, AcceptedRecord.beginsSegment(headers));
            }
        } catch (WalException e) {
            LOG.error("a record of signals-accepted cannot be applied shard={} offset={}", opened().number(), offset);
            throw e;
        }
        lastOffset = offset;
    }

    private void checkContinues(long firstOffset) {
        long from = Math.max(0, lastOffset + 1);
        if (firstOffset > from && accepted.hasRecords(opened().number(), from, firstOffset)) {
            throw new IllegalStateException(
                    ("the WAL's shard %d was restored up to offset %d only and would continue at %d: the records between would be"
                                    + " lost, so the thread starts again and restores them")
                            .formatted(opened().number(), from - 1, firstOffset));
        }
    }

    private List<Long> apply(TenantId tenant, long belowSeq, boolean deletesCopies) {
        List<Long> dropped = opened().prune(tenant, belowSeq);
        if (deletesCopies) {
            opened().removeCopies(tenant);
        }
        return dropped;
    }

    /** Makes appended records visible to readers, as far as this needs no fsync. */
    void write() {
        opened().flushOpen();
    }

    /**
     * Makes applied records durable and stores the offset to resume after. Put off while many tenants have small
     * batches.
     */
    void checkpoint() {
        long offset = resumeAfter();
        if (offset >= 0) {
            opened().checkpointWhenDue(offset);
        } else if (lastOffset >= 0) {
            // The first records sealed a segment, so that all are read again after a crash. They become durable
            // nevertheless.
            opened().checkpointWhenDue(KafkaInternals.OFFSET_UNKNOWN);
        }
    }

    /**
     * Returns the offset to resume after: sealed segments that are not reported yet must be read again after a crash.
     */
    private long resumeAfter() {
        return hasUnreported ? Math.min(unreportedAbove, lastOffset) : lastOffset;
    }

    /**
     * Called during restoration, on standbys and at close, but not for a running task: {@link AdmitProcessor}
     * checkpoints then. An empty map only means that the offset is no longer valid.
     *
     * <p>Ignores the offset that Kafka Streams passes. When a task is closed after a failed commit, this is the offset
     * of the last record written, which may be aborted, or committed but not in a file.
     */
    @Override
    public void commit(Map<TopicPartition, Long> offsets) {
        if (offsets.isEmpty()) {
            opened().forgetOffset();
            lastOffset = Shard.NO_OFFSET;
        } else {
            long offset = offsets.values().iterator().next();
            checksNext |= offset > lastOffset;
            long resumeAfter = resumeAfter();
            opened().checkpoint(resumeAfter >= 0 ? resumeAfter : Math.min(offset, KafkaInternals.OFFSET_UNKNOWN));
        }
    }

    @Override
    public @Nullable Long committedOffset(TopicPartition partition) {
        long offset = opened().committedOffset();
        return offset == Shard.NO_OFFSET ? null : (Long) offset;
    }

    @Override
    @SuppressWarnings("deprecation") // deprecated since its introduction: it marks an unfinished transition in 4.3
    public boolean managesOffsets() {
        return true;
    }

    @Override
    public boolean persistent() {
        return true;
    }

    @Override
    public boolean isOpen() {
        return shard != null;
    }

    @Override
    public void close() {
        if (shard != null) {
            Shard closing = shard;
            shard = null;
            closing.close();
        }
    }

    private Shard opened() {
        if (shard == null) {
            throw new IllegalStateException("the store is closed");
        }
        return shard;
    }
}
