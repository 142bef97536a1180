package io.tidegate.cli;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tidegate.admin.AdminException;
import io.tidegate.admin.ConfigEdit;
import io.tidegate.admin.ConfigHistory;
import io.tidegate.admin.PlanOperations;
import io.tidegate.admin.PlanOperations.Outcome.Changed;
import io.tidegate.admin.PlanOperations.Outcome.Rejected;
import io.tidegate.admin.TenantDirectory;
import io.tidegate.admin.TenantDirectory.ConfigRecord;
import io.tidegate.admin.TenantOperations;
import io.tidegate.tenant.ConfigWarnings.Warning;
import io.tidegate.tenant.Plan;
import io.tidegate.tenant.TenantConfig;
import io.tidegate.tenant.TenantConfigJson;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.function.BiFunction;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** The commands on plans. */
@Command(
        name = "plans",
        mixinStandardHelpOptions = true,
        description =
                "Reads and sets plans: limits that many tenants share. A change applies to all tenants on a plan at once.",
        synopsisSubcommandLabel = "COMMAND",
        subcommands = {
            PlansCommand.Ls.class,
            PlansCommand.Get.class,
            PlansCommand.SetPlan.class,
            PlansCommand.Unset.class,
            PlansCommand.History.class,
            PlansCommand.Undo.class,
            PlansCommand.Rm.class
        })
final class PlansCommand implements Runnable {
    @Spec
    private @Nullable CommandSpec spec;

    @Override
    public void run() {
        throw new ParameterException(
                spec.commandLine(), "a command is missing: ls, get, set, unset, history, undo or rm");
    }

    @Command(
            name = "ls",
            aliases = "list",
            mixinStandardHelpOptions = true,
            description = "Lists all plans with their limits and the number of tenants on them.")
    static final class Ls extends OnTenants {
        @Mixin
        private OutputOptions output = new OutputOptions();

        @Override
        public Integer call() {
            TenantDirectory.Snapshot snapshot = directory().snapshot();
            Map<String, Integer> tenants = snapshot.tenantsByPlan();
            Table table = new Table("PLAN", "LABEL", "TENANTS>", "LIMITS");
            snapshot.plans().forEach((name, stored) -> {
                TenantConfig fields = stored.config();
                int count = tenants.getOrDefault(name, 0);
                if (output.asObjects()) {
                    out().println(output.line(json(name, fields, stored.offset(), count)));
                } else {
                    table.row(
                            name,
                            fields == null ? null : Table.shortened(fields.label()),
                            count,
                            fields == null ? "bad plan" : ConfigTexts.limits(fields));
                }
            });
            if (output.isTable()) {
                table.print(out());
            }
            out().flush();
            return ExitCodes.OK;
        }
    }

    private static ObjectNode json(String name, @Nullable TenantConfig fields, long offset, int tenants) {
        ObjectNode json = Json.object();
        json.put("name", name);
        json.set("config", fields == null ? null : Json.tree(TenantConfigJson.writePlan(fields)));
        json.put("config_offset", offset);
        json.put("tenants", tenants);
        return json;
    }

    /** A command on one plan. */
    abstract static class OnPlan extends OnTenants {
        @Parameters(index = "0", paramLabel = "PLAN", description = "The plan's name.")
        String plan = "";

        @Mixin
        OutputOptions output = new OutputOptions();

        /** Returns the validated name. */
        String name() {
            try {
                Plan.checkName("PLAN", plan);
                return plan;
            } catch (IllegalArgumentException e) {
                throw new ParameterException(spec.commandLine(), e.getMessage(), e);
            }
        }

        PlanOperations.Outcome operate(
                BiFunction<PlanOperations, TenantOperations.Caller, PlanOperations.Outcome> operation) {
            try (TenantOperations operations = new TenantOperations(options.loadConnected())) {
                return operation.apply(operations.plans(), TenantOperations.Caller.ofCommandLine());
            }
        }

