package io.tidegate.streams;

import io.tidegate.contract.Topics;
import java.util.Collection;
import java.util.Map;
import java.util.Set;
import org.apache.kafka.common.TopicPartition;
import org.jspecify.annotations.Nullable;

/**
 * The progress of the whole group in the inputs of the stages at one moment, and the partitions that no instance owned.
 *
 * <p>The lag of a partition is the distance from the group's committed offset to the end of the log. So it includes
 * partitions without an owner, and records that cannot be read yet because a transaction before them is open.
 * Immutable.
 */
public final class GroupProgress {
    public static final String ROUTE = "route";
    public static final String ADMIT = "admit";

    /** The value before the first answer of the brokers. */
    static final GroupProgress UNKNOWN = new GroupProgress(null, Map.of(), Set.of());

    private final @Nullable Topics topics;
    private final Map<TopicPartition, Long> lag;
    private final Set<TopicPartition> ownerless;

    /**
     * @param lag the lag of each input partition of a stage
     * @param ownerless the partitions that no instance has owned for longer than a rebalance takes
     */
    GroupProgress(@Nullable Topics topics, Map<TopicPartition, Long> lag, Collection<TopicPartition> ownerless) {
        this.topics = topics;
        this.lag = Map.copyOf(lag);
        this.ownerless = Set.copyOf(ownerless);
    }

    public boolean isKnown() {
        return topics != null;
    }

    /** Returns the lag of one partition; null if it is unknown. */
    public @Nullable Long lag(TopicPartition partition) {
        return lag.get(partition);
    }

    /** Returns the lag of all inputs of a stage. */
    public long lag(String stage) {
        return lag.entrySet().stream()
                .filter(one -> stageOf(one.getKey()).equals(stage))
                .mapToLong(Map.Entry::getValue)
                .sum();
    }

    /** Returns the lag of a stage's inputs with this partition number. */
    public long lag(String stage, int partition) {
        return lag.entrySet().stream()
                .filter(one -> one.getKey().partition() == partition
                        && stageOf(one.getKey()).equals(stage))
                .mapToLong(Map.Entry::getValue)
                .sum();
    }

    /** Returns the number of records that the group has yet to read. */
    public long totalLag() {
        return lag.values().stream().mapToLong(Long::longValue).sum();
    }

    /** The partitions of {@code signals}, and the shards of the other stages, that no instance owns. */
    public Set<TopicPartition> ownerless() {
        return ownerless;
    }

    /** Returns {@code route} or {@code admit}. */
    public String stageOf(TopicPartition partition) {
        return topics == null ? ROUTE : stageOf(topics, partition.topic());
    }

    /**
     * Returns the stage of a task that reads these partitions. A task of both stages is {@code admit}, whose state it
     * has.
     */
    static String stageOfTask(Topics topics, Collection<TopicPartition> read) {
        return read.stream().anyMatch(one -> stageOf(topics, one.topic()).equals(ADMIT)) ? ADMIT : ROUTE;
    }

    static String stageOf(Topics topics, String topic) {
        if (topic.equals(topics.byTenant()) || topic.equals(topics.commands())) {
            return ADMIT;
        }
        return ROUTE;
    }
}
