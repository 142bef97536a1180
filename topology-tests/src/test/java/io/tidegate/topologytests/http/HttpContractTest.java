package io.tidegate.topologytests.http;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import io.tidegate.demo.EmbeddedBroker;
import io.tidegate.topologytests.driver.JsonHeaders;
import io.tidegate.topologytests.support.Deployment;
import io.tidegate.topologytests.support.Http;
import io.tidegate.topologytests.support.Http.Answer;
import io.tidegate.topologytests.support.TidegateProcess;
import java.io.IOException;
import java.io.InputStream;
import java.net.Socket;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * The API matches {@code openapi.yaml}: the test provokes each documented answer on a real instance and checks its form, and no
 * answer is undocumented.
 */
@Timeout(value = 15, unit = TimeUnit.MINUTES)
final class HttpContractTest {
    private static final String ADMIN = "admin-0123456789abcdef";
    private static final String READ = "read-0123456789abcdef";
    private static final String OF_42 = "tenant-0123456789abcdef";
    private static final String ADMIN_OF_42 = "tenant-admin-0123456789abcdef";

    /** The last one is the offset 5 modulo 2^64. */
    private static final List<String> BAD_UNDO = List.of(
            "{\"to\":1}",
            "{\"config_offset\":\"1\"}",
            "{\"config_offset\":1.0}",
            "{\"config_offset\":18446744073709551621}");

    private static final String LARGE = "{\"label\":\"" + "x".repeat(70_000) + "\"}";

    /** Statuses that a request alone cannot provoke, tested elsewhere. 503, 409: a state of the cluster; 408: waits 10 s. */
    private static final Set<String> ELSEWHERE = Set.of("503", "409", "408");

    @TempDir
    private static Path temp;

    private static EmbeddedBroker broker;
    private static Deployment deployment;
    private static Http http;
    private static JsonNode openapi;

    private static final int STREAMS_MAX = 1000;
    private static final int PATIENCE_MS = 60_000;

    private final Set<String> provoked = new TreeSet<>();
    private final List<String> wrong = new ArrayList<>();

    @BeforeAll
    static void start() throws Exception {
        Path tokens = Files.writeString(
                temp.resolve("tokens"),
                "# who may do what\nops admin %s\nviewer read %s\nacme tenant:42 %s\nacme-ops tenant-admin:42 %s\n"
                        .formatted(ADMIN, READ, OF_42, ADMIN_OF_42));
        broker = EmbeddedBroker.start(temp.resolve("broker"), 0, Map.of());
        deployment = new Deployment(broker.bootstrapServers(), "contract", temp);
        http = Http.of(deployment.start(
                "a",
                "--set",
                "http.tokens.file=" + tokens,
                "--set",
                "http.streams.max=" + STREAMS_MAX,
                "--set",
                "http.connections.max=2000"));
        try (InputStream in = HttpContractTest.class.getClassLoader().getResourceAsStream("openapi.yaml")) {
            openapi = new ObjectMapper().valueToTree(new YAMLMapper().readValue(in, Object.class));
        }
    }

    @AfterAll
    static void stop() {
        if (deployment != null) {
            deployment.close();
        }
        if (broker != null) {
            broker.close();
        }
    }

