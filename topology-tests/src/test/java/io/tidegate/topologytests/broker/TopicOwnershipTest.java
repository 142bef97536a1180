package io.tidegate.topologytests.broker;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tidegate.admin.AdminException;
import io.tidegate.admin.StateRemoval;
import io.tidegate.admin.TenantDirectory;
import io.tidegate.admin.TopicReader;
import io.tidegate.admin.TopicSetup;
import io.tidegate.config.Settings;
import io.tidegate.config.SettingsLoader;
import io.tidegate.topologytests.support.TestBroker;
import io.tidegate.topologytests.support.TopicAdmin;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInfo;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Topics have one owner and the settings that Tidegate's guarantees require, even if the brokers' defaults differ. */
@Timeout(value = 15, unit = TimeUnit.MINUTES)
final class TopicOwnershipTest {
    private static final List<String> TOPICS = List.of(
            "topic.signals",
            "topic.signals.by.tenant",
            "topic.tenant.configs",
            "topic.signals.accepted",
            "topic.quota.exceeded",
            "topic.signals.dead.letter",
            "topic.wal.segments",
            "topic.tenant.commands",
            "topic.quota.events");

    @TempDir
    private static Path temp;

    private static TestBroker broker;
    private static Admin admin;

    private String name;

    @BeforeAll
    static void startBroker() throws Exception {
        broker = TestBroker.start(
                temp,
                Map.of(
                        "log.retention.bytes", "2000000",
                        "log.message.timestamp.before.max.ms", "8000",
                        "log.message.timestamp.type", "LogAppendTime",
                        "log.cleanup.policy", "compact,delete",
                        "unclean.leader.election.enable", "true"));
        admin = broker.admin();
    }

    @AfterAll
    static void stopBroker() {
        if (broker != null) {
            broker.close();
        }
    }

    @BeforeEach
    void nameTopics(TestInfo test) {
        name = test.getTestMethod().orElseThrow().getName().substring(0, 12);
    }

    /** @param more settings, which override the topics named after the test */
    private Settings settings(String application, String... more) {
        Map<String, String> flags = new HashMap<>();
        flags.put("bootstrap.servers", broker.bootstrapServers());
        flags.put("application.id", application);
        flags.put("shards", "1");
        flags.put("topic.owners", name + ".owners");
        TOPICS.forEach(key -> flags.put(key, name + "." + key));
        for (String one : more) {
            flags.put(one.substring(0, one.indexOf('=')), one.substring(one.indexOf('=') + 1));
        }
        return SettingsLoader.load(null, Map.of(), flags);
    }

    /** Settings that give the application its own topics, except for the given ones. */
    private String[] ownTopics(String prefix, String... shared) {
        List<String> own = new ArrayList<>();
        for (String key : TOPICS) {
            if (!List.of(shared).contains(key)) {
                own.add(key + "=" + name + "." + prefix + "." + key);
            }
        }
        return own.toArray(String[]::new);
    }

    private static TopicSetup.Outcome ensure(Settings settings) {
        try (TopicSetup setup = new TopicSetup(settings)) {
            return setup.ensure();
        }
    }

    private Map<TopicPartition, Long> written() throws Exception {
        Map<TopicPartition, OffsetSpec> partitions = new HashMap<>();
        for (String topic : admin.listTopics().names().get()) {
            if (topic.startsWith(name)) {
                partitions.put(new TopicPartition(topic, 0), OffsetSpec.latest());
            }
        }
        Map<TopicPartition, Long> ends = new HashMap<>();
        admin.listOffsets(partitions).all().get().forEach((partition, end) -> ends.put(partition, end.offset()));
        return ends;
    }

    private static void send(String topic) throws Exception {
        Map<String, Object> config = Map.of("bootstrap.servers", broker.bootstrapServers());
        try (var producer = new KafkaProducer<>(config, new StringSerializer(), new StringSerializer())) {
            producer.send(new ProducerRecord<>(topic, "k", "v")).get(30, TimeUnit.SECONDS);
        }
    }

    private static void set(String topic, String setting, String value) throws Exception {
        TopicAdmin.set(admin, topic, setting, value);
    }

