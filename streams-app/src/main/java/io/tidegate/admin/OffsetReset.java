package io.tidegate.admin;

import io.tidegate.config.Settings;
import java.time.Duration;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.UnknownMemberIdException;

/** Sets the offsets from which an application continues to read its topics. No instance may be running. */
public final class OffsetReset implements AutoCloseable {
    private final Settings settings;
    private final Admin admin;

    public OffsetReset(Settings settings) {
        this.settings = settings;
        try {
            admin = Admin.create(settings.clientConfig());
        } catch (KafkaException e) {
            throw KafkaAnswers.noClient(settings, e);
        }
    }

    /** Returns the topics that an application reads with committed offsets. */
    public List<String> inputs() {
        return settings.topics().inputs();
    }

    /**
     * Sets the offset in all partitions of topics.
     *
     * @param topics some of {@link #inputs}
     * @param to where to continue; a time after the last record means the end
     * @return the new offsets
     * @throws AdminException if an instance runs, or the brokers do not answer
     */
    public Map<TopicPartition, Long> reset(Collection<String> topics, OffsetSpec to) {
        Map<TopicPartition, OffsetSpec> wanted = new HashMap<>();
        KafkaAnswers.get(admin.describeTopics(topics).allTopicNames(), "describing the topics")
                .forEach((name, topic) ->
                        topic.partitions().forEach(one -> wanted.put(new TopicPartition(name, one.partition()), to)));
        Map<TopicPartition, Long> positions =
                new TreeMap<>(Comparator.comparing(TopicPartition::topic).thenComparingInt(TopicPartition::partition));
        Map<TopicPartition, OffsetSpec> atEnd = new HashMap<>();
        KafkaAnswers.get(admin.listOffsets(wanted).all(), "reading the offsets").forEach((partition, found) -> {
            positions.put(partition, found.offset());
            if (found.offset() < 0) {
                atEnd.put(partition, OffsetSpec.latest());
            }
        });
        KafkaAnswers.get(admin.listOffsets(atEnd).all(), "reading the offsets")
                .forEach((partition, found) -> positions.put(partition, found.offset()));
        Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>();
        positions.forEach((partition, offset) -> offsets.put(partition, new OffsetAndMetadata(offset)));
        String group = settings.applicationId();
        try {
            KafkaAnswers.get(alter(group, offsets), "setting the offsets of group " + group);
        } catch (AdminException e) {
            if (e.getCause() instanceof UnknownMemberIdException) {
                throw new AdminException(
                        "instances of application.id %s run: stop all of them first".formatted(group), e);
            }
            throw e;
        }
        return positions;
    }

    private KafkaFuture<Void> alter(String group, Map<TopicPartition, OffsetAndMetadata> offsets) {
        return settings.streamsGroupProtocol()
                ? admin.alterStreamsGroupOffsets(group, offsets).all()
                : admin.alterConsumerGroupOffsets(group, offsets).all();
    }

    @Override
    public void close() {
        admin.close(Duration.ZERO); // all calls have completed or been abandoned
    }
}
