package io.tidegate.topologytests.broker;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tidegate.admin.AdminException;
import io.tidegate.admin.ConfigEdit;
import io.tidegate.admin.ConfigEdit.Write;
import io.tidegate.admin.ConfigHistory;
import io.tidegate.admin.ConfigWriter;
import io.tidegate.admin.TenantDirectory;
import io.tidegate.admin.TopicSetup;
import io.tidegate.config.Settings;
import io.tidegate.config.SettingsLoader;
import io.tidegate.demo.EmbeddedBroker;
import io.tidegate.tenant.ConfigKey;
import io.tidegate.tenant.TenantConfig;
import io.tidegate.tenant.TenantId;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Any number of writers change configs one at a time. */
final class ConfigWriterTest {
    @TempDir
    private static Path temp;

    private static EmbeddedBroker broker;
    private static Settings settings;

    @BeforeAll
    static void start() throws Exception {
        broker = EmbeddedBroker.start(temp.resolve("broker"), 0, Map.of());
        settings = settings("tidegate");
        try (TopicSetup setup = new TopicSetup(settings)) {
            var unused = setup.ensure();
        }
    }

    @AfterAll
    static void stop() {
        if (broker != null) {
            broker.close();
        }
    }

    private static Settings settings(String application) {
        return SettingsLoader.load(
                null,
                Map.of(),
                Map.of(
                        "bootstrap.servers",
                        broker.bootstrapServers(),
                        "application.id",
                        application,
                        "shards",
                        "1",
                        "disk.min.free.bytes",
                        "0"));
    }

    private static TenantConfig withRate(TenantId tenant, long rate) {
        return new TenantConfig(tenant, rate, null, null, null, List.of(), "", TenantConfig.Mode.ENFORCE, null);
    }

    private static ConfigWriter.Written change(ConfigWriter writer, TenantId tenant, String by, ConfigEdit edit) {
        return (ConfigWriter.Written) writer.change(tenant, by, edit);
    }

    private static ConfigEdit.Result increased(ConfigEdit.Before before) {
        return new Write(withRate(before.tenant(), rate(before.current()) + 1));
    }

    @Test
    void anEditSeesTheDefaultTenantAndWhetherOthersAreConfigured() {
        TenantId first = TenantId.of(30);
        TenantId second = TenantId.of(31);
        List<ConfigEdit.Before> seen = new ArrayList<>();
        try (ConfigWriter writer = new ConfigWriter(settings)) {
            writer.changeAll(
                    Map.of(
                            ConfigKey.of(TenantId.DEFAULT),
                            before -> new Write(withRate(TenantId.DEFAULT, 7)),
                            ConfigKey.of(first),
                            before -> new Write(withRate(first, 1)),
                            ConfigKey.of(second),
                            before -> new Write(withRate(second, 1))),
                    "test");
            change(writer, first, "test", before -> {
                seen.add(before);
                return new ConfigEdit.Keep();
            });
        }

        assertThat(seen).singleElement().satisfies(before -> {
            assertThat(before.current().config()).isEqualTo(withRate(first, 1));
            assertThat(before.ofDefault().config()).isEqualTo(withRate(TenantId.DEFAULT, 7));
            assertThat(before.others()).isTrue();
        });
    }

    private static long rate(ConfigWriter.Current current) {
        return current.config() == null ? 0 : current.config().maxSignalsPerSec();
    }

    @Test
    @Timeout(600)
    void noneOfManyWritersLosesAnothersChange() throws Exception {
        TenantId tenant = TenantId.of(1);
        int writers = 4;
        int changes = 10;
        List<CompletableFuture<Void>> all = new ArrayList<>();
        // Regions share the topic, and each has its own application.
        Settings other = settings("other");
        for (int i = 0; i < writers; i++) {
            Settings own = i % 2 == 0 ? settings : other;
            all.add(CompletableFuture.runAsync(() -> {
                try (ConfigWriter writer = new ConfigWriter(own)) {
                    for (int change = 0; change < changes; change++) {
                        ConfigWriter.Written unused = change(writer, tenant, "test", before -> increased(before));
                    }
                }
            }));
        }
        for (CompletableFuture<Void> one : all) {
            one.get(5, TimeUnit.MINUTES);
        }

        try (ConfigWriter writer = new ConfigWriter(settings)) {
            assertThat(rate(writer.current(tenant))).isEqualTo((long) writers * changes);
        }
    }