    @Test
    void aSecondApplicationIsRejectedBeforeAnythingIsWritten() throws Exception {
        Settings first = settings("first");
        assertThat(ensure(first).created()).hasSize(9);
        Map<TopicPartition, Long> before = written();

        assertThatThrownBy(() -> ensure(settings("second")))
                .isInstanceOf(AdminException.class)
                .hasMessageContaining("another application owns topics of this one (application.id second)")
                .hasMessageContaining(first.topics().accepted())
                .hasMessageContaining("to application.id first")
                .hasMessageContaining("tidegate init --take-over");
        assertThatThrownBy(() -> ensure(settings("third", ownTopics("third", "topic.signals"))))
                .hasMessageContaining(first.topics().signals().get(0) + " to application.id first");

        assertThat(written()).isEqualTo(before);
        assertThatCode(() -> ensure(first)).doesNotThrowAnyException();
        assertThat(written()).as("a claim is written once").isEqualTo(before);
    }

    @Test
    void regionsThatShareOutputsOrCommandsAreRejected() {
        String[] eu = ownTopics("eu", "topic.tenant.configs", "topic.tenant.commands", "topic.quota.events");
        String[] us = ownTopics("us", "topic.tenant.configs", "topic.tenant.commands", "topic.quota.events");
        ensure(settings("app-eu", with(eu, "region=eu")));

        assertThatThrownBy(() -> ensure(settings("app-us", with(us, "region=us"))))
                .hasMessageContaining(name + ".topic.tenant.commands, " + name + ".topic.quota.events to")
                .hasMessageContaining("app-eu (region eu)")
                .hasMessageContaining("regions share only topic.tenant.configs");
        ensure(settings("app-us", with(ownTopics("us", "topic.tenant.configs"), "region=us")));
        assertThatThrownBy(() -> ensure(settings("app-eu", with(eu, "region=us"))))
                .hasMessageContaining("application.id app-eu (region eu)");
        assertThatThrownBy(() -> ensure(settings("app-eu", with(ownTopics("asia"), "region=asia"))))
                .hasMessageContaining("instances with one application.id share one group");
    }

    @Test
    void configsAreNotDeletedWhileAnotherApplicationUsesThem() {
        Settings eu = settings("app-eu", with(ownTopics("eu", "topic.tenant.configs"), "region=eu"));
        Settings us = settings("app-us", with(ownTopics("us", "topic.tenant.configs"), "region=us"));
        ensure(eu);
        ensure(us);
        String configs = us.topics().configs();

        try (StateRemoval ofUs = new StateRemoval(us);
                StateRemoval ofEu = new StateRemoval(eu)) {
            assertThatThrownBy(() -> ofUs.plan(true))
                    .hasMessageContaining("application.id app-eu (region eu) also uses " + configs)
                    .hasMessageContaining("omit --all");
            assertThat(ofUs.plan(false).kept()).contains(configs);

            ofEu.remove(ofEu.plan(false));

            assertThat(ofUs.plan(true).topics()).contains(configs);
        }
    }

    /** Otherwise an export of usage without the setting would be empty, with exit code 0. */
    @Test
    void usageOfAnotherApplicationIsNotReportedAsNone() {
        Settings first = settings("first");
        ensure(first);

        assertThat(new TenantDirectory(first).usages()).isEmpty();
        assertThatThrownBy(() -> new TenantDirectory(settings("second")).usages())
                .isInstanceOf(AdminException.class)
                .hasMessageContaining(first.topics().accepted() + " belongs to application.id first")
                .hasMessageContaining("set application.id=first");
    }

    private static String[] with(String[] some, String more) {
        List<String> all = new ArrayList<>(List.of(some));
        all.add(more);
        return all.toArray(String[]::new);
    }

