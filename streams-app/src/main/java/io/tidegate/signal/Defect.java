package io.tidegate.signal;

import java.util.Locale;

/**
 * Why a record cannot be judged at all, and so goes to the dead-letter topic. A closed set; each has a section in
 * {@code docs/reasons.md}.
 */
public enum Defect {
    /** The value is not a JSON object that Tidegate can read, or a field is not what it must be. */
    MALFORMED,
    /** The tenant is named, but not by a number from 0 to 2^64-1 in canonical decimal. */
    TENANT_INVALID,
    /** No tenant is named, and such signals are not the default tenant's. */
    TENANT_MISSING,
    /** The value names another tenant than the header, key or topic that is trusted. */
    TENANT_MISMATCH,
    /** The record would not fit into Tidegate's topics. */
    TOO_LARGE,
    /** The value does not begin as Avro values with a schema registry do. */
    AVRO_FRAMING,
    /** The schema registry has no Avro schema of the id in the value. */
    SCHEMA_UNKNOWN,
    /** The value is not what its Avro schema says. */
    AVRO_UNDECODABLE;

    private final String id = name().toLowerCase(Locale.ROOT);

    /** The id in headers, metrics and docs, such as {@code tenant_invalid}. */
    public String id() {
        return id;
    }
}
