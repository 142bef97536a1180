package io.tidegate.admin;

import io.tidegate.admin.TopicRule.WhileRunning;
import io.tidegate.config.Settings;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.kafka.common.KafkaException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Checks topics while an instance runs, against {@link TopicRules} and against their state at its start, and compares
 * {@linkplain SettingsAgreement settings} with those of other instances. A topic that was replaced or deleted ends the
 * instance, but only if two consecutive checks find it. Not thread-safe.
 */
public final class TopicWatch {
    /**
     * The current problems.
     *
     * @param findings all problems
     * @param pausing those for which processing must pause
     * @param ending those that end the instance
     */
    public record Report(List<String> findings, List<String> pausing, List<String> ending) {}

    private static final Logger LOG = LoggerFactory.getLogger(TopicWatch.class);

    private final TopicStates states;
    private final StatePartitions statePartitions;
    private final TopicPlan plan;
    private final TopicCheck check;
    private final TopicOwners owners;
    private final Map<String, TopicState> atStart;
    private Set<String> suspected = Set.of();

    TopicWatch(
            Settings settings,
            TopicStates states,
            StatePartitions statePartitions,
            TopicPlan plan,
            TopicOwners owners,
            Map<String, TopicState> atStart) {
        this.states = states;
        this.statePartitions = statePartitions;
        this.plan = plan;
        this.owners = owners;
        this.check = new TopicCheck(settings);
        this.atStart = new HashMap<>(atStart);
    }

    /**
     * Adds the partitions that topics of the state lack.
     *
     * @return the topics afterwards; if partitions cannot be added, the check reports it
     */
    private Map<String, TopicState> level(Map<String, TopicState> now) {
        try {
            return statePartitions.level(now.values()).isEmpty() ? now : states.existing(plan.roles());
        } catch (AdminException e) {
            LOG.error("partitions cannot be added: {}", e.getMessage());
            return now;
        }
    }

    private @Nullable String differenceOfSettings(Map<String, TopicState> now) {
        try {
            return now.values().stream()
                    .filter(topic -> topic.role() == TopicRole.ACCEPTED)
                    .findFirst()
                    .map(owners::differenceOfSettings)
                    .orElse(null);
        } catch (AdminException | KafkaException e) {
            // A stop of the instance interrupts the query.
            if (!Thread.currentThread().isInterrupted()) {
                LOG.warn("the settings of other instances could not be compared: {}", e.getMessage());
            }
            return null;
        }
    }

    /** @throws AdminException if the brokers do not answer */
    public Report check() {
        Map<String, TopicState> now = level(states.existing(plan.roles()));
        now.forEach(atStart::putIfAbsent);
        List<TopicFinding> findings = new ArrayList<>(check.findings(now.values(), atStart));
        atStart.forEach((name, before) -> {
            if (!now.containsKey(name) && states.isMissing(name)) {
                findings.add(check.missing(before));
            }
        });
        Set<String> suspects = new HashSet<>();
        List<String> all = new ArrayList<>();
        List<String> pausing = new ArrayList<>();
        List<String> ending = new ArrayList<>();
        for (TopicFinding finding : findings) {
            String text = finding.toString();
            all.add(text);
            WhileRunning then = finding.rule().whileRunning();
            if (then == WhileRunning.PAUSE) {
                pausing.add(text);
            } else if (then == WhileRunning.STOP) {
                suspects.add(text);
                if (suspected.contains(text)) {
                    ending.add(text);
                }
            }
        }
        suspected = suspects;
        String difference = differenceOfSettings(now);
        if (difference != null) {
            all.add(difference);
        }
        return new Report(all, pausing, ending);
    }
}
