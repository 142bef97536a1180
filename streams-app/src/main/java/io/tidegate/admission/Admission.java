package io.tidegate.admission;

import io.tidegate.admission.Decision.Accepted;
import io.tidegate.admission.Decision.Rejected;
import io.tidegate.signal.Signal;
import io.tidegate.tenant.TenantConfig;
import io.tidegate.tenant.TenantConfig.Mode;
import io.tidegate.tenant.TenantId;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;

/**
 * The decision: may this signal pass?
 *
 * <p>A function of the tenant's config, its usage, the signal and the record's own time; nothing else is read. The
 * checks run from the cheapest and widest to the narrowest: blocked, region, storage, rate, entities; the first that
 * fails gives the reason. All or nothing: a refused signal costs no token, adds no entity and gets no sequence number,
 * only its counter moves.
 *
 * <p>In {@link Mode#OBSERVE} the same checks run and are counted, and the signal is accepted: it takes a token where
 * there is one, and its entities are added.
 *
 * <p>Not thread-safe: one for each task.
 */
public final class Admission {
    private final @Nullable String region;
    private final long entitiesMax;
    private final HistoryBounds bounds;
    private long foldedEarly;
    private final NamedEntities named = new NamedEntities();

    /** @param region where this instance writes its WAL; null where that is not set */
    public Admission(@Nullable String region) {
        this(region, EntitySet.ENTITIES_MAX, HistoryBounds.DEFAULT);
    }

    /**
     * @param region where this instance writes its WAL; null where that is not set
     * @param entitiesMax what the set of any tenant can hold, whatever its config says: memory is bounded by it
     * @param bounds for how late signals the decision does not depend on the order of reading
     */
    public Admission(@Nullable String region, long entitiesMax, HistoryBounds bounds) {
        this.region = region;
        this.entitiesMax = Math.min(entitiesMax, EntitySet.ENTITIES_MAX);
        this.bounds = bounds;
    }

    /** How often a tenant's history was full, and gave up acceptances that late signals could still have needed. */
    public long foldedEarly() {
        return foldedEarly;
    }

    /**
     * Decides, and applies the decision to {@code usage}.
     *
     * @param nowMs the record's timestamp, not negative
     */
    public Decision admit(TenantConfig config, TenantUsage usage, Signal signal, long nowMs) {
        QuotaExceeded quota = check(config, usage, nowMs);
        return isRefused(config, quota) ? refuse(usage, quota, nowMs) : admit(config, usage, signal, nowMs, quota);
    }

    /** The first half of {@link #admit}: everything that does not depend on the signal. Null where nothing is exceeded. */
    public @Nullable QuotaExceeded check(TenantConfig config, TenantUsage usage, long nowMs) {
        if (config.blockedUntil() != null && nowMs < config.blockedUntil().toEpochMilli()) {
            long retryAfterMs = config.blockedUntil().toEpochMilli() - nowMs;
            return exceeded(config, Reason.TENANT_BLOCKED, OptionalLong.empty(), OptionalLong.empty(), retryAfterMs);
        }
        if (!config.requiredRegions().isEmpty()
                && (region == null || !config.requiredRegions().contains(region))) {
            return exceeded(config, Reason.REGION_NOT_ALLOWED, OptionalLong.empty(), OptionalLong.empty(), 0);
        }
        if (usage.sealedBytes() >= config.storageBytesMax()) {
            return exceeded(config, Reason.STORAGE_LIMIT, config.storageBytesMax(), usage.sealedBytes());
        }
        return checkRate(config, usage.bucket, nowMs);
    }

    /** Whether {@link #check} has decided: then {@link #refuse} follows, and the signal need not even be parsed. */
    public static boolean isRefused(TenantConfig config, @Nullable QuotaExceeded quota) {
        return quota != null && config.mode() != Mode.OBSERVE;
    }

    public Rejected refuse(TenantUsage usage, QuotaExceeded quota, long nowMs) {
        usage.rejected(quota.reason(), nowMs);
        if (quota.reason() == Reason.RATE_LIMITED || quota.reason() == Reason.BURST_EXCEEDED) {
            usage.watch.wanted(nowMs, bounds.latenessMaxMs());
        }
        return new Rejected(quota);
    }

