package io.tidegate.admin;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidegate.admin.TopicRule.AtStart;
import io.tidegate.config.Settings;
import io.tidegate.config.SettingsLoader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.config.TopicConfig;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Every topic in the table must satisfy its row, and each violation is reported with a command that fixes it. */
final class TopicRulesTest {
    private static final int SHARDS = 4;
    private static final long WEEK_MS = 604_800_000;

    /** Bad values of the settings, as an operator or the brokers' defaults may set them. */
    private static final Map<String, String> BAD = Map.of(
            TopicConfig.CLEANUP_POLICY_CONFIG, "compact,delete",
            TopicConfig.RETENTION_BYTES_CONFIG, "2000000",
            TopicConfig.RETENTION_MS_CONFIG, "8000",
            TopicConfig.MESSAGE_TIMESTAMP_BEFORE_MAX_MS_CONFIG, "8000",
            TopicConfig.MESSAGE_TIMESTAMP_AFTER_MAX_MS_CONFIG, "3600000",
            TopicConfig.MAX_MESSAGE_BYTES_CONFIG, "1000",
            TopicConfig.UNCLEAN_LEADER_ELECTION_ENABLE_CONFIG, "true",
            TopicConfig.MIN_IN_SYNC_REPLICAS_CONFIG, "1");

    private static Settings settings(String... more) {
        Map<String, String> flags = new HashMap<>(Map.of("shards", Integer.toString(SHARDS)));
        for (String one : more) {
            flags.put(one.substring(0, one.indexOf('=')), one.substring(one.indexOf('=') + 1));
        }
        return SettingsLoader.load(null, Map.of(), flags);
    }

    private static TopicState good(TopicRole role) {
        Map<String, String> config = new HashMap<>(Map.of(
                TopicConfig.CLEANUP_POLICY_CONFIG, "delete",
                TopicConfig.RETENTION_BYTES_CONFIG, "-1",
                TopicConfig.RETENTION_MS_CONFIG, Long.toString(WEEK_MS),
                TopicConfig.MESSAGE_TIMESTAMP_TYPE_CONFIG, "CreateTime",
                TopicConfig.MESSAGE_TIMESTAMP_BEFORE_MAX_MS_CONFIG, Long.toString(Long.MAX_VALUE),
                TopicConfig.MESSAGE_TIMESTAMP_AFTER_MAX_MS_CONFIG, Long.toString(Long.MAX_VALUE),
                TopicConfig.MAX_MESSAGE_BYTES_CONFIG, "1048588",
                TopicConfig.UNCLEAN_LEADER_ELECTION_ENABLE_CONFIG, "false",
                TopicConfig.MIN_IN_SYNC_REPLICAS_CONFIG, "2"));
        if (role == TopicRole.SIGNALS) {
            config.put(TopicConfig.MESSAGE_TIMESTAMP_TYPE_CONFIG, "LogAppendTime");
        }
        for (TopicRule rule : TopicRules.of(role)) {
            if (rule.demand() instanceof TopicRule.Exactly exactly) {
                config.put(rule.property(), exactly.value());
            }
        }
        return new TopicState(role.title(), role, Uuid.randomUuid(), SHARDS, 3, config);
    }

    private static List<TopicState> allGood() {
        return Stream.of(TopicRole.values()).map(TopicRulesTest::good).toList();
    }

    private static TopicState with(TopicState topic, String property, String value) {
        if (property.equals(TopicRule.PARTITIONS)) {
            return new TopicState(
                    topic.name(), topic.role(), topic.id(), Integer.parseInt(value), topic.replicas(), topic.config());
        }
        Map<String, String> config = new HashMap<>(topic.config());
        config.put(property, value);
        return new TopicState(topic.name(), topic.role(), topic.id(), topic.partitions(), topic.replicas(), config);
    }

