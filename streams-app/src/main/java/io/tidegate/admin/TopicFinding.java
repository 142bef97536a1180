package io.tidegate.admin;

import org.jspecify.annotations.Nullable;

/**
 * A broken rule.
 *
 * @param topic the topic's name
 * @param rule the rule
 * @param text the actual and the required state
 * @param remedy the command that fixes it; null if no single command does
 */
public record TopicFinding(
        String topic, TopicRule rule, String text, @Nullable Remedy remedy) {
    @Override
    public String toString() {
        return remedy == null ? text : text + ": " + remedy;
    }
}
