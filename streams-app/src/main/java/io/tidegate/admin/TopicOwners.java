package io.tidegate.admin;

import io.tidegate.config.Settings;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.GroupListing;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.GroupState;
import org.apache.kafka.common.GroupType;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The owner of each topic, recorded in the compacted topic {@code tidegate-owners} that all applications of a cluster share.
 *
 * <p>The owner of a topic is the application of the earliest {@link TopicClaim} on its id. The topic has one partition, so all
 * readers see the same order. To claim a topic, an application reads all claims, writes its own if no other application has
 * one, and reads again. If two applications claim at the same time, both see both claims in the same order: the later one
 * withdraws its claim and does not start. Instances of one application write the same claim, so they need no agreement. A claim
 * is written once, not at each start, so it keeps its place.
 *
 * <p>If a process dies between writing and reading again, its claim stays. If it was the later one, it has no effect.
 *
 * <p>At the next start, a claim also shows that a topic of the same name has another id: it was deleted and created again.
 */
final class TopicOwners {
    private static final Set<TopicRole> SHARED = EnumSet.of(TopicRole.CONFIGS, TopicRole.OWNERS, TopicRole.CHANGELOG);

    /** Topics whose records are only meaningful together with the state of the application that wrote them. */
    private static final Set<TopicRole> BOUND_TO_STATE =
            EnumSet.of(TopicRole.BY_TENANT, TopicRole.ACCEPTED, TopicRole.COMMANDS, TopicRole.SEGMENTS);

    private static final int WRITE_WITHIN_S = 30;
    private static final Logger LOG = LoggerFactory.getLogger(TopicOwners.class);

    private final Settings settings;
    private final Admin admin;
    private final TopicStates states;
    private final String application;
    private final @Nullable String region;

    /** Read by stream threads. */
    private volatile boolean acceptedIsReplacement;

    TopicOwners(Settings settings, Admin admin, TopicStates states) {
        this.settings = settings;
        this.admin = admin;
        this.states = states;
        application = settings.applicationId();
        region = settings.region();
    }

    /** Returns whether only one application may use the topic. Regions share tenants' configs. */
    static boolean isOwned(TopicRole role) {
        return !SHARED.contains(role);
    }

    /**
     * Checks, without writing anything, that no other application owns one of these topics.
     *
     * @param topics the existing topics among those that this application will use
     * @throws AdminException naming the owner and the remedies
     */
    void check(Collection<TopicState> topics) {
        Map<String, TopicClaim> claims = read();
        check(topics, claims);
        checkApplication(claims.values());
        for (TopicState topic : topics) {
            if (topic.role() == TopicRole.ACCEPTED) {
                TopicClaim owner = owner(claims, topic);
                if (owner == null) {
                    checkUnclaimed(topic);
                }
                checkShards(topic, owner);
                checkIngress(topic, owner);
                warnOfOtherSettings(owner);
            }
        }
    }

    /**
     * Checks that the number of shards is unchanged: a tenant's partition follows from it. In versions that did not record it,
     * it equals the number of partitions.
     */
    private void checkShards(TopicState accepted, @Nullable TopicClaim claim) {
        Integer recorded = claim == null ? null : claim.shards();
        if (recorded == null && accepted.partitions() != settings.shards() && hasRecords(accepted)) {
            recorded = accepted.partitions();
        }
        if (recorded != null && recorded != settings.shards()) {
            throw new AdminException(
                    ("%1$s is %2$d, and application.id %3$s works on %4$s with %1$s=%5$d: tenants would be separated from"
                                    + " their state and WAL. Set %1$s=%5$d, or use another application.id and other topics")
                            .formatted(Settings.SHARDS, settings.shards(), application, accepted.name(), recorded));
        }
    }

