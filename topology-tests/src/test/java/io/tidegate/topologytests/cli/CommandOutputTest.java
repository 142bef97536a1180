package io.tidegate.topologytests.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.tidegate.cli.InProcess;
import io.tidegate.topologytests.support.Deployment;
import io.tidegate.topologytests.support.Http;
import io.tidegate.topologytests.support.TestBroker;
import io.tidegate.topologytests.support.TidegateProcess;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.StringSerializer;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The output of commands on a real deployment: fields, ids, the last rejections, and an empty state after a reset. */
@Timeout(value = 15, unit = TimeUnit.MINUTES)
@Tag("long")
final class CommandOutputTest {
    private static final JsonMapper JSON = new JsonMapper();
    private static final String LARGEST = "18446744073709551615";

    @TempDir
    private static Path temp;

    private static TestBroker broker;

    @BeforeAll
    static void startBroker() throws Exception {
        broker = TestBroker.start(temp, TestBroker.SHORT_SESSIONS);
    }

    @AfterAll
    static void stopBroker() {
        if (broker != null) {
            broker.close();
        }
    }

    private static Deployment deployment(String name) throws IOException {
        return new Deployment(broker.bootstrapServers(), name, Files.createDirectory(temp.resolve(name)));
    }

    private static InProcess run(Deployment app, String... words) {
        List<String> all = new ArrayList<>(List.of(words));
        all.addAll(List.of(app.connection()));
        InProcess run = InProcess.run(all.toArray(String[]::new));
        assertThat(run.exit()).as(String.join(" ", words) + run.err()).isZero();
        return run;
    }

    private static List<JsonNode> objects(Deployment app, String... words) throws IOException {
        List<String> all = new ArrayList<>(List.of(words));
        all.addAll(List.of("-o", "json"));
        List<JsonNode> objects = new ArrayList<>();
        try (var values = JSON.readerFor(JsonNode.class)
                .<JsonNode>readValues(run(app, all.toArray(String[]::new)).out())) {
            values.forEachRemaining(objects::add);
        }
        return objects;
    }

    /** The top-level fields that {@code -o help} lists. */
    private static Set<String> described(String command) {
        List<String> words = new ArrayList<>(List.of(command.split(" ", -1)));
        words.addAll(List.of("-o", "help"));
        Set<String> fields = new TreeSet<>();
        InProcess.run(words.toArray(String[]::new))
                .out()
                .lines()
                .skip(1)
                .forEach(line -> fields.add(line.replaceFirst("[ .\\[].*", "")));
        return fields;
    }

    private static KafkaProducer<String, String> producer() {
        Map<String, Object> config = Map.of("bootstrap.servers", broker.bootstrapServers(), "acks", "all");
        return new KafkaProducer<>(config, new StringSerializer(), new StringSerializer());
    }

    private static void send(Deployment app, int count, String value) throws Exception {
        try (KafkaProducer<String, String> producer = producer()) {
            for (int i = 0; i < count; i++) {
                ProducerRecord<String, String> record = new ProducerRecord<>(app.signals(), value);
                record.headers()
                        .add("trace", Integer.toString(i).getBytes(StandardCharsets.UTF_8))
                        .add("trace", "again".getBytes(StandardCharsets.UTF_8));
                producer.send(record).get(30, TimeUnit.SECONDS);
            }
        }
    }

