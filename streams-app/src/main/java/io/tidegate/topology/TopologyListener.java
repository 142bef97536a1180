package io.tidegate.topology;

import io.tidegate.admission.Reason;
import io.tidegate.admission.TenantUsage;
import io.tidegate.signal.Defect;
import io.tidegate.streams.InstanceListener;
import io.tidegate.tenant.TenantConfig;
import io.tidegate.tenant.TenantId;
import java.util.function.LongConsumer;

/**
 * Receives events from the stages. Called once for each signal, on the thread that decides, so implementations must be
 * quick and must not allocate; and by many threads at once, so they must be thread-safe.
 *
 * <p>Events are reported as work is done. The work of an aborted transaction is reported again when it is repeated.
 */
public interface TopologyListener extends InstanceListener {
    /** Ignores all events. */
    TopologyListener NONE = new TopologyListener() {};

    /** The stages, in the order in which a signal passes them. */
    enum Stage {
        ROUTE,
        ADMIT
    }

    /** Receives the quota use of each tenant of a task that is in memory. */
    interface UsageRound {
        UsageRound NONE = new UsageRound() {};

        default void tenant(TenantConfig inForce, TenantUsage usage) {}

        /** The round has ended. */
        default void end() {}
    }

    /**
     * A task opened here.
     *
     * @return receives the timestamp of each record that the task reads
     */
    default LongConsumer opened(Stage stage, int partition) {
        return timestampMs -> {};
    }

    /**
     * A task closed here.
     *
     * @param task as {@link #opened} returned it: the successor of a lost task may have opened before
     */
    default void closed(Stage stage, int partition, LongConsumer task) {}

    default void accepted() {}

    default void rejected(TenantId tenant, Reason reason) {}

    /** A signal was rejected as {@link Reason#TENANT_UNKNOWN} because no tenant has the name that it refers to. */
    default void rejectedUnknownName() {}

    default void deadLettered(Defect defect) {}

    /** A tenant was deleted: it has no config, no state and no files any more. */
    default void deleted(TenantId tenant) {}

    /**
     * A signal with a rate limit was older than the newest accepted one of its tenant.
     *
     * @param beyond older than the history, so that it may be rejected too early
     */
    default void late(boolean beyond) {}

    /** A tenant's history was full, and acceptances that late signals could still have needed were dropped from it. */
    default void historyFull() {}

    /** A signal was sent on to another region. */
    default void forwarded() {}

    /** A record of an internal topic was skipped because Tidegate did not write it. */
    default void skipped() {}

    /** Called periodically. Returns a receiver for the quota use of a task's tenants. */
    default UsageRound usageRound(int partition) {
        return UsageRound.NONE;
    }
}