    /**
     * Checks that {@code ingress.partitioning} is unchanged. With {@code tenant}, both stages are one task, so instances with
     * different values cannot share a group: Kafka Streams fails on a task of the other form, and nothing is decided wrongly.
     * This check reports the cause first.
     */
    private void checkIngress(TopicState accepted, @Nullable TopicClaim claim) {
        if (claim == null || claim.ingressPartitioning().equals(settings.ingressPartitioning())) {
            return;
        }
        String wrong = "%1$s is %2$s, and application.id %3$s works on %4$s with %1$s=%5$s"
                .formatted(
                        Settings.INGRESS_PARTITIONING,
                        settings.ingressPartitioning(),
                        application,
                        accepted.name(),
                        claim.ingressPartitioning());
        GroupListing group = group(application);
        if (group == null) {
            return;
        }
        if (isRunning(group)) {
            throw new AdminException(
                    "%s: its instances must all have the same value. To change it, stop all of them first"
                            .formatted(wrong));
        }
        if (settings.streamsGroupProtocol() && group.type().orElse(null) == GroupType.STREAMS) {
            throw new AdminException(
                    ("%1$s. No instance runs, so it can be changed, but brokers keep the old form of a group of"
                                    + " %2$s=streams: start one instance with %2$s=classic and the new value, stop it when it"
                                    + " is ready, and start all with %2$s=streams")
                            .formatted(wrong, Settings.GROUP_PROTOCOL));
        }
    }

    private void warnOfOtherSettings(@Nullable TopicClaim claim) {
        String difference = claim == null ? null : SettingsAgreement.difference(settings, claim);
        if (difference != null) {
            GroupListing group = group(application);
            if (group != null && isRunning(group)) {
                LOG.warn("{}", difference);
            }
        }
    }

    /**
     * Returns how the settings here differ from those of the instance that started last; null if they do not, or if none has
     * started.
     *
     * @param accepted the topic {@code signals-accepted}
     */
    @Nullable
    String differenceOfSettings(TopicState accepted) {
        TopicClaim claim = owner(read(), accepted);
        return claim == null || !isOurs(claim) ? null : SettingsAgreement.difference(settings, claim);
    }

    /** @throws AdminException naming the other applications that own some of the topics */
    void checkOwner(Collection<TopicState> topics) {
        check(topics, read());
    }

    /** @throws AdminException naming the application that owns the topic, if it is another one with other state */
    void checkApplicationOf(TopicState topic) {
        TopicClaim owner = owner(read(), topic);
        if (owner != null && !owner.application().equals(application)) {
            throw new AdminException(
                    ("the topic %1$s belongs to application.id %2$s, and here %3$s=%4$s, which has no usage: set %3$s=%5$s, for"
                                    + " example with --set")
                            .formatted(
                                    topic.name(),
                                    owner.owner(),
                                    Settings.APPLICATION_ID,
                                    application,
                                    owner.application()));
        }
    }

    /** @throws AdminException naming the other applications that read tenants' configs from this topic */
    void checkUnshared(TopicState configs) {
        Set<String> others = new TreeSet<>();
        for (TopicClaim claim : read().values()) {
            if (!claim.application().equals(application)
                    && configs.id().toString().equals(claim.configsId())) {
                others.add(claim.owner());
            }
        }
        if (!others.isEmpty()) {
            throw new AdminException("application.id %s also uses %s, so it cannot be deleted: omit --all"
                    .formatted(String.join("; ", others), configs.name()));
        }
    }

    /** Removes this application's claims on topics of these names. */
    void withdraw(Set<String> topics) {
        Map<String, @Nullable TopicClaim> withdrawn = new LinkedHashMap<>();
        read().values().stream()
                .filter(claim -> claim.application().equals(application) && topics.contains(claim.topic()))
                .forEach(claim -> withdrawn.put(claim.key(), null));
        write(withdrawn);
    }

    private void check(Collection<TopicState> topics, Map<String, TopicClaim> claims) {
        Map<String, List<String>> foreign = new TreeMap<>();
        for (TopicState topic : topics) {
            TopicClaim owner = owner(claims, topic);
            if (owner != null && !isOurs(owner)) {
                foreign.computeIfAbsent(owner.owner(), unused -> new ArrayList<>())
                        .add(topic.name());
            }
        }
        if (!foreign.isEmpty()) {
            List<String> parts = new ArrayList<>();
            foreign.forEach(
                    (owner, names) -> parts.add("%s to application.id %s".formatted(String.join(", ", names), owner)));
            throw new AdminException(
                    ("another application owns topics of this one (application.id %s): %s. Two applications on one topic"
                                    + " decide its signals twice and mix their records. Give this one topics of its own"
                                    + " (settings topic.*; regions share only topic.tenant.configs), or set application.id and"
                                    + " region to those of the owner. If the owner is retired for good: %s")
                            .formatted(own(), String.join("; ", parts), Remedy.takeOver()));
        }
    }

