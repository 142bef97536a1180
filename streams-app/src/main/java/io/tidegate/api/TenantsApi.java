package io.tidegate.api;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tidegate.admin.AdminException;
import io.tidegate.admin.ConfigEdit;
import io.tidegate.admin.ConfigEdit.Rejection;
import io.tidegate.admin.ConfigHistory;
import io.tidegate.admin.ConfigWriter.Current;
import io.tidegate.admin.TenantOperations;
import io.tidegate.admin.TenantOperations.Caller;
import io.tidegate.admin.TenantOperations.Outcome;
import io.tidegate.admin.TenantOperations.Outcome.Changed;
import io.tidegate.admin.TenantOperations.Outcome.CommandRejected;
import io.tidegate.admin.TenantOperations.Outcome.Rejected;
import io.tidegate.http.Access.Role;
import io.tidegate.http.Call;
import io.tidegate.http.EntityTags;
import io.tidegate.http.Json;
import io.tidegate.http.Problem;
import io.tidegate.http.Reply;
import io.tidegate.http.Routes;
import io.tidegate.tenant.ConfigWarnings.Warning;
import io.tidegate.tenant.TenantConfig;
import io.tidegate.tenant.TenantConfigJson;
import io.tidegate.tenant.TenantId;
import io.tidegate.topology.ShardQueries;
import io.tidegate.topology.TenantConfigs.InForce;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.eclipse.jetty.http.HttpHeader;
import org.jspecify.annotations.Nullable;

/** Tenants: their configs, usage, and histories. */
final class TenantsApi {
    private static final Duration APPLIED_WITHIN = Duration.ofSeconds(10);
    private static final List<String> FIELDS = List.of(
            "max_signals_per_sec",
            "burst_signals",
            "max_bytes_per_sec",
            "burst_bytes",
            "max_signal_bytes",
            "periods",
            "signals",
            "max_entities",
            "max_items",
            "max_users",
            "max_creators",
            "entity_idle_ttl",
            "max_storage_bytes",
            "required_regions",
            "external_ids",
            "label",
            "mode",
            "blocked_until",
            "tenant_id",
            "unlimited",
            "ceiling",
            "plan");
    private static final Pattern FIRST_WORD = Pattern.compile("(?:(?:t\\d+|plan '[^']*'): )?([a-z_]+)");

    private static final Pattern UNKNOWN_FIELD =
            Pattern.compile("^(?:([a-z_]+)(?:\\..*)?: )?unknown field '([^']{0,64})'");

    private final ApiContext api;
    private final TenantList list;

    TenantsApi(ApiContext api) {
        this.api = api;
        list = new TenantList(api);
    }

    void addTo(Routes routes) {
        routes.add("GET", "/v1/tenants", Role.READ, list::all)
                .add("GET", "/v1/tenants/{id}", Role.TENANT, this::get)
                .add("PUT", "/v1/tenants/{id}", Role.TENANT_ADMIN, this::put)
                .add("PATCH", "/v1/tenants/{id}", Role.TENANT_ADMIN, this::patch)
                .add("DELETE", "/v1/tenants/{id}", Role.ADMIN, this::delete)
                .add("GET", "/v1/tenants/{id}/usage", Role.TENANT, this::usage)
                .addSlow("/v1/tenants/{id}/history", Role.TENANT, this::history)
                .add("POST", "/v1/tenants/{id}/undo", Role.ADMIN, this::undo)
                .add("GET", Peers.INTERNAL + "/tenants", Role.PEER, list::own)
                .add("GET", Peers.INTERNAL + "/tenants/{id}/usage", Role.PEER, this::ownUsage);
    }

