package io.tidegate.admin;

import io.tidegate.config.Settings;
import io.tidegate.topology.AcceptedTopic;
import io.tidegate.topology.RecordSizes;
import io.tidegate.topology.Topics;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ExecutionException;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.Config;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.FinalizedVersionRange;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.config.TopicConfig;
import org.apache.kafka.common.errors.TopicExistsException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Creates the topics that are missing and checks those that are there: their partitions, and the settings that promises
 * depend on. A topic that is there is never changed.
 */
public final class TopicSetup implements AutoCloseable, AcceptedTopic {
    /** What was found or made. */
    public record Outcome(List<String> created, List<String> found, RecordSizes sizes, long requestBytesMax) {}

    private static final Logger LOG = LoggerFactory.getLogger(TopicSetup.class);

    /** KIP-890: from this {@code transaction.version} on, brokers keep transactions of one producer apart. */
    private static final int TRANSACTIONS_DEFENDED = 2;

    private static final Duration APPEARS_WITHIN = Duration.ofSeconds(30);
    private static final long POLL_MS = 50;
    private static final long FOR_EVER = -1;
    private static final long MESSAGE_BYTES_MIN = 16 * 1024;

    /** A dead letter is the whole record with headers about it; so its topic takes a little more than the ingress. */
    private static final long DEAD_LETTER_BYTES_MAX = 1024 * 1024 + 64 * 1024;

    private final Settings settings;
    private final Admin admin;

    public TopicSetup(Settings settings) {
        this.settings = settings;
        try {
            this.admin = Admin.create(settings.clientConfig());
        } catch (KafkaException e) {
            throw KafkaFutures.noClient(settings, e);
        }
    }

    /**
     * Makes sure that all topics are as they must be.
     *
     * @throws AdminException naming all that is wrong with existing topics, each with the command that mends it
     */
    public Outcome ensure() {
        Set<String> existing =
                KafkaFutures.get(admin.listTopics().names(), "listing the topics of " + settings.bootstrapServers());
        List<String> created = new ArrayList<>();
        createMissing(ingress(), existing, created);
        var unused = described(settings.topics().signals());
        Map<String, Config> ingress = configs(settings.topics().signals());
        createMissing(internal(longestRetentionMs(ingress)), existing, created);
        List<String> found = new ArrayList<>(settings.allTopics());
        found.removeAll(created);
        Map<String, TopicDescription> descriptions = described(settings.allTopics());
        Map<String, Config> configs = configs(settings.allTopics());
        List<String> wrong = problems(descriptions, configs);
        if (!wrong.isEmpty()) {
            throw new AdminException("topics are not as they must be:\n  " + String.join("\n  ", wrong));
        }
        long recordBytes = Long.MAX_VALUE;
        Topics topics = settings.topics();
        List<String> whole = new ArrayList<>(List.of(topics.byTenant(), topics.accepted(), topics.quotaExceeded()));
        whole.addAll(settings.otherRegionsTopics());
        configs.putAll(configs(settings.otherRegionsTopics()));
        for (String topic : whole) {
            recordBytes = Math.min(recordBytes, maxMessageBytes(configs, topic));
        }
        long deadLetterBytes = maxMessageBytes(configs, topics.deadLetter());
        RecordSizes sizes =
                new RecordSizes(recordBytes - RecordSizes.HEADROOM_BYTES, deadLetterBytes - RecordSizes.HEADROOM_BYTES);
        return new Outcome(created, found, sizes, Math.max(recordBytes, deadLetterBytes));
    }

    private void createMissing(Map<String, NewTopic> wanted, Set<String> existing, List<String> created) {
        wanted.forEach((name, topic) -> {
            if (!existing.contains(name) && create(topic)) {
                created.add(name);
            }
        });
    }

    /** How long the ingress topics keep signals; -1 for ever. */
    private long longestRetentionMs(Map<String, Config> configs) {
        long longest = 0;
        for (String name : settings.topics().signals()) {
            long retentionMs = number(configs, name, TopicConfig.RETENTION_MS_CONFIG);
            longest = retentionMs < 0 || longest < 0 ? FOR_EVER : Math.max(longest, retentionMs);
        }
        return longest;
    }