    /**
     * Checks that the application does not use other topics already: two deployments with one application.id would form one
     * consumer group that reads different topics.
     */
    private void checkApplication(Collection<TopicClaim> claims) {
        Set<String> ours = new TreeSet<>(settings.allTopics());
        Map<String, TopicRole> others = new LinkedHashMap<>();
        for (TopicClaim claim : claims) {
            if (claim.application().equals(application)
                    && claim.role().equals(TopicRole.ACCEPTED.title())
                    && !ours.contains(claim.topic())) {
                others.put(claim.topic(), TopicRole.ACCEPTED);
            }
        }
        if (others.isEmpty()) {
            return;
        }
        Map<String, TopicState> existing = states.existing(others);
        for (TopicClaim claim : claims) {
            TopicState other = existing.get(claim.topic());
            if (other != null && claim.application().equals(application) && claim.isOn(other.id())) {
                throw new AdminException(
                        ("application.id %s already writes to %s, and here %s=%s: instances with one application.id share one"
                                        + " group and its state. Set another application.id here, or the same topics")
                                .formatted(
                                        claim.owner(),
                                        claim.topic(),
                                        Settings.TOPIC_ACCEPTED,
                                        settings.topics().accepted()));
            }
        }
    }

    /** Checks the topics of a version without claims: their owner is the application that has state. */
    private void checkUnclaimed(TopicState accepted) {
        boolean hasState = states.existing().stream().anyMatch(new TopicPlan(settings).changelogs()::contains);
        if (!hasState && hasRecords(accepted)) {
            throw new AdminException(
                    ("%s has records, and application.id %s has no state: another application wrote them. Set application.id"
                                    + " to that of the application, or give this one topics of its own (settings topic.*)")
                            .formatted(accepted.name(), application));
        }
    }

    /**
     * Makes this application the owner of topics that have none.
     *
     * @return the topics that had another id when this application last ran
     * @throws AdminException if another application has claimed one of them, even at the same moment
     */
    Set<String> claim(Collection<TopicState> topics) {
        List<TopicState> owned =
                topics.stream().filter(topic -> isOwned(topic.role())).toList();
        Map<String, TopicClaim> before = read();
        check(owned, before);
        String configsId = topics.stream()
                .filter(topic -> topic.role() == TopicRole.CONFIGS)
                .map(topic -> topic.id().toString())
                .findFirst()
                .orElse(null);
        Map<String, @Nullable TopicClaim> missing = missing(owned, before, configsId);
        if (!missing.isEmpty()) {
            withdrawOthers(owned, before);
            write(missing);
            try {
                check(owned, read());
            } catch (AdminException e) {
                missing.replaceAll((key, claim) -> null);
                write(missing);
                throw e;
            }
        }
        Set<String> recreated = new TreeSet<>();
        for (TopicState topic : owned) {
            if (before.values().stream().anyMatch(claim -> isStale(claim, topic))) {
                recreated.add(topic.name());
            }
            if (topic.role() == TopicRole.ACCEPTED) {
                acceptedIsReplacement = replaces(topic, before);
            }
            TopicClaim known = owner(before, topic);
            if (known != null && known.configsId() != null && !known.configsId().equals(configsId)) {
                recreated.add(settings.topics().configs());
            }
        }
        return recreated;
    }

    /** Withdraws claims on earlier topics of the same names, once the application runs on the current ones. */
    void settle(Collection<TopicState> topics) {
        Map<String, @Nullable TopicClaim> stale = new LinkedHashMap<>();
        Map<String, TopicClaim> claims = read();
        for (TopicState topic : topics) {
            claims.values().stream()
                    .filter(claim -> isStale(claim, topic))
                    .forEach(claim -> stale.put(claim.key(), null));
        }
        write(stale);
    }

