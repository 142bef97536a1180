package io.tidegate.admin;

import static io.tidegate.admin.TopicRole.ACCEPTED;
import static io.tidegate.admin.TopicRole.BY_TENANT;
import static io.tidegate.admin.TopicRole.CHANGELOG;
import static io.tidegate.admin.TopicRole.COMMANDS;
import static io.tidegate.admin.TopicRole.CONFIGS;
import static io.tidegate.admin.TopicRole.DEAD_LETTER;
import static io.tidegate.admin.TopicRole.EVENTS;
import static io.tidegate.admin.TopicRole.OWNERS;
import static io.tidegate.admin.TopicRole.QUOTA_EXCEEDED;
import static io.tidegate.admin.TopicRole.SEGMENTS;
import static io.tidegate.admin.TopicRole.SIGNALS;

import io.tidegate.admin.TopicRule.AtLeast;
import io.tidegate.admin.TopicRule.AtStart;
import io.tidegate.admin.TopicRule.Demand;
import io.tidegate.admin.TopicRule.Exactly;
import io.tidegate.admin.TopicRule.IngressRetention;
import io.tidegate.admin.TopicRule.NoMoreThanShards;
import io.tidegate.admin.TopicRule.NotLowered;
import io.tidegate.admin.TopicRule.SameAsState;
import io.tidegate.admin.TopicRule.Shards;
import io.tidegate.admin.TopicRule.TwoInSync;
import io.tidegate.admin.TopicRule.Unchanged;
import io.tidegate.admin.TopicRule.Unlimited;
import io.tidegate.admin.TopicRule.When;
import io.tidegate.admin.TopicRule.WhileRunning;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import org.apache.kafka.common.config.TopicConfig;

/**
 * All properties of topics that Tidegate's guarantees depend on: the values at creation, those required at start, and those
 * watched while an instance runs. {@code docs/topics.md} is generated from this table.
 */
final class TopicRules {
    private static final String ANY_TIME = Long.toString(Long.MAX_VALUE);
    private static final long MESSAGE_BYTES_MIN = 16 * 1024;

    /** Changelogs accept records of this size, so producers do too. */
    static final long STATE_BYTES_MIN = 1024 * 1024;

    /** A dead letter is the whole record with added headers, so its topic accepts slightly larger records than the ingress. */
    private static final long DEAD_LETTER_BYTES = 1024 * 1024 + 64 * 1024;

    private static final Set<TopicRole> ALL_TOPICS = EnumSet.allOf(TopicRole.class);
    /** The inputs and the changelogs of admit; {@code signals-accepted} is the changelog of the WAL. */
    static final Set<TopicRole> STATE = EnumSet.of(BY_TENANT, COMMANDS, ACCEPTED, CHANGELOG);

    private static final Set<TopicRole> INNER = EnumSet.complementOf(EnumSet.of(SIGNALS));

