package io.tidegate.admin;

import io.tidegate.config.Settings;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.errors.GroupIdNotFoundException;
import org.apache.kafka.common.errors.GroupNotEmptyException;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;

/**
 * Deletes the state of an application in Kafka: its group with all offsets, its topics, and its claims on them. Signals and
 * tenants' configs are shared, so they stay unless their deletion is requested.
 *
 * <p>Deletes the group first: brokers do not delete a group with members, so no instance can be running afterwards. If the
 * process dies in between, the next call deletes the rest.
 */
public final class StateRemoval implements AutoCloseable {
    /**
     * The groups and topics to delete.
     *
     * @param group the application's group; it may not exist
     * @param topics the existing topics to delete
     * @param kept signals and configs, if they stay
     */
    public record Plan(String group, List<String> topics, List<String> kept) {}

    private final Settings settings;
    private final Admin admin;
    private final TopicStates states;
    private final TopicOwners owners;

    public StateRemoval(Settings settings) {
        this.settings = settings;
        try {
            admin = Admin.create(settings.clientConfig());
        } catch (KafkaException e) {
            throw KafkaAnswers.noClient(settings, e);
        }
        states = new TopicStates(admin, settings.bootstrapServers());
        owners = new TopicOwners(settings, admin, states);
    }

    /**
     * Finds the group and topics to delete.
     *
     * @param all whether to delete signals and tenants' configs too
     * @throws AdminException if an instance runs, another application owns one of the topics, or tenants' configs are to be
     *     deleted and another application uses them
     */
    public Plan plan(boolean all) {
        owners.checkStopped(settings.applicationId());
        Map<String, TopicRole> roles = new LinkedHashMap<>(new TopicPlan(settings).roles());
        roles.remove(settings.ownersTopic()); // shared by all applications
        Map<String, TopicRole> owned = new LinkedHashMap<>(roles);
        owned.values().removeIf(role -> !TopicOwners.isOwned(role));
        owners.checkOwner(states.existing(owned).values());
        if (all) {
            states.existing(Map.of(settings.topics().configs(), TopicRole.CONFIGS))
                    .values()
                    .forEach(owners::checkUnshared);
        }
        Set<String> existing = states.existing();
        List<String> topics = new ArrayList<>();
        List<String> kept = new ArrayList<>();
        roles.forEach((name, role) -> {
            if (existing.contains(name)) {
                boolean stays = !all && (role == TopicRole.SIGNALS || role == TopicRole.CONFIGS);
                (stays ? kept : topics).add(name);
            }
        });
        if (existing.contains(settings.replaysTopic())) {
            topics.add(settings.replaysTopic());
        }
        return new Plan(settings.applicationId(), topics, kept);
    }

    /** Returns what the identity of a data directory of this application says. Its topics may be deleted already. */
    public Map<String, String> owner() {
        return Map.of(
                ClusterChecks.CLUSTER_ID,
                KafkaAnswers.get(admin.describeCluster().clusterId(), "describing the cluster"),
                Settings.APPLICATION_ID,
                settings.applicationId());
    }

    /**
     * Deletes the group and topics of a plan.
     *
     * @throws AdminException if an instance has started meanwhile, or the brokers do not answer
     */
    public void remove(Plan plan) {
        try {
            KafkaAnswers.get(deleteGroup(plan.group()), "deleting the group " + plan.group());
        } catch (AdminException e) {
            if (e.getCause() instanceof GroupNotEmptyException) {
                throw new AdminException(
                        "instances of application.id %s run: stop all of them first".formatted(plan.group()), e);
            }
            if (!(e.getCause() instanceof GroupIdNotFoundException)) {
                throw e;
            }
        }
        for (String topic : plan.topics()) {
            try {
                KafkaAnswers.get(admin.deleteTopics(List.of(topic)).all(), "deleting the topic " + topic);
            } catch (AdminException e) {
                if (!(e.getCause() instanceof UnknownTopicOrPartitionException)) {
                    throw e;
                }
            }
        }
        owners.withdraw(new TreeSet<>(plan.topics()));
    }

    private KafkaFuture<Void> deleteGroup(String group) {
        return settings.streamsGroupProtocol()
                ? admin.deleteStreamsGroups(List.of(group)).all()
                : admin.deleteConsumerGroups(List.of(group)).all();
    }

    @Override
    public void close() {
        admin.close(Duration.ZERO); // all calls have completed or been abandoned
    }
}
