package io.tidegate.http;

import io.tidegate.http.Access.Role;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.Callback;
import org.jspecify.annotations.Nullable;

/**
 * The routes: method, path, required role and handler. Paths are matched segment by segment against templates such as {@code
 * /v1/tenants/{id}}; no part of a request is ever used as a file path. Filled once.
 */
public final class Routes {
    /** Answers a request from memory. May block: it runs on a work thread, unless the route is quick. */
    public interface Handler {
        Reply handle(Call call) throws Exception;
    }

    /** Answers a request with a continuous stream. Must not block. */
    public interface Streamer {
        /** @throws Problem if the request is for something that does not exist */
        Stream prepare(Call call);
    }

    /** A prepared stream. */
    public interface Stream {
        /**
         * Opens the stream, which completes the callback itself.
         *
         * @throws Problem if no more streams may be opened
         */
        void begin(Request request, Response response, Callback callback);
    }

    /**
     * One route.
     *
     * @param quick whether Jetty's own thread answers it: health must not wait for work
     * @param slow whether its work waits for another system, such as Kafka
     */
    record Route(
            String method,
            String template,
            Role role,
            boolean quick,
            boolean slow,
            @Nullable Handler handler,
            @Nullable Streamer streamer) {
        boolean changes() {
            return !method.equals("GET");
        }
    }

    /** A route with the values of its path parameters. */
    record Match(Route route, Map<String, String> path) {}

    private static final int SEGMENTS_MAX = 8;

    private final List<Route> all = new ArrayList<>();

    /** Adds a route. One that changes something waits for another system. */
    public Routes add(String method, String template, Role role, Handler handler) {
        all.add(new Route(method, template, role, false, !method.equals("GET"), handler, null));
        return this;
    }

    /** Adds a route that waits for another system, such as Kafka, although it changes nothing. */
    public Routes addSlow(String template, Role role, Handler handler) {
        all.add(new Route("GET", template, role, false, true, handler, null));
        return this;
    }

    public Routes addQuick(String template, Role role, Handler handler) {
        all.add(new Route("GET", template, role, true, false, handler, null));
        return this;
    }

    public Routes addStream(String template, Role role, Streamer streamer) {
        all.add(new Route("GET", template, role, true, false, null, streamer));
        return this;
    }

    List<Route> all() {
        return List.copyOf(all);
    }

    /** @throws Problem if there is none */
    Match match(String method, String path) {
        String wanted = method.equals("HEAD") ? "GET" : method;
        TreeSet<String> otherMethods = new TreeSet<>();
        for (Route route : all) {
            Map<String, String> names = names(route.template(), path);
            if (names != null && route.method().equals(wanted)) {
                return new Match(route, names);
            }
            if (names != null) {
                otherMethods.add(route.method());
            }
        }
        if (!otherMethods.isEmpty()) {
            throw new Problem(
                            Problem.Kind.METHOD_NOT_ALLOWED,
                            "this path supports the methods " + String.join(", ", otherMethods))
                    .header("Allow", String.join(", ", otherMethods));
        }
        throw new Problem(Problem.Kind.NOT_FOUND, "no such path; /openapi.yaml lists all paths");
    }

    /** Decodes the characters that Jetty leaves encoded in a path, such as a blank. */
    private static String decoded(String segment) {
        try {
            return URLDecoder.decode(segment.replace("+", "%2B"), StandardCharsets.UTF_8);
        } catch (IllegalArgumentException e) {
            return segment; // a % that encodes nothing
        }
    }

    private static @Nullable Map<String, String> names(String template, String path) {
        String[] wanted = template.split("/", -1);
        String[] found = path.split("/", SEGMENTS_MAX + 1);
        if (wanted.length != found.length) {
            return null;
        }
        Map<String, String> names = new HashMap<>();
        for (int i = 0; i < wanted.length; i++) {
            if (wanted[i].startsWith("{")) {
                names.put(wanted[i].substring(1, wanted[i].length() - 1), decoded(found[i]));
            } else if (!wanted[i].equals(found[i])) {
                return null;
            }
        }
        return names;
    }
}
