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
 * Keeps the topics of the tenants' state at the same partition count: {@code signals-by-tenant}, {@code tenant-commands},
 * {@code signals-accepted} and the state changelogs.
 *
 * <p>A tenant's partition depends on {@code shards} alone, so additional partitions stay empty. But Kafka Streams creates one
 * task for each partition of a stage's inputs, and fails if a changelog has a different number of partitions. So when
 * partitions are added to one of these topics, this class adds as many to the others. It never removes any, so instances that
 * do this concurrently agree. With keyed ingress, {@code signals} is an input of the same tasks, so it is one of these topics.
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
     * Returns the partition count that all topics of the state need; 0 if there are none.
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

    /** Returns whether each task of the state needs a partition of such a topic. */
    static boolean isOfState(TopicRole role, boolean keyedIngress) {
        return TopicRules.STATE.contains(role) || (keyedIngress && role == TopicRole.SIGNALS);
    }

    /**
     * Adds the missing partitions.
     *
     * @return the topics that were changed, by this or another instance
     * @throws AdminException if partitions cannot be added, for example because the right to alter the topic is missing
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
