package io.tidegate.contract;

import java.util.Locale;

/** Where a signal's tenant is read. With all but {@link #VALUE}, another tenant inside the value is a spoof. */
public enum TenantSource {
    /** Where {@code signal.tenant} says, by default the value's field {@code tenant_id}: a claim of the producer. */
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
