package io.tidegate.streams;

import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/**
 * The consumer of the configs. A record without a time, which some clients can write, gets the oldest possible time:
 * Kafka Streams regards it as malformed, and would stop every instance. Its timestamp extractors are not asked while the
 * topic is read at the start.
 */
final class ConfigConsumer extends KafkaConsumer<byte[], byte[]> {
    ConfigConsumer(Map<String, Object> config) {
        super(config, new ByteArrayDeserializer(), new ByteArrayDeserializer());
    }

    @Override
    public ConsumerRecords<byte[], byte[]> poll(Duration timeout) {
        ConsumerRecords<byte[], byte[]> polled = super.poll(timeout);
        for (ConsumerRecord<byte[], byte[]> record : polled) {
            if (record.timestamp() < 0) {
                return withTimes(polled);
            }
        }
        return polled;
    }

    private static ConsumerRecords<byte[], byte[]> withTimes(ConsumerRecords<byte[], byte[]> polled) {
        Map<TopicPartition, List<ConsumerRecord<byte[], byte[]>>> records = new HashMap<>();
        for (TopicPartition partition : polled.partitions()) {
            records.put(
                    partition,
                    polled.records(partition).stream()
                            .map(ConfigConsumer::withTime)
                            .toList());
        }
        return new ConsumerRecords<>(records, polled.nextOffsets());
    }

    private static ConsumerRecord<byte[], byte[]> withTime(ConsumerRecord<byte[], byte[]> record) {
        return record.timestamp() >= 0
                ? record
                : new ConsumerRecord<>(
                        record.topic(),
                        record.partition(),
                        record.offset(),
                        0,
                        record.timestampType(),
                        record.serializedKeySize(),
                        record.serializedValueSize(),
                        record.key(),
                        record.value(),
                        record.headers(),
                        record.leaderEpoch(),
                        record.deliveryCount());
    }
}
