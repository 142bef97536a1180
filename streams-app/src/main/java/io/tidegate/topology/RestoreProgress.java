package io.tidegate.topology;

import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.LongAdder;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.streams.processor.StateRestoreListener;

/** How far the stores of this instance are rebuilt from their topics. Thread-safe. */
public final class RestoreProgress implements StateRestoreListener {
    /** What is left to read of one partition: offsets, so transaction markers count too. */
    private final Map<TopicPartition, Long> remaining = new ConcurrentHashMap<>();

    private final Map<TopicPartition, Long> ends = new ConcurrentHashMap<>();
    private final LongAdder restored = new LongAdder();

    @Override
    public void onRestoreStart(TopicPartition partition, String store, long start, long end) {
        ends.put(partition, end);
        remaining.put(partition, Math.max(0, end - start));
    }

    @Override
    public void onBatchRestored(TopicPartition partition, String store, long batchEnd, long records) {
        restored.add(records);
        remaining.computeIfPresent(
                partition, (key, before) -> Math.max(0, ends.getOrDefault(key, batchEnd) - batchEnd - 1));
    }

    @Override
    public void onRestoreEnd(TopicPartition partition, String store, long records) {
        gone(partition);
    }

    @Override
    public void onRestoreSuspended(TopicPartition partition, String store, long records) {
        gone(partition);
    }

    private void gone(TopicPartition partition) {
        remaining.remove(partition);
        ends.remove(partition);
    }

    /** Records that were read to rebuild stores since the start. */
    public long restoredRecords() {
        return restored.sum();
    }

    /** Offsets that are left to be read, by partition; empty when nothing is being rebuilt. */
    public Map<TopicPartition, Long> remaining() {
        Map<TopicPartition, Long> copy = new TreeMap<>((a, b) -> a.toString().compareTo(b.toString()));
        copy.putAll(remaining);
        return copy;
    }

    public long remainingRecords() {
        return remaining.values().stream().mapToLong(Long::longValue).sum();
    }
}
