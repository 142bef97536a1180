package io.tidegate.http;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.tidegate.config.Settings;
import io.tidegate.config.SettingsException;
import io.tidegate.config.SettingsLoader;
import io.tidegate.http.Access.Role;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.eclipse.jetty.http.HttpFields;
import org.eclipse.jetty.http.HttpHeader;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The server against malicious clients, without Kafka. */
@Timeout(value = 15, unit = TimeUnit.MINUTES)
final class FrontTest {
    private static final Duration WITHIN = Duration.ofMinutes(10);
    private static final long PATIENT_MS = WITHIN.toMillis();

    private final HttpClient client = HttpClient.newHttpClient();
    private final CountDownLatch release = new CountDownLatch(1);
    private final CountDownLatch offered = new CountDownLatch(1);
    private final CountDownLatch waiting = new CountDownLatch(Workers.SLOW_MAX);
    private HttpServer server;

    @BeforeEach
    void start() throws IOException {
        server = open(PATIENT_MS);
    }

    @AfterEach
    void stop() {
        release.countDown();
        server.close();
    }

    /** Whatever the client does late, only the bound under test ends a connection. */
    private static HttpServer open(long bodyMs) throws IOException {
        return HttpServer.open(
                settings(Map.of()),
                new Connections.Limits(1024, PATIENT_MS, PATIENT_MS, PATIENT_MS, bodyMs, PATIENT_MS),
                System::nanoTime);
    }

    private static Settings settings(Map<String, String> more) {
        Map<String, String> flags = new HashMap<>(Map.of("http.port", "0"));
        flags.putAll(more);
        return SettingsLoader.load(null, Map.of(), flags);
    }

    private void serve() {
        server.serve(new Routes()
                .addQuick("/livez", Role.PUBLIC, call -> Reply.text(200, "alive"))
                .add("GET", "/v1/slow", Role.READ, call -> {
                    release.await();
                    return Reply.text(200, "done");
                })
                .addSlow("/v1/waiting", Role.READ, call -> {
                    waiting.countDown();
                    release.await();
                    return Reply.text(200, "done");
                })
                .add(
                        "GET",
                        "/v1/things/{id}",
                        Role.READ,
                        call -> Reply.text(200, call.path().get("id")))
                .add("GET", "/v1/large", Role.READ, call -> Reply.text(200, "x".repeat(100_000)))
                .add("GET", "/v1/broken", Role.READ, call -> {
                    throw new IllegalStateException("secret detail");
                })
                .add("GET", "/v1/too-large", Role.READ, call -> {
                    throw new OutOfMemoryError("secret detail");
                })
                .add("PUT", "/v1/things/{id}", Role.ADMIN, call -> Reply.text(200, "" + call.body().length))
                .addStream("/v1/stream", Role.READ, call -> (request, response, callback) -> {
                    EventStream stream = new EventStream(response, callback);
                    stream.begin();
                    CompletableFuture<Void> unused = CompletableFuture.runAsync(() -> {
                        byte[] event = ("data: " + "x".repeat(1000) + "\n\n").getBytes(StandardCharsets.US_ASCII);
                        for (int i = 0; i < 100_000; i++) {
                            stream.offer(event);
                        }
                        stream.end();
                        offered.countDown();
                    });
                }));
    }

    private HttpRequest.Builder request(String path) {
        return HttpRequest.newBuilder(URI.create(server.url() + path)).timeout(WITHIN);
    }

    private HttpResponse<String> send(HttpRequest.Builder request) throws Exception {
        return client.send(request.build(), BodyHandlers.ofString());
    }

    private static JsonNode problem(HttpResponse<String> response) throws IOException {
        assertThat(response.headers().firstValue("Content-Type")).hasValue("application/problem+json");
        return new JsonMapper().readTree(response.body());
    }

