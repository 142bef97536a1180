package io.tidegate.admin;

import io.tidegate.config.Settings;
import io.tidegate.topology.Topics;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.common.errors.InvalidPartitionsException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Makes additional partitions of a topic that is partitioned by tenant harmless.
 *
 * <p>A tenant's partition depends on {@code shards} alone, so additional partitions stay empty. But Kafka Streams makes a task
 * for each of them, and refuses to run as long as a changelog of these tasks has another number of partitions; with the
 * streams group protocol it also assigns partitions of the sub-topology's other topics that do not exist. So those topics
 * get as many partitions as the largest of them: as empty as the ones that were added by hand.
 */
final class PartitionCounts {
    private static final Logger LOG = LoggerFactory.getLogger(PartitionCounts.class);

    private final Admin admin;
    private final Settings settings;

    PartitionCounts(Admin admin, Settings settings) {
        this.admin = admin;
        this.settings = settings;
    }

    /**
     * Adds the partitions that are missing beside added ones.
     *
     * @throws AdminException if that is not allowed, naming the commands that do it
     */
    void level() {
        Map<String, Integer> counts = counts();
        int most = counts.values().stream().mapToInt(Integer::intValue).max().orElse(0);
        if (most <= settings.shards()) {
            return;
        }
        Map<String, NewPartitions> missing = new TreeMap<>();
        counts.forEach((topic, count) -> {
            if (count < most) {
                missing.put(topic, NewPartitions.increaseTo(most));
            }
        });
        if (missing.isEmpty()) {
            return;
        }
        LOG.warn(
                "a topic has {} partitions, more than {}={}: the additional ones stay empty, and these topics get as many,"
                        + " because Kafka Streams needs that topics={}",
                most,
                Settings.SHARDS,
                settings.shards(),
                missing.keySet());
        try {
            KafkaFutures.get(admin.createPartitions(missing).all(), "adding partitions");
        } catch (AdminException e) {
            if (!(e.getCause() instanceof InvalidPartitionsException)) { // Another instance was faster.
                throw new AdminException(e.getMessage() + commands(missing.keySet(), most), e);
            }
        }
    }

    private String commands(Set<String> topics, int partitions) {
        StringBuilder commands = new StringBuilder(". Run:");
        for (String topic : topics) {
            commands.append("%n  kafka-topics.sh --bootstrap-server %s --alter --topic %s --partitions %d"
                    .formatted(settings.bootstrapServers(), topic, partitions));
        }
        return commands.toString();
    }

    /** Of the topics and changelogs whose partitions become tasks together. */
    private Map<String, Integer> counts() {
        Topics topics = settings.topics();
        Set<String> read = Set.of(topics.byTenant(), topics.accepted(), topics.segments(), topics.commands());
        List<String> names = new ArrayList<>();
        for (String name : KafkaFutures.get(admin.listTopics().names(), "listing the topics")) {
            if (read.contains(name)
                    || (name.startsWith(settings.applicationId() + "-") && name.endsWith("-changelog"))) {
                names.add(name);
            }
        }
        Map<String, Integer> counts = new HashMap<>();
        KafkaFutures.get(admin.describeTopics(names).allTopicNames(), "describing the topics")
                .forEach((name, topic) -> counts.put(name, topic.partitions().size()));
        return counts;
    }
}
