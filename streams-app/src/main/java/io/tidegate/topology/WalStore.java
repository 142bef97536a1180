package io.tidegate.topology;

import io.tidegate.tenant.TenantId;
import io.tidegate.wal.DataDir;
import io.tidegate.wal.SealedSegment;
import io.tidegate.wal.Shard;
import io.tidegate.wal.WalRecord;
import io.tidegate.wal.WalSettings;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Collection;
import java.util.Map;
import java.util.function.Consumer;
import java.util.function.IntPredicate;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.utils.ByteUtils;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.processor.BatchingStateRestoreCallback;
import org.apache.kafka.streams.processor.StateStore;
import org.apache.kafka.streams.processor.StateStoreContext;
import org.apache.kafka.streams.state.HeadersBytesStore;
import org.jspecify.annotations.Nullable;

/**
 * A {@link Shard} as Kafka Streams sees it: a persistent store whose changelog is {@code signals-accepted} itself.
 *
 * <p>So Kafka Streams restores the files on a new machine, lets standbys follow, and resumes from {@link
 * #committedOffset} after a crash. The same {@link #append} serves all three and the processing itself. The files lie
 * outside Kafka Streams' own directories, which it deletes at will. {@link HeadersBytesStore} makes it pass headers and
 * timestamps when it restores.
 */
final class WalStore implements StateStore, HeadersBytesStore {
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
        context.register(root, (BatchingStateRestoreCallback) this::restore);
    }

    private void restore(Collection<KeyValue<byte[], byte[]>> records) {
        for (KeyValue<byte[], byte[]> record : records) {
            if (record.value != null) {
                ByteBuffer in = ByteBuffer.wrap(record.value);
                int headersBytes = ByteUtils.readVarint(in);
                Header[] headers = headersBytes == 0 ? new Header[0] : readHeaders(in);
                long timestampMs = in.getLong();
                byte[] value = new byte[in.remaining()];
                in.get(value);
                append(NumberedKey.parse(record.key), timestampMs, value, new RecordHeaders(headers), segment -> {});
            }
        }
    }

    /** The form of KIP-1271: count, then for each a name and a value with their lengths; -1 is null. */
    private static Header[] readHeaders(ByteBuffer in) {
        Header[] headers = new Header[ByteUtils.readVarint(in)];
        for (int i = 0; i < headers.length; i++) {
            byte[] headerName = new byte[ByteUtils.readVarint(in)];
            in.get(headerName);
            int length = ByteUtils.readVarint(in);
            byte[] value = length < 0 ? null : new byte[length];
            if (value != null) {
                in.get(value);
            }
            headers[i] = new RecordHeader(new String(headerName, StandardCharsets.UTF_8), value);
        }
        return headers;
    }

    void append(
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
