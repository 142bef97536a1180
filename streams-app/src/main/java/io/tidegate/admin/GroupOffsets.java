package io.tidegate.admin;

import java.util.HashMap;
import java.util.Map;
import java.util.function.Predicate;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;

/** The offsets at which a group continues to read. */
public final class GroupOffsets {
    private GroupOffsets() {}

    /**
     * Returns the committed offsets of a group, for all partitions that have one.
     *
     * @throws AdminException if the brokers do not answer
     */
    public static Map<TopicPartition, Long> committed(Admin admin, String group) {
        return committed(admin, group, offset -> true);
    }

    /**
     * Returns the offsets of a group that instances committed, without those that were set from outside: Kafka Streams adds the
     * time of the partition to each offset, and other clients add nothing.
     *
     * @throws AdminException if the brokers do not answer
     */
    static Map<TopicPartition, Long> committedByInstances(Admin admin, String group) {
        return committed(admin, group, offset -> !offset.metadata().isEmpty());
    }

    private static Map<TopicPartition, Long> committed(
            Admin admin, String group, Predicate<OffsetAndMetadata> isWanted) {
        Map<TopicPartition, Long> committed = new HashMap<>();
        KafkaAnswers.get(
                        admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata(),
                        "reading the offsets of group " + group)
                .forEach((partition, offset) -> {
                    if (offset != null && isWanted.test(offset)) {
                        committed.put(partition, offset.offset());
                    }
                });
        return committed;
    }
}
