package io.tidegate.api;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tidegate.admin.CommandSender;
import io.tidegate.admin.CommandSender.Answer;
import io.tidegate.admin.PrunePreview;
import io.tidegate.admin.Reasons;
import io.tidegate.admin.TenantOperations;
import io.tidegate.admin.TenantOperations.Outcome;
import io.tidegate.admin.TenantOperations.Outcome.Purged;
import io.tidegate.admission.EntityKind;
import io.tidegate.admission.Reason;
import io.tidegate.contract.SourcePosition;
import io.tidegate.contract.TenantCommand;
import io.tidegate.http.Access.Role;
import io.tidegate.http.Call;
import io.tidegate.http.Json;
import io.tidegate.http.Problem;
import io.tidegate.http.Reply;
import io.tidegate.http.Routes;
import io.tidegate.tenant.Plan;
import io.tidegate.tenant.TenantConfig;
import io.tidegate.tenant.TenantId;
import io.tidegate.tenant.TenantRef;
import io.tidegate.tools.DryRun;
import io.tidegate.tools.Replay;
import io.tidegate.tools.ReplayReport;
import io.tidegate.topology.TenantConfigs.InForce;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * The operations on a tenant other than its limits: block, prune, forget, purge. And the previews: a dry run of limits, the
 * plan of a replay, the meaning of a reason.
 */
final class CommandsApi implements AutoCloseable {
    /**
     * The time for the owner's answer. Ends before the long work does, so that the response can say what is left in the topic.
     */
    private static final Duration ANSWER_WITHIN = Duration.ofSeconds(15);

    private static final int AT_A_TIME = 2;
    private static final long SINCE_S_DEFAULT = Duration.ofHours(1).toSeconds();
    private static final long SINCE_S_MAX = Duration.ofDays(7).toSeconds();
    private static final int CHOICES_MAX = 1_000;
    private static final Pattern PARTITION = Pattern.compile("\\d{1,9}");

    /** Together with the reads before it, shorter than long work may take: the response must report the signals sent. */
    private static final int REPLAY_S_MAX = 10;

    private final ApiContext api;
    private final TenantsApi tenants;
    private final CommandSender commands;
    private final LongWork longWork = new LongWork(AT_A_TIME);

    CommandsApi(ApiContext api, TenantsApi tenants) {
        this.api = api;
        this.tenants = tenants;
        commands = new CommandSender(api.settings);
    }

    void addTo(Routes routes) {
        routes.add("POST", "/v1/tenants/{id}/block", Role.ADMIN, this::block)
                .add("POST", "/v1/tenants/{id}/unblock", Role.ADMIN, this::unblock)
                .add("POST", "/v1/tenants/{id}/prune", Role.ADMIN, this::prune)
                .add("POST", "/v1/tenants/{id}/forget", Role.ADMIN, this::forget)
                .add("POST", "/v1/tenants/{id}/purge", Role.ADMIN, this::purge)
                .add("POST", "/v1/tenants/{id}/dry-run", Role.ADMIN, this::dryRun)
                .add("POST", "/v1/rejections/replay", Role.ADMIN, this::replay)
                .add("GET", "/v1/reasons/{reason}", Role.PUBLIC, CommandsApi::reason);
    }

    private Reply block(Call call) throws InterruptedException {
        Instant until =
                BlockEnd.of(body(call, Set.of("until", "for")), Instant.now().truncatedTo(ChronoUnit.MILLIS));
        return tenants.changed(
                TenantsApi.kafka(() -> api.operations.block(call.tenant(), until, TenantsApi.caller(call))));
    }

    private Reply unblock(Call call) throws InterruptedException {
        body(call, Set.of());
        return tenants.changed(TenantsApi.kafka(() -> api.operations.unblock(call.tenant(), TenantsApi.caller(call))));
    }

