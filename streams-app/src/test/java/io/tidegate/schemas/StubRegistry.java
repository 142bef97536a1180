package io.tidegate.schemas;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import com.sun.net.httpserver.HttpsConfigurator;
import com.sun.net.httpserver.HttpsServer;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import javax.net.ssl.SSLContext;
import org.jspecify.annotations.Nullable;

/** A schema registry with the part of Confluent's HTTP contract that readers need, and with faults. */
final class StubRegistry implements AutoCloseable {
    private static final JsonMapper JSON = new JsonMapper();

    /** A reference from one schema to another. */
    record Reference(String name, String subject, int version) {}

    private final HttpServer server;
    private final ExecutorService threads = Executors.newCachedThreadPool();
    private final Map<String, byte[]> answers = new ConcurrentHashMap<>();
    private final List<String> requests = new CopyOnWriteArrayList<>();
    private volatile @Nullable String credentials;
    private volatile int failingStatus;
    private volatile String failingBody = "";
    private volatile CountDownLatch held = new CountDownLatch(0);

    StubRegistry() throws IOException {
        this(null);
    }

    /** @param tls null for plain HTTP */
    StubRegistry(@Nullable SSLContext tls) throws IOException {
        InetSocketAddress address = new InetSocketAddress(InetAddress.getLoopbackAddress(), 0);
        if (tls == null) {
            server = HttpServer.create(address, 0);
        } else {
            HttpsServer secure = HttpsServer.create(address, 0);
            secure.setHttpsConfigurator(new HttpsConfigurator(tls));
            server = secure;
        }
        server.setExecutor(threads);
        server.createContext("/", this::handle);
        server.start();
    }

    String url() {
        String scheme = server instanceof HttpsServer ? "https" : "http";
        return "%s://127.0.0.1:%d".formatted(scheme, server.getAddress().getPort());
    }

    void register(int id, String schema, Reference... references) {
        register(id, null, schema, references);
    }

    /** @param type such as {@code PROTOBUF}; null for Avro, which registries omit */
    void register(int id, @Nullable String type, String schema, Reference... references) {
        answers.put("/schemas/ids/" + id, json(type, schema, references));
    }

    void registerSubject(String subject, int version, String schema, Reference... references) {
        answers.put("/subjects/%s/versions/%d".formatted(subject, version), json(null, schema, references));
    }

    private static byte[] json(@Nullable String type, String schema, Reference... references) {
        ObjectNode json = JSON.createObjectNode();
        if (type != null) {
            json.put("schemaType", type);
        }
        if (references.length > 0) {
            ArrayNode list = json.putArray("references");
            for (Reference one : references) {
                list.addObject()
                        .put("name", one.name)
                        .put("subject", one.subject)
                        .put("version", one.version);
            }
        }
        return json.put("schema", schema).toString().getBytes(UTF_8);
    }

    /** Responds to requests for an id with this body, valid or not. */
    void answer(int id, byte[] body) {
        answers.put("/schemas/ids/" + id, body);
    }

    /** Answers only requests with these credentials. */
    void require(String userAndPassword) {
        credentials = "Basic " + Base64.getEncoder().encodeToString(userAndPassword.getBytes(UTF_8));
    }

    /** Fails every request with this status; a status of 0 ends that. */
    void fail(int status, String body) {
        failingBody = body;
        failingStatus = status;
    }

    /** Delays responses until the latch is released. */
    void hold(CountDownLatch latch) {
        held = latch;
    }

    /** The requested paths, in order. */
    List<String> requests() {
        return List.copyOf(requests);
    }

    private void handle(HttpExchange exchange) throws IOException {
        String path = exchange.getRequestURI().getPath();
        requests.add(path);
        try (exchange) {
            held.await();
            byte[] answer = answers.get(path);
            if (credentials != null
                    && !credentials.equals(exchange.getRequestHeaders().getFirst("Authorization"))) {
                send(exchange, 401, "{\"error_code\":401,\"message\":\"Unauthorized\"}".getBytes(UTF_8));
            } else if (failingStatus != 0) {
                send(exchange, failingStatus, failingBody.getBytes(UTF_8));
            } else if (answer == null) {
                send(exchange, 404, "{\"error_code\":40403,\"message\":\"Schema not found\"}".getBytes(UTF_8));
            } else {
                send(exchange, 200, answer);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt(); // the registry is closed
        }
    }

    private static void send(HttpExchange exchange, int status, byte[] body) throws IOException {
        exchange.getResponseHeaders().set("Content-Type", "application/vnd.schemaregistry.v1+json");
        exchange.sendResponseHeaders(status, body.length == 0 ? -1 : body.length);
        try (OutputStream out = exchange.getResponseBody()) {
            out.write(body);
        }
    }

    @Override
    public void close() {
        server.stop(0);
        threads.shutdownNow();
    }
}
