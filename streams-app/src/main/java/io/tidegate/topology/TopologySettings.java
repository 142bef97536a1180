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
 * What the topology must know.
 *
 * @param topics the names of all topics
 * @param tenantSource where a signal's tenant is read
 * @param mapping where the fields of a signal are read
 * @param region where this instance writes; null where that is not set
 * @param residency where signals are sent on to whose tenant must not be here
 * @param instance this instance's name in reports
 * @param sizes how large records may be
 * @param cachedTenants tenants whose usage each task keeps in memory
 * @param cacheBytes memory for tenants' usage and entities, over all tasks
 * @param entitiesMax entities that any tenant can have, whatever its config says
 * @param history for how late signals decisions do not depend on the order of reading
 * @param wal how segments are cut and files are held
 * @param walWriteInterval how long an accepted signal may wait in memory before it is in its file
 * @param walCheckpointInterval how often files are made durable; after a power loss this much is read again
 * @param shards partitions over which tenants are distributed, however many more a topic has
 * @param keyedIngress whether producers key by tenant, so that most signals are in their tenant's partition already
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
