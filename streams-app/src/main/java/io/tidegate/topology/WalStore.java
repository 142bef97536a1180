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
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
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
 * A {@link Shard} as Kafka Streams sees it: a persistent store whose changelog is {@code signals-accepted} itself.
 *
 * <p>So Kafka Streams restores the files on a new machine, lets standbys follow, and resumes from {@link
 * #committedOffset} after a crash. The same {@link #apply} serves all three and the processing itself. The files lie
 * outside Kafka Streams' own directories, which it deletes at will. The callback for restoration is an internal interface,
 * because only that one passes records whole, with offset, time and headers.
 */
final class WalStore implements StateStore {
    private static final Logger LOG = LoggerFactory.getLogger(WalStore.class);

    private static final String TOPIC = "signals-accepted";

    private final String name;
    private final int shards;
    private final DataDir dir;
    private final WalSettings settings;
    private final AcceptedTopic accepted;
    private final SkippedRecords skipped;
    private @Nullable Shard shard;

    /** Receives sealed segments while a record is processed; null while records are restored. */
    private @Nullable Consumer<SealedSegment> reporting;

    /** Receives the segments that a prune drops, while a record is processed. */
    private @Nullable BiConsumer<TenantId, Long> dropping;

    /** The offset of the last record that was applied, by whichever way; negative while there is none. */
    private long lastOffset = Shard.NO_OFFSET;

    /** Whether records may be left out before the next one. */
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

    /** The offset of the record that is being applied. */
    private long applying = Shard.NO_OFFSET;

    WalStore(
            String name,
            DataDir dir,
            WalSettings settings,
            int shards,
            AcceptedTopic accepted,
            SkippedRecords skipped) {
        this.name = name;
        this.shards = shards;
        this.dir = dir;
        this.settings = settings;
        this.accepted = accepted;
        this.skipped = skipped;
    }

    @Override
    public String name() {
        return name;
    }

    /** Can be called twice in a row, on two threads, and without a broker. */
    @Override
    public void init(StateStoreContext context, StateStore root) {
        if (shard == null) {
            int partition = context.taskId().partition();
            shard = new Shard(
                    dir, partition, settings, () -> accepted.beginningIsGone(partition), origin, this::sealed);
            lastOffset = shard.committedOffset();
        }
        context.register(root, KafkaInternals.wholeRecords(this::restore));
    }

    void restore(Collection<ConsumerRecord<byte[], byte[]>> records) {
        for (ConsumerRecord<byte[], byte[]> record : records) {
            apply(record.offset(), record.timestamp(), record.key(), record.value(), record.headers());
        }
    }

    private void sealed(SealedSegment segment) {
        if (reporting != null) {
            reporting.accept(segment);
        }
    }

    /** Applies one record, and reports the segments that it seals and drops. */
    void process(
            long offset,
            long timestampMs,
            byte @Nullable [] key,
            byte @Nullable [] value,
            Headers headers,
            Consumer<SealedSegment> reports,
            BiConsumer<TenantId, Long> drops) {
        reporting = reports;
        dropping = drops;
        try {
            apply(offset, timestampMs, key, value, headers);
        } finally {
            reporting = null;
            dropping = null;
        }
    }

    /** Applies one record of {@code signals-accepted}: the same for processing, restoration and standbys. */
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
                    prune(number, headers);
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

    /**
     * Has it checked that no record lies between the last one and the next; where one does, {@link #apply} throws an
     * {@link IllegalStateException}, and the thread that starts anew restores again. Kafka Streams leaves some out when it
     * goes on to process from the group's committed offset, which it did not find for a moment while it restored
     * (KAFKA-20416), and when it goes on to restore from where {@link #commit} was told that it is.
     */
    void checkNext() {
        checksNext = true;
    }

    private void checkContinues(long firstOffset) {
        long from = Math.max(0, lastOffset + 1);
        if (firstOffset > from && accepted.hasRecords(opened().number(), from, firstOffset)) {
            throw new IllegalStateException(
                    ("the WAL's shard %d was restored up to offset %d only and is to go on at %d: the records between would be"
                                    + " lost, so the thread starts again and restores them")
                            .formatted(opened().number(), from - 1, firstOffset));
        }
    }

    private void prune(NumberedKey below, Headers headers) {
        List<Long> dropped = opened().prune(below.tenant(), below.seq());
        if (dropping != null) {
            for (long firstSeq : dropped) {
                dropping.accept(below.tenant(), firstSeq);
            }
        }
        if (TidegateHeaders.DELETE_TENANT.equals(TidegateHeaders.text(headers, TidegateHeaders.COMMAND))) {
            opened().removeCopies(below.tenant());
        }
    }

    /** Makes what was appended visible to readers. */
    void write() {
        opened().flush();
    }

    /** Makes what was applied durable, and remembers it as the place to resume after. */
    void checkpoint() {
        if (lastOffset >= 0) {
            opened().checkpoint(lastOffset);
        }
    }

    /**
     * Called while restoring, on standbys and at close, but not for a running task: {@link WalProcessor} checkpoints
     * then. An empty map only means that the offset is no longer valid.
     *
     * <p>Which offset is remembered is not left to Kafka Streams. For a task that has nothing to commit it takes the
     * consumer's position, to pass over the markers of transactions, and so passes over records too that were polled and
     * wait to be processed. A task that is taken away at that moment would never have them in its files.
     */
    @Override
    public void commit(Map<TopicPartition, Long> offsets) {
        if (offsets.isEmpty()) {
            opened().forgetOffset();
            lastOffset = Shard.NO_OFFSET;
        } else {
            long offset = offsets.values().iterator().next();
            checksNext |= offset > lastOffset;
            opened().checkpoint(lastOffset >= 0 ? lastOffset : offset);
        }
    }

    @Override
    public @Nullable Long committedOffset(TopicPartition partition) {
        long offset = opened().committedOffset();
        return offset == Shard.NO_OFFSET ? null : (Long) offset;
    }

    @Override
    @SuppressWarnings("deprecation") // deprecated from birth: it marks a transition that 4.3 is in the middle of
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