    private Reply get(Call call) {
        call.allowQuery(Set.of());
        TenantId tenant = call.tenant();
        InForce own = api.configs.own(tenant);
        InForce inForce = api.configs.inForce(tenant);
        if (inForce == null && own == null) {
            throw unknown(tenant);
        }
        String planName = own == null ? null : own.config().plan();
        InForce plan = planName == null ? null : api.configs.plan(planName);
        ObjectNode json = TenantJson.tenant(tenant, own, inForce, plan)
                // By the server's clock, because that of a browser may be wrong.
                .put("blocked", inForce != null && inForce.config().isBlocked(System.currentTimeMillis()));
        List<Warning> warnings = new ArrayList<>();
        if (planName != null && plan == null) {
            warnings.add(new Warning(
                    "plan_missing",
                    "plan",
                    "the plan '%s' does not exist: the tenant's signals are %s"
                            .formatted(
                                    planName,
                                    inForce == null
                                            ? "rejected (tenant_unknown)"
                                            : "judged by the config of tenant 0")));
        }
        if (inForce != null) {
            warnings.addAll(TenantOperations.warnings(inForce.config(), api.settings));
        }
        json.set("warnings", TenantJson.warnings(warnings));
        Reply reply = Reply.json(json);
        if (own != null && own.offset() >= 0) {
            String etag = etag(own.offset());
            // The offset does not change with a plan, or when a block ends.
            boolean isTagged = planName == null && own.config().blockedUntil() == null;
            if (isTagged && !EntityTags.isNoneMatch(EntityTags.of(call.headers(), HttpHeader.IF_NONE_MATCH), etag)) {
                return Reply.empty(304).header("ETag", etag);
            }
            reply.header("ETag", etag);
        }
        return reply;
    }

    static Problem unknown(TenantId tenant) {
        return new Problem(
                        Problem.Kind.TENANT_UNKNOWN,
                        "tenant %s has no config; its signals are rejected as tenant_unknown"
                                .formatted(tenant.decimal()))
                .member("tenant", tenant.decimal());
    }

    static String etag(long offset) {
        return "\"" + offset + "\"";
    }

    private Reply put(Call call) throws InterruptedException {
        call.allowQuery(Set.of());
        TenantId tenant = call.tenant();
        TenantConfig config = parse(tenant, object(call));
        return changed(kafka(() -> api.operations.set(config, caller(call))));
    }

    /** RFC 7396: named fields are replaced, null removes a limit, other fields stay. */
    private Reply patch(Call call) throws InterruptedException {
        call.allowQuery(Set.of());
        TenantId tenant = call.tenant();
        ObjectNode patch = object(call);
        UnaryOperator<TenantConfig> merge = base -> TenantConfigJson.patched(
                base.plan() == null
                                && patch.hasNonNull("plan")
                                && patch.get("plan").isTextual()
                        ? withPlan(base, patch.get("plan").asText())
                        : base,
                patch);
        return changed(kafka(() -> api.operations.change(tenant, merge, caller(call))));
    }

    /** Returns a config on a plan. On its first plan, the tenant takes the plan's mode, unless the request names one. */
    private static TenantConfig withPlan(TenantConfig base, String plan) {
        return base.toBuilder().plan(plan).build();
    }

    private Reply delete(Call call) throws InterruptedException {
        call.allowQuery(Set.of());
        TenantId tenant = call.tenant();
        return changed(kafka(() -> api.operations.remove(tenant, caller(call))));
    }

    private Reply history(Call call) {
        call.allowQuery(Set.of());
        TenantId tenant = call.tenant();
        Current current = kafka(() -> api.operations.current(tenant));
        ObjectNode json = Json.object();
        TenantJson.putId(json, tenant);
        ArrayNode changes = json.putArray("changes");
        List<ConfigHistory.Change> all = current.history().changes();
        for (int i = all.size() - 1; i >= 0; i--) {
            changes.add(TenantJson.change(all.get(i), TenantConfigJson::write));
        }
        return Reply.json(json);
    }

    /** Reverts the newest change, or all changes back to a given one. This is a new change, to the earlier state. */
    private Reply undo(Call call) throws InterruptedException {
        call.allowQuery(Set.of());
        TenantId tenant = call.tenant();
        Long to = undoTo(call);
        return changed(kafka(() -> api.operations.undo(tenant, to, caller(call))));
    }

    /** Returns the offset of the oldest change to revert; null = only the newest change. */
    static @Nullable Long undoTo(Call call) {
        if (call.body().length == 0) {
            return null;
        }
        ObjectNode body = object(call);
        JsonNode offset = body.path("config_offset");
        boolean isOffset = offset.isIntegralNumber() && offset.canConvertToLong();
        if (body.size() > (offset.isMissingNode() ? 0 : 1) || !(offset.isMissingNode() || isOffset)) {
            throw Problem.badField(
                    Problem.Kind.BAD_REQUEST, "config_offset", "is the only field of undo: an offset, optional");
        }
        return offset.isMissingNode() ? null : (Long) offset.asLong();
    }

