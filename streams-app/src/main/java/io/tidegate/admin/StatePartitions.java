package io.tidegate.admin;

import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewPartitions;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Keeps the topics of the tenants' state at the same partition count: {@code signals-by-tenant}, {@code tenant-commands}, {@code
 * signals-accepted} and the state changelogs.
 *
 * <p>A tenant's partition follows from {@code shards} alone, so additional partitions stay empty. Kafka Streams however makes
 * one task for each partition of a stage's inputs, and fails while a changelog has more or fewer partitions than there are
 * tasks. So when somebody adds partitions to one of these topics, the others get as many. Partitions are only ever added,
 * never removed, so instances that do this at the same time agree. With keyed ingress {@code signals} is an input of the same
 * tasks, so it is one of these topics.
 */
final class StatePartitions {
    private static final Logger LOG = LoggerFactory.getLogger(StatePartitions.class);

    private final Admin admin;
    private final boolean keyedIngress;

    /** @param keyedIngress whether the tasks of the state also read {@code signals} */
    StatePartitions(Admin admin, boolean keyedIngress) {
        this.admin = admin;
        this.keyedIngress = keyedIngress;
    }

    /**
     * The partition count that all topics of the state need; 0 if there are none.
     *
     * @param keyedIngress whether the tasks of the state also read {@code signals}
     */
    static int count(Collection<TopicState> topics, boolean keyedIngress) {
        return topics.stream()
                .filter(topic -> isOfState(topic.role(), keyedIngress))
                .mapToInt(TopicState::partitions)
                .max()
                .orElse(0);
    }

    /** Whether each task of the state needs a partition of such a topic. */
    static boolean isOfState(TopicRole role, boolean keyedIngress) {
        return TopicRules.STATE.contains(role) || (keyedIngress && role == TopicRole.SIGNALS);
    }

    /**
     * Adds the partitions that are missing.
     *
     * @return the topics that have changed, or that another instance was about to change
     * @throws AdminException if partitions may not be added, for example without the right to alter the topic
     */
    List<String> level(Collection<TopicState> topics) {
        int wanted = count(topics, keyedIngress);
        Map<String, NewPartitions> missing = new LinkedHashMap<>();
        for (TopicState topic : topics) {
            if (isOfState(topic.role(), keyedIngress) && topic.partitions() < wanted) {
                missing.put(topic.name(), NewPartitions.increaseTo(wanted));
            }
        }
        if (missing.isEmpty()) {
            return List.of();
        }
        LOG.warn(
                "topics of the tenants' state have different partition counts, which Kafka Streams does not allow: adding"
                        + " partitions, which stay empty partitions={} topics={}",
                wanted,
                missing.keySet());
        admin.createPartitions(missing).values().forEach((topic, added) -> {
            try {
                var unused = KafkaAnswers.get(added, "adding partitions to " + topic);
            } catch (AdminException e) {
                if (!(e.getCause() instanceof org.apache.kafka.common.errors.InvalidPartitionsException)) {
                    throw e;
                }
                LOG.debug("another instance was faster topic={}", topic, e);
            }
        });
        return List.copyOf(missing.keySet());
    }
}