    @Test
    void everyObjectHasTheDescribedFieldsAndTheTenantAsANumber() throws Exception {
        try (Deployment app = deployment("outputs")) {
            run(app, "init");
            run(app, "tenants", "set", LARGEST, "--rate", "5/s", "--burst", "5", "--entities", "1");
            run(app, "plans", "set", "pro", "--rate", "100/s");
            app.start("a");
            app.awaitUsable(LARGEST);
            send(app, 1, "{\"tenant_id\":%s,\"item\":\"i\"}".formatted(LARGEST));
            // However slowly they are sent, the second item is one too many.
            send(app, 19, "{\"tenant_id\":%s,\"item\":\"j\"}".formatted(LARGEST));
            app.verify("a");
            String[] dataDir = {"--data-dir", app.dataDir("a")};

            Map<String, List<JsonNode>> outputs = new LinkedHashMap<>();
            outputs.put("tenants ls", objects(app, "tenants", "list"));
            outputs.put("tenants set", objects(app, "tenants", "set", LARGEST, "--label", "Largest"));
            outputs.put("tenants history", objects(app, "tenants", "history", LARGEST));
            outputs.put("tenants undo", objects(app, "tenants", "undo", LARGEST));
            outputs.put("plans ls", objects(app, "plans", "ls"));
            outputs.put("plans set", objects(app, "plans", "set", "pro", "--rate", "200/s"));
            outputs.put("rejections tail", objects(app, "rejections", "tail", "-n", "3"));
            outputs.put("rejections tail --stats", objects(app, "rejections", "tail", "--stats"));
            outputs.put("rejections replay", objects(app, "rejections", "replay"));
            outputs.put("signals cat", objects(app, "signals", "cat", "--tenant", LARGEST, "-n", "3"));
            outputs.put("signals explain", objects(app, "signals", "explain", "-n", "3"));
            String month = outputs.get("rejections tail")
                    .get(0)
                    .path("timestamp")
                    .asText()
                    .substring(0, 7);
            outputs.put("usage export", objects(app, "usage", "export", "--month", month));
            outputs.put("verify", objects(app, "verify", "--data-dir", app.dataDir("a"), "--settle", "5s"));
            outputs.put("wal ls", objects(app, "wal", "ls", dataDir[0], dataDir[1]));
            outputs.put("wal cat", objects(app, "wal", "cat", LARGEST, dataDir[0], dataDir[1]));
            outputs.put("wal verify", objects(app, "wal", "verify", dataDir[0], dataDir[1]));
            outputs.put(
                    "wal export",
                    objects(
                            app,
                            "wal",
                            "export",
                            "--to",
                            temp.resolve("archive").toString(),
                            dataDir[0],
                            dataDir[1]));
            outputs.put("wal prune", objects(app, "wal", "prune", LARGEST, "--below", "1", "--dry-run"));
            outputs.put("init", objects(app, "init"));

            outputs.forEach((command, objects) -> {
                assertThat(objects).as(command).isNotEmpty();
                objects.forEach(object -> {
                    object.fieldNames()
                            .forEachRemaining(field ->
                                    assertThat(described(command)).as(command).contains(field));
                    object.findValues("tenant_id").forEach(id -> {
                        assertThat(id.isIntegralNumber())
                                .as(command + " " + object)
                                .isTrue();
                        assertThat(id.bigIntegerValue()).as(command).isEqualTo(LARGEST);
                    });
                });
            });
            assertThat(outputs.get("tenants ls").get(0).has("tenant_id")).isTrue();
            assertThat(outputs.get("rejections tail").get(0).has("tenant_id")).isTrue();
        }
    }