    @Test
    void everyDocumentedAnswerIsGivenInItsForm() throws Exception {
        Http admin = http.as(ADMIN);
        Http reader = http.as(READ);
        Http acme = http.as(OF_42);
        for (String path : List.of("/livez", "/readyz", "/", "/openapi.yaml", "/favicon.ico")) {
            expect(200, "GET", path, http.get(path));
        }
        for (String path : List.of("/", "/openapi.yaml", "/favicon.ico")) {
            expect(
                    304,
                    "GET",
                    path,
                    http.get(path, "If-None-Match", http.get(path).header("ETag")));
        }
        for (String bad : List.of("no-such.js", "%2e%2e", "index.html.class")) {
            Answer answer = http.get("/dashboard/" + bad);
            assertThat(answer.status()).as(bad).isIn(400, 404);
        }
        expect(404, "GET", "/dashboard/{file}", http.get("/dashboard/no-such.js"));
        expect(200, "GET", "/dashboard/{file}", http.get("/dashboard/index.html"));
        expect(
                304,
                "GET",
                "/dashboard/{file}",
                http.get(
                        "/dashboard/index.html",
                        "If-None-Match",
                        http.get("/dashboard/index.html").header("ETag")));

        String tenant = "/v1/tenants/{id}";
        expect(404, "GET", tenant, admin.get("/v1/tenants/42"));
        expect(404, "PATCH", tenant, admin.send("PATCH", "/v1/tenants/42", "{\"max_entities\":1}"));
        expect(404, "DELETE", tenant, admin.send("DELETE", "/v1/tenants/42", null));
        expect(404, "POST", tenant + "/undo", admin.send("POST", "/v1/tenants/42/undo", "{}"));
        Answer put = admin.send("PUT", "/v1/tenants/42", "{\"max_signals_per_sec\":10}", "If-None-Match", "*");
        expect(200, "PUT", tenant, put);
        String etag = put.header("ETag");
        expect(200, "GET", tenant, acme.get("/v1/tenants/42"));
        expect(304, "GET", tenant, acme.get("/v1/tenants/42", "If-None-Match", etag));
        expect(200, "PATCH", tenant, admin.send("PATCH", "/v1/tenants/42", "{\"max_entities\":1}", "If-Match", etag));
        for (String method : List.of("PUT", "PATCH", "DELETE")) {
            String body = method.equals("DELETE") ? null : "{\"max_entities\":2}";
            expect(412, method, tenant, admin.send(method, "/v1/tenants/42", body, "If-Match", etag));
            expect(403, method, tenant, reader.send(method, "/v1/tenants/42", body));
            expect(401, method, tenant, http.send(method, "/v1/tenants/42", body));
            expect(400, method, tenant, admin.send(method, "/v1/tenants/042", body));
            expect(413, method, tenant, admin.send(method, "/v1/tenants/42", LARGE));
            expect(415, method, tenant, admin.send(method, "/v1/tenants/42", "{}", "Content-Type", "text/plain"));
        }
        // The default tenant always has limits, but not always a config that a precondition can name.
        String ofDefault = "/v1/tenants/0";
        expect(200, "PUT", tenant, admin.send("PUT", ofDefault, "{\"max_signals_per_sec\":10}"));
        assertThat(admin.get(ofDefault).header("ETag")).isNotEmpty();
        expect(200, "DELETE", tenant, admin.send("DELETE", ofDefault, null));
        Answer unset = admin.get(ofDefault);
        expect(200, "GET", tenant, unset);
        assertThat(unset.header("ETag")).isEmpty();
        assertThat(unset.json().path("config_offset").isNull()).isTrue();
        expect(
                200,
                "PATCH",
                tenant,
                admin.send("PATCH", ofDefault, "{\"max_signals_per_sec\":10}", "If-None-Match", "*"));
        expect(200, "DELETE", tenant, admin.send("DELETE", ofDefault, null));
        expect(412, "POST", tenant + "/undo", admin.send("POST", "/v1/tenants/42/undo", "{}", "If-Match", etag));
        expect(403, "POST", tenant + "/undo", acme.send("POST", "/v1/tenants/42/undo", "{}"));
        expect(401, "POST", tenant + "/undo", http.send("POST", "/v1/tenants/42/undo", "{}"));
        for (String bad : BAD_UNDO) {
            expect(400, "POST", tenant + "/undo", admin.send("POST", "/v1/tenants/42/undo", bad));
        }
        expect(413, "POST", tenant + "/undo", admin.send("POST", "/v1/tenants/42/undo", LARGE));
        expect(415, "POST", tenant + "/undo", admin.send("POST", "/v1/tenants/42/undo", "{}", "Content-Type", "a/b"));
        expect(200, "POST", tenant + "/undo", admin.send("POST", "/v1/tenants/42/undo", "{}"));

        plans(admin, reader, acme);

        // Inputs that a kind of path or parameter rejects, on each path that has it.
        Map<String, String> gets = Map.of(
                "/v1/history",
                "/v1/history?tenant=42",
                tenant,
                "/v1/tenants/42",
                "/v1/plans",
                "/v1/plans",
                tenant + "/usage",
                "/v1/tenants/42/usage",
                tenant + "/history",
                "/v1/tenants/42/history",
                "/v1/tenants",
                "/v1/tenants",
                "/v1/status",
                "/v1/status",
                "/v1/segments",
                "/v1/segments?tenant=42",
                "/v1/rejections/search",
                "/v1/rejections/search?tenant=42");
        gets.forEach((template, path) -> {
            String query = path + (path.contains("?") ? "&" : "?");
            expect(401, "GET", template, http.get(path));
            expect(401, "GET", template, http.as("not-a-token-of-this-server").get(path));
            expect(403, "GET", template, acme.get(path.replace("42", "43")));
            expect(200, "GET", template, reader.get(path));
            expect(400, "GET", template, reader.get(query + "no_such_parameter=1"));
        });
        expect(404, "PUT", tenant, admin.send("PUT", "/v1/tenants/42/no-such", "{}"));
        commands(admin, acme);
        expect(200, "DELETE", tenant, admin.send("DELETE", "/v1/tenants/42", null));

        expect(401, "GET", "/v1/rejections", http.get("/v1/rejections"));
        expect(403, "GET", "/v1/rejections", acme.get("/v1/rejections"));
        expect(400, "GET", "/v1/rejections", admin.get("/v1/rejections?reason=no_such"));
        for (String bad : List.of(
                "reason=no_such",
                "from=yesterday",
                "to=%2B1000000000-12-31T23:59:59Z",
                "limit=101",
                "cursor=2-0-1",
                "cursor=",
                "text=" + "x".repeat(201))) {
            expect(400, "GET", "/v1/rejections/search", admin.get("/v1/rejections/search?" + bad));
        }
        try (InputStream one = acme.open("/v1/rejections?tenant=42").body();
                InputStream two = admin.open("/v1/rejections?reason=rate_limited,malformed&dead_letter=true")
                        .body()) {
            assertThat(new String(one.readNBytes(6), java.nio.charset.StandardCharsets.US_ASCII))
                    .isEqualTo("retry:");
            assertThat(two.readNBytes(6)).hasSize(6);
            provoked.add("GET /v1/rejections 200");
        }
        metrics(reader, acme);

        assertThat(wrong).isEmpty();
        assertThat(documented())
                .as("answers that are documented and were not given")
                .isSubsetOf(provoked);
    }

