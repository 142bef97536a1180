package io.tidegate.streams;

/** Told what happens to an instance beside its records. Called by many threads at once, so it must be thread-safe. */
public interface InstanceListener {
    /** Brokers deleted records of an input topic before they were read: at most so many. */
    default void lost(String topic, long records) {}

    /** A stream thread failed; another one takes its place, or the instance ends. */
    default void threadFailed(boolean replaced) {}
}