        int print(PlanOperations.Outcome outcome, String what) {
            if (outcome instanceof Rejected rejected) {
                return rejected(rejected.rejection());
            }
            Changed changed = (Changed) outcome;
            if (output.asObjects()) {
                ObjectNode json = json(changed.name(), changed.fields(), changed.offset(), changed.tenants());
                ArrayNode warnings = json.putArray("warnings");
                changed.warnings()
                        .forEach(warning -> warnings.addObject()
                                .put("id", warning.id())
                                .put("field", warning.field())
                                .put("message", warning.message()));
                out().println(output.line(json));
            } else {
                String done = ConfigTexts.done(changed.before(), changed.fields(), what);
                out().println("plan %s %s (config offset %d, tenants on it: %d)"
                        .formatted(changed.name(), done, changed.offset(), changed.tenants()));
                if (changed.fields() != null) {
                    ConfigTexts.difference(changed.before(), changed.fields())
                            .forEach(line -> out().println("  " + Table.printable(line)));
                    out().println("now: " + ConfigTexts.limits(changed.fields()));
                }
            }
            out().flush();
            warn(changed.warnings());
            return ExitCodes.OK;
        }

        private int rejected(ConfigEdit.Rejection rejection) {
            if (rejection.kind() == ConfigEdit.Kind.INVALID_CONFIG) {
                throw new ParameterException(spec.commandLine(), rejection.message());
            }
            hint(Table.printable(rejection.message()));
            if (rejection.kind() == ConfigEdit.Kind.PLAN_UNKNOWN) {
                hint("list the plans with: tidegate plans ls; create it with: tidegate plans set %s --rate 100/s"
                        .formatted(plan));
            } else if (rejection.kind() == ConfigEdit.Kind.PLAN_IN_USE) {
                hint(
                        "list the tenants with: tidegate tenants ls; move one with: tidegate tenants set TENANT --plan NAME");
            }
            return ExitCodes.FAILED;
        }

        void warn(List<Warning> warnings) {
            warnings.forEach(warning -> hint("warning: " + Table.printable(warning.message())));
        }
    }

    @Command(
            name = "get",
            mixinStandardHelpOptions = true,
            description = "Prints a plan; with -o json or -o yaml in the form that `set --from -` reads.")
    static final class Get extends OnPlan {
        @Override
        public Integer call() {
            String name = name();
            TenantDirectory.Snapshot snapshot = directory().snapshot();
            ConfigRecord stored = snapshot.plans().get(name);
            if (stored == null) {
                hint("plan '%s' does not exist; create it with: tidegate plans set %1$s --rate 100/s".formatted(name));
                return ExitCodes.FAILED;
            }
            TenantConfig fields = stored.config();
            if (fields == null) {
                throw new AdminException("the record of plan '%s' in tenant-configs (offset %d) is not a plan"
                        .formatted(name, stored.offset()));
            }
            if (output.asObjects()) {
                out().println(output.document(Json.tree(TenantConfigJson.writePlan(fields))));
            } else {
                Table table = new Table("FIELD", "VALUE");
                table.row("plan", name);
                table.row("tenants", snapshot.tenantsByPlan().getOrDefault(name, 0));
                Json.tree(TenantConfigJson.writePlan(fields))
                        .properties()
                        .forEach(field -> table.row(
                                field.getKey(),
                                field.getValue().isNull()
                                        ? null
                                        : field.getValue().isValueNode()
                                                ? field.getValue().asText()
                                                : ConfigTexts.value(field.getKey(), field.getValue())));
                table.print(out());
            }
            out().flush();
            warn(PlanOperations.warnings(fields, options.load()));
            return ExitCodes.OK;
        }
    }

    @Command(
            name = "set",
            mixinStandardHelpOptions = true,
            description = "Creates a plan or changes its limits; other fields stay.")
    static final class SetPlan extends OnPlan {
        @Mixin
        private LimitOptions limits = new LimitOptions();

        @Option(
                names = "--ceiling",
                paramLabel = "LIMIT=VALUE",
                description =
                        "The highest limit that tenants with a tenant-admin token may set themselves, such as rate=500/s or entities=20000:"
                                + " the options above without the dashes; can be repeated.")
        private @Nullable List<String> ceiling;

        @Option(
                names = "--from",
                paramLabel = "FILE",
                description =
                        "A whole plan as JSON or YAML, - for standard input; replaces all fields, then other options apply.")
        private @Nullable String from;

