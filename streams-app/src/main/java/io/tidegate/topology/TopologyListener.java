package io.tidegate.topology;

import io.tidegate.admission.Reason;
import io.tidegate.admission.TenantUsage;
import io.tidegate.signal.Defect;
import io.tidegate.streams.InstanceListener;
import io.tidegate.tenant.TenantConfig;
import io.tidegate.tenant.TenantId;
import java.util.function.LongConsumer;

/**
 * Told what the stages do. Called once for each signal, by the thread that decides, so it must be quick and must not
 * allocate; by many threads at once, so it must be thread-safe.
 *
 * <p>It hears of work as it is done. What a transaction that is then aborted did comes again.
 */
public interface TopologyListener extends InstanceListener {
    /** Listens to nothing. */
    TopologyListener NONE = new TopologyListener() {};

    /** The stages, in the order in which a signal passes them. */
    enum Stage {
        ROUTE,
        ADMIT
    }

    /** The quota use of all tenants of a task that are in memory, one after the other. */
    interface UsageRound {
        UsageRound NONE = new UsageRound() {};

        default void tenant(TenantConfig inForce, TenantUsage usage) {}

        /** There are no more. */
        default void end() {}
    }

    /**
     * A task begins its work here.
     *
     * @return is told the timestamp of each record that the task reads
     */
    default LongConsumer opened(Stage stage, int partition) {
        return timestampMs -> {};
    }

    /** A task ended its work here. */
    default void closed(Stage stage, int partition) {}

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

    /** A tenant's history was full, and gave up acceptances that late signals could still have needed. */
    default void historyFull() {}

    /** A signal was sent on to another region. */
    default void forwarded() {}

    /** A record of an internal topic was skipped because Tidegate did not write it. */
    default void skipped() {}

    /** From time to time: how much of their quotas a task's tenants use. */
    default UsageRound usageRound(int partition) {
        return UsageRound.NONE;
    }
}