    private void plans(Http admin, Http reader, Http acme) throws Exception {
        String template = "/v1/plans/{name}";
        String path = "/v1/plans/pro";
        expect(404, "GET", template, reader.get(path));
        expect(404, "PATCH", template, admin.send("PATCH", path, "{\"max_items\":1}"));
        expect(404, "DELETE", template, admin.send("DELETE", path, null));
        Answer put = admin.send("PUT", path, "{\"max_signals_per_sec\":10}", "If-None-Match", "*");
        expect(200, "PUT", template, put);
        String etag = put.header("ETag");
        expect(200, "GET", template, reader.get(path));
        expect(200, "GET", template, reader.get(path, "If-None-Match", etag));
        expect(200, "PATCH", template, admin.send("PATCH", path, "{\"max_items\":1}", "If-Match", etag));
        for (String method : List.of("PUT", "PATCH", "DELETE")) {
            String body = method.equals("DELETE") ? null : "{\"max_items\":2}";
            expect(412, method, template, admin.send(method, path, body, "If-Match", etag));
            expect(403, method, template, reader.send(method, path, body));
            expect(401, method, template, http.send(method, path, body));
            expect(400, method, template, admin.send(method, "/v1/plans/-pro", body));
            if (body != null) {
                expect(400, method, template, admin.send(method, path, "{\"plan\":\"free\"}"));
                expect(413, method, template, admin.send(method, path, LARGE));
                expect(415, method, template, admin.send(method, path, body, "Content-Type", "text/plain"));
            }
        }
        expect(401, "GET", template, http.get(path));
        expect(403, "GET", template, acme.get(path));
        expect(400, "GET", template, reader.get("/v1/plans/-pro"));
        planHistory(admin, reader, acme, etag);
        String tenant = "/v1/tenants/{id}";
        expect(200, "PATCH", tenant, admin.send("PATCH", "/v1/tenants/42", "{\"plan\":\"pro\"}"));
        Answer effective = acme.get("/v1/tenants/42");
        expect(200, "GET", tenant, effective);
        assertThat(effective.json().at("/limits/max_items/value").asLong()).isEqualTo(1);
        assertThat(effective.json().at("/limits/max_items/origin").asText()).isEqualTo("plan");
        assertThat(effective.json().at("/limits/max_signals_per_sec/origin").asText())
                .isEqualTo("tenant");
        selfService(admin);
        Answer missing = admin.send("PATCH", "/v1/tenants/42", "{\"plan\":\"none\"}");
        expect(400, "PATCH", tenant, missing);
        assertThat(missing.json().path("field").asText()).isEqualTo("plan");
        expect(409, "DELETE", template, admin.send("DELETE", path, null));
        String toTheFirst = "{\"config_offset\":%d}"
                .formatted(put.json().path("config_offset").asLong());
        expect(409, "POST", template + "/undo", admin.send("POST", path + "/undo", toTheFirst));
        expect(200, "PATCH", tenant, admin.send("PATCH", "/v1/tenants/42", "{\"plan\":null}"));
        expect(200, "DELETE", template, admin.send("DELETE", path, null));
    }

    /** The plan pro, which was created and changed once; its config is the same at the end. */
    private void planHistory(Http admin, Http reader, Http acme, String etagBefore) throws Exception {
        String history = "/v1/plans/{name}/history";
        Answer changes = reader.get("/v1/plans/pro/history");
        expect(200, "GET", history, changes);
        assertThat(changes.json().at("/changes/0/to/max_items").asLong()).isEqualTo(1);
        assertThat(changes.json().at("/changes/0/by").asText()).isEqualTo("ops");
        expect(400, "GET", history, reader.get("/v1/plans/-pro/history"));
        expect(401, "GET", history, http.get("/v1/plans/pro/history"));
        expect(403, "GET", history, acme.get("/v1/plans/pro/history"));
        String template = "/v1/plans/{name}/undo";
        String path = "/v1/plans/pro/undo";
        expect(412, "POST", template, admin.send("POST", path, "{}", "If-Match", etagBefore));
        expect(403, "POST", template, reader.send("POST", path, "{}"));
        expect(401, "POST", template, http.send("POST", path, "{}"));
        for (String bad : BAD_UNDO) {
            expect(400, "POST", template, admin.send("POST", path, bad));
        }
        expect(413, "POST", template, admin.send("POST", path, LARGE));
        expect(415, "POST", template, admin.send("POST", path, "{}", "Content-Type", "a/b"));
        expect(404, "POST", template, admin.send("POST", "/v1/plans/none/undo", "{}"));
        Answer undone = admin.send("POST", path, "{}");
        expect(200, "POST", template, undone);
        assertThat(undone.json().at("/config/max_items").isNull()).isTrue();
        expect(200, "PATCH", "/v1/plans/{name}", admin.send("PATCH", "/v1/plans/pro", "{\"max_items\":1}"));
    }

