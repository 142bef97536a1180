package io.tidegate.streams;

import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Notices for the operator of an instance: the causes of its pause, and the rules that its topics violate. Thread-safe.
 */
public final class InstanceNotices {
    /** A cause of a pause. The instance resumes by itself when no cause is left. */
    public enum PauseCause {
        DISK,
        TOPICS
    }

    private final Map<PauseCause, String> pauses = new EnumMap<>(PauseCause.class);
    private volatile List<String> topicFindings = List.of();
    private volatile Supplier<@Nullable String> waits = () -> null;

    synchronized void paused(PauseCause cause, String why) {
        pauses.put(cause, why);
    }

    /** @return whether no cause is left */
    synchronized boolean resumed(PauseCause cause) {
        pauses.remove(cause);
        return pauses.isEmpty();
    }

    synchronized boolean isPausedFor(PauseCause cause) {
        return pauses.containsKey(cause);
    }

    /** Returns the reason of a cause; null if the instance is not paused for it. */
    public synchronized @Nullable String pausedBecause(PauseCause cause) {
        return pauses.get(cause);
    }

    /** Returns the reasons why the instance is paused; empty if it is not. */
    public synchronized List<String> pausedBecause() {
        return List.copyOf(pauses.values());
    }

    /** The violated rules of topics, each with the command that fixes it. */
    public List<String> topicFindings() {
        return topicFindings;
    }

    void topicFindings(List<String> findings) {
        topicFindings = List.copyOf(findings);
    }

    /**
     * Returns the reason why some partitions of the signals wait while the instance processes the others; null if none
     * waits.
     */
    public @Nullable String waitsFor() {
        return waits.get();
    }

    void waits(Supplier<@Nullable String> why) {
        waits = why;
    }
}
