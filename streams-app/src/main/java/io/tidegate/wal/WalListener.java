package io.tidegate.wal;

/**
 * Told what happens to the files of a data directory. Called by the thread that does it, so it must be quick; by many
 * threads at once, so it must be thread-safe.
 */
public interface WalListener {
    /** Listens to nothing. */
    WalListener NONE = new WalListener() {};

    /** Bytes were written to a segment. */
    default void wrote(long bytes) {}

    /** A segment was made durable. */
    default void fsynced(long nanos) {}

    /** A shard's files were all made durable and its place was remembered. */
    default void checkpointed(long nanos) {}

    /** A segment was sealed. */
    default void sealed(long bytes) {}

    /** Bytes were cut from the end of a segment; a copy is in the quarantine. */
    default void cut(long bytes) {}

    /** Stored bytes were found that are not what was written. */
    default void damaged() {}
}
