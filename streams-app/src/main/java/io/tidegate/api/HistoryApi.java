package io.tidegate.api;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tidegate.admission.Reason;
import io.tidegate.http.Access.Role;
import io.tidegate.http.Call;
import io.tidegate.http.Json;
import io.tidegate.http.Reply;
import io.tidegate.http.Routes;
import io.tidegate.tenant.TenantId;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The last hour over all instances: each instance keeps the counts of its decisions, and the queried one adds them up. Reads
 * the counters every two seconds, or less often if the number of tenants would make that cost more than a twentieth of a
 * processor.
 */
final class HistoryApi implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(HistoryApi.class);
    private static final long EVERY_MS = 2_000;
    private static final long REST = 19; // pause between reads, in multiples of the duration of a read
    private static final long MS = 1_000;

    private final ApiContext api;
    private final ScheduledExecutorService reader = Executors.newSingleThreadScheduledExecutor(task -> {
        Thread thread = new Thread(task, "tidegate-http-history");
        thread.setDaemon(true);
        return thread;
    });

    HistoryApi(ApiContext api) {
        this.api = api;
        read();
    }

    void addTo(Routes routes) {
        routes.add("GET", "/v1/history", Role.TENANT, this::history)
                .add("GET", Peers.INTERNAL + "/history", Role.PEER, call -> Reply.json(own(tenant(call), now())));
    }

    private static long now() {
        return System.currentTimeMillis();
    }

    private void read() {
        long began = System.nanoTime();
        try {
            if (api.view.isStarted()) {
                readShards();
            }
        } catch (RuntimeException e) {
            LOG.warn("the counters could not be read for the history", e);
        }
        long tookMs = TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - began);
        try {
            var unused = reader.schedule(this::read, Math.max(EVERY_MS, REST * tookMs), TimeUnit.MILLISECONDS);
        } catch (java.util.concurrent.RejectedExecutionException e) {
            LOG.debug("closed", e);
        }
    }

    private void readShards() {
        Set<Integer> own = api.view.ownShards();
        api.history.retain(own, now());
        for (int shard : own) {
            RecentCounts.Reading reading = api.history.read(shard, now());
            reading.end(api.shards.usages(shard, reading));
        }
    }

    private static @Nullable TenantId tenant(Call call) {
        call.allowQuery(Set.of("tenant"));
        String tenant = call.query("tenant");
        return tenant == null ? null : Call.tenant(tenant);
    }

    private Reply history(Call call) throws InterruptedException {
        TenantId tenant = tenant(call);
        long nowMs = now();
        List<JsonNode> parts = new ArrayList<>();
        parts.add(own(tenant, nowMs));
        int silent = 0;
        String query = tenant == null ? "" : "?tenant=" + tenant.decimal();
        for (Peers.Answer answer : api.peers.ask(api.peers.others(), "/history" + query)) {
            if (answer.ok()) {
                parts.add(answer.json());
            } else {
                silent++;
            }
        }
        ObjectNode json = sum(tenant, nowMs, parts, silent);
        if (tenant == null) {
            putSealed(json, parts, api.view.shards());
        }
        return Reply.json(json);
    }

    private ObjectNode own(@Nullable TenantId tenant, long nowMs) {
        ObjectNode json = Json.object();
        RecentCounts.Points points = tenant == null ? api.history.whole(nowMs) : api.history.tenant(tenant, nowMs);
        RecentCounts.SealedBytes sealed = api.history.sealed();
        ArrayNode shards = json.putArray("shards");
        sealed.shards().forEach(shards::add);
        json.put("sealed_segments", sealed.segments());
        json.put("sealed_bytes", sealed.bytes());
        if (points == null) {
            return json;
        }
        json.put("last_step", points.lastStep());
        ArrayNode known = json.putArray("known");
        for (boolean one : points.known()) {
            known.add(one);
        }
        ObjectNode counts = json.putObject("counts");
        for (int outcome = 0; outcome < RecentCounts.OUTCOMES; outcome++) {
            int[] row = points.counts()[outcome];
            if (row != null) {
                ArrayNode array = counts.putArray(Integer.toString(outcome));
                for (int count : row) {
                    array.add(count);
                }
            }
        }
        return json;
    }

    /** Adds what the instances have sealed: null unless each shard is counted once, as while shards move. */
    static void putSealed(ObjectNode json, List<JsonNode> parts, int shards) {
        Set<Integer> counted = new HashSet<>();
        int all = 0;
        long segments = 0;
        long bytes = 0;
        for (JsonNode part : parts) {
            for (JsonNode shard : part.path("shards")) {
                counted.add(shard.asInt());
                all++;
            }
            segments += part.path("sealed_segments").asLong();
            bytes += part.path("sealed_bytes").asLong();
        }
        boolean complete = all == shards && counted.size() == shards;
        json.put("sealed_segments", complete ? (Long) segments : null);
        json.put("sealed_bytes", complete ? (Long) bytes : null);
    }

    /** Adds the instances' counts by step; their clocks may differ. */
    private static ObjectNode sum(@Nullable TenantId tenant, long nowMs, List<JsonNode> parts, int silent) {
        long stepMs = tenant == null ? RecentCounts.STEP_MS : RecentCounts.TENANT_STEP_MS;
        int steps = (int) (RecentCounts.SPAN_MS / stepMs);
        long firstStep = nowMs / stepMs - steps + 1;
        boolean[] known = new boolean[steps];
        long[][] counts = new long[RecentCounts.OUTCOMES][steps];
        for (JsonNode part : parts) {
            JsonNode seen = part.path("known");
            long shift = part.path("last_step").asLong() - seen.size() + 1 - firstStep;
            for (int i = 0; i < seen.size(); i++) {
                long at = i + shift;
                if (at < 0 || at >= steps) {
                    continue;
                }
                known[(int) at] |= seen.get(i).asBoolean();
                for (int outcome = 0; outcome < RecentCounts.OUTCOMES; outcome++) {
                    counts[outcome][(int) at] += part.path("counts")
                            .path(Integer.toString(outcome))
                            .path(i)
                            .asLong();
                }
            }
        }
        ObjectNode json = Json.object();
        TenantJson.putId(json, tenant);
        json.put("at", Instant.ofEpochMilli(nowMs).toString());
        json.put("step_seconds", stepMs / MS);
        json.put("first_at", Instant.ofEpochMilli(firstStep * stepMs).toString());
        json.put("instances_silent", silent);
        put(json.putArray("accepted"), counts[0], known);
        ObjectNode rejected = json.putObject("rejected");
        for (Reason reason : Reason.values()) {
            put(rejected.putArray(reason.id()), counts[1 + reason.ordinal()], known);
        }
        return json;
    }

    private static void put(ArrayNode array, long[] counts, boolean[] known) {
        for (int i = 0; i < counts.length; i++) {
            if (known[i]) {
                array.add(counts[i]);
            } else {
                array.addNull();
            }
        }
    }

    @Override
    public void close() {
        reader.shutdownNow();
    }
}
