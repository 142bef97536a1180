package io.tidegate.admin;

import io.tidegate.config.Settings;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * One row of {@link TopicRules}: a property of topics that a guarantee rests on.
 *
 * @param roles the topics that the rule is about
 * @param property the topic's setting, or {@link #PARTITIONS} or {@link #TOPIC_ID}
 * @param demand what the property must be
 * @param when the deployments that the rule holds for; topics are created with the value in all of them
 * @param atStart what happens at start where the rule is broken
 * @param whileRunning what happens where the rule is broken while an instance runs
 * @param why what would happen otherwise
 */
public record TopicRule(
        Set<TopicRole> roles,
        String property,
        Demand demand,
        When when,
        AtStart atStart,
        WhileRunning whileRunning,
        String why) {
    static final String PARTITIONS = "partitions";
    static final String TOPIC_ID = "topic id";

    /** The deployments that a rule holds for. */
    enum When {
        ALWAYS(""),
        /** The brokers set the time of signals. */
        BROKERS_SET_TIME(" (with `" + Settings.REQUIRE_LOG_APPEND_TIME + "=true`)"),
        /** Producers may set the time of signals, so it can be any time. */
        PRODUCERS_SET_TIME(" (with `" + Settings.REQUIRE_LOG_APPEND_TIME + "=false`)"),
        /** Producers key by tenant. */
        KEYED_INGRESS(" (with `" + Settings.INGRESS_PARTITIONING + "=tenant`)");

        private final String text;

        When(String text) {
            this.text = text;
        }

        String text() {
            return text;
        }

        boolean holds(boolean requireLogAppendTime, boolean keyedIngress) {
            return switch (this) {
                case ALWAYS -> true;
                case BROKERS_SET_TIME -> requireLogAppendTime;
                case PRODUCERS_SET_TIME -> !requireLogAppendTime;
                case KEYED_INGRESS -> keyedIngress;
            };
        }
    }

    /** What happens at start. */
    public enum AtStart {
        FAIL("does not start"),
        WARN("warns");

        private final String text;

        AtStart(String text) {
            this.text = text;
        }

        String text() {
            return text;
        }
    }

    /** What happens while an instance runs. Ordered by severity. */
    enum WhileRunning {
        /** Processing is still correct, or pausing would make it worse: log, metric and status only. */
        REPORT("reports it"),
        /** Processing would fail or decide wrongly: processing stops until the topic is as it must be again. */
        PAUSE("pauses until it is fixed"),
        /** The topic is another one now: an operator must decide how to continue. */
        STOP("ends, and says what to do");

        private final String text;

        WhileRunning(String text) {
            this.text = text;
        }

        String text() {
            return text;
        }
    }

    /** What a property must be. */
    sealed interface Demand {
        /** For the documentation. */
        String text();

        /** The value that topics are created with; null if it depends on the deployment. */
        default @Nullable String created() {
            return null;
        }
    }

    record Exactly(String value) implements Demand {
        @Override
        public String text() {
            return value.equals(Long.toString(Long.MAX_VALUE)) ? "unlimited (`" + value + "`)" : "`" + value + "`";
        }

        @Override
        public String created() {
            return value;
        }
    }

    /** A limit that must not exist: any negative value. */
    record Unlimited() implements Demand {
        @Override
        public String text() {
            return "unlimited (`-1`)";
        }

        @Override
        public String created() {
            return "-1";
        }
    }

    /** @param createdWith the value for new topics; null: the broker's default */
    record AtLeast(long least, @Nullable Long createdWith) implements Demand {
        @Override
        public String text() {
            return "at least %d%s"
                    .formatted(least, createdWith == null ? "" : " (created with %d)".formatted(createdWith));
        }

        @Override
        public @Nullable String created() {
            return createdWith == null ? null : createdWith.toString();
        }
    }

    /** At least as long as the topics in {@code topic.signals} keep signals. */
    record IngressRetention() implements Demand {
        @Override
        public String text() {
            return "at least that of `signals`";
        }
    }

    /** A partition for each shard; more stay empty. */
    record Shards() implements Demand {
        @Override
        public String text() {
            return "at least `" + Settings.SHARDS + "`";
        }
    }

    /** No more partitions than shards: producers that key by tenant then write to the tenant's partition. */
    record NoMoreThanShards() implements Demand {
        @Override
        public String text() {
            return "at most `" + Settings.SHARDS + "`";
        }
    }

    /** As many partitions as the other topics of a tenant's state; {@link StatePartitions} adds them. */
    record SameAsState() implements Demand {
        @Override
        public String text() {
            return "the same for all of these topics (Tidegate adds partitions)";
        }
    }

    /** Two replicas in sync where a topic has three or more. */
    record TwoInSync() implements Demand {
        @Override
        public String text() {
            return "at least 2 where the topic has 3 or more replicas";
        }
    }

    /** What it was when the instance started, or more. */
    record NotLowered() implements Demand {
        @Override
        public String text() {
            return "not less than at start";
        }
    }

    /** The same as when the instance started. */
    record Unchanged() implements Demand {
        @Override
        public String text() {
            return "the same as at start";
        }
    }
}
