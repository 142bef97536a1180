package io.tidegate.admin;

import io.tidegate.tenant.ConfigKey;
import io.tidegate.tenant.Plan;
import io.tidegate.tenant.TenantConfig;
import io.tidegate.tenant.TenantId;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** An edit of one tenant's config or one plan: from what is stored to what is to be stored. */
@FunctionalInterface
public interface ConfigEdit {
    /**
     * Decides what becomes of the config. Pure, because it is called again if another writer came first.
     *
     * @param before what is stored; nobody else changes it before the result is written
     */
    Result apply(Before before);

    /**
     * What an edit is shown.
     *
     * @param key of the record
     * @param current the newest record of the key
     * @param ofDefault the default tenant's newest record
     * @param others whether a tenant other than this one and the default one is configured
     * @param plans the fields of all plans by name
     * @param users how many tenants are on this plan; 0 of a tenant
     */
    record Before(
            ConfigKey key,
            ConfigWriter.Current current,
            ConfigWriter.Current ofDefault,
            boolean others,
            Map<String, TenantConfig> plans,
            int users) {
        /** The tenant whose config is edited. */
        public TenantId tenant() {
            if (key instanceof ConfigKey.OfTenant one) {
                return one.tenant();
            }
            throw new IllegalStateException(key + " is no tenant");
        }

        /** The config in force for a tenant with a config of its own; null if its plan does not exist. */
        public @Nullable TenantConfig inForce(TenantConfig own) {
            return Plan.inForce(own, own.plan() == null ? null : plans.get(own.plan()));
        }
    }

    /** What becomes of the config. */
    sealed interface Result {}

    /** Nothing changes. */
    record Keep() implements Result {}

    /** The tenant gets this config; if it has it already nothing is written. */
    record Write(TenantConfig config) implements Result {}

    /** The tenant's config is removed. */
    record Remove() implements Result {}

    /** Nothing is written, and the caller is told why. */
    record Reject(Rejection rejection) implements Result {}

    /** Why an operation on a tenant or a plan is not done. */
    enum Kind {
        /** The tenant has no config. */
        TENANT_UNKNOWN,
        /** What is stored is not a config of the tenant. */
        NOT_A_CONFIG,
        /** The new config breaks a rule. */
        INVALID_CONFIG,
        /** Another tenant has one of the names. */
        NAME_TAKEN,
        /** The change to undo is not known. */
        NO_HISTORY,
        /** There is no such plan. */
        PLAN_UNKNOWN,
        /** Tenants are on the plan that was to be removed. */
        PLAN_IN_USE,
        /** The tenant is blocked by its plan, so it cannot be let in alone. */
        BLOCKED_BY_PLAN,
        /** The caller is a tenant, and may not change this field. */
        FIELD_NOT_ALLOWED,
        /** The caller is a tenant, and its plan does not let it set this limit so high. */
        BEYOND_CEILING,
        /** The config is not the one that the caller has read. */
        PRECONDITION_FAILED
    }

    /**
     * Why an operation is not done.
     *
     * @param message what and where, for people
     * @param current what is stored; null if the edit did not look at it
     * @param field the field that it is about, where the message does not begin with it
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