    /** Changes that a tenant on the plan pro makes itself. */
    private void selfService(Http admin) throws Exception {
        String tenant = "/v1/tenants/{id}";
        Http own = http.as(ADMIN_OF_42);
        expect(
                200,
                "PATCH",
                "/v1/plans/{name}",
                admin.send("PATCH", "/v1/plans/pro", "{\"ceiling\":{\"max_items\":5}}"));
        expect(200, "PATCH", tenant, own.send("PATCH", "/v1/tenants/42", "{\"max_items\":5,\"label\":\"ours\"}"));
        Answer beyond = own.send("PATCH", "/v1/tenants/42", "{\"max_items\":6}");
        expect(403, "PATCH", tenant, beyond);
        assertThat(beyond.json().path("id").asText()).isEqualTo("beyond_ceiling");
        assertThat(beyond.json().path("field").asText()).isEqualTo("max_items");
        Answer plan = own.send("PATCH", "/v1/tenants/42", "{\"plan\":null}");
        expect(403, "PATCH", tenant, plan);
        assertThat(plan.json().path("id").asText()).isEqualTo("forbidden");
        assertThat(plan.json().path("field").asText()).isEqualTo("plan");
        expect(403, "PATCH", tenant, own.send("PATCH", "/v1/tenants/43", "{\"max_items\":1}"));
        expect(403, "PUT", tenant, own.send("PUT", "/v1/tenants/42", "{\"mode\":\"observe\"}"));
        expect(403, "DELETE", tenant, own.send("DELETE", "/v1/tenants/42", null));
        Answer invalid =
                admin.send("PATCH", "/v1/tenants/42", "{\"signals\":{\"click\":{\"max_signals_per_sec\":-1}}}");
        expect(400, "PATCH", tenant, invalid);
        assertThat(invalid.json().path("field").asText()).isEqualTo("signals");
        Answer ceiling = admin.send("PATCH", "/v1/plans/pro", "{\"ceiling\":{\"max_items\":-1}}");
        expect(400, "PATCH", "/v1/plans/{name}", ceiling);
        assertThat(ceiling.json().path("field").asText()).isEqualTo("ceiling");
        Answer effective = own.get("/v1/tenants/42");
        expect(200, "GET", tenant, effective);
        assertThat(effective.json().at("/limits/max_items/value").asLong()).isEqualTo(5);
        assertThat(effective.json().at("/limits/max_items/ceiling").asLong()).isEqualTo(5);
        assertThat(own.get("/v1/tenants/42/history").json().at("/changes/0/by").asText())
                .isEqualTo("acme-ops");
        expect(200, "PATCH", tenant, own.send("PATCH", "/v1/tenants/42", "{\"max_items\":null}"));
    }

