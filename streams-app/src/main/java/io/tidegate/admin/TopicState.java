package io.tidegate.admin;

import java.util.Map;
import org.apache.kafka.common.Uuid;

/**
 * The state of one topic, as the brokers report it.
 *
 * @param config the settings in force, including inherited ones
 */
record TopicState(String name, TopicRole role, Uuid id, int partitions, int replicas, Map<String, String> config) {
    TopicState {
        config = Map.copyOf(config);
    }

    String value(String property) {
        return switch (property) {
            case TopicRule.PARTITIONS -> Integer.toString(partitions);
            case TopicRule.TOPIC_ID -> id.toString();
            default -> config.getOrDefault(property, "");
        };
    }

    long number(String setting) {
        return Long.parseLong(value(setting));
    }
}
