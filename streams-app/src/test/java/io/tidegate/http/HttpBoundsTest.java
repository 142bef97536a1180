package io.tidegate.http;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tidegate.api.RejectionJson;
import io.tidegate.api.RejectionTail;
import io.tidegate.config.Settings;
import io.tidegate.config.SettingsLoader;
import io.tidegate.http.Access.Principal;
import io.tidegate.http.Access.Role;
import io.tidegate.tenant.TenantId;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.eclipse.jetty.util.Callback;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** One client or one token does not exclude all others from the server. Time is simulated. */
@Timeout(value = 10, unit = TimeUnit.MINUTES)
final class HttpBoundsTest {
    private static final int SO_TIMEOUT_MS = 30_000;
    private static final String HEALTH = "GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

    private final AtomicLong nowNanos = new AtomicLong();
    private final List<Socket> sockets = new ArrayList<>();
    private final CountDownLatch entered = new CountDownLatch(1);
    private final CountDownLatch release = new CountDownLatch(1);
    private HttpServer server;

    @TempDir
    private Path dir;

    @AfterEach
    void stop() throws IOException {
        release.countDown();
        for (Socket socket : sockets) {
            socket.close();
        }
        if (server != null) {
            server.close();
        }
    }

    private void start(Connections.Limits limits) throws IOException {
        start(limits, Map.of());
    }

    private void start(Connections.Limits limits, Map<String, String> more) throws IOException {
        Map<String, String> flags = new HashMap<>(Map.of("http.port", "0"));
        flags.putAll(more);
        server = HttpServer.open(SettingsLoader.load(null, Map.of(), flags), limits, nowNanos::get);
        server.serve(new Routes()
                .addQuick("/livez", Role.PUBLIC, call -> Reply.text(200, "alive"))
                .add("GET", "/v1/things/{id}", Role.TENANT, call -> Reply.text(200, "thing"))
                .add("GET", "/v1/slow/{id}", Role.TENANT, call -> {
                    entered.countDown();
                    release.await();
                    return Reply.text(200, "done");
                })
                .add("PUT", "/v1/things/{id}", Role.ADMIN, call -> Reply.text(200, "changed"))
                .addStream(
                        "/v1/stream",
                        Role.PUBLIC,
                        call -> (request, response, callback) -> new EventStream(response, callback).begin()));
    }

    private Socket connect(String text) throws IOException {
        Socket socket = new Socket(InetAddress.getLoopbackAddress(), server.port());
        sockets.add(socket);
        socket.setSoTimeout(SO_TIMEOUT_MS);
        send(socket, text);
        return socket;
    }

    private static void send(Socket socket, String text) throws IOException {
        socket.getOutputStream().write(text.getBytes(StandardCharsets.US_ASCII));
        socket.getOutputStream().flush();
    }

    private static String read(Socket socket, int bytes) throws IOException {
        return new String(socket.getInputStream().readNBytes(bytes), StandardCharsets.US_ASCII);
    }

    private String health() throws IOException {
        Socket socket = connect(HEALTH);
        return new String(socket.getInputStream().readAllBytes(), StandardCharsets.US_ASCII);
    }

    /** Waits until the server closes the socket. */
    private static boolean isClosed(Socket socket) {
        try (InputStream in = socket.getInputStream()) {
            in.transferTo(OutputStream.nullOutputStream());
            return true;
        } catch (java.net.SocketTimeoutException e) {
            return false;
        } catch (IOException e) {
            return true; // reset by the server
        }
    }

    private void awaitOpen(int connections) {
        while (server.connections().size() < connections) {
            Thread.onSpinWait();
        }
    }

    private void pass(long seconds) {
        nowNanos.addAndGet(TimeUnit.SECONDS.toNanos(seconds));
        server.connections().sweep();
    }

    @Test
    void aHeaderThatComesAByteAtATimeEndsAtItsDeadline() throws Exception {
        start(Connections.Limits.of(1024));
        for (int i = 0; i < 100; i++) {
            connect("GET /livez HTTP/1.1\r\nX: ");
        }
        awaitOpen(100);

        for (int i = 0; i < 3; i++) {
            pass(3);
            for (Socket socket : sockets) {
                send(socket, "x");
            }
        }
        assertThat(server.connections().size()).isEqualTo(100);
        pass(2);

        assertThat(sockets).allMatch(HttpBoundsTest::isClosed);
        assertThat(health()).startsWith("HTTP/1.1 200");
    }

    @Test
    void aLaterHeaderHasADeadlineToo() throws Exception {
        start(new Connections.Limits(1024, 10_000, 1L << 40, 1L << 40, 10_000, 2_000));
        Socket socket = connect("GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n");
        assertThat(read(socket, 12)).isEqualTo("HTTP/1.1 200");
        socket.getInputStream().skipNBytes(socket.getInputStream().available());
        pass(60); // silence between two requests is allowed
        assertThat(server.connections().size()).isEqualTo(1);

        send(socket, "GET /livez HTTP/1.1\r\nX: ");
        while (server.connections().size() > 0) {
            pass(1);
        }

        assertThat(isClosed(socket)).isTrue();
    }

    @Test
    void anIdleConnectionIsClosedHoweverItBegan() throws Exception {
        start(Connections.Limits.of(1024));
        Socket silent = connect("");
        Socket served = connect("GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n");
        assertThat(read(served, 12)).isEqualTo("HTTP/1.1 200");
        awaitOpen(2);

        pass(11);
        assertThat(isClosed(silent)).isTrue();
        // The server notices the end of a response after the client has read it, so the last deadline is not known.
        long passed = 11;
        while (server.connections().size() > 0) {
            pass(1);
            passed++;
        }
        assertThat(passed).isGreaterThan(30);
        assertThat(isClosed(served)).isTrue();
    }