    /** The operations on a tenant besides its config, from its first signal to its end. */
    private void commands(Http admin, Http acme) throws Exception {
        Map<String, String> posts = Map.of(
                "/v1/tenants/{id}/block", "{\"until\":\"2099-01-01T00:00:00Z\"}",
                "/v1/tenants/{id}/unblock", "{}",
                "/v1/tenants/{id}/prune", "{\"below_seq\":1}",
                "/v1/tenants/{id}/forget", "{\"kind\":\"item\",\"id\":\"a\"}",
                "/v1/tenants/{id}/purge", "{\"confirm\":\"42\"}",
                "/v1/tenants/{id}/dry-run", "{\"config\":{\"max_signals_per_sec\":0}}",
                "/v1/rejections/replay", "{\"tenant\":\"42\"}");
        posts.forEach((template, body) -> {
            String path = template.replace("{id}", "42");
            expect(401, "POST", template, http.send("POST", path, body));
            expect(403, "POST", template, acme.send("POST", path, body));
            expect(400, "POST", template, admin.send("POST", path, "{\"no_such_field\":1}"));
            expect(400, "POST", template, admin.send("POST", path + "?no_such_parameter=1", body));
            expect(413, "POST", template, admin.send("POST", path, LARGE));
            expect(415, "POST", template, admin.send("POST", path, body, "Content-Type", "text/plain"));
        });
        for (String op : List.of("/block", "/unblock")) {
            String template = "/v1/tenants/{id}" + op;
            String body = posts.get(template);
            expect(404, "POST", template, admin.send("POST", "/v1/tenants/77" + op, body));
            expect(412, "POST", template, admin.send("POST", "/v1/tenants/42" + op, body, "If-Match", "\"0\""));
            Answer done = admin.send("POST", "/v1/tenants/42" + op, body);
            expect(200, "POST", template, done);
            assertThat(done.json().at("/config/blocked_until").isNull()).isEqualTo(op.equals("/unblock"));
            assertThat(done.json().at("/config/max_signals_per_sec").asLong())
                    .as("the limits stay")
                    .isEqualTo(10);
        }
        deployment.sendQuietly("{\"tenant_id\":42,\"item\":\"a\"}");
        TidegateProcess.await(
                Duration.ofSeconds(60),
                "a signal of the tenant",
                () -> admin.get("/v1/tenants/42/usage").text(),
                () -> admin.get("/v1/tenants/42/usage").json().path("accepted").asLong() == 1);

        Answer judged = admin.send("POST", "/v1/tenants/42/dry-run", posts.get("/v1/tenants/{id}/dry-run"));
        expect(200, "POST", "/v1/tenants/{id}/dry-run", judged);
        assertThat(judged.json().path("signals").asLong()).isEqualTo(1);
        assertThat(judged.json().at("/rejected/rate_limited").asLong()).isEqualTo(1);
        for (String wrongCommand : List.of(
                "/prune {\"below_seq\":-1}",
                "/prune {\"below_seq\":1,\"dry_run\":1}",
                "/forget {\"kind\":\"shop\",\"id\":\"a\"}",
                "/forget {\"kind\":\"item\",\"id\":\"\"}",
                "/purge {\"confirm\":\"43\"}",
                "/purge {}",
                "/block {\"until\":\"tomorrow\"}",
                "/block {\"until\":\"2001-01-01T00:00:00Z\"}",
                "/block {\"until\":\"+999999999-12-31T23:59:59Z\"}",
                "/block {\"for\":\"1h\"}",
                "/block {\"for\":\"PT1H\",\"until\":\"2099-01-01T00:00:00Z\"}",
                "/dry-run {\"config\":{\"mode\":\"off\"}}",
                "/dry-run {\"config\":{},\"since_seconds\":0}")) {
            String[] parts = wrongCommand.split(" ", 2);
            Answer answer = admin.send("POST", "/v1/tenants/42" + parts[0], parts[1]);
            expect(400, "POST", "/v1/tenants/{id}" + parts[0], answer);
            assertThat(answer.json().path("field").asText()).as(wrongCommand).isNotEmpty();
        }
        for (boolean dryRun : new boolean[] {true, false}) {
            expect(
                    200,
                    "POST",
                    "/v1/tenants/{id}/prune",
                    admin.send("POST", "/v1/tenants/42/prune", "{\"below_seq\":1,\"dry_run\":%s}".formatted(dryRun)));
        }
        for (boolean found : new boolean[] {true, false}) {
            Answer forgotten = admin.send("POST", "/v1/tenants/42/forget", posts.get("/v1/tenants/{id}/forget"));
            expect(200, "POST", "/v1/tenants/{id}/forget", forgotten);
            assertThat(forgotten.json().path("found").asBoolean()).isEqualTo(found);
        }
        namesStandForIds(admin, posts);
        String purge = "/v1/tenants/{id}/purge";
        expect(412, "POST", purge, admin.send("POST", "/v1/tenants/42/purge", posts.get(purge), "If-Match", "\"0\""));
        Answer purged = admin.send("POST", "/v1/tenants/42/purge", posts.get(purge));
        expect(200, "POST", purge, purged);
        assertThat(purged.json().path("accepted").asLong()).isEqualTo(1);
        assertThat(admin.get("/v1/tenants/42").status()).isEqualTo(404);
        assertThat(purged.json().path("next_seq").asLong()).isEqualTo(1);
        assertThat(admin.get("/v1/tenants/42/usage")
                        .json()
                        .path("accepted_bytes")
                        .asLong())
                .isZero();
        expect(200, "PUT", "/v1/tenants/{id}", admin.send("PUT", "/v1/tenants/42", "{}"));

        expect(200, "POST", "/v1/rejections/replay", admin.send("POST", "/v1/rejections/replay", "{}"));
        expect(
                200,
                "POST",
                "/v1/rejections/replay",
                admin.send("POST", "/v1/rejections/replay", "{\"dry_run\":false,\"tenant\":\"42\"}"));
        for (String body : List.of(
                "{\"dry_run\":1}",
                "{\"max_seconds\":0}",
                "{\"max_seconds\":11}",
                "{\"reasons\":[\"malformed\"]}",
                "{\"sources\":[\"signals-3\"]}",
                "{\"tenant\":\"042\"}",
                "{\"from\":1}",
                "{\"from\":\"+1000000000-12-31T23:59:59Z\"}",
                "{\"to\":\"-1000000000-01-01T00:00:00Z\"}")) {
            expect(400, "POST", "/v1/rejections/replay", admin.send("POST", "/v1/rejections/replay", body));
        }
        String reason = "/v1/reasons/{reason}";
        expect(200, "GET", reason, http.get("/v1/reasons/rate_limited"));
        expect(404, "GET", reason, http.get("/v1/reasons/bad_luck"));
        expect(400, "GET", reason, http.get("/v1/reasons/rate_limited?x=1"));
    }

