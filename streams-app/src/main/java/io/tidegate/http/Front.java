package io.tidegate.http;

import io.tidegate.http.Access.Principal;
import io.tidegate.http.Access.Role;
import io.tidegate.http.Routes.Match;
import io.tidegate.tenant.TenantId;
import io.tidegate.tenant.TenantNames;
import io.tidegate.tenant.TenantRef;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.regex.Pattern;
import java.util.zip.GZIPOutputStream;
import org.eclipse.jetty.http.HttpFields;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.io.Content;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.Callback;
import org.eclipse.jetty.util.Fields;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Handles each request: finds its route, authenticates the sender, reads the body without holding a thread, passes it to a work
 * thread, and writes the answer, again without holding a thread. So a slow client costs only a connection, and requests that
 * wait for Kafka do not delay health checks.
 */
final class Front extends Handler.Abstract.NonBlocking implements AutoCloseable {
    private static final Pattern AMBIGUOUS_PATH = Pattern.compile(";|(?:^|/)\\.\\.?(?:/|$)");
    private static final Logger LOG = LoggerFactory.getLogger(Front.class);

    static final int BODY_BYTES_MAX = 64 * 1024;
    private static final int GZIP_BYTES_MIN = 1024;
    private static final byte[] NO_BODY = {};

    /** The parameter that names a tenant. */
    private static final String TENANT = "tenant";

    /** The longest time in the queue. Shorter than the idle timeout of a connection. */
    private static final long WAITING_NANOS_MAX = TimeUnit.SECONDS.toNanos(20);

    private final Access access;
    private final Connections connections;
    private final Connections.Limits limits;
    private final Workers workers = new Workers();
    private volatile TenantNames names = TenantNames.NONE;
    private volatile Routes routes = starting();
    private volatile boolean started;

    Front(Access access, Connections connections, Connections.Limits limits) {
        this.limits = limits;
        this.access = access;
        this.connections = connections;
    }

    /**
     * Returns the routes while the instance starts: it is alive and not ready, and all other requests fail. The dashboard's
     * page is already served: it retries by itself, unlike a browser that shows an error.
     */
    private static Routes starting() {
        Routes routes = new Routes()
                .addQuick("/livez", Role.PUBLIC, call -> Reply.text(200, "alive\n"))
                .addQuick("/readyz", Role.PUBLIC, call -> {
                    throw notYet();
                });
        StaticFiles.addTo(routes);
        return routes;
    }

    private static Problem notYet() {
        return Problem.retryLater(Problem.Kind.STARTING, "the instance is starting", 2);
    }

    void serve(Routes all, TenantNames known) {
        names = known;
        routes = all;
        started = true;
    }

    @Override
    public boolean handle(Request request, Response response, Callback callback) {
        connections.begins(request);
        try {
            Match match = match(request);
            HttpFields headers = request.getHeaders();
            boolean changes = match.route().changes();
            Principal principal = match.route().role() == Role.PUBLIC
                    ? access.anybody(headers, changes)
                    : access.principal(headers, changes);
            access.check(principal, match.route().role(), tenant(request, match));
            if (match.route().changes()) {
                read(request, response, callback, match, principal);
            } else {
                answer(request, response, callback, match, call(request, match, principal, NO_BODY));
            }
        } catch (Problem problem) {
            if (hasBody(request)) {
                rejectUnread(request, response, callback, problem);
            } else {
                write(request, response, callback, problem.reply());
            }
        }
        return true;
    }

    /**
     * Answers a request without reading its body, and announces the end of the connection. Discards the rest of the body for a
     * while: if the connection were closed before, TCP would reset it, and the client might lose the answer.
     */
    private void rejectUnread(Request request, Response response, Callback callback, Problem problem) {
        Callback linger = Callback.from(
                () -> {
                    CompletableFuture<Void> drained = new CompletableFuture<>();
                    Content.Source.consumeAll(
                            request, Callback.from(() -> drained.complete(null), drained::completeExceptionally));
                    var unused = drained.orTimeout(limits.lingerMs(), TimeUnit.MILLISECONDS)
                            .whenComplete((nothing, failure) -> callback.succeeded());
                },
                callback::failed);
        write(request, response, linger, problem.reply().header("Connection", "close"));
    }

    private static boolean hasBody(Request request) {
        HttpFields headers = request.getHeaders();
        return headers.getLongField(HttpHeader.CONTENT_LENGTH) > 0 || headers.get(HttpHeader.TRANSFER_ENCODING) != null;
    }

