package io.tidegate.admin;

import io.tidegate.config.Settings;
import io.tidegate.contract.AcceptedTopic;
import io.tidegate.contract.RecordSizes;
import io.tidegate.contract.Topics;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.TopicConfig;
import org.apache.kafka.common.errors.TopicExistsException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Prepares the topics of a deployment: checks that no other application owns them, creates the missing ones by {@link
 * TopicPlan}, and checks all of them by {@link TopicRules}. Never changes an existing topic, and writes nothing before it has
 * checked that this application owns the existing ones.
 */
public final class TopicSetup implements AutoCloseable {
    /**
     * The topics after {@link #ensure}.
     *
     * @param recreated topics that were deleted and created again since this application last ran
     */
    public record Outcome(
            List<String> created, List<String> found, Set<String> recreated, RecordSizes sizes, long requestBytesMax) {}

    private static final Logger LOG = LoggerFactory.getLogger(TopicSetup.class);

    private static final String LOST_CONFIGS =
            "the configs of all tenants are gone: their signals are rejected, and signals"
                    + " that name no tenant count for tenant 0, which has no limits. Write them again before you continue:"
                    + " tidegate tenants apply -f FILE";

    private final Settings settings;
    private final Admin admin;
    private final TopicPlan plan;
    private final TopicStates states;
    private final TopicOwners owners;
    private final StatePartitions statePartitions;
    private final AcceptedTopicQueries accepted;
    private final ClusterChecks cluster;

    public TopicSetup(Settings settings) {
        this.settings = settings;
        try {
            this.admin = Admin.create(settings.clientConfig());
        } catch (KafkaException e) {
            throw KafkaAnswers.noClient(settings, e);
        }
        plan = new TopicPlan(settings);
        states = new TopicStates(admin, settings.bootstrapServers());
        owners = new TopicOwners(settings, admin, states);
        statePartitions = new StatePartitions(admin, settings.keyedIngress());
        accepted = new AcceptedTopicQueries(settings, admin, owners::acceptedIsReplacement);
        cluster = new ClusterChecks(settings, admin, accepted);
    }

    /**
     * Checks that this application owns all topics and that they meet the rules. Creates the missing ones.
     *
     * @throws AdminException listing all problems of existing topics, each with the command that fixes it
     */
    public Outcome ensure() {
        Set<String> existing = states.existing();
        owners.check(owned(existing));
        List<String> created = new ArrayList<>();
        createMissing(plan.ingress(), existing, created);
        Map<String, TopicRole> signals = new HashMap<>();
        settings.topics().signals().forEach(name -> signals.put(name, TopicRole.SIGNALS));
        long ingressMs = TopicPlan.ingressRetentionMs(states.of(signals).values());
        createMissing(plan.internal(ingressMs), existing, created);
        created.remove(settings.ownersTopic());
        warnOfLostConfigs(existing, created);
        List<String> found = new ArrayList<>(settings.allTopics());
        found.removeAll(created);
        Map<String, TopicState> topics = current();
        report(new TopicCheck(settings).findings(topics.values(), Map.of()));
        Set<String> recreated = owners.claim(topics.values());
        level(topics);
        recreated.forEach(name -> LOG.warn(
                "topic {} was deleted and created again since this application last ran: its earlier records, and all"
                        + " positions in it, are gone",
                name));
        if (recreated.contains(settings.topics().configs())
                && !created.contains(settings.topics().configs())) {
            LOG.warn("{}", LOST_CONFIGS);
        }
        RecordSizes sizes = sizes();
        long signalBytesMax = Math.max(sizes.recordBytesMax(), sizes.deadLetterBytesMax()) + RecordSizes.HEADROOM_BYTES;
        return new Outcome(created, found, recreated, sizes, Math.max(signalBytesMax, TopicRules.STATE_BYTES_MIN));
    }

    /**
     * Warns of lost configs, which invert the limits: configured tenants are rejected, and signals without a tenant count for
     * tenant 0.
     */
    private void warnOfLostConfigs(Set<String> existing, List<String> created) {
        String configs = settings.topics().configs();
        if (created.contains(configs) && existing.contains(settings.topics().accepted())) {
            LOG.warn(
                    "topic {} did not exist, and this application has run before: if it was deleted, {}",
                    configs,
                    LOST_CONFIGS);
        }
    }

    private void level(Map<String, TopicState> topics) {
        try {
            var unused = statePartitions.level(topics.values());
        } catch (AdminException e) {
            List<String> commands = new TopicCheck(settings)
                    .findings(topics.values(), Map.of()).stream()
                            .filter(finding -> finding.rule().demand() instanceof TopicRule.SameAsState)
                            .map(TopicFinding::toString)
                            .toList();
            throw new AdminException(
                    "%s. The topics of the tenants' state must have the same number of partitions:%n  %s"
                            .formatted(e.getMessage(), String.join("\n  ", commands)),
                    e);
        }
    }

    /** Makes this application the owner of topics that another one owns, if this cannot mix up their records. */
    public List<String> takeOver() {
        return owners.takeOver(owned(states.existing()));
    }

    private Map<String, TopicState> current() {
        Map<String, TopicRole> roles = plan.roles();
        Set<String> later = new TreeSet<>(plan.changelogs());
        later.add(settings.ownersTopic());
        later.removeAll(states.existing());
        roles.keySet().removeAll(later);
        return states.of(roles);
    }

