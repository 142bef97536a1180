package io.tidegate.admission;

import io.tidegate.tenant.PeriodLimit.Per;
import io.tidegate.tenant.SignalLimit;
import io.tidegate.tenant.TenantConfig;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.function.BiConsumer;
import java.util.function.IntFunction;
import org.jspecify.annotations.Nullable;

/**
 * The usage of one tenant: the state on which decisions are based. Only {@link Admission} changes it, except for the
 * stored bytes, which the caller of {@code Admission} accounts in the same transaction.
 *
 * <p>Stored under the tenant's id, once per transaction ({@link StoredUsage}); the entities are stored separately, in
 * the chunks of {@link EntitySet}.
 *
 * <p>Not thread-safe; owned by the task that owns the tenant.
 */
public final class TenantUsage {
    private static final Reason[] REASONS = Reason.values();
    private static final byte NO_REASON = -1;
    private static final long NEVER = -1;
    private static final long[] NO_COUNTS = {};

    final TokenBucket bucket = new TokenBucket();

    /** The bucket of bytes; null until the tenant has a byte rate. */
    @Nullable
    TokenBucket byteBucket;

    /** The buckets of values of {@code signal}; null as long as none had a limit. */
    @Nullable
    SignalBuckets signals;

    /** Null as long as no limit of a period was in force. */
    @Nullable
    PeriodUse periods;

    private @Nullable Limits limits;

    MonthlyUse months = new MonthlyUse();
    final QuotaWatch watch = new QuotaWatch();
    private final EntitySet entities = new EntitySet();
    long[] entitiesByKind = new long[EntityKind.ALL.length];

    /** Indexed by {@link Reason}, up to the last one that was counted: most tenants are never rejected. */
    long[] rejected = NO_COUNTS;

    /** As {@link #rejected}. */
    long[] observed = NO_COUNTS;

    long nextSeq;
    long hashKey0;
    long hashKey1;
    long sealedSegments;
    long sealedBytes;
    long lastDecisionMs;
    long lastRejectionMs = NEVER;
    byte lastRejection = NO_REASON;
    long acceptedBytes;
    long prunedBelow;
    OpenSegment openSegment = OpenSegment.NONE;

    /** Sections of a newer build, which are written again unchanged; null if there are none. */
    byte @Nullable [] unknownSections;

    TenantUsage() {}

    /**
     * Creates the usage of a new tenant.
     *
     * @param hashKey0 half of a secret random key for the entities' fingerprints
     * @param hashKey1 the other half
     */
    public static TenantUsage fresh(long hashKey0, long hashKey1) {
        TenantUsage usage = new TenantUsage();
        usage.hashKey0 = hashKey0;
        usage.hashKey1 = hashKey1;
        return usage;
    }

    /**
     * Returns a copy for trying other limits: with the entities and their ages, the stored bytes and the periods, but a
     * new bucket and new counters. The entities must be {@linkplain EntitySet#load loaded} before the next decision.
     */
    public TenantUsage forTrial() {
        TenantUsage usage = forTrialWithoutEntities();
        usage.entitiesByKind = entitiesByKind.clone();
        usage.lastDecisionMs = lastDecisionMs;
        usage.entities.copyAges(entities);
        return usage;
    }

    /** Returns a copy like {@link #forTrial}, without entities. */
    public TenantUsage forTrialWithoutEntities() {
        TenantUsage usage = fresh(hashKey0, hashKey1);
        usage.sealedSegments = sealedSegments;
        usage.sealedBytes = sealedBytes;
        usage.periods = periods;
        return usage;
    }

    /**
     * Reads a stored usage. Its entities must be {@linkplain EntitySet#load loaded} before the next decision.
     *
     * @throws IllegalStateException if the bytes are of an unknown version or truncated
     */
    public static TenantUsage read(byte[] stored) {
        return StoredUsage.read(stored);
    }

    public byte[] write() {
        return StoredUsage.write(this);
    }

    /** The open segment of the tenant's WAL. */
    public OpenSegment openSegment() {
        return openSegment;
    }

    public void openSegment(OpenSegment segment) {
        openSegment = segment;
    }

    /** Applies the change of a sealed or pruned segment to the number of segments and their bytes. */
    public void storageChanged(long segments, long bytes) {
        sealedSegments = Math.addExact(sealedSegments, segments);
        sealedBytes = Math.addExact(sealedBytes, bytes);
    }

    void hash(SipHash128 hash, EntityKind kind, String id) {
        hash.hash(hashKey0, hashKey1, kind.prefix, id);
    }

    void addEntity(EntityKind kind, long high, long low) {
        entities.add(high, low);
        entitiesByKind[kind.ordinal()]++;
    }