    /** Checks only the permission to read; other tests check the body. */
    private void metrics(Http reader, Http acme) {
        Answer answer = reader.get("/metrics");
        if (answer.status() == 404) {
            provoked.addAll(Set.of("GET /metrics 200", "GET /metrics 401", "GET /metrics 403"));
            return;
        }
        expect(200, "GET", "/metrics", answer);
        expect(401, "GET", "/metrics", http.get("/metrics"));
        expect(403, "GET", "/metrics", acme.get("/metrics"));
    }

    private static Set<String> documented() {
        Set<String> all = new TreeSet<>();
        openapi.path("paths")
                .properties()
                .forEach(path -> path.getValue().properties().forEach(method -> {
                    method.getValue().path("responses").fieldNames().forEachRemaining(status -> {
                        if (!ELSEWHERE.contains(status)) {
                            all.add("%s %s %s"
                                    .formatted(
                                            method.getKey().toUpperCase(java.util.Locale.ROOT), path.getKey(), status));
                        }
                    });
                }));
        return all;
    }

    private void expect(int status, String method, String template, Answer answer) {
        String what = "%s %s %d".formatted(method, template, answer.status());
        provoked.add(what);
        if (answer.status() != status) {
            wrong.add("%s, expected %d: %s".formatted(what, status, answer.text()));
            return;
        }
        JsonNode response = resolved(openapi.path("paths")
                .path(template)
                .path(method.toLowerCase(java.util.Locale.ROOT))
                .path("responses")
                .path(Integer.toString(status)));
        if (response.isMissingNode()) {
            wrong.add(what + " is not documented");
            return;
        }
        String type = answer.header("Content-Type").split(";", 2)[0];
        if (response.has("content")
                && status != 304
                && !response.path("content").has(type)) {
            wrong.add("%s has the type %s".formatted(what, type));
        } else if (type.endsWith("json")) {
            checkForm(what, response.path("content").path(type).path("schema"), answer.json());
            if (type.equals("application/problem+json")
                    && answer.json().path("status").asInt() != status) {
                wrong.add(what + " has another status inside");
            }
        }
    }

    private static JsonNode resolved(JsonNode node) {
        JsonNode found = node;
        while (found.has("$ref")) {
            found = openapi.at(found.get("$ref").asText().substring(1));
        }
        return found;
    }

    /** Implements the part of JSON Schema that the document uses. */
    private void checkForm(String what, JsonNode schemaOrRef, JsonNode value) {
        JsonNode schema = resolved(schemaOrRef);
        schema.path("allOf").forEach(part -> checkForm(what, part, value));
        if (schema.has("oneOf")) {
            for (JsonNode part : schema.path("oneOf")) {
                if (hasType(resolved(part), value)) {
                    checkForm(what, part, value);
                    return;
                }
            }
            wrong.add("%s: %s is of none of the forms".formatted(what, value));
            return;
        }
        if (!hasType(schema, value)) {
            wrong.add("%s: %s is not %s".formatted(what, value, schema.path("type")));
            return;
        }
        if (schema.has("enum")
                && java.util.stream.StreamSupport.stream(schema.path("enum").spliterator(), false)
                        .noneMatch(value::equals)) {
            wrong.add("%s: %s is not one of %s".formatted(what, value, schema.path("enum")));
        }
        if (value.isObject()) {
            schema.path("required").forEach(name -> {
                if (!value.has(name.asText())) {
                    wrong.add("%s: %s is missing".formatted(what, name));
                }
            });
            value.properties().forEach(field -> {
                JsonNode known = schema.path("properties").path(field.getKey());
                JsonNode more = schema.path("additionalProperties");
                if (!known.isMissingNode()) {
                    checkForm(what + "/" + field.getKey(), known, field.getValue());
                } else if (more.isObject()) {
                    checkForm(what + "/" + field.getKey(), more, field.getValue());
                } else if (more.isBoolean() && !more.asBoolean()) {
                    wrong.add("%s: %s is not documented".formatted(what, field.getKey()));
                }
            });
        }
        if (value.isArray() && schema.has("items")) {
            value.forEach(item -> checkForm(what + "[]", schema.path("items"), item));
        }
    }