    /** Returns the existing topics that only one application may use: all except tenants' configs, which regions share. */
    private Collection<TopicState> owned(Set<String> existing) {
        Map<String, TopicRole> roles = plan.roles();
        roles.keySet().retainAll(existing);
        roles.values().removeIf(role -> !TopicOwners.isOwned(role));
        return roles.isEmpty() ? List.of() : states.of(roles).values();
    }

    private static void report(List<TopicFinding> findings) {
        List<String> wrong = new ArrayList<>();
        for (TopicFinding finding : findings) {
            if (finding.rule().atStart() == TopicRule.AtStart.FAIL) {
                wrong.add(finding.toString());
            } else {
                LOG.warn("{}", finding);
            }
        }
        if (!wrong.isEmpty()) {
            throw new AdminException("topics do not meet the requirements:\n  " + String.join("\n  ", wrong));
        }
    }

    /** Returns the record sizes that all topics accept; Kafka's defaults while one of the topics is missing. */
    public RecordSizes recordSizes() {
        Set<String> existing = states.existing();
        return existing.containsAll(topicsOfSignals())
                        && existing.contains(settings.topics().deadLetter())
                ? sizes()
                : RecordSizes.kafkaDefaults();
    }

    /** The topics that every signal fits into. */
    private Set<String> topicsOfSignals() {
        Topics topics = settings.topics();
        Set<String> names = new TreeSet<>(List.of(topics.byTenant(), topics.accepted(), topics.quotaExceeded()));
        names.addAll(settings.otherRegionsTopics());
        return names;
    }

    /** Reads the settings of these topics only: users of commands may not have access to others. */
    private RecordSizes sizes() {
        Topics topics = settings.topics();
        Set<String> asked = topicsOfSignals();
        asked.add(topics.deadLetter());
        Map<String, Map<String, String>> configs = states.configs(asked);
        long recordBytes = Long.MAX_VALUE;
        for (String topic : topicsOfSignals()) {
            recordBytes = Math.min(recordBytes, messageBytesMax(configs, topic));
        }
        return new RecordSizes(
                recordBytes - RecordSizes.HEADROOM_BYTES,
                messageBytesMax(configs, topics.deadLetter()) - RecordSizes.HEADROOM_BYTES);
    }

    private static long messageBytesMax(Map<String, Map<String, String>> configs, String topic) {
        return Long.parseLong(configs.getOrDefault(topic, Map.of()).get(TopicConfig.MAX_MESSAGE_BYTES_CONFIG));
    }

    private void createMissing(Map<String, NewTopic> wanted, Set<String> existing, List<String> created) {
        wanted.forEach((name, topic) -> {
            if (!existing.contains(name) && create(topic)) {
                created.add(name);
            }
        });
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

    /** Forgets earlier topics of the same names, once the application can continue on the current ones. */
    public void settle() {
        owners.settle(current().values());
    }

    /** Returns the topics that do not exist; creates none. */
    public Set<String> missing() {
        Set<String> missing = new TreeSet<>(settings.allTopics());
        missing.addAll(settings.otherRegionsTopics());
        missing.removeAll(states.existing());
        return missing;
    }

    /** Returns the rules that topics break. All topics must exist. */
    public List<TopicFinding> findings() {
        return new TopicCheck(settings).findings(current().values(), Map.of());
    }

    /** @throws AdminException if another application owns one of the topics */
    public void checkOwner() {
        owners.check(owned(states.existing()));
    }

    /** @throws AdminException if {@code signals-accepted} belongs to another application, whose usage is elsewhere */
    public void checkApplication() {
        states.existing(Map.of(settings.topics().accepted(), TopicRole.ACCEPTED))
                .values()
                .forEach(owners::checkApplicationOf);
    }

    /** Returns how the settings here differ from those of the instance that started last; null if they do not. */
    public @Nullable String differenceOfSettings() {
        return owned(states.existing()).stream()
                .filter(topic -> topic.role() == TopicRole.ACCEPTED)
                .findFirst()
                .map(owners::differenceOfSettings)
                .orElse(null);
    }

    /** Returns a watch that compares the topics with their current state while an instance runs. */
    public TopicWatch watch() {
        return new TopicWatch(settings, states, statePartitions, plan, owners, current());
    }

    /** Checks that the brokers have the required features. */
    public void checkFeatures() {
        cluster.checkFeatures();
    }

    /** Sets the group settings that brokers need. */
    public void applyGroupSettings() {
        cluster.applyGroupSettings();
    }

    /** Returns the identity to which the files of a data directory are bound. */
    public Map<String, String> identity() {
        return cluster.identity();
    }

    /**
     * Checks, before records flow, that Kafka still has the records that this application's state and files follow.
     *
     * @param applied the position in {@code signals-accepted} up to which the files of each shard are written
     * @param recreated of {@link Outcome}
     * @throws AdminException naming the missing records and the remedies
     */
    public void checkContinuity(Map<Integer, Long> applied, Set<String> recreated) {
        cluster.checkContinuity(applied, recreated);
    }

    public ClusterChecks cluster() {
        return cluster;
    }

    /** Returns whether a partition of any topic has committed records in a range of offsets; the end is exclusive. */
    public boolean hasRecords(TopicPartition partition, long from, long to) {
        return TopicReader.hasRecords(settings, partition, from, to);
    }

    public AcceptedTopic accepted() {
        return accepted;
    }

    @Override
    public void close() {
        admin.close(Duration.ZERO); // all calls have completed or been abandoned
    }
}
