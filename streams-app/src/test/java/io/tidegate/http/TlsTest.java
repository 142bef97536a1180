package io.tidegate.http;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tidegate.config.Settings;
import io.tidegate.config.SettingsException;
import io.tidegate.config.SettingsLoader;
import io.tidegate.config.TrustedCertificates;
import io.tidegate.fixtures.SelfSigned;
import io.tidegate.http.Access.Role;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import javax.net.ssl.SSLHandshakeException;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The server with a certificate and a key in PEM files. */
@Timeout(value = 10, unit = TimeUnit.MINUTES)
final class TlsTest {
    private static final String TOKEN = "viewer-0123456789abcdef";

    @TempDir
    private static Path temp;

    private static Path certificate;
    private static Path key;
    private static Path otherCertificate;
    private static Path tokens;

    @BeforeAll
    static void makeCertificates() throws Exception {
        certificate = temp.resolve("tls.crt");
        key = temp.resolve("tls.key");
        otherCertificate = temp.resolve("other.crt");
        make("own", certificate, key);
        make("other", otherCertificate, temp.resolve("other.key"));
        tokens = Files.writeString(
                temp.resolve("tokens"), "ops admin admin-0123456789abcdef\ngrafana read %s\n".formatted(TOKEN));
    }

    /** Creates a self-signed certificate for the loopback address. */
    private static void make(String name, Path certificateFile, Path keyFile) throws Exception {
        KeyStore store = SelfSigned.keys(name, temp);
        SelfSigned.pem(
                certificateFile, "CERTIFICATE", store.getCertificate(name).getEncoded());
        SelfSigned.pem(
                keyFile,
                "PRIVATE KEY",
                store.getKey(name, SelfSigned.PASSWORD.toCharArray()).getEncoded());
    }

    private static Settings settings(Path certificateFile, Path keyFile) {
        return SettingsLoader.load(
                null,
                Map.of(),
                Map.of(
                        "http.port", "0",
                        "http.tokens.file", tokens.toString(),
                        "http.tls.certificate.file", certificateFile.toString(),
                        "http.tls.key.file", keyFile.toString()));
    }

    private static HttpClient trusting(Path file) {
        return HttpClient.newBuilder()
                .sslContext(TrustedCertificates.trusting(file))
                .build();
    }

    @Test
    void aClientThatTrustsTheCertificateAndHasATokenIsServed() throws Exception {
        try (HttpServer server = HttpServer.open(settings(certificate, key))) {
            server.serve(new Routes().add("GET", "/v1/thing", Role.READ, call -> Reply.text(200, "secret")));
            assertThat(server.url()).startsWith("https://127.0.0.1:");
            HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(server.url() + "/v1/thing"))
                    .timeout(Duration.ofSeconds(20));
            HttpClient client = trusting(certificate);

            assertThat(client.send(request.build(), BodyHandlers.ofString()).statusCode())
                    .isEqualTo(401);
            request.header("Authorization", "Bearer " + TOKEN);
            assertThat(client.send(request.build(), BodyHandlers.ofString()).body())
                    .isEqualTo("secret");
            assertThatThrownBy(() -> trusting(otherCertificate).send(request.build(), BodyHandlers.ofString()))
                    .isInstanceOf(SSLHandshakeException.class);
        }
    }

    @Test
    void anUnusableFileIsAnErrorThatNamesTheFileAndNotItsContent() throws Exception {
        Path missing = temp.resolve("no-such.pem");
        Path garbage = Files.writeString(temp.resolve("garbage.pem"), "hunter2");
        Path cut = temp.resolve("cut.key");
        Files.writeString(cut, "-----BEGIN PRIVATE KEY-----\naHVudGVyMg==\n-----END PRIVATE KEY-----\n");
        Path[][] pairs = {
            {missing, key}, {garbage, key}, {certificate, missing}, {certificate, garbage}, {certificate, cut}
        };
        for (Path[] pair : pairs) {
            Path bad = pair[0].equals(certificate) ? pair[1] : pair[0];
            assertThatThrownBy(() -> HttpServer.open(settings(pair[0], pair[1])))
                    .as(bad.toString())
                    .isInstanceOf(SettingsException.class)
                    .hasMessageContaining(bad.toString())
                    .hasMessageNotContainingAny("hunter2", "aHVudGVyMg");
        }
    }

    @Test
    void aKeyThatIsNotTheCertificatesIsAnErrorAtStart() {
        assertThatThrownBy(() -> HttpServer.open(settings(otherCertificate, key)))
                .isInstanceOf(SettingsException.class)
                .hasMessageContaining(otherCertificate.toString())
                .hasMessageContaining(key.toString());
    }

    /** Waits until the server closes the socket. */
    private static boolean isClosed(Socket socket) {
        try {
            socket.getInputStream().transferTo(OutputStream.nullOutputStream());
            return true;
        } catch (SocketTimeoutException e) {
            return false;
        } catch (IOException e) {
            return true;
        }
    }

    private static Socket connect(int port) throws IOException {
        return TrustedCertificates.trusting(certificate)
                .getSocketFactory()
                .createSocket(InetAddress.getLoopbackAddress(), port);
    }

    private static void send(Socket socket, String text) throws IOException {
        socket.getOutputStream().write(text.getBytes(StandardCharsets.US_ASCII));
        socket.getOutputStream().flush();
    }

    /** Before the handshake, within a header, and after a response. */
    @Test
    void connectionsThatAreSilentOrSlowAreClosedAsWithoutTls() throws Exception {
        AtomicLong nowNanos = new AtomicLong();
        try (HttpServer server =
                HttpServer.open(settings(certificate, key), Connections.Limits.of(64), nowNanos::get)) {
            server.serve(new Routes().addQuick("/livez", Role.PUBLIC, call -> Reply.text(200, "alive")));
            try (Socket silent = new Socket(InetAddress.getLoopbackAddress(), server.port());
                    Socket slow = connect(server.port());
                    Socket served = connect(server.port())) {
                for (Socket socket : List.of(silent, slow, served)) {
                    socket.setSoTimeout(30_000);
                }
                send(slow, "GET /livez HTTP/1.1\r\nX: ");
                send(served, "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n");
                assertThat(new String(served.getInputStream().readNBytes(12), StandardCharsets.US_ASCII))
                        .isEqualTo("HTTP/1.1 200");
                while (server.connections().size() < 3) {
                    Thread.onSpinWait();
                }

                nowNanos.addAndGet(TimeUnit.SECONDS.toNanos(11));
                server.connections().sweep();
                assertThat(isClosed(silent)).isTrue();
                assertThat(isClosed(slow)).isTrue();
                // The server notices the end of a response after the client has read it.
                while (server.connections().size() > 0) {
                    nowNanos.addAndGet(TimeUnit.SECONDS.toNanos(1));
                    server.connections().sweep();
                }
                assertThat(isClosed(served)).isTrue();
            }
        }
    }
}