    private Match match(Request request) {
        String sent = request.getHttpURI().getPath();
        if (sent != null && AMBIGUOUS_PATH.matcher(sent).find()) {
            // A proxy in front would see another path.
            throw new Problem(Problem.Kind.BAD_REQUEST, "the path has parameters (;) or dot segments");
        }
        try {
            Match match = routes.match(request.getMethod(), Request.getPathInContext(request));
            Map<String, String> path = new HashMap<>(match.path());
            path.computeIfPresent("id", (name, text) -> byId(text));
            return new Match(match.route(), path);
        } catch (Problem problem) {
            throw started ? problem : notYet();
        }
    }

    /**
     * Returns the tenant that a request concerns: from the path, or from the query of routes that are not about a single
     * tenant.
     */
    private @Nullable TenantId tenant(Request request, Match match) {
        String id = match.path().get("id");
        if (id == null && match.route().role() == Role.TENANT) {
            id = query(request).getValue(TENANT);
        }
        return id == null ? null : TenantId.tryParse(id);
    }

    private Call call(Request request, Match match, Principal principal, byte[] body) {
        return new Call(principal, match.path(), query(request), request.getHeaders(), body);
    }

    /** Returns the parameters, with a tenant's name replaced by its id. */
    private Fields query(Request request) {
        Fields query;
        try {
            query = Request.extractQueryParameters(request);
        } catch (RuntimeException e) {
            throw new Problem(Problem.Kind.BAD_REQUEST, "the query is not well-formed UTF-8", e);
        }
        Fields.Field tenant = query.get(TENANT);
        if (tenant == null || tenant.hasMultipleValues()) {
            return query;
        }
        Fields resolved = new Fields(query);
        resolved.put(TENANT, byId(tenant.getValue()));
        return resolved;
    }

    /**
     * Returns the decimal id of the tenant that a text refers to; an unknown name, or any other text, is returned unchanged.
     */
    private String byId(String text) {
        TenantRef ref = TenantRef.tryParse(text);
        TenantId id = ref == null ? null : ref.in(names);
        return id == null ? text : id.decimal();
    }

    private void read(Request request, Response response, Callback callback, Match match, Principal principal) {
        if (request.getHeaders().getLongField(HttpHeader.CONTENT_LENGTH) > BODY_BYTES_MAX) {
            throw tooLarge();
        }
        checkContentType(request);
        var unused = Body.read(request, BODY_BYTES_MAX)
                .orTimeout(limits.bodyMs(), TimeUnit.MILLISECONDS)
                .whenComplete((body, failure) -> {
                    try {
                        if (failure != null) {
                            throw unread(failure);
                        }
                        answer(request, response, callback, match, call(request, match, principal, body));
                    } catch (Problem problem) {
                        if (problem.kind() == Problem.Kind.REQUEST_TIMEOUT) {
                            // The body was not sent in time: do not wait for it.
                            write(request, response, callback, problem.reply().header("Connection", "close"));
                        } else {
                            rejectUnread(request, response, callback, problem);
                        }
                    }
                });
    }

    private static Problem tooLarge() {
        return new Problem(Problem.Kind.BODY_TOO_LARGE, "a body may have at most %d bytes".formatted(BODY_BYTES_MAX));
    }

    private Problem unread(Throwable failure) {
        Throwable cause =
                failure instanceof CompletionException && failure.getCause() != null ? failure.getCause() : failure;
        if (cause instanceof TimeoutException) {
            return new Problem(
                    Problem.Kind.REQUEST_TIMEOUT,
                    "the body did not arrive within %d s".formatted(limits.bodyMs() / 1000));
        }
        if (cause instanceof Body.TooLong) {
            return tooLarge();
        }
        return new Problem(Problem.Kind.BAD_REQUEST, "the body cannot be read", cause);
    }

    /** Checks for a content type that a page of another site can send only after a preflight request, which is rejected. */
    private static void checkContentType(Request request) {
        checkEncoding(request.getHeaders());
        String type = request.getHeaders().get(HttpHeader.CONTENT_TYPE);
        String method = request.getMethod();
        if (!hasBody(request) && type == null && method.equals("DELETE")) {
            return;
        }
        String plain = type == null ? "" : type.split(";", 2)[0].strip().toLowerCase(Locale.ROOT);
        if (!plain.equals("application/json")
                && !(plain.equals("application/merge-patch+json") && method.equals("PATCH"))) {
            throw new Problem(Problem.Kind.UNSUPPORTED_MEDIA_TYPE, "send Content-Type: application/json");
        }
    }

