package io.tidegate.admission;

import java.util.Locale;

/**
 * The reason for rejecting a signal. A closed set; each has a section in {@code docs/reasons.md}. The order is part of
 * the stored format of {@link TenantUsage}: add at the end. Stored usages with fewer or more reasons stay readable.
 */
public enum Reason {
    /** The bucket is empty and was last full longer than burst ÷ rate ago: a sustained rate above the limit. */
    RATE_LIMITED,
    /** The bucket is empty and was full within burst ÷ rate: a spike that a larger burst would have let pass. */
    BURST_EXCEEDED,
    /** The signal names a new entity, and the tenant's limit of entities is reached. */
    ENTITY_LIMIT,
    /** The tenant's sealed WAL segments have reached its limit. */
    STORAGE_LIMIT,
    /** The tenant's data must reside in other regions, and none of them can be reached from this instance. */
    REGION_NOT_ALLOWED,
    /** An operator blocked the tenant until a time. */
    TENANT_BLOCKED,
    /** The tenant has no config, and unknown tenants are rejected. */
    TENANT_UNKNOWN,
    /** The byte bucket has fewer bytes than the signal. */
    BYTE_RATE_LIMITED,
    /** The value is larger than the tenant's limit, or than its byte bucket. */
    SIGNAL_TOO_LARGE,
    /** The tenant's limit for an hour, a day or a month is used up. */
    PERIOD_LIMIT,
    /** The bucket of the value of {@code signal} is empty. */
    SIGNAL_RATE_LIMITED;

    private final String id = name().toLowerCase(Locale.ROOT);

    /** The id in headers, metrics and docs, such as {@code rate_limited}. */
    public String id() {
        return id;
    }
}
