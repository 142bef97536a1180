package io.tidegate.topologytests.broker;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tidegate.config.Settings;
import io.tidegate.contract.SourcePosition;
import io.tidegate.demo.ChildJvm;
import io.tidegate.demo.EmbeddedBroker;
import io.tidegate.tenant.TenantId;
import io.tidegate.tools.ClockedReplay;
import io.tidegate.tools.Replay;
import io.tidegate.tools.ReplayReport;
import io.tidegate.topologytests.driver.JsonHeaders;
import io.tidegate.topologytests.support.Deployment;
import io.tidegate.topologytests.support.Http;
import io.tidegate.topologytests.support.TidegateProcess;
import io.tidegate.topologytests.support.TopicAdmin;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.AbstractSet;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Each rejection is replayed once, despite kills and other replays. */
@Timeout(value = 15, unit = TimeUnit.MINUTES)
@Tag("long")
final class ReplayTest {
    private static final JsonMapper JSON = new JsonMapper();
    private static final int REJECTED = 24;

    @TempDir
    Path temp;

    private EmbeddedBroker broker;
    private Deployment app;
    private TidegateProcess instance;
    private Http http;

    @BeforeEach
    void start() throws Exception {
        broker = EmbeddedBroker.start(
                temp.resolve("broker"),
                0,
                Map.of("group.streams.session.timeout.ms", "3000", "group.min.session.timeout.ms", "1000"));
        app = new Deployment(broker.bootstrapServers(), "replay", temp);
        instance = app.start("a");
        http = Http.of(instance);
    }

    @AfterEach
    void stop() {
        app.close();
        broker.close();
    }

    @Test
    void sendsEachRejectionAgainOnceAlsoWhenItIsKilled() throws Exception {
        app.set("2", "--rate", "0");
        app.set("3", "--rate", "0");
        app.set("4", "--rate", "0");
        app.set("1", "--label", "One");
        app.awaitUsable("1");
        app.send(REJECTED, i -> "{\"tenant_id\":2,\"item\":\"i%d\"}".formatted(i));
        app.send(3, i -> "{\"tenant_id\":3}");
        app.send(3, i -> "{\"tenant_id\":4}");
        assertThat(app.verify("a").at("/tenants/2/rejected/rate_limited").asLong())
                .isEqualTo(REJECTED);
        assertThat(rejections("--tenant", "2").at("/2 rate_limited/hopeless").asLong())
                .isEqualTo(REJECTED);
        letPass("2", 4);

        // A dry run: reports and sends nothing.
        assertThat(rejections("--tenant", "2").at("/2 rate_limited/replayed").asLong())
                .isEqualTo(REJECTED);
        assertThat(app.verify("a").at("/tenants/2/in").asLong()).isEqualTo(REJECTED);

        killAReplayInTheMiddle();
        long sentBefore = rejections("--tenant", "2").at("/2 rate_limited/done").asLong();
        JsonNode rest = rejections("--tenant", "2", "--yes");
        assertThat(sentBefore).isPositive();
        assertThat(rest.at("/2 rate_limited/done").asLong()).isEqualTo(sentBefore);
        assertThat(rest.at("/2 rate_limited/replayed").asLong()).isEqualTo(REJECTED - sentBefore);
        // Another filter that matches the same rejections replays none of them again.
        assertThat(rejections("--reason", "rate_limited", "--yes")
                        .at("/2 rate_limited/done")
                        .asLong())
                .isEqualTo(REJECTED);

        replayTenant3InPieces();
        endAReplayOfTenant4ByAnother();

        JsonNode verified = app.verify("a");
        assertThat(verified.at("/tenants/2/in").asLong()).isEqualTo(2 * REJECTED);
        assertThat(verified.at("/tenants/2/in_wal").asLong()).isEqualTo(REJECTED);
        assertThat(verified.at("/tenants/3/in").asLong()).isEqualTo(2 * 3);
        assertThat(verified.at("/tenants/3/in_wal").asLong()).isEqualTo(3);
        assertThat(verified.at("/tenants/4/in").asLong()).isEqualTo(3 + 1);
        String first = app.quick("wal", "cat", "2", "-o", "json", "--data-dir", app.dataDir("a"))
                .out()
                .lines()
                .findFirst()
                .orElseThrow();
        assertThat(JSON.readTree(first).at("/value").asText()).isEqualTo("{\"tenant_id\":2,\"item\":\"i0\"}");
        assertThat(JsonHeaders.text(JSON.readTree(first), "tidegate.replays")).isEqualTo("1");
    }

