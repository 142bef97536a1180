package io.tidegate.streams;

import io.tidegate.contract.TenantPartitions;
import io.tidegate.contract.Topics;
import io.tidegate.streams.KafkaInternals.Measure;
import io.tidegate.tenant.TenantId;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.Supplier;
import org.apache.kafka.common.Metric;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StoreQueryParameters;
import org.apache.kafka.streams.StreamsMetadata;
import org.apache.kafka.streams.TaskMetadata;
import org.apache.kafka.streams.ThreadMetadata;
import org.apache.kafka.streams.errors.InvalidStateStoreException;
import org.apache.kafka.streams.processor.StateRestoreListener;
import org.apache.kafka.streams.state.QueryableStoreTypes;
import org.apache.kafka.streams.state.ReadOnlyKeyValueStore;
import org.jspecify.annotations.Nullable;

/**
 * The state of an instance: its tasks and their stores, running restorations, and the other instances.
 *
 * <p>A store is read only from the active task of its shard, and only while heartbeats reach the brokers: after a
 * session without one, other instances may decide. This class does not use Kafka Streams' metadata about the owner of a
 * shard: with the streams group protocol, 4.3.1 keeps the partitions of only one thread of each instance. Thread-safe.
 */
public final class InstanceView {
    /**
     * A task of this instance.
     *
     * @param stage {@code route} or {@code admit}; a task of both is {@code admit}
     * @param partition the partition of its topic: the shard, except for {@code route}
     * @param active false for a standby
     * @param running false while it is being restored or moved
     * @param lag the number of records that it has yet to read, by topic; a topic with unknown lag is absent
     */
    public record Task(String stage, int partition, boolean active, boolean running, Map<String, Long> lag) {}

    /**
     * A store that is being restored.
     *
     * @param restored the number of records so far
     * @param total the number of records at the start of the restoration
     */
    public record Restore(String store, int partition, long restored, long total) {}

    /**
     * Another instance, or this one.
     *
     * @param host the advertised host
     * @param port the port of its HTTP server
     */
    public record Address(String host, int port) {
        @Override
        public String toString() {
            return (host.indexOf(':') >= 0 ? "[" + host + "]" : host) + ":" + port;
        }
    }

    /** Lower bound: a busy machine may delay heartbeats. */
    private static final long SILENCE_S_MIN = 5;

    /** How long a result is reused: collecting all metrics takes too long to do it at each request. */
    private static final long CHECK_VALID_NANOS = TimeUnit.MILLISECONDS.toNanos(500);

    private final KafkaStreams streams;
    private final Topics topics;
    private final int shards;
    private final Restores restores;
    private final double silenceSMax;
    private final ThreadFailures failures;
    private final InstanceNotices notices;
    private final Supplier<GroupProgress> group;
    private volatile HeartbeatCheck lastCheck = new HeartbeatCheck(false, System.nanoTime() - CHECK_VALID_NANOS);

    private record HeartbeatCheck(boolean found, long checkedNanos) {}

    /** @param session how long brokers keep the tasks of a silent instance */
    InstanceView(
            KafkaStreams streams,
            Topics topics,
            int shards,
            Restores restores,
            Duration session,
            ThreadFailures failures,
            InstanceNotices notices,
            Supplier<GroupProgress> group) {
        this.failures = failures;
        this.group = group;
        this.streams = streams;
        this.topics = topics;
        this.shards = shards;
        this.restores = restores;
        this.notices = notices;
        silenceSMax = Math.max(SILENCE_S_MIN, session.toMillis() / 1000.0);
    }

    /** The causes of its pause, and the rules that its topics violate. */
    public InstanceNotices notices() {
        return notices;
    }

    /** Whether a thread of this instance has sent a heartbeat recently, which requires a connection to the brokers. */
    public boolean isInTouch() {
        HeartbeatCheck last = lastCheck;
        long now = System.nanoTime();
        if (now - last.checkedNanos >= CHECK_VALID_NANOS) {
            last = new HeartbeatCheck(hasHeartbeat(), now);
            lastCheck = last;
        }
        return last.found;
    }

    private boolean hasHeartbeat() {
        return streams.metrics().values().stream()
                .filter(metric -> Measure.HEARTBEAT_AGE_S.is(metric.metricName()))
                .map(Metric::metricValue)
                .anyMatch(age -> age instanceof Number seconds
                        && seconds.doubleValue() >= 0
                        && seconds.doubleValue() <= silenceSMax);
    }

    /** Returns Kafka Streams' state in lower case, such as {@code running} or {@code rebalancing}. */
    public String state() {
        return streams.state().name().toLowerCase(Locale.ROOT);
    }

    /** Whether this instance has started and is not stopping. */
    public boolean isStarted() {
        return streams.state().isRunningOrRebalancing();
    }

    /** Whether all tasks of this instance run: none is being restored or moved. */
    public boolean isRunning() {
        return streams.state() == KafkaStreams.State.RUNNING;
    }

    /** Whether threads of this instance have failed repeatedly within the last minute. */
    public boolean isFailing() {
        return failures.areRepeating(System.nanoTime());
    }

    public boolean isPaused() {
        return streams.isPaused();
    }

    public int shards() {
        return shards;
    }

    public int shardOf(TenantId tenant) {
        return TenantPartitions.of(tenant, shards);
    }

    /** Returns the number of records read since the start to rebuild stores. */
    public long restoredRecords() {
        return restores.records.sum();
    }

