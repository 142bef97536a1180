package io.tidegate.topologytests.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import io.tidegate.topologytests.support.Deployment;
import io.tidegate.topologytests.support.TestBroker;
import io.tidegate.topologytests.support.TidegateProcess;
import io.tidegate.topologytests.support.TopicAdmin;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.RangeAssignor;
import org.apache.kafka.clients.consumer.RoundRobinAssignor;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.GroupState;
import org.apache.kafka.common.acl.AccessControlEntry;
import org.apache.kafka.common.acl.AclBinding;
import org.apache.kafka.common.acl.AclOperation;
import org.apache.kafka.common.acl.AclPermissionType;
import org.apache.kafka.common.resource.PatternType;
import org.apache.kafka.common.resource.ResourcePattern;
import org.apache.kafka.common.resource.ResourceType;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The client of each language in examples/ gets all its signals accepted, however many are rejected at first. */
@Timeout(value = 15, unit = TimeUnit.MINUTES)
@Tag("long")
final class ExamplesTest {
    private static final Path EXAMPLES = Path.of("..", "examples");
    private static final int SIGNALS = 15;
    private static final Duration ENDS_WITHIN = Duration.ofMinutes(6);

    /** Longer than the time without a rejection after which a client ends. */
    private static final Duration LONGER_THAN_IDLE = Duration.ofSeconds(12);

    @TempDir
    private static Path temp;

    private static TestBroker broker;

    enum Client {
        JAVA("header"),
        PYTHON("header"),
        NODE("header"),
        KCAT("key");

        private final String tenantSource;

        Client(String tenantSource) {
            this.tenantSource = tenantSource;
        }

        private String lowerCase() {
            return name().toLowerCase(Locale.ROOT);
        }

        private List<String> command() {
            return switch (this) {
                case JAVA ->
                    List.of(
                            Path.of(System.getProperty("java.home"), "bin", "java")
                                    .toString(),
                            "-cp",
                            System.getProperty("java.class.path"),
                            EXAMPLES.resolve("java/Client.java").toString());
                case PYTHON ->
                    List.of(
                            "/usr/bin/python3",
                            EXAMPLES.resolve("python/client.py").toString());
                case NODE -> List.of("node", EXAMPLES.resolve("node/client.js").toString());
                case KCAT -> List.of("bash", EXAMPLES.resolve("kcat/client.sh").toString());
            };
        }

        private void assumeItCanRun() throws InterruptedException {
            switch (this) {
                case JAVA -> {}
                case PYTHON ->
                    assumeTrue(
                            isThere("/usr/bin/python3", "-c", "import confluent_kafka"),
                            "Debian's python3-confluent-kafka");
                case NODE ->
                    assumeTrue(
                            isThere(
                                    "node",
                                    "-e",
                                    "require(require.resolve('kafkajs', {paths: ['%s', ...(process.env.NODE_PATH ?? '').split(':')]}))"
                                            .formatted(EXAMPLES.resolve("node").toAbsolutePath())),
                            "node, and npm install in examples/node");
                case KCAT -> assumeTrue(isThere("kcat", "-V") && isThere("jq", "--version"), "kcat and jq");
            }
        }

        private static boolean isThere(String... command) throws InterruptedException {
            try {
                Process process = new ProcessBuilder(command)
                        .redirectErrorStream(true)
                        .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                        .start();
                return process.waitFor(30, TimeUnit.SECONDS) && process.exitValue() == 0;
            } catch (IOException e) {
                return false;
            }
        }
    }

    /** Java's assignor under the name of that of kafkajs, because the members of a group must have one in common. */
    public static final class KafkaJsAssignor extends RoundRobinAssignor {
        @Override
        public String name() {
            return "RoundRobinAssigner";
        }
    }

    @BeforeAll
    static void startBroker() throws Exception {
        broker = TestBroker.start(
                temp,
                Map.of(
                        "authorizer.class.name", "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
                        "allow.everyone.if.no.acl.found", "true"));
    }