    /**
     * Checks that the brokers can do what is relied on.
     *
     * @throws AdminException with the command that mends it
     */
    public void checkFeatures() {
        var features = KafkaFutures.get(admin.describeFeatures().featureMetadata(), "asking for the cluster's features")
                .finalizedFeatures();
        if (settings.streamsGroupProtocol() && level(features, "streams.version") < 1) {
            throw new AdminException(
                    ("the brokers of %s do not offer group.protocol=streams (Kafka 4.2 and later, after"
                                    + " kafka-features.sh --bootstrap-server %s upgrade --feature streams.version=1): enable it,"
                                    + " or set %s=classic")
                            .formatted(
                                    settings.bootstrapServers(), settings.bootstrapServers(), Settings.GROUP_PROTOCOL));
        }
        String weakness = transactionsWeakness(features);
        if (weakness != null) {
            LOG.warn("{}", weakness);
        }
    }

    /** What is wrong with the cluster's transactions, with the command that mends it; null where nothing is. */
    @Nullable
    String transactionsWeakness() {
        return transactionsWeakness(
                KafkaFutures.get(admin.describeFeatures().featureMetadata(), "asking for the cluster's features")
                        .finalizedFeatures());
    }

    private @Nullable String transactionsWeakness(Map<String, FinalizedVersionRange> features) {
        return level(features, "transaction.version") >= TRANSACTIONS_DEFENDED
                ? null
                : ("the cluster's transaction.version is below %d: a delayed message of an old transaction can end up in a"
                                + " newer one, and exactly once does not hold. Mend it: kafka-features.sh --bootstrap-server %s"
                                + " upgrade --feature transaction.version=%d")
                        .formatted(TRANSACTIONS_DEFENDED, settings.bootstrapServers(), TRANSACTIONS_DEFENDED);
    }

    /** The topics that are not there; nothing is made. */
    Set<String> missing() {
        Set<String> missing = new TreeSet<>(settings.allTopics());
        missing.addAll(settings.otherRegionsTopics());
        missing.removeAll(
                KafkaFutures.get(admin.listTopics().names(), "listing the topics of " + settings.bootstrapServers()));
        return missing;
    }

    /** What is wrong with the topics, which must be there, each with the command that mends it. */
    List<String> problems() {
        return problems(described(settings.allTopics()), configs(settings.allTopics()));
    }

    private static int level(Map<String, FinalizedVersionRange> features, String name) {
        FinalizedVersionRange range = features.get(name);
        return range == null ? 0 : range.maxVersionLevel();
    }

    /** Tells the group what with the streams protocol is the brokers' to know: standby replicas, and the session. */
    public void applyGroupSettings() {
        if (!settings.streamsGroupProtocol()) {
            return;
        }
        try {
            setOfGroup("streams.session.timeout.ms", settings.sessionTimeoutMs(), Settings.SESSION_TIMEOUT_MS);
        } catch (AdminException e) {
            LOG.warn(
                    "{}={} does not hold: {}. A killed instance is noticed only after what the group or the brokers say"
                            + " (group.streams.session.timeout.ms, 45 s by default). Mend it on the brokers:"
                            + " group.streams.min.session.timeout.ms={}, and a group.streams.heartbeat.interval.ms well"
                            + " below",
                    Settings.SESSION_TIMEOUT_MS,
                    settings.sessionTimeoutMs(),
                    e.getMessage(),
                    settings.sessionTimeoutMs());
        }
        try {
            setOfGroup("streams.num.standby.replicas", settings.standbyReplicas(), Settings.STANDBY_REPLICAS);
        } catch (AdminException e) {
            // None is what a group has that nobody told anything.
            if (settings.standbyReplicas() > 0) {
                throw e;
            }
            LOG.warn(
                    "{}=0 could not be set, the group keeps what it has: {}",
                    Settings.STANDBY_REPLICAS,
                    e.getMessage());
        }
    }

    private void setOfGroup(String name, int value, String setting) {
        ConfigResource group = new ConfigResource(ConfigResource.Type.GROUP, settings.applicationId());
        AlterConfigOp op = new AlterConfigOp(new ConfigEntry(name, Integer.toString(value)), AlterConfigOp.OpType.SET);
        KafkaFutures.get(
                admin.incrementalAlterConfigs(Map.of(group, List.of(op))).all(),
                "setting %s of group %s".formatted(setting, settings.applicationId()));
    }

    /** What the data directory's files belong to: the cluster, the topic they come from, and what they are cut by. */
    public Map<String, String> identity() {
        Map<String, String> identity = new HashMap<>(settings.fixedForDataDir());
        String accepted = settings.topics().accepted();
        identity.put("cluster.id", KafkaFutures.get(admin.describeCluster().clusterId(), "describing the cluster"));
        identity.put(
                "topic.id", described(Set.of(accepted)).get(accepted).topicId().toString());
        return identity;
    }

