package io.tidegate.topologytests.support;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** A client of one instance's HTTP server. */
public final class Http {
    private static final JsonMapper JSON = new JsonMapper();
    private static final Pattern URL = Pattern.compile("http_url=(\\S+)");
    private static final HttpClient CLIENT =
            HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();

    public final String url;
    private final String token;

    private Http(String url, String token) {
        this.url = url;
        this.token = token;
    }

    /** Returns the client of a process, whose log has the address. */
    public static Http of(TidegateProcess process) {
        Matcher match = URL.matcher(process.logText());
        if (!match.find()) {
            throw new AssertionError("no http_url in the log:\n" + process.logText());
        }
        return new Http(match.group(1), "");
    }

    public Http as(String otherToken) {
        return new Http(url, otherToken);
    }

    /** A response. */
    public record Answer(int status, HttpResponse<byte[]> response) {
        public JsonNode json() {
            try {
                return JSON.readTree(response.body());
            } catch (IOException e) {
                throw new AssertionError("not JSON: " + text(), e);
            }
        }

        public String text() {
            return new String(response.body(), java.nio.charset.StandardCharsets.UTF_8);
        }

        public String header(String name) {
            return response.headers().firstValue(name).orElse("");
        }

        public String problem() {
            return json().path("id").asText();
        }
    }

    /** @param headers alternating names and values */
    public Answer send(String method, String path, String body, String... headers) {
        HttpRequest.Builder request =
                HttpRequest.newBuilder(URI.create(url + path)).timeout(Duration.ofMinutes(3));
        request.method(method, body == null ? BodyPublishers.noBody() : BodyPublishers.ofString(body));
        boolean typed = false;
        for (int i = 0; i < headers.length; i += 2) {
            request.header(headers[i], headers[i + 1]);
            typed |= headers[i].equals("Content-Type");
        }
        if (body != null && !typed) {
            request.header("Content-Type", "application/json");
        }
        if (!token.isEmpty()) {
            request.header("Authorization", "Bearer " + token);
        }
        try {
            HttpResponse<byte[]> response = CLIENT.send(request.build(), BodyHandlers.ofByteArray());
            return new Answer(response.statusCode(), response);
        } catch (IOException e) {
            throw new AssertionError("%s %s%s".formatted(method, url, path), e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new AssertionError(e);
        }
    }

    /** Changes a tenant's config, and waits until the instance has applied the change. */
    public void patch(String tenant, String changes) throws InterruptedException {
        String path = "/v1/tenants/" + tenant;
        TidegateProcess.await(
                Duration.ofMinutes(3),
                "the change of tenant %s to be applied: ".formatted(tenant),
                () -> send("PATCH", path, changes).text(),
                // An equal change writes nothing, and waits again.
                () -> send("PATCH", path, changes).json().path("applied").asBoolean());
    }

    public Answer get(String path, String... headers) {
        return send("GET", path, null, headers);
    }

    /** The lines of a stream, as they arrive. */
    public HttpResponse<java.io.InputStream> open(String path) throws Exception {
        HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(url + path));
        if (!token.isEmpty()) {
            request.header("Authorization", "Bearer " + token);
        }
        return CLIENT.send(request.build(), BodyHandlers.ofInputStream());
    }
}