        @Override
        public Integer call() {
            String name = name();
            Plan base = from == null ? null : read(name, from);
            // Reject an invalid limit before reading the other ones from the broker.
            TenantConfig checked = apply(base == null ? Plan.empty(name).fields() : base.fields());
            if (base == null && ceiling == null && !limits.namesAny()) {
                throw new ParameterException(
                        spec.commandLine(), "give at least one option to set, such as --rate 100/s");
            }
            return print(
                    operate((operations, caller) -> base != null
                            ? operations.set(new Plan(name, checked), caller)
                            : operations.changeOrCreate(name, this::apply, caller)),
                    "set");
        }

        private TenantConfig apply(TenantConfig base) {
            try {
                TenantConfig fields = limits.apply(base);
                return ceiling == null
                        ? fields
                        : fields.toBuilder()
                                .ceiling(CeilingOption.apply(ceiling, base.ceiling()))
                                .build();
            } catch (IllegalArgumentException e) {
                throw new ParameterException(spec.commandLine(), e.getMessage(), e);
            }
        }

        private Plan read(String name, String file) {
            try {
                byte[] json = file.equals("-") ? System.in.readAllBytes() : Files.readAllBytes(Path.of(file));
                return TenantConfigJson.parsePlan(name, Json.ofYaml(json));
            } catch (IllegalArgumentException e) {
                throw new ParameterException(spec.commandLine(), "--from %s: %s".formatted(file, e.getMessage()), e);
            } catch (IOException e) {
                throw new ParameterException(
                        spec.commandLine(), "--from %s cannot be read: %s".formatted(file, ErrorText.of(e)), e);
            }
        }
    }

    @Command(
            name = "unset",
            mixinStandardHelpOptions = true,
            description = "Removes limits of a plan; other fields stay.")
    static final class Unset extends OnPlan {
        @Mixin
        private LimitFlags limits = new LimitFlags();

        @Option(names = "--ceiling", description = "Remove the ceiling: tenants cannot set limits above the plan's.")
        private boolean ceiling;

        @Override
        public Integer call() {
            String name = name();
            if (!ceiling && !limits.namesAny()) {
                throw new ParameterException(spec.commandLine(), "give at least one option to unset, such as --rate");
            }
            return print(operate((operations, caller) -> operations.change(name, this::without, caller)), "changed");
        }

        private TenantConfig without(TenantConfig base) {
            TenantConfig left = limits.without(base);
            return ceiling ? left.toBuilder().ceiling(null).build() : left;
        }
    }

    @Command(
            name = "history",
            mixinStandardHelpOptions = true,
            description = "Prints the last changes of a plan, newest first: time, author, old and new limits.")
    static final class History extends OnPlan {
        @Override
        public Integer call() {
            String name = name();
            List<ConfigHistory.Change> changes;
            try (TenantOperations operations = new TenantOperations(options.loadConnected())) {
                changes = operations.plans().current(name).history().changes();
            }
            ChangesPrinter.print(out(), output, changes, TenantConfigJson::writePlan);
            if (changes.isEmpty()) {
                hint("plan '%s' has no known changes".formatted(name));
            }
            return ExitCodes.OK;
        }
    }

    @Command(
            name = "undo",
            mixinStandardHelpOptions = true,
            description =
                    "Reverts the newest change of a plan, or all changes back to a given one, for all its tenants. This is a change"
                            + " too, and can be undone.")
    static final class Undo extends OnPlan {
        @Mixin
        private UndoOptions undo = new UndoOptions();

        @Override
        public Integer call() {
            String name = name();
            PlanOperations.Outcome outcome = operate((operations, caller) -> operations.undo(name, undo.to(), caller));
            boolean removed = outcome instanceof Changed changed && changed.fields() == null;
            return print(outcome, removed ? "no longer exists" : "reverted");
        }
    }

    @Command(name = "rm", mixinStandardHelpOptions = true, description = "Removes a plan that has no tenants.")
    static final class Rm extends OnPlan {
        @Override
        public Integer call() {
            String name = name();
            return print(operate((operations, caller) -> operations.remove(name, caller)), "removed");
        }
    }
}