    private static List<TopicFinding> findings(Settings settings, TopicState changed, Map<String, TopicState> atStart) {
        List<TopicState> topics = new ArrayList<>(allGood());
        topics.replaceAll(topic -> topic.role() == changed.role() ? changed : topic);
        return new TopicCheck(settings).findings(topics, atStart);
    }

    @Test
    void topicsAsTheyAreCreatedBreakNoRule() {
        assertThat(new TopicCheck(settings()).findings(allGood(), Map.of())).isEmpty();
    }

    static Stream<Arguments> badSettings() {
        return Stream.of(TopicRole.values())
                .flatMap(role -> TopicRules.of(role).stream()
                        .filter(rule -> BAD.containsKey(rule.property()))
                        .filter(rule -> !(rule.demand() instanceof TopicRule.NotLowered))
                        .map(rule -> Arguments.of(role, rule.property())));
    }

    @ParameterizedTest
    @MethodSource("badSettings")
    void aBadSettingIsFoundOnEachTopicWithTheCommandThatFixesIt(TopicRole role, String property) {
        TopicState bad = with(good(role), property, BAD.get(property));

        List<TopicFinding> found = findings(settings("signals.require.log.append.time=false"), bad, Map.of());

        assertThat(found).hasSize(1);
        assertThat(found.get(0).toString())
                .contains("topic %s has %s=%s".formatted(role.title(), property, BAD.get(property)))
                .contains(
                        "kafka-configs.sh --bootstrap-server localhost:9092 --alter --entity-type topics --entity-name "
                                + role.title() + " --add-config " + property + "=");
        String fixed = found.get(0).remedy().command().replaceAll(".*=", "");
        assertThat(findings(settings("signals.require.log.append.time=false"), with(bad, property, fixed), Map.of()))
                .isEmpty();
    }

    @Test
    void everyTopicThatCarriesTheTimeOfSignalsTakesAnyAge() {
        for (TopicRole role : List.of(
                TopicRole.BY_TENANT,
                TopicRole.ACCEPTED,
                TopicRole.QUOTA_EXCEEDED,
                TopicRole.DEAD_LETTER,
                TopicRole.SEGMENTS,
                TopicRole.EVENTS,
                TopicRole.CHANGELOG)) {
            TopicState bad = with(good(role), TopicConfig.MESSAGE_TIMESTAMP_BEFORE_MAX_MS_CONFIG, "86400000");

            assertThat(findings(settings(), bad, Map.of()))
                    .as(role.title())
                    .singleElement()
                    .satisfies(found -> assertThat(found.rule().atStart()).isEqualTo(AtStart.FAIL));
        }
    }

    /** The records have the time of their signal, by which brokers delete them. */
    @Test
    void answersAreKeptLongerThanSignals() {
        for (TopicRole role : List.of(TopicRole.QUOTA_EXCEEDED, TopicRole.DEAD_LETTER, TopicRole.EVENTS)) {
            TopicState bad = with(good(role), TopicConfig.RETENTION_MS_CONFIG, Long.toString(WEEK_MS - 1));
            TopicState created = with(
                    good(role),
                    TopicConfig.RETENTION_MS_CONFIG,
                    new TopicPlan(settings())
                            .internal(WEEK_MS)
                            .get(role.title())
                            .configs()
                            .get(TopicConfig.RETENTION_MS_CONFIG));

            assertThat(findings(settings(), bad, Map.of()))
                    .as(role.title())
                    .singleElement()
                    .satisfies(found -> assertThat(found.rule().atStart()).isEqualTo(AtStart.WARN));
            assertThat(created.number(TopicConfig.RETENTION_MS_CONFIG))
                    .as(role.title())
                    .isEqualTo(2 * WEEK_MS);
        }
        assertThat(new TopicPlan(settings())
                        .internal(TopicPlan.FOREVER)
                        .get("quota-exceeded")
                        .configs())
                .containsEntry(TopicConfig.RETENTION_MS_CONFIG, "-1");
    }