    void addEntity(EntityKind kind, long high, long low, int generation) {
        entities.add(high, low, generation, kind);
        entitiesByKind[kind.ordinal()]++;
    }

    /**
     * Puts an {@code entity_idle_ttl} into force; 0 for none. When it is turned on, known entities count as named at
     * the newest record time of a decision. The change follows from the config, so it applies whether or not the signal
     * is accepted.
     *
     * @param nowMs the signal's time
     * @param latenessMaxMs how much older than the newest signal this one can be: a decision about a signal from the
     *     future must not keep entities
     */
    void adoptIdleTtl(long ttlMs, long nowMs, long latenessMaxMs) {
        EntityAges ages = entities.ages();
        if (ttlMs != (ages == null ? 0 : ages.ttlMs())) {
            if (ages == null) {
                ages = entities.beginAges(entitiesByKind);
            }
            ages.adopt(
                    ttlMs,
                    lastDecisionMs - nowMs > latenessMaxMs ? nowMs + latenessMaxMs : Math.max(nowMs, lastDecisionMs));
        }
    }

    /**
     * Makes the counts of this copy those that would count for a signal of this time: without the entities that are idle under
     * the config in force, which may be newer than the last decision.
     *
     * @param config null if the tenant is unknown now
     */
    public void showAsOf(@Nullable TenantConfig config, long nowMs) {
        if (entities.ages() != null && config != null) {
            adoptIdleTtl(limits(config).idleTtlMs, nowMs, HistoryBounds.LATENESS_MS_DEFAULT);
        }
        expireIdle(nowMs);
    }

    /** Expires entities that an accepted signal of this time would not find. */
    void expireIdle(long nowMs) {
        EntityAges ages = entities.ages();
        if (ages != null) {
            ages.advance(nowMs, entitiesByKind);
        }
    }

    void accepted(int bytes, long nowMs) {
        nextSeq++;
        months.addAccepted(nowMs, bytes);
        lastDecisionMs = Math.max(lastDecisionMs, nowMs);
    }

    void rejected(Reason reason, long nowMs) {
        rejected = incremented(rejected, reason);
        months.addRejected(nowMs);
        lastDecisionMs = Math.max(lastDecisionMs, nowMs);
        lastRejectionMs = nowMs;
        lastRejection = (byte) reason.ordinal();
    }

    /**
     * Removes an entity from its stored chunks and from the counts. The last entity takes its place, so that all chunks
     * but the last stay full. Does not change the set in memory, which must be loaded again.
     *
     * @param read returns a stored chunk
     * @param write receives a changed chunk; null if it is empty now
     * @return whether the entity existed
     */
    public boolean forget(
            EntityKind kind,
            String id,
            IntFunction<byte @Nullable []> read,
            BiConsumer<Integer, byte @Nullable []> write) {
        SipHash128 hash = new SipHash128();
        hash(hash, kind, id);
        if (entities.ages() != null) {
            boolean found = entities.forgetDated(hash.high(), hash.low(), kind, read, write);
            entitiesByKind[kind.ordinal()] -= found ? 1 : 0;
            return found;
        }
        if (!entities.contains(hash.high(), hash.low())) {
            return false;
        }
        int lastNumber = (entities.size() - 1) / EntitySet.CHUNK_ENTITIES;
        byte[] last = read.apply(lastNumber);
        for (int number = 0; number <= lastNumber; number++) {
            byte[] chunk = number == lastNumber ? last : read.apply(number);
            int index = EntityChunk.indexIn(chunk, hash.high(), hash.low());
            if (index >= 0) {
                EntityChunk.replace(chunk, index, last);
                if (number < lastNumber) {
                    write.accept(number, chunk);
                }
                write.accept(lastNumber, EntityChunk.withoutLast(last));
                entitiesByKind[kind.ordinal()]--;
                return true;
            }
        }
        throw new IllegalStateException("an entity of the set is in none of its %d chunks".formatted(lastNumber + 1));
    }

    /** Returns the limits of a config. Returns the same object as long as the config is the same. */
    @SuppressWarnings("ReferenceEquality") // equal configs are recomputed, which is cheaper than comparing them
    Limits limits(TenantConfig config) {
        Limits known = limits;
        if (known == null || known.config != config) {
            known = new Limits(config);
            limits = known;
        }
        return known;
    }

    /** Returns the bucket of bytes; creates it on first use. */
    TokenBucket byteBucket() {
        if (byteBucket == null) {
            byteBucket = new TokenBucket(true);
        }
        return byteBucket;
    }

    /** Returns the buckets of values of {@code signal}; creates them on first use. */
    SignalBuckets signalBuckets() {
        if (signals == null) {
            signals = new SignalBuckets();
        }
        return signals;
    }