    public List<Restore> restores() {
        return restores.now();
    }

    /** Returns all instances that advertise an address, including this one. */
    public List<Address> instances() {
        try {
            return streams.metadataForAllStreamsClients().stream()
                    .map(StreamsMetadata::hostInfo)
                    .filter(host -> host.port() > 0)
                    .map(host -> new Address(host.host(), host.port()))
                    .distinct()
                    .sorted(Comparator.comparing(Address::toString))
                    .toList();
        } catch (IllegalStateException | InvalidStateStoreException e) {
            return List.of(); // not started, or closed
        }
    }

    public List<Task> tasks() {
        List<Task> tasks = new ArrayList<>();
        for (ThreadMetadata thread : threads()) {
            boolean running = thread.threadState().equals("RUNNING");
            thread.activeTasks().forEach(task -> tasks.add(task(task, true, running)));
            thread.standbyTasks().forEach(task -> tasks.add(task(task, false, running)));
        }
        tasks.sort(Comparator.comparing(Task::stage).thenComparingInt(Task::partition));
        return tasks;
    }

    private Collection<ThreadMetadata> threads() {
        try {
            return streams.metadataForLocalThreads();
        } catch (IllegalStateException e) {
            return List.of(); // closed
        }
    }

    private Task task(TaskMetadata task, boolean active, boolean running) {
        Map<String, Long> lag = new TreeMap<>();
        if (active) {
            GroupProgress progress = group.get();
            for (TopicPartition partition : task.topicPartitions()) {
                Long records = progress.lag(partition);
                if (records != null) {
                    lag.put(partition.topic(), records);
                }
            }
        }
        String stage = GroupProgress.stageOfTask(topics, task.topicPartitions());
        return new Task(stage, task.taskId().partition(), active, running, lag);
    }

    /** Returns the progress of the whole group, and the partitions that no instance owns. */
    public GroupProgress group() {
        return group.get();
    }

    /** Returns the shards that no instance owns, for each stage that has some. Excludes shards that are here now. */
    public Map<String, Set<Integer>> ownerlessShards() {
        Map<String, Set<Integer>> shards = new TreeMap<>();
        GroupProgress progress = group.get();
        Set<TopicPartition> without = new HashSet<>(progress.ownerless());
        without.removeAll(here(streams).partitions());
        for (TopicPartition partition : without) {
            String stage = progress.stageOf(partition);
            if (!stage.equals(GroupProgress.ROUTE)) {
                shards.computeIfAbsent(stage, unused -> new TreeSet<>()).add(partition.partition());
            }
        }
        return shards;
    }

    /** Returns the active tasks of an instance, running or not. */
    static GroupWatch.Here here(KafkaStreams streams) {
        Set<String> clientIds = new HashSet<>();
        Set<TopicPartition> partitions = new HashSet<>();
        try {
            for (ThreadMetadata thread : streams.metadataForLocalThreads()) {
                clientIds.add(thread.consumerClientId());
                thread.activeTasks().forEach(task -> partitions.addAll(task.topicPartitions()));
            }
        } catch (IllegalStateException e) {
            return new GroupWatch.Here(Set.of(), Set.of()); // not started, or closed
        }
        return new GroupWatch.Here(clientIds, partitions);
    }

    /** Returns the shards whose tenants this instance decides on now. */
    public Set<Integer> ownShards() {
        Set<Integer> own = new TreeSet<>();
        if (!isInTouch()) {
            return own;
        }
        for (Task task : tasks()) {
            if (task.active() && task.running() && task.stage().equals("admit") && task.partition() < shards) {
                own.add(task.partition());
            }
        }
        return own;
    }

    /**
     * Returns a store of a shard; null if its active task is not here, or if other instances may have taken it over.
     */
    public @Nullable ReadOnlyKeyValueStore<Bytes, byte[]> store(String name, int shard) {
        if (!isInTouch()) {
            return null;
        }
        try {
            return streams.store(
                    StoreQueryParameters.fromNameAndType(name, QueryableStoreTypes.<Bytes, byte[]>keyValueStore())
                            .withPartition(shard));
        } catch (InvalidStateStoreException e) {
            return null;
        }
    }

    /** Tracks running restorations and counts restored records. */
    static final class Restores implements StateRestoreListener {
        private final Map<String, Restore> now = new ConcurrentHashMap<>();
        private final LongAdder records = new LongAdder();

        List<Restore> now() {
            return now.values().stream()
                    .sorted(Comparator.comparing(Restore::store).thenComparingInt(Restore::partition))
                    .toList();
        }

        @Override
        public void onRestoreStart(TopicPartition partition, String store, long start, long end) {
            now.put(key(partition, store), new Restore(store, partition.partition(), 0, end - start));
        }

        @Override
        public void onBatchRestored(TopicPartition partition, String store, long batchEnd, long count) {
            records.add(count);
            now.computeIfPresent(
                    key(partition, store),
                    (key, restore) -> new Restore(
                            restore.store(), restore.partition(), restore.restored() + count, restore.total()));
        }

        @Override
        public void onRestoreEnd(TopicPartition partition, String store, long count) {
            now.remove(key(partition, store));
        }

        @Override
        public void onRestoreSuspended(TopicPartition partition, String store, long count) {
            now.remove(key(partition, store));
        }

        private static String key(TopicPartition partition, String store) {
            return store + "/" + partition;
        }
    }
}
