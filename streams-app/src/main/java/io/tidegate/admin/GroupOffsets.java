package io.tidegate.admin;

import java.util.HashMap;
import java.util.Map;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.common.TopicPartition;

/** Where a group goes on reading. */
public final class GroupOffsets {
    private GroupOffsets() {}

    /**
     * Asks for the committed offsets of a group, in all partitions that have one.
     *
     * @throws AdminException if the brokers do not say
     */
    public static Map<TopicPartition, Long> committed(Admin admin, String group) {
        Map<TopicPartition, Long> committed = new HashMap<>();
        KafkaAnswers.get(
                        admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata(),
                        "asking for the offsets of group " + group)
                .forEach((partition, offset) -> {
                    if (offset != null) {
                        committed.put(partition, offset.offset());
                    }
                });
        return committed;
    }
}