    static final List<TopicRule> TABLE = List.of(
            rule(
                    Set.of(SIGNALS),
                    TopicConfig.MESSAGE_TIMESTAMP_TYPE_CONFIG,
                    new Exactly("LogAppendTime"),
                    When.BROKERS_SET_TIME,
                    AtStart.FAIL,
                    WhileRunning.PAUSE,
                    "Producers could set the time of their signals and so refill their own buckets."),
            rule(
                    Set.of(BY_TENANT, ACCEPTED, QUOTA_EXCEEDED, DEAD_LETTER),
                    TopicConfig.MESSAGE_TIMESTAMP_TYPE_CONFIG,
                    new Exactly("CreateTime"),
                    AtStart.FAIL,
                    WhileRunning.PAUSE,
                    "Signals would lose the time at which they arrived, and be judged by another."),
            created(
                    Set.of(SEGMENTS, COMMANDS, EVENTS),
                    TopicConfig.MESSAGE_TIMESTAMP_TYPE_CONFIG,
                    "CreateTime",
                    "Reports and commands keep the time of their cause."),
            rule(
                    Set.of(BY_TENANT, ACCEPTED, QUOTA_EXCEEDED, DEAD_LETTER, SEGMENTS, EVENTS, CHANGELOG),
                    TopicConfig.MESSAGE_TIMESTAMP_BEFORE_MAX_MS_CONFIG,
                    new Exactly(ANY_TIME),
                    AtStart.FAIL,
                    WhileRunning.PAUSE,
                    "After an outage, brokers would reject signals older than the limit, and processing would fail."),
            rule(
                    Set.of(BY_TENANT, ACCEPTED, QUOTA_EXCEEDED, DEAD_LETTER, SEGMENTS, EVENTS, CHANGELOG),
                    TopicConfig.MESSAGE_TIMESTAMP_AFTER_MAX_MS_CONFIG,
                    new Exactly(ANY_TIME),
                    When.PRODUCERS_SET_TIME,
                    AtStart.FAIL,
                    WhileRunning.PAUSE,
                    "Brokers would reject signals with a time in the future, and processing would fail."),
            rule(
                    Set.of(SIGNALS, BY_TENANT, COMMANDS, ACCEPTED, QUOTA_EXCEEDED, DEAD_LETTER, EVENTS),
                    TopicConfig.CLEANUP_POLICY_CONFIG,
                    new Exactly("delete"),
                    AtStart.FAIL,
                    WhileRunning.PAUSE,
                    "Compaction deletes all but the last record with a key, and rejects records without one."),
            rule(
                    Set.of(CONFIGS, SEGMENTS, CHANGELOG, OWNERS),
                    TopicConfig.CLEANUP_POLICY_CONFIG,
                    new Exactly("compact"),
                    AtStart.FAIL,
                    WhileRunning.REPORT,
                    "The topic is a table: brokers would delete entries that are still valid."),
            rule(
                    Set.of(BY_TENANT, COMMANDS),
                    TopicConfig.RETENTION_BYTES_CONFIG,
                    new Unlimited(),
                    AtStart.FAIL,
                    WhileRunning.REPORT,
                    "Brokers would delete records before they are read. Pausing would only let more of them be deleted."),
            rule(
                    Set.of(ACCEPTED),
                    TopicConfig.RETENTION_BYTES_CONFIG,
                    new Unlimited(),
                    AtStart.FAIL,
                    WhileRunning.REPORT,
                    "Files are restored from this topic. Brokers would delete records that a copy of the WAL still lacks."),
            rule(
                    Set.of(SIGNALS, QUOTA_EXCEEDED, DEAD_LETTER, EVENTS),
                    TopicConfig.RETENTION_BYTES_CONFIG,
                    new Unlimited(),
                    AtStart.WARN,
                    WhileRunning.REPORT,
                    "A burst of records, or an outage, can make brokers delete records before they are read."),
            rule(
                    Set.of(BY_TENANT),
                    TopicConfig.RETENTION_MS_CONFIG,
                    new IngressRetention(),
                    AtStart.FAIL,
                    WhileRunning.REPORT,
                    "Signals keep their time: after an outage, brokers would delete them before they are read."),
            rule(
                    Set.of(ACCEPTED),
                    TopicConfig.RETENTION_MS_CONFIG,
                    new IngressRetention(),
                    AtStart.FAIL,
                    WhileRunning.REPORT,
                    "Signals keep their time: after an outage, brokers would delete them before a copy of the WAL is restored."),
            rule(
                    TopicPlan.ANSWERS,
                    TopicConfig.RETENTION_MS_CONFIG,
                    new IngressRetention(),
                    AtStart.WARN,
                    WhileRunning.REPORT,
                    "Answers have the time of their signal: brokers could delete that of an old signal before it is read."),
            rule(
                    EnumSet.complementOf(EnumSet.of(DEAD_LETTER, CHANGELOG)),
                    TopicConfig.MAX_MESSAGE_BYTES_CONFIG,
                    new AtLeast(MESSAGE_BYTES_MIN, null),
                    AtStart.FAIL,
                    WhileRunning.PAUSE,
                    "Records with Tidegate's headers would not fit."),
            rule(
                    Set.of(DEAD_LETTER),
                    TopicConfig.MAX_MESSAGE_BYTES_CONFIG,
                    new AtLeast(MESSAGE_BYTES_MIN, DEAD_LETTER_BYTES),
                    AtStart.FAIL,
                    WhileRunning.PAUSE,
                    "A dead letter is the whole record with headers."),
            rule(
                    Set.of(CHANGELOG),
                    TopicConfig.MAX_MESSAGE_BYTES_CONFIG,
                    new AtLeast(STATE_BYTES_MIN, STATE_BYTES_MIN),
                    AtStart.FAIL,
                    WhileRunning.PAUSE,
                    "The state of a tenant would not fit, and processing would fail."),
            rule(
                    EnumSet.complementOf(EnumSet.of(SIGNALS, CONFIGS, OWNERS)),
                    TopicConfig.MAX_MESSAGE_BYTES_CONFIG,
                    new NotLowered(),
                    AtStart.WARN,
                    WhileRunning.PAUSE,
                    "The size of the largest signal is fixed at start; larger records would fail."),
            rule(
                    INNER,
                    TopicConfig.UNCLEAN_LEADER_ELECTION_ENABLE_CONFIG,
                    new Exactly("false"),
                    AtStart.FAIL,
                    WhileRunning.REPORT,
                    "Brokers could lose records that were acknowledged."),
            rule(
                    Set.of(SIGNALS),
                    TopicConfig.UNCLEAN_LEADER_ELECTION_ENABLE_CONFIG,
                    new Exactly("false"),
                    AtStart.WARN,
                    WhileRunning.REPORT,
                    "Brokers could lose signals that were acknowledged to a producer."),
            rule(
                    ALL_TOPICS,
                    TopicConfig.MIN_IN_SYNC_REPLICAS_CONFIG,
                    new TwoInSync(),
                    AtStart.WARN,
                    WhileRunning.REPORT,
                    "The loss of one broker could lose records that were acknowledged."),
            rule(
                    Set.of(BY_TENANT, COMMANDS, ACCEPTED, SEGMENTS),
                    TopicRule.PARTITIONS,
                    new Shards(),
                    AtStart.FAIL,
                    WhileRunning.REPORT,
                    "A tenant's partition is its shard. Additional partitions stay empty."),
            rule(
                    Set.of(SIGNALS),
                    TopicRule.PARTITIONS,
                    new Shards(),
                    When.KEYED_INGRESS,
                    AtStart.FAIL,
                    WhileRunning.REPORT,
                    "Producers would write to other partitions than the tenant's, and tasks would lack an input."),
            rule(
                    Set.of(SIGNALS),
                    TopicRule.PARTITIONS,
                    new NoMoreThanShards(),
                    When.KEYED_INGRESS,
                    AtStart.WARN,
                    WhileRunning.REPORT,
                    "Producers would write to other partitions than the tenant's: their signals take the inner topic."),
            rule(
                    Set.of(SIGNALS),
                    TopicRule.PARTITIONS,
                    new SameAsState(),
                    When.KEYED_INGRESS,
                    AtStart.WARN,
                    WhileRunning.REPORT,
                    "With the streams group protocol, tasks would ask for partitions that do not exist, before each poll."),
            rule(
                    STATE,
                    TopicRule.PARTITIONS,
                    new SameAsState(),
                    AtStart.WARN,
                    WhileRunning.REPORT,
                    "Kafka Streams fails if a changelog does not have a partition for each task."),
            rule(
                    ALL_TOPICS,
                    TopicRule.TOPIC_ID,
                    new Unchanged(),
                    AtStart.WARN,
                    WhileRunning.STOP,
                    "The topic was deleted and created again: its records, and all positions in it, are gone."));