    @Test
    void everyTopicThatIsNoTableMustNotBeCompacted() {
        for (TopicRole role : TopicRole.values()) {
            boolean table = List.of(TopicRole.CONFIGS, TopicRole.SEGMENTS, TopicRole.CHANGELOG, TopicRole.OWNERS)
                    .contains(role);
            TopicState bad = with(good(role), TopicConfig.CLEANUP_POLICY_CONFIG, table ? "delete" : "compact");

            assertThat(findings(settings(), bad, Map.of())).as(role.title()).hasSize(1);
        }
    }

    @Test
    void anIngressKeyedByTenantShouldHaveAPartitionForEachShard() {
        Settings keyed = settings("ingress.partitioning=tenant");

        assertThat(findings(keyed, good(TopicRole.SIGNALS), Map.of())).isEmpty();
        assertThat(findings(settings(), with(good(TopicRole.SIGNALS), TopicRule.PARTITIONS, "2"), Map.of()))
                .as("unkeyed")
                .isEmpty();
        assertThat(findings(keyed, with(good(TopicRole.SIGNALS), TopicRule.PARTITIONS, "2"), Map.of()))
                .singleElement()
                .satisfies(found -> {
                    assertThat(found.rule().atStart()).isEqualTo(AtStart.FAIL);
                    assertThat(found.remedy().command()).endsWith("--topic signals --partitions " + SHARDS);
                });
    }

    /** Its tasks own the state, and each needs a partition of the changelogs. */
    @Test
    void anIngressKeyedByTenantAndTheTopicsOfTheStateGetTheSameNumberOfPartitions() {
        TopicState wide = with(good(TopicRole.SIGNALS), TopicRule.PARTITIONS, "6");

        List<TopicFinding> found = findings(settings("ingress.partitioning=tenant"), wide, Map.of());

        assertThat(found)
                .filteredOn(one -> one.topic().equals("signals"))
                .singleElement()
                .satisfies(one -> assertThat(one.toString()).contains("should not have more than shards"));
        assertThat(found)
                .filteredOn(one -> TopicRules.STATE.contains(roleOf(one.topic())))
                .hasSize(TopicRules.STATE.size())
                .allSatisfy(one -> assertThat(one.remedy().command())
                        .endsWith("--topic %s --partitions 6".formatted(one.topic())));
        assertThat(findings(settings(), wide, Map.of())).as("unkeyed").isEmpty();
        TopicState wideInner = with(good(TopicRole.BY_TENANT), TopicRule.PARTITIONS, "6");
        assertThat(findings(settings("ingress.partitioning=tenant"), wideInner, Map.of()))
                .extracting(one -> one.remedy().command())
                .anyMatch(command -> command.endsWith("--topic signals --partitions 6"));
    }

    @Test
    void theHintsAboutPartitionsDoNotContradictEachOther() {
        List<TopicState> topics = new ArrayList<>(allGood());
        topics.replaceAll(topic -> switch (topic.role()) {
            case BY_TENANT -> with(topic, TopicRule.PARTITIONS, "8");
            case ACCEPTED, COMMANDS, SEGMENTS -> with(topic, TopicRule.PARTITIONS, "2");
            default -> topic;
        });

        List<TopicFinding> found = new TopicCheck(settings()).findings(topics, Map.of());

        assertThat(found).extracting(TopicFinding::topic).doesNotHaveDuplicates();
        assertThat(found).isNotEmpty().allSatisfy(one -> {
            String wanted = TopicRules.STATE.contains(roleOf(one.topic())) ? "8" : Integer.toString(SHARDS);
            assertThat(one.remedy().command()).endsWith("--topic %s --partitions %s".formatted(one.topic(), wanted));
        });
        topics.replaceAll(topic -> found.stream()
                .filter(one -> one.topic().equals(topic.name()))
                .map(one ->
                        with(topic, TopicRule.PARTITIONS, one.remedy().command().replaceAll(".* ", "")))
                .findFirst()
                .orElse(topic));
        assertThat(new TopicCheck(settings()).findings(topics, Map.of()))
                .as("after the commands")
                .isEmpty();
    }