    private Reply prune(Call call) throws InterruptedException {
        ObjectNode body = body(call, Set.of("below_seq", "dry_run"));
        TenantId tenant = call.tenant();
        long belowSeq = number(body, "below_seq", null, 0, Long.MAX_VALUE);
        boolean dryRun = flag(body, "dry_run", false);
        ObjectNode json = Json.object();
        TenantJson.putId(json, tenant);
        json.put("dry_run", dryRun);
        if (dryRun) {
            PrunePreview preview =
                    longWork.run(call.principal(), () -> PrunePreview.of(api.settings, tenant, belowSeq));
            json.put("below_seq", preview.belowSeq());
            json.put("segments", preview.segments());
            json.put("bytes", preview.bytes());
        } else {
            JsonNode done = done(longWork.run(
                    call.principal(),
                    () -> commands.send(
                            tenant,
                            new TenantCommand.PruneWal(belowSeq),
                            call.principal().name(),
                            ANSWER_WITHIN)));
            json.put("below_seq", done.path("below_seq").asLong());
            json.put("segments", done.path("segments").asLong());
            json.put("bytes", done.path("bytes").asLong());
        }
        return Reply.json(json);
    }

    private Reply forget(Call call) throws InterruptedException {
        ObjectNode body = body(call, Set.of("kind", "id"));
        TenantId tenant = call.tenant();
        EntityKind kind = kind(text(body, "kind"));
        TenantCommand command;
        try {
            command = new TenantCommand.ForgetEntity(kind, text(body, "id"));
        } catch (IllegalArgumentException e) {
            throw new Problem(Problem.Kind.BAD_REQUEST, String.valueOf(e.getMessage()), e).member("field", "id");
        }
        JsonNode done = done(longWork.run(
                call.principal(),
                () -> commands.send(tenant, command, call.principal().name(), ANSWER_WITHIN)));
        ObjectNode json = Json.object();
        TenantJson.putId(json, tenant);
        json.put("found", done.path("found").asBoolean());
        return Reply.json(json);
    }

    private static EntityKind kind(String text) {
        EntityKind kind = EntityKind.of(text);
        if (kind == null) {
            throw badField("kind", "must be item, user or creator");
        }
        return kind;
    }

    /** Requires the id as a confirmation: a purge cannot be undone. */
    private Reply purge(Call call) throws InterruptedException {
        ObjectNode body = body(call, Set.of("confirm"));
        TenantId tenant = call.tenant();
        TenantRef confirmed = TenantRef.tryParse(text(body, "confirm"));
        if (confirmed == null || !tenant.equals(confirmed.in(api.configs::named))) {
            throw badField(
                    "confirm", "must be the tenant's id or name, as a text: all its data will be deleted permanently");
        }
        Outcome outcome = longWork.run(
                call.principal(), () -> api.operations.purge(tenant, ANSWER_WITHIN, TenantsApi.caller(call)));
        if (!(outcome instanceof Purged purged)) {
            throw TenantsApi.problem(outcome);
        }
        boolean unused = tenants.awaitApplied(purged.offset());
        JsonNode report = purged.report();
        ObjectNode json = Json.object();
        TenantJson.putId(json, tenant);
        for (String name : new String[] {"accepted", "accepted_bytes", "entities", "segments", "bytes", "next_seq"}) {
            json.set(name, report.path(name));
        }
        return Reply.json(json);
    }

    private static JsonNode done(Answer answer) {
        if (!answer.done()) {
            throw new Problem(
                    Problem.Kind.COMMAND_REJECTED, answer.last().path("message").asText());
        }
        return answer.last();
    }

    private Reply dryRun(Call call) throws InterruptedException {
        ObjectNode body = body(call, Set.of("config", "since_seconds"));
        TenantId tenant = call.tenant();
        if (!(body.get("config") instanceof ObjectNode config)) {
            throw badField("config", "is not a config in the form of PUT");
        }
        TenantConfig own = TenantsApi.parse(tenant, config);
        InForce plan = own.plan() == null ? null : api.configs.plan(own.plan());
        TenantConfig proposed = Plan.inForce(own, plan == null ? null : plan.config());
        if (proposed == null) {
            throw Problem.badField(Problem.Kind.INVALID_CONFIG, "plan", "'%s' does not exist".formatted(own.plan()));
        }
        Duration since = Duration.ofSeconds(number(body, "since_seconds", SINCE_S_DEFAULT, 1, SINCE_S_MAX));
        DryRun.Report report = longWork.run(
                call.principal(),
                () -> new DryRun(api.settings, api.settings.entitiesMax())
                        .judge(proposed, since, System.currentTimeMillis()));
        ObjectNode json = Json.object();
        TenantJson.putId(json, tenant);
        report.writeTo(json);
        json.set("warnings", TenantJson.warnings(TenantOperations.warnings(proposed, api.settings)));
        return Reply.json(json);
    }

