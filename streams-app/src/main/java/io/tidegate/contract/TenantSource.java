package io.tidegate.contract;

import java.util.Locale;

/**
 * The place of a signal's tenant. With all except {@link #VALUE}, another tenant inside the value counts as spoofed.
 */
public enum TenantSource {
    /**
     * The place that {@code signal.tenant} names, by default the value's field {@code tenant_id}: a claim of the
     * producer.
     */
    VALUE,
    /** The header {@code tidegate-tenant}: for a gateway that authenticates producers. */
    HEADER,
    /** The record's key. */
    KEY,
    /** The topic's name, {@code signals.<id>}: Kafka ACLs on the topics authenticate the tenant. */
    TOPIC;

    public static TenantSource of(String name) {
        return valueOf(name.toUpperCase(Locale.ROOT));
    }
}