    /**
     * Withdraws other claims on owned topics. When a claim is rewritten, it moves to the end, and a claim without effect must
     * not precede it.
     */
    private void withdrawOthers(Collection<TopicState> owned, Map<String, TopicClaim> claims) {
        Map<String, @Nullable TopicClaim> withdrawn = new LinkedHashMap<>();
        for (TopicState topic : owned) {
            if (owner(claims, topic) != null) {
                claims.values().stream()
                        .filter(claim ->
                                claim.isOn(topic.id()) && !claim.application().equals(application))
                        .forEach(claim -> withdrawn.put(claim.key(), null));
            }
        }
        write(withdrawn);
    }

    /** Returns whether a topic replaced an earlier one that this application used, according to the claims. */
    private boolean replaces(TopicState topic, Map<String, TopicClaim> claims) {
        return claims.values().stream()
                .anyMatch(claim -> isStale(claim, topic) || (claim.isOn(topic.id()) && claim.isOnReplacement()));
    }

    /** Returns whether the claimed {@code signals-accepted} replaced an earlier topic, and so lacks the first records of tenants. */
    boolean acceptedIsReplacement() {
        return acceptedIsReplacement;
    }

    private boolean isStale(TopicClaim claim, TopicState topic) {
        return claim.application().equals(application) && claim.topic().equals(topic.name()) && !claim.isOn(topic.id());
    }

    private Map<String, @Nullable TopicClaim> missing(
            Collection<TopicState> topics, Map<String, TopicClaim> claims, @Nullable String configsId) {
        Map<String, @Nullable TopicClaim> missing = new LinkedHashMap<>();
        String now = Instant.now().toString();
        for (TopicState topic : topics) {
            TopicClaim wanted = TopicClaim.of(topic, settings, replaces(topic, claims), configsId, now);
            TopicClaim known = claims.get(wanted.key());
            if (known == null
                    || !Objects.equals(known.region(), region)
                    || !Objects.equals(known.shards(), wanted.shards())
                    || !Objects.equals(known.ingress(), wanted.ingress())
                    || !Objects.equals(known.settings(), wanted.settings())
                    || !Objects.equals(known.configsId(), wanted.configsId())) {
                missing.put(wanted.key(), wanted);
            }
        }
        return missing;
    }

    /**
     * Takes topics over from a retired application.
     *
     * @return the topics that had another owner
     * @throws AdminException if the owner still runs, or if only its state explains the records of a topic
     */
    List<String> takeOver(Collection<TopicState> topics) {
        Map<String, TopicClaim> claims = read();
        Map<String, @Nullable TopicClaim> changes = new LinkedHashMap<>();
        List<String> taken = new ArrayList<>();
        List<String> bound = new ArrayList<>();
        Set<String> owners = new TreeSet<>();
        String now = Instant.now().toString();
        for (TopicState topic : topics) {
            TopicClaim owner = owner(claims, topic);
            if (owner == null || isOurs(owner)) {
                continue;
            }
            owners.add(owner.application());
            taken.add(topic.name());
            if (!owner.application().equals(application)
                    && BOUND_TO_STATE.contains(topic.role())
                    && hasRecords(topic)) {
                bound.add(topic.name());
            }
            claims.values().stream()
                    .filter(claim -> claim.isOn(topic.id()))
                    .forEach(claim -> changes.put(claim.key(), null));
            TopicClaim own = TopicClaim.of(topic, settings, replaces(topic, claims), null, now);
            changes.put(own.key(), own);
        }
        if (!bound.isEmpty()) {
            throw new AdminException(
                    ("%s cannot be taken over from %s: the records in it belong to the state of their owner (sequence numbers,"
                                    + " usage), which is in the owner's topics. Use other names for these, and take over the"
                                    + " rest")
                            .formatted(String.join(", ", bound), String.join(", ", owners)));
        }
        owners.forEach(this::checkStopped);
        write(changes);
        return taken;
    }