    /**
     * Returns what a replay would do, or runs a part of it: the rejections that are due within some seconds. The next call
     * continues after it, on any instance, because the sent signals are recorded in Kafka. With the {@code ends} of the first
     * answer, all parts cover the same rejections, without those that earlier parts caused.
     */
    private Reply replay(Call call) throws InterruptedException {
        ObjectNode body = body(
                call,
                Set.of(
                        "dry_run",
                        "tenant",
                        "reasons",
                        "from",
                        "to",
                        "sources",
                        "max_replays",
                        "max_seconds",
                        "max_per_second",
                        "ends"));
        boolean dryRun = flag(body, "dry_run", true);
        Replay.RejectionFilter filter = new Replay.RejectionFilter(
                body.hasNonNull("tenant") ? tenant(text(body, "tenant")) : null,
                reasons(body),
                instant(body, "from"),
                instant(body, "to"),
                sources(body),
                ends(body));
        int replaysMax =
                (int) number(body, "max_replays", (long) Replay.REPLAYS_MAX_DEFAULT, 1, Replay.REPLAYS_MAX_LIMIT);
        int perSecond = (int) number(body, "max_per_second", (long) Replay.PACE_DEFAULT, 1, Replay.PACE_MAX);
        Duration within = Duration.ofSeconds(number(body, "max_seconds", (long) REPLAY_S_MAX, 1, REPLAY_S_MAX));
        ReplayReport report = longWork.run(call.principal(), () -> {
            Replay replay = new Replay(api.settings, replaysMax, perSecond);
            return dryRun ? replay.plan(filter) : replay.run(filter, within, done -> {});
        });
        return Reply.json(json(report, dryRun));
    }

    private static ObjectNode json(ReplayReport report, boolean dryRun) {
        ObjectNode json = Json.object();
        json.put("dry_run", dryRun);
        json.put("ending", report.ending().id());
        json.put("seconds", report.seconds());
        ObjectNode ends = json.putObject("ends");
        report.ends().forEach((partition, end) -> ends.put(partition.toString(), end));
        ArrayNode rejections = json.putArray("rejections");
        report.groups().forEach((group, counts) -> {
            ObjectNode one = rejections.addObject();
            one.put("tenant", group.tenant());
            TenantJson.putTenantId(one, TenantId.tryParse(group.tenant()));
            one.put("reason", group.reason());
            for (ReplayReport.Outcome outcome : ReplayReport.Outcome.values()) {
                one.put(outcome.id(), counts.of(outcome));
            }
            ObjectNode still = one.putObject("still_rejected");
            counts.stillRejected().forEach(still::put);
        });
        return json;
    }

    private static @Nullable Map<Integer, Long> ends(ObjectNode body) {
        JsonNode ends = body.path("ends");
        if (ends.isMissingNode() || ends.isNull()) {
            return null;
        }
        if (!ends.isObject() || ends.size() > CHOICES_MAX) {
            throw badField("ends", "is not the object from an earlier answer");
        }
        Map<Integer, Long> offsets = new HashMap<>();
        for (Map.Entry<String, JsonNode> one : ends.properties()) {
            if (!PARTITION.matcher(one.getKey()).matches()
                    || !one.getValue().canConvertToLong()
                    || !one.getValue().isIntegralNumber()
                    || one.getValue().asLong() < 0) {
                throw badField("ends", "has an entry that is not an offset of a partition");
            }
            offsets.put(Integer.valueOf(one.getKey()), one.getValue().asLong());
        }
        return offsets;
    }

