package io.tidegate.tools;

import io.tidegate.admin.GroupOffsets;
import io.tidegate.admin.KafkaAnswers;
import io.tidegate.config.Settings;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.common.TopicPartition;

/**
 * Finds records that brokers deleted before the group read them: the partition of an input begins above the offset that the
 * group has committed. The records between are lost. A running instance reports the same loss when it reaches the gap, and
 * continues after it.
 */
final class UnreadDeletions {
    /**
     * Offsets of one partition, both inclusive. Some of them can be transaction markers.
     *
     * @param firstOffset the first offset that the group has not read
     * @param lastOffset the offset before the partition's current beginning
     */
    record Range(TopicPartition partition, long firstOffset, long lastOffset) {
        long recordsAtMost() {
            return lastOffset - firstOffset + 1;
        }
    }

    private UnreadDeletions() {}

    /** @throws io.tidegate.admin.AdminException if the brokers do not answer */
    static List<Range> find(Admin admin, Settings settings) {
        List<String> inputs = settings.topics().inputs();
        Map<TopicPartition, Long> positions = new TreeMap<>(
                java.util.Comparator.comparing(TopicPartition::topic).thenComparingInt(TopicPartition::partition));
        GroupOffsets.committed(admin, settings.applicationId()).forEach((partition, offset) -> {
            if (inputs.contains(partition.topic())) {
                positions.put(partition, offset);
            }
        });
        Map<TopicPartition, OffsetSpec> earliest =
                positions.keySet().stream().collect(Collectors.toMap(one -> one, one -> OffsetSpec.earliest()));
        var beginnings = KafkaAnswers.get(admin.listOffsets(earliest).all(), "reading where the inputs begin");
        List<Range> deleted = new ArrayList<>();
        positions.forEach((partition, position) -> {
            long beginning = beginnings.get(partition).offset();
            if (beginning > position) {
                deleted.add(new Range(partition, position, beginning - 1));
            }
        });
        return deleted;
    }
}
