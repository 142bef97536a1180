package io.tidegate.admin;

import com.fasterxml.jackson.databind.JsonNode;
import io.tidegate.admin.ConfigEdit.Before;
import io.tidegate.admin.ConfigEdit.Keep;
import io.tidegate.admin.ConfigEdit.Kind;
import io.tidegate.admin.ConfigEdit.Reject;
import io.tidegate.admin.ConfigEdit.Rejection;
import io.tidegate.admin.ConfigEdit.Remove;
import io.tidegate.admin.ConfigEdit.Result;
import io.tidegate.admin.ConfigEdit.Write;
import io.tidegate.admin.ConfigWriter.Current;
import io.tidegate.config.Settings;
import io.tidegate.contract.Residency;
import io.tidegate.contract.SegmentLimits;
import io.tidegate.tenant.ConfigWarnings;
import io.tidegate.tenant.ConfigWarnings.Warning;
import io.tidegate.tenant.SelfService;
import io.tidegate.tenant.SelfService.Violation;
import io.tidegate.tenant.TenantConfig;
import io.tidegate.tenant.TenantId;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * The operations on one tenant: set, change, remove, undo, block, unblock, purge. The command line and the HTTP API both use
 * these operations: they only parse requests and print outcomes.
 *
 * <p>Thread-safe; one change at a time.
 */
public final class TenantOperations implements AutoCloseable {
    private final ConfigWriter writer;
    private final PlanOperations plans;
    private final CommandSender commands;
    private final Settings settings;

    public TenantOperations(Settings settings) {
        this.settings = settings;
        this.writer = new ConfigWriter(settings);
        this.plans = new PlanOperations(writer, settings);
        this.commands = new CommandSender(settings);
    }

    /** Returns the operations on plans. */
    public PlanOperations plans() {
        return plans;
    }

    /**
     * The author of an operation, and a condition on the stored config.
     *
     * @param isTenant whether the author is the tenant itself, which may change only the fields of {@link SelfService}
     */
    public record Caller(String name, Precondition precondition, boolean isTenant) {
        public Caller(String name, Precondition precondition) {
            this(name, precondition, false);
        }

        /** Returns a caller without a condition. */
        public static Caller of(String name) {
            return new Caller(name, current -> null);
        }

        /** Returns the user of the command line. */
        public static Caller ofCommandLine() {
            return of("cli:" + System.getProperty("user.name", "?"));
        }
    }

    /** A condition on the stored config. */
    @FunctionalInterface
    public interface Precondition {
        /** Returns why the condition is not met; null if it is. */
        @Nullable
        String failure(Current current);
    }

    /** The outcome of an operation. */
    public sealed interface Outcome {
        /**
         * The tenant's config is as requested.
         *
         * @param before the config before; null if there was no readable one
         * @param config the config now; null if there is none
         * @param inForce the config completed by the tenant's plan; null if there is none
         * @param offset the offset of the record in force
         * @param warnings valid fields whose effect may be unexpected
         */
        record Changed(
                TenantId tenant,
                @Nullable TenantConfig before,
                @Nullable TenantConfig config,
                @Nullable TenantConfig inForce,
                long offset,
                List<Warning> warnings)
                implements Outcome {}

        /** Nothing was changed. */
        record Rejected(TenantId tenant, Rejection rejection) implements Outcome {}

        /**
         * The tenant's data is deleted.
         *
         * @param offset the offset of the record that removed the config, or of the config that stays
         * @param report a description of the deleted data
         */
        record Purged(TenantId tenant, long offset, JsonNode report) implements Outcome {}

        /** The config is removed, but the tenant's owner rejected the command to delete its data. */
        record CommandRejected(TenantId tenant, String message) implements Outcome {}
    }

    /** Sets the tenant's config, whether it has one or not. */
    public Outcome set(TenantConfig config, Caller caller) {
        return apply(config.tenantId(), caller, before -> new Write(config));
    }

    /**
     * Changes the tenant's existing config.
     *
     * @param change throws {@link IllegalArgumentException} if the result breaks a rule
     */
    public Outcome change(TenantId tenant, UnaryOperator<TenantConfig> change, Caller caller) {
        return apply(tenant, caller, before -> {
            if (!before.current().readable()) {
                return notAConfig(before);
            }
            TenantConfig own = ownOrDefault(before);
            return own == null ? unknown(before) : written(before, () -> change.apply(own));
        });
    }

