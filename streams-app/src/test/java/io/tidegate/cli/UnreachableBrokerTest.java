package io.tidegate.cli;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;

import com.sun.net.httpserver.HttpServer;
import io.tidegate.admin.BootstrapServers;
import io.tidegate.config.Settings;
import io.tidegate.config.SettingsLoader;
import io.tidegate.fixtures.ClosedPort;
import io.tidegate.fixtures.Listener;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Without a broker, a command fails at once; Kafka's clients would retry for half a minute. */
@Timeout(value = 10, unit = TimeUnit.MINUTES)
class UnreachableBrokerTest {
    private final ClosedPort closed = new ClosedPort();

    UnreachableBrokerTest() throws IOException {}

    @AfterEach
    void release() throws IOException {
        closed.close();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "init",
                "load",
                "plans history pro",
                "plans ls",
                "plans undo pro",
                "rejections tail",
                "rejections replay",
                "signals cat",
                "signals explain",
                "tenants export",
                "tenants forget 1 --item x",
                "tenants get acme",
                "tenants ls",
                "tenants set 1 --rate 5/s",
                "usage export --month 2026-11",
                "wal prune 1 --below 5"
            })
    void everyCommandThatNeedsABrokerNamesItAndTheRemedy(String command) throws IOException {
        String server = "127.0.0.1:" + closed.port();

        Cli run = Cli.run((command + " --bootstrap-server " + server).split(" ", -1));

        assertThat(run.err())
                .startsWith("tidegate: no broker can be reached: %s: ".formatted(server))
                .contains("--bootstrap-server")
                .hasLineCount(1);
        assertThat(run.exitCode()).isEqualTo(ExitCodes.FAILED);
        assertThat(run.out()).isEmpty();
    }

    @Test
    void allAddressesAreTriedAndNamed() throws IOException {
        String servers = "127.0.0.1:%d,no-such-host.invalid:9092".formatted(closed.port());

        Cli run = Cli.run("tenants", "ls", "--bootstrap-server", servers);

        assertThat(run.err()).contains("127.0.0.1:", "the host name no-such-host.invalid cannot be resolved");
    }

    /** Size, correlation id, no error, and one supported request: that for the versions. */
    private static final byte[] CONTROLLER = {0, 0, 0, 16, 0x0d, 0x0a, 0x0d, 0x0a, 0, 0, 0, 0, 0, 1, 0, 18, 0, 0, 0, 4};

    /** The alert with which a TLS listener answers a message that it does not understand. */
    static final byte[] TLS_ALERT = {0x15, 3, 3, 0, 2, 2, 10};

    /** Listens on a free port, reads one request from each client, and gives this answer. */
    static ServerSocket listener(byte[] answer) throws IOException {
        return Listener.answering(() -> answer);
    }

    /** Runs a command again if the listener was too slow: that is tested elsewhere. */
    static Cli answered(String... args) {
        return Cli.runUnless("no answer within", args);
    }

    private static Stream<Arguments> restarting() {
        return Stream.of(Arguments.of("PLAINTEXT", Listener.broker()), Arguments.of("SSL", TLS_ALERT));
    }

    /** A proxy without a broker, or a broker that starts or stops, closes connections for a moment. */
    @ParameterizedTest
    @MethodSource("restarting")
    void aServerThatClosesTheFirstConnectionsIsTriedAgain(String protocol, byte[] answer) throws IOException {
        List<BootstrapServers.Attempt> attempts;
        do {
            var answers = List.of(new byte[0], new byte[0], answer).iterator();
            try (ServerSocket listener = Listener.answering(answers::next)) {
                String server = "127.0.0.1:" + listener.getLocalPort();
                Settings settings = SettingsLoader.load(
                        null, Map.of(), Map.of("bootstrap.servers", server, "kafka.security.protocol", protocol));
                attempts = BootstrapServers.connect(settings);
            }
            assertThat(attempts).hasSize(1);
            if (attempts.get(0).unreachable() == null) {
                assertThat(answers).isExhausted();
            }
        } while (attempts.get(0).unreachable() != null); // The listener's thread was too slow.
        assertThat(attempts.get(0).notKafka()).isNull();
    }

    private static Stream<Arguments> strangers() {
        return Stream.of(
                Arguments.of("tenants ls", new byte[0], "the connection is closed after a Kafka request"),
                Arguments.of("run", TLS_ALERT, "the listener expects TLS"),
                Arguments.of("tenants ls", "SSH-2.0-OpenSSH".getBytes(US_ASCII), "is not a Kafka broker"),
                Arguments.of("tenants ls", CONTROLLER, "a KRaft controller answers there"),
                Arguments.of("run", "HTTP/1.1 400 Bad Request".getBytes(US_ASCII), "an HTTP server answers there"));
    }

    @ParameterizedTest
    @MethodSource("strangers")
    void aServerThatIsNotAKafkaListenerIsNamed(String command, byte[] answer, String what) throws IOException {
        try (ServerSocket listener = listener(answer)) {
            String server = "127.0.0.1:" + listener.getLocalPort();

            Cli run = answered((command + " --bootstrap-server " + server).split(" ", -1));

            assertThat(run.err())
                    .contains("no Kafka broker answers: %s: ".formatted(server), what, "--bootstrap-server");
            assertThat(run.exitCode()).isEqualTo(ExitCodes.FAILED);
        }
    }

    /** Kafka accepts the name of a protocol in any case. */
    @ParameterizedTest
    @ValueSource(strings = {"SSL", "ssl", "sasl_ssl"})
    void aListenerWithTlsIsTheRightOneForAClientWithTls(String protocol) throws IOException {
        try (ServerSocket listener = listener(TLS_ALERT)) {
            Settings settings = SettingsLoader.load(
                    null,
                    Map.of(),
                    Map.of(
                            "bootstrap.servers",
                            "127.0.0.1:" + listener.getLocalPort(),
                            "kafka.security.protocol",
                            protocol));

            assertThat(BootstrapServers.connect(settings))
                    .singleElement()
                    .satisfies(attempt -> assertThat(attempt.notKafka()).isNull());
        }
    }

    private static Stream<Arguments> withoutTls() {
        return Stream.of(
                Arguments.of(new byte[0], "the connection is closed after a TLS handshake message"),
                Arguments.of("HTTP/1.1 400".getBytes(US_ASCII), "the listener does not use TLS"));
    }

    @ParameterizedTest
    @MethodSource("withoutTls")
    void aListenerWithoutTlsIsNamedToAClientWithTls(byte[] answer, String what, @TempDir Path dir) throws IOException {
        Path tls = Files.writeString(dir.resolve("tls.properties"), "kafka.security.protocol=SSL");
        try (ServerSocket listener = listener(answer)) {
            String server = "127.0.0.1:" + listener.getLocalPort();

            Cli run = answered("tenants", "ls", "--config", tls.toString(), "--bootstrap-server", server);

            assertThat(run.err())
                    .contains("no Kafka broker answers: %s: ".formatted(server), what, "kafka.security.protocol");
            assertThat(run.exitCode()).isEqualTo(ExitCodes.FAILED);
        }
    }

    @Test
    void aRealHttpServerAnswersTheProbe() throws IOException {
        HttpServer http = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        http.start();
        try {
            Cli run = answered(
                    "tenants",
                    "ls",
                    "--bootstrap-server",
                    "127.0.0.1:" + http.getAddress().getPort());

            assertThat(run.err()).contains("no Kafka broker answers: ", "an HTTP server answers there");
        } finally {
            http.stop(0);
        }
    }
}
