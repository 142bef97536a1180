package io.tidegate.api;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tidegate.admission.Reason;
import io.tidegate.http.Access.Role;
import io.tidegate.http.Call;
import io.tidegate.http.EventStream;
import io.tidegate.http.Json;
import io.tidegate.http.Problem;
import io.tidegate.http.Reply;
import io.tidegate.http.Routes;
import io.tidegate.signal.Defect;
import io.tidegate.tenant.TenantId;
import io.tidegate.topology.ShardQueries.Segment;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/** Live rejections, and the sealed segments that count against a tenant's storage. */
final class RecordsApi implements AutoCloseable {
    private static final int SEGMENTS_DEFAULT = 100;
    private static final int SEGMENTS_MAX = 1000;

    private final ApiContext api;
    private final RejectionTail tail;

    RecordsApi(ApiContext api, RejectionJson rejectionJson) {
        this.api = api;
        tail = new RejectionTail(api.settings, rejectionJson);
    }

    void addTo(Routes routes) {
        routes.addStream("/v1/rejections", Role.TENANT, this::rejections)
                .add("GET", "/v1/segments", Role.TENANT, this::segments)
                .add("GET", Peers.INTERNAL + "/tenants/{id}/segments", Role.PEER, this::ownSegments);
    }

    private Routes.Stream rejections(Call call) {
        call.allowQuery(Set.of("tenant", "reason", "dead_letter"));
        String tenant = call.query("tenant");
        RejectionTail.Filter filter = new RejectionTail.Filter(
                tenant == null ? null : Call.tenant(tenant), reasons(call.query("reason")), flag(call, "dead_letter"));
        return (request, response, callback) -> {
            EventStream stream = new EventStream(response, callback);
            // Take a place among the bounded streams first: the answer cannot be revoked.
            tail.add(call.principal(), filter, stream);
            stream.begin();
        };
    }

    static Set<String> reasons(@Nullable String list) {
        Set<String> reasons = new TreeSet<>();
        if (list == null) {
            return reasons;
        }
        Set<String> known = new TreeSet<>();
        for (Reason reason : Reason.values()) {
            known.add(reason.id());
        }
        for (Defect defect : Defect.values()) {
            known.add(defect.id());
        }
        for (String reason : List.of(list.split(",", -1))) {
            if (!known.contains(reason)) {
                throw Problem.badField(
                        Problem.Kind.BAD_REQUEST, "reason", "must be one of " + String.join(", ", known));
            }
            reasons.add(reason);
        }
        return reasons;
    }

    static boolean flag(Call call, String name) {
        String text = call.query(name);
        if (text != null && !text.equals("true") && !text.equals("false")) {
            throw Problem.badField(Problem.Kind.BAD_REQUEST, name, "must be true or false");
        }
        return "true".equals(text);
    }

    private Reply segments(Call call) throws InterruptedException {
        call.allowQuery(Set.of("tenant", "limit", "after"));
        String text = call.query("tenant");
        if (text == null) {
            throw Problem.badField(Problem.Kind.BAD_REQUEST, "tenant", "is missing");
        }
        TenantId tenant = Call.tenant(text);
        int limit = call.query("limit", SEGMENTS_DEFAULT, 1, SEGMENTS_MAX);
        long after = after(call);
        ObjectNode own = own(tenant, after, limit);
        return own != null
                ? Reply.json(own)
                : Reply.json(api.peers.askOwner(
                        api.view.shardOf(tenant),
                        "/tenants/%s/segments?limit=%d&after=%d".formatted(tenant.decimal(), limit, after)));
    }

    private static long after(Call call) {
        String text = call.query("after");
        try {
            return text == null ? -1 : Math.max(-1, Long.parseLong(text));
        } catch (NumberFormatException e) {
            throw Problem.badField(Problem.Kind.BAD_REQUEST, "after", "is not a sequence number");
        }
    }

    private Reply ownSegments(Call call) {
        TenantId tenant = call.tenant();
        ObjectNode own = own(tenant, after(call), call.query("limit", SEGMENTS_DEFAULT, 1, SEGMENTS_MAX));
        if (own == null) {
            throw Peers.noOwner(api.view.shardOf(tenant));
        }
        return Reply.json(own);
    }

    private @Nullable ObjectNode own(TenantId tenant, long after, int limit) {
        List<Segment> segments = api.shards.segments(tenant, after, limit + 1);
        if (segments == null) {
            return null;
        }
        ObjectNode json = Json.object();
        TenantJson.putId(json, tenant);
        json.put("shard", api.view.shardOf(tenant));
        ArrayNode array = json.putArray("segments");
        List<Segment> page = segments.subList(0, Math.min(limit, segments.size()));
        page.forEach(segment ->
                array.addObject().put("first_seq", segment.firstSeq()).put("bytes", segment.bytes()));
        if (segments.size() > limit) {
            json.put("next_after", page.get(limit - 1).firstSeq());
        } else {
            json.putNull("next_after");
        }
        return json;
    }

    @Override
    public void close() {
        tail.close();
    }
}