    @Test
    @Timeout(600)
    void aWriterSeesItsOwnLastChangeAtOnceAndSoDoesEveryOtherReader() {
        TenantId tenant = TenantId.of(5);
        try (ConfigWriter writer = new ConfigWriter(settings);
                ConfigWriter other = new ConfigWriter(settings)) {
            for (int i = 1; i <= 50; i++) {
                change(writer, tenant, "test", before -> increased(before));
                assertThat(rate(other.current(tenant))).isEqualTo(i);
            }
        }
    }

    @Test
    void anEditThatRejectsWritesNothing() {
        TenantId tenant = TenantId.of(2);
        try (ConfigWriter writer = new ConfigWriter(settings)) {
            long offset = change(writer, tenant, "test", before -> new Write(withRate(tenant, 1)))
                    .offset();
            ConfigEdit.Rejection no = new ConfigEdit.Rejection(ConfigEdit.Kind.INVALID_CONFIG, "no", null);

            ConfigWriter.Outcome outcome = writer.change(tenant, "test", before -> new ConfigEdit.Reject(no));

            assertThat(outcome).isEqualTo(new ConfigWriter.Rejected(no));
            assertThat(writer.changeAll(
                            Map.of(
                                    ConfigKey.of(tenant),
                                    before -> new ConfigEdit.Reject(no),
                                    ConfigKey.of(TenantId.of(20)),
                                    before -> new Write(withRate(TenantId.of(20), 1))),
                            "test"))
                    .containsOnlyKeys(ConfigKey.of(tenant));
            assertThat(writer.current(TenantId.of(20)).config()).isNull();
            assertThat(writer.current(tenant).offset()).isEqualTo(offset);
            assertThat(change(writer, tenant, "test", before -> new ConfigEdit.Keep())
                            .offset())
                    .isEqualTo(offset);
            assertThat(change(writer, tenant, "test", before -> new Write(withRate(tenant, 1)))
                            .offset())
                    .as("the same config again")
                    .isEqualTo(offset);
        }
    }

    @Test
    void historyNamesAuthorsAndChangesAndIsBounded() {
        TenantId tenant = TenantId.of(3);
        try (ConfigWriter writer = new ConfigWriter(settings)) {
            for (int i = 1; i <= ConfigHistory.CHANGES_MAX + 5; i++) {
                long rate = i;
                change(writer, tenant, "writer-" + i, before -> new Write(withRate(tenant, rate)));
            }
            change(writer, tenant, "remover", before -> new ConfigEdit.Remove());
        }

        ConfigWriter.Current current = new TenantDirectory(settings).current(tenant);

        assertThat(current.config()).isNull();
        List<ConfigHistory.Change> changes = current.history().changes();
        assertThat(changes).hasSize(ConfigHistory.CHANGES_MAX);
        ConfigHistory.Change last = changes.get(changes.size() - 1);
        assertThat(last.by()).isEqualTo("remover");
        assertThat(last.from()).isEqualTo(withRate(tenant, 25));
        assertThat(last.to()).isNull();
        assertThat(last.offset()).isEqualTo(current.offset());
        assertThat(changes.get(0).by()).isEqualTo("writer-7");
        assertThat(changes)
                .extracting(ConfigHistory.Change::offset)
                .doesNotContain(-1L)
                .isSorted();
        assertThat(current.history().before(null)).isEqualTo(withRate(tenant, 25));
        assertThat(current.history().before(changes.get(0).offset())).isEqualTo(withRate(tenant, 6));
        assertThatThrownBy(() -> current.history().before(1_000_000L)).hasMessageContaining("1000000");
    }