    /** Simulates another instance of the first application that starts at the same time as the second application. */
    @Test
    void aClaimThatIsWrittenAgainKeepsItsPlace() throws Exception {
        Settings first = settings("first");
        ensure(first);
        Map<String, byte[]> claims = new HashMap<>();
        try (TopicReader reader = new TopicReader(first, List.of(name + ".owners"))) {
            reader.readToEnd(record -> claims.put(new String(record.key(), UTF_8), record.value()));
        }
        assertThat(claims).isNotEmpty();
        try (var producer = new KafkaProducer<>(
                Map.of("bootstrap.servers", broker.bootstrapServers()),
                new StringSerializer(),
                new ByteArraySerializer())) {
            for (Map.Entry<String, byte[]> claim : claims.entrySet()) {
                String json = new String(claim.getValue(), UTF_8).replace("\"first\"", "\"second\"");
                producer.send(new ProducerRecord<>(
                                name + ".owners", 0, claim.getKey().replace("/first", "/second"), json.getBytes(UTF_8)))
                        .get();
                producer.send(new ProducerRecord<>(name + ".owners", 0, claim.getKey(), claim.getValue()))
                        .get();
            }
        }

        ensure(first);
        assertThatThrownBy(() -> ensure(settings("second"))).hasMessageContaining("another application owns");
    }

    @Test
    void onlyOneOfTheApplicationsThatStartAtOnceWins() throws Exception {
        int instances = 6;
        ExecutorService threads = Executors.newFixedThreadPool(instances);
        CyclicBarrier together = new CyclicBarrier(instances);
        List<Future<Boolean>> started = new ArrayList<>();
        for (int i = 0; i < instances; i++) {
            Settings settings = settings(i % 2 == 0 ? "even" : "odd");
            Callable<Boolean> start = () -> {
                together.await(30, TimeUnit.SECONDS);
                try {
                    ensure(settings);
                    return true;
                } catch (AdminException e) {
                    assertThat(e).hasMessageContaining("another application owns");
                    return false;
                }
            };
            started.add(threads.submit(start));
        }
        List<Boolean> outcomes = new ArrayList<>();
        for (Future<Boolean> one : started) {
            outcomes.add(one.get(2, TimeUnit.MINUTES));
        }
        threads.shutdownNow();

        assertThat(List.of(outcomes.get(0), outcomes.get(2), outcomes.get(4)))
                .as("even and odd instances: %s", outcomes)
                .containsOnly(!outcomes.get(1))
                .doesNotContain(outcomes.get(3), outcomes.get(5));
    }

    @Test
    void anotherApplicationCanTakeOverWhatDoesNotNeedTheOldState() throws Exception {
        Settings old = settings("old");
        ensure(old);
        send(old.topics().accepted());
        send(old.topics().signals().get(0));
        Settings all = settings("new");
        Settings some = settings(
                "new",
                ownTopics(
                        "new", "topic.signals", "topic.quota.exceeded", "topic.tenant.configs", "topic.quota.events"));

        try (TopicSetup setup = new TopicSetup(all)) {
            assertThatThrownBy(setup::takeOver)
                    .hasMessageContaining(old.topics().accepted() + " cannot be taken over from old");
        }
        try (TopicSetup setup = new TopicSetup(some)) {
            assertThat(setup.takeOver())
                    .containsExactlyInAnyOrder(
                            old.topics().signals().get(0),
                            old.topics().quotaExceeded(),
                            old.topics().events());
        }

        ensure(some);
        assertThatThrownBy(() -> ensure(old)).hasMessageContaining("to application.id new");
    }

    @Test
    void topicsOfAnOlderVersionBelongToTheApplicationThatHasState() throws Exception {
        Settings settings = settings("older");
        TopicAdmin.create(
                admin,
                new NewTopic(settings.topics().accepted(), 1, (short) 1)
                        .configs(Map.of("message.timestamp.type", "CreateTime", "cleanup.policy", "delete")));
        send(settings.topics().accepted());

        assertThatThrownBy(() -> ensure(settings))
                .hasMessageContaining("has records, and application.id older has no state");
    }

