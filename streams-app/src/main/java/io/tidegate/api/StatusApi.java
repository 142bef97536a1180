package io.tidegate.api;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tidegate.admission.QuotaUse;
import io.tidegate.http.Access.Role;
import io.tidegate.http.Call;
import io.tidegate.http.Json;
import io.tidegate.http.Reply;
import io.tidegate.http.Routes;
import io.tidegate.metrics.InstanceMetrics;
import io.tidegate.streams.GroupProgress;
import io.tidegate.streams.InstanceNotices.PauseCause;
import io.tidegate.streams.InstanceView;
import io.tidegate.wal.LastVerify;
import java.io.IOException;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import org.apache.kafka.common.TopicPartition;

/** The status of the instances: liveness and readiness of this one, and the activity of each. */
final class StatusApi {
    private static final int SHARDS_NAMED_MAX = 10;

    private final ApiContext api;

    StatusApi(ApiContext api) {
        this.api = api;
    }

    void addTo(Routes routes) {
        routes.addQuick("/livez", Role.PUBLIC, call -> Reply.text(200, "alive\n"))
                .addQuick("/readyz", Role.PUBLIC, this::ready)
                .add("GET", "/v1/status", Role.READ, this::status)
                .add("GET", Peers.INTERNAL + "/status", Role.PEER, call -> Reply.json(own()))
                .add("GET", Peers.INTERNAL + "/shards", Role.PEER, call -> {
                    ObjectNode json = Json.object();
                    api.view.ownShards().forEach(json.putArray("shards")::add);
                    return Reply.json(json);
                });
    }

    /** Returns only readiness, because it requires no token. */
    private Reply ready(Call call) {
        List<String> not = notReady();
        return not.isEmpty() ? Reply.text(200, "ready\n") : Reply.text(503, String.join("\n", not) + "\n");
    }

    private List<String> notReady() {
        List<String> not = new ArrayList<>();
        if (!api.view.isRunning()) {
            not.add("state is " + api.view.state());
        }
        if (api.view.isFailing()) {
            not.add("threads failed repeatedly within the last minute");
        }
        if (!api.view.isInTouch()) {
            not.add("no heartbeat reaches the brokers");
        }
        if (!api.view.restores().isEmpty()) {
            not.add("restoring");
        }
        if (api.view.isPaused()) {
            // Details of topics and settings require a token.
            String ofDisk = api.view.notices().pausedBecause(PauseCause.DISK);
            not.add("paused: " + (ofDisk == null ? "topics do not meet the requirements" : ofDisk));
        }
        api.view
                .ownerlessShards()
                .forEach((stage, shards) -> not.add("no instance owns shard %s of %s".formatted(first(shards), stage)));
        try {
            if (api.dir.freeBytes() < api.settings.diskMinFreeBytes()) {
                not.add("the disk is nearly full");
            }
        } catch (IOException e) {
            not.add("the disk cannot be read");
        }
        return not;
    }

    private static String first(Set<Integer> shards) {
        String first =
                shards.stream().limit(SHARDS_NAMED_MAX).map(String::valueOf).collect(Collectors.joining(", "));
        int more = shards.size() - SHARDS_NAMED_MAX;
        return more > 0 ? "%s and %d more".formatted(first, more) : first;
    }

    private void group(ObjectNode json) {
        GroupProgress progress = api.view.group();
        if (!progress.isKnown()) {
            json.putNull("lag");
        } else {
            json.put("lag", progress.totalLag());
        }
        ArrayNode ownerless = json.putArray("ownerless");
        progress.ownerless().stream()
                .sorted(Comparator.comparing(TopicPartition::topic).thenComparingInt(TopicPartition::partition))
                .forEach(partition -> ownerless
                        .addObject()
                        .put("stage", progress.stageOf(partition))
                        .put("topic", partition.topic())
                        .put("partition", partition.partition())
                        .put("lag", progress.lag(partition)));
    }

    private Reply status(Call call) throws InterruptedException {
        call.allowQuery(Set.of());
        ObjectNode json = Json.object();
        json.put("at", Instant.now().truncatedTo(ChronoUnit.MILLIS).toString());
        json.put("application", api.settings.applicationId());
        json.put("shards", api.view.shards());
        group(json);
        ArrayNode instances = json.putArray("instances");
        instances.add(own());
        for (Peers.Answer answer : api.peers.ask(api.peers.others(), "/status")) {
            if (answer.ok()) {
                instances.add(answer.json());
            } else {
                instances
                        .addObject()
                        .put("address", answer.address())
                        .put("state", "unreachable")
                        .put("ready", false);
            }
        }
        return Reply.json(json);
    }

    private static void heap(ObjectNode json) {
        Runtime runtime = Runtime.getRuntime();
        json.put("used_bytes", runtime.totalMemory() - runtime.freeMemory());
        json.put("max_bytes", runtime.maxMemory());
    }

    private ObjectNode own() {
        ObjectNode json = Json.object();
        json.put("instance", api.settings.instance());
        json.put("address", api.address);
        json.put("version", InstanceMetrics.version());
        json.put("region", api.settings.region());
        json.put("state", api.view.state());
        List<String> not = notReady();
        json.put("ready", not.isEmpty());
        not.forEach(json.putArray("not_ready_because")::add);
        json.put("paused", api.view.isPaused());
        api.view.notices().pausedBecause().forEach(json.putArray("paused_because")::add);
        json.put("waits_for", api.view.notices().waitsFor());
        api.view.notices().topicFindings().forEach(json.putArray("topic_findings")::add);
        ObjectNode disk = json.putObject("disk");
        try {
            disk.put("free_bytes", api.dir.freeBytes());
        } catch (IOException e) {
            disk.putNull("free_bytes");
        }
        disk.put("min_free_bytes", api.settings.diskMinFreeBytes());
        heap(json.putObject("heap"));
        LastVerify verified = LastVerify.read(api.dir);
        if (verified == null) {
            json.putNull("last_verify");
        } else {
            json.putObject("last_verify")
                    .put("at", verified.at().toString())
                    .put("records", verified.records())
                    .put("damaged", verified.damaged());
        }
        json.put("configs_rejected", api.configs.rejectedCount());
        json.put("tenants_configured", api.configs.size());
        json.put("missing_tenant", api.configs.missingIsDefault() ? "default" : "reject");
        long lag = 0;
        ArrayNode tasks = json.putArray("tasks");
        for (InstanceView.Task task : api.view.tasks()) {
            ObjectNode one = tasks.addObject();
            one.put("stage", task.stage());
            one.put("partition", task.partition());
            one.put("active", task.active());
            one.put("running", task.running());
            ObjectNode lags = one.putObject("lag");
            task.lag().forEach(lags::put);
            lag += task.lag().values().stream().mapToLong(Long::longValue).sum();
        }
        json.put("lag", lag);
        ArrayNode restores = json.putArray("restoring");
        for (InstanceView.Restore restore : api.view.restores()) {
            ObjectNode one = restores.addObject();
            one.put("store", restore.store());
            one.put("partition", restore.partition());
            one.put("restored", restore.restored());
            one.put("total", restore.total());
            one.put("percent", QuotaUse.share(restore.restored(), Math.max(1, restore.total())));
        }
        return json;
    }
}
