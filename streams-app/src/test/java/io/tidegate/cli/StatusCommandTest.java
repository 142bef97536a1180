package io.tidegate.cli;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import com.sun.net.httpserver.HttpServer;
import com.sun.net.httpserver.HttpsConfigurator;
import com.sun.net.httpserver.HttpsServer;
import io.tidegate.fixtures.SelfSigned;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.util.concurrent.TimeUnit;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The address and the certificate of the instance that {@code tidegate status} queries. */
@Timeout(value = 10, unit = TimeUnit.MINUTES)
final class StatusCommandTest {
    private static final String STATUS = """
            {"instances": [{
              "address": "gate-1:8080",
              "ready": true,
              "paused": true,
              "paused_because": ["the disk has 1 MiB left", "topics"],
              "not_ready_because": ["no heartbeat"],
              "waits_for": null
            }]}
            """;

    @TempDir
    private static Path temp;

    private static HttpsServer server;
    private static Path certificate;
    private static String url;

    @BeforeAll
    static void startServer() throws Exception {
        KeyStore keys = SelfSigned.keys("own", temp);
        certificate = SelfSigned.pem(
                temp.resolve("ca.crt"),
                "CERTIFICATE",
                keys.getCertificate("own").getEncoded());
        KeyManagerFactory factory = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
        factory.init(keys, SelfSigned.PASSWORD.toCharArray());
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(factory.getKeyManagers(), null, null);
        server = HttpsServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.setHttpsConfigurator(new HttpsConfigurator(context));
        server.createContext("/v1/status", exchange -> {
            exchange.sendResponseHeaders(200, STATUS.length());
            exchange.getResponseBody().write(STATUS.getBytes(UTF_8));
            exchange.close();
        });
        server.start();
        url = "https://127.0.0.1:" + server.getAddress().getPort();
    }

    @AfterAll
    static void stopServer() {
        if (server != null) {
            server.stop(0);
        }
    }

    /** Runs a command again if the server of the test was too slow. */
    private static Cli answered(String... args) {
        return Cli.runUnless("no instance answers", args);
    }

    @Test
    void trustsTheCertificatesInTheSettings() {
        Cli run = answered("status", "--url", url, "--set", "http.tls.ca.file=" + certificate);

        assertThat(run.err()).isEmpty();
        assertThat(run.out()).contains("gate-1:8080");
        assertThat(run.exitCode()).isEqualTo(ExitCodes.OK);
    }

    @Test
    void printsWhyAnInstanceIsPausedOrNotReady() {
        Cli run = answered("status", "--url", url, "--set", "http.tls.ca.file=" + certificate);

        assertThat(run.out())
                .contains("gate-1:8080: paused: the disk has 1 MiB left\n")
                .contains("gate-1:8080: paused: topics\n")
                .contains("gate-1:8080: not ready: no heartbeat\n")
                .doesNotContain("partitions wait");
    }

    /** The file of the server's tokens, or an editor's byte order mark: the message must not contain them. */
    @ParameterizedTest
    @ValueSource(strings = {"ops admin 0123456789abcdef\nacme tenant:1 fedcba9876543210", "\uFEFF0123456789abcdef", ""})
    void aFileWithMoreThanATokenIsRejectedWithoutItsContent(String content) throws Exception {
        Path file = Files.writeString(temp.resolve("tokens"), content);

        Cli run = Cli.run("status", "--url", url, "--token-file", file.toString());

        assertThat(run.exitCode()).isNotEqualTo(ExitCodes.OK);
        assertThat(run.err()).contains(file + " must contain only a token").doesNotContain("0123456789abcdef");
    }

    @ParameterizedTest
    @CsvSource({"200, {}", "200, <html>", "200, ''", "502, <html>", "200, '{\"instances\":[]}'"})
    void anAnswerThatIsNotTidegatesIsAFailure(int status, String body) throws Exception {
        HttpServer other = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        other.createContext("/v1/status", exchange -> {
            byte[] bytes = body.getBytes(UTF_8);
            exchange.sendResponseHeaders(status, bytes.length == 0 ? -1 : bytes.length);
            exchange.getResponseBody().write(bytes);
            exchange.close();
        });
        other.start();
        try {
            String address = "http://127.0.0.1:" + other.getAddress().getPort();
            Cli run = answered("status", "--url", address);

            assertThat(run.exitCode()).isEqualTo(ExitCodes.FAILED);
            assertThat(run.out()).isEmpty();
            assertThat(run.err())
                    .contains("%s/v1/status answers %d, and not as an instance of Tidegate".formatted(address, status));
        } finally {
            other.stop(0);
        }
    }

    @Test
    void namesAFailureOfTlsAndTheSettingThatHelps() {
        Cli run = answered("status", "--url", url);

        assertThat(run.err())
                .startsWith("tidegate: the TLS connection to %s/v1/status failed: ".formatted(url))
                .contains("http.tls.ca.file", "--url");
        assertThat(run.exitCode()).isEqualTo(ExitCodes.FAILED);
    }

    @ParameterizedTest
    @CsvSource({"::1, [::1]", "[::1], [::1]", "::, [::1]", "[::], [::1]", "0.0.0.0, 127.0.0.1", "localhost, localhost"})
    void queriesTheAddressOnWhichTheInstanceListens(String bind, String host) {
        Cli run = Cli.run(
                "status", "--set", "http.port=1", "--set", "http.bind=" + bind, "--set", "http.tokens.file=tokens");

        assertThat(run.err()).contains("no instance answers at http://%s:1/v1/status".formatted(host));
        assertThat(run.exitCode()).isEqualTo(ExitCodes.FAILED);
    }

    @Test
    void blamesTheOptionOrTheSettingsThatHaveABadAddress() {
        assertThat(Cli.run("status", "--url", "ftp://a").err())
                .contains("--url = ftp://a is not an address such as http://127.0.0.1:8080");
        assertThat(Cli.run(
                                "status",
                                "--set",
                                "http.port=1",
                                "--set",
                                "http.bind=a b",
                                "--set",
                                "http.tokens.file=tokens")
                        .err())
                .contains("the address from http.bind and http.port = http://a b:1 is not an address")
                .doesNotContain("--url");
    }

    /** As with {@code tidegate status | head -1}. */
    @Test
    void aReaderThatHasClosedThePipeDoesNotHideThatAnInstanceIsNotReady() throws Exception {
        String notReady = STATUS.replace("\"ready\": true", "\"ready\": false");
        HttpServer other = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        other.createContext("/v1/status", exchange -> {
            byte[] bytes = notReady.getBytes(UTF_8);
            exchange.sendResponseHeaders(200, bytes.length);
            exchange.getResponseBody().write(bytes);
            exchange.close();
        });
        other.start();
        try {
            OutputStream closed = new OutputStream() {
                @Override
                public void write(int b) throws IOException {
                    throw new IOException("Broken pipe");
                }
            };
            int exit = Tidegate.execute(
                    new StandardOutput(closed, true),
                    OutputStream.nullOutputStream(),
                    "status",
                    "--url",
                    "http://127.0.0.1:" + other.getAddress().getPort());
            assertThat(exit).isEqualTo(ExitCodes.FAILED);
        } finally {
            other.stop(0);
        }
    }
}