    @Test
    void sendsNothingThatWouldBeRejectedAgain() throws Exception {
        app.set("5", "--entities", "3");
        app.set("1", "--label", "One");
        app.awaitUsable("1");
        app.send(3, i -> "{\"tenant_id\":5,\"item\":\"i%d\"}".formatted(i));
        app.send(20, i -> "{\"tenant_id\":5,\"item\":\"new%d\"}".formatted(i));
        assertThat(app.verify("a").at("/tenants/5/rejected/entity_limit").asLong())
                .isEqualTo(20);

        JsonNode plan = rejections("--tenant", "5").get("5 entity_limit");
        assertThat(plan.path("hopeless").asLong()).isEqualTo(20);
        assertThat(plan.at("/still_rejected/entity_limit").asLong()).isEqualTo(20);
        assertThat(rejections("--tenant", "5", "--yes")
                        .at("/5 entity_limit/hopeless")
                        .asLong())
                .isEqualTo(20);
        assertThat(app.verify("a").at("/tenants/5/in").asLong()).isEqualTo(23);

        // Room for two more entities: exactly two signals pass, and the others are not even sent.
        http.patch("5", "{\"max_entities\":5}");
        JsonNode planned = post("{\"tenant\":\"5\"}");
        JsonNode done = post("{\"tenant\":\"5\",\"dry_run\":false,\"ends\":%s}".formatted(planned.get("ends")));
        for (JsonNode answer : List.of(planned, done)) {
            assertThat(answer.at("/rejections/0/replayed").asLong()).isEqualTo(2);
            assertThat(answer.at("/rejections/0/still_rejected/entity_limit").asLong())
                    .isEqualTo(18);
        }
        JsonNode verified = app.verify("a");
        assertThat(verified.at("/tenants/5/in").asLong()).isEqualTo(25);
        assertThat(verified.at("/tenants/5/accepted").asLong()).isEqualTo(5);
        assertThat(verified.at("/tenants/5/rejected/entity_limit").asLong()).isEqualTo(20);
    }

    /** Larger than the requests that Kafka's producers send by default. */
    @Test
    void replaysSignalsOfSeveralMiB() throws Exception {
        instance.terminate();
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", broker.bootstrapServers()))) {
            for (String topic : List.of(
                    app.signals(), app.topic("by-tenant"), app.topic("accepted"), app.topic("quota-exceeded"))) {
                TopicAdmin.set(admin, topic, "max.message.bytes", "8388608");
            }
        }
        http = Http.of(app.start("a"));
        app.set("11", "--rate", "0");
        app.set("1", "--label", "One");
        app.awaitUsable("1");
        String pad = "x".repeat(2 << 20);
        app.send(3, i -> "{\"tenant_id\":11,\"pad\":\"%s\"}".formatted(i == 1 ? pad : ""));
        app.verify("a");
        letPass("11", 100);

        assertThat(rejections("--tenant", "11", "--yes")
                        .at("/11 rate_limited/replayed")
                        .asLong())
                .isEqualTo(3);

