package io.tidegate.topology;

import io.tidegate.wal.DataDir;
import io.tidegate.wal.SealedSegment;
import io.tidegate.wal.Shard;
import io.tidegate.wal.WalException;
import io.tidegate.wal.WalRecord;
import io.tidegate.wal.WalSettings;
import java.util.Collection;
import java.util.Map;
import java.util.function.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.streams.processor.StateStore;
import org.apache.kafka.streams.processor.StateStoreContext;
import org.apache.kafka.streams.processor.internals.RecordBatchingStateRestoreCallback;
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

    private final String name;
    private final DataDir dir;
    private final WalSettings settings;
    private final AcceptedTopic accepted;
    private @Nullable Shard shard;

    /** The offset of the last record that was applied, by whichever way; negative while there is none. */
    private long lastOffset = Shard.NO_OFFSET;

    WalStore(String name, DataDir dir, WalSettings settings, AcceptedTopic accepted) {
        this.name = name;
        this.dir = dir;
        this.settings = settings;
        this.accepted = accepted;
    }

    @Override
    public String name() {
        return name;
    }

    /** Can be called twice in a row, on two threads, and without a broker. */
    @Override
    public void init(StateStoreContext context, StateStore root) {
        if (shard == null) {
            shard = new Shard(dir, context.taskId().partition(), settings);
            lastOffset = shard.committedOffset();
        }
        context.register(root, (RecordBatchingStateRestoreCallback) this::restore);
    }

    private void restore(Collection<ConsumerRecord<byte[], byte[]>> records) {
        for (ConsumerRecord<byte[], byte[]> record : records) {
            apply(record.offset(), record.timestamp(), record.key(), record.value(), record.headers(), segment -> {});
        }
    }

    /** Applies one record of {@code signals-accepted}: the same for processing, restoration and standbys. */
    void apply(
            long offset,
            long timestampMs,
            byte[] key,
            byte @Nullable [] value,
            Headers headers,
            Consumer<SealedSegment> sealed) {
        NumberedKey number = NumberedKey.parse(key);
        try {
            if (value == null) {
                prune(number, headers);
            } else {
                WalRecord record = AcceptedRecord.of(number.seq(), timestampMs, value, headers);
                opened().append(number.tenant(), record, () -> accepted.beginningIsGone(opened().number()), sealed);
            }
        } catch (WalException e) {
            LOG.error("a record of signals-accepted cannot be applied shard={} offset={}", opened().number(), offset);
            throw e;
        }
        lastOffset = offset;
    }

    /**
     * Checks before the first record is processed that none lies between it and what was restored. Kafka Streams takes
     * the store for restored when it does not find the group's committed offset for a moment (KAFKA-20416), and then goes
     * on from that offset.
     *
     * @throws IllegalStateException if there is one; the thread that starts anew restores again
     */
    void checkContinues(long firstOffset) {
        long from = Math.max(0, lastOffset + 1);
        if (firstOffset > from && accepted.hasRecords(opened().number(), from, firstOffset)) {
            throw new IllegalStateException(
                    ("the WAL's shard %d was restored up to offset %d only and is to go on at %d: the records between would be"
                                    + " lost, so the thread starts again and restores them")
                            .formatted(opened().number(), from - 1, firstOffset));
        }
    }

    private void prune(NumberedKey below, Headers headers) {
        opened().prune(below.tenant(), below.seq());
        if (TidegateHeaders.DELETE_TENANT.equals(TidegateHeaders.text(headers, TidegateHeaders.COMMAND))) {
            opened().removeCopies(below.tenant());
        }
    }

    /** Makes what was appended visible to readers. */
    void write() {
        opened().flush();
    }

    void checkpoint(long appliedOffset) {
        opened().checkpoint(appliedOffset);
    }

    long appliedOffset() {
        return opened().committedOffset();
    }

    /**
     * Called while restoring, on standbys and at close, but not for a running task: {@link WalProcessor} checkpoints
     * then. An empty map only means that the offset is no longer valid.
     */
    @Override
    public void commit(Map<TopicPartition, Long> offsets) {
        if (offsets.isEmpty()) {
            opened().forgetOffset();
        } else {
            checkpoint(offsets.values().iterator().next());
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