    private TopicRules() {}

    static List<TopicRule> of(TopicRole role) {
        return TABLE.stream().filter(rule -> rule.roles().contains(role)).toList();
    }

    private static TopicRule rule(
            Set<TopicRole> roles,
            String property,
            Demand demand,
            AtStart atStart,
            WhileRunning whileRunning,
            String why) {
        return rule(roles, property, demand, When.ALWAYS, atStart, whileRunning, why);
    }

    private static TopicRule rule(
            Set<TopicRole> roles,
            String property,
            Demand demand,
            When when,
            AtStart atStart,
            WhileRunning whileRunning,
            String why) {
        return new TopicRule(EnumSet.copyOf(roles), property, demand, when, atStart, whileRunning, why);
    }

    private static TopicRule created(Set<TopicRole> roles, String property, String value, String why) {
        return rule(roles, property, new Exactly(value), AtStart.WARN, WhileRunning.REPORT, why);
    }

    /** Returns the table as a documentation page; a test checks that {@code docs/topics.md} equals it. */
    static String markdown() {
        StringBuilder page = new StringBuilder("""
                # Topic settings

                Generated from the code by `tidegate config topics`. Do not edit.

                Tidegate's guarantees depend on these topic properties. Tidegate creates missing topics with them, checks all topics at
                start, and checks them again while an instance runs, every `topics.check.interval.ms` (20 s). It never changes the
                settings of an existing topic; it only adds partitions that topics of the state lack. A finding names the topic, the
                value and the remedy, as a command where one is enough. It is in the log, in `tidegate doctor`, in `/v1/status` (`topic_findings`)
                and in the metric `tidegate_topic_findings`, which has an alert.

                Records that brokers delete before they are read are lost signals, whatever the cause: the log names the
                exact offsets, `tidegate_lost_records_total` counts them, and an alert fires.

                | topics | property | must be | at start, Tidegate | running, an instance | otherwise |
                | --- | --- | --- | --- | --- | --- |
                """);
        for (TopicRule rule : TABLE) {
            page.append("| %s | `%s` | %s%s | %s | %s | %s |\n"
                    .formatted(
                            roles(rule.roles()),
                            rule.property(),
                            rule.demand().text(),
                            rule.when().text(),
                            rule.demand() instanceof NotLowered || rule.demand() instanceof Unchanged
                                    ? "–"
                                    : rule.atStart().text(),
                            rule.whileRunning().text(),
                            rule.why()));
        }
        page.append("""

                A missing topic ends an instance, as a new topic id does. Names are the default ones; the rules follow a topic's
                purpose, not its name. The topic `<application.id>-replays` is not in the table: the first `tidegate rejections replay`
                creates it, compacted, to record its progress.
                """);
        return page.toString();
    }

    private static String roles(Set<TopicRole> roles) {
        if (roles.equals(ALL_TOPICS)) {
            return "all";
        }
        boolean most = roles.size() > ALL_TOPICS.size() / 2 + 1;
        String names = Arrays.stream(TopicRole.values())
                .filter(role -> roles.contains(role) != most)
                .map(role -> role == CHANGELOG ? role.title() : "`" + role.title() + "`")
                .collect(Collectors.joining(", "));
        return most ? "all except " + names : names;
    }
}
