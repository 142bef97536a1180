package io.tidegate.wal;

/**
 * Receives events about the files of a data directory. Called on the thread that performs the operation, so
 * implementations must be quick, and by many threads at once, so they must be thread-safe.
 */
public interface WalListener {
    /** Ignores all events. */
    WalListener NONE = new WalListener() {};

    /** Bytes were written to a segment. */
    default void wrote(long bytes) {}

    /** A segment was made durable. */
    default void fsynced(long nanos) {}

    /** All files of a shard were made durable and its checkpoint was written. */
    default void checkpointed(long nanos) {}

    /** A segment was sealed. */
    default void sealed(long bytes) {}

    /** Bytes were truncated from the end of a segment; a copy is in the quarantine. */
    default void cut(long bytes) {}
}