    /**
     * The other half, where {@link #isRefused} is false.
     *
     * @param checked what {@link #check} said
     */
    public Decision admit(
            TenantConfig config, TenantUsage usage, Signal signal, long nowMs, @Nullable QuotaExceeded checked) {
        named.lookUp(usage, signal);
        QuotaExceeded quota = checked != null ? checked : checkEntities(config, usage);
        if (isRefused(config, quota)) {
            return refuse(usage, quota, nowMs);
        }
        if (quota != null) {
            usage.observed(quota.reason());
        }
        accept(config, usage, nowMs);
        return Accepted.INSTANCE;
    }

    /** The decision for a tenant that has no config where such tenants are rejected. It has no usage either. */
    public static Rejected unknownTenant(TenantId tenant) {
        return new Rejected(new QuotaExceeded(
                tenant, Reason.TENANT_UNKNOWN, OptionalLong.empty(), OptionalLong.empty(), OptionalLong.empty()));
    }

    private @Nullable QuotaExceeded checkEntities(TenantConfig config, TenantUsage usage) {
        int count = named.size();
        long max = Math.min(config.entitiesMax(), entitiesMax);
        return count > 0 && usage.entityCount() + count > max
                ? exceeded(config, Reason.ENTITY_LIMIT, max, usage.entityCount())
                : null;
    }

    private static @Nullable QuotaExceeded checkRate(TenantConfig config, TokenBucket bucket, long nowMs) {
        if (config.maxSignalsPerSec() == null) {
            return null;
        }
        long rate = config.maxSignalsPerSec();
        long burst = config.burst();
        if (rate == 0) {
            return exceeded(config, Reason.RATE_LIMITED, OptionalLong.of(0), OptionalLong.empty(), 0);
        }
        if (burst == 0) {
            return exceeded(config, Reason.BURST_EXCEEDED, OptionalLong.of(0), OptionalLong.empty(), 0);
        }
        bucket.adopt(rate, burst);
        if (bucket.has(1, nowMs)) {
            return null;
        }
        long retryAfterMs = bucket.retryAfterMs(1, nowMs);
        return bucket.wasFullRecently(nowMs)
                ? exceeded(config, Reason.BURST_EXCEEDED, OptionalLong.of(burst), OptionalLong.empty(), retryAfterMs)
                : exceeded(config, Reason.RATE_LIMITED, OptionalLong.of(rate), OptionalLong.empty(), retryAfterMs);
    }

    private void accept(TenantConfig config, TenantUsage usage, long nowMs) {
        takeToken(config, usage.bucket, nowMs);
        // Only in a dry run can there be more: then the signal is accepted and the set stays as it is.
        if (usage.entityCount() + named.size() <= entitiesMax) {
            named.addTo(usage);
        }
        usage.accepted(nowMs);
        if (config.maxSignalsPerSec() != null) {
            usage.watch.wanted(nowMs, bounds.latenessMaxMs());
        }
    }

    /** Takes a token if there is one; in observe mode there need not be one. */
    private void takeToken(TenantConfig config, TokenBucket bucket, long nowMs) {
        if (config.maxSignalsPerSec() == null) {
            bucket.reset();
            return;
        }
        long rate = config.maxSignalsPerSec();
        long burst = config.burst();
        if (rate > 0 && burst > 0) {
            bucket.adopt(rate, burst);
            if (bucket.has(1, nowMs) && bucket.take(1, nowMs, bounds)) {
                foldedEarly++;
            }
        }
    }

    private static QuotaExceeded exceeded(TenantConfig config, Reason reason, long limit, long observed) {
        return exceeded(config, reason, OptionalLong.of(limit), OptionalLong.of(observed), 0);
    }

    private static QuotaExceeded exceeded(
            TenantConfig config, Reason reason, OptionalLong limit, OptionalLong observed, long retryAfterMs) {
        return new QuotaExceeded(
                config.tenantId(),
                reason,
                limit,
                observed,
                retryAfterMs > 0 ? OptionalLong.of(retryAfterMs) : OptionalLong.empty());
    }
}
