package io.tidegate.tools;

import io.tidegate.admin.TenantDirectory;
import io.tidegate.config.Settings;
import io.tidegate.contract.Residency;
import io.tidegate.schemas.RegistrySchemas;
import io.tidegate.signal.SignalReader;
import io.tidegate.tenant.SignalLimit;
import io.tidegate.tenant.TenantConfig;
import io.tidegate.tenant.TenantId;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * The limits in force and the usage by which a replay judges and paces signals. A run can take long, so they are loaded again
 * from time to time. Not thread-safe.
 */
final class ReplayLimits {
    private static final long MAX_AGE_NANOS = TimeUnit.MINUTES.toNanos(1);

    /** The memory of an entity in a loaded set, and the share of the heap for all of them. */
    private static final int ENTITY_BYTES = 64;

    private static final int ENTITIES_SHARE_OF_HEAP = 8;

    private final Settings settings;
    private final SignalReader reader;
    private final TenantDirectory directory;
    private final @Nullable TenantId only;
    private final LongSupplier nowNanos;
    private TenantDirectory.Snapshot configs;
    private ReplayJudge judge;
    private long loadedNanos;

    /**
     * Loads the limits and the usage.
     *
     * @param only the tenant whose usage is needed; null = all
     */
    ReplayLimits(Settings settings, @Nullable TenantId only, LongSupplier nowNanos) {
        this.settings = settings;
        this.only = only;
        this.nowNanos = nowNanos;
        reader = new SignalReader(settings.signalMapping(), RegistrySchemas.in(settings));
        directory = new TenantDirectory(settings);
        reload();
    }

    /** Returns whether it is time to load them again. */
    boolean areOld() {
        return nowNanos.getAsLong() - loadedNanos >= MAX_AGE_NANOS;
    }

    /** Loads them again, which can take long. */
    void reload() {
        configs = directory.snapshot();
        judge = loadedJudge();
        loadedNanos = nowNanos.getAsLong();
    }

    ReplayJudge judge() {
        return judge;
    }

    private ReplayJudge loadedJudge() {
        return new ReplayJudge(
                settings.tenantSource(),
                reader,
                TenantDirectory.names(configs.tenants()),
                directory.missingIsDefault(configs),
                this::config,
                usages(),
                settings.region(),
                new Residency(settings.region(), settings.regionTopics()));
    }

    private UsageSnapshot usages() {
        Predicate<TenantId> wanted =
                tenant -> (only == null || only.equals(tenant)) && ReplayJudge.needsUsage(config(tenant));
        Set<TenantId> tenants = only == null ? configs.tenants().keySet() : Set.of(only);
        return tenants.stream().anyMatch(wanted)
                ? UsageSnapshot.read(settings, wanted, entitiesMax())
                : UsageSnapshot.empty(wanted);
    }

    private static long entitiesMax() {
        return Math.min(
                UsageSnapshot.ENTITIES_MAX, Runtime.getRuntime().maxMemory() / ENTITIES_SHARE_OF_HEAP / ENTITY_BYTES);
    }

    private @Nullable TenantConfig config(TenantId tenant) {
        return directory.inForce(configs, tenant);
    }

    /** Returns the tenant's rate; negative if it has none. */
    long rate(TenantId tenant) {
        TenantConfig config = config(tenant);
        Long rate = config == null ? null : config.maxSignalsPerSec();
        return rate == null ? -1 : rate;
    }

    /** Returns the lower one of the tenant's rate and the rate of the signal's type; negative if there is none. */
    long rate(TenantId tenant, @Nullable String type) {
        long rate = rate(tenant);
        TenantConfig config = config(tenant);
        SignalLimit limit =
                config == null || type == null ? null : config.signals().get(type);
        if (limit == null) {
            return rate;
        }
        return rate < 0 ? limit.maxSignalsPerSec() : Math.min(rate, limit.maxSignalsPerSec());
    }

    /** Returns the tenant's rate in bytes per second; negative if it has none. */
    long byteRate(TenantId tenant) {
        TenantConfig config = config(tenant);
        return config == null || config.maxBytesPerSec() == null ? -1 : config.bytesPerSec();
    }
}
