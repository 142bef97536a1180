package io.tidegate.streams;

import java.util.Collection;
import java.util.List;
import java.util.Set;
import java.util.function.Predicate;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.TopicPartition;
import org.jspecify.annotations.Nullable;

/**
 * Which records can be processed now. {@link AlignedReads} withholds the others, and the partition behind them, until they can
 * be. Thread-safe if its predicate is.
 */
final class Readiness {
    /** Where consumers find it in their config. */
    static final String CONSUMER_KEY = "tidegate.readiness";

    /** Where it is put into the config of Kafka Streams. */
    static final String KEY = "main.consumer." + CONSUMER_KEY;

    private final Set<String> topics;
    private volatile @Nullable Predicate<ConsumerRecord<byte[], byte[]>> isReady;

    /** @param topics whose records may have to wait; they do not until it is {@linkplain #decidedBy decided} which */
    Readiness(Collection<String> topics) {
        this.topics = Set.copyOf(topics);
    }

    /** @param isReady must return at once; to ask for a record that is not ready makes it ready some time later */
    void decidedBy(Predicate<ConsumerRecord<byte[], byte[]>> isReady) {
        this.isReady = isReady;
    }

    boolean concerns(TopicPartition partition) {
        return isReady != null && topics.contains(partition.topic());
    }

    boolean concernsNothing() {
        return isReady == null || topics.isEmpty();
    }

    /** How many records of a partition that it concerns are ready, up to the first one that is not. */
    int countReady(List<ConsumerRecord<byte[], byte[]>> records) {
        Predicate<ConsumerRecord<byte[], byte[]>> decides = isReady;
        for (int i = 0; decides != null && i < records.size(); i++) {
            if (!decides.test(records.get(i))) {
                return i;
            }
        }
        return records.size();
    }

    /** Asks for all records, so that they become ready together and not one after the other. */
    void prepare(List<ConsumerRecord<byte[], byte[]>> records) {
        Predicate<ConsumerRecord<byte[], byte[]>> decides = isReady;
        for (int i = 0; decides != null && i < records.size(); i++) {
            var unused = decides.test(records.get(i));
        }
    }
}