    @Test
    void tailPrintsTheLastRejectionsByTimeAndSelectsByTimeAndHeader() throws Exception {
        try (Deployment app = deployment("tails")) {
            run(app, "init");
            run(app, "tenants", "set", "1", "--rate", "0");
            run(app, "tenants", "set", "2", "--rate", "0");
            app.start("a");
            send(app, 1, "{\"tenant_id\":1}");
            TidegateProcess.await(
                    Deployment.TAKES_EFFECT_WITHIN,
                    "the first rejection",
                    app::logs,
                    () -> !run(app, "rejections", "tail", "-o", "json").out().isEmpty());
            for (int tenant = 1; tenant <= 2; tenant++) {
                send(app, 20, "{\"tenant_id\":%d}".formatted(tenant));
            }
            TidegateProcess.await(
                    Deployment.TAKES_EFFECT_WITHIN,
                    "all rejections",
                    app::logs,
                    () -> run(app, "rejections", "tail", "-o", "json")
                                    .out()
                                    .lines()
                                    .count()
                            == 41);

            List<JsonNode> all = objects(app, "rejections", "tail");
            List<JsonNode> last = objects(app, "rejections", "tail", "-n", "5");
            // Compares instants, not texts: a whole second has no fraction.
            List<Instant> times = all.stream()
                    .map(one -> Instant.parse(one.path("timestamp").asText()))
                    .toList();
            assertThat(times).isSorted();
            assertThat(last).isEqualTo(all.subList(36, 41));
            assertThat(last)
                    .allSatisfy(
                            one -> assertThat(one.path("tenant_id").asLong()).isEqualTo(2));

            assertThat(objects(app, "rejections", "tail", "--header", "trace=7"))
                    .hasSize(2)
                    .allSatisfy(one -> assertThat(one.path("headers"))
                            .filteredOn(header -> header.path("name").asText().equals("trace"))
                            .extracting(header -> header.path("value").asText())
                            .containsExactly("7", "again"));
            Instant middle = times.get(20);
            long before = times.stream().filter(middle::isAfter).count();
            assertThat(objects(app, "rejections", "tail", "--until", middle.toString()))
                    .hasSize((int) before);
            assertThat(objects(app, "rejections", "tail", "--since", middle.toString()))
                    .hasSize(41 - (int) before);
            assertThat(objects(app, "rejections", "tail", "--until", "1h")).isEmpty();
            assertThat(objects(app, "rejections", "tail", "-f", "-n", "2", "--max", "2"))
                    .isEqualTo(all.subList(39, 41));

            List<JsonNode> counts = objects(app, "rejections", "tail", "--stats");
            assertThat(counts)
                    .extracting(one -> "%d %s %d"
                            .formatted(
                                    one.path("tenant_id").asLong(),
                                    one.path("reason").asText(),
                                    one.path("count").asLong()))
                    .containsExactly("1 rate_limited 21", "2 rate_limited 20");
            assertThat(Instant.parse(counts.get(0).path("first").asText())).isEqualTo(times.get(0));
            assertThat(Instant.parse(counts.get(1).path("last").asText())).isEqualTo(times.get(40));
            assertThat(run(app, "rejections", "tail", "--stats", "--tenant", "2", "-n", "3")
                            .out())
                    .containsPattern("2 +- +rate_limited +3 ")
                    .hasLineCount(2);
        }
    }

    @Test
    void aReplayLeavesOutTheDroppedHeaders() throws Exception {
        try (Deployment app = deployment("drops")) {
            run(app, "init");
            run(app, "tenants", "set", "1", "--rate", "0");
            Http http = Http.of(app.start("a"));
            send(app, 3, "{\"tenant_id\":1,\"item\":\"i\"}");
            TidegateProcess.await(
                    Deployment.TAKES_EFFECT_WITHIN,
                    "the rejections",
                    app::logs,
                    () -> run(app, "rejections", "tail", "-o", "json")
                                    .out()
                                    .lines()
                                    .count()
                            == 3);
            http.patch("1", "{\"max_signals_per_sec\":null}");

            run(app, "rejections", "replay", "--yes", "--drop-header", "trace");

            String[] replayed = {
                "wal", "cat", "1", "--header", "tidegate.replays=1", "-o", "json", "--data-dir", app.dataDir("a")
            };
            TidegateProcess.await(
                    Deployment.TAKES_EFFECT_WITHIN,
                    "the replayed signals",
                    app::logs,
                    // Without a WAL of the tenant, the command fails at first.
                    () -> app.quick(replayed).out().lines().count() == 3);
            assertThat(run(app, replayed).out()).contains("item").doesNotContain("\"trace\"");
        }
    }

    /** Writes a rejection that Tidegate would not write. */
    private static void forgeRejection(Deployment app, @Nullable String source) throws Exception {
        Map<String, Object> config = Map.of("bootstrap.servers", broker.bootstrapServers(), "acks", "all");
        try (var producer = new KafkaProducer<>(config, new StringSerializer(), new StringSerializer())) {
            var record = new ProducerRecord<String, String>(app.topic("quota-exceeded"), "{}");
            if (source != null) {
                record.headers().add("tidegate.source", source.getBytes(StandardCharsets.UTF_8));
            }
            producer.send(record).get(30, TimeUnit.SECONDS);
        }
    }