    /** Like {@link #change}, but a tenant without a config gets one, starting from no limits. */
    public Outcome changeOrCreate(TenantId tenant, UnaryOperator<TenantConfig> change, Caller caller) {
        return apply(tenant, caller, before -> {
            if (!before.current().readable()) {
                return notAConfig(before);
            }
            TenantConfig own = ownOrDefault(before);
            return written(before, () -> change.apply(own == null ? TenantConfig.unlimited(tenant, "") : own));
        });
    }

    /** Removes the tenant's config. The config may be unreadable. */
    public Outcome remove(TenantId tenant, Caller caller) {
        return apply(
                tenant,
                caller,
                before -> before.current().config() == null && before.current().readable()
                        ? unknown(before)
                        : new Remove());
    }

    /**
     * Reverts the newest change, or all changes back to a given one.
     *
     * @param to the offset of the oldest change to revert; null = only the newest change
     */
    public Outcome undo(TenantId tenant, @Nullable Long to, Caller caller) {
        return apply(tenant, caller, before -> {
            try {
                TenantConfig earlier = before.current().history().before(to);
                return earlier == null ? new Remove() : new Write(earlier);
            } catch (IllegalArgumentException e) {
                return reject(before, Kind.NO_HISTORY, "tenant %s: %s".formatted(tenant, e.getMessage()));
            }
        });
    }

    /**
     * Blocks the tenant until a time. A tenant that is judged by the default tenant's config gets its own config with those
     * limits.
     */
    public Outcome block(TenantId tenant, Instant until, Caller caller) {
        return apply(tenant, caller, before -> blocked(before, until));
    }

    /** Unblocks a tenant. A tenant that is not blocked keeps the config that it has or inherits. */
    public Outcome unblock(TenantId tenant, Caller caller) {
        Instant now = Instant.now();
        return apply(tenant, caller, before -> {
            Result result = blocked(before, null);
            TenantConfig own = result instanceof Write write
                    ? write.config()
                    : before.current().config();
            TenantConfig inForce = result instanceof Reject || own == null ? null : before.inForce(own);
            return inForce != null
                            && inForce.blockedUntil() != null
                            && inForce.blockedUntil().isAfter(now)
                    ? reject(
                            before,
                            Kind.BLOCKED_BY_PLAN,
                            ("tenant %s is blocked until %s by its plan '%s', with all tenants on it;"
                                            + " to unblock them: tidegate plans unset %s --blocked-until")
                                    .formatted(tenant, inForce.blockedUntil(), own.plan(), own.plan()))
                    : result;
        });
    }

    private Result blocked(Before before, @Nullable Instant until) {
        if (!before.current().readable()) {
            return notAConfig(before);
        }
        TenantConfig own = ownOrDefault(before);
        if (own == null && !before.ofDefault().readable()) {
            return reject(
                    before,
                    Kind.NOT_A_CONFIG,
                    notAConfig(TenantId.DEFAULT, before.ofDefault().offset()));
        }
        TenantConfig ofDefault = before.ofDefault().config();
        TenantConfig inForce =
                settings.unknownTenants().inForce(own, ofDefault == null ? TenantConfig.defaultTenant() : ofDefault);
        if (inForce == null) {
            return unknown(before);
        }
        if (until == null && inForce.blockedUntil() == null) {
            return new Keep();
        }
        return written(
                before, () -> (own == null ? inForce.withTenantId(before.tenant()) : own).withBlockedUntil(until));
    }

    /**
     * Deletes everything of a tenant: first its config, then its data on the instance that owns it. The config of a tenant that
     * must be in other regions stays, because those regions need it.
     *
     * @param within how long to wait for that instance
     */
    public Outcome purge(TenantId tenant, Duration within, Caller caller) {
        Outcome removed = apply(tenant, caller, before -> isElsewhere(before) ? new Keep() : new Remove());
        return removed instanceof Outcome.Changed changed ? delete(changed, within, caller) : removed;
    }

    private boolean isElsewhere(Before before) {
        TenantConfig own = before.current().config();
        TenantConfig inForce = own == null ? null : before.inForce(own);
        return inForce != null && Residency.isElsewhere(inForce, settings.region());
    }