    private static boolean hasType(JsonNode schema, JsonNode value) {
        JsonNode type = schema.path("type");
        if (type.isMissingNode()) {
            return true;
        }
        List<String> allowed = new ArrayList<>();
        if (type.isArray()) {
            type.forEach(one -> allowed.add(one.asText()));
        } else {
            allowed.add(type.asText());
        }
        return (value.isNull() && allowed.contains("null"))
                || (value.isObject() && allowed.contains("object"))
                || (value.isArray() && allowed.contains("array"))
                || (value.isTextual() && allowed.contains("string"))
                || (value.isBoolean() && allowed.contains("boolean"))
                || (value.isIntegralNumber() && allowed.contains("integer"))
                || (value.isNumber() && allowed.contains("number"));
    }

    private void namesStandForIds(Http admin, Map<String, String> posts) throws Exception {
        for (String template : List.of("/v1/tenants/{id}/usage", "/v1/tenants/{id}/history")) {
            expect(404, "GET", template, admin.get(template.replace("{id}", "nobody")));
        }
        for (String path : List.of("/v1/segments", "/v1/history", "/v1/rejections", "/v1/rejections/search")) {
            expect(404, "GET", path, admin.get(path + "?tenant=nobody"));
        }
        for (String op : List.of("prune", "forget", "purge", "dry-run")) {
            String template = "/v1/tenants/{id}/" + op;
            expect(404, "POST", template, admin.send("POST", "/v1/tenants/nobody/" + op, posts.get(template)));
        }
        expect(
                200,
                "PATCH",
                "/v1/tenants/{id}",
                admin.send("PATCH", "/v1/tenants/42", "{\"external_ids\":[\"acme\",\"Z\u00fcrich\"]}"));
        expect(200, "GET", "/v1/tenants/{id}", http.as(OF_42).get("/v1/tenants/acme"));
        expect(200, "GET", "/v1/tenants/{id}/usage", http.as(OF_42).get("/v1/tenants/Z%C3%BCrich/usage"));
        expect(200, "GET", "/v1/history", http.as(OF_42).get("/v1/history?tenant=acme"));
        expect(403, "GET", "/v1/tenants/{id}", http.as(OF_42).get("/v1/tenants/nobody"));
        Answer taken = admin.send("PUT", "/v1/tenants/43", "{\"external_ids\":[\"acme\"]}");
        expect(409, "PUT", "/v1/tenants/{id}", taken);
        assertThat(taken.problem()).isEqualTo("name_taken");
        assertThat(taken.json().path("detail").asText()).contains("t42", "acme");
        expect(200, "PATCH", "/v1/tenants/{id}", admin.send("PATCH", "/v1/tenants/acme", "{\"external_ids\":[]}"));
        assertThat(admin.get("/v1/tenants/acme").problem()).isEqualTo("tenant_unknown");
    }

    @Test
    void aProblemNamesTheFieldAndTheRuleAndChangesNothing() {
        Http admin = http.as(ADMIN);
        Map<String, String> bad = Map.of(
                "{\"max_signals_per_sec\":-1}", "max_signals_per_sec",
                "{\"max_signals_per_sec\":4294967296}", "max_signals_per_sec",
                "{\"burst_signals\":1.5}", "burst_signals",
                "{\"entity_idle_ttl\":\"PT0.5S\"}", "entity_idle_ttl",
                "{\"mode\":\"off\"}", "mode",
                "{\"blocked_until\":\"tomorrow\"}", "blocked_until",
                "{\"required_regions\":[\"../eu\"]}", "required_regions",
                "{\"tenant_id\":8}", "tenant_id",
                "{\"max_signal_per_sec\":1}", "max_signal_per_sec",
                "{\"label\":\"a\\r\\nSet-Cookie: b\"}", "label");
        bad.forEach((body, field) -> {
            Answer answer = admin.send("PUT", "/v1/tenants/7", body);
            assertThat(answer.status()).as(body).isEqualTo(400);
            assertThat(answer.problem()).as(body).isEqualTo("invalid_config");
            assertThat(answer.json().path("field").asText()).as(answer.text()).isEqualTo(field);
        });
        for (String body : List.of("", "null", "[]", "{", "{} {}", "{\"label\":1,\"label\":2}", "[".repeat(60_000))) {
            assertThat(admin.send("PUT", "/v1/tenants/7", body).status())
                    .as(body)
                    .isEqualTo(400);
        }
        assertThat(admin.get("/v1/tenants/7").problem()).isEqualTo("tenant_unknown");
    }

