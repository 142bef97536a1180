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
     */
    void outOfRange(Consumer<?, ?> consumer, OffsetOutOfRangeException failure) {
        Map<TopicPartition, Long> beginnings;
        try {
            beginnings = consumer.beginningOffsets(failure.partitions(), ANSWER_WITHIN);
        } catch (KafkaException e) {
            LOG.error(
                    "records were deleted before they were read; how many is not known positions={}",
                    failure.offsetOutOfRangePartitions(),
                    e);
            return;
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
            LOG.error(
                    "the topic ends before the position that was reached: brokers lost records, or it was deleted and"
                            + " created again; reading continues at its beginning topic={} partition={} position={}",
                    partition.topic(),
                    partition.partition(),
                    position);
            return;
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
