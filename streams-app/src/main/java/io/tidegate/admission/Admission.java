package io.tidegate.admission;

import io.tidegate.admission.Decision.Accepted;
import io.tidegate.admission.Decision.Rejected;
import io.tidegate.admission.SignalBuckets.OfType;
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
 * The decision whether a signal passes.
 *
 * <p>A function of the tenant's config, its usage, the signal and the record's own time only. The checks run from the
 * cheapest and widest to the narrowest: blocked, region, storage, size, periods, rates, entities; the first that fails
 * gives the reason. A decision is all or nothing: a rejected signal takes no token of any bucket, adds no entity and
 * gets no sequence number. Only its counter changes.
 *
 * <p>In {@link Mode#OBSERVE} the same checks run and are counted, and the signal is accepted: it takes the available
 * tokens, and its entities are added or refreshed.
 *
 * <p>Not thread-safe; one instance per task.
 */
public final class Admission {
    /** No time. */
    private static final long NEVER = -1;

    private static final int WAITS_MAX = 64;

    private final @Nullable String region;
    private final long entitiesMax;
    private final HistoryBounds bounds;
    private long foldedEarly;
    private final NamedEntities named = new NamedEntities();

    // The periods of the last signal, which are nearly always those of the next one: the calendar is as expensive as an
    // entity.
    private final long[] periods = new long[Per.ALL.length];
    private long hourBeginsMs;
    private long hourEndsMs;

    /** The bucket of the type of the signal that was checked last, if its rates were checked. */
    private @Nullable OfType checkedType;

    /** @param region the region in which this instance writes its WAL; null if it is not set */
    public Admission(@Nullable String region) {
        this(region, EntitySet.ENTITIES_MAX, HistoryBounds.DEFAULT);
    }

    /**
     * @param region the region in which this instance writes its WAL; null if it is not set
     * @param entitiesMax the maximum number of entities of any tenant, whatever its config says: bounds the memory
     * @param bounds the lateness up to which the order of reading changes no decision
     */
    public Admission(@Nullable String region, long entitiesMax, HistoryBounds bounds) {
        this.region = region;
        this.entitiesMax = Math.min(entitiesMax, EntitySet.ENTITIES_MAX);
        this.bounds = bounds;
    }

    /**
     * Returns how often a tenant's history was full, and dropped acceptances that late signals could still have needed.
     */
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
        return isRejected(config, quota)
                ? reject(usage, quota, bytes, nowMs)
                : admit(config, usage, signal, bytes, nowMs, quota);
    }

    /**
     * The first half of {@link #admit}: everything that does not depend on the entities of the signal. Returns null if
     * nothing is exceeded.
     *
     * @param type the value of {@code signal}; needed only if a value has a limit
     */
    public @Nullable QuotaExceeded check(
            TenantConfig config, TenantUsage usage, @Nullable String type, int bytes, long nowMs) {
        Limits limits = usage.limits(config);
        if (usage.signals != null || limits.hasSignals) {
            usage.signalBuckets().adopt(limits.signals);
        }
        if (nowMs < limits.blockedUntilMs) {
            long retryAfterMs = limits.blockedUntilMs - nowMs;
            return exceeded(limits, Reason.TENANT_BLOCKED, OptionalLong.empty(), OptionalLong.empty(), retryAfterMs);
        }
        if (limits.hasRequiredRegions && !isAllowedHere(config)) {
            return exceeded(limits, Reason.REGION_NOT_ALLOWED, OptionalLong.empty(), OptionalLong.empty(), 0);
        }
        if (usage.sealedBytes() >= limits.storageBytesMax) {
            return exceeded(limits, Reason.STORAGE_LIMIT, limits.storageBytesMax, usage.sealedBytes());
        }
        if (bytes > limits.signalBytesMax) {
            return exceeded(limits, Reason.SIGNAL_TOO_LARGE, limits.signalBytesMax, bytes);
        }
        QuotaExceeded quota = limits.hasPeriods() ? checkPeriods(limits, usage, type, bytes, nowMs) : null;
        if (quota != null) {
            return quota;
        }
        OfType ofType = limited(limits, usage, type);
        checkedType = ofType;
        adoptLimits(limits, usage, ofType);
        quota = checkRate(limits, usage, ofType, bytes, nowMs);
        if (quota == null) {
            quota = checkByteRate(limits, usage, ofType, bytes, nowMs);
        }
        return quota == null && ofType != null ? checkSignalRate(limits, usage, ofType, bytes, nowMs) : quota;
    }

    /**
     * Whether {@link #check} has decided: then {@link #reject} follows, and the signal need not be parsed. A block is an order,
     * not a limit to try out, so it also holds in observe mode.
     */
    public static boolean isRejected(TenantConfig config, @Nullable QuotaExceeded quota) {
        return quota != null && (config.mode() != Mode.OBSERVE || quota.reason() == Reason.TENANT_BLOCKED);
    }

    /** @param bytes the size of the signal's value */
    public Rejected reject(TenantUsage usage, QuotaExceeded quota, int bytes, long nowMs) {
        usage.rejected(quota.reason(), nowMs);
        if (quota.reason() == Reason.RATE_LIMITED || quota.reason() == Reason.BURST_EXCEEDED) {
            usage.watch.wanted(nowMs, bounds.latenessMaxMs());
        } else if (quota.reason() == Reason.BYTE_RATE_LIMITED) {
            usage.watch.wantedBytes(bytes, nowMs, bounds.latenessMaxMs());
        } else if (quota.signal() != null) {
            OfType ofType = usage.signalBuckets().limited(quota.signal());
            if (ofType != null) {
                ofType.wanted(nowMs, bounds.latenessMaxMs());
            }
        }
        return new Rejected(quota);
    }

    /**
     * The second half of {@link #admit}, if {@link #isRejected} is false. Must follow {@link #check} of the same signal, without
     * one of another signal in between.
     *
     * @param bytes the size of the signal's value
     * @param checked the result of {@link #check}
     */
    public Decision admit(
            TenantConfig config,
            TenantUsage usage,
            Signal signal,
            int bytes,
            long nowMs,
            @Nullable QuotaExceeded checked) {
        Limits limits = usage.limits(config);
        usage.adoptIdleTtl(limits.idleTtlMs, nowMs, bounds.latenessMaxMs());
        named.lookUp(usage, signal, nowMs);
        QuotaExceeded quota = checked != null ? checked : checkEntities(limits, usage, nowMs);
        if (isRejected(config, quota)) {
            return reject(usage, quota, bytes, nowMs);
        }
        if (quota != null) {
            usage.observed(quota.reason());
        }
        accept(limits, usage, signal.type(), bytes, nowMs, checked == null);
        return Accepted.INSTANCE;
    }

    private boolean isAllowedHere(TenantConfig config) {
        return region != null && config.requiredRegions().contains(region);
    }

    /** Returns the decision for a tenant without a config, if such tenants are rejected. It has no usage either. */
    public static Rejected unknownTenant(TenantId tenant) {
        return new Rejected(new QuotaExceeded(
                tenant, Reason.TENANT_UNKNOWN, OptionalLong.empty(), OptionalLong.empty(), OptionalLong.empty(), null));
    }

    private @Nullable QuotaExceeded checkEntities(Limits limits, TenantUsage usage, long nowMs) {
        if (named.size() == 0) {
            return null;
        }
        long max = Math.min(limits.entitiesMax, entitiesMax);
        long counted = usage.entityCountAt(nowMs);
        if (counted + named.size() > max) {
            return exceeded(limits, Reason.ENTITY_LIMIT, max, counted);
        }
        TenantConfig config = limits.config;
        for (EntityKind kind : EntityKind.ALL) {
            // Compared with the remainder, because both numbers can be near their maximum.
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

    /** Checks the longest period first: if several are used up, only the end of the longest lets the signal pass. */
    private @Nullable QuotaExceeded checkPeriods(
            Limits limits, TenantUsage usage, @Nullable String type, int bytes, long nowMs) {
        PeriodUse use = usage.periods;
        long[] indexes = indexesAt(nowMs);
        for (int per = indexes.length - 1; per >= 0; per--) {
            if (limits.isLimited(per) && !fits(limits, use, per, indexes[per], bytes)) {
                return periodExceeded(limits, use, Per.ALL[per], type, bytes, nowMs);
            }
        }
        return null;
    }

    private static boolean fits(Limits limits, @Nullable PeriodUse use, int per, long index, int bytes) {
        long maxSignals = limits.signalsMax(per);
        long maxBytes = limits.bytesMax(per);
        return use == null ? maxSignals > 0 && bytes <= maxBytes : use.fits(per, index, bytes, maxSignals, maxBytes);
    }

    private QuotaExceeded periodExceeded(
            Limits limits, @Nullable PeriodUse use, Per per, @Nullable String type, int bytes, long nowMs) {
        long maxSignals = limits.signalsMax(per.ordinal());
        long index = indexesAt(nowMs)[per.ordinal()];
        long signals = use == null ? 0 : use.signals(per, index);
        boolean isForgotten = use != null && use.isForgotten(per, index);
        boolean ofBytes = !hasSignalsMax(limits.config, per) || !(isForgotten || signals >= maxSignals);
        long used = use == null ? 0 : ofBytes ? use.bytes(per, index) : signals;
        long retryAtMs = canPass(limits, type, bytes) ? fitsPeriodsAt(limits, use, bytes, nowMs) : NEVER;
        return new QuotaExceeded(
                limits.config.tenantId(),
                Reason.PERIOD_LIMIT,
                OptionalLong.of(ofBytes ? limits.bytesMax(per.ordinal()) : maxSignals),
                OptionalLong.of(used),
                retryAtMs == NEVER ? OptionalLong.empty() : OptionalLong.of(retryAtMs - nowMs),
                null,
                PeriodQuota.of(per, ofBytes),
                isForgotten,
                null);
    }

    private static boolean hasSignalsMax(TenantConfig config, Per per) {
        return config.periods().stream().anyMatch(limit -> limit.per() == per && limit.maxSignals() != null);
    }

    /** Whether a signal that is rejected for a period can pass at another time. */
    private static boolean canPass(Limits limits, @Nullable String type, int bytes) {
        SignalLimit ofType = type == null ? null : limits.signals.get(type);
        if (ofType != null && (ofType.maxSignalsPerSec() == 0 || ofType.burst() == 0)) {
            return false;
        }
        for (PeriodLimit limit : limits.config.periods()) {
            if (limit.signalsMax() == 0 || bytes > limit.bytesMax()) {
                return false;
            }
        }
        return !(limits.hasRate && (limits.rate == 0 || limits.burst == 0))
                && !(limits.hasByteRate && limits.byteRate == 0);
    }

    /**
     * Returns the first time from {@code atMs} on at which a signal fits in the periods of all lengths; {@link #NEVER} if it does
     * not fit in an empty one. After a period, the next one can be full too, because signals may be late.
     */
    private static long fitsPeriodsAt(Limits limits, @Nullable PeriodUse use, int bytes, long atMs) {
        long fitsMs = atMs;
        List<PeriodLimit> periods = limits.config.periods();
        for (int i = periods.size() - 1; use != null && i >= 0; i--) {
            Per per = periods.get(i).per();
            long index = per.indexOf(fitsMs);
            if (fits(limits, use, per.ordinal(), index, bytes)) {
                continue;
            }
            long next = use.isForgotten(per, index) ? use.firstRemembered(per) : index + 1;
            if (next > per.indexOf(Long.MAX_VALUE)) {
                return NEVER;
            }
            fitsMs = per.startOf(next);
            i = periods.size(); // from the longest again
        }
        return fitsMs;
    }

    private void countPeriods(Limits limits, TenantUsage usage, int bytes, long nowMs) {
        if (!limits.hasPeriods()) {
            usage.periods = null;
            return;
        }
        PeriodUse use = usage.periods;
        if (use == null) {
            use = new PeriodUse();
            usage.periods = use;
        }
        long[] indexes = indexesAt(nowMs);
        for (int per = 0; per < indexes.length; per++) {
            if (limits.isLimited(per)) {
                use.add(per, indexes[per], bytes);
            } else {
                use.clear(per); // the counts of a limit that is set again later would have gaps
            }
        }
    }

    /** Returns the numbers of the periods that contain a time, by {@link Per}. */
    private long[] indexesAt(long nowMs) {
        if (nowMs < hourBeginsMs || nowMs >= hourEndsMs) {
            for (Per each : Per.ALL) {
                periods[each.ordinal()] = each.indexOf(nowMs);
            }
            hourBeginsMs = Per.HOUR.startOf(periods[Per.HOUR.ordinal()]);
            hourEndsMs = nowMs + Per.HOUR.leftMs(nowMs);
        }
        return periods;
    }

    /**
     * Adopts the limits of all buckets that the signal draws from, whichever of them rejects it. The level follows from
     * the config: it is capped at the size of each bucket that was in force for a decision, even if no signal was
     * accepted under it. A limit of 0 has no bucket, and leaves the level unchanged.
     *
     * @param ofType the bucket of the signal's type; null if it has none
     */
    private static void adoptLimits(Limits limits, TenantUsage usage, @Nullable OfType ofType) {
        if (limits.rate > 0 && limits.burst > 0) {
            usage.bucket.adopt(limits.rate, limits.burst);
        }
        if (limits.byteRate > 0 && limits.byteBurst > 0) {
            usage.byteBucket().adopt(tokens(limits.byteRate), tokens(limits.byteBurst));
        }
        if (ofType != null) {
            ofType.adopt();
        }
    }

    private static @Nullable OfType limited(Limits limits, TenantUsage usage, @Nullable String type) {
        return type == null || !limits.hasSignals ? null : usage.signalBuckets().limited(type);
    }

    /** Requires {@link #adoptLimits} before it. */
    private @Nullable QuotaExceeded checkRate(
            Limits limits, TenantUsage usage, @Nullable OfType ofType, int bytes, long nowMs) {
        if (!limits.hasRate) {
            return null;
        }
        long rate = limits.rate;
        long burst = limits.burst;
        if (rate == 0) {
            return exceeded(limits, Reason.RATE_LIMITED, OptionalLong.of(0), OptionalLong.empty(), 0);
        }
        if (burst == 0) {
            return exceeded(limits, Reason.BURST_EXCEEDED, OptionalLong.of(0), OptionalLong.empty(), 0);
        }
        TokenBucket bucket = usage.bucket;
        if (bucket.has(1, nowMs)) {
            return null;
        }
        long retryAfterMs = retryAfterMs(limits, usage, ofType, bytes, nowMs);
        return bucket.wasFullRecently(nowMs)
                ? exceeded(limits, Reason.BURST_EXCEEDED, OptionalLong.of(burst), OptionalLong.empty(), retryAfterMs)
                : exceeded(limits, Reason.RATE_LIMITED, OptionalLong.of(rate), OptionalLong.empty(), retryAfterMs);
    }

    /** Requires {@link #checkRate} before it, and a signal that is not too large for the bucket. */
    private @Nullable QuotaExceeded checkByteRate(
            Limits limits, TenantUsage usage, @Nullable OfType ofType, int bytes, long nowMs) {
        if (!limits.hasByteRate) {
            return null;
        }
        long rate = limits.byteRate;
        if (rate > 0 && (bytes == 0 || usage.byteBucket().has(bytes, nowMs))) {
            return null;
        }
        long retryAfterMs = rate == 0 ? 0 : retryAfterMs(limits, usage, ofType, bytes, nowMs);
        return exceeded(limits, Reason.BYTE_RATE_LIMITED, OptionalLong.of(rate), OptionalLong.of(bytes), retryAfterMs);
    }

    /** Returns the part of a limit of bytes that a bucket can hold. */
    static long tokens(long bytes) {
        return Math.min(bytes, BucketLimits.TOKENS_MAX);
    }

    /** Requires {@link #checkByteRate} before it. */
    private @Nullable QuotaExceeded checkSignalRate(
            Limits limits, TenantUsage usage, OfType ofType, int bytes, long nowMs) {
        if (ofType.hasToken(nowMs)) {
            return null;
        }
        long rate = ofType.isClosed() ? 0 : ofType.rate();
        long retryAfterMs = rate == 0 ? 0 : retryAfterMs(limits, usage, ofType, bytes, nowMs);
        return new QuotaExceeded(
                limits.config.tenantId(),
                Reason.SIGNAL_RATE_LIMITED,
                OptionalLong.of(rate),
                OptionalLong.empty(),
                retryAfterMs > 0 ? OptionalLong.of(retryAfterMs) : OptionalLong.empty(),
                null,
                null,
                false,
                ofType.type());
    }

    /** Returns how long to wait until all buckets hold the tokens that the signal takes; 0 if waiting does not help. */
    private long retryAfterMs(Limits limits, TenantUsage usage, @Nullable OfType ofType, int bytes, long nowMs) {
        long horizonMs = nowMs + bounds.latenessMaxMs();
        if (!limits.hasByteRate && ofType == null && !limits.hasPeriods()) {
            return usage.bucket.retryAfterMs(1, nowMs, horizonMs);
        }
        if ((limits.hasByteRate && limits.byteRate == 0) || (ofType != null && ofType.isClosed())) {
            return 0;
        }
        // A late signal may find tokens at its own time, but none at a later one, for which another bucket makes it
        // wait, and its period may be full by then. Each bucket is waited for at most twice: up to the horizon, and for
        // good. The bound keeps a wrong wait from blocking the task.
        long atMs = nowMs;
        long beforeMs = Long.MIN_VALUE;
        for (int i = 0; i < WAITS_MAX && atMs > beforeMs; i++) {
            beforeMs = atMs;
            atMs = !limits.hasRate ? atMs : available(usage.bucket, 1, atMs, horizonMs);
            atMs = !limits.hasByteRate ? atMs : available(usage.byteBucket(), bytes, atMs, horizonMs);
            atMs = ofType == null ? atMs : available(ofType.bucket, 1, atMs, horizonMs);
            atMs = fitsPeriodsAt(limits, usage.periods, bytes, atMs);
            if (atMs == NEVER) {
                return 0;
            }
        }
        return atMs - nowMs;
    }

    /** Returns {@code atMs} if the bucket holds the tokens then, and otherwise the time from which it does. */
    private static long available(TokenBucket bucket, long tokens, long atMs, long horizonMs) {
        return bucket.has(tokens, atMs) ? atMs : atMs + bucket.retryAfterMs(tokens, atMs, horizonMs);
    }

    /** @param checked whether all buckets are known to have the signal's tokens, under the limits in force */
    private void accept(
            Limits limits, TenantUsage usage, @Nullable String type, int bytes, long nowMs, boolean checked) {
        OfType ofType = checked ? checkedType : limited(limits, usage, type);
        takeToken(limits, usage.bucket, nowMs, checked);
        takeBytes(limits, usage, bytes, nowMs, checked);
        if (ofType != null) {
            takeSignal(ofType, nowMs, checked);
        }
        countPeriods(limits, usage, bytes, nowMs);
        // The set can be exceeded only in observe mode: then the signal is accepted, and its new entities are left out.
        named.addTo(usage, nowMs, entitiesMax);
        usage.accepted(bytes, nowMs);
        if (limits.hasRate) {
            usage.watch.wanted(nowMs, bounds.latenessMaxMs());
        }
        if (limits.hasByteRate) {
            usage.watch.wantedBytes(bytes, nowMs, bounds.latenessMaxMs());
        }
    }

    /** Takes a token if there is one; only in observe mode may it be missing. */
    private void takeToken(Limits limits, TokenBucket bucket, long nowMs, boolean checked) {
        if (!limits.hasRate) {
            bucket.reset();
        } else if (limits.rate > 0 && limits.burst > 0) {
            take(bucket, limits.rate, limits.burst, 1, nowMs, checked);
        }
    }

    /** Takes a token of the value of {@code signal} if there is one; only in observe mode may it be missing. */
    private void takeSignal(OfType ofType, long nowMs, boolean checked) {
        if (!ofType.isClosed()) {
            take(ofType.bucket, ofType.rate(), ofType.burst(), 1, nowMs, checked);
        }
        ofType.wanted(nowMs, bounds.latenessMaxMs());
    }

    /** Takes the signal's bytes if they are available; only in observe mode may they be missing. */
    private void takeBytes(Limits limits, TenantUsage usage, int bytes, long nowMs, boolean checked) {
        if (!limits.hasByteRate) {
            if (usage.byteBucket != null) {
                usage.byteBucket.reset();
            }
        } else if (bytes > 0 && limits.byteRate > 0 && bytes <= limits.byteBurst) {
            take(usage.byteBucket(), tokens(limits.byteRate), tokens(limits.byteBurst), bytes, nowMs, checked);
        }
    }

    private void take(TokenBucket bucket, long rate, long burst, int tokens, long nowMs, boolean checked) {
        if (!checked) {
            bucket.adopt(rate, burst);
        }
        if ((checked || bucket.has(tokens, nowMs)) && bucket.take(tokens, nowMs, bounds)) {
            foldedEarly++;
        }
    }

    private static QuotaExceeded exceeded(Limits limits, Reason reason, long limit, long observed) {
        return exceeded(limits, reason, OptionalLong.of(limit), OptionalLong.of(observed), 0);
    }

    private static QuotaExceeded exceeded(
            Limits limits, Reason reason, OptionalLong limit, OptionalLong observed, long retryAfterMs) {
        return new QuotaExceeded(
                limits.config.tenantId(),
                reason,
                limit,
                observed,
                retryAfterMs > 0 ? OptionalLong.of(retryAfterMs) : OptionalLong.empty(),
                null);
    }
}