    private TenantId tenant(String text) {
        TenantRef ref = TenantRef.tryParse(text);
        TenantId id = ref == null ? null : ref.in(api.configs::named);
        if (id != null) {
            return id;
        }
        if (ref != null) {
            throw badField("tenant", "no tenant has the name " + ref);
        }
        try {
            return TenantId.parse(text);
        } catch (IllegalArgumentException e) {
            throw badField("tenant", String.valueOf(e.getMessage()));
        }
    }

    private static Set<String> reasons(ObjectNode body) {
        Set<String> known = new TreeSet<>();
        for (Reason reason : Reason.values()) {
            known.add(reason.id());
        }
        Set<String> reasons = texts(body, "reasons");
        if (!known.containsAll(reasons)) {
            throw badField("reasons", "has a value that is not one of " + String.join(", ", known));
        }
        return reasons;
    }

    private static Set<SourcePosition> sources(ObjectNode body) {
        Set<SourcePosition> sources = new HashSet<>();
        for (String text : texts(body, "sources")) {
            SourcePosition position = SourcePosition.tryParse(text);
            if (position == null) {
                throw badField("sources", "has an entry that is not a position such as signals/3/1234");
            }
            sources.add(position);
        }
        return sources;
    }

    private static Reply reason(Call call) throws java.io.IOException {
        call.allowQuery(Set.of());
        String reason = call.path().getOrDefault("reason", "");
        Map<String, String> sections = Reasons.sections();
        String text = sections.get(reason);
        if (text == null) {
            throw new Problem(
                    Problem.Kind.NOT_FOUND, "no such reason; the reasons are: " + String.join(", ", sections.keySet()));
        }
        ObjectNode json = Json.object();
        json.put("reason", reason);
        json.put("text", text);
        return Reply.json(json);
    }

    private static ObjectNode body(Call call, Set<String> known) {
        call.allowQuery(Set.of());
        var unused = call.path().containsKey("id") ? call.tenant() : null; // reject a wrong tenant before the body
        ObjectNode body = call.body().length == 0 ? Json.object() : TenantsApi.object(call);
        body.fieldNames().forEachRemaining(name -> {
            if (!known.contains(name)) {
                throw badField(
                        name.length() <= 40 ? name : name.substring(0, 40) + "…",
                        known.isEmpty()
                                ? "is unknown; there are no fields"
                                : "is unknown; the fields are: " + String.join(", ", new TreeSet<>(known)));
            }
        });
        return body;
    }

    private static Problem badField(String field, String rule) {
        return Problem.badField(Problem.Kind.BAD_REQUEST, field, rule);
    }

    private static String text(ObjectNode body, String name) {
        JsonNode value = body.get(name);
        if (value == null || !value.isTextual()) {
            throw badField(name, "is not a text");
        }
        return value.asText();
    }

    private static Set<String> texts(ObjectNode body, String name) {
        Set<String> texts = new TreeSet<>();
        JsonNode list = body.path(name);
        if (list.isMissingNode()) {
            return texts;
        }
        if (!list.isArray() || list.size() > CHOICES_MAX) {
            throw badField(name, "is not a list of up to %d texts".formatted(CHOICES_MAX));
        }
        for (JsonNode one : list) {
            if (!one.isTextual()) {
                throw badField(name, "has an entry that is not a text");
            }
            texts.add(one.asText());
        }
        return texts;
    }

    private static long number(ObjectNode body, String name, @Nullable Long fallback, long min, long max) {
        JsonNode value = body.get(name);
        if (value == null && fallback != null) {
            return fallback;
        }
        if (value == null
                || !value.isIntegralNumber()
                || !value.canConvertToLong()
                || value.asLong() < min
                || value.asLong() > max) {
            throw badField(name, "expected a number from %d to %d".formatted(min, max));
        }
        return value.asLong();
    }

    private static boolean flag(ObjectNode body, String name, boolean fallback) {
        JsonNode value = body.get(name);
        if (value != null && !value.isBoolean()) {
            throw badField(name, "must be true or false");
        }
        return value == null ? fallback : value.asBoolean();
    }

    private static @Nullable Instant instant(ObjectNode body, String name) {
        return body.hasNonNull(name) ? Instant.ofEpochMilli(Times.millis(name, text(body, name))) : null;
    }

    @Override
    public void close() {
        longWork.close();
    }
}