    private static TenantConfig onPlan(TenantId tenant, String plan) {
        return TenantConfig.unlimited(tenant, "").toBuilder().plan(plan).build();
    }

    private static ConfigEdit.Kind rejection(ConfigWriter.Outcome outcome) {
        return ((ConfigWriter.Rejected) outcome).rejection().kind();
    }

    /** The rules apply to the result of the whole transaction, whatever the order of its changes. */
    @Test
    void aTenantsPlanExistsAndAPlanInUseIsNotRemoved() {
        TenantId one = TenantId.of(50);
        TenantId two = TenantId.of(51);
        ConfigKey small = ConfigKey.ofPlan("small");
        ConfigKey large = ConfigKey.ofPlan("large");
        TenantConfig fields = withRate(TenantId.DEFAULT, 3);
        try (ConfigWriter writer = new ConfigWriter(settings)) {
            assertThat(rejection(writer.change(one, "test", before -> new Write(onPlan(one, "small")))))
                    .isEqualTo(ConfigEdit.Kind.INVALID_CONFIG);
            assertThat(writer.current(one).config()).isNull();

            var created = writer.changeAll(
                    Map.of(
                            ConfigKey.of(one),
                            before -> new Write(onPlan(one, "small")),
                            small,
                            before -> new Write(fields)),
                    "test");
            assertThat(((ConfigWriter.Written) created.get(small)).offset())
                    .as("the plan is there before its tenants")
                    .isLessThan(((ConfigWriter.Written) created.get(ConfigKey.of(one))).offset());
            assertThat(writer.current(small).config()).isEqualTo(fields);
            assertThat(writer.current(small).history().changes()).hasSize(1);

            assertThat(rejection(writer.change(small, "test", before -> new ConfigEdit.Remove())))
                    .isEqualTo(ConfigEdit.Kind.PLAN_IN_USE);
            assertThat(writer.changeAll(
                            Map.of(
                                    small,
                                    before -> new ConfigEdit.Remove(),
                                    ConfigKey.of(two),
                                    before -> new Write(onPlan(two, "small"))),
                            "test"))
                    .containsOnlyKeys(small, ConfigKey.of(two));
            assertThat(writer.current(small).config()).isEqualTo(fields);

            var moved = writer.changeAll(
                    Map.of(
                            small,
                            before -> new ConfigEdit.Remove(),
                            large,
                            before -> new Write(fields),
                            ConfigKey.of(one),
                            before -> new Write(onPlan(one, "large"))),
                    "test");
            assertThat(((ConfigWriter.Written) moved.get(small)).offset())
                    .as("the plan goes after its tenants have moved")
                    .isGreaterThan(((ConfigWriter.Written) moved.get(ConfigKey.of(one))).offset());
        }
        try (ConfigWriter other = new ConfigWriter(settings)) {
            assertThat(rejection(other.change(large, "test", before -> new ConfigEdit.Remove())))
                    .as("another writer has read the tenants on it")
                    .isEqualTo(ConfigEdit.Kind.PLAN_IN_USE);
            change(other, one, "test", before -> new ConfigEdit.Remove());
            assertThat(other.change(large, "test", before -> new ConfigEdit.Remove()))
                    .isInstanceOf(ConfigWriter.Written.class);
        }
        TenantDirectory.Snapshot snapshot = new TenantDirectory(settings).snapshot();
        assertThat(snapshot.plans()).isEmpty();
        assertThat(snapshot.tenants()).doesNotContainKeys(one, two);
    }

