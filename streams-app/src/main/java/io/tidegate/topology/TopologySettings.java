package io.tidegate.topology;

import io.tidegate.admission.HistoryBounds;
import io.tidegate.contract.RecordSizes;
import io.tidegate.contract.Residency;
import io.tidegate.contract.TenantSource;
import io.tidegate.contract.Topics;
import io.tidegate.signal.SignalMapping;
import io.tidegate.wal.WalSettings;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * The settings of the topology.
 *
 * @param topics the names of all topics
 * @param tenantSource the place of a signal's tenant
 * @param mapping the places of a signal's fields
 * @param region the region of this instance; null if it is not set
 * @param residency the topics of other regions, for signals whose tenant must not be in this one
 * @param instance this instance's name in reports
 * @param sizes the maximum sizes of records
 * @param cachedTenants the number of tenants whose usage each task keeps in memory
 * @param cacheBytes the memory for tenants' usage and entities, over all tasks
 * @param entitiesMax the maximum number of entities of any tenant, whatever its config says
 * @param history the lateness up to which the order of reading changes no decision
 * @param wal the limits of segments and open files
 * @param walWriteInterval how long an accepted signal may wait in memory before it is in its file
 * @param walCheckpointInterval the interval of making files durable; after a power loss this much is read again
 * @param shards the number of partitions over which tenants are distributed, even if a topic has more
 * @param keyedIngress whether producers key by tenant, so that most signals are already in their tenant's partition
 */
public record TopologySettings(
        Topics topics,
        TenantSource tenantSource,
        SignalMapping mapping,
        @Nullable String region,
        Residency residency,
        String instance,
        RecordSizes sizes,
        int cachedTenants,
        long cacheBytes,
        long entitiesMax,
        HistoryBounds history,
        WalSettings wal,
        Duration walWriteInterval,
        Duration walCheckpointInterval,
        int shards,
        boolean keyedIngress) {}