    private @Nullable TokenBucket bucket(Bucket which) {
        if (which.slot() >= 0) {
            return signals == null ? null : signals.bucket(which.slot());
        }
        return which.equals(Bucket.SIGNALS) ? bucket : byteBucket;
    }

    /** Returns the buckets that can have a history. */
    public List<Bucket> buckets() {
        return signals == null ? Bucket.WITHOUT_TYPES : Bucket.ALL;
    }

    /** Whether a bucket's history may have stored chunks, which must be read and passed to {@link #loadHistory}. */
    public boolean hasStoredHistory(Bucket which) {
        TokenBucket of = bucket(which);
        return of != null && (of.isHistoryStale() || of.runsToLoad() > 0);
    }

    /**
     * Loads the stored chunks of a bucket's history, after {@link #read} and before the next decision.
     *
     * @param chunks all stored chunks, by number
     * @throws IllegalStateException if they do not fit this usage
     */
    public void loadHistory(Bucket which, Map<Integer, byte[]> chunks) {
        TokenBucket of = bucket(which);
        if (of != null && !of.isHistoryStale()) {
            chunks.forEach(of::loadRun);
            of.loaded();
        }
    }

    /** Whether the stored chunks do not belong to this usage and must be deleted. */
    public boolean isStoredHistoryStale(Bucket which) {
        TokenBucket of = bucket(which);
        return of != null && of.isHistoryStale();
    }

    /**
     * Passes on the chunks of a bucket's history that changed since the last call. They must be stored together with
     * this usage.
     *
     * @param chunks receives the number and the content; null deletes the chunk
     */
    public void writeHistory(Bucket which, BiConsumer<Integer, byte @Nullable []> chunks) {
        TokenBucket of = bucket(which);
        if (of == bucket && of.isHistoryShort()) {
            of.removeRuns(chunks);
        } else if (of != null) {
            of.writeRuns(chunks);
        }
    }

    /** The memory of the histories. */
    public long historyBytes() {
        return bucket.memoryBytes()
                + (byteBucket == null ? 0 : byteBucket.memoryBytes())
                + (signals == null ? 0 : signals.memoryBytes());
    }

    /** Whether a signal of this time is older than the newest accepted one that took a token. */
    public boolean isLate(long atMs) {
        return bucket.isLate(atMs)
                || (byteBucket != null && byteBucket.isLate(atMs))
                || (signals != null && signals.isLate(atMs));
    }

    /** Whether a signal of this time is older than a history, so that it may be rejected too early. */
    public boolean isBeyondHistory(long atMs) {
        return bucket.isBeyondHistory(atMs)
                || (byteBucket != null && byteBucket.isBeyondHistory(atMs))
                || (signals != null && signals.isBeyondHistory(atMs));
    }

    /** Adds to {@link #acceptedBytes}. */
    public void acceptedBytes(long bytes) {
        acceptedBytes += bytes;
    }

    /** Notes that all segments entirely below a sequence number were pruned; the number never decreases. */
    public void prunedBelow(long seq) {
        prunedBelow = Math.max(prunedBelow, seq);
    }

    /**
     * Returns the usage after everything of a tenant is deleted. Sequence numbers are never reused.
     *
     * @param hashKey0 as in {@link #fresh}
     * @param hashKey1 as in {@link #fresh}
     */
    public TenantUsage deleted(long hashKey0, long hashKey1) {
        TenantUsage left = fresh(hashKey0, hashKey1);
        left.nextSeq = nextSeq;
        left.prunedBelow = nextSeq;
        return left;
    }

    void observed(Reason reason) {
        observed = incremented(observed, reason);
    }

    private static long[] incremented(long[] counts, Reason reason) {
        int at = reason.ordinal();
        long[] enough = at < counts.length ? counts : Arrays.copyOf(counts, at + 1);
        enough[at]++;
        return enough;
    }

    private static long count(long[] counts, Reason reason) {
        return reason.ordinal() < counts.length ? counts[reason.ordinal()] : 0;
    }

    /** The sequence number of the last accepted signal; -1 before the first. */
    public long lastSeq() {
        return nextSeq - 1;
    }

    /** Signals accepted so far; also the next sequence number. */
    public long acceptedCount() {
        return nextSeq;
    }

    public long rejectedCount(Reason reason) {
        return count(rejected, reason);
    }

    /** Signals accepted in observe mode that would have been rejected for this reason. */
    public long observedCount(Reason reason) {
        return count(observed, reason);
    }

    public EntitySet entities() {
        return entities;
    }

