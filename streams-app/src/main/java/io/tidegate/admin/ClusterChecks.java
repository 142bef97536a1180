package io.tidegate.admin;

import io.tidegate.config.Settings;
import io.tidegate.contract.SourcePosition;
import io.tidegate.contract.StateKeys;
import io.tidegate.contract.TidegateHeaders;
import io.tidegate.streams.KafkaInternals;
import io.tidegate.tenant.TenantId;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.FinalizedVersionRange;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Checks of the cluster other than topic settings: its features, the group's settings, and whether Kafka still has the records
 * that this application's state and files follow.
 */
public final class ClusterChecks {
    private static final Logger LOG = LoggerFactory.getLogger(ClusterChecks.class);

    static final String CLUSTER_ID = "cluster.id";

    /** KIP-890: from this {@code transaction.version} on, brokers separate the transactions of one producer. */
    private static final int TRANSACTIONS_DEFENDED = 2;

    public static final String WEAK_TRANSACTIONS =
            "the cluster's transaction.version is below %d: a delayed message of an old"
                            .formatted(TRANSACTIONS_DEFENDED)
                    + " transaction can end up in a newer one, and exactly-once is not guaranteed";

    private final Settings settings;
    private final Admin admin;
    private final AcceptedTopicQueries accepted;

    ClusterChecks(Settings settings, Admin admin, AcceptedTopicQueries accepted) {
        this.settings = settings;
        this.admin = admin;
        this.accepted = accepted;
    }

    /**
     * Checks that the brokers have the required features.
     *
     * @throws AdminException with the command that fixes it
     */
    void checkFeatures() {
        var features = features();
        if (settings.streamsGroupProtocol() && level(features, "streams.version") < 1) {
            throw new AdminException(
                    "the brokers of %s do not offer group.protocol=streams (Kafka 4.2 and later): enable it with %s, or set %s=classic"
                            .formatted(
                                    settings.bootstrapServers(),
                                    Remedy.upgradeFeature(Remedy.cluster(settings), "streams.version", 1),
                                    Settings.GROUP_PROTOCOL));
        }
        if (transactionsAreWeak(features)) {
            LOG.warn("{}: {}", WEAK_TRANSACTIONS, defendTransactions());
        }
    }

    /** Returns whether a delayed message of an old transaction can end up in a newer one. */
    public boolean transactionsAreWeak() {
        return transactionsAreWeak(features());
    }

    public Remedy defendTransactions() {
        return Remedy.upgradeFeature(Remedy.cluster(settings), "transaction.version", TRANSACTIONS_DEFENDED);
    }

    private Map<String, FinalizedVersionRange> features() {
        return KafkaAnswers.get(admin.describeFeatures().featureMetadata(), "reading the cluster's features")
                .finalizedFeatures();
    }

    private static boolean transactionsAreWeak(Map<String, FinalizedVersionRange> features) {
        return level(features, "transaction.version") < TRANSACTIONS_DEFENDED;
    }

    private static int level(Map<String, FinalizedVersionRange> features, String name) {
        FinalizedVersionRange range = features.get(name);
        return range == null ? 0 : range.maxVersionLevel();
    }

