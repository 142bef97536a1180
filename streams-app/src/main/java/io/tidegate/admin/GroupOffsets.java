package io.tidegate.admin;

import java.util.HashMap;
import java.util.Map;
import org.apache.kafka.clients.admin.Admin;
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
        Map<TopicPartition, Long> committed = new HashMap<>();
        KafkaAnswers.get(
                        admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata(),
                        "reading the offsets of group " + group)
                .forEach((partition, offset) -> {
                    if (offset != null) {
                        committed.put(partition, offset.offset());
                    }
                });
        return committed;
    }
}
