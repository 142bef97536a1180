package io.tidegate.admission;

import io.tidegate.admission.Decision.Accepted;
import io.tidegate.admission.Decision.Rejected;
import io.tidegate.signal.Signal;
import io.tidegate.tenant.PeriodLimit;
import io.tidegate.tenant.PeriodLimit.Per;
import io.tidegate.tenant.SignalLimit;
import io.tidegate.tenant.TenantConfig;
import io.tidegate.tenant.TenantConfig.Mode;
import io.tidegate.tenant.TenantId;
import java.util.List;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;

/**
 * The decision: may this signal pass?
 *
 * <p>A function of the tenant's config, its usage, the signal and the record's own time; nothing else is read. The
 * checks run from the cheapest and widest to the narrowest: blocked, region, storage, size, periods, rates, entities; the first that
 * fails gives the reason. All or nothing: a rejected signal takes no token of any bucket, adds no entity and gets no sequence
 * number, only its counter moves.
 *
 * <p>In {@link Mode#OBSERVE} the same checks run and are counted, and the signal is accepted: it takes the tokens that
 * there are, and its entities are added or refreshed.
 *
 * <p>Not thread-safe: one for each task.
 */
public final class Admission {
    private final @Nullable String region;
    private final long entitiesMax;
    private final HistoryBounds bounds;
    private long foldedEarly;
    private final NamedEntities named = new NamedEntities();

    // The month of the last signal, which is nearly always that of the next one: the calendar costs as much as an
    // entity.
    private long month;
    private long monthBeginsMs;
    private long monthEndsMs;

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
     * @param bytes the size of the signal's value
     * @param nowMs the record's timestamp, not negative
     */
    public Decision admit(TenantConfig config, TenantUsage usage, Signal signal, int bytes, long nowMs) {
        QuotaExceeded quota = check(config, usage, signal.type(), bytes, nowMs);
        return isRefused(config, quota)
                ? refuse(usage, quota, bytes, nowMs)
                : admit(config, usage, signal, bytes, nowMs, quota);
    }

    /**
     * The first half of {@link #admit}: everything that does not depend on the entities of the signal. Null where nothing is
     * exceeded.
     *
     * @param type the value of {@code signal}; not needed where no value has a limit
     */
    public @Nullable QuotaExceeded check(
            TenantConfig config, TenantUsage usage, @Nullable String type, int bytes, long nowMs) {
        if (usage.signals != null || !config.signals().isEmpty()) {
            usage.signalBuckets().adopt(config.signals());
        }
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
        if (bytes > config.signalBytesMax()) {
            return exceeded(config, Reason.SIGNAL_TOO_LARGE, config.signalBytesMax(), bytes);
        }
        QuotaExceeded quota = config.periods().isEmpty() ? null : checkPeriods(config, usage, bytes, nowMs);
        if (quota != null) {
            return quota;
        }
        SignalLimit limit = limitOf(config, type);
        TokenBucket ofType = adoptLimits(config, usage, type, limit);
        quota = checkRate(config, usage, type, bytes, nowMs);
        if (quota == null) {
            quota = checkByteRate(config, usage, type, bytes, nowMs);
        }
        return quota == null && type != null && limit != null
                ? checkSignalRate(config, usage, type, limit, ofType, bytes, nowMs)
                : quota;
    }

    /** Whether {@link #check} has decided: then {@link #refuse} follows, and the signal need not even be parsed. */
    public static boolean isRefused(TenantConfig config, @Nullable QuotaExceeded quota) {
        return quota != null && config.mode() != Mode.OBSERVE;
    }

    /** @param bytes the size of the signal's value */
    public Rejected refuse(TenantUsage usage, QuotaExceeded quota, int bytes, long nowMs) {
        usage.rejected(quota.reason(), nowMs);
        if (quota.reason() == Reason.RATE_LIMITED || quota.reason() == Reason.BURST_EXCEEDED) {
            usage.watch.wanted(nowMs, bounds.latenessMaxMs());
        } else if (quota.reason() == Reason.BYTE_RATE_LIMITED) {
            usage.watch.wantedBytes(bytes, nowMs, bounds.latenessMaxMs());
        } else if (quota.signal() != null) {
            usage.signalBuckets().wanted(quota.signal(), nowMs, bounds.latenessMaxMs());
        }
        return new Rejected(quota);
    }

