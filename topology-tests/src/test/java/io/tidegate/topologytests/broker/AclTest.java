package io.tidegate.topologytests.broker;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tidegate.demo.EmbeddedBroker;
import io.tidegate.demo.FreePorts;
import io.tidegate.topologytests.support.Http;
import io.tidegate.topologytests.support.TidegateProcess;
import java.io.IOException;
import java.net.BindException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.ScramCredentialInfo;
import org.apache.kafka.clients.admin.ScramMechanism;
import org.apache.kafka.clients.admin.UserScramCredentialUpsertion;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.acl.AccessControlEntry;
import org.apache.kafka.common.acl.AclBinding;
import org.apache.kafka.common.acl.AclOperation;
import org.apache.kafka.common.acl.AclPermissionType;
import org.apache.kafka.common.errors.AuthorizationException;
import org.apache.kafka.common.resource.PatternType;
import org.apache.kafka.common.resource.ResourcePattern;
import org.apache.kafka.common.resource.ResourceType;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * The ACLs of {@code docs/security.md}, read from the page, on a broker with an authorizer and SASL/SCRAM over TLS and with that
 * page's client settings: each role can do its work, no role can do another's, and every ACL is used.
 */
@Tag("long")
@Timeout(value = 15, unit = TimeUnit.MINUTES)
final class AclTest {
    private static final String PASSWORD = "a-password-of-the-test";
    private static final Pattern ROW = Pattern.compile(
            "(?m)^\\| (tidegate|operator|replayer|producer|consumer) \\| (\\S+) `(\\S+)`( prefix)? \\| ([\\w, ]+) \\|$");

    @TempDir
    private static Path temp;

    private static EmbeddedBroker broker;
    private static String sasl;
    private static Path certificate;
    private static Path allowed;

    /** Another program can take a port between its choice and its use. */
    @BeforeAll
    static void start() throws Exception {
        while (broker == null) {
            try {
                broker = start(FreePorts.find(3));
            } catch (BindException e) {
                System.err.println("choosing other ports: " + e.getMessage());
            }
        }
        grant();
    }

    private static EmbeddedBroker start(List<Integer> ports) throws Exception {
        int plain = ports.get(0);
        int secured = ports.get(1);
        int controller = ports.get(2);
        sasl = "127.0.0.1:" + secured;
        Map<String, String> overrides = new HashMap<>();
        overrides.put("controller.quorum.voters", "1@127.0.0.1:" + controller);
        overrides.put(
                "listeners",
                "PLAINTEXT://127.0.0.1:%d,CONTROLLER://127.0.0.1:%d,SASL://127.0.0.1:%d"
                        .formatted(plain, controller, secured));
        overrides.put("listener.security.protocol.map", "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL:SASL_SSL");
        overrides.put("inter.broker.listener.name", "PLAINTEXT");
        overrides.put("sasl.enabled.mechanisms", "SCRAM-SHA-512");
        overrides.put(
                "listener.name.sasl.scram-sha-512.sasl.jaas.config",
                "org.apache.kafka.common.security.scram.ScramLoginModule required;");
        overrides.put("authorizer.class.name", RecordingAuthorizer.class.getName());
        allowed = temp.resolve("allowed");
        overrides.put(RecordingAuthorizer.FILE_CONFIG, allowed.toString());
        Path dir = Files.createTempDirectory(temp, "broker");
        certificate = dir.resolve("kafka-ca.crt");
        Path keys = dir.resolve("broker.p12");
        keytool("-genkeypair", "-keyalg", "EC", "-dname", "CN=broker", "-ext", "san=ip:127.0.0.1", keys);
        keytool("-exportcert", "-rfc", "-file", certificate, keys);
        overrides.put("ssl.keystore.type", "PKCS12");
        overrides.put("ssl.keystore.location", keys.toString());
        overrides.put("ssl.keystore.password", PASSWORD);
        // Clients of the other listener have full access; the test uses it for the setup.
        overrides.put("super.users", "User:ANONYMOUS");
        return EmbeddedBroker.start(dir, plain, overrides);
    }