    @Test
    void aRecordThatIsNotAConfigIsRecognisedAndReplaced() throws Exception {
        TenantId tenant = TenantId.of(4);
        try (var producer =
                new KafkaProducer<>(settings.clientConfig(), new ByteArraySerializer(), new ByteArraySerializer())) {
            producer.send(new ProducerRecord<>(settings.topics().configs(), tenant.key(), new byte[] {'x'}))
                    .get(30, TimeUnit.SECONDS);
        }
        try (ConfigWriter writer = new ConfigWriter(settings)) {
            assertThat(writer.current(tenant).readable()).isFalse();
            change(writer, tenant, "test", before -> new Write(withRate(tenant, 1)));
            assertThat(writer.current(tenant).config()).isEqualTo(withRate(tenant, 1));
        }
    }

    @Test
    @Timeout(600)
    void manyAreAddedAtOnceAndReplaceNone() {
        TenantDirectory directory = new TenantDirectory(settings);
        List<TenantConfig> many = IntStream.rangeClosed(1000, 30_999)
                .mapToObj(id -> withRate(TenantId.of(id), 1))
                .toList();
        TenantId other = TenantId.of(1_500);
        try (ConfigWriter writer = new ConfigWriter(settings)) {
            change(writer, other, "test", before -> new Write(withRate(other, 7)));
        }

        directory.addAll(many);

        assertThat(directory.configs()).hasSizeGreaterThanOrEqualTo(many.size());
        try (ConfigWriter writer = new ConfigWriter(settings)) {
            assertThat(writer.current(other).config())
                    .as("set after the caller found none")
                    .isEqualTo(withRate(other, 7));
            assertThat(writer.current(TenantId.of(20_000)).config()).isEqualTo(withRate(TenantId.of(20_000), 1));
            assertThat(writer.current(TenantId.of(1_000)).history().changes()).hasSize(1);
        }
    }

    @Test
    @Timeout(600)
    void aChangeDoesNotWaitWithoutEndForTheOneBeforeIt() throws Exception {
        TenantId tenant = TenantId.of(40);
        CountDownLatch began = new CountDownLatch(1);
        CountDownLatch rejected = new CountDownLatch(1);
        try (ConfigWriter writer = new ConfigWriter(settings, Duration.ZERO)) {
            var first = CompletableFuture.supplyAsync(() -> change(writer, tenant, "first", before -> {
                began.countDown();
                try {
                    rejected.await();
                } catch (InterruptedException e) {
                    throw new AssertionError(e);
                }
                return increased(before);
            }));
            began.await();
            assertThatThrownBy(() -> change(writer, tenant, "second", ConfigWriterTest::increased))
                    .isInstanceOf(AdminException.class)
                    .hasMessageContaining("nothing was changed");
            assertThatThrownBy(() -> writer.current(tenant)).isInstanceOf(AdminException.class);
            rejected.countDown();
            assertThat(first.get(5, TimeUnit.MINUTES).config()).isEqualTo(withRate(tenant, 1));
            assertThat(rate(writer.current(tenant))).isOne();
        }
    }

    @Test
    @Timeout(600)
    void aWriterThatIsInterruptedSaysSoWhereverItWaits() throws Exception {
        Settings elsewhere = SettingsLoader.load(
                null,
                Map.of(),
                Map.of(
                        "bootstrap.servers", broker.bootstrapServers(),
                        "topic.tenant.configs", "no-such-topic",
                        "shards", "1"));
        CompletableFuture<Throwable> failure = new CompletableFuture<>();
        Thread writing = new Thread(() -> {
            // However late the next interrupt comes.
            Thread.currentThread().interrupt();
            try (ConfigWriter writer = new ConfigWriter(elsewhere)) {
                TenantId tenant = TenantId.of(77);
                failure.complete(new AssertionError(
                        String.valueOf(writer.change(tenant, "test", before -> new Write(withRate(tenant, 1))))));
            } catch (Throwable e) {
                failure.complete(e);
            }
        });
        writing.start();
        while (!failure.isDone()) {
            writing.interrupt();
            Thread.onSpinWait();
        }

        assertThat(failure.get(60, TimeUnit.SECONDS))
                .isInstanceOf(AdminException.class)
                .hasMessageContaining("interrupted");
        writing.join(60_000);
    }
}
