package io.tidegate.admission;

/** The token buckets of a tenant. The order is part of the keys under which their histories are stored. */
public enum Bucket {
    SIGNALS,
    BYTES;

    /** The byte that stands for the bucket in the keys of its history. */
    public byte key() {
        return (byte) ordinal();
    }
}
