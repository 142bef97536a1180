package io.tidegate.admin;

import java.util.Map;
import org.apache.kafka.common.Uuid;

/**
 * What the brokers say about one topic.
 *
 * @param config the settings in force, inherited ones included
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