    private static TopicRole roleOf(String title) {
        return Stream.of(TopicRole.values())
                .filter(role -> role.title().equals(title))
                .findFirst()
                .orElseThrow();
    }

    @Test
    void additionalPartitionsBreakNoRuleUnlessTopicsOfTheStateDiffer() {
        for (TopicRole role : TopicRole.values()) {
            List<TopicFinding> found =
                    findings(settings(), with(good(role), TopicRule.PARTITIONS, "" + 2 * SHARDS), Map.of());

            if (TopicRules.STATE.contains(role)) {
                assertThat(found)
                        .as(role.title())
                        .hasSize(TopicRules.STATE.size() - 1)
                        .allSatisfy(one -> {
                            assertThat(one.topic()).isNotEqualTo(role.title());
                            assertThat(one.rule().atStart()).isEqualTo(AtStart.WARN);
                        });
            } else {
                assertThat(found).as(role.title()).isEmpty();
            }
        }
    }

    @Test
    void whileRunningATopicMustKeepItsIdAndTheSizeOfItsRecords() {
        TopicState before = good(TopicRole.BY_TENANT);
        TopicState recreated = good(TopicRole.BY_TENANT);
        TopicState smaller = with(before, TopicConfig.MAX_MESSAGE_BYTES_CONFIG, "500000");
        Map<String, TopicState> atStart = Map.of(before.name(), before);

        assertThat(findings(settings(), before, atStart)).isEmpty();
        assertThat(findings(settings(), recreated, atStart)).singleElement().satisfies(found -> {
            assertThat(found.rule().whileRunning()).isEqualTo(TopicRule.WhileRunning.STOP);
            assertThat(found.text())
                    .contains("deleted and created again")
                    .contains(before.id().toString(), recreated.id().toString());
        });
        assertThat(findings(settings(), smaller, atStart)).singleElement().satisfies(found -> {
            assertThat(found.rule().whileRunning()).isEqualTo(TopicRule.WhileRunning.PAUSE);
            assertThat(found.text()).contains("max.message.bytes=500000", "it was 1048588");
        });
    }

    @Test
    void aRoleIsCreatedWithItsRequiredSettings() {
        TopicPlan plan = new TopicPlan(settings());
        Map<String, TopicRole> roles = plan.roles();
        Map<String, Map<String, String>> created = new TreeMap<>();
        plan.ingress().forEach((name, topic) -> created.put(name, topic.configs()));
        plan.internal(WEEK_MS).forEach((name, topic) -> created.put(name, topic.configs()));

        created.forEach((name, config) -> {
            TopicState topic = good(roles.get(name));
            for (Map.Entry<String, String> one : config.entrySet()) {
                topic = with(topic, one.getKey(), one.getValue());
            }
            assertThat(new TopicCheck(settings("signals.require.log.append.time=false"))
                            .findings(List.of(good(TopicRole.SIGNALS), topic), Map.of()))
                    .as(name)
                    .isEmpty();
            assertThat(config).as(name).containsEntry("unclean.leader.election.enable", "false");
        });
        assertThat(created).hasSize(10);
        assertThat(TopicPlan.changelogConfig())
                .containsEntry("message.timestamp.before.max.ms", Long.toString(Long.MAX_VALUE))
                .containsEntry("message.timestamp.after.max.ms", Long.toString(Long.MAX_VALUE));
    }

    @Test
    void theTableIsThePageInTheDocumentation() throws IOException {
        assertThat(Files.readString(Path.of("../docs/topics.md")))
                .as("generate it with: ./tidegate config topics > docs/topics.md")
                .isEqualTo(TopicRules.markdown());
    }
}