    /** The number of distinct entities; right even if the {@linkplain #entities() set} itself is not loaded. */
    public long entityCount() {
        long sum = 0;
        for (long count : entitiesByKind) {
            sum += count;
        }
        return sum;
    }

    public long entityCount(EntityKind kind) {
        return entitiesByKind[kind.ordinal()];
    }

    /**
     * Returns the number of distinct entities that count for a signal of this time: {@link #entityCount()} without
     * those that have expired by then.
     */
    public long entityCountAt(long nowMs) {
        long count = entityCount();
        if (entities.ages() != null) {
            for (EntityKind kind : EntityKind.ALL) {
                count -= entities.ages().expiredAt(nowMs, kind.ordinal());
            }
        }
        return count;
    }

    /** Like {@link #entityCountAt(long)}, for one kind. */
    public long entityCountAt(long nowMs, EntityKind kind) {
        EntityAges ages = entities.ages();
        return entityCount(kind) - (ages == null ? 0 : ages.expiredAt(nowMs, kind.ordinal()));
    }

    /** Returns the maximum memory of the set of entities. */
    public long entityBytesMax() {
        return EntitySet.memoryBytesMax(entityCount(), entities.ages() != null);
    }

    public long sealedSegments() {
        return sealedSegments;
    }

    public long sealedBytes() {
        return sealedBytes;
    }

    /** The newest record time of a decision, in ms since the epoch; 0 before the first. */
    public long lastDecisionMs() {
        return lastDecisionMs;
    }

    /** The reason of the last rejection; null before the first, or if a newer build rejected for a reason unknown here. */
    public @Nullable Reason lastRejection() {
        return lastRejection >= 0 && lastRejection < REASONS.length ? REASONS[lastRejection] : null;
    }

    /** The record time of the last rejection, in ms since the epoch; -1 before the first. */
    public long lastRejectionMs() {
        return lastRejectionMs;
    }

    /** The bytes of all accepted signals' values. */
    public long acceptedBytes() {
        return acceptedBytes;
    }

    /** Segments entirely below this sequence number were pruned. */
    public long prunedBelow() {
        return prunedBelow;
    }

    public QuotaWatch watch() {
        return watch;
    }

    /** Returns the counted signals accepted in the period that contains a time. */
    public long periodSignals(Per per, long atMs) {
        return periods == null ? 0 : periods.signals(per, per.indexOf(atMs));
    }

    /** Returns the counted bytes of values accepted in the period that contains a time. */
    public long periodBytes(Per per, long atMs) {
        return periods == null ? 0 : periods.bytes(per, per.indexOf(atMs));
    }

    /** Returns the accepted signals of a month, numbered as in {@link Per}; 0 if it is not kept. */
    public long acceptedIn(long month) {
        return months.accepted(month);
    }

    /** Returns the rejected signals of a month; 0 if it is not kept. */
    public long rejectedIn(long month) {
        return months.rejected(month);
    }

    /** Returns the bytes of the values of a month's accepted signals; 0 if it is not kept. */
    public long acceptedBytesIn(long month) {
        return months.acceptedBytes(month);
    }

    /** Whether a month is too old for its counts to be kept. */
    public boolean isForgotten(long month) {
        return months.isForgotten(month);
    }

    /** Clears all periods, to try their limits on signals that were counted before. */
    public void clearPeriods() {
        periods = null;
    }

    /** Returns the whole bytes in the byte bucket at a time, under a config that has a byte rate. */
    public long byteTokens(TenantConfig config, long nowMs) {
        if (config.maxBytesPerSec() == null) {
            return 0;
        }
        TokenBucket of = byteBucket == null ? new TokenBucket(true) : byteBucket;
        return of.tokens(Admission.tokens(config.bytesPerSec()), Admission.tokens(config.bytesBurst()), nowMs);
    }

    /** Returns the whole tokens of a value of {@code signal} at a time, under its limit. */
    public long signalTokens(String type, SignalLimit limit, long nowMs) {
        SignalBuckets.OfType of = signals == null ? null : signals.find(type);
        TokenBucket known = of == null ? new TokenBucket() : of.bucket;
        return known.tokens(limit.maxSignalsPerSec(), limit.burst(), nowMs);
    }

    /** The level that the rate of a value of {@code signal} has reached, in percent: 0, 80, 90 or 100. */
    int signalLevel(String type) {
        SignalBuckets.OfType of = signals == null ? null : signals.find(type);
        return of == null ? 0 : of.level();
    }

    /** Returns the whole tokens at a time, under a config that has a rate. */
    public long tokens(TenantConfig config, long nowMs) {
        Long rate = config.maxSignalsPerSec();
        return rate == null ? 0 : bucket.tokens(rate, config.burst(), nowMs);
    }
}
