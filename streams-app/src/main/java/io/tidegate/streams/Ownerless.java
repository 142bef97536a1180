package io.tidegate.streams;

import java.time.Duration;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import org.apache.kafka.common.TopicPartition;

/**
 * Finds the partitions that have been without an owner for too long. A rebalance leaves partitions without an owner for a
 * moment, so a partition counts only after {@link #GRACE}. Until all have had an owner, each counts at once. Not
 * thread-safe; the time is passed in, from a monotonic clock.
 */
final class Ownerless {
    static final Duration GRACE = Duration.ofSeconds(10);

    private final Map<TopicPartition, Long> since = new HashMap<>();
    private boolean hadOwners;

    /** Returns the needed partitions that count as ownerless now. */
    Set<TopicPartition> look(Collection<TopicPartition> needed, Set<TopicPartition> owned, long nowNanos) {
        Set<TopicPartition> without = new HashSet<>(needed);
        without.removeAll(owned);
        since.keySet().retainAll(without);
        without.forEach(partition -> since.putIfAbsent(partition, nowNanos));
        hadOwners |= without.isEmpty();
        if (hadOwners) {
            without.removeIf(partition -> nowNanos - since.get(partition) < GRACE.toNanos());
        }
        return without;
    }
}