    /** A body that is encoded in a way that the server does not decode would be read as another one. */
    private static void checkEncoding(HttpFields headers) {
        for (String coding : headers.getCSV(HttpHeader.TRANSFER_ENCODING, false)) {
            if (!coding.equalsIgnoreCase("chunked")) {
                throw new Problem(Problem.Kind.BAD_REQUEST, "the only supported Transfer-Encoding is chunked");
            }
        }
        for (String coding : headers.getCSV(HttpHeader.CONTENT_ENCODING, false)) {
            if (!coding.equalsIgnoreCase("identity")) {
                throw new Problem(Problem.Kind.UNSUPPORTED_MEDIA_TYPE, "send the body without Content-Encoding");
            }
        }
    }

    private void answer(Request request, Response response, Callback callback, Match match, Call call) {
        Routes.Streamer streamer = match.route().streamer();
        if (streamer != null) {
            stream(streamer.prepare(call), request, response, callback);
        } else if (match.route().quick()) {
            work(request, response, callback, match, call);
        } else {
            long arrived = System.nanoTime();
            workers.execute(call.principal(), match.route().slow(), () -> {
                if (System.nanoTime() - arrived < WAITING_NANOS_MAX) {
                    work(request, response, callback, match, call);
                } else {
                    // Its client may not be waiting any more, and must not find the change made later.
                    Problem late = Problem.retryLater(
                            Problem.Kind.BUSY, "the request waited too long for others; nothing was done", 5);
                    write(request, response, callback, late.reply());
                }
            });
        }
    }

    private void stream(Routes.Stream stream, Request request, Response response, Callback callback) {
        if (request.getMethod().equals("HEAD")) {
            response.setStatus(200);
            addSecurity(response.getHeaders());
            response.getHeaders().put(HttpHeader.CONTENT_TYPE, EventStream.TYPE);
            response.write(true, ByteBuffer.wrap(NO_BODY), callback);
        } else {
            connections.streams(request);
            stream.begin(request, response, callback);
        }
    }

    @SuppressWarnings("CatchingUnchecked") // every request gets an answer
    private static void work(Request request, Response response, Callback callback, Match match, Call call) {
        Reply reply;
        try {
            reply = match.route().handler().handle(call);
        } catch (Problem problem) {
            reply = problem.reply();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            reply = Problem.retryLater(Problem.Kind.STARTING, "the instance is stopping", 2)
                    .reply();
        } catch (Exception | OutOfMemoryError | StackOverflowError e) {
            LOG.warn(
                    "a request failed method={} route={}",
                    match.route().method(),
                    match.route().template(),
                    e);
            reply = new Problem(Problem.Kind.INTERNAL_ERROR, "see the instance's log").reply();
        }
        write(request, response, callback, reply);
    }

    static void write(Request request, Response response, Callback callback, Reply reply) {
        response.setStatus(reply.status());
        HttpFields.Mutable headers = response.getHeaders();
        addSecurity(headers);
        Map<String, String> own = reply.headers();
        own.forEach(headers::put);
        if (!reply.contentType().isEmpty()) {
            headers.put(HttpHeader.CONTENT_TYPE, reply.contentType());
        }
        byte[] body = reply.body();
        if (body.length >= GZIP_BYTES_MIN) {
            headers.put(HttpHeader.VARY, "Accept-Encoding");
            if (Negotiation.takesGzip(request.getHeaders().getCSV(HttpHeader.ACCEPT_ENCODING, true))) {
                body = gzip(body);
                headers.put(HttpHeader.CONTENT_ENCODING, "gzip");
            }
        }
        headers.put(HttpHeader.CONTENT_LENGTH, body.length);
        boolean head = request.getMethod().equals("HEAD");
        response.write(true, ByteBuffer.wrap(head ? NO_BODY : body), callback);
    }

    /** Adds the security headers of every answer; the dashboard's page relaxes them slightly. */
    static void addSecurity(HttpFields.Mutable headers) {
        headers.put("X-Content-Type-Options", "nosniff");
        headers.put("Cross-Origin-Resource-Policy", "same-origin");
        headers.put("Referrer-Policy", "no-referrer");
        headers.put("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'");
        headers.put(HttpHeader.CACHE_CONTROL, "no-store");
    }

    private static byte[] gzip(byte[] body) {
        ByteArrayOutputStream out = new ByteArrayOutputStream(body.length / 4);
        try (GZIPOutputStream gzip = new GZIPOutputStream(out)) {
            gzip.write(body);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return out.toByteArray();
    }

    @Override
    public void close() {
        workers.close();
    }
}