    @Test
    void aThousandUnreadStreamsDelayNoOtherRequest() throws Exception {
        Http admin = http.as(ADMIN);
        assertThat(admin.send("PUT", "/v1/tenants/51", "{\"max_signals_per_sec\":0}")
                        .status())
                .isEqualTo(200);
        List<Socket> streams = new ArrayList<>();
        try {
            // Streams of earlier tests may be left: the server notices a closed connection at its next write.
            String status = "HTTP/1.1 200";
            while (streams.size() <= STREAMS_MAX && status.equals("HTTP/1.1 200")) {
                status = openStream(streams);
            }
            assertThat(status).isEqualTo("HTTP/1.1 503");
            assertThat(streams).hasSizeGreaterThan(STREAMS_MAX - 10);
            assertThat(new String(
                            streams.get(streams.size() - 1).getInputStream().readAllBytes(),
                            java.nio.charset.StandardCharsets.US_ASCII))
                    .contains("Retry-After: ", "application/problem+json", "\"id\":\"too_many_streams\"");

            int signals = 2_000;
            deployment.send(signals, i -> "{\"tenant_id\":51}");
            TidegateProcess.await(
                    Duration.ofSeconds(90),
                    "the signals to be decided",
                    () -> "",
                    () -> admin.get("/v1/tenants/51/usage")
                                    .json()
                                    .at("/rejected/rate_limited")
                                    .asLong()
                            == signals);
            for (String path : List.of("/livez", "/v1/status", "/metrics")) {
                assertThat(admin.get(path).status()).as(path).isEqualTo(200);
            }
            assertThat(admin.send("PUT", "/v1/tenants/51", "{}").status()).isEqualTo(200);

            // The server skipped some of the two million events, and reports this to the reader.
            var lines = new java.io.BufferedReader(new java.io.InputStreamReader(
                    streams.get(0).getInputStream(), java.nio.charset.StandardCharsets.UTF_8));
            String line = lines.readLine();
            while (line != null && !line.equals("event: skipped")) {
                line = lines.readLine();
            }
            assertThat(line).isNotNull();
        } finally {
            for (Socket stream : streams) {
                stream.close();
            }
        }
        // A place becomes free when a write to a closed connection has failed.
        assertThat(admin.send("PUT", "/v1/tenants/51", "{\"max_signals_per_sec\":0}")
                        .status())
                .isEqualTo(200);
        TidegateProcess.await(Duration.ofSeconds(90), "places to be free again", () -> "", () -> {
            deployment.sendQuietly("{\"tenant_id\":51}");
            return areFree(10);
        });
        assertThat(wrong).isEmpty();
    }

    private static boolean areFree(int places) {
        List<Socket> streams = new ArrayList<>();
        try {
            boolean free = true;
            for (int i = 0; i < places && free; i++) {
                free = openStream(streams).endsWith(" 200");
            }
            for (Socket stream : streams) {
                stream.close();
            }
            return free;
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }

    /** Opens a stream and reads only its status line. */
    private static String openStream(List<Socket> into) throws IOException {
        URI uri = URI.create(http.url);
        Socket socket = new Socket(uri.getHost(), uri.getPort());
        into.add(socket);
        socket.setSoTimeout(PATIENCE_MS);
        socket.getOutputStream()
                .write(
                        "GET /v1/rejections HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer %s\r\n\r\n"
                                .formatted(ADMIN)
                                .getBytes(java.nio.charset.StandardCharsets.US_ASCII));
        byte[] status = socket.getInputStream().readNBytes("HTTP/1.1 200".length());
        return new String(status, java.nio.charset.StandardCharsets.US_ASCII);
    }

    @Test
    void aRejectionReachesTheStreamsThatMayShowIt() throws Exception {
        Http admin = http.as(ADMIN);
        assertThat(admin.send("PUT", "/v1/tenants/50", "{\"max_signals_per_sec\":0}")
                        .status())
                .isEqualTo(200);
        try (var lines = new java.io.BufferedReader(new java.io.InputStreamReader(
                admin.open("/v1/rejections?tenant=50").body(), java.nio.charset.StandardCharsets.UTF_8))) {
            assertThat(lines.readLine()).startsWith("retry:");
            java.util.concurrent.atomic.AtomicBoolean seen = new java.util.concurrent.atomic.AtomicBoolean();
            Thread sender = new Thread(() -> {
                while (!seen.get()) {
                    deployment.sendQuietly("{\"tenant_id\":50,\"signal\":\"a\",\"x\":\"</script>\"}");
                    java.util.concurrent.locks.LockSupport.parkNanos(
                            Duration.ofMillis(200).toNanos());
                }
            });
            sender.setDaemon(true);
            sender.start();
            String line;
            do {
                line = lines.readLine();
                assertThat(line).as("the stream has ended").isNotNull();
            } while (!line.startsWith("data: {\"topic\""));
            seen.set(true);
            sender.join();
            JsonNode event = new ObjectMapper().readTree(line.substring("data: ".length()));
            assertThat(event.path("tenant").asText()).isEqualTo("50");
            assertThat(event.path("reason").asText()).isEqualTo("rate_limited");
            assertThat(event.path("value").asText()).contains("</script>");
            assertThat(JsonHeaders.text(event, "tidegate.source.topic")).isEqualTo(deployment.signals());
        }
        JsonNode usage = admin.get("/v1/tenants/50/usage").json();
        assertThat(usage.at("/rejected/rate_limited").asLong()).isPositive();
        assertThat(usage.at("/last_rejection/reason").asText()).isEqualTo("rate_limited");
    }
}