    @Override
    public boolean beginningIsGone(int partition) {
        return acceptedOffset(partition, OffsetSpec.earliest()) > 0;
    }

    @Override
    public boolean hasRecords(int partition, long from, long to) {
        return hasRecords(new TopicPartition(settings.topics().accepted(), partition), from, to);
    }

    /** Whether a partition of any topic has committed records from an offset up to, without, another. */
    public boolean hasRecords(TopicPartition partition, long from, long to) {
        return TopicReader.hasRecords(settings, partition, from, to);
    }

    private long acceptedOffset(int partition, OffsetSpec which) {
        TopicPartition of = new TopicPartition(settings.topics().accepted(), partition);
        return KafkaFutures.get(
                        admin.listOffsets(Map.of(of, which)).partitionResult(of), "asking for an offset of " + of)
                .offset();
    }

    /**
     * Checks, before records flow, that Kafka still has what this application's state and files follow.
     *
     * @param applied how far the files of each shard follow {@code signals-accepted}
     * @throws AdminException saying what is gone, and what can be done
     */
    public void checkContinuity(Map<Integer, Long> applied) {
        applied.forEach((shard, offset) -> {
            long end = acceptedOffset(shard, OffsetSpec.latest());
            if (end <= offset) {
                throw new AdminException(
                        ("%s-%d ends at offset %d, and the WAL in the data directory follows it up to %d: the topic went back,"
                                        + " the offsets %d to %d are gone from it (brokers lost records, or it was restored"
                                        + " from an older copy). Bring them back; or, to go on with what the topic has now,"
                                        + " stop all instances, keep a copy of their data directories, and start with empty"
                                        + " ones")
                                .formatted(settings.topics().accepted(), shard, end, offset, end, offset));
            }
            long beginning = acceptedOffset(shard, OffsetSpec.earliest());
            if (beginning > offset + 1) {
                LOG.warn(
                        "{}-{} no longer has the offsets {} to {}, which the WAL in the data directory has not seen; it stops"
                                + " where a tenant's record was among them",
                        settings.topics().accepted(),
                        shard,
                        offset + 1,
                        beginning - 1);
            }
        });
        // In this order: another instance may commit its first offsets meanwhile.
        if (!applied.isEmpty() || hasUsage()) {
            requireOffsets(settings.topics().signals());
            requireOffsets(List.of(settings.topics().byTenant()));
        }
    }

    private boolean hasUsage() {
        String usage = settings.applicationId() + "-usage-changelog";
        if (!KafkaFutures.get(admin.listTopics().names(), "listing the topics").contains(usage)) {
            return false;
        }
        try (TopicReader reader = new TopicReader(settings, List.of(usage))) {
            return reader.hasAny();
        }
    }

    /** Without committed offsets a group begins at the beginning, and would judge everything a second time. */
    private void requireOffsets(List<String> topics) {
        String group = settings.applicationId();
        boolean some = KafkaFutures.get(
                        admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata(),
                        "asking for the offsets of group " + group)
                .entrySet()
                .stream()
                .anyMatch(entry -> entry.getValue() != null
                        && topics.contains(entry.getKey().topic()));
        if (!some) {
            String names = topics.stream().map(topic -> " --topic " + topic).collect(Collectors.joining());
            throw new AdminException(
                    ("the group %s has no committed offsets of %s, and this application has worked before: they expired"
                                    + " (offsets.retention.minutes) or were deleted. To start from the beginning would judge"
                                    + " and store all signals again. Say where to go on: kafka-%s-groups.sh"
                                    + " --bootstrap-server %s --group %s --reset-offsets%s --to-latest --execute (or"
                                    + " --to-datetime when it stopped; --to-earliest only if nothing may be missed and"
                                    + " repetitions are welcome)")
                            .formatted(
                                    group,
                                    String.join(", ", topics),
                                    settings.streamsGroupProtocol() ? "streams" : "consumer",
                                    settings.bootstrapServers(),
                                    group,
                                    settings.streamsGroupProtocol()
                                            ? names.replace("--topic", "--input-topic")
                                            : names));
        }
    }

    @Override
    public void close() {
        admin.close(Duration.ZERO); // every call was waited for, or given up
    }

