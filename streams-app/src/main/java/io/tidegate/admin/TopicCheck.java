package io.tidegate.admin;

import io.tidegate.admin.TopicRule.AtLeast;
import io.tidegate.admin.TopicRule.Exactly;
import io.tidegate.admin.TopicRule.IngressRetention;
import io.tidegate.admin.TopicRule.NoMoreThanShards;
import io.tidegate.admin.TopicRule.NotLowered;
import io.tidegate.admin.TopicRule.SameAsState;
import io.tidegate.admin.TopicRule.Shards;
import io.tidegate.admin.TopicRule.TwoInSync;
import io.tidegate.admin.TopicRule.Unchanged;
import io.tidegate.admin.TopicRule.Unlimited;
import io.tidegate.config.Settings;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.kafka.common.config.TopicConfig;
import org.jspecify.annotations.Nullable;

/** Compares topics with {@link TopicRules}. Pure: it works on the brokers' answers and sends no requests. */
final class TopicCheck {
    private static final int REPLICAS_FOR_TWO_IN_SYNC = 3;

    private final String cluster;
    private final int shards;
    private final boolean requireLogAppendTime;
    private final boolean keyedIngress;
    private final String applicationId;

    TopicCheck(Settings settings) {
        cluster = Remedy.cluster(settings);
        shards = settings.shards();
        requireLogAppendTime = settings.requireLogAppendTime();
        keyedIngress = settings.keyedIngress();
        applicationId = settings.applicationId();
    }

    /**
     * Returns the rules that topics break.
     *
     * @param topics their current state
     * @param atStart their state when the instance started, by name; empty at start
     */
    List<TopicFinding> findings(Collection<TopicState> topics, Map<String, TopicState> atStart) {
        List<TopicFinding> findings = new ArrayList<>();
        long ingressMs = TopicPlan.ingressRetentionMs(topics);
        int ofState = StatePartitions.count(topics, keyedIngress);
        for (TopicState topic : topics) {
            for (TopicRule rule : TopicRules.of(topic.role())) {
                TopicFinding finding = rule.when().holds(requireLogAppendTime, keyedIngress)
                        ? finding(topic, rule, ingressMs, ofState, atStart.get(topic.name()))
                        : null;
                if (finding != null) {
                    findings.add(finding);
                }
            }
        }
        return findings;
    }

    /** Returns the finding for a topic that existed when the instance started, and is missing now. */
    TopicFinding missing(TopicState before) {
        return new TopicFinding(
                before.name(),
                TopicRules.TABLE.get(TopicRules.TABLE.size() - 1),
                ("topic %s (id %s) was deleted while the instance ran. Stop all instances of %s before you create it again;"
                                + " then start one, which reports how to continue")
                        .formatted(before.name(), before.id(), applicationId),
                null);
    }

