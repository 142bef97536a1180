package io.tidegate.admission;

import io.tidegate.tenant.TenantId;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;

/**
 * The reason for a rejection: the exceeded quota of a tenant, and when a retry is useful.
 *
 * @param tenant the owner of the quota
 * @param reason identifies the quota
 * @param limit the limit in force, in the unit of the reason (signals per second, signals, bytes per second, entities,
 *     bytes); empty if the reason has none
 * @param observed the observed value, in the same unit; empty if the reason has none
 * @param retryAfterMs the milliseconds of record time after which the same signal would pass if no other came; empty if
 *     waiting does not help
 * @param kind the kind of entities that is full; null if the limit of all kinds together is reached, or for another
 *     reason
 * @param period the quota of a period that is used up; null for another reason
 * @param isForgotten whether the signal's period is too long ago: the signals accepted in it are no longer known
 * @param signal the value of {@code signal} whose limit is exceeded, as the config names it; null for another reason
 */
public record QuotaExceeded(
        TenantId tenant,
        Reason reason,
        OptionalLong limit,
        OptionalLong observed,
        OptionalLong retryAfterMs,
        @Nullable EntityKind kind,
        @Nullable PeriodQuota period,
        boolean isForgotten,
        @Nullable String signal) {
    /** Creates a reason without a period or value of {@code signal}. */
    public QuotaExceeded(
            TenantId tenant,
            Reason reason,
            OptionalLong limit,
            OptionalLong observed,
            OptionalLong retryAfterMs,
            @Nullable EntityKind kind) {
        this(tenant, reason, limit, observed, retryAfterMs, kind, null, false, null);
    }

    /** Returns a description with numbers, for people. Built for each rejection, so without a formatter. */
    public String message() {
        return switch (reason) {
            case RATE_LIMITED ->
                limit.orElse(0) == 0
                        ? "the rate limit is 0: every signal is rejected"
                        : "sustained rate above " + limit.orElse(0) + " signals per second";
            case BURST_EXCEEDED -> "burst above " + limit.orElse(0) + " signals";
            case BYTE_RATE_LIMITED ->
                limit.orElse(0) == 0
                        ? "the byte rate limit is 0: every signal is rejected"
                        : "a signal of " + observed.orElse(0) + " bytes does not fit in the rate of " + limit.orElse(0)
                                + " bytes per second";
            case SIGNAL_RATE_LIMITED ->
                limit.orElse(0) == 0
                        ? "the limit of signals '" + signal + "' is 0: every one is rejected"
                        : "rate of signals '" + signal + "' above " + limit.orElse(0) + " per second";
            case SIGNAL_TOO_LARGE ->
                "the value has " + observed.orElse(0) + " bytes, the limit is " + limit.orElse(0) + " bytes";
            case ENTITY_LIMIT ->
                "the signal names a new " + (kind == null ? "entity" : kind.id()) + ", and " + observed.orElse(0)
                        + " of " + limit.orElse(0) + " are in use";
            case STORAGE_LIMIT ->
                "sealed WAL segments take " + observed.orElse(0) + " of " + limit.orElse(0) + " bytes";
            case PERIOD_LIMIT -> periodMessage();
            case REGION_NOT_ALLOWED -> "no required region of the tenant can be reached from here";
            case TENANT_BLOCKED -> "the tenant is blocked";
            case TENANT_UNKNOWN -> "the tenant has no config";
        };
    }

    private String periodMessage() {
        boolean ofBytes = period != null && period.ofBytes();
        String name = (period == null ? "period" : period.per().id()) + " (UTC) of the signal";
        if (isForgotten) {
            return "the " + name + " is too long ago: its signals are no longer counted";
        }
        return observed.orElse(0) + " of " + limit.orElse(0)
                + (ofBytes
                        ? " bytes are accepted, and the value does not fit, in the "
                        : " signals are accepted in the ")
                + name;
    }
}