    /**
     * The other half, where {@link #isRefused} is false.
     *
     * @param bytes the size of the signal's value
     * @param checked what {@link #check} said
     */
    public Decision admit(
            TenantConfig config,
            TenantUsage usage,
            Signal signal,
            int bytes,
            long nowMs,
            @Nullable QuotaExceeded checked) {
        usage.adoptIdleTtl(config, nowMs, bounds.latenessMaxMs());
        named.lookUp(usage, signal, nowMs);
        QuotaExceeded quota = checked != null ? checked : checkEntities(config, usage, nowMs);
        if (isRefused(config, quota)) {
            return refuse(usage, quota, bytes, nowMs);
        }
        if (quota != null) {
            usage.observed(quota.reason());
        }
        accept(config, usage, signal.type(), bytes, nowMs, checked == null);
        return Accepted.INSTANCE;
    }

    /** The decision for a tenant that has no config where such tenants are rejected. It has no usage either. */
    public static Rejected unknownTenant(TenantId tenant) {
        return new Rejected(new QuotaExceeded(
                tenant, Reason.TENANT_UNKNOWN, OptionalLong.empty(), OptionalLong.empty(), OptionalLong.empty(), null));
    }

    private @Nullable QuotaExceeded checkEntities(TenantConfig config, TenantUsage usage, long nowMs) {
        if (named.size() == 0) {
            return null;
        }
        long max = Math.min(config.entitiesMax(), entitiesMax);
        long counted = usage.entityCountAt(nowMs);
        if (counted + named.size() > max) {
            return exceeded(config, Reason.ENTITY_LIMIT, max, counted);
        }
        for (EntityKind kind : EntityKind.ALL) {
            // Against what is left, because both numbers can be as large as they get.
            if (named.size(kind) > 0 && named.size(kind) > kind.maxIn(config) - usage.entityCountAt(nowMs, kind)) {
                return new QuotaExceeded(
                        config.tenantId(),
                        Reason.ENTITY_LIMIT,
                        OptionalLong.of(kind.maxIn(config)),
                        OptionalLong.of(usage.entityCountAt(nowMs, kind)),
                        OptionalLong.empty(),
                        kind);
            }
        }
        return null;
    }

    /** Of several periods that are used up, the longest is named: only its end lets the signal pass. */
    private @Nullable QuotaExceeded checkPeriods(TenantConfig config, TenantUsage usage, int bytes, long nowMs) {
        List<PeriodLimit> limits = config.periods();
        for (int i = limits.size() - 1; i >= 0; i--) {
            PeriodLimit limit = limits.get(i);
            Per per = limit.per();
            long index = indexOf(per, nowMs);
            PeriodUse use = usage.periods;
            boolean forgotten = use != null && use.isForgotten(per, index);
            long maxSignals = limit.signalsMax();
            long signals = use == null ? 0 : use.signals(per, index);
            if (limit.maxSignals() != null && (forgotten || signals >= maxSignals)) {
                return periodExceeded(config, per, false, maxSignals, signals, maxSignals > 0, nowMs);
            }
            long maxBytes = limit.bytesMax();
            long used = use == null ? 0 : use.bytes(per, index);
            if (limit.maxBytes() != null && (forgotten || bytes > maxBytes - used)) {
                return periodExceeded(config, per, true, maxBytes, used, bytes <= maxBytes, nowMs);
            }
        }
        return null;
    }

    private static QuotaExceeded periodExceeded(
            TenantConfig config,
            Per per,
            boolean ofBytes,
            long limit,
            long observed,
            boolean waitingHelps,
            long nowMs) {
        return new QuotaExceeded(
                config.tenantId(),
                Reason.PERIOD_LIMIT,
                OptionalLong.of(limit),
                OptionalLong.of(observed),
                waitingHelps ? OptionalLong.of(per.leftMs(nowMs)) : OptionalLong.empty(),
                null,
                PeriodQuota.of(per, ofBytes),
                null);
    }

    private void countPeriods(TenantConfig config, TenantUsage usage, int bytes, long nowMs) {
        List<PeriodLimit> limits = config.periods();
        if (limits.isEmpty()) {
            usage.periods = null;
            return;
        }
        PeriodUse use = usage.periods;
        if (use == null) {
            use = new PeriodUse();
            usage.periods = use;
        }
        for (int i = 0; i < limits.size(); i++) {
            Per per = limits.get(i).per();
            use.add(per, indexOf(per, nowMs), bytes);
        }
    }