    /** Otherwise a new copy of the WAL would take the first number of a tenant for a gap, in every start. */
    @Test
    void aRecreatedTopicOfAcceptedSignalsIsKnownToLackItsBeginningFromThenOn() throws Exception {
        Settings settings = settings("refilled");
        ensure(settings);
        try (TopicSetup setup = new TopicSetup(settings)) {
            assertThat(setup.ensure().recreated()).isEmpty();
            assertThat(setup.accepted().beginningIsGone(0)).isFalse();
        }
        TopicAdmin.delete(admin, settings.topics().accepted());

        ensure(settings);

        for (String start : List.of("before it is settled", "afterwards")) {
            try (TopicSetup setup = new TopicSetup(settings)) {
                var unused = setup.ensure();
                assertThat(setup.accepted().beginningIsGone(0)).as(start).isTrue();
                setup.settle();
                assertThat(setup.ensure().recreated()).as(start).isEmpty();
            }
        }
    }

    @Test
    void configsThatAreRecreatedAreNamedOnceThoughNobodyOwnsTheirTopic() throws Exception {
        Settings settings = settings("reconfigured");
        assertThat(ensure(settings).recreated()).isEmpty();
        assertThat(ensure(settings).recreated()).isEmpty();
        TopicAdmin.delete(admin, settings.topics().configs());

        assertThat(ensure(settings).recreated())
                .containsExactly(settings.topics().configs());
        assertThat(ensure(settings).recreated()).isEmpty();
    }

    @Test
    void aTopicThatWasDeletedAndCreatedAgainIsNamed() throws Exception {
        Settings settings = settings("app");
        ensure(settings);
        String signals = settings.topics().signals().get(0);
        TopicAdmin.delete(admin, signals);

        assertThat(ensure(settings).recreated()).containsExactly(signals);
        assertThat(ensure(settings).recreated()).as("until it is settled").containsExactly(signals);
        try (TopicSetup setup = new TopicSetup(settings)) {
            setup.settle();
            assertThat(setup.ensure().recreated()).isEmpty();
        }
    }

    @Test
    void createdTopicsAreAsTheyMustBeWhateverTheBrokersDefaultsAre() throws Exception {
        Settings settings = settings("app");
        ensure(settings);
        assertThatCode(() -> ensure(settings)).doesNotThrowAnyException();
        String byTenant = settings.topics().byTenant();
        Map<String, String> found = new TreeMap<>();
        ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, byTenant);
        admin.describeConfigs(List.of(resource))
                .all()
                .get(30, TimeUnit.SECONDS)
                .get(resource)
                .entries()
                .forEach(entry -> found.put(entry.name(), entry.value()));
        assertThat(found)
                .containsEntry("retention.bytes", "-1")
                .containsEntry("message.timestamp.before.max.ms", Long.toString(Long.MAX_VALUE))
                .containsEntry("message.timestamp.type", "CreateTime")
                .containsEntry("cleanup.policy", "delete")
                .containsEntry("unclean.leader.election.enable", "false");

        for (String[] bad : new String[][] {
            {byTenant, "retention.bytes", "2000000"},
            {settings.topics().accepted(), "retention.bytes", "2000000"},
            {settings.topics().accepted(), "message.timestamp.before.max.ms", "8000"},
            {settings.topics().quotaExceeded(), "cleanup.policy", "compact"},
            {settings.topics().events(), "cleanup.policy", "compact,delete"},
            {settings.topics().deadLetter(), "unclean.leader.election.enable", "true"}
        }) {
            String before = configOf(bad[0], bad[1]);
            set(bad[0], bad[1], bad[2]);
            assertThatThrownBy(() -> ensure(settings))
                    .hasMessageContaining("topic %s has %s=%s".formatted(bad[0], bad[1], bad[2]))
                    .hasMessageContaining("--entity-name %s --add-config %s=%s".formatted(bad[0], bad[1], before));
            set(bad[0], bad[1], before);
        }
        set(settings.topics().signals().get(0), "retention.bytes", "2000000");
        assertThatCode(() -> ensure(settings)).as("a warning only").doesNotThrowAnyException();
    }

    private static String configOf(String topic, String setting) throws Exception {
        ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, topic);
        return admin.describeConfigs(List.of(resource))
                .all()
                .get(30, TimeUnit.SECONDS)
                .get(resource)
                .get(setting)
                .value();
    }
}