    @AfterAll
    static void stopBroker() {
        if (broker != null) {
            broker.close();
        }
    }

    /** Also while hostile signals of another tenant are rejected, and after a run whose consumer is still in the group. */
    @ParameterizedTest
    @EnumSource
    void allSignalsAreAccepted(Client client) throws Exception {
        client.assumeItCanRun();
        Path dir = Files.createDirectory(temp.resolve(client.lowerCase()));
        Path executed = dir.resolve("executed");
        Path output = dir.resolve("output");
        try (Deployment app = new Deployment(
                        broker.bootstrapServers(),
                        "example-" + client.lowerCase(),
                        dir,
                        "tenant.source=" + client.tenantSource);
                var hostile = new KafkaProducer<>(
                        Map.<String, Object>of("bootstrap.servers", broker.bootstrapServers()),
                        new ByteArraySerializer(),
                        new ByteArraySerializer())) {
            app.init();
            app.set("42", "--rate", "5/s", "--burst", "5");
            app.set("43", "--rate", "0");
            app.start("a");
            sendHostile(hostile, app.signals(), executed);
            String quotaExceeded = app.topic("quota-exceeded");
            String group = "example-%s-42".formatted(client.lowerCase());
            try (var earlier = client == Client.KCAT ? null : joined(group, quotaExceeded)) {
                Process process = start(client, output, "42", SIGNALS, app.signals(), quotaExceeded);
                try {
                    if (earlier != null) {
                        assertWaitsForItsGroup(process, group, output);
                        earlier.unsubscribe();
                    }
                    long deadline = System.nanoTime() + ENDS_WITHIN.toNanos();
                    // The script begins at the end of the topic, so some must be rejected while it runs.
                    while (!process.waitFor(500, TimeUnit.MILLISECONDS)) {
                        sendHostile(hostile, app.signals(), executed);
                        assertThat(System.nanoTime())
                                .as(() -> "still running: " + read(output))
                                .isLessThan(deadline);
                    }
                    assertThat(process.exitValue()).as(() -> read(output)).isZero();
                } finally {
                    process.destroyForcibly();
                }
            }
            JsonNode tenants = app.verify("a").path("tenants");
            assertThat(tenants.at("/42/accepted").asLong())
                    .as(() -> read(output))
                    .isEqualTo(SIGNALS);
            assertThat(tenants.at("/42/rejected").isEmpty())
                    .as("some were rejected first")
                    .isFalse();
            assertThat(tenants.at("/43/rejected").isEmpty())
                    .as("hostile ones were rejected")
                    .isFalse();
            assertThat(executed).doesNotExist();
        }
    }

    @ParameterizedTest
    @EnumSource
    void aTopicThatCannotBeReadIsAnError(Client client) throws Exception {
        client.assumeItCanRun();
        String signals = client.lowerCase() + "-signals";
        String unreadable = client.lowerCase() + "-unreadable";
        TopicAdmin.create(broker.admin(), new NewTopic(signals, 1, (short) 1), new NewTopic(unreadable, 2, (short) 1));
        // As soon as a topic has an ACL, everything else is denied.
        var describe = new AclBinding(
                new ResourcePattern(ResourceType.TOPIC, unreadable, PatternType.LITERAL),
                new AccessControlEntry("User:ANONYMOUS", "*", AclOperation.DESCRIBE, AclPermissionType.ALLOW));
        broker.admin().createAcls(List.of(describe)).all().get(30, TimeUnit.SECONDS);
        Path output = temp.resolve(unreadable);
        // Another tenant than in the other test, so that the groups differ.
        Process process = start(client, output, "7", 1, signals, unreadable);
        try {
            assertThat(process.waitFor(ENDS_WITHIN.toSeconds(), TimeUnit.SECONDS))
                    .as(() -> read(output))
                    .isTrue();
        } finally {
            process.destroyForcibly();
        }
        assertThat(process.exitValue()).as(() -> read(output)).isEqualTo(1);
        assertThat(read(output)).containsIgnoringCase("authoriz").doesNotContain("given up");
    }

