package io.tidegate.admin;

import io.tidegate.config.Settings;
import io.tidegate.contract.StateKeys;
import io.tidegate.contract.Topics;
import io.tidegate.streams.KafkaInternals;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.common.config.TopicConfig;

/** The topics of a deployment: their roles, and the settings with which missing ones are created. */
public final class TopicPlan {
    static final long FOREVER = -1;

    /** The topics whose records report about signals and carry the signals' times. */
    static final Set<TopicRole> ANSWERS = EnumSet.of(TopicRole.QUOTA_EXCEEDED, TopicRole.DEAD_LETTER, TopicRole.EVENTS);

    /** How much longer than the ingress the outcomes of signals are kept. */
    private static final long ANSWERS_MORE_MS = Duration.ofDays(7).toMillis();

    private final Settings settings;

    public TopicPlan(Settings settings) {
        this.settings = settings;
    }

    /** Returns the topics that this deployment owns, with their roles. Includes state changelogs, which are created later. */
    Map<String, TopicRole> roles() {
        Map<String, TopicRole> roles = new LinkedHashMap<>();
        Topics topics = settings.topics();
        topics.signals().forEach(name -> roles.put(name, TopicRole.SIGNALS));
        roles.put(topics.byTenant(), TopicRole.BY_TENANT);
        roles.put(topics.configs(), TopicRole.CONFIGS);
        roles.put(topics.accepted(), TopicRole.ACCEPTED);
        roles.put(topics.quotaExceeded(), TopicRole.QUOTA_EXCEEDED);
        roles.put(topics.deadLetter(), TopicRole.DEAD_LETTER);
        roles.put(topics.segments(), TopicRole.SEGMENTS);
        roles.put(topics.commands(), TopicRole.COMMANDS);
        roles.put(topics.events(), TopicRole.EVENTS);
        roles.put(settings.ownersTopic(), TopicRole.OWNERS);
        changelogs().forEach(name -> roles.put(name, TopicRole.CHANGELOG));
        return roles;
    }

    List<String> changelogs() {
        return StateKeys.LOGGED_STORES.stream()
                .map(store -> KafkaInternals.changelog(settings.applicationId(), store))
                .toList();
    }

    /** Returns the ingress topics, including those of other regions. */
    Map<String, NewTopic> ingress() {
        List<String> names = new ArrayList<>(settings.topics().signals());
        names.addAll(settings.otherRegionsTopics());
        Map<String, NewTopic> wanted = new LinkedHashMap<>();
        names.forEach(name -> wanted.put(name, topic(name, TopicRole.SIGNALS, FOREVER)));
        return wanted;
    }

    /** @param ingressRetentionMs the retention of the ingress topics; may be {@link #FOREVER} */
    Map<String, NewTopic> internal(long ingressRetentionMs) {
        Map<String, NewTopic> wanted = new LinkedHashMap<>();
        roles().forEach((name, role) -> {
            if (role != TopicRole.SIGNALS && role != TopicRole.CHANGELOG) {
                wanted.put(name, topic(name, role, ingressRetentionMs));
            }
        });
        return wanted;
    }

    /** Returns the settings with which Kafka Streams creates state changelogs. */
    public static Map<String, String> changelogConfig() {
        Map<String, String> config = created(TopicRole.CHANGELOG);
        config.remove(TopicConfig.CLEANUP_POLICY_CONFIG); // Kafka Streams sets it by the type of the store
        return config;
    }

    /** Returns {@link TopicRules} as a documentation page. */
    public static String reference() {
        return TopicRules.markdown();
    }

    private NewTopic topic(String name, TopicRole role, long ingressRetentionMs) {
        Map<String, String> config = created(role);
        if (role == TopicRole.SIGNALS) {
            // Even if producers may set the time: that has to be chosen on an existing topic.
            config.put(TopicConfig.MESSAGE_TIMESTAMP_TYPE_CONFIG, "LogAppendTime");
        } else if (role == TopicRole.BY_TENANT) {
            config.put(
                    TopicConfig.RETENTION_MS_CONFIG, retentionMs(ingressRetentionMs, settings.byTenantRetentionMs()));
        } else if (ANSWERS.contains(role)) {
            config.put(TopicConfig.RETENTION_MS_CONFIG, retentionMs(ingressRetentionMs, ANSWERS_MORE_MS));
        } else if (role == TopicRole.ACCEPTED) {
            config.put(TopicConfig.RETENTION_MS_CONFIG, Long.toString(settings.acceptedRetentionMs()));
        }
        // One partition: changes are totally ordered, an offset alone identifies the config in force, and the first
        // claim wins.
        int partitions = role == TopicRole.CONFIGS || role == TopicRole.OWNERS ? 1 : settings.shards();
        short replication = settings.replicationFactor();
        return new NewTopic(
                        name, Optional.of(partitions), replication < 0 ? Optional.empty() : Optional.of(replication))
                .configs(config);
    }

    private static Map<String, String> created(TopicRole role) {
        Map<String, String> config = new HashMap<>();
        for (TopicRule rule : TopicRules.of(role)) {
            String value = rule.demand().created();
            if (value != null) {
                config.put(rule.property(), value);
            }
        }
        return config;
    }

    /**
     * Returns the retention of a topic whose records keep the time of their signals. Brokers delete by that time: a record about a
     * signal that waited in the ingress topic for days is that old when it is written, and must not be deleted before it is
     * read.
     *
     * @param more how much longer than the ingress topics
     */
    private static String retentionMs(long ingressRetentionMs, long more) {
        return Long.toString(
                ingressRetentionMs < 0 || more < 0 || more > Long.MAX_VALUE - ingressRetentionMs
                        ? FOREVER
                        : ingressRetentionMs + more);
    }

    /** Returns the longest retention of the ingress topics; {@link #FOREVER} if one has no limit. */
    static long ingressRetentionMs(Collection<TopicState> topics) {
        long longest = 0;
        for (TopicState topic : topics) {
            if (topic.role() == TopicRole.SIGNALS) {
                long retentionMs = topic.number(TopicConfig.RETENTION_MS_CONFIG);
                longest = retentionMs < 0 || longest < 0 ? FOREVER : Math.max(longest, retentionMs);
            }
        }
        return longest;
    }
}
