package io.tidegate.admission;

import java.util.Locale;

/**
 * Why a signal was rejected. A closed set; each has a section in {@code docs/reasons.md}. The order is part of the
 * stored format of {@link TenantUsage}: add at the end. Stored usages with fewer or more reasons stay readable.
 */
public enum Reason {
    /** The bucket is empty and was last full longer than burst ÷ rate ago: a sustained rate above the limit. */
    RATE_LIMITED,
    /** The bucket is empty and was full within burst ÷ rate: a spike that a larger burst would have let pass. */
    BURST_EXCEEDED,
    /** The signal names an entity that the tenant has no room for. */
    ENTITY_LIMIT,
    /** The tenant's sealed WAL segments have reached its limit. */
    STORAGE_LIMIT,
    /** The tenant's data must reside in regions that this instance neither is in nor can reach. */
    REGION_NOT_ALLOWED,
    /** An operator blocked the tenant until a time. */
    TENANT_BLOCKED,
    /** The tenant has no config, and unknown tenants are rejected. */
    TENANT_UNKNOWN,
    /** The byte bucket has less than the signal takes. */
    BYTE_RATE_LIMITED,
    /** The value is larger than the tenant's signals may be, or than its byte bucket. */
    SIGNAL_TOO_LARGE,
    /** The tenant has used up what it may send in an hour, a day or a month. */
    PERIOD_LIMIT,
    /** The bucket of the value of {@code signal} is empty. */
    SIGNAL_RATE_LIMITED;

    private final String id = name().toLowerCase(Locale.ROOT);

    /** The id in headers, metrics and docs, such as {@code rate_limited}. */
    public String id() {
        return id;
    }
}