    private static void grant() throws Exception {
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", broker.bootstrapServers()))) {
            List<org.apache.kafka.clients.admin.UserScramCredentialAlteration> users = new ArrayList<>();
            for (String user : List.of("tidegate", "operator", "producer", "replayer", "consumer", "stranger")) {
                users.add(new UserScramCredentialUpsertion(
                        user, new ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096), PASSWORD));
            }
            admin.alterUserScramCredentials(users).all().get(30, TimeUnit.SECONDS);
            admin.createAcls(documented()).all().get(30, TimeUnit.SECONDS);
        }
    }

    @AfterAll
    static void stop() {
        if (broker != null) {
            broker.close();
        }
    }

    /** @param words the arguments, of which the last is the path of the key store */
    private static void keytool(Object... words) throws Exception {
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "keytool").toString());
        for (int i = 0; i < words.length - 1; i++) {
            command.add(words[i].toString());
        }
        String keys = words[words.length - 1].toString();
        command.addAll(List.of("-alias", "broker", "-storetype", "PKCS12", "-keystore", keys, "-storepass", PASSWORD));
        Path log = temp.resolve("keytool.log");
        Process keytool = new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(log.toFile())
                .start();
        assertThat(keytool.waitFor(60, TimeUnit.SECONDS)).isTrue();
        assertThat(keytool.exitValue()).as(Files.readString(log)).isZero();
    }

    private static List<AclBinding> documented() throws IOException {
        String page = Files.readString(Path.of("../docs/security.md"), StandardCharsets.UTF_8);
        List<AclBinding> acls = new ArrayList<>();
        for (MatchResult row : ROW.matcher(page).results().toList()) {
            ResourcePattern on = new ResourcePattern(
                    ResourceType.fromString(row.group(2).toUpperCase(Locale.ROOT)),
                    row.group(3),
                    row.group(4) == null ? PatternType.LITERAL : PatternType.PREFIXED);
            for (String operation : row.group(5).split(", ", -1)) {
                AclOperation acl = AclOperation.fromString(
                        operation.replaceAll("([a-z])([A-Z])", "$1_$2").toUpperCase(Locale.ROOT));
                assertThat(acl).as(row.group()).isNotEqualTo(AclOperation.UNKNOWN);
                acls.add(new AclBinding(
                        on, new AccessControlEntry("User:" + row.group(1), "*", acl, AclPermissionType.ALLOW)));
            }
        }
        assertThat(acls).hasSizeGreaterThan(20);
        return acls;
    }

    private static Map<String, Object> client(String user) {
        Map<String, Object> config = new HashMap<>();
        config.put("bootstrap.servers", sasl);
        config.put("security.protocol", "SASL_SSL");
        config.put("ssl.truststore.type", "PEM");
        config.put("ssl.truststore.location", certificate.toString());
        config.put("sasl.mechanism", "SCRAM-SHA-512");
        config.put(
                "sasl.jaas.config",
                "org.apache.kafka.common.security.scram.ScramLoginModule required username=\"%s\" password=\"%s\";"
                        .formatted(user, PASSWORD));
        return config;
    }

    private static Path commandConfig(String user) throws IOException {
        StringBuilder properties = new StringBuilder();
        client(user)
                .forEach((key, value) ->
                        properties.append(key).append('=').append(value).append('\n'));
        return Files.writeString(temp.resolve(user + ".properties"), properties);
    }

    private static TidegateProcess.Result command(String user, String... words) throws Exception {
        List<String> all = new ArrayList<>(List.of(words));
        all.addAll(List.of(
                "--bootstrap-server",
                sasl,
                "--command-config",
                commandConfig(user).toString()));
        return TidegateProcess.command(temp, all.toArray(String[]::new));
    }

    private static void send(String user, String topic, int partition, String value) throws Exception {
        try (var producer = new KafkaProducer<>(client(user), new StringSerializer(), new StringSerializer())) {
            producer.send(new ProducerRecord<>(topic, partition, null, value)).get(30, TimeUnit.SECONDS);
        }
    }

    private static void send(String user, String topic, String value) throws Exception {
        try (var producer = new KafkaProducer<>(client(user), new StringSerializer(), new StringSerializer())) {
            producer.send(new ProducerRecord<>(topic, value)).get(30, TimeUnit.SECONDS);
        }
    }

    @Test
    void eachRoleCanDoItsWorkAndNoMore() throws Exception {
        var rejected = command("stranger", "init", "--set", "shards=2");
        assertThat(rejected.exit()).isEqualTo(1);
        assertThat(rejected.err())
                .containsIgnoringCase("authoriz")
                .doesNotContain("\tat ")
                .doesNotContain(PASSWORD);

        String[] arguments = {
            "--bootstrap-server", sasl,
            "--command-config", commandConfig("tidegate").toString(),
            "--data-dir", temp.resolve("data").toString(),
            "--set", "shards=2",
            "--set", "threads=1",
            "--set", "http.port=0",
            "--set", "disk.min.free.bytes=0"
        };
        try (TidegateProcess process = TidegateProcess.run(temp.resolve("logs"), "-Xmx512m", Map.of(), arguments)) {
            Http http = Http.of(process);
            assertThat(http.send("PUT", "/v1/tenants/1", "{\"max_signals_per_sec\":0}")
                            .status())
                    .as(process.logText())
                    .isEqualTo(200);
            var set = command("operator", "tenants", "set", "2", "--rate", "1000");
            assertThat(set.exit()).as(set.err()).isZero();
            var listed = command("operator", "tenants", "ls");
            assertThat(listed.exit()).as(listed.err()).isZero();

            send("producer", "signals", "{\"tenant_id\":1}");
            send("producer", "signals", "{\"tenant_id\":2,\"item\":\"x\"}");
            TidegateProcess.await(
                    Duration.ofSeconds(60),
                    "a signal of each tenant to be decided",
                    process::logText,
                    () -> usage(http, "1").at("/rejected/rate_limited").asLong() == 1
                            && usage(http, "2").path("accepted").asLong() == 1);

            // A dry run reads all records in the tenant's partition that did not take the inner topic, even invalid
            // ones.
            send("producer", "signals", 0, "not JSON");
            send("producer", "signals", 1, "not JSON");
            var verify = command(
                    "operator", "verify", "--data-dir", temp.resolve("data").toString(), "--settle", "60s");
            assertThat(verify.exit()).as(verify.out() + verify.err()).isZero();
            assertThat(readOne("consumer", "quota-exceeded")).isEqualTo("{\"tenant_id\":1}");
            for (String words : List.of(
                    "tenants set 2 --entities 1 --dry-run",
                    "tenants forget 2 --item x",
                    "wal prune 2 --below 1 --dry-run",
                    "signals cat",
                    "rejections tail --dead-letter")) {
                var done = command("operator", words.split(" "));
                assertThat(done.exit())
                        .as(words + "\n" + done.out() + done.err())
                        .isZero();
            }
            // With a limit of entities, a replay first reads the tenant's usage.
            assertThat(http.send("PUT", "/v1/tenants/1", "{\"max_entities\":10}")
                            .status())
                    .isEqualTo(200);
            var replayed = command("replayer", "rejections", "replay", "--yes");
            assertThat(replayed.exit()).as(replayed.err()).isZero();
            assertThat(replayed.out()).contains("1 rate_limited");
            var again = command("replayer", "rejections", "replay", "-o", "json");
            assertThat(again.out()).contains("\"done\":1");

            assertRejected(() -> send("producer", "tenant-configs", "{}"));
            assertRejected(() -> send("producer", "signals-accepted", "{}"));
            assertRejected(() -> send("consumer", "signals", "{}"));
            assertRejected(() -> send("operator", "signals-accepted", "{}"));
            assertRejected(() -> readOne("producer", "quota-exceeded"));
            assertRejected(() -> readOne("consumer", "tenant-configs"));
            var byConsumer = command("consumer", "tenants", "set", "2", "--rate", "1");
            assertThat(byConsumer.exit()).isEqualTo(1);
            assertThat(process.logText()).doesNotContain("AuthorizationException");

            send("producer", "signals", "no JSON");
            assertThat(http.send("POST", "/v1/tenants/2/forget", "{\"kind\":\"item\",\"id\":\"y\"}")
                            .status())
                    .isEqualTo(200);
            try (var stream = http.open("/v1/rejections").body()) {
                assertThat(stream.read()).isPositive();
                TidegateProcess.await(
                        Duration.ofSeconds(90),
                        "each ACL to be asked for",
                        () -> superfluous().toString(),
                        () -> superfluous().isEmpty());
            }
        }
    }

    /** The documented ACLs that no request needed, except those for sealed segments, which this test does not produce. */
    private static List<AclBinding> superfluous() {
        try {
            List<String> used = Files.readAllLines(allowed, StandardCharsets.UTF_8);
            return documented().stream()
                    .filter(acl -> used.stream().noneMatch(line -> isOf(acl, line)))
                    .filter(acl -> !acl.pattern().name().equals("wal-segments"))
                    .filter(acl -> !acl.pattern().name().equals("tidegate-segments-changelog"))
                    .toList();
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }

    private static boolean isOf(AclBinding acl, String line) {
        String[] words = line.split(" ", 4);
        ResourcePattern on = acl.pattern();
        return words[0].equals(acl.entry().principal())
                && words[1].equals(acl.entry().operation().name())
                && words[2].equals(on.resourceType().name())
                && (on.patternType() == PatternType.LITERAL
                        ? words[3].equals(on.name())
                        : words[3].startsWith(on.name()));
    }

    private static com.fasterxml.jackson.databind.JsonNode usage(Http http, String tenant) {
        return http.get("/v1/tenants/%s/usage".formatted(tenant)).json();
    }

    private static void assertRejected(org.assertj.core.api.ThrowableAssert.ThrowingCallable action) {
        assertThatThrownBy(action)
                .satisfies(failure -> assertThat(failure instanceof ExecutionException ? failure.getCause() : failure)
                        .isInstanceOf(AuthorizationException.class));
    }

    private static String readOne(String user, String topic) {
        Map<String, Object> config = client(user);
        config.put("auto.offset.reset", "earliest");
        config.put("isolation.level", "read_committed");
        config.put("group.id", "rejections-" + user);
        config.put("enable.auto.commit", false);
        config.put("allow.auto.create.topics", false);
        try (var consumer = new KafkaConsumer<>(config, new StringDeserializer(), new StringDeserializer())) {
            consumer.assign(consumer.partitionsFor(topic).stream()
                    .map(partition -> new TopicPartition(topic, partition.partition()))
                    .toList());
            long deadline = System.nanoTime() + Duration.ofSeconds(30).toNanos();
            while (System.nanoTime() < deadline) {
                var records = consumer.poll(Duration.ofMillis(200)).iterator();
                if (records.hasNext()) {
                    consumer.commitSync(Duration.ofSeconds(30));
                    return records.next().value();
                }
            }
            throw new AssertionError("nothing in " + topic);
        }
    }
}