    /** @throws AdminException if instances of the application run */
    void checkStopped(String owner) {
        GroupListing group = group(owner);
        if (group != null && isRunning(group)) {
            throw new AdminException(
                    "instances of application.id %s still run: stop all of them first".formatted(owner));
        }
    }

    private @Nullable GroupListing group(String id) {
        return KafkaAnswers.get(admin.listGroups().all(), "listing the groups of the cluster").stream()
                .filter(group -> group.groupId().equals(id))
                .findFirst()
                .orElse(null);
    }

    private static boolean isRunning(GroupListing group) {
        return group.groupState()
                .filter(state -> state != GroupState.EMPTY && state != GroupState.DEAD)
                .isPresent();
    }

    private boolean hasRecords(TopicState topic) {
        return positions(topic, OffsetSpec.latest()) > positions(topic, OffsetSpec.earliest());
    }

    private long positions(TopicState topic, OffsetSpec which) {
        Map<TopicPartition, OffsetSpec> partitions = new HashMap<>();
        for (int i = 0; i < topic.partitions(); i++) {
            partitions.put(new TopicPartition(topic.name(), i), which);
        }
        return TopicStates.retryUntilKnown(() ->
                        KafkaAnswers.get(admin.listOffsets(partitions).all(), "reading the offsets of " + topic.name()))
                .values()
                .stream()
                .mapToLong(found -> found.offset())
                .sum();
    }

    /** Returns the earliest claim on a topic. */
    private static @Nullable TopicClaim owner(Map<String, TopicClaim> claims, TopicState topic) {
        return claims.values().stream()
                .filter(claim -> claim.isOn(topic.id()))
                .findFirst()
                .orElse(null);
    }

    /**
     * Returns whether a claim is this application's. If it was written before the application had a region, it still matches.
     */
    private boolean isOurs(TopicClaim claim) {
        return claim.application().equals(application)
                && (claim.region() == null || claim.region().equals(region));
    }

    private String own() {
        return region == null ? application : "%s, region %s".formatted(application, region);
    }

    /** Returns all claims by key, in the order of writing. */
    private Map<String, TopicClaim> read() {
        Map<String, TopicClaim> claims = new LinkedHashMap<>();
        if (!states.existing().contains(settings.ownersTopic())) {
            return claims;
        }
        try (TopicReader reader =
                TopicStates.retryUntilKnown(() -> new TopicReader(settings, List.of(settings.ownersTopic())))) {
            reader.readToEnd(record -> {
                if (record.key() == null) {
                    return;
                }
                String key = new String(record.key(), StandardCharsets.UTF_8);
                TopicClaim claim = record.value() == null ? null : TopicClaim.parse(key, record.value());
                if (record.value() == null) {
                    claims.remove(key);
                } else if (claim != null) {
                    // In the place of an existing one: instances that start concurrently write the same claim.
                    claims.put(key, claim);
                }
            });
        }
        return claims;
    }

    private void write(Map<String, @Nullable TopicClaim> claims) {
        if (claims.isEmpty()) {
            return;
        }
        Map<String, Object> config = settings.clientConfig();
        config.put(ProducerConfig.ACKS_CONFIG, "all");
        String topic = settings.ownersTopic();
        try (var producer = new KafkaProducer<>(config, new StringSerializer(), new ByteArraySerializer())) {
            List<java.util.concurrent.Future<?>> sent = new ArrayList<>();
            claims.forEach((key, claim) ->
                    sent.add(producer.send(new ProducerRecord<>(topic, 0, key, claim == null ? null : claim.json()))));
            for (var one : sent) {
                one.get(WRITE_WITHIN_S, TimeUnit.SECONDS);
            }
        } catch (KafkaException | ExecutionException | TimeoutException e) {
            Throwable cause = e instanceof ExecutionException ? e.getCause() : e;
            throw new AdminException(
                    "recording in %s that application.id %s uses its topics failed: %s"
                            .formatted(topic, application, cause.getMessage()),
                    e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new AdminException("recording the owner of topics was interrupted", e);
        }
    }
}
