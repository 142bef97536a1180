package io.tidegate.admin;

import io.tidegate.config.Settings;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.UnknownMemberIdException;
import org.jspecify.annotations.Nullable;

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
     * The change of one partition's offset.
     *
     * @param before the committed offset; null if there is none
     * @param after the new offset
     * @param skipped the upper bound of the number of records that would never be decided, although the brokers have them;
     *     0 if the application has not read the topic yet
     */
    public record Move(@Nullable Long before, long after, long skipped) {}

    /**
     * Returns the change of each partition's offset; changes nothing.
     *
     * @param topics some of {@link #inputs}
     * @param to where to continue; a time after the last record means the end
     * @throws AdminException if the brokers do not answer
     */
    public Map<TopicPartition, Move> plan(Collection<String> topics, OffsetSpec to) {
        List<TopicPartition> partitions = new ArrayList<>();
        KafkaAnswers.get(admin.describeTopics(topics).allTopicNames(), "describing the topics")
                .forEach((name, topic) ->
                        topic.partitions().forEach(one -> partitions.add(new TopicPartition(name, one.partition()))));
        Map<TopicPartition, Long> found = offsets(partitions, to);
        List<TopicPartition> atEnd =
                partitions.stream().filter(one -> found.get(one) < 0).toList();
        found.putAll(offsets(atEnd, OffsetSpec.latest()));
        Map<TopicPartition, Long> first = offsets(partitions, OffsetSpec.earliest());
        Map<TopicPartition, Long> committed = GroupOffsets.committed(admin, settings.applicationId());
        Map<TopicPartition, Move> moves =
                new TreeMap<>(Comparator.comparing(TopicPartition::topic).thenComparingInt(TopicPartition::partition));
        Set<String> read =
                committed.keySet().stream().map(TopicPartition::topic).collect(Collectors.toSet());
        found.forEach((partition, after) -> {
            Long before = committed.get(partition);
            // Of a topic that the application reads, a partition without an offset has had no record yet.
            long next = Math.max(before == null ? 0 : before, first.get(partition));
            long skipped = read.contains(partition.topic()) ? Math.max(0, after - next) : 0;
            moves.put(partition, new Move(before, after, skipped));
        });
        return moves;
    }

    private Map<TopicPartition, Long> offsets(Collection<TopicPartition> partitions, OffsetSpec spec) {
        Map<TopicPartition, OffsetSpec> wanted = new HashMap<>();
        partitions.forEach(partition -> wanted.put(partition, spec));
        Map<TopicPartition, Long> offsets = new HashMap<>();
        KafkaAnswers.get(admin.listOffsets(wanted).all(), "reading the offsets")
                .forEach((partition, found) -> offsets.put(partition, found.offset()));
        return offsets;
    }

    /**
     * Sets the new offsets.
     *
     * @throws AdminException if an instance runs, or the brokers do not answer
     */
    public void set(Map<TopicPartition, Move> moves) {
        Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>();
        moves.forEach((partition, move) -> offsets.put(partition, new OffsetAndMetadata(move.after())));
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