    private long indexOf(Per per, long nowMs) {
        if (per != Per.MONTH) {
            return per.indexOf(nowMs);
        }
        if (nowMs < monthBeginsMs || nowMs >= monthEndsMs) {
            month = per.indexOf(nowMs);
            monthBeginsMs = per.startOf(month);
            monthEndsMs = nowMs + per.leftMs(nowMs);
        }
        return month;
    }

    /**
     * Takes over the limits of all buckets that the signal draws from, whichever of them rejects it. The level follows from the config:
     * capped at the size of each bucket that was in force for a decision, also if no signal was accepted under it. A limit of 0 has no
     * bucket, and leaves the level as it is.
     *
     * @param limit of the signal's type; null if it has none
     * @return the bucket of the signal's type; null if it has none
     */
    private static @Nullable TokenBucket adoptLimits(
            TenantConfig config, TenantUsage usage, @Nullable String type, @Nullable SignalLimit limit) {
        if (config.maxSignalsPerSec() != null && config.maxSignalsPerSec() > 0 && config.burst() > 0) {
            usage.bucket.adopt(config.maxSignalsPerSec(), config.burst());
        }
        if (config.maxBytesPerSec() != null && config.bytesPerSec() > 0) {
            usage.byteBucket().adopt(tokens(config.bytesPerSec()), tokens(config.bytesBurst()));
        }
        if (type == null || limit == null || isClosed(limit)) {
            return null;
        }
        TokenBucket ofType = usage.signalBuckets().get(type).bucket;
        ofType.adopt(limit.maxSignalsPerSec(), limit.burst());
        return ofType;
    }

    private static @Nullable SignalLimit limitOf(TenantConfig config, @Nullable String type) {
        return type == null || config.signals().isEmpty()
                ? null
                : config.signals().get(type);
    }

    /** Only after {@link #adoptLimits}. */
    private static @Nullable QuotaExceeded checkRate(
            TenantConfig config, TenantUsage usage, @Nullable String type, int bytes, long nowMs) {
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
        TokenBucket bucket = usage.bucket;
        if (bucket.has(1, nowMs)) {
            return null;
        }
        long retryAfterMs = retryAfterMs(config, usage, type, bytes, nowMs);
        return bucket.wasFullRecently(nowMs)
                ? exceeded(config, Reason.BURST_EXCEEDED, OptionalLong.of(burst), OptionalLong.empty(), retryAfterMs)
                : exceeded(config, Reason.RATE_LIMITED, OptionalLong.of(rate), OptionalLong.empty(), retryAfterMs);
    }

    /** Only after {@link #checkRate}, and for a signal that is not too large for the bucket. */
    private static @Nullable QuotaExceeded checkByteRate(
            TenantConfig config, TenantUsage usage, @Nullable String type, int bytes, long nowMs) {
        if (config.maxBytesPerSec() == null) {
            return null;
        }
        long rate = config.bytesPerSec();
        if (rate > 0 && usage.byteBucket().has(bytes, nowMs)) {
            return null;
        }
        long retryAfterMs = rate == 0 ? 0 : retryAfterMs(config, usage, type, bytes, nowMs);
        return exceeded(config, Reason.BYTE_RATE_LIMITED, OptionalLong.of(rate), OptionalLong.of(bytes), retryAfterMs);
    }

    /** What a bucket can hold of a limit of bytes. */
    static long tokens(long bytes) {
        return Math.min(bytes, BucketLimits.TOKENS_MAX);
    }

    /** Only after {@link #checkByteRate}. */
    private static @Nullable QuotaExceeded checkSignalRate(
            TenantConfig config,
            TenantUsage usage,
            String type,
            SignalLimit limit,
            @Nullable TokenBucket bucket,
            int bytes,
            long nowMs) {
        if (bucket != null && bucket.has(1, nowMs)) {
            return null;
        }
        long rate = bucket == null ? 0 : limit.maxSignalsPerSec();
        long retryAfterMs = rate == 0 ? 0 : retryAfterMs(config, usage, type, bytes, nowMs);
        return new QuotaExceeded(
                config.tenantId(),
                Reason.SIGNAL_RATE_LIMITED,
                OptionalLong.of(rate),
                OptionalLong.empty(),
                retryAfterMs > 0 ? OptionalLong.of(retryAfterMs) : OptionalLong.empty(),
                null,
                null,
                type);
    }

    /** Whether a limit lets no signal pass. */
    private static boolean isClosed(SignalLimit limit) {
        return limit.maxSignalsPerSec() == 0 || limit.burst() == 0;
    }