    private Map<String, NewTopic> ingress() {
        Map<String, NewTopic> wanted = new LinkedHashMap<>();
        List<String> ingress = new ArrayList<>(settings.topics().signals());
        ingress.addAll(settings.otherRegionsTopics());
        for (String signals : ingress) {
            add(wanted, signals, Map.of(TopicConfig.MESSAGE_TIMESTAMP_TYPE_CONFIG, "LogAppendTime"));
        }
        return wanted;
    }

    /** @param ingressRetentionMs how long the ingress topics keep signals */
    private Map<String, NewTopic> internal(long ingressRetentionMs) {
        Topics topics = settings.topics();
        Map<String, NewTopic> wanted = new LinkedHashMap<>();
        // Any time: brokers refuse times more than an hour ahead, and a refused record would stop its task for good.
        Map<String, String> createTime = Map.of(
                TopicConfig.MESSAGE_TIMESTAMP_TYPE_CONFIG,
                "CreateTime",
                TopicConfig.MESSAGE_TIMESTAMP_AFTER_MAX_MS_CONFIG,
                Long.toString(Long.MAX_VALUE));
        add(
                wanted,
                topics.byTenant(),
                with(createTime, TopicConfig.RETENTION_MS_CONFIG, byTenantRetentionMs(ingressRetentionMs)));
        // One partition: changes have one order, and an offset alone says which config was in force.
        add(wanted, topics.configs(), 1, Map.of(TopicConfig.CLEANUP_POLICY_CONFIG, "compact"));
        add(
                wanted,
                topics.accepted(),
                with(createTime, TopicConfig.RETENTION_MS_CONFIG, Long.toString(settings.acceptedRetentionMs())));
        add(wanted, topics.quotaExceeded(), createTime);
        add(
                wanted,
                topics.deadLetter(),
                with(createTime, TopicConfig.MAX_MESSAGE_BYTES_CONFIG, Long.toString(DEAD_LETTER_BYTES_MAX)));
        add(wanted, topics.segments(), with(createTime, TopicConfig.CLEANUP_POLICY_CONFIG, "compact"));
        add(wanted, topics.commands(), createTime);
        add(wanted, topics.events(), createTime);
        return wanted;
    }

    /**
     * A signal keeps its time on the way, and brokers delete by that: one that waited in the ingress topic for days is as
     * old in this one from the first moment, and must not be deleted before it is read.
     */
    private String byTenantRetentionMs(long ingressRetentionMs) {
        long more = settings.byTenantRetentionMs();
        return Long.toString(
                ingressRetentionMs < 0 || more < 0 || more > Long.MAX_VALUE - ingressRetentionMs
                        ? FOR_EVER
                        : ingressRetentionMs + more);
    }

    private void add(Map<String, NewTopic> wanted, String name, Map<String, String> config) {
        add(wanted, name, settings.shards(), config);
    }

    private void add(Map<String, NewTopic> wanted, String name, int partitions, Map<String, String> config) {
        short replication = settings.replicationFactor();
        wanted.put(
                name,
                new NewTopic(
                                name,
                                Optional.of(partitions),
                                replication < 0 ? Optional.empty() : Optional.of(replication))
                        .configs(config));
    }

    private static Map<String, String> with(Map<String, String> config, String key, String value) {
        Map<String, String> more = new HashMap<>(config);
        more.put(key, value);
        return more;
    }

    private boolean create(NewTopic topic) {
        try {
            admin.createTopics(List.of(topic)).all().get();
            return true;
        } catch (ExecutionException e) {
            if (e.getCause() instanceof TopicExistsException) {
                return false; // another instance was faster
            }
            throw new AdminException(
                    "creating the topic %s failed: %s"
                            .formatted(topic.name(), e.getCause().getMessage()),
                    e.getCause());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new AdminException("creating topics was interrupted", e);
        }
    }

    /** A topic that was just created is not known to every broker at once. */
    private Map<String, TopicDescription> described(Collection<String> names) {
        long deadline = System.nanoTime() + APPEARS_WITHIN.toNanos();
        while (true) {
            try {
                return KafkaFutures.get(admin.describeTopics(names).allTopicNames(), "describing the topics");
            } catch (AdminException e) {
                if (System.nanoTime() > deadline || Thread.currentThread().isInterrupted()) {
                    throw e;
                }
                try {
                    Thread.sleep(POLL_MS);
                } catch (InterruptedException interrupted) {
                    Thread.currentThread().interrupt();
                }
            }
        }
    }

    private Map<String, Config> configs(Collection<String> names) {
        List<ConfigResource> resources = names.stream()
                .map(name -> new ConfigResource(ConfigResource.Type.TOPIC, name))
                .toList();
        Map<String, Config> configs = new HashMap<>();
        KafkaFutures.get(admin.describeConfigs(resources).all(), "describing the topics' settings")
                .forEach((resource, config) -> configs.put(resource.name(), config));
        return configs;
    }