    /** Deletes the data of a tenant whose config may have been removed. A failure must not hide that it was. */
    private Outcome delete(Outcome.Changed changed, Duration within, Caller caller) {
        TenantId tenant = changed.tenant();
        String removed = changed.before() == null || changed.config() != null
                ? ""
                : "the config of tenant %s is removed, but its data is not deleted yet: ".formatted(tenant);
        String remedy = removed.isEmpty()
                ? ""
                : ". Repeat the purge, or get the config back with: tidegate tenants undo " + tenant.decimal();
        CommandSender.Answer answer;
        try {
            answer = commands.delete(tenant, caller.name(), within);
        } catch (AdminException e) {
            throw removed.isEmpty() ? e : new AdminException(removed + e.getMessage() + remedy, e);
        }
        return answer.done()
                ? new Outcome.Purged(tenant, changed.offset(), answer.events().get(0))
                : new Outcome.CommandRejected(
                        tenant, removed + answer.last().path("message").asText() + remedy);
    }

    /** Returns the tenant's newest record. */
    public Current current(TenantId tenant) {
        return writer.current(tenant);
    }

    private Outcome apply(TenantId tenant, Caller caller, ConfigEdit edit) {
        ConfigWriter.Outcome outcome = writer.change(tenant, caller.name(), before -> {
            String failure = caller.precondition().failure(before.current());
            if (failure != null) {
                return reject(before, Kind.PRECONDITION_FAILED, failure);
            }
            Result result = edit.apply(before);
            return caller.isTenant() ? ownChange(before, result) : result;
        });
        if (outcome instanceof ConfigWriter.Rejected rejected) {
            return new Outcome.Rejected(tenant, rejected.rejection());
        }
        ConfigWriter.Written written = (ConfigWriter.Written) outcome;
        TenantConfig config = written.config();
        return new Outcome.Changed(
                tenant,
                written.before().current().config(),
                config,
                config == null ? null : written.before().inForce(config),
                written.offset(),
                ChangeWarnings.of(written.before(), config, settings));
    }

    /**
     * Returns the result if the tenant itself may make this change, else a rejection. The plan is the one stored at the time of
     * the change.
     */
    static Result ownChange(Before before, Result result) {
        TenantConfig from = before.current().config();
        if (from == null && !(result instanceof Reject)) {
            return unknown(before);
        }
        if (result instanceof Remove) {
            return reject(before, Kind.FIELD_NOT_ALLOWED, "a tenant cannot remove its config");
        }
        if (from == null || !(result instanceof Write write)) {
            return result;
        }
        TenantConfig plan = from.plan() == null ? null : before.plans().get(from.plan());
        Violation violation = SelfService.check(from, write.config(), plan);
        if (violation == null) {
            return result;
        }
        Kind kind = violation.isBeyondCeiling() ? Kind.BEYOND_CEILING : Kind.FIELD_NOT_ALLOWED;
        return new Reject(new Rejection(kind, violation.message(), before.current(), violation.field()));
    }

    /** Returns the warnings about a config with these settings. */
    public static List<Warning> warnings(TenantConfig config, Settings settings) {
        long smallestSegment = Math.min(SegmentLimits.BYTES_MIN, settings.wal().segmentBytes());
        return ConfigWarnings.of(config, smallestSegment, System.currentTimeMillis());
    }

    /** Returns the tenant's own config; the default tenant always has one. */
    private static @Nullable TenantConfig ownOrDefault(Before before) {
        TenantConfig own = before.current().config();
        return own == null && before.tenant().isDefault() ? TenantConfig.defaultTenant() : own;
    }

    private static Result written(Before before, Supplier<TenantConfig> change) {
        try {
            TenantConfig config = change.get();
            return config.tenantId().equals(before.tenant())
                    ? new Write(config)
                    : reject(
                            before,
                            Kind.INVALID_CONFIG,
                            "tenant_id: is %s, not %s"
                                    .formatted(
                                            config.tenantId().decimal(),
                                            before.tenant().decimal()));
        } catch (IllegalArgumentException e) {
            return reject(before, Kind.INVALID_CONFIG, String.valueOf(e.getMessage()));
        }
    }

    private static Result unknown(Before before) {
        return reject(before, Kind.TENANT_UNKNOWN, "tenant %s has no config of its own".formatted(before.tenant()));
    }

    private static Result notAConfig(Before before) {
        return reject(
                before,
                Kind.NOT_A_CONFIG,
                notAConfig(before.tenant(), before.current().offset()));
    }

    /** Returns the message for a record that is not a config of its tenant. */
    public static String notAConfig(TenantId tenant, long offset) {
        return "the record of tenant %s in tenant-configs (offset %d) is not a valid config of this tenant; replace or remove it"
                .formatted(tenant, offset);
    }

    private static Result reject(Before before, Kind kind, String message) {
        return new Reject(new Rejection(kind, message, before.current()));
    }

    @Override
    public void close() {
        writer.close();
    }
}