    /** Sends the text unchanged, and returns all bytes up to the server's close. */
    private String raw(String text) throws IOException {
        try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), server.port())) {
            socket.setSoTimeout((int) WITHIN.toMillis());
            socket.getOutputStream().write(text.getBytes(StandardCharsets.ISO_8859_1));
            socket.getOutputStream().flush();
            return new String(socket.getInputStream().readAllBytes(), StandardCharsets.ISO_8859_1);
        }
    }

    @Test
    void livesButIsNotReadyBeforeTheInstanceRuns() throws Exception {
        assertThat(send(request("/livez")).statusCode()).isEqualTo(200);
        for (String path : List.of("/readyz", "/v1/tenants", "/no-such")) {
            HttpResponse<String> response = send(request(path));
            assertThat(response.statusCode()).as(path).isEqualTo(503);
            assertThat(problem(response).path("id").asText()).isEqualTo("starting");
            assertThat(response.headers().firstValue("Retry-After")).isPresent();
        }
        assertThat(send(request("/")).body()).contains("\"dashboard/app.js\"");
        assertThat(send(request("/dashboard/app.js")).statusCode()).isEqualTo(200);
    }

    @Test
    void aBusyPortIsAClearError() {
        assertThatThrownBy(() -> HttpServer.open(settings(Map.of("http.port", Integer.toString(server.port())))))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("127.0.0.1 port " + server.port())
                .hasMessageContaining("http.port");
    }

    @Test
    void anotherAddressNeedsTokens() {
        assertThatThrownBy(() -> settings(Map.of("http.bind", "0.0.0.0")))
                .isInstanceOf(SettingsException.class)
                .hasMessageContaining("http.tokens.file");
    }

    @Test
    void aLargeBodyIsRejectedWithOrWithoutItsLength() throws Exception {
        serve();
        byte[] large = new byte[10_000_000];
        HttpResponse<String> whole = send(request("/v1/things/1")
                .header("Content-Type", "application/json")
                .PUT(BodyPublishers.ofByteArray(new byte[Front.BODY_BYTES_MAX])));
        assertThat(whole.body()).isEqualTo("" + Front.BODY_BYTES_MAX);

        String headers = "PUT /v1/things/1 HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";
        assertThat(raw(headers + "Content-Length: 10000000\r\n\r\n")).startsWith("HTTP/1.1 413");
        try {
            HttpResponse<String> chunked = send(request("/v1/things/1")
                    .header("Content-Type", "application/json")
                    .PUT(BodyPublishers.ofInputStream(() -> new java.io.ByteArrayInputStream(large))));
            assertThat(chunked.statusCode()).isEqualTo(413);
        } catch (IOException e) {
            // The server closed the connection while the client was still sending: also a rejection.
            assertThat(send(request("/livez")).statusCode()).isEqualTo(200);
        }
    }

    /** The response must not be lost because the server closes while the client is still sending. */
    @ParameterizedTest
    @ValueSource(strings = {"Content-Length: 10485760", "Transfer-Encoding: chunked"})
    void aClientThatSendsFarTooMuchGetsAResponseBeforeTheConnectionCloses(String framing) throws Exception {
        serve();
        for (int i = 0; i < 20; i++) {
            try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), server.port())) {
                socket.setSoTimeout((int) WITHIN.toMillis());
                OutputStream out = socket.getOutputStream();
                out.write(("PUT /v1/things/1 HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                                + framing + "\r\n\r\n")
                        .getBytes(StandardCharsets.US_ASCII));
                byte[] part = new byte[64 * 1024];
                for (int sent = 0; sent < 160; sent++) {
                    if (framing.contains("chunked")) {
                        out.write("10000\r\n".getBytes(StandardCharsets.US_ASCII));
                    }
                    out.write(part);
                    if (framing.contains("chunked")) {
                        out.write("\r\n".getBytes(StandardCharsets.US_ASCII));
                    }
                }
                if (framing.contains("chunked")) {
                    out.write("0\r\n\r\n".getBytes(StandardCharsets.US_ASCII));
                }
                String answer = new String(socket.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
                assertThat(answer).startsWith("HTTP/1.1 413 ").contains("Connection: close");
            }
        }
    }

    /** Otherwise a client would send its next request on a connection that is being closed. */
    @Test
    void aRejectionBeforeTheBodyIsReadAnnouncesThatTheConnectionCloses() throws Exception {
        serve();
        HttpResponse<String> rejected = send(
                request("/v1/things/1").header("Content-Type", "text/plain").PUT(BodyPublishers.ofString("{}")));
        assertThat(rejected.statusCode()).isEqualTo(415);
        assertThat(rejected.headers().allValues("Connection")).containsExactly("close");
        HttpResponse<String> withoutBody = send(request("/v1/nothing"));
        assertThat(withoutBody.statusCode()).isEqualTo(404);
        assertThat(withoutBody.headers().allValues("Connection")).isEmpty();
    }

    /** A stream is registered before it begins, so an event can come first. */
    @Test
    void anEventBeforeTheBeginningOfItsStreamFollowsTheHeaders() throws Exception {
        server.serve(new Routes().addStream("/v1/early", Role.READ, call -> (request, response, callback) -> {
            EventStream stream = new EventStream(response, callback);
            stream.offer("data: early\n\n".getBytes(StandardCharsets.US_ASCII));
            stream.begin();
            stream.end();
        }));

        HttpResponse<String> response = send(request("/v1/early"));

        assertThat(response.headers().firstValue("Content-Type")).hasValue("text/event-stream");
        assertThat(response.headers().firstValue("X-Content-Type-Options")).hasValue("nosniff");
        assertThat(response.body()).isEqualTo("retry: 3000\n\ndata: early\n\n");
    }

    @Test
    void slowBodiesHoldNoThread() throws Exception {
        server.close();
        server = open(1000);
        serve();
        List<Socket> sockets = new ArrayList<>();
        try {
            for (int i = 0; i < 200; i++) {
                Socket socket = new Socket(InetAddress.getLoopbackAddress(), server.port());
                sockets.add(socket);
                socket.getOutputStream()
                        .write(("PUT /v1/things/1 HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                                        + "Content-Length: 1000\r\n\r\n{")
                                .getBytes(StandardCharsets.US_ASCII));
            }
            assertThat(send(request("/v1/things/7")).body()).isEqualTo("7");
            sockets.get(0).setSoTimeout((int) WITHIN.toMillis());
            byte[] answer = new byte[12];
            assertThat(sockets.get(0).getInputStream().readNBytes(answer, 0, answer.length))
                    .isEqualTo(12);
            assertThat(new String(answer, StandardCharsets.US_ASCII)).isEqualTo("HTTP/1.1 408");
        } finally {
            for (Socket socket : sockets) {
                socket.close();
            }
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "q%20b|q b",
                "a%22b|a\"b",
                "a%3Cb%3E|a<b>",
                "a%7Cb|a|b",
                "a%3Fb|a?b",
                "a%23b|a#b",
                "a%5Bb%5D|a[b]",
                "a+b|a+b",
                "%C3%85|\u00c5"
            })
    void theValuesInAPathAreDecoded(String line) throws Exception {
        serve();
        int at = line.indexOf('|');
        assertThat(send(request("/v1/things/" + line.substring(0, at))).body()).isEqualTo(line.substring(at + 1));
    }

    @Test
    void requestsThatNeedNoOtherSystemOvertakeThoseThatWaitForOne() throws Exception {
        serve();
        List<CompletableFuture<HttpResponse<String>>> all = new ArrayList<>();
        for (int i = 0; i < 12; i++) {
            all.add(client.sendAsync(request("/v1/waiting").build(), BodyHandlers.ofString()));
        }
        waiting.await();

        for (int i = 0; i < 20; i++) {
            assertThat(send(request("/v1/things/7")).statusCode()).isEqualTo(200);
        }
        assertThat(all).noneMatch(CompletableFuture::isDone);
        release.countDown();
        for (CompletableFuture<HttpResponse<String>> one : all) {
            assertThat(one.join().statusCode()).isEqualTo(200);
        }
    }

    @Test
    void requestsBeyondTheBoundsAreRejectedAndHealthIsStillServed() throws Exception {
        serve();
        List<CompletableFuture<HttpResponse<String>>> all = new ArrayList<>();
        for (int i = 0; i < 200; i++) {
            all.add(client.sendAsync(request("/v1/slow").build(), BodyHandlers.ofString()));
        }
        HttpResponse<String> busy = null;
        while (busy == null) {
            HttpResponse<String> response = send(request("/livez"));
            assertThat(response.statusCode()).isEqualTo(200);
            busy = all.stream()
                    .filter(CompletableFuture::isDone)
                    .map(CompletableFuture::join)
                    .findAny()
                    .orElse(null);
        }
        assertThat(busy.statusCode()).isEqualTo(503);
        assertThat(problem(busy).path("id").asText()).isEqualTo("busy");
        release.countDown();
        for (CompletableFuture<HttpResponse<String>> one : all) {
            assertThat(one.join().statusCode()).isIn(200, 503);
        }
        assertThat(send(request("/v1/things/7")).statusCode()).isEqualTo(200);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "/v1/things/..%2f..%2fetc",
                "/v1/things/%2e%2e",
                "/v1/things/a%2fb",
                "/v1//things/1",
                "/v1/things/..;/x",
                "/v1/things/%00",
                "/../../etc/passwd",
                "/v1/things/%zz",
                "//livez"
            })
    void pathTricksEndNowhere(String path) throws Exception {
        serve();

        String answer = raw("GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".formatted(path));

        assertThat(answer).matches("(?s)HTTP/1\\.1 (400|404) .*");
        assertThat(answer).doesNotContain("root:", "\tat ");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "GET /livez HTTP/1.1\r\nHost: localhost\r\nX: a\rSet-Cookie: b\r\n\r\n",
                "GET /livez HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n",
                "GET /livez HTTP/1.1\r\n\r\n",
                "PUT /v1/things/1 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                "PUT /v1/things/1 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
                "GET /livez HTTP/1.1\r\nHost : localhost\r\n\r\n",
                "BOGUS\r\n\r\n"
            })
    void malformedRequestsAreRejected(String text) throws Exception {
        serve();

        assertThat(raw(text)).startsWith("HTTP/1.1 400").doesNotContain("Set-Cookie", "evil.example", "\tat ");
    }

    @ParameterizedTest
    @CsvSource({
        "'GET /livez\r\n', 505, version_not_supported",
        "'GET /livez HTTP/3.0\r\nHost: localhost\r\n\r\n', 505, version_not_supported",
        "'GET /livez HTTP/1.7\r\nHost: localhost\r\n\r\n', 505, version_not_supported",
        "'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 426, upgrade_required",
        "'PUT /v1/things/1 HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n', 400, bad_request",
        "'DELETE /v1/things/1 HTTP/1.1\r\nHost : a\r\n\r\n', 400, bad_request"
    })
    void jettysRejectionsAreProblemsWithTheHeadersOfEveryResponse(String text, int status, String id) throws Exception {
        serve();

        String answer = raw(text.replace("\\r\\n", "\r\n"));

        assertThat(answer)
                .startsWith("HTTP/1.1 " + status)
                .contains("\"id\":\"" + id + "\"", "application/problem+json", "nosniff", "Content-Security-Policy")
                .doesNotContain("see the instance");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "gzip|true", "GZIP;q=0.5|true", "x-gzip|true", "br, gzip;q=1.0|true", "*|true",
                "gzip;q=0|false", "gzip; q=0.000|false", "x-gzipped|false", "identity|false", "*;q=0|false",
                "gzip;q=0, *|false", "identity, gzip;q=0.5|false", "gzip;q=x|false"
            })
    void onlyRequestsThatNameGzipGetIt(String accepted, boolean zipped) throws Exception {
        serve();

        HttpResponse<byte[]> response = client.send(
                request("/v1/large").header("Accept-Encoding", accepted).build(), BodyHandlers.ofByteArray());

        assertThat(response.headers().firstValue("Content-Encoding").isPresent())
                .isEqualTo(zipped);
        assertThat(response.headers().firstValue("Vary")).hasValue("Accept-Encoding");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "application/openmetrics-text; version=1.0.0|application/openmetrics-text",
                "application/openmetrics-text;q=0.6,text/plain;q=0.5,*/*;q=0.1|application/openmetrics-text",
                "application/openmetrics-text;q=0|text/plain",
                "application/openmetrics-textual|text/plain",
                "text/plain, application/openmetrics-text;q=0.4|text/plain",
                "*/*|text/plain"
            })
    void metricsHaveThePreferredType(String accepted, String type) {
        assertThat(Negotiation.metricsType(List.of(accepted.split(",")))).isEqualTo(type);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "\"5\"|true|false",
                "*|true|false",
                "\"4\", \"5\"|true|false",
                "\"4\"|false|true",
                "W/\"5\"|false|false",
                "abc*|false|true",
                "*abc|false|true",
                "x\"5\"|false|true",
                "\"5\" \"6\"|false|true",
                "''|false|true"
            })
    void conditionsAreLists(String header, boolean matches, boolean noneMatches) {
        List<String> items = EntityTags.of(HttpFields.build().add("If-Match", header), HttpHeader.IF_MATCH);

        assertThat(EntityTags.isMatch(items, "\"5\"")).isEqualTo(matches);
        assertThat(EntityTags.isNoneMatch(items, "\"5\"")).isEqualTo(noneMatches);
        assertThat(EntityTags.isMatch(List.of("*"), "")).isFalse();
        assertThat(EntityTags.isNoneMatch(List.of("*"), "")).isTrue();
    }

    @Test
    void aFileThatTheClientHasInAnyFormIsNotSentAgain() throws Exception {
        assertThat(send(request("/openapi.yaml").header("If-None-Match", "*")).statusCode())
                .isEqualTo(304);
        String tag = send(request("/openapi.yaml")).headers().firstValue("ETag").orElseThrow();
        assertThat(send(request("/openapi.yaml").header("If-None-Match", "\"x\", " + tag))
                        .statusCode())
                .isEqualTo(304);
        assertThat(send(request("/openapi.yaml").header("If-None-Match", "\"x\""))
                        .statusCode())
                .isEqualTo(200);
    }

    @Test
    void longHeadersAreRejected() throws Exception {
        serve();

        assertThat(raw("GET /livez HTTP/1.1\r\nHost: localhost\r\nX: %s\r\n\r\n".formatted("x".repeat(100_000))))
                .startsWith("HTTP/1.1 431")
                .contains("\"status\":431");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "/v1/things/7;a=b",
                "/v1/things;a/7",
                "/v1/x/../things/7",
                "/./v1/things/7",
                "/v1/things/.",
                "/v1/.."
            })
    void aPathThatAProxyReadsInAnotherWayIsRejected(String path) throws Exception {
        serve();

        assertThat(raw("GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".formatted(path)))
                .startsWith("HTTP/1.1 400")
                .contains("\"id\":\"bad_request\"");
    }

    @Test
    void aNameMayContainDots() throws Exception {
        serve();

        assertThat(send(request("/v1/things/..a.b..")).body()).isEqualTo("..a.b..");
    }

    @Test
    void aBodyInAnUnknownEncodingIsRejected() throws Exception {
        serve();
        String put = """
                PUT /v1/things/7 HTTP/1.1\r
                Host: localhost\r
                Connection: close\r
                Content-Type: application/json\r
                %s\r
                \r
                2\r
                {}\r
                0\r
                \r
                """;

        assertThat(raw(put.formatted("Transfer-Encoding: chunked"))).startsWith("HTTP/1.1 200");
        assertThat(raw(put.formatted("Transfer-Encoding: gzip, chunked"))).startsWith("HTTP/1.1 400");
        assertThat(raw(put.formatted("Transfer-Encoding: chunked\r\nContent-Encoding: gzip")))
                .startsWith("HTTP/1.1 415");
        assertThat(raw(put.formatted("Transfer-Encoding: chunked\r\nContent-Encoding: identity")))
                .startsWith("HTTP/1.1 200");
    }

    @Test
    void aRequestThatExhaustsTheMemoryIsAnswered() throws Exception {
        serve();

        HttpResponse<String> response = send(request("/v1/too-large"));

        assertThat(response.statusCode()).isEqualTo(500);
        assertThat(problem(response).path("id").asText()).isEqualTo("internal_error");
        assertThat(response.body()).doesNotContain("secret");
    }

    @Test
    void anUnexpectedFailureRevealsNoDetails() throws Exception {
        serve();

        HttpResponse<String> response = send(request("/v1/broken"));

        assertThat(response.statusCode()).isEqualTo(500);
        assertThat(response.body()).doesNotContain("secret", "Exception");
    }

    @Test
    void anotherMethodGetsTheListOfAllowedOnes() throws Exception {
        serve();
        for (String method : List.of("POST", "OPTIONS", "DELETE", "TRACE")) {
            HttpResponse<String> response = send(request("/v1/things/1").method(method, BodyPublishers.noBody()));
            assertThat(response.statusCode()).as(method).isEqualTo(405);
            assertThat(response.headers().firstValue("Allow")).hasValue("GET, PUT");
            assertThat(response.headers().map().keySet()).noneMatch(name -> name.startsWith("access-control"));
        }
    }

    @Test
    void contentTypesThatAPageCanSendWithoutPreflightAreRejected() throws Exception {
        serve();
        for (String type : List.of("text/plain", "application/x-www-form-urlencoded", "multipart/form-data")) {
            assertThat(send(request("/v1/things/1").header("Content-Type", type).PUT(BodyPublishers.ofString("{}")))
                            .statusCode())
                    .isEqualTo(415);
        }
        assertThat(send(request("/v1/things/1").PUT(BodyPublishers.ofString("{}")))
                        .statusCode())
                .isEqualTo(415);
    }

    @Test
    void largeResponsesAreCompressedOnRequest() throws Exception {
        serve();
        HttpResponse<byte[]> zipped = client.send(
                request("/v1/large").header("Accept-Encoding", "gzip").build(), BodyHandlers.ofByteArray());

        assertThat(zipped.headers().firstValue("Content-Encoding")).hasValue("gzip");
        assertThat(zipped.body()).hasSizeLessThan(5_000);
        assertThat(send(request("/v1/large")).body()).hasSize(100_000);
        assertThat(send(request("/v1/large").method("HEAD", BodyPublishers.noBody()))
                        .body())
                .isEmpty();
        assertThat(send(request("/v1/large")).headers().map())
                .containsKeys("x-content-type-options", "content-security-policy", "cross-origin-resource-policy");
    }

    @Test
    void aStreamThatIsReadTooSlowlyDropsTheOldestEventsAndReportsIt() throws Exception {
        serve();
        HttpResponse<InputStream> response = client.send(request("/v1/stream").build(), BodyHandlers.ofInputStream());
        try (InputStream in = response.body()) {
            // 100 MB, of which the connection's buffers hold only a few.
            assertThat(offered.await(30, TimeUnit.SECONDS)).isTrue();
            String all = new String(in.readAllBytes(), StandardCharsets.US_ASCII);
            assertThat(all.length()).isLessThan(50_000_000);
            assertThat(all.substring(0, 13)).isEqualTo("retry: 3000\n\n");
            assertThat(all.contains("event: dropped\ndata: {\"events\":")).isTrue();
        }
    }

    /** A proxy may serve the page under a prefix. */
    @Test
    void thePageAndItsFilesUseOnlyRelativePaths() throws Exception {
        Pattern link = Pattern.compile("(?:href|src|from|import|url)\\s*[=(]?\\s*[\"']([^\"'#\\s]+)[\"']");
        URI page = URI.create("https://ops.example/tidegate/");
        List<URI> unread = new ArrayList<>(List.of(page));
        Set<URI> read = new HashSet<>();
        while (!unread.isEmpty()) {
            URI next = unread.remove(unread.size() - 1);
            if (!read.add(next) || next.getPath().endsWith("uplot.js")) {
                continue;
            }
            assertThat(next.getPath()).startsWith("/tidegate/");
            HttpResponse<String> file = send(request(next.getPath().substring("/tidegate".length())));
            assertThat(file.statusCode()).as(next.toString()).isEqualTo(200);
            Matcher links = link.matcher(next.getPath().endsWith(".yaml") ? "" : file.body());
            while (links.find()) {
                if (!links.group(1).startsWith("data:") && !links.group(1).contains("${")) {
                    unread.add(next.resolve(links.group(1)));
                }
            }
        }
        assertThat(read).extracting(URI::getPath).contains("/tidegate/dashboard/api.js", "/tidegate/dashboard/dom.js");
        assertThat(send(request("/dashboard/api.js")).body())
                .contains("new URL(`.${path}`, document.baseURI)", "fetch(at(path)")
                .doesNotContain("fetch(path", "location.origin");
        for (String file : List.of("app", "charts", "dom", "form", "rejections", "tenant", "tenants", "wal")) {
            assertThat(send(request("/dashboard/" + file + ".js")).body())
                    .as(file)
                    .doesNotContain("fetch(", "location.origin", "location.host", "EventSource");
        }
    }

    @Test
    void noServerIsOpenedIfItIsDisabled() throws IOException {
        assertThat(HttpServer.open(settings(Map.of("http.port", "-1")))).isNull();
    }
}
