package io.tidegate.admin;

import io.tidegate.config.Settings;
import java.util.Collection;
import org.apache.kafka.common.security.auth.SecurityProtocol;

/**
 * A command that fixes a finding, exactly as an error message or {@code tidegate doctor} prints it. All recommended commands
 * are created here, so that a test can run each kind.
 *
 * @param kind the kind of command; a test runs one command of each kind
 * @param command the command line, ready to paste
 */
public record Remedy(Kind kind, String command) {
    /** The kinds of commands that messages recommend. */
    public enum Kind {
        SET_TOPIC_CONFIG,
        ADD_PARTITIONS,
        UPGRADE_FEATURE,
        ABORT_TRANSACTION,
        ALLOW_TOPIC_OPERATION,
        CREATE_TOPICS,
        RESET_OFFSETS,
        TAKE_OVER
    }

    private static final String TOPIC_CONFIG =
            "kafka-configs.sh --bootstrap-server %s --alter --entity-type topics --entity-name %s --add-config %s=%s";

    /**
     * Returns the bootstrap servers for the option {@code --bootstrap-server} of Kafka's tools. For a secured cluster, the
     * tools also need a file with the client's security settings: those under {@code kafka.}, without this prefix.
     */
    public static String cluster(Settings settings) {
        return settings.securityProtocol() == SecurityProtocol.PLAINTEXT
                ? settings.bootstrapServers()
                : settings.bootstrapServers() + " --command-config /path/to/client.properties";
    }

    public static Remedy setTopicConfig(String cluster, String topic, String setting, String value) {
        return new Remedy(Kind.SET_TOPIC_CONFIG, TOPIC_CONFIG.formatted(cluster, topic, setting, value));
    }

    public static Remedy addPartitions(String cluster, String topic, int count) {
        return new Remedy(
                Kind.ADD_PARTITIONS,
                "kafka-topics.sh --bootstrap-server %s --alter --topic %s --partitions %d"
                        .formatted(cluster, topic, count));
    }

    public static Remedy upgradeFeature(String cluster, String feature, int level) {
        return new Remedy(
                Kind.UPGRADE_FEATURE,
                "kafka-features.sh --bootstrap-server %s upgrade --feature %s=%d".formatted(cluster, feature, level));
    }

    public static Remedy abortTransaction(String cluster, String topic, int partition, long startOffset) {
        return new Remedy(
                Kind.ABORT_TRANSACTION,
                "kafka-transactions.sh --bootstrap-server %s abort --topic %s --partition %d --start-offset %d"
                        .formatted(cluster, topic, partition, startOffset));
    }

    public static Remedy allow(String cluster, String topic, String operation) {
        return new Remedy(
                Kind.ALLOW_TOPIC_OPERATION,
                "kafka-acls.sh --bootstrap-server %s --add --allow-principal User:NAME --topic %s --operation %s"
                        .formatted(cluster, topic, operation));
    }

    public static Remedy createTopics() {
        return new Remedy(Kind.CREATE_TOPICS, "tidegate init");
    }

    public static Remedy resetOffsets(Collection<String> topics, String to) {
        return new Remedy(
                Kind.RESET_OFFSETS, "tidegate reset --topic %s %s".formatted(String.join(" --topic ", topics), to));
    }

    public static Remedy takeOver() {
        return new Remedy(Kind.TAKE_OVER, "tidegate init --take-over");
    }

    @Override
    public String toString() {
        return command;
    }
}
