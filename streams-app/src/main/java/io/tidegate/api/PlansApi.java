package io.tidegate.api;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tidegate.admin.ConfigHistory;
import io.tidegate.admin.PlanOperations;
import io.tidegate.admin.PlanOperations.Outcome;
import io.tidegate.admin.PlanOperations.Outcome.Changed;
import io.tidegate.admin.PlanOperations.Outcome.Rejected;
import io.tidegate.http.Access.Role;
import io.tidegate.http.Call;
import io.tidegate.http.Json;
import io.tidegate.http.Problem;
import io.tidegate.http.Reply;
import io.tidegate.http.Routes;
import io.tidegate.tenant.Plan;
import io.tidegate.tenant.TenantConfig;
import io.tidegate.tenant.TenantConfigJson;
import io.tidegate.topology.TenantConfigs.InForce;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/** Plans: the limits that many tenants share. */
final class PlansApi {
    private final ApiContext api;
    private final TenantsApi tenants;

    PlansApi(ApiContext api, TenantsApi tenants) {
        this.api = api;
        this.tenants = tenants;
    }

    void addTo(Routes routes) {
        routes.add("GET", "/v1/plans", Role.READ, this::all)
                .add("GET", "/v1/plans/{name}", Role.READ, this::get)
                .add("PUT", "/v1/plans/{name}", Role.ADMIN, this::put)
                .add("PATCH", "/v1/plans/{name}", Role.ADMIN, this::patch)
                .add("DELETE", "/v1/plans/{name}", Role.ADMIN, this::delete)
                .addSlow("/v1/plans/{name}/history", Role.READ, this::history)
                .add("POST", "/v1/plans/{name}/undo", Role.ADMIN, this::undo);
    }

    private static String name(Call call) {
        String name = call.path().getOrDefault("name", "");
        try {
            Plan.checkName("name", name);
            return name;
        } catch (IllegalArgumentException e) {
            throw new Problem(Problem.Kind.BAD_REQUEST, String.valueOf(e.getMessage()), e).member("field", "name");
        }
    }

    private Reply all(Call call) {
        call.allowQuery(Set.of());
        Map<String, Long> counts = api.configs.tenantsByPlan();
        ObjectNode json = Json.object();
        ArrayNode plans = json.putArray("plans");
        api.configs
                .plans()
                .forEach((name, plan) -> plans.add(
                        json(name, plan.config(), plan.offset()).put("tenants", counts.getOrDefault(name, 0L))));
        return Reply.json(json);
    }

    private Reply get(Call call) {
        call.allowQuery(Set.of());
        String name = name(call);
        InForce plan = api.configs.plan(name);
        if (plan == null) {
            throw new Problem(Problem.Kind.PLAN_UNKNOWN, "plan '%s' does not exist".formatted(name));
        }
        ObjectNode json = json(name, plan.config(), plan.offset());
        json.put("tenants", api.configs.tenantsByPlan().getOrDefault(name, 0L));
        json.set("warnings", TenantJson.warnings(PlanOperations.warnings(plan.config(), api.settings)));
        // Never 304: the tenants on the plan and the warnings change while its offset stays the same.
        return Reply.json(json).header("ETag", TenantsApi.etag(plan.offset()));
    }

    private Reply put(Call call) throws InterruptedException {
        call.allowQuery(Set.of());
        String name = name(call);
        Plan plan;
        try {
            plan = TenantConfigJson.parsePlan(name, Json.bytes(TenantsApi.object(call)));
        } catch (IllegalArgumentException e) {
            throw TenantsApi.invalid(String.valueOf(e.getMessage()), e);
        }
        return changed(TenantsApi.kafka(() -> api.operations.plans().set(plan, TenantsApi.caller(call))));
    }

    /** RFC 7396: named fields are replaced, null removes a limit, other fields stay. */
    private Reply patch(Call call) throws InterruptedException {
        call.allowQuery(Set.of());
        String name = name(call);
        ObjectNode patch = TenantsApi.object(call);
        UnaryOperator<TenantConfig> merge =
                base -> TenantConfigJson.patchedPlan(name, base, patch).fields();
        return changed(TenantsApi.kafka(() -> api.operations.plans().change(name, merge, TenantsApi.caller(call))));
    }

    private Reply delete(Call call) throws InterruptedException {
        call.allowQuery(Set.of());
        String name = name(call);
        return changed(TenantsApi.kafka(() -> api.operations.plans().remove(name, TenantsApi.caller(call))));
    }

    private Reply history(Call call) {
        call.allowQuery(Set.of());
        String name = name(call);
        List<ConfigHistory.Change> all = TenantsApi.kafka(
                        () -> api.operations.plans().current(name))
                .history()
                .changes();
        ObjectNode json = Json.object();
        json.put("name", name);
        ArrayNode changes = json.putArray("changes");
        for (int i = all.size() - 1; i >= 0; i--) {
            changes.add(TenantJson.change(all.get(i), TenantConfigJson::writePlan));
        }
        return Reply.json(json);
    }

    /** Reverts the newest change, or all changes back to a given one. This is a new change, to the earlier state. */
    private Reply undo(Call call) throws InterruptedException {
        call.allowQuery(Set.of());
        String name = name(call);
        Long to = TenantsApi.undoTo(call);
        return changed(TenantsApi.kafka(() -> api.operations.plans().undo(name, to, TenantsApi.caller(call))));
    }

    /** Returns the answer to a change once this instance has applied it. */
    private Reply changed(Outcome outcome) throws InterruptedException {
        if (outcome instanceof Rejected rejected) {
            throw TenantsApi.problem(rejected.rejection());
        }
        Changed changed = (Changed) outcome;
        ObjectNode json = json(changed.name(), changed.fields(), changed.offset());
        json.put("tenants", changed.tenants());
        json.put("applied", tenants.awaitApplied(changed.offset()));
        json.set("warnings", TenantJson.warnings(changed.warnings()));
        Reply reply = Reply.json(json);
        return changed.fields() == null ? reply : reply.header("ETag", TenantsApi.etag(changed.offset()));
    }

    private static ObjectNode json(String name, @Nullable TenantConfig fields, long offset) {
        ObjectNode json = Json.object();
        json.put("name", name);
        json.set("config", fields == null ? null : Json.tree(TenantConfigJson.writePlan(fields)));
        json.put("config_offset", offset);
        return json;
    }
}