    /** Opens twice the maximum number of connections; none of them reaches a deadline. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "GET /livez HTTP/1.1\r\nX: ",
                "PUT /v1/things/1 HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{"
            })
    void healthIsServedHoweverManyConnectionsAreHeld(String held) throws Exception {
        start(Connections.Limits.of(64));
        for (int i = 0; i < 128; i++) {
            connect(held);
        }

        for (int i = 0; i < 20; i++) {
            assertThat(health()).startsWith("HTTP/1.1 200");
        }
        // A displaced connection is closed a moment after it is removed from the list, never before.
        assertThat(server.connections().size()).isLessThanOrEqualTo(64);
    }

    @Test
    void aConnectionInUseIsKeptWhileOthersWait() throws Exception {
        start(Connections.Limits.of(8));
        Socket busy = connect("GET /v1/slow/1 HTTP/1.1\r\nHost: localhost\r\n\r\n");
        entered.await();
        for (int i = 0; i < 40; i++) {
            connect("");
        }
        assertThat(health()).startsWith("HTTP/1.1 200");

        release.countDown();
        assertThat(read(busy, 12)).isEqualTo("HTTP/1.1 200");
    }

    @Test
    void headOfAStreamEndsAtOnceAndTheNextRequestIsServed() throws Exception {
        start(Connections.Limits.of(64));
        Socket socket = connect("HEAD /v1/stream HTTP/1.1\r\nHost: localhost\r\n\r\n" + HEALTH);

        String answers = new String(socket.getInputStream().readAllBytes(), StandardCharsets.US_ASCII);

        assertThat(answers)
                .containsPattern("(?s)^HTTP/1\\.1 200 OK\r\n.*text/event-stream.*HTTP/1\\.1 200 OK\r\n.*alive$");
    }

    private static final String ADMIN = "admin-0123456789abcdef";
    private static final String TENANT = "tenant-0123456789abcdef";
    private static final String READER = "reader-0123456789abcdef";

    private Map<String, String> tokens() throws IOException {
        Path file = Files.writeString(
                dir.resolve("tokens"),
                "root admin %s\nacme tenant:2 %s\ngrafana read %s\n".formatted(ADMIN, TENANT, READER));
        return Map.of("http.tokens.file", file.toString());
    }

    private static String with(String token, String request) {
        return request + " HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + token + "\r\n";
    }

    @ParameterizedTest
    @ValueSource(strings = {TENANT, READER})
    void aTokenThatAsksForEverythingDoesNotKeepOperatorsOut(String token) throws Exception {
        start(Connections.Limits.of(1024), tokens());
        for (int i = 0; i < 120; i++) {
            connect(with(token, "GET /v1/slow/2") + "\r\n");
        }
        // The token has used up its share of threads and places once one of its requests is rejected.
        Socket rejected;
        do {
            rejected = connect(with(token, "GET /v1/slow/2") + "\r\n");
            rejected.setSoTimeout(200);
        } while (!isBusy(rejected));

        for (int i = 0; i < 40; i++) {
            Socket admin = connect(with(ADMIN, "PUT /v1/things/2")
                    + "Content-Type: application/json\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}");
            assertThat(read(admin, 12)).isEqualTo("HTTP/1.1 200");
        }
    }

    private static boolean isBusy(Socket socket) throws IOException {
        try {
            return read(socket, 12).equals("HTTP/1.1 503");
        } catch (java.net.SocketTimeoutException e) {
            return false;
        }
    }

    @Test
    void sharesAreAQuarterAHalfAndAReserve() {
        Shares shares = new Shares(8);
        Principal acme = new Principal("acme", Role.TENANT, TenantId.parse("2"));
        Principal grafana = new Principal("grafana", Role.READ, null);
        Principal other = new Principal("other", Role.READ, null);
        Principal root = new Principal("root", Role.ADMIN, null);

        assertThat(taken(shares, acme)).isEqualTo(2);
        assertThat(taken(shares, grafana)).isEqualTo(4);
        assertThat(taken(shares, other)).as("all but the reserve").isEqualTo(1);
        assertThat(taken(shares, root)).isEqualTo(1);
        shares.release(acme);
        assertThat(taken(shares, grafana)).isZero();
        assertThat(taken(shares, root)).isEqualTo(1);
    }

    private static int taken(Shares shares, Principal principal) {
        int taken = 0;
        while (shares.take(principal)) {
            taken++;
        }
        return taken;
    }

    @Test
    void aTenantsTokenHoldsAQuarterOfTheStreams() {
        Settings settings = SettingsLoader.load(
                null, Map.of(), Map.of("http.streams.max", "8", "bootstrap.servers", "127.0.0.1:1"));
        Principal acme = new Principal("acme", Role.TENANT, TenantId.parse("2"));
        RejectionTail.Filter filter = new RejectionTail.Filter(acme.tenant(), Set.of(), false);
        try (RejectionTail tail = new RejectionTail(settings, new RejectionJson(id -> null))) {
            tail.add(acme, filter, new EventStream(null, Callback.NOOP));
            tail.add(acme, filter, new EventStream(null, Callback.NOOP));
            assertThatThrownBy(() -> tail.add(acme, filter, new EventStream(null, Callback.NOOP)))
                    .isInstanceOfSatisfying(
                            Problem.class,
                            problem -> assertThat(problem.kind()).isEqualTo(Problem.Kind.TOO_MANY_STREAMS));
            tail.add(Access.LOCAL, filter, new EventStream(null, Callback.NOOP));
            assertThat(tail.size()).isEqualTo(3);
        }
    }
}