    private @Nullable TopicFinding finding(
            TopicState topic, TopicRule rule, long ingressMs, int ofState, @Nullable TopicState before) {
        String name = rule.property();
        String found = topic.value(name);
        if (rule.demand() instanceof Exactly exactly) {
            return found.equals(exactly.value()) || isImplied(topic, name, exactly.value())
                    ? null
                    : set(topic, rule, "it must be " + exactly.value() + hint(name, exactly.value()), exactly.value());
        } else if (rule.demand() instanceof Unlimited) {
            return topic.number(name) < 0 ? null : set(topic, rule, "it must be -1 (unlimited)", "-1");
        } else if (rule.demand() instanceof AtLeast least) {
            return topic.number(name) >= least.least()
                    ? null
                    : set(topic, rule, "at least %d is needed".formatted(least.least()), Long.toString(least.least()));
        } else if (rule.demand() instanceof IngressRetention) {
            long ms = topic.number(name);
            return ms < 0 || (ingressMs >= 0 && ms >= ingressMs)
                    ? null
                    : set(
                            topic,
                            rule,
                            "less than its ingress (%d): records of old signals would be deleted before they are read"
                                    .formatted(ingressMs),
                            Long.toString(ingressMs));
        } else if (rule.demand() instanceof TwoInSync) {
            return topic.replicas() < REPLICAS_FOR_TWO_IN_SYNC || topic.number(name) >= 2
                    ? null
                    : set(topic, rule, "at least 2 is needed, as it has %d replicas".formatted(topic.replicas()), "2");
        } else if (rule.demand() instanceof NotLowered) {
            return before == null || topic.number(name) >= before.number(name)
                    ? null
                    : set(
                            topic,
                            rule,
                            "it was %s when the instance started".formatted(before.value(name)),
                            before.value(name));
        } else if (rule.demand() instanceof Shards) {
            return topic.partitions() >= shards
                    ? null
                    : add(
                            topic,
                            rule,
                            "at least %d are needed (%s)".formatted(shards, Settings.SHARDS),
                            Math.max(shards, StatePartitions.isOfState(topic.role(), keyedIngress) ? ofState : 0));
        } else if (rule.demand() instanceof NoMoreThanShards) {
            return topic.partitions() <= shards ? null : moreThanShards(topic, rule);
        } else if (rule.demand() instanceof SameAsState) {
            boolean isTooFewForShards = topic.role() != TopicRole.CHANGELOG && topic.partitions() < shards;
            return topic.partitions() >= ofState || isTooFewForShards // reported as a separate finding
                    ? null
                    : add(
                            topic,
                            rule,
                            "%d are needed, as many as the other topics of the tenants' state have".formatted(ofState),
                            ofState);
        } else if (rule.demand() instanceof Unchanged) {
            return before == null || found.equals(before.value(name)) ? null : recreated(topic, rule, before);
        }
        throw new IllegalStateException("no check for " + rule.demand());
    }

    /** Returns whether a rule holds by itself: with LogAppendTime, the broker sets record times, so no limit on times rejects any. */
    private static boolean isImplied(TopicState topic, String property, String wanted) {
        return Set.of(
                                TopicConfig.MESSAGE_TIMESTAMP_BEFORE_MAX_MS_CONFIG,
                                TopicConfig.MESSAGE_TIMESTAMP_AFTER_MAX_MS_CONFIG)
                        .contains(property)
                && wanted.equals(Long.toString(Long.MAX_VALUE))
                && topic.value(TopicConfig.MESSAGE_TIMESTAMP_TYPE_CONFIG).equals("LogAppendTime");
    }

    private static String hint(String property, String value) {
        return property.equals(TopicConfig.MESSAGE_TIMESTAMP_TYPE_CONFIG) && value.equals("LogAppendTime")
                ? " (or allow it with %s=false)".formatted(Settings.REQUIRE_LOG_APPEND_TIME)
                : "";
    }

    private TopicFinding set(TopicState topic, TopicRule rule, String must, String value) {
        return new TopicFinding(
                topic.name(),
                rule,
                "topic %s has %s=%s, %s".formatted(topic.name(), rule.property(), topic.value(rule.property()), must),
                Remedy.setTopicConfig(cluster, topic.name(), rule.property(), value));
    }

    private TopicFinding add(TopicState topic, TopicRule rule, String must, int wanted) {
        return new TopicFinding(
                topic.name(),
                rule,
                "topic %s has %d partitions, %s".formatted(topic.name(), topic.partitions(), must),
                Remedy.addPartitions(cluster, topic.name(), wanted));
    }

    private static TopicFinding moreThanShards(TopicState topic, TopicRule rule) {
        return new TopicFinding(
                topic.name(),
                rule,
                ("topic %s has %d partitions, with %s=tenant it should not have more than %s: producers that choose among all"
                                + " of them miss the tenant's partition, and their signals take the inner topic. Let them"
                                + " choose among the first ones, or use another topic")
                        .formatted(topic.name(), topic.partitions(), Settings.INGRESS_PARTITIONING, Settings.SHARDS),
                null);
    }

    private static TopicFinding recreated(TopicState topic, TopicRule rule, TopicState before) {
        return new TopicFinding(
                topic.name(),
                rule,
                ("topic %s was deleted and created again while the instance ran: its id was %s and is %s. Its records, and"
                                + " the positions of all readers, are gone. Start the instance again: it checks what is left,"
                                + " and reports how to continue")
                        .formatted(topic.name(), before.id(), topic.id()),
                null);
    }
}