    /** How long until all buckets have what the signal takes, from then on; 0 if waiting does not help. */
    private static long retryAfterMs(
            TenantConfig config, TenantUsage usage, @Nullable String type, int bytes, long nowMs) {
        SignalLimit limit = limitOf(config, type);
        if (config.maxBytesPerSec() == null && limit == null) {
            return usage.bucket.retryAfterMs(1, nowMs);
        }
        if ((config.maxBytesPerSec() != null && config.bytesPerSec() == 0) || (limit != null && isClosed(limit))) {
            return 0;
        }
        // A late signal may find tokens at its time, and none at a later one. A bucket that was waited for has them
        // from then on,
        // so each is waited for once.
        long atMs = nowMs;
        long beforeMs;
        do {
            beforeMs = atMs;
            atMs = config.maxSignalsPerSec() == null ? atMs : available(usage.bucket, 1, atMs);
            atMs = config.maxBytesPerSec() == null ? atMs : available(usage.byteBucket(), bytes, atMs);
            atMs = limit == null || type == null
                    ? atMs
                    : available(usage.signalBuckets().get(type).bucket, 1, atMs);
        } while (atMs > beforeMs);
        return atMs - nowMs;
    }

    /** The first time from a time on at which a bucket has the tokens from then on, or has them now. */
    private static long available(TokenBucket bucket, long tokens, long atMs) {
        return bucket.has(tokens, atMs) ? atMs : atMs + bucket.retryAfterMs(tokens, atMs);
    }

    /** @param checked whether all buckets are known to have what the signal takes, under the limits in force */
    private void accept(
            TenantConfig config, TenantUsage usage, @Nullable String type, int bytes, long nowMs, boolean checked) {
        takeToken(config, usage.bucket, nowMs, checked);
        takeBytes(config, usage, bytes, nowMs, checked);
        if (type != null && !config.signals().isEmpty()) {
            takeSignal(config, usage, type, nowMs, checked);
        }
        countPeriods(config, usage, bytes, nowMs);
        // Only in observe mode can there be more: then the signal is accepted, and its new entities are left out.
        named.addTo(usage, nowMs, entitiesMax);
        usage.accepted(bytes, nowMs);
        if (config.maxSignalsPerSec() != null) {
            usage.watch.wanted(nowMs, bounds.latenessMaxMs());
        }
        if (config.maxBytesPerSec() != null) {
            usage.watch.wantedBytes(bytes, nowMs, bounds.latenessMaxMs());
        }
    }

    /** Takes a token if there is one; in observe mode there need not be one. */
    private void takeToken(TenantConfig config, TokenBucket bucket, long nowMs, boolean checked) {
        if (config.maxSignalsPerSec() == null) {
            bucket.reset();
            return;
        }
        long rate = config.maxSignalsPerSec();
        long burst = config.burst();
        if (rate > 0 && burst > 0) {
            take(bucket, rate, burst, 1, nowMs, checked);
        }
    }

    /** Takes a token of the value of {@code signal} if it has a limit and there is one; in observe mode there need not be one. */
    private void takeSignal(TenantConfig config, TenantUsage usage, String type, long nowMs, boolean checked) {
        SignalLimit limit = config.signals().get(type);
        if (limit == null) {
            return;
        }
        SignalBuckets.OfType ofType = usage.signalBuckets().get(type);
        if (!isClosed(limit)) {
            take(ofType.bucket, limit.maxSignalsPerSec(), limit.burst(), 1, nowMs, checked);
        }
        ofType.wanted(nowMs, bounds.latenessMaxMs());
    }

    /** Takes the signal's bytes if they are there; in observe mode they need not be. */
    private void takeBytes(TenantConfig config, TenantUsage usage, int bytes, long nowMs, boolean checked) {
        if (config.maxBytesPerSec() == null) {
            if (usage.byteBucket != null) {
                usage.byteBucket.reset();
            }
        } else if (bytes > 0 && config.bytesPerSec() > 0 && bytes <= config.bytesBurst()) {
            take(usage.byteBucket(), tokens(config.bytesPerSec()), tokens(config.bytesBurst()), bytes, nowMs, checked);
        }
    }

    private void take(TokenBucket bucket, long rate, long burst, int tokens, long nowMs, boolean checked) {
        boolean has = checked;
        if (!checked) {
            bucket.adopt(rate, burst);
            has = bucket.has(tokens, nowMs);
        }
        if (has && bucket.take(tokens, nowMs, bounds)) {
            foldedEarly++;
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
                retryAfterMs > 0 ? OptionalLong.of(retryAfterMs) : OptionalLong.empty(),
                null);
    }
}