    /** Returns the answer to a change once this instance has applied it. */
    Reply changed(Outcome outcome) throws InterruptedException {
        if (!(outcome instanceof Changed changed)) {
            throw problem(outcome);
        }
        boolean applied = awaitApplied(changed.offset());
        ObjectNode json = Json.object();
        TenantJson.putId(json, changed.tenant());
        json.put("config_offset", changed.offset());
        json.put("applied", applied);
        json.set("config", changed.config() == null ? null : TenantJson.config(changed.config()));
        json.set("warnings", TenantJson.warnings(changed.warnings()));
        Reply reply = Reply.json(json);
        return changed.config() == null ? reply : reply.header("ETag", etag(changed.offset()));
    }

    /** Waits until this instance has read the config record at an offset; false if that takes too long. */
    boolean awaitApplied(long offset) throws InterruptedException {
        return api.configs.awaitApplied(offset, APPLIED_WITHIN);
    }

    /** Returns why an operation failed completely or in part. */
    static Problem problem(Outcome outcome) {
        if (outcome instanceof CommandRejected rejected) {
            return new Problem(Problem.Kind.COMMAND_REJECTED, rejected.message());
        }
        if (!(outcome instanceof Rejected rejected)) {
            throw new IllegalStateException(outcome + " is not a rejection");
        }
        Problem problem = problem(rejected.rejection());
        return rejected.rejection().kind() == ConfigEdit.Kind.TENANT_UNKNOWN
                ? problem.member("tenant", rejected.tenant().decimal())
                : problem;
    }

    /** Returns why a change of a tenant or a plan was rejected. */
    static Problem problem(Rejection why) {
        return switch (why.kind()) {
            case TENANT_UNKNOWN -> new Problem(Problem.Kind.TENANT_UNKNOWN, why.message());
            case PLAN_UNKNOWN -> new Problem(Problem.Kind.PLAN_UNKNOWN, why.message());
            case PLAN_IN_USE -> new Problem(Problem.Kind.PLAN_IN_USE, why.message());
            case BLOCKED_BY_PLAN -> new Problem(Problem.Kind.BLOCKED_BY_PLAN, why.message());
            case NOT_A_CONFIG -> new Problem(Problem.Kind.INVALID_CONFIG, why.message());
            case INVALID_CONFIG -> invalid(why.message(), null);
            case FIELD_NOT_ALLOWED -> withField(new Problem(Problem.Kind.FORBIDDEN, why.message()), why);
            case BEYOND_CEILING -> withField(new Problem(Problem.Kind.BEYOND_CEILING, why.message()), why);
            case NAME_TAKEN -> new Problem(Problem.Kind.NAME_TAKEN, why.message()).member("field", "external_ids");
            case NO_HISTORY -> new Problem(Problem.Kind.NO_HISTORY, why.message());
            case PRECONDITION_FAILED ->
                new Problem(Problem.Kind.PRECONDITION_FAILED, why.message()).member("etag", found(why.current()));
        };
    }

    private static Problem withField(Problem problem, Rejection why) {
        return why.field() == null ? problem : problem.member("field", why.field());
    }

    /** Returns the author of a change, with the preconditions of the request. */
    static Caller caller(Call call) {
        List<String> ifMatch = EntityTags.of(call.headers(), HttpHeader.IF_MATCH);
        List<String> ifNoneMatch = EntityTags.of(call.headers(), HttpHeader.IF_NONE_MATCH);
        return new Caller(
                call.principal().name(),
                current -> failure(current, ifMatch, ifNoneMatch),
                call.principal().role() == Role.TENANT_ADMIN);
    }

    private static @Nullable String failure(Current current, List<String> ifMatch, List<String> ifNoneMatch) {
        boolean exists = exists(current);
        String found = exists ? etag(current.offset()) : "";
        if (EntityTags.isMatch(ifMatch, found) && EntityTags.isNoneMatch(ifNoneMatch, found)) {
            return null;
        }
        return exists
                ? "the config was changed at offset %d; read it again".formatted(current.offset())
                : "there is no config now";
    }

