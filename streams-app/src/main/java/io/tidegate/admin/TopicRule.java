package io.tidegate.admin;

import io.tidegate.config.Settings;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * One row of {@link TopicRules}: a property of topics that a guarantee depends on.
 *
 * @param roles the topics to which the rule applies
 * @param property the topic's setting, or {@link #PARTITIONS} or {@link #TOPIC_ID}
 * @param demand the required value of the property
 * @param when the deployments to which the rule applies; topics are created with the value in all of them
 * @param atStart the reaction at start if the rule is broken
 * @param whileRunning the reaction of a running instance if the rule is broken
 * @param why the consequence of a broken rule
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

    /** The deployments to which a rule applies. */
    enum When {
        ALWAYS(""),
        /** The brokers set the time of signals. */
        BROKERS_SET_TIME(" (with `" + Settings.REQUIRE_LOG_APPEND_TIME + "=true`)"),
        /** Producers may set any time for signals. */
        PRODUCERS_SET_TIME(" (with `" + Settings.REQUIRE_LOG_APPEND_TIME + "=false`)"),
        /** Producers use the tenant as the key. */
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

    /** The reaction at start. */
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

    /** The reaction of a running instance. Ordered by severity. */
    enum WhileRunning {
        /** Processing is still correct, or pausing would make it worse. Only logs, metrics and status show it. */
        REPORT("reports it"),
        /** Processing would fail or decide wrongly: it stops until the topic meets the rule again. */
        PAUSE("pauses until it is fixed"),
        /** The topic was replaced: an operator must decide how to continue. */
        STOP("ends, and reports what to do");

        private final String text;

        WhileRunning(String text) {
            this.text = text;
        }

        String text() {
            return text;
        }
    }

    /** The required value of a property. */
    sealed interface Demand {
        /** Returns the text for the documentation. */
        String text();

        /** Returns the value with which topics are created; null if it depends on the deployment. */
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

    /** No limit: any negative value. */
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

    /** At least the retention of the topics in {@code topic.signals}. */
    record IngressRetention() implements Demand {
        @Override
        public String text() {
            return "at least that of `signals`";
        }
    }

    /** One partition for each shard; additional ones stay empty. */
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

    /** At least two replicas in sync if a topic has three or more. */
    record TwoInSync() implements Demand {
        @Override
        public String text() {
            return "at least 2 if the topic has 3 or more replicas";
        }
    }

    /** At least the value at the instance's start. */
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
