package io.tidegate.tools;

import io.tidegate.admin.TenantDirectory;
import io.tidegate.admin.TopicReader;
import io.tidegate.admission.TenantUsage;
import io.tidegate.config.Settings;
import io.tidegate.contract.StateKeys;
import io.tidegate.streams.KafkaInternals;
import io.tidegate.tenant.TenantId;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Predicate;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.jspecify.annotations.Nullable;

/**
 * Copies of tenants' usage as of the last commit, with their entities and new buckets, for trial decisions. Bounded; not
 * thread-safe.
 */
final class UsageSnapshot {
    /** The maximum number of loaded entities over all tenants: about 100 MB. */
    static final long ENTITIES_MAX = 2_000_000;

    /** The maximum number of tenants whose usage is held. */
    static final int TENANTS_MAX = 100_000;

    private final Predicate<TenantId> wanted;
    private final int tenantsMax;
    private final Map<TenantId, TenantUsage> usages = new HashMap<>();
    private final Set<TenantId> withoutEntities = new HashSet<>();
    private boolean isComplete = true;

    /**
     * Creates a snapshot in which no tenant has any usage.
     *
     * @param wanted selects the tenants whose usage it holds
     * @param tenantsMax the maximum number of tenants whose usage it holds
     */
    UsageSnapshot(Predicate<TenantId> wanted, int tenantsMax) {
        this.wanted = wanted;
        this.tenantsMax = tenantsMax;
    }

    /** Returns a snapshot in which none of the selected tenants has any usage. */
    static UsageSnapshot empty(Predicate<TenantId> wanted) {
        return new UsageSnapshot(wanted, TENANTS_MAX);
    }

    /**
     * Reads the usage of the selected tenants.
     *
     * @param entitiesMax the maximum number of loaded entities, smallest sets first
     */
    static UsageSnapshot read(Settings settings, Predicate<TenantId> wanted, long entitiesMax) {
        UsageSnapshot snapshot = empty(wanted);
        new TenantDirectory(settings).usages(snapshot::put);
        snapshot.usages.replaceAll((tenant, usage) -> usage.forTrial());
        Set<TenantId> loaded = smallest(snapshot.usages, entitiesMax);
        if (!loaded.isEmpty()) {
            loadEntities(settings, snapshot.usages, loaded);
        }
        snapshot.withoutEntities.addAll(snapshot.usages.keySet());
        snapshot.withoutEntities.removeAll(loaded);
        return snapshot;
    }

    /** Applies a stored usage; null for a deleted one. */
    void put(TenantId tenant, @Nullable TenantUsage usage) {
        if (usage == null) {
            usages.remove(tenant);
        } else if (wanted.test(tenant)) {
            if (hasRoomFor(tenant)) {
                usages.put(tenant, usage);
            } else {
                isComplete = false;
            }
        }
    }

    private boolean hasRoomFor(TenantId tenant) {
        return usages.size() < tenantsMax || usages.containsKey(tenant);
    }

    private static Set<TenantId> smallest(Map<TenantId, TenantUsage> usages, long entitiesMax) {
        Set<TenantId> chosen = new HashSet<>();
        long sum = 0;
        List<Map.Entry<TenantId, TenantUsage>> bySize = usages.entrySet().stream()
                .sorted(Comparator.comparingLong(entry -> entry.getValue().entityCount()))
                .toList();
        for (Map.Entry<TenantId, TenantUsage> entry : bySize) {
            sum += entry.getValue().entityCount();
            if (sum > entitiesMax) {
                break;
            }
            chosen.add(entry.getKey());
        }
        return chosen;
    }

    private static void loadEntities(Settings settings, Map<TenantId, TenantUsage> usages, Set<TenantId> loaded) {
        Map<TenantId, Map<Integer, byte[]>> chunks = new HashMap<>();
        try (TopicReader reader = new TopicReader(
                settings, List.of(KafkaInternals.changelog(settings.applicationId(), StateKeys.ENTITIES)))) {
            reader.readToEnd(record -> {
                TenantId tenant = StateKeys.tenantOf(record.key());
                if (loaded.contains(tenant)) {
                    put(chunks.computeIfAbsent(tenant, id -> new TreeMap<>()), StateKeys.chunkOf(record.key()), record);
                }
            });
        }
        for (TenantId tenant : loaded) {
            TenantUsage usage = usages.get(tenant);
            usage.entities().expect(usage.entityCount());
            Map<Integer, byte[]> own = chunks.remove(tenant);
            if (own != null) {
                own.forEach(usage.entities()::load);
            }
        }
    }

    private static void put(Map<Integer, byte[]> chunks, int number, ConsumerRecord<byte[], byte[]> record) {
        if (record.value() == null) {
            chunks.remove(number);
        } else {
            chunks.put(number, record.value());
        }
    }

    /** Returns whether the tenant's usage is known, also if it has none. */
    boolean knows(TenantId tenant) {
        return usages.containsKey(tenant) || (isComplete && hasRoomFor(tenant) && wanted.test(tenant));
    }

    /** Returns the usage of a {@linkplain #knows known} tenant, or a new one if it has none. The caller may change it. */
    TenantUsage of(TenantId tenant) {
        // A new one is never stored, so no client can attack the hash.
        return usages.computeIfAbsent(tenant, id -> TenantUsage.fresh(0, 0));
    }

    /** Returns whether the tenant's entities are loaded, and not only their number. */
    boolean knowsEntities(TenantId tenant) {
        return !withoutEntities.contains(tenant);
    }
}