    @Test
    void aVerificationPrintsItsResultThoughItsFileCannotBeWritten() throws Exception {
        try (Deployment app = deployment("verifies")) {
            run(app, "init");
            Files.createDirectories(Path.of(app.dataDir("a"), "wal"));
            String file = temp.resolve("missing").resolve("tidegate.prom").toString();
            String[] verify = {"verify", "--data-dir", app.dataDir("a"), "--metrics-file", file};

            // A position that the topic never had, far beyond its end.
            forgeRejection(app, app.signals() + "/0/3000000000");
            InProcess balanced = app.quick(verify);
            assertThat(balanced.err()).contains("--metrics-file %s cannot be written".formatted(file));
            assertThat(balanced.out()).contains("conservation holds");
            assertThat(balanced.exit()).isEqualTo(1);

            forgeRejection(app, null);
            InProcess unbalanced = app.quick(verify);
            assertThat(unbalanced.err()).contains("--metrics-file %s cannot be written".formatted(file));
            assertThat(unbalanced.out()).contains("has no source position", "CONSERVATION DOES NOT HOLD");
            assertThat(unbalanced.exit()).isEqualTo(3);
        }
    }

    @Test
    void aDryRunOfAPruneDoesNotCountReports() throws Exception {
        String report = "{\"bytes\":10,\"records\":1,\"first_seq\":5,\"last_seq\":5,\"crc\":\"00000000\"}";
        try (Deployment app = deployment("prunes")) {
            run(app, "init");
            try (KafkaProducer<String, String> producer = producer()) {
                producer.send(new ProducerRecord<>(app.topic("segments"), "42:5", report))
                        .get(30, TimeUnit.SECONDS);
            }

            assertThat(run(app, "wal", "prune", "42", "--below", "100", "--dry-run")
                            .out())
                    .startsWith("tenant t42: 0 segments of 0 B");
        }
    }

    @Test
    void completionOffersTheTenantsThatExist() throws Exception {
        try (Deployment app = deployment("completes")) {
            run(app, "init");
            run(app, "tenants", "set", "42", "--external-id", "acme");

            List<String> words = new ArrayList<>(List.of("__complete", "--", "tenants", "get"));
            words.addAll(List.of(app.connection()));
            words.add("");

            // A shell gets nothing if the brokers do not answer at once.
            TidegateProcess.await(
                    Deployment.TAKES_EFFECT_WITHIN,
                    "the tenant and its name",
                    () -> InProcess.run(words.toArray(String[]::new)).out(),
                    () -> InProcess.run(words.toArray(String[]::new)).out().equals("42%nacme%n".formatted()));
        }
    }