    private List<String> problems(Map<String, TopicDescription> topics, Map<String, Config> configs) {
        List<String> wrong = new ArrayList<>();
        Topics names = settings.topics();
        for (String name : List.of(names.byTenant(), names.accepted(), names.segments(), names.commands())) {
            int partitions = topics.get(name).partitions().size();
            if (partitions != settings.shards()) {
                wrong.add(
                        "topic %s has %d partitions, %s is %d: set %s=%d, or use other topics. Partitions cannot be added:"
                                        .formatted(
                                                name,
                                                partitions,
                                                Settings.SHARDS,
                                                settings.shards(),
                                                Settings.SHARDS,
                                                partitions)
                                + " tenants would move away from their state");
            }
        }
        long ingressMs = longestRetentionMs(configs);
        for (String name : List.of(names.byTenant(), names.accepted())) {
            long retentionMs = number(configs, name, TopicConfig.RETENTION_MS_CONFIG);
            if (retentionMs >= 0 && (ingressMs < 0 || retentionMs < ingressMs)) {
                wrong.add(("topic %s has retention.ms=%d, less than its ingress (%d): after an outage signals would be"
                                + " deleted before they are read: kafka-configs.sh --bootstrap-server %s --alter"
                                + " --entity-type topics --entity-name %s --add-config retention.ms=%d")
                        .formatted(name, retentionMs, ingressMs, settings.bootstrapServers(), name, ingressMs));
            }
        }
        for (String name : settings.allTopics()) {
            long bytes = maxMessageBytes(configs, name);
            if (bytes < MESSAGE_BYTES_MIN) {
                wrong.add("topic %s has max.message.bytes=%d, at least %d are needed"
                        .formatted(name, bytes, MESSAGE_BYTES_MIN));
            }
        }
        if (settings.requireLogAppendTime()) {
            for (String name : names.signals()) {
                require(wrong, configs, name, TopicConfig.MESSAGE_TIMESTAMP_TYPE_CONFIG, "LogAppendTime");
            }
        }
        for (String name : List.of(names.byTenant(), names.accepted(), names.quotaExceeded(), names.deadLetter())) {
            require(wrong, configs, name, TopicConfig.MESSAGE_TIMESTAMP_TYPE_CONFIG, "CreateTime");
        }
        if (!settings.requireLogAppendTime()) {
            // Only then can a time be ahead.
            for (String name : List.of(
                    names.byTenant(),
                    names.accepted(),
                    names.quotaExceeded(),
                    names.deadLetter(),
                    names.segments(),
                    names.events())) {
                String anyTime = Long.toString(Long.MAX_VALUE);
                require(wrong, configs, name, TopicConfig.MESSAGE_TIMESTAMP_AFTER_MAX_MS_CONFIG, anyTime);
            }
        }
        for (String name : List.of(names.byTenant(), names.accepted(), names.commands())) {
            require(wrong, configs, name, TopicConfig.CLEANUP_POLICY_CONFIG, "delete");
        }
        for (String name : List.of(names.configs(), names.segments())) {
            require(wrong, configs, name, TopicConfig.CLEANUP_POLICY_CONFIG, "compact");
        }
        return wrong;
    }

    private void require(List<String> wrong, Map<String, Config> configs, String topic, String setting, String value) {
        String found = configs.get(topic).get(setting).value();
        if (!value.equals(found)) {
            String hint = setting.equals(TopicConfig.MESSAGE_TIMESTAMP_TYPE_CONFIG) && value.equals("LogAppendTime")
                    ? ", or allow it with %s=false".formatted(Settings.REQUIRE_LOG_APPEND_TIME)
                    : "";
            wrong.add(("topic %s has %s=%s, it must be %s: kafka-configs.sh --bootstrap-server %s --alter --entity-type"
                            + " topics --entity-name %s --add-config %s=%s%s")
                    .formatted(topic, setting, found, value, settings.bootstrapServers(), topic, setting, value, hint));
        }
    }

    private static long maxMessageBytes(Map<String, Config> configs, String topic) {
        return number(configs, topic, TopicConfig.MAX_MESSAGE_BYTES_CONFIG);
    }

    private static long number(Map<String, Config> configs, String topic, String setting) {
        return Long.parseLong(configs.get(topic).get(setting).value());
    }
}
