package io.tidegate.http;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.Arrays;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * A failed request, as in RFC 9457. The kinds are a closed set with stable ids; the detail is for people and names the object,
 * the place and the rule. A problem means that nothing has changed, unless its detail says otherwise.
 */
public final class Problem extends RuntimeException {
    private static final long serialVersionUID = 1L;
    private static final String TYPE_PREFIX = "urn:tidegate:problem:";

    /** The kinds of problems. */
    public enum Kind {
        BAD_REQUEST(400, "The request is malformed"),
        INVALID_CONFIG(400, "The config is invalid"),
        UNAUTHORIZED(401, "A token is required"),
        FORBIDDEN(403, "The token does not allow this"),
        BEYOND_CEILING(403, "The limit is above the ceiling of the plan"),
        CROSS_SITE(403, "The request comes from another website"),
        NOT_FOUND(404, "Not found"),
        TENANT_UNKNOWN(404, "The tenant has no config"),
        PLAN_UNKNOWN(404, "The plan does not exist"),
        NO_HISTORY(404, "The change does not exist"),
        METHOD_NOT_ALLOWED(405, "The path does not support this method"),
        REQUEST_TIMEOUT(408, "The request arrived too slowly"),
        NAME_TAKEN(409, "Another tenant has the name"),
        COMMAND_REJECTED(409, "The owner of this tenant rejected the command"),
        PLAN_IN_USE(409, "Tenants are on the plan"),
        BLOCKED_BY_PLAN(409, "The tenant is blocked by its plan"),
        PRECONDITION_FAILED(412, "The config has changed since it was read"),
        BODY_TOO_LARGE(413, "The body is too large"),
        UNSUPPORTED_MEDIA_TYPE(415, "The media type of the body is not supported"),
        HOST_NOT_ALLOWED(421, "The host is not allowed"),
        UPGRADE_REQUIRED(426, "The protocol is not HTTP/1.1"),
        INTERNAL_ERROR(500, "Internal error"),
        STARTING(503, "The instance has not started yet"),
        REBALANCING(503, "The owner of this tenant is unknown at the moment"),
        INSTANCE_UNREACHABLE(503, "The owner of this tenant does not answer"),
        KAFKA_UNAVAILABLE(503, "Kafka does not answer"),
        SCHEMA_REGISTRY_UNAVAILABLE(503, "The schema registry does not answer"),
        TIMED_OUT(503, "The request was not completed in time"),
        BUSY(503, "Too many concurrent requests"),
        TOO_MANY_STREAMS(503, "Too many concurrent live streams"),
        VERSION_NOT_SUPPORTED(505, "The version of HTTP is not supported");

        final int status;
        final String title;

        Kind(int status, String title) {
            this.status = status;
            this.title = title;
        }

        /** Returns the kind with an id; null if there is none. */
        public static @Nullable Kind of(String id) {
            return Arrays.stream(values())
                    .filter(kind -> kind.id().equals(id))
                    .findFirst()
                    .orElse(null);
        }

        String id() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    private final Kind kind;
    private final String detail;
    private int status;
    private final Map<String, String> members = new TreeMap<>();
    private final Map<String, String> headers = new TreeMap<>();

    public Problem(Kind kind, String detail) {
        this(kind, detail, null);
    }

    public Problem(Kind kind, String detail, @Nullable Throwable cause) {
        super(detail, cause, false, false);
        this.kind = kind;
        this.detail = detail;
        status = kind.status;
    }

    /** Returns a problem that is temporary. */
    public static Problem retryLater(Kind kind, String detail, int afterS) {
        return new Problem(kind, detail).header("Retry-After", Integer.toString(afterS));
    }

    /** Returns a problem with a parameter or field that breaks a rule. */
    public static Problem badField(Kind kind, String field, String rule) {
        return new Problem(kind, "%s: %s".formatted(field, rule)).member("field", field);
    }

    public Problem member(String name, String value) {
        members.put(name, value);
        return this;
    }

    /** Replaces the status of the kind by a more specific one. */
    Problem status(int specific) {
        status = specific;
        return this;
    }

    Problem header(String name, String value) {
        headers.put(name, value);
        return this;
    }

    public Kind kind() {
        return kind;
    }

    public Reply reply() {
        ObjectNode json = Json.object();
        json.put("type", TYPE_PREFIX + kind.id());
        json.put("id", kind.id());
        json.put("title", kind.title);
        json.put("status", status);
        json.put("detail", detail);
        members.forEach(json::put);
        Reply reply = new Reply(status, "application/problem+json", Json.bytes(json));
        headers.forEach(reply::header);
        return reply;
    }
}
