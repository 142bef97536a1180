package io.tidegate.signal;

import java.util.Locale;

/**
 * The reason why a record cannot be judged and goes to the dead-letter topic. A closed set; each has a section in
 * {@code docs/reasons.md}.
 */
public enum Defect {
    /** The value is not a JSON object that Tidegate can read, or a field has an invalid value. */
    MALFORMED,
    /** The tenant is named, but neither by a name nor by a number from 0 to 2^64-1 in canonical decimal. */
    TENANT_INVALID,
    /** No tenant is named, and such signals do not count for the default tenant. */
    TENANT_MISSING,
    /** The value names another tenant than the trusted header, key or topic. */
    TENANT_MISMATCH,
    /** The record would not fit into Tidegate's topics. */
    TOO_LARGE,
    /** The value does not begin like an Avro value of a schema registry. */
    AVRO_FRAMING,
    /** The schema registry has no Avro schema with the id in the value. */
    SCHEMA_UNKNOWN,
    /** The value does not match its Avro schema. */
    AVRO_UNDECODABLE;

    private final String id = name().toLowerCase(Locale.ROOT);

    /** The id in headers, metrics and docs, such as {@code tenant_invalid}. */
    public String id() {
        return id;
    }
}
