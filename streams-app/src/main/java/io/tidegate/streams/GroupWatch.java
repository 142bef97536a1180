package io.tidegate.streams;

import io.tidegate.contract.Topics;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.ListOffsetsOptions;
import org.apache.kafka.clients.admin.ListOffsetsResult;
import org.apache.kafka.clients.admin.MemberDescription;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.StreamsGroupDescription;
import org.apache.kafka.clients.admin.StreamsGroupMemberDescription;
import org.apache.kafka.clients.admin.StreamsGroupSubtopologyDescription;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.IsolationLevel;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.TopicPartition;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Queries the brokers every {@link #EVERY} for the progress of the whole group, the ends of the logs, and the owner of
 * each partition. The consumers of this instance do not know enough: they know nothing about partitions without an
 * owner, and see each log only up to its first open transaction.
 *
 * <p>The tasks of this instance come from Kafka Streams instead: after a crash, brokers still attribute partitions to
 * the dead member until its session ends, although no instance processes them. A dead member of this instance has its
 * client id.
 */
final class GroupWatch implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(GroupWatch.class);

    static final Duration EVERY = Duration.ofSeconds(2);
    private static final long ANSWER_WITHIN_S = 10;

    /**
     * The active tasks of this instance.
     *
     * @param clientIds the client ids of the threads' consumers
     * @param partitions the partitions that the tasks read
     */
    record Here(Set<String> clientIds, Set<TopicPartition> partitions) {}

    private final Supplier<Admin> admin;
    private final Topics topics;
    private final int shards;
    private final String group;
    private final boolean streamsProtocol;
    private final Supplier<Here> here;
    private final Alignment alignment;
    private final Ownerless ownerless = new Ownerless();
    private final ScheduledExecutorService thread = Daemons.one("tidegate-group");
    private final Map<TopicPartition, Long> lag = new HashMap<>();
    private String ownClientId = "";
    private boolean failedBefore;
    private volatile GroupProgress progress = GroupProgress.UNKNOWN;

    GroupWatch(
            Supplier<Admin> admin,
            Topics topics,
            int shards,
            String group,
            boolean streamsProtocol,
            Supplier<Here> here,
            Alignment alignment) {
        this.admin = admin;
        this.topics = topics;
        this.shards = shards;
        this.group = group;
        this.streamsProtocol = streamsProtocol;
        this.here = here;
        this.alignment = alignment;
    }

    void start() {
        var unused = thread.scheduleWithFixedDelay(this::look, 0, EVERY.toMillis(), TimeUnit.MILLISECONDS);
    }

    /** Returns the progress as of the last successful query. */
    GroupProgress progress() {
        return progress;
    }

    @Override
    public void close() {
        thread.shutdownNow();
    }

    private void look() {
        try {
            Admin client = admin.get();
            Set<TopicPartition> inputs = inputs(client);
            learnLag(client, inputs);
            List<TopicPartition> needed =
                    inputs.stream().filter(this::needsAnOwner).toList();
            Set<TopicPartition> without = ownerless.look(needed, owned(client), System.nanoTime());
            progress = new GroupProgress(topics, lag, without);
            failedBefore = false;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (ExecutionException | TimeoutException | RuntimeException e) {
            if (!failedBefore) {
                LOG.warn(
                        "the progress of the group is not known now: {}",
                        e instanceof TimeoutException
                                ? "no answer within %d s".formatted(ANSWER_WITHIN_S)
                                : String.valueOf(e.getMessage()));
            }
            failedBefore = true;
            LOG.debug("the progress of the group is not known", e);
        }
    }

    /**
     * Whether a partition must have an owner. Commands share the task of their shard, and additional partitions are
     * empty.
     */
    private boolean needsAnOwner(TopicPartition partition) {
        return topics.signals().contains(partition.topic())
                || (!partition.topic().equals(topics.commands()) && partition.partition() < shards);
    }

    private Set<TopicPartition> inputs(Admin client) throws ExecutionException, TimeoutException, InterruptedException {
        List<String> names = new ArrayList<>(topics.signals());
        names.addAll(List.of(topics.byTenant(), topics.commands()));
        Set<TopicPartition> inputs = new HashSet<>();
        get(client.describeTopics(names).allTopicNames())
                .forEach((name, topic) ->
                        topic.partitions().forEach(one -> inputs.add(new TopicPartition(name, one.partition()))));
        return inputs;
    }

    /**
     * Updates the lags. A partition without an answer, for example because it has no leader, keeps its last known lag.
     */
    private void learnLag(Admin client, Set<TopicPartition> inputs)
            throws ExecutionException, TimeoutException, InterruptedException {
        Map<TopicPartition, OffsetAndMetadata> committed =
                get(client.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata());
        Map<TopicPartition, OffsetSpec> latest =
                inputs.stream().collect(Collectors.toMap(one -> one, one -> OffsetSpec.latest()));
        Map<TopicPartition, OffsetSpec> earliest = inputs.stream()
                .filter(one -> committed.get(one) == null)
                .collect(Collectors.toMap(one -> one, one -> OffsetSpec.earliest()));
        // Up to the end of the log, past open transactions.
        ListOffsetsOptions all = new ListOffsetsOptions(IsolationLevel.READ_UNCOMMITTED);
        ListOffsetsResult ends = client.listOffsets(latest, all);
        ListOffsetsResult beginnings = client.listOffsets(earliest, all);
        lag.keySet().retainAll(inputs);
        for (TopicPartition one : inputs) {
            try {
                OffsetAndMetadata read = committed.get(one);
                long from = read != null
                        ? read.offset()
                        : get(beginnings.partitionResult(one)).offset();
                long end = get(ends.partitionResult(one)).offset();
                lag.put(one, Math.max(0, end - alignment.readUpTo(one, from)));
            } catch (ExecutionException e) {
                LOG.debug("the end of a partition is not known partition={}", one, e);
            }
        }
    }

    private Set<TopicPartition> owned(Admin client) throws ExecutionException, TimeoutException, InterruptedException {
        Here now = here.get();
        now.clientIds().stream().findFirst().ifPresent(id -> ownClientId = KafkaInternals.threadsOf(id));
        Set<TopicPartition> owned = new HashSet<>(now.partitions());
        if (streamsProtocol) {
            addOthers(get(client.describeStreamsGroups(List.of(group)).all()).get(group), owned);
        } else {
            for (MemberDescription member : get(client.describeConsumerGroups(List.of(group))
                            .all())
                    .get(group)
                    .members()) {
                if (isOther(member.clientId())) {
                    owned.addAll(member.assignment().topicPartitions());
                }
            }
        }
        return owned;
    }

    private void addOthers(StreamsGroupDescription described, Set<TopicPartition> owned) {
        Map<String, List<String>> sources = described.subtopologies().stream()
                .collect(Collectors.toMap(
                        StreamsGroupSubtopologyDescription::subtopologyId,
                        StreamsGroupSubtopologyDescription::sourceTopics));
        for (StreamsGroupMemberDescription member : described.members()) {
            if (isOther(member.clientId())) {
                member.assignment()
                        .activeTasks()
                        .forEach(task -> sources.getOrDefault(task.subtopologyId(), List.of())
                                .forEach(topic -> task.partitions()
                                        .forEach(partition -> owned.add(new TopicPartition(topic, partition)))));
            }
        }
    }

    private boolean isOther(String clientId) {
        return ownClientId.isEmpty() || !clientId.startsWith(ownClientId);
    }

    private static <T> T get(KafkaFuture<T> answer) throws ExecutionException, TimeoutException, InterruptedException {
        return answer.get(ANSWER_WITHIN_S, TimeUnit.SECONDS);
    }
}