    @Test
    void aResetLeavesSignalsAndConfigsAndNothingElse() throws Exception {
        try (Deployment app = deployment("resets")) {
            run(app, "init");
            run(app, "tenants", "set", "1", "--label", "One");
            TidegateProcess instance = app.start("a");
            app.awaitUsable("1");
            send(app, 10, "{\"tenant_id\":1}");
            app.verify("a");
            Set<String> before = topics(app);

            InProcess rejected = reset(app, "--yes");
            assertThat(rejected.exit()).isEqualTo(1);
            assertThat(rejected.err()).contains("instances of application.id resets", "stop all of them first");

            instance.kill();
            TidegateProcess.await(
                    Deployment.TAKES_EFFECT_WITHIN,
                    "the group to be empty",
                    () -> "",
                    () -> reset(app, "--dry-run").exit() == 0);
            InProcess plan = reset(app, "--dry-run");
            assertThat(plan.out()).contains("would be deleted", "resets.accepted", "resets.signals", "stays");
            assertThat(reset(app).exit()).isEqualTo(2);
            assertThat(reset(app).err()).contains("add --yes");
            assertThat(topics(app)).isEqualTo(before);

            Path unknown = Path.of(otherDirectory("unknown", "tenants/1/wal/file"));
            InProcess unbound = app.quick("reset", "--yes", "--data-dir", unknown.toString());
            assertThat(unbound.exit()).isEqualTo(1);
            assertThat(unbound.err()).contains("no instance has used it");
            assertThat(unknown.resolve("tenants/1/wal/file")).exists();
            Path foreign = Path.of(otherDirectory("foreign", "tenants/1/wal/file"));
            Files.createDirectories(foreign.resolve(".tidegate"));
            Files.writeString(
                    foreign.resolve(".tidegate/identity"), "application.id=another\ncluster.id=c\nformat=1\n");
            InProcess elsewhere = app.quick("reset", "--yes", "--data-dir", foreign.toString());
            assertThat(elsewhere.exit()).isEqualTo(1);
            assertThat(elsewhere.err()).contains("does not match the settings: its application.id is another");
            assertThat(foreign.resolve("tenants/1/wal/file")).exists();
            assertThat(topics(app)).isEqualTo(before);

            skipsUndecidedSignalsOnlyIfThatIsConfirmed(app);

            InProcess done = reset(app, "--yes");
            assertThat(done.exit()).as(done.err()).isZero();
            // Brokers forget deleted topics a moment later.
            TidegateProcess.await(
                    Deployment.TAKES_EFFECT_WITHIN,
                    "the topics to be deleted",
                    () -> " of " + topics(app),
                    () -> topics(app).equals(Set.of("resets.configs", "resets.signals")));
            try (Stream<Path> left = Files.list(Path.of(app.dataDir("a")))) {
                assertThat(left).isEmpty();
            }
            assertThat(reset(app, "--yes").exit()).as("a second time").isZero();

            app.start("a");
            app.awaitUsable("1");
            app.verify("a");
            // All signals from the first one on are decided again.
            assertThat(objects(app, "wal", "cat", "1", "-n", "1", "--data-dir", app.dataDir("a"))
                            .get(0)
                            .path("seq")
                            .asLong())
                    .isZero();
        }
    }

    private static void skipsUndecidedSignalsOnlyIfThatIsConfirmed(Deployment app) throws Exception {
        // Also to a partition that had no signal before.
        for (int partition = 0; partition < 2; partition++) {
            try (KafkaProducer<String, String> producer = producer()) {
                producer.send(new ProducerRecord<>(app.signals(), partition, null, "{\"tenant_id\":1}"))
                        .get(30, TimeUnit.SECONDS);
            }
        }

        assertThat(skipped(app, 0, "--to-earliest", "--dry-run")).isZero();
        assertThat(skipped(app, 0, "--to-latest", "--dry-run")).isEqualTo(2);
        assertThat(skipped(app, 2, "--to-latest")).as("not confirmed").isEqualTo(2);
        assertThat(skipped(app, 0, "--to-latest", "--yes")).isEqualTo(2);
        assertThat(skipped(app, 0, "--to-latest")).as("done before").isZero();
    }

    private static long skipped(Deployment app, int exit, String... words) throws IOException {
        List<String> all = new ArrayList<>(List.of("--topic", app.signals(), "-o", "json"));
        all.addAll(List.of(words));
        InProcess done = reset(app, all.toArray(String[]::new));
        assertThat(done.exit()).as(done.err()).isEqualTo(exit);
        long skipped = 0;
        for (String line : done.out().lines().toList()) {
            skipped += JSON.readTree(line).path("skipped").asLong();
        }
        return skipped;
    }

    private static String otherDirectory(String name, String file) throws IOException {
        Path path = temp.resolve(name).resolve(file);
        Files.createDirectories(path.getParent());
        Files.createFile(path);
        return temp.resolve(name).toString();
    }

    private static InProcess reset(Deployment app, String... more) {
        List<String> words = new ArrayList<>(List.of("reset", "--data-dir", app.dataDir("a")));
        words.addAll(List.of(more));
        words.addAll(List.of(app.connection()));
        return InProcess.run(words.toArray(String[]::new));
    }

    private static Set<String> topics(Deployment app) {
        Pattern own = Pattern.compile("^" + app.applicationId() + "[.-].*");
        Set<String> names = new TreeSet<>();
        try {
            for (String name : broker.admin().listTopics().names().get(2, TimeUnit.MINUTES)) {
                own.matcher(name).results().map(MatchResult::group).forEach(names::add);
            }
        } catch (Exception e) {
            throw new AssertionError(e);
        }
        return names;
    }
}