        assertThat(app.verify("a").at("/tenants/11/accepted").asLong()).isEqualTo(3);
    }

    @Test
    void coversNothingThatWasRejectedAfterItsEnds() throws Exception {
        app.set("6", "--rate", "0");
        app.set("1", "--label", "One");
        app.awaitUsable("1");
        app.send(2, i -> "{\"tenant_id\":6}");
        app.verify("a");
        String ends = post("{\"tenant\":\"6\"}").get("ends").toString();
        app.send(3, i -> "{\"tenant_id\":6}");
        app.verify("a");

        letPass("6", 2);
        String body = "{\"tenant\":\"6\",\"ends\":%s}";
        assertThat(post(body.formatted(ends)).at("/rejections/0/replayed").asLong())
                .isEqualTo(2);
        assertThat(post("{\"tenant\":\"6\"}").at("/rejections/0/replayed").asLong())
                .isEqualTo(5);
        assertThat(post(body.formatted("{}")).path("rejections")).isEmpty();
    }

    /** A replay that sends one of many rejections must not hold back other signals while it reads the rest. */
    @Test
    void endsATransactionWhileItSendsNothing() throws Exception {
        rejectFour("7", "8");

        assertThat(stepsOfAReplayOfTheFirst("7", 600, 600, 600, 0))
                .as("after a second")
                .containsExactly("reading limits and usage", "read", "read", "read", "1 replayed", "read");
        assertThat(stepsOfAReplayOfTheFirst("8", 59_500, 700, 0, 0))
                .as("before limits that are a minute old are loaded again")
                .containsExactly("reading limits and usage", "read", "read", "1 replayed", "read", "read");
    }

    private void rejectFour(String... tenants) throws Exception {
        for (String tenant : tenants) {
            app.set(tenant, "--rate", "0");
        }
        app.set("1", "--label", "One");
        app.awaitUsable("1");
        for (String tenant : tenants) {
            app.send(4, i -> "{\"tenant_id\":%s}".formatted(tenant));
        }
        app.verify("a");
        for (String tenant : tenants) {
            letPass(tenant, 1_000);
        }
    }

    /**
     * Replays the first rejection of a tenant.
     *
     * @param millis how much time passes with each rejection that is read
     * @return the rejections read and the lines of progress, in their order
     */
    private List<String> stepsOfAReplayOfTheFirst(String tenant, long... millis) {
        AtomicLong nowNanos = new AtomicLong();
        List<String> steps = new ArrayList<>();
        AtomicInteger read = new AtomicInteger();
        Set<SourcePosition> first = new AbstractSet<>() {
            @Override
            public boolean contains(Object position) {
                steps.add("read");
                nowNanos.addAndGet(TimeUnit.MILLISECONDS.toNanos(millis[read.get()]));
                return read.getAndIncrement() == 0;
            }

            @Override
            public Iterator<SourcePosition> iterator() {
                throw new UnsupportedOperationException();
            }

            @Override
            public int size() {
                return 1;
            }
        };
        var choice = new Replay.RejectionFilter(TenantId.parse(tenant), Set.of(), null, null, first, null);

        ReplayReport report = ClockedReplay.of(app.settings(), nowNanos::get).run(choice, null, steps::add);

        assertThat(report.ending()).isEqualTo(ReplayReport.Ending.COMPLETE);
        assertThat(report.count(ReplayReport.Outcome.REPLAYED)).isEqualTo(1);
        return steps;
    }

    @Test
    void theTimeToLoadLimitsIsNotTakenFromTheTimeToSend() throws Exception {
        rejectFour("9");
        AtomicLong nowNanos = new AtomicLong();
        var choice = new Replay.RejectionFilter(TenantId.of(9), Set.of(), null, null, Set.of(), null);

        ReplayReport report = ClockedReplay.of(app.settings(), nowNanos::get)
                .run(choice, Duration.ofSeconds(10), progress -> {
                    if (progress.equals("reading limits and usage")) {
                        nowNanos.addAndGet(TimeUnit.SECONDS.toNanos(30));
                    }
                });

        assertThat(report.ending()).isEqualTo(ReplayReport.Ending.COMPLETE);
        assertThat(report.count(ReplayReport.Outcome.REPLAYED)).isEqualTo(4);
    }

    @Test
    void onlyReplaysOfRejectionsInTheSameTopicCount() throws Exception {
        rejectFour("10");
        rejections("--tenant", "99", "--yes"); // creates the ledger
        recordAllAsReplayed(Uuid.randomUuid().toString());
        assertThat(post("{\"tenant\":\"10\"}").at("/rejections/0/replayed").asLong())
                .isEqualTo(4);

        recordAllAsReplayed("1"); // as builds wrote that did not know the topic
        assertThat(post("{\"tenant\":\"10\"}").at("/rejections/0/done").asLong())
                .isEqualTo(4);
    }

    /** Writes to the ledger that the first rejections were replayed. */
    private void recordAllAsReplayed(String value) throws Exception {
        Map<String, Object> config = Map.of("bootstrap.servers", broker.bootstrapServers(), "acks", "all");
        try (var producer = new KafkaProducer<>(config, new StringSerializer(), new StringSerializer())) {
            for (int position = 0; position < 100; position++) {
                String key = "%d/%d".formatted(position % 2, position / 2);
                producer.send(new ProducerRecord<>(app.settings().replaysTopic(), key, value))
                        .get(30, TimeUnit.SECONDS);
            }
        }
    }

    /** At half of 2 a second, a part that lasts one second sends one signal at most. */
    private void replayTenant3InPieces() throws InterruptedException {
        letPass("3", 2);
        List<String> endings = new ArrayList<>();
        long sent = 0;
        do {
            JsonNode piece = post("{\"tenant\":\"3\",\"dry_run\":false,\"max_seconds\":1}");
            assertThat(piece.path("dry_run").asBoolean()).isFalse();
            long now = piece.at("/rejections/0/replayed").asLong();
            assertThat(now).isLessThanOrEqualTo(1);
            sent += now;
            endings.add(piece.path("ending").asText());
        } while (endings.get(endings.size() - 1).equals("time_over") && endings.size() < 60);
        assertThat(endings).hasSizeGreaterThanOrEqualTo(3).endsWith("complete");
        assertThat(sent).isEqualTo(3);
        assertThat(post("{\"tenant\":\"3\"}").at("/rejections/0/done").asLong()).isEqualTo(3);
    }

    /** Signals in the transaction that the other replay aborts are neither sent nor reported as sent. */
    private void endAReplayOfTenant4ByAnother() throws InterruptedException {
        letPass("4", 2);
        Settings settings = app.settings();
        var choice = new Replay.RejectionFilter(TenantId.of(4), Set.of(), null, null, Set.of(), null);
        List<String> committed = new ArrayList<>();

        // By a clock that stands still, each signal is due a second after the one before, so it is committed alone.
        ReplayReport report = ClockedReplay.of(settings, () -> 0).run(choice, null, progress -> {
            if (!progress.endsWith(" replayed")) {
                return;
            }
            committed.add(progress);
            Map<String, Object> config = settings.clientConfig();
            config.put("transactional.id", settings.applicationId() + "-replay");
            try (var other = new KafkaProducer<>(config, new ByteArraySerializer(), new ByteArraySerializer())) {
                other.initTransactions();
            }
        });

        assertThat(committed).containsExactly("1 replayed");
        assertThat(report.ending()).isEqualTo(ReplayReport.Ending.TAKEN_OVER);
        assertThat(report.count(ReplayReport.Outcome.REPLAYED)).isEqualTo(1);
        JsonNode rest = post("{\"tenant\":\"4\"}").at("/rejections/0");
        assertThat(rest.path("done").asLong()).isEqualTo(1);
        assertThat(rest.path("replayed").asLong()).isEqualTo(2);
    }

    /** The instance applies the config before this returns, so no replayed signal is rejected again. */
    private void letPass(String tenant, int perSecond) throws InterruptedException {
        http.patch(tenant, "{\"max_signals_per_sec\":%d,\"burst_signals\":100}".formatted(perSecond));
    }

    private JsonNode post(String body) {
        var answer = http.send("POST", "/v1/rejections/replay", body);
        assertThat(answer.status()).as(answer.text()).isEqualTo(200);
        return answer.json();
    }

    /** At half of 4 a second the replay takes 12 s. It is killed when it first reports its progress, after 5 s. */
    private void killAReplayInTheMiddle() throws Exception {
        List<String> command = ChildJvm.command("-Xmx256m");
        command.addAll(List.of("io.tidegate.cli.Tidegate", "rejections", "replay", "--yes", "--tenant", "2"));
        command.addAll(List.of(app.connection()));
        Path err = temp.resolve("replay.err");
        Process replay = new ProcessBuilder(command)
                .redirectOutput(temp.resolve("replay.out").toFile())
                .redirectError(err.toFile())
                .start();
        try {
            TidegateProcess.await(Duration.ofSeconds(60), "the first signals to be replayed", () -> "", () -> {
                try {
                    return Files.readString(err).contains("replayed");
                } catch (java.io.IOException e) {
                    throw new java.io.UncheckedIOException(e);
                }
            });
        } finally {
            replay.destroyForcibly().waitFor();
        }
    }

    private JsonNode rejections(String... more) throws Exception {
        List<String> arguments = new ArrayList<>(List.of("rejections", "replay", "-o", "json"));
        arguments.addAll(List.of(more));
        var result = app.quick(arguments.toArray(String[]::new));
        assertThat(result.exit()).as(result.err()).isZero();
        ObjectNode byGroup = JSON.createObjectNode();
        for (JsonNode group : JSON.readTree(result.out()).get("rejections")) {
            byGroup.set(
                    group.get("tenant_id").asText() + " " + group.get("reason").asText(), group);
        }
        return byGroup;
    }
}
