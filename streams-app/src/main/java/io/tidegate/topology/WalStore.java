package io.tidegate.topology;

import io.tidegate.tenant.TenantId;
import io.tidegate.wal.DataDir;
import io.tidegate.wal.SealedSegment;
import io.tidegate.wal.Shard;
import io.tidegate.wal.WalRecord;
import io.tidegate.wal.WalSettings;
import java.util.Collection;
import java.util.Map;
import java.util.function.Consumer;
import java.util.function.IntPredicate;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.streams.processor.StateStore;
import org.apache.kafka.streams.processor.StateStoreContext;
import org.apache.kafka.streams.processor.internals.RecordBatchingStateRestoreCallback;
import org.jspecify.annotations.Nullable;

/**
 * A {@link Shard} as Kafka Streams sees it: a persistent store whose changelog is {@code signals-accepted} itself.
 *
 * <p>So Kafka Streams restores the files on a new machine, lets standbys follow, and resumes from {@link
 * #committedOffset} after a crash. The same {@link #append} serves all three and the processing itself. The files lie
 * outside Kafka Streams' own directories, which it deletes at will. The callback for restoration is an internal interface,
 * because only that one passes records whole, with offset, time and headers.
 */
final class WalStore implements StateStore {
    private final String name;
    private final DataDir dir;
    private final WalSettings settings;
    private final IntPredicate beginningIsGone;
    private @Nullable Shard shard;

    /** @param beginningIsGone whether a partition of {@code signals-accepted} no longer has its beginning */
    WalStore(String name, DataDir dir, WalSettings settings, IntPredicate beginningIsGone) {
        this.name = name;
        this.dir = dir;
        this.settings = settings;
        this.beginningIsGone = beginningIsGone;
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
        }
        context.register(root, (RecordBatchingStateRestoreCallback) this::restore);
    }

    private void restore(Collection<ConsumerRecord<byte[], byte[]>> records) {
        for (ConsumerRecord<byte[], byte[]> record : records) {
            long timestampMs = Math.max(0, record.timestamp());
            apply(record.offset(), timestampMs, record.key(), record.value(), record.headers(), segment -> {});
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
        if (value == null) {
            prune(number, headers);
        } else {
            append(number, timestampMs, value, new RecordHeaders(headers), sealed);
        }
    }

    private void prune(NumberedKey below, Headers headers) {
        opened().prune(below.tenant(), below.seq());
        if (TidegateHeaders.DELETE_TENANT.equals(TidegateHeaders.text(headers, TidegateHeaders.COMMAND))) {
            opened().removeCopies(below.tenant());
        }
    }

    private void append(
            NumberedKey key, long timestampMs, byte[] value, RecordHeaders headers, Consumer<SealedSegment> sealed) {
        byte[] producersKey = TidegateHeaders.bytes(headers, TidegateHeaders.KEY);
        headers.remove(TidegateHeaders.KEY);
        WalRecord record = new WalRecord(key.seq(), timestampMs, producersKey, value, headers.toArray());
        TenantId tenant = key.tenant();
        opened().append(tenant, record, () -> beginningIsGone.test(opened().number()), sealed);
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
