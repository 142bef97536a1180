package io.tidegate.streams;

/**
 * Receives events of an instance that do not concern its records. Called by many threads at once, so implementations
 * must be thread-safe.
 */
public interface InstanceListener {
    /** Brokers deleted records of an input topic before they were read; {@code records} is an upper bound. */
    default void lost(String topic, long records) {}

    /** A stream thread failed; another one takes its place, or the instance ends. */
    default void threadFailed(boolean replaced) {}
}