    /** Sets the group settings that brokers need for the streams protocol: number of standby replicas, and session timeout. */
    void applyGroupSettings() {
        if (!settings.streamsGroupProtocol()) {
            return;
        }
        try {
            setOfGroup("streams.session.timeout.ms", settings.sessionTimeoutMs(), Settings.SESSION_TIMEOUT_MS);
        } catch (AdminException e) {
            LOG.warn(
                    "{}={} has no effect: {}. A killed instance is noticed only after the session timeout of the group or the brokers"
                            + " (group.streams.session.timeout.ms, 45 s by default). Fix it on the brokers:"
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
            // A group without the setting has no standby replicas.
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
        KafkaAnswers.get(
                admin.incrementalAlterConfigs(Map.of(group, List.of(op))).all(),
                "setting %s of group %s".formatted(setting, settings.applicationId()));
    }

    /** Returns the identity to which the files of a data directory are bound: cluster, topic, and segment rolling. */
    Map<String, String> identity() {
        Map<String, String> identity = new HashMap<>(settings.fixedForDataDir());
        String topic = settings.topics().accepted();
        identity.put(CLUSTER_ID, KafkaAnswers.get(admin.describeCluster().clusterId(), "describing the cluster"));
        identity.put(
                "topic.id",
                new TopicStates(admin, settings.bootstrapServers())
                        .described(Set.of(topic))
                        .get(topic)
                        .topicId()
                        .toString());
        return identity;
    }

    /**
     * Checks, before records flow, that Kafka still has the records that this application's state and files follow.
     *
     * @param applied the position in {@code signals-accepted} up to which the files of each shard are written
     * @param recreated topics that were deleted and created again since this application last ran
     * @throws AdminException naming the missing records and the remedies
     */
    void checkContinuity(Map<Integer, Long> applied, Set<String> recreated) {
        requireOffsetsOfTheCurrentTopics(recreated);
        applied.forEach((shard, offset) -> {
            long end = accepted.offset(shard, OffsetSpec.latest());
            if (end <= offset) {
                throw new AdminException(
                        ("%s-%d ends at offset %d, and the WAL in the data directory follows it up to %d: the topic lost records,"
                                        + " the offsets %d to %d are missing (brokers lost them, or the topic was restored"
                                        + " from an older copy). Bring them back; or, to continue with the topic as it is now,"
                                        + " stop all instances, keep a copy of their data directories, and start with empty"
                                        + " ones")
                                .formatted(settings.topics().accepted(), shard, end, offset, end, offset));
            }
            long beginning = accepted.offset(shard, OffsetSpec.earliest());
            if (beginning > offset + 1) {
                LOG.warn(
                        "{}-{} no longer has the offsets {} to {}, which the WAL in the data directory has not seen; it stops"
                                + " if a tenant's record was among them",
                        settings.topics().accepted(),
                        shard,
                        offset + 1,
                        beginning - 1);
            }
        });
        // In this order: another instance may commit its first offsets in between.
        if (!applied.isEmpty() || hasUsage()) {
            Map<TopicPartition, Long> committed = GroupOffsets.committed(admin, settings.applicationId());
            requireOffsets(settings.topics().signals(), committed, recreated);
            if (!settings.keyedIngress()) {
                requireOffsets(List.of(settings.topics().byTenant()), committed, recreated);
            } // with keyed ingress, it stays empty while all producers key by tenant
            requireEnvelopes(committed);
        }
    }

    /**
     * Checks that the next record of each partition of {@code signals-by-tenant} was not written by a version with three
     * stages, which wrote single signals.
     *
     * @throws AdminException with the record's offset and the remedies
     */
    private void requireEnvelopes(Map<TopicPartition, Long> committed) {
        String topic = settings.topics().byTenant();
        ConsumerRecord<byte[], byte[]> single = TopicReader.firstOfEach(settings, topic, committed).stream()
                .filter(ClusterChecks::isSingleSignal)
                .findFirst()
                .orElse(null);
        if (single != null) {
            throw new AdminException(
                    ("%1$s-%2$d has a signal without an envelope at offset %3$d: a version of Tidegate with"
                                    + " three stages wrote it, and this version cannot decide it. Start that version again until"
                                    + " its lag is 0, stop it, and start this one; or give this version an application.id, topics"
                                    + " and a data directory of its own")
                            .formatted(topic, single.partition(), single.offset()));
        }
    }

    private static boolean isSingleSignal(ConsumerRecord<byte[], byte[]> record) {
        return record.key() != null
                && TenantId.tryParse(record.key()) != null
                && SourcePosition.tryParse(TidegateHeaders.text(record.headers(), TidegateHeaders.SOURCE)) != null;
    }

    private boolean hasUsage() {
        String usage = KafkaInternals.changelog(settings.applicationId(), StateKeys.USAGE);
        if (!KafkaAnswers.get(admin.listTopics().names(), "listing the topics").contains(usage)) {
            return false;
        }
        try (TopicReader reader = new TopicReader(settings, List.of(usage))) {
            return reader.hasAny();
        }
    }

    /**
     * Checks that the group has no offsets of deleted topics. Brokers delete the offsets of a topic with it, but an instance that
     * runs at that moment commits them again, under the name of the new topic. They would skip its first records.
     */
    private void requireOffsetsOfTheCurrentTopics(Set<String> recreated) {
        Set<String> read = new TreeSet<>(settings.topics().signals());
        read.add(settings.topics().byTenant());
        read.retainAll(recreated);
        if (read.isEmpty()) {
            return;
        }
        String group = settings.applicationId();
        Set<String> stale = new TreeSet<>();
        GroupOffsets.committedByInstances(admin, group).forEach((partition, offset) -> {
            if (offset > 0 && read.contains(partition.topic())) {
                stale.add(partition.topic());
            }
        });
        if (!stale.isEmpty()) {
            throw new AdminException(
                    ("the group %s has offsets of an earlier topic %s: it was deleted and created again while an instance ran,"
                                    + " which then committed its old positions. They would skip the first records of the new"
                                    + " topic. Stop all instances, and run with the same settings: %s")
                            .formatted(group, String.join(", ", stale), Remedy.resetOffsets(stale, "--to-earliest")));
        }
    }

    /** Requires committed offsets: without them, a group starts at the beginning and would decide every signal a second time. */
    private void requireOffsets(List<String> topics, Map<TopicPartition, Long> committed, Set<String> recreated) {
        if (committed.keySet().stream().anyMatch(partition -> topics.contains(partition.topic()))) {
            return;
        }
        String group = settings.applicationId();
        String names = String.join(", ", topics);
        if (recreated.containsAll(topics)) {
            throw new AdminException(
                    ("the group %s has no committed offsets of %s: the topic was deleted and created again since this"
                                    + " application last ran, so all records in it are new. Stop all instances, and run with"
                                    + " the same settings: %s")
                            .formatted(group, names, Remedy.resetOffsets(topics, "--to-earliest")));
        }
        throw new AdminException(
                ("the group %s has no committed offsets of %s, and this application has worked before: they expired"
                                + " (offsets.retention.minutes) or were deleted. Starting from the beginning would decide"
                                + " and store all signals again. Stop all instances, and run with the same settings: %s"
                                + " (or --to-datetime with the time when it stopped; --to-earliest only if nothing may be"
                                + " missed and repetitions are acceptable)")
                        .formatted(group, names, Remedy.resetOffsets(topics, "--to-latest")));
    }
}
