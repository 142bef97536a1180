package io.tidegate.streams;

import java.util.Collection;
import java.util.List;
import java.util.Set;
import java.util.function.Predicate;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.TopicPartition;
import org.jspecify.annotations.Nullable;

/**
 * Decides which records can be processed now. {@link AlignedReads} withholds the others, and the records behind them in
 * their partition, until they are ready. Thread-safe if its predicate is.
 */
final class Readiness {
    /** The key in a consumer's config. */
    static final String CONSUMER_KEY = "tidegate.readiness";

    /** The key in the config of Kafka Streams. */
    static final String KEY = "main.consumer." + CONSUMER_KEY;

    /** The maximum number of waiting records that {@link #prepare} checks. */
    static final int PREPARED_MAX = 256;

    private final Set<String> topics;
    private volatile @Nullable Predicate<ConsumerRecord<byte[], byte[]>> isReady;

    /**
     * @param topics the topics whose records may have to wait; all are ready until a {@linkplain #decidedBy predicate}
     *     is set
     */
    Readiness(Collection<String> topics) {
        this.topics = Set.copyOf(topics);
    }

    /** @param isReady must return at once; a call for a record that is not ready makes it ready some time later */
    void decidedBy(Predicate<ConsumerRecord<byte[], byte[]>> isReady) {
        this.isReady = isReady;
    }

    boolean concerns(TopicPartition partition) {
        return isReady != null && topics.contains(partition.topic());
    }

    boolean concernsNothing() {
        return isReady == null || topics.isEmpty();
    }

    /** Returns how many records of such a partition are ready, up to the first one that is not. */
    int countReady(List<ConsumerRecord<byte[], byte[]>> records) {
        Predicate<ConsumerRecord<byte[], byte[]>> decides = isReady;
        for (int i = 0; decides != null && i < records.size(); i++) {
            if (!decides.test(records.get(i))) {
                return i;
            }
        }
        return records.size();
    }

    /**
     * Checks the next records, so that they become ready together and not one after the other. Must be called again as long as
     * they wait: the predicate may have had no room for all of them.
     */
    void prepare(List<ConsumerRecord<byte[], byte[]>> records) {
        Predicate<ConsumerRecord<byte[], byte[]>> decides = isReady;
        int waiting = 0;
        for (int i = 0; decides != null && i < records.size() && waiting < PREPARED_MAX; i++) {
            waiting += decides.test(records.get(i)) ? 0 : 1;
        }
    }
}
