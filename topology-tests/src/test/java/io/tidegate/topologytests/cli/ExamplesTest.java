package io.tidegate.topologytests.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import io.tidegate.demo.EmbeddedBroker;
import io.tidegate.topologytests.support.Deployment;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The client of each language in examples/ gets all its signals accepted, however many are rejected at first. */
@Timeout(value = 3, unit = TimeUnit.MINUTES)
@Tag("long")
final class ExamplesTest {
    private static final Path EXAMPLES = Path.of("..", "examples");
    private static final int SIGNALS = 15;

    @TempDir
    private static Path temp;

    private static EmbeddedBroker broker;

    @BeforeAll
    static void startBroker() throws Exception {
        broker = EmbeddedBroker.start(temp.resolve("broker"), 0, Map.of());
    }

    @AfterAll
    static void stopBroker() {
        if (broker != null) {
            broker.close();
        }
    }

    @Test
    void theJavaClientGetsAllItsSignalsAccepted() throws Exception {
        String java = Path.of(System.getProperty("java.home"), "bin", "java").toString();
        String path = System.getProperty("java.class.path");
        assertAllAccepted(
                "java",
                "header",
                java,
                "-cp",
                path,
                EXAMPLES.resolve("java/Client.java").toString());
    }

    @Test
    void thePythonClientGetsAllItsSignalsAccepted() throws Exception {
        assumeTrue(isThere("/usr/bin/python3", "-c", "import confluent_kafka"), "Debian's python3-confluent-kafka");
        assertAllAccepted(
                "python",
                "header",
                "/usr/bin/python3",
                EXAMPLES.resolve("python/client.py").toString());
    }

    @Test
    void theNodeClientGetsAllItsSignalsAccepted() throws Exception {
        assumeTrue(
                isThere(
                        "node",
                        "-e",
                        "require(require.resolve('kafkajs', {paths: ['%s', ...(process.env.NODE_PATH ?? '').split(':')]}))"
                                .formatted(EXAMPLES.resolve("node").toAbsolutePath())),
                "node, and npm install in examples/node");
        assertAllAccepted(
                "node", "header", "node", EXAMPLES.resolve("node/client.js").toString());
    }

    @Test
    void theKcatScriptGetsAllItsSignalsAccepted() throws Exception {
        assumeTrue(isThere("kcat", "-V"), "kcat");
        assertAllAccepted(
                "kcat", "key", "bash", EXAMPLES.resolve("kcat/client.sh").toString());
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

    private static void assertAllAccepted(String name, String source, String... client) throws Exception {
        Path dir = Files.createDirectory(temp.resolve(name));
        try (Deployment app =
                new Deployment(broker.bootstrapServers(), "example-" + name, dir, "tenant.source=" + source)) {
            app.init();
            app.set("42", "--rate", "5/s", "--burst", "5");
            app.start("a");
            List<String> command = new ArrayList<>(List.of(client));
            command.addAll(List.of(
                    broker.bootstrapServers(),
                    "42",
                    Integer.toString(SIGNALS),
                    app.signals(),
                    app.topic("quota-exceeded")));
            Path output = dir.resolve("output");
            Process process = new ProcessBuilder(command)
                    .redirectErrorStream(true)
                    .redirectOutput(output.toFile())
                    .start();
            try {
                assertThat(process.waitFor(120, TimeUnit.SECONDS))
                        .as(() -> read(output))
                        .isTrue();
            } finally {
                process.destroyForcibly();
            }
            assertThat(process.exitValue()).as(() -> read(output)).isZero();
            JsonNode tenant = app.verify("a").at("/tenants/42");
            assertThat(tenant.path("accepted").asLong()).as(() -> read(output)).isEqualTo(SIGNALS);
            assertThat(tenant.at("/rejected").isEmpty())
                    .as("some were rejected first")
                    .isFalse();
        }
    }

    private static String read(Path output) {
        try {
            return Files.readString(output);
        } catch (IOException e) {
            return e.toString();
        }
    }
}
