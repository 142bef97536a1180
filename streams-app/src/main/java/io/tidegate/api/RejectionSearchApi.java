package io.tidegate.api;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.databind.util.RawValue;
import io.tidegate.http.Access.Role;
import io.tidegate.http.Call;
import io.tidegate.http.Json;
import io.tidegate.http.Problem;
import io.tidegate.http.Reply;
import io.tidegate.http.Routes;
import io.tidegate.tools.RejectionSearch;
import io.tidegate.tools.RejectionSearch.Page;
import io.tidegate.tools.RejectionSearch.Query;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Searches past rejections by tenant, reason, time, and a text that they contain. One page at a time, newest first. */
final class RejectionSearchApi implements AutoCloseable {
    private static final int LIMIT_DEFAULT = 50;
    private static final int LIMIT_MAX = 100;

    /** A token for all tenants may have two: the next page, and the first one of changed filters. */
    private static final int SEARCHES_AT_A_TIME = 4;

    /** The time for one page. A page contains the position that it reached, so it may end early. */
    private static final Duration PAGE_WITHIN = Duration.ofSeconds(5);

    private final ApiContext api;
    private final RejectionJson rejectionJson;
    private final LongWork longWork = new LongWork(SEARCHES_AT_A_TIME);

    RejectionSearchApi(ApiContext api, RejectionJson rejectionJson) {
        this.api = api;
        this.rejectionJson = rejectionJson;
    }

    void addTo(Routes routes) {
        routes.addSlow("/v1/rejections/search", Role.TENANT, this::search);
    }

    private Reply search(Call call) throws InterruptedException {
        call.allowQuery(Set.of("tenant", "reason", "dead_letter", "from", "to", "text", "limit", "cursor"));
        String tenant = call.query("tenant");
        String text = call.query("text");
        if (text != null && text.length() > RejectionSearch.TEXT_CHARS_MAX) {
            throw badField("text", "has more than %d characters".formatted(RejectionSearch.TEXT_CHARS_MAX));
        }
        Query query = new Query(
                tenant == null ? null : Call.tenant(tenant),
                RecordsApi.reasons(call.query("reason")),
                RecordsApi.flag(call, "dead_letter"),
                time(call, "from"),
                time(call, "to"),
                text == null ? "" : text);
        RejectionSearch search = new RejectionSearch(query, call.query("limit", LIMIT_DEFAULT, 1, LIMIT_MAX));
        String cursor = call.query("cursor");
        Page<byte[]> page;
        try {
            page = longWork.run(call.principal(), () -> {
                long endNanos = System.nanoTime() + PAGE_WITHIN.toNanos();
                return search.run(
                        api.settings,
                        cursor,
                        () -> System.nanoTime() - endNanos < 0,
                        record -> Json.bytes(rejectionJson.of(record)),
                        bytes -> bytes.length);
            });
        } catch (IllegalArgumentException e) {
            throw new Problem(Problem.Kind.BAD_REQUEST, String.valueOf(e.getMessage()), e).member("field", "cursor");
        }
        ObjectNode json = Json.object();
        ArrayNode rejections = json.putArray("rejections");
        page.found().forEach(bytes -> rejections.addRawValue(new RawValue(new String(bytes, StandardCharsets.UTF_8))));
        json.put("looked_at", page.lookedAt());
        json.put("next", page.next());
        return Reply.json(json);
    }

    private static @Nullable Long time(Call call, String name) {
        String text = call.query(name);
        return text == null ? null : (Long) Times.millis(name, text);
    }

    private static Problem badField(String field, String what) {
        return Problem.badField(Problem.Kind.BAD_REQUEST, field, what);
    }

    @Override
    public void close() {
        longWork.close();
    }
}