    private static boolean exists(@Nullable Current current) {
        return current != null && (current.config() != null || !current.readable());
    }

    private static String found(@Nullable Current current) {
        return current != null && exists(current) ? etag(current.offset()) : "none";
    }

    /** Runs an action on Kafka. Its failure is temporary, or was caused by the caller's own edit. */
    static <T> T kafka(Supplier<T> action) {
        try {
            return action.get();
        } catch (AdminException e) {
            throw Problem.retryLater(Problem.Kind.KAFKA_UNAVAILABLE, String.valueOf(e.getMessage()), 5);
        }
    }

    static ObjectNode object(Call call) {
        try {
            JsonNode tree = Json.tree(call.body());
            if (tree instanceof ObjectNode object) {
                return object;
            }
        } catch (IllegalArgumentException e) {
            throw new Problem(Problem.Kind.BAD_REQUEST, String.valueOf(e.getMessage()), e);
        }
        throw new Problem(Problem.Kind.BAD_REQUEST, "a JSON object is expected");
    }

    static TenantConfig parse(TenantId tenant, ObjectNode json) {
        if (!json.has("tenant_id")) {
            TenantJson.putTenantId(json, tenant);
        }
        TenantConfig config;
        try {
            config = TenantConfigJson.parse(Json.bytes(json));
        } catch (IllegalArgumentException e) {
            throw invalid(String.valueOf(e.getMessage()), e);
        }
        if (!config.tenantId().equals(tenant)) {
            throw Problem.badField(
                    Problem.Kind.INVALID_CONFIG,
                    "tenant_id",
                    "is %s, but the path has %s".formatted(config.tenantId().decimal(), tenant.decimal()));
        }
        return config;
    }

    /** Returns the problem for a config that breaks a rule, with the field that the rule concerns. */
    static Problem invalid(String rule, @Nullable Throwable cause) {
        Problem problem = new Problem(Problem.Kind.INVALID_CONFIG, rule, cause);
        String field = fieldOf(rule);
        return field == null ? problem : problem.member("field", field);
    }

    /** Returns the field of a config or plan that a rule concerns; null if there is none. */
    static @Nullable String fieldOf(String rule) {
        Matcher unknown = UNKNOWN_FIELD.matcher(rule);
        if (unknown.find()) {
            return unknown.group(1) == null ? unknown.group(2) : unknown.group(1);
        }
        Matcher first = FIRST_WORD.matcher(rule);
        if (first.lookingAt() && FIELDS.contains(first.group(1))) {
            return first.group(1);
        }
        return FIELDS.stream().filter(rule::contains).findFirst().orElse(null);
    }

    private Reply usage(Call call) throws InterruptedException {
        call.allowQuery(Set.of());
        TenantId tenant = call.tenant();
        ObjectNode own = ownUsage(tenant);
        if (own != null) {
            return Reply.json(own);
        }
        return Reply.json(
                api.peers.askOwner(api.view.shardOf(tenant), "/tenants/%s/usage".formatted(tenant.decimal())));
    }

    private Reply ownUsage(Call call) {
        TenantId tenant = call.tenant();
        ObjectNode own = ownUsage(tenant);
        if (own == null) {
            throw Peers.noOwner(api.view.shardOf(tenant));
        }
        return Reply.json(own);
    }

    /** Returns null if the tenant's shard is not here. */
    private @Nullable ObjectNode ownUsage(TenantId tenant) {
        ShardQueries.UsageLookup read = api.shards.usage(tenant);
        if (read == null) {
            return null;
        }
        InForce inForce = api.configs.inForce(tenant);
        ObjectNode json = Json.object();
        TenantJson.putId(json, tenant);
        json.put("shard", api.view.shardOf(tenant));
        json.put("instance", api.settings.instance());
        long nowMs = System.currentTimeMillis();
        TenantConfig config = inForce == null ? null : inForce.config();
        if (read.usage() != null) {
            read.usage().showAsOf(config, nowMs);
        }
        json.setAll(TenantJson.usage(read.usage(), config, nowMs));
        json.withObject("/entities").put("instance_limit", api.settings.entitiesMax());
        return json;
    }
}
