package io.tidegate.admin;

import io.tidegate.admin.ConfigEdit.Before;
import io.tidegate.admin.ConfigEdit.Kind;
import io.tidegate.admin.ConfigEdit.Reject;
import io.tidegate.admin.ConfigEdit.Rejection;
import io.tidegate.admin.ConfigEdit.Remove;
import io.tidegate.admin.ConfigEdit.Result;
import io.tidegate.admin.ConfigEdit.Write;
import io.tidegate.admin.ConfigWriter.Current;
import io.tidegate.admin.TenantOperations.Caller;
import io.tidegate.config.Settings;
import io.tidegate.tenant.ConfigKey;
import io.tidegate.tenant.ConfigWarnings.Warning;
import io.tidegate.tenant.Plan;
import io.tidegate.tenant.TenantConfig;
import java.util.List;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * The operations on one plan: set, change, remove, undo. A plan is one record, so a change applies to all its tenants at once.
 * The command line and the HTTP API both use these operations.
 *
 * <p>Thread-safe; one change at a time.
 */
public final class PlanOperations {
    private final ConfigWriter writer;
    private final Settings settings;

    PlanOperations(ConfigWriter writer, Settings settings) {
        this.writer = writer;
        this.settings = settings;
    }

    /** The result of an operation. */
    public sealed interface Outcome {
        /**
         * The plan is as requested.
         *
         * @param before its fields before; null if there was no readable plan
         * @param fields its fields now; null if it was removed
         * @param offset the offset of the record in force
         * @param tenants the number of tenants on it
         * @param warnings valid fields whose effect may be unexpected
         */
        record Changed(
                String name,
                @Nullable TenantConfig before,
                @Nullable TenantConfig fields,
                long offset,
                int tenants,
                List<Warning> warnings)
                implements Outcome {}

        /** Nothing was changed. */
        record Rejected(String name, Rejection rejection) implements Outcome {}
    }

    /** Sets the plan's fields, whether it exists or not. */
    public Outcome set(Plan plan, Caller caller) {
        return apply(plan.name(), caller, before -> new Write(plan.fields()));
    }

    /**
     * Changes the fields of an existing plan.
     *
     * @param change throws {@link IllegalArgumentException} if the result breaks a rule
     */
    public Outcome change(String name, UnaryOperator<TenantConfig> change, Caller caller) {
        return apply(
                name,
                caller,
                before -> before.current().config() == null && before.current().readable()
                        ? unknown(name, before)
                        : changed(name, before, change));
    }

    /** Like {@link #change}, but creates a plan that does not exist. */
    public Outcome changeOrCreate(String name, UnaryOperator<TenantConfig> change, Caller caller) {
        return apply(name, caller, before -> changed(name, before, change));
    }

    /** Removes a plan that has no tenants. The plan may be unreadable. */
    public Outcome remove(String name, Caller caller) {
        return apply(
                name,
                caller,
                before -> before.current().config() == null && before.current().readable()
                        ? unknown(name, before)
                        : new Remove());
    }

    /**
     * Reverts the newest change, or all changes back to a given one.
     *
     * @param to the offset of the oldest change to revert; null = only the newest change
     */
    public Outcome undo(String name, @Nullable Long to, Caller caller) {
        return apply(name, caller, before -> undone(name, before, to));
    }

    static Result undone(String name, Before before, @Nullable Long to) {
        try {
            TenantConfig earlier = before.current().history().before(to);
            return earlier == null ? new Remove() : new Write(new Plan(name, earlier).fields());
        } catch (IllegalArgumentException e) {
            return reject(before, Kind.NO_HISTORY, "plan '%s': %s".formatted(name, e.getMessage()));
        }
    }

    /** Returns the newest record of a plan, with its history. */
    public Current current(String name) {
        return writer.current(ConfigKey.ofPlan(name));
    }

    private static Result changed(String name, Before before, UnaryOperator<TenantConfig> change) {
        if (!before.current().readable()) {
            return reject(
                    before,
                    Kind.NOT_A_CONFIG,
                    "the record of plan '%s' in tenant-configs (offset %d) is not a plan; replace or remove it"
                            .formatted(name, before.current().offset()));
        }
        TenantConfig fields = before.current().config();
        try {
            return new Write(new Plan(
                            name, change.apply(fields == null ? Plan.empty(name).fields() : fields))
                    .fields());
        } catch (IllegalArgumentException e) {
            return reject(before, Kind.INVALID_CONFIG, String.valueOf(e.getMessage()));
        }
    }

    private Outcome apply(String name, Caller caller, ConfigEdit edit) {
        ConfigWriter.Outcome outcome = writer.change(ConfigKey.ofPlan(name), caller.name(), before -> {
            String failure = caller.precondition().failure(before.current());
            return failure == null ? edit.apply(before) : reject(before, Kind.PRECONDITION_FAILED, failure);
        });
        if (outcome instanceof ConfigWriter.Rejected rejected) {
            return new Outcome.Rejected(name, rejected.rejection());
        }
        ConfigWriter.Written written = (ConfigWriter.Written) outcome;
        return new Outcome.Changed(
                name,
                written.before().current().config(),
                written.config(),
                written.offset(),
                written.before().users(),
                written.config() == null ? List.of() : warnings(written.config(), settings));
    }

    /** Returns the warnings about a plan. A burst without a rate is useful here: for tenants that set a rate. */
    public static List<Warning> warnings(TenantConfig fields, Settings settings) {
        return TenantOperations.warnings(fields, settings).stream()
                .filter(warning -> !warning.id().equals("burst_without_rate"))
                .toList();
    }

    private static Result unknown(String name, Before before) {
        return reject(before, Kind.PLAN_UNKNOWN, "plan '%s' does not exist".formatted(name));
    }

    private static Result reject(Before before, Kind kind, String message) {
        return new Reject(new Rejection(kind, message, before.current()));
    }
}
