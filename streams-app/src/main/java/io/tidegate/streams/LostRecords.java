package io.tidegate.streams;

import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.OffsetOutOfRangeException;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Reports records that brokers deleted before they were read, whatever the cause: retention by time or size, a manual
 * deletion, or a topic that was created again. All threads of an instance share one object, so a range is counted once,
 * even if a thread fails before it commits past it. Thread-safe.
 */
final class LostRecords {
    private static final Logger LOG = LoggerFactory.getLogger(LostRecords.class);
    private static final Duration ANSWER_WITHIN = Duration.ofSeconds(30);

    private final InstanceListener listener;
    private final Map<TopicPartition, Long> reportedTo = new HashMap<>();

    LostRecords(InstanceListener listener) {
        this.listener = listener;
    }

    /**
     * Reports a consumer whose positions are out of the brokers' range; Kafka Streams then continues at the beginning.
     *
     * @throws IllegalStateException if a position is beyond the end, or if that is not known: what is at the beginning was
     *     decided before
     */
    void outOfRange(Consumer<?, ?> consumer, OffsetOutOfRangeException failure) {
        Map<TopicPartition, Long> beginnings;
        try {
            beginnings = consumer.beginningOffsets(failure.partitions(), ANSWER_WITHIN);
        } catch (KafkaException e) {
            throw new IllegalStateException(
                    "the brokers do not have the positions %s, and did not say what they have; another thread asks again"
                            .formatted(failure.offsetOutOfRangePartitions()),
                    e);
        }
        failure.offsetOutOfRangePartitions()
                .forEach((partition, position) ->
                        report(partition, position, beginnings.getOrDefault(partition, position)));
    }

    /**
     * @param position the next record to read
     * @param beginning the first record that the brokers have
     */
    synchronized void report(TopicPartition partition, long position, long beginning) {
        if (beginning <= position) {
            reportedTo.remove(partition);
            throw new IllegalStateException(
                    ("%s ends before offset %d, up to which it was read: brokers lost records, or the topic was deleted and created"
                                    + " again. From its beginning, its signals would be decided twice. Bring the records back;"
                                    + " or stop all instances, and run tidegate reset --topic %s --to-datetime TIME with the time"
                                    + " of the loss")
                            .formatted(partition, position, partition.topic()));
        }
        long from = Math.max(position, reportedTo.getOrDefault(partition, 0L));
        if (from >= beginning) {
            return;
        }
        reportedTo.put(partition, beginning);
        LOG.error(
                "records were deleted before they were read, their signals are lost topic={} partition={} first_offset={}"
                        + " last_offset={} records_at_most={}",
                partition.topic(),
                partition.partition(),
                from,
                beginning - 1,
                beginning - from);
        listener.lost(partition.topic(), beginning - from);
    }
}
