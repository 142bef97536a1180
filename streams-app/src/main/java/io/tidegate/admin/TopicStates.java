package io.tidegate.admin;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.RetriableException;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;

/** Reads the state of topics from the brokers. */
final class TopicStates {
    private static final Duration APPEARS_WITHIN = Duration.ofSeconds(30);
    private static final long POLL_MS = 50;

    private final Admin admin;
    private final String brokers;

    TopicStates(Admin admin, String brokers) {
        this.admin = admin;
        this.brokers = brokers;
    }

    Set<String> existing() {
        return KafkaAnswers.get(admin.listTopics().names(), "listing the topics of " + brokers);
    }

    /** Returns the existing topics among those with a role, in the order of the roles. */
    Map<String, TopicState> existing(Map<String, TopicRole> roles) {
        Set<String> existing = existing();
        Map<String, TopicRole> found = new LinkedHashMap<>(roles);
        found.keySet().retainAll(existing);
        return of(found);
    }

    /** @param roles topics that exist, or were created a moment ago and may be unknown to some brokers */
    Map<String, TopicState> of(Map<String, TopicRole> roles) {
        Map<String, TopicDescription> described = described(roles.keySet());
        Map<String, Map<String, String>> configs = configs(roles.keySet());
        Map<String, TopicState> states = new LinkedHashMap<>();
        roles.forEach((name, role) -> {
            TopicDescription topic = described.get(name);
            int replicas = topic.partitions().get(0).replicas().size();
            states.put(
                    name,
                    new TopicState(
                            name, role, topic.topicId(), topic.partitions().size(), replicas, configs.get(name)));
        });
        return states;
    }

    /** Returns whether the brokers report that there is no such topic; false also if the caller lacks the permission. */
    boolean isMissing(String name) {
        try {
            var unused = KafkaAnswers.get(admin.describeTopics(List.of(name)).allTopicNames(), "describing " + name);
            return false;
        } catch (AdminException e) {
            return e.getCause() instanceof UnknownTopicOrPartitionException;
        }
    }

    Map<String, TopicDescription> described(Collection<String> names) {
        return retryUntilKnown(
                () -> KafkaAnswers.get(admin.describeTopics(names).allTopicNames(), "describing the topics"));
    }

    Map<String, Map<String, String>> configs(Collection<String> names) {
        List<ConfigResource> resources = new ArrayList<>();
        names.forEach(name -> resources.add(new ConfigResource(ConfigResource.Type.TOPIC, name)));
        Map<String, Map<String, String>> configs = new HashMap<>();
        retryUntilKnown(() ->
                        KafkaAnswers.get(admin.describeConfigs(resources).all(), "describing the topics' settings"))
                .forEach((resource, config) -> configs.put(
                        resource.name(),
                        config.entries().stream()
                                .filter(entry -> entry.value() != null)
                                .collect(Collectors.toMap(ConfigEntry::name, ConfigEntry::value))));
        return configs;
    }

    /** Repeats a query while a broker does not know a topic: each query goes to any broker, and new topics take a moment. */
    static <T> T retryUntilKnown(Supplier<T> question) {
        return retryUntilKnown(question, APPEARS_WITHIN);
    }

    static <T> T retryUntilKnown(Supplier<T> question, Duration within) {
        long deadline = System.nanoTime() + within.toNanos();
        while (true) {
            try {
                return question.get();
            } catch (AdminException e) {
                boolean mayPass = e instanceof MissingTopicException || e.getCause() instanceof RetriableException;
                if (!mayPass
                        || System.nanoTime() > deadline
                        || Thread.currentThread().isInterrupted()) {
                    throw e;
                }
                try {
                    Thread.sleep(POLL_MS);
                } catch (InterruptedException interrupted) {
                    Thread.currentThread().interrupt();
                }
            }
        }
    }
}
