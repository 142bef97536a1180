package io.tidegate.cli;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tidegate.admin.TenantOperations;
import io.tidegate.admin.TenantOperations.Outcome.Changed;
import io.tidegate.admin.TenantOperations.Outcome.Rejected;
import io.tidegate.tenant.TenantConfig;
import io.tidegate.tenant.TenantConfigJson;
import picocli.CommandLine.Mixin;

/** A command that changes a tenant's config and reports the offset of the change in its topic. */
abstract class ConfigChange extends OnTenant {
    @Mixin
    OutputOptions output = new OutputOptions();

    /**
     * Prints an outcome.
     *
     * @param what the description of the change, such as "set"
     */
    int print(TenantOperations.Outcome outcome, String what) {
        if (outcome instanceof Rejected rejected) {
            return rejected(rejected.rejection());
        }
        Changed changed = (Changed) outcome;
        if (output.asObjects()) {
            out().println(output.line(json(changed)));
        } else {
            String done = ConfigTexts.done(changed.before(), changed.config(), what);
            out().println(
                            changed.offset() < 0
                                    ? "tenant %s %s".formatted(tenant, done)
                                    : "tenant %s %s (config offset %d)".formatted(tenant, done, changed.offset()));
            if (changed.config() != null) {
                ConfigTexts.difference(changed.before(), changed.config())
                        .forEach(line -> out().println("  " + Table.printable(line)));
                TenantConfig inForce = changed.inForce();
                out().println("now: " + ConfigTexts.limits(inForce == null ? changed.config() : inForce));
            }
        }
        out().flush();
        warn(changed.warnings());
        return ExitCodes.OK;
    }

    private ObjectNode json(Changed changed) {
        ObjectNode json = Json.object();
        Json.putTenant(json, tenant);
        json.put("config_offset", changed.offset());
        json.set("config", changed.config() == null ? null : Json.tree(TenantConfigJson.write(changed.config())));
        ArrayNode warnings = json.putArray("warnings");
        changed.warnings()
                .forEach(warning -> warnings.addObject()
                        .put("id", warning.id())
                        .put("field", warning.field())
                        .put("message", warning.message()));
        return json;
    }
}
