package io.tidegate.admin;

import io.tidegate.tenant.ConfigKey;
import io.tidegate.tenant.Plan;
import io.tidegate.tenant.TenantConfig;
import io.tidegate.tenant.TenantId;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** An edit of one tenant's config or one plan: a function from the stored record to the new one. */
@FunctionalInterface
public interface ConfigEdit {
    /**
     * Decides on the new config. Must be pure: it is called again if another writer came first.
     *
     * @param before the stored state; no other writer changes it before the result is written
     */
    Result apply(Before before);

    /**
     * The stored state that an edit is applied to.
     *
     * @param key the record's key
     * @param current the newest record of the key
     * @param ofDefault the default tenant's newest record
     * @param others whether a tenant other than this one and the default tenant is configured
     * @param plans the fields of all plans by name
     * @param users the number of tenants on this plan; 0 for a tenant
     */
    record Before(
            ConfigKey key,
            ConfigWriter.Current current,
            ConfigWriter.Current ofDefault,
            boolean others,
            Map<String, TenantConfig> plans,
            int users) {
        /** Returns the tenant whose config is edited. */
        public TenantId tenant() {
            if (key instanceof ConfigKey.OfTenant one) {
                return one.tenant();
            }
            throw new IllegalStateException(key + " is not a tenant");
        }

        /** Returns the config in force for a tenant with its own config; null if its plan does not exist. */
        public @Nullable TenantConfig inForce(TenantConfig own) {
            return Plan.inForce(own, own.plan() == null ? null : plans.get(own.plan()));
        }
    }

    /** The result of an edit. */
    sealed interface Result {}

    /** Nothing changes. */
    record Keep() implements Result {}

    /** The tenant gets this config. Nothing is written if it already has it. */
    record Write(TenantConfig config) implements Result {}

    /** The tenant's config is removed. */
    record Remove() implements Result {}

    /** Nothing is written, and the caller receives the reason. */
    record Reject(Rejection rejection) implements Result {}

    /** Why an operation on a tenant or a plan is rejected. */
    enum Kind {
        /** The tenant has no config. */
        TENANT_UNKNOWN,
        /** The record is not a config of the tenant. */
        NOT_A_CONFIG,
        /** The new config breaks a rule. */
        INVALID_CONFIG,
        /** Another tenant has one of the names. */
        NAME_TAKEN,
        /** The change to undo is unknown. */
        NO_HISTORY,
        /** There is no such plan. */
        PLAN_UNKNOWN,
        /** Tenants are on the plan that would be removed. */
        PLAN_IN_USE,
        /** The tenant is blocked by its plan, so it cannot be unblocked alone. */
        BLOCKED_BY_PLAN,
        /** The caller is the tenant itself, and may not change this field. */
        FIELD_NOT_ALLOWED,
        /** The caller is the tenant itself, and its plan does not allow this limit to be so high. */
        BEYOND_CEILING,
        /** The config has changed since the caller read it. */
        PRECONDITION_FAILED
    }

    /**
     * The rejection of an operation.
     *
     * @param message the cause and its place, for people
     * @param current the stored record; null if the edit did not read it
     * @param field the field concerned, if the message does not begin with it
     */
    record Rejection(
            Kind kind,
            String message,
            ConfigWriter.@Nullable Current current,
            @Nullable String field) {
        public Rejection(Kind kind, String message, ConfigWriter.@Nullable Current current) {
            this(kind, message, current, null);
        }
    }
}
