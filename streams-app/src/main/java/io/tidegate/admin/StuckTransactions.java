package io.tidegate.admin;

import io.tidegate.config.Settings;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.DescribeProducersResult.PartitionProducerState;
import org.apache.kafka.clients.admin.ListTopicsOptions;
import org.apache.kafka.clients.admin.ProducerState;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.internals.Topic;
import org.apache.kafka.common.utils.Utils;

/**
 * Transactions that stay open although nobody will end them. Whoever reads committed records waits behind one for ever;
 * in the topic of the groups' offsets it keeps an instance from going on, without any error.
 *
 * <p>The brokers abort Tidegate's transactions after seconds. So one is stuck whose last record is old, and which is still
 * the same a little later; the second look is taken only where the first one found some, because the records of a backlog
 * are old too.
 */
final class StuckTransactions {
    static final Duration OLD = Duration.ofSeconds(60);
    private static final Duration SECOND_LOOK_AFTER = Duration.ofSeconds(5);

    /**
     * One of them.
     *
     * @param partition where it is open
     * @param producerId whose it was
     * @param startOffset of its first record there
     * @param lastTimestampMs of its last record there
     */
    record Stuck(TopicPartition partition, long producerId, long startOffset, long lastTimestampMs) {}

    private final Admin admin;
    private final Settings settings;

    StuckTransactions(Admin admin, Settings settings) {
        this.admin = admin;
        this.settings = settings;
    }

    /** @throws AdminException if the brokers do not say, for example because the topics may not be read */
    List<Stuck> find() {
        List<TopicPartition> partitions = partitions();
        Set<Stuck> first = old(partitions);
        if (first.isEmpty()) {
            return List.of();
        }
        try {
            Thread.sleep(SECOND_LOOK_AFTER.toMillis());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new AdminException("looking for stuck transactions was interrupted", e);
        }
        Set<TopicPartition> concerned = new HashSet<>();
        first.forEach(one -> concerned.add(one.partition()));
        return old(concerned).stream().filter(first::contains).toList();
    }

    /** What Tidegate writes in transactions: its topics, and where its group's offsets stand. */
    private List<TopicPartition> partitions() {
        Set<String> topics = new HashSet<>(List.of(
                settings.topics().byTenant(),
                settings.topics().accepted(),
                settings.topics().quotaExceeded(),
                settings.topics().deadLetter(),
                settings.topics().segments(),
                settings.topics().events()));
        Set<String> existing = KafkaFutures.get(
                admin.listTopics(new ListTopicsOptions().listInternal(true)).names(), "listing the topics");
        if (existing.contains(Topic.GROUP_METADATA_TOPIC_NAME)) {
            // It is made when the first group joins.
            topics.add(Topic.GROUP_METADATA_TOPIC_NAME);
        }
        Map<String, TopicDescription> described =
                KafkaFutures.get(admin.describeTopics(topics).allTopicNames(), "describing the topics");
        List<TopicPartition> partitions = new ArrayList<>();
        described.forEach((name, topic) -> {
            int count = topic.partitions().size();
            if (name.equals(Topic.GROUP_METADATA_TOPIC_NAME)) {
                partitions.add(new TopicPartition(
                        name, Utils.abs(settings.applicationId().hashCode()) % count));
            } else {
                topic.partitions().forEach(one -> partitions.add(new TopicPartition(name, one.partition())));
            }
        });
        return partitions;
    }

    private Set<Stuck> old(Collection<TopicPartition> partitions) {
        Map<TopicPartition, PartitionProducerState> states =
                KafkaFutures.get(admin.describeProducers(partitions).all(), "asking for open transactions");
        long before = System.currentTimeMillis() - OLD.toMillis();
        Set<Stuck> found = new HashSet<>();
        states.forEach((partition, state) -> {
            for (ProducerState producer : state.activeProducers()) {
                if (producer.currentTransactionStartOffset().isPresent() && producer.lastTimestamp() < before) {
                    found.add(new Stuck(
                            partition,
                            producer.producerId(),
                            producer.currentTransactionStartOffset().getAsLong(),
                            producer.lastTimestamp()));
                }
            }
        });
        return found;
    }
}
