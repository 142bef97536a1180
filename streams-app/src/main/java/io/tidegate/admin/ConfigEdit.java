package io.tidegate.admin;

import io.tidegate.tenant.TenantConfig;
import io.tidegate.tenant.TenantId;
import org.jspecify.annotations.Nullable;

/** An edit of one tenant's config: from what is stored to what is to be stored. */
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
     * @param current the tenant's newest record
     * @param ofDefault the default tenant's newest record
     * @param others whether a tenant other than this one and the default one is configured
     */
    record Before(TenantId tenant, ConfigWriter.Current current, ConfigWriter.Current ofDefault, boolean others) {}

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

    /** Why an operation on a tenant is not done. */
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
        /** The config is not the one that the caller has read. */
        PRECONDITION_FAILED
    }

    /**
     * Why an operation is not done.
     *
     * @param message what and where, for people
     * @param current what is stored; null if the edit did not look at it
     */
    record Rejection(Kind kind, String message, ConfigWriter.@Nullable Current current) {}
}
