package io.tidegate.topologytests.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidegate.admin.Remedy;
import io.tidegate.topologytests.support.Deployment;
import io.tidegate.topologytests.support.TestBroker;
import io.tidegate.topologytests.support.TidegateProcess;
import io.tidegate.topologytests.support.TopicAdmin;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.FeatureUpdate;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.UpdateFeaturesOptions;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.acl.AclBindingFilter;
import org.apache.kafka.common.acl.AclOperation;
import org.apache.kafka.common.serialization.StringSerializer;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Runs each kind of command that a message or the doctor recommends, as printed, and checks that it fixes its problem. */
@Timeout(value = 15, unit = TimeUnit.MINUTES)
@Tag("long")
final class RemediesTest {
    @TempDir
    private static Path temp;

    private static TestBroker broker;
    private static Admin admin;

    private Deployment app;

    @BeforeAll
    static void startBroker() throws Exception {
        broker = TestBroker.start(
                temp,
                Map.of(
                        "authorizer.class.name", "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
                        "super.users", "User:ANONYMOUS"));
        admin = broker.admin();
    }

    @AfterAll
    static void stopBroker() {
        if (broker != null) {
            broker.close();
        }
    }

    @ParameterizedTest
    @EnumSource(Remedy.Kind.class)
    void theRecommendedCommandWorks(Remedy.Kind kind) throws Exception {
        app = new Deployment(broker.bootstrapServers(), "app-" + kind.name().toLowerCase(java.util.Locale.ROOT), temp);
        // Exhaustive: a new kind of remedy does not compile without a case here.
        boolean tried = switch (kind) {
            case SET_TOPIC_CONFIG -> setsTheConfigOfATopic();
            case ADD_PARTITIONS -> addsPartitions();
            case UPGRADE_FEATURE -> upgradesAFeature();
            case ABORT_TRANSACTION -> abortsATransaction();
            case ALLOW_TOPIC_OPERATION -> allowsAnOperation();
            case CREATE_TOPICS -> createsTopics();
            case RESET_OFFSETS -> resetsOffsets();
            case TAKE_OVER -> takesOver();
        };
        assertThat(tried).isTrue();
    }

    private String doctor() throws Exception {
        var result = app.tidegate("doctor", "--data-dir", app.dataDir("a"));
        return result.out() + result.err();
    }

    private boolean setsTheConfigOfATopic() throws Exception {
        app.tidegate("init");
        TopicAdmin.set(admin, app.topic("quota-exceeded"), "cleanup.policy", "compact");

        RecommendedCommand.run(temp, RecommendedCommand.in(doctor(), "kafka-configs.sh"));

        assertThat(doctor()).contains("ok    topics");
        return true;
    }

    private boolean addsPartitions() throws Exception {
        TopicAdmin.create(admin, new NewTopic(app.topic("by-tenant"), 1, (short) 1));
        var rejected = app.tidegate("init");
        assertThat(rejected.exit()).isEqualTo(1);
        assertThat(rejected.err()).contains("at least 2 are needed (shards)");

        RecommendedCommand.run(temp, RecommendedCommand.in(rejected.err(), "kafka-topics.sh"));

        assertThat(app.tidegate("init").err()).doesNotContain("at least 2 are needed");
        return true;
    }

    private boolean upgradesAFeature() throws Exception {
        admin.updateFeatures(
                        Map.of(
                                "transaction.version",
                                new FeatureUpdate((short) 1, FeatureUpdate.UpgradeType.SAFE_DOWNGRADE)),
                        new UpdateFeaturesOptions())
                .all()
                .get(30, TimeUnit.SECONDS);

        RecommendedCommand.run(temp, RecommendedCommand.in(doctor(), "kafka-features.sh"));

        assertThat(doctor()).contains("ok    features");
        return true;
    }

    private boolean abortsATransaction() throws Exception {
        app.tidegate("init");
        Map<String, Object> config = Map.of(
                "bootstrap.servers",
                broker.bootstrapServers(),
                "transactional.id",
                app.applicationId() + "-left-open",
                "transaction.timeout.ms",
                600_000);
        try (var producer = new KafkaProducer<>(config, new StringSerializer(), new StringSerializer())) {
            producer.initTransactions();
            producer.beginTransaction();
            long tenMinutesAgo = System.currentTimeMillis() - 600_000;
            producer.send(new ProducerRecord<>(app.topic("quota-exceeded"), 0, tenMinutesAgo, "7", "left"))
                    .get(30, TimeUnit.SECONDS);

            RecommendedCommand.run(temp, RecommendedCommand.in(doctor(), "kafka-transactions.sh"));
        }
        assertThat(doctor()).contains("ok    transactions");
        return true;
    }

    private boolean allowsAnOperation() throws Exception {
        Remedy remedy = Remedy.allow(broker.bootstrapServers(), "signals", AclOperation.READ.toString());

        RecommendedCommand.run(temp, remedy.command());

        // Brokers learn about a new ACL after the command.
        TidegateProcess.await(Duration.ofMinutes(3), "the ACL", () -> "", () -> {
            try {
                return admin.describeAcls(AclBindingFilter.ANY).values().get(3, TimeUnit.MINUTES).stream()
                        .anyMatch(acl -> acl.pattern().name().equals("signals")
                                && acl.entry().operation() == AclOperation.READ);
            } catch (Exception e) {
                throw new AssertionError(e);
            }
        });
        return true;
    }

    private boolean createsTopics() throws Exception {
        RecommendedCommand.run(temp, RecommendedCommand.in(doctor(), "tidegate init"), app.connection());

        assertThat(doctor()).contains("ok    topics");
        return true;
    }

    private boolean resetsOffsets() throws Exception {
        app.tidegate("init");

        String said = RecommendedCommand.run(
                temp, Remedy.resetOffsets(List.of(app.signals()), "--to-latest").command(), app.connection());

        assertThat(said).contains(app.signals());
        assertThat(admin.listConsumerGroupOffsets(app.applicationId())
                        .partitionsToOffsetAndMetadata()
                        .get(30, TimeUnit.SECONDS))
                .hasSize(2);
        return true;
    }

    private boolean takesOver() throws Exception {
        app.tidegate("init");
        String[] same = app.connection();
        for (int i = 0; i < same.length; i++) {
            same[i] = same[i].replace("application.id=", "application.id=other-");
        }
        String[] init = new String[same.length + 1];
        init[0] = "init";
        System.arraycopy(same, 0, init, 1, same.length);
        var rejected = TidegateProcess.command(temp, init);
        assertThat(rejected.exit()).isEqualTo(1);

        RecommendedCommand.run(temp, RecommendedCommand.in(rejected.err(), "tidegate init --take-over"), same);

        assertThat(TidegateProcess.command(temp, init).exit()).isZero();
        assertThat(app.tidegate("init").err()).contains("another application owns topics");
        return true;
    }
}