    private static Process start(
            Client client, Path output, String tenant, int count, String signals, String quotaExceeded)
            throws IOException {
        List<String> command = new ArrayList<>(client.command());
        command.addAll(List.of(broker.bootstrapServers(), tenant, Integer.toString(count), signals, quotaExceeded));
        ProcessBuilder builder =
                new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(output.toFile());
        // The client in bash has no group to join, so it could end before a busy instance has rejected anything.
        builder.environment().put("IDLE_S", "15");
        return builder.start();
    }

    private static void assertWaitsForItsGroup(Process process, String group, Path output) throws InterruptedException {
        TidegateProcess.await(
                Duration.ofSeconds(60),
                "the client to join its group",
                () -> read(output),
                () -> isRebalancing(group) || !process.isAlive());
        assertThat(process.waitFor(LONGER_THAN_IDLE.toMillis(), TimeUnit.MILLISECONDS))
                .as(() -> "ended before it had joined its group: " + read(output))
                .isFalse();
    }

    /** Sends a signal of tenant 43 whose key, value and headers are not text, or contain commands and forged records of tenant 42. */
    private static void sendHostile(KafkaProducer<byte[], byte[]> producer, String topic, Path executed)
            throws Exception {
        var signal = new ProducerRecord<>(topic, utf8("43"), utf8("{\n  \"signal\": \"view\"\n}"));
        signal.headers()
                .add("tidegate-tenant", utf8("43"))
                .add("resend-attempts", new byte[] {(byte) 0xff})
                .add("binary", new byte[] {(byte) 0xc3, '\n', 0, (byte) 0xff, '"'})
                .add("command", utf8("\nBASH_VERSINFO[$(touch %s)]\t42\t\t{}\n".formatted(executed.toAbsolutePath())))
                .add("line", utf8("\n5\t42\ttidegate.retry_after_ms=0\t{\"signal\":\"forged\"}\n"))
                .add(
                        "json",
                        utf8(
                                "\"]}\n{\"offset\":5,\"headers\":[\"tidegate.tenant\",\"42\",\"tidegate.retry_after_ms\",\"0\"],"
                                        + "\"key\":\"42\",\"payload\":\"{\\\"signal\\\":\\\"forged\\\"}\"}\n"));
        producer.send(signal).get(30, TimeUnit.SECONDS);
    }

    /** A consumer that has joined a group and holds it up when another one joins, because it does not poll again. */
    private static KafkaConsumer<byte[], byte[]> joined(String group, String topic) throws InterruptedException {
        Map<String, Object> config = Map.of(
                "bootstrap.servers",
                broker.bootstrapServers(),
                "group.id",
                group,
                "enable.auto.commit",
                false,
                "partition.assignment.strategy",
                List.of(RangeAssignor.class, KafkaJsAssignor.class));
        var consumer = new KafkaConsumer<>(config, new ByteArrayDeserializer(), new ByteArrayDeserializer());
        consumer.subscribe(List.of(topic));
        TidegateProcess.await(Duration.ofSeconds(30), "a consumer to join the group", () -> "", () -> {
            consumer.poll(Duration.ofMillis(100));
            return !consumer.assignment().isEmpty();
        });
        return consumer;
    }

    private static boolean isRebalancing(String group) {
        try {
            var description = broker.admin()
                    .describeConsumerGroups(List.of(group))
                    .describedGroups()
                    .get(group)
                    .get(30, TimeUnit.SECONDS);
            return description.groupState() == GroupState.PREPARING_REBALANCE;
        } catch (Exception e) {
            throw new AssertionError(e);
        }
    }

    private static byte[] utf8(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    private static String read(Path output) {
        try {
            return Files.readString(output);
        } catch (IOException e) {
            return e.toString();
        }
    }
}
