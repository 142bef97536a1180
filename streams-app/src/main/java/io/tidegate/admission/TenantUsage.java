package io.tidegate.admission;

import io.tidegate.tenant.TenantConfig;
import java.nio.ByteBuffer;
import java.util.function.BiConsumer;
import java.util.function.IntFunction;
import org.jspecify.annotations.Nullable;

/**
 * What one tenant has used: the state that decisions are made over. Changed by {@link Admission} alone, except for the
 * stored bytes, which the WAL reports.
 *
 * <p>Stored under the tenant's id, once for each transaction; the entities are stored beside it, in the chunks of {@link
 * EntitySet}. Big-endian:
 *
 * <pre>
 *  version = 2 (1)
 *  next sequence number (8)
 *  bucket: level in nano-tokens (8) | refilled at, ms (8) | last full at, ms (8)      -1: never
 *  entity hash key (16)
 *  items (8) | users (8) | creators (8)
 *  sealed segments (8) | sealed bytes (8)
 *  last decision at, ms (8)
 *  last rejection: at, ms (8) | reason (1)      -1: never
 *  bytes accepted (8)
 *  pruned below sequence number (8)
 *  watched: window (8) | signals in it (8) | level of rate, entities, storage (3)      {@link QuotaWatch}
 *  reasons n = 7 (1) | rejected by reason (8 × n) | would have been rejected (observe mode), by reason (8 × n)
 * </pre>
 *
 * <p>Version 1 ended its fixed part at the last decision; it is read, and written as version 2.
 *
 * <p>Not thread-safe; owned by the task that owns the tenant.
 */
public final class TenantUsage {
    private static final byte VERSION = 2;
    private static final byte VERSION_1 = 1;
    private static final Reason[] REASONS = Reason.values();
    private static final int BYTES_1 = 1
            + Long.BYTES
            + TokenBucket.BYTES
            + (2 + EntityKind.ALL.length + 3) * Long.BYTES
            + 1
            + 2 * REASONS.length * Long.BYTES;
    private static final int BYTES = BYTES_1 + Long.BYTES + 1 + 2 * Long.BYTES + QuotaWatch.BYTES;
    private static final byte NO_REASON = -1;
    private static final long NEVER = -1;

    final TokenBucket bucket = new TokenBucket();
    private final QuotaWatch watch = new QuotaWatch();
    private final EntitySet entities = new EntitySet();
    private final long[] entitiesByKind = new long[EntityKind.ALL.length];
    private final long[] rejected = new long[REASONS.length];
    private final long[] observed = new long[REASONS.length];
    private long nextSeq;
    private long hashKey0;
    private long hashKey1;
    private long sealedSegments;
    private long sealedBytes;
    private long lastDecisionMs;
    private long lastRejectionMs = NEVER;
    private byte lastRejection = NO_REASON;
    private long acceptedBytes;
    private long prunedBelow;

    private TenantUsage() {}

    /**
     * The usage of a tenant that was never seen.
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
     * The entities and the stored bytes of this usage with a new bucket and new counters, to try limits on. The entities
     * are to be {@linkplain EntitySet#load loaded} before the next decision.
     */
    public TenantUsage anew() {
        TenantUsage usage = fresh(hashKey0, hashKey1);
        System.arraycopy(entitiesByKind, 0, usage.entitiesByKind, 0, entitiesByKind.length);
        usage.sealedSegments = sealedSegments;
        usage.sealedBytes = sealedBytes;
        return usage;
    }

    /**
     * Reads a stored usage. Its entities are to be {@linkplain EntitySet#load loaded} before the next decision.
     *
     * @throws IllegalStateException if the bytes are of an unknown version or cut
     */
    public static TenantUsage read(byte[] stored) {
        boolean version1 = stored.length == BYTES_1 && stored[0] == VERSION_1;
        if (!version1 && (stored.length != BYTES || stored[0] != VERSION)) {
            throw new IllegalStateException(
                    "tenant usage of %d bytes is not of version %d or %d".formatted(stored.length, VERSION_1, VERSION));
        }
        ByteBuffer in = ByteBuffer.wrap(stored, 1, stored.length - 1);
        TenantUsage usage = new TenantUsage();
        usage.nextSeq = in.getLong();
        usage.bucket.read(in);
        usage.hashKey0 = in.getLong();
        usage.hashKey1 = in.getLong();
        readAll(in, usage.entitiesByKind);
        usage.sealedSegments = in.getLong();
        usage.sealedBytes = in.getLong();
        usage.lastDecisionMs = in.getLong();
        if (!version1) {
            usage.lastRejectionMs = in.getLong();
            usage.lastRejection = in.get();
            usage.acceptedBytes = in.getLong();
            usage.prunedBelow = in.getLong();
            usage.watch.read(in);
        }
        int reasons = in.get();
        if (reasons != REASONS.length) {
            throw new IllegalStateException("tenant usage knows %d reasons, not %d".formatted(reasons, REASONS.length));
        }
        readAll(in, usage.rejected);
        readAll(in, usage.observed);
        return usage;
    }

    public byte[] write() {
        ByteBuffer out = ByteBuffer.allocate(BYTES);
        out.put(VERSION).putLong(nextSeq);
        bucket.write(out);
        out.putLong(hashKey0).putLong(hashKey1);
        writeAll(out, entitiesByKind);
        out.putLong(sealedSegments).putLong(sealedBytes).putLong(lastDecisionMs);
        out.putLong(lastRejectionMs).put(lastRejection).putLong(acceptedBytes).putLong(prunedBelow);
        watch.write(out);
        out.put((byte) REASONS.length);
        writeAll(out, rejected);
        writeAll(out, observed);
        return out.array();
    }

    /** Counts a segment that the WAL sealed, replaced or pruned: the change in segments and in bytes. */
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

    void accepted(long nowMs) {
        nextSeq++;
        lastDecisionMs = nowMs;
        watch.wanted(nowMs);
    }

    void rejected(Reason reason, long nowMs) {
        rejected[reason.ordinal()]++;
        lastDecisionMs = nowMs;
        lastRejectionMs = nowMs;
        lastRejection = (byte) reason.ordinal();
        if (reason == Reason.RATE_LIMITED || reason == Reason.BURST_EXCEEDED) {
            watch.wanted(nowMs);
        }
    }

    /**
     * Takes an entity out of its stored chunks, and out of the counts. The last entity takes its place, so that all chunks but
     * the last stay full. The set in memory is not changed: it has to be loaded again.
     *
     * @param read gives a stored chunk
     * @param write takes a changed chunk; null: it is empty now
     * @return whether the entity was there
     */
    public boolean forget(
            EntityKind kind, String id, IntFunction<byte[]> read, BiConsumer<Integer, byte @Nullable []> write) {
        SipHash128 hash = new SipHash128();
        hash(hash, kind, id);
        if (!entities.contains(hash.high(), hash.low())) {
            return false;
        }
        int lastNumber = (entities.size() - 1) / EntitySet.CHUNK_ENTITIES;
        byte[] last = read.apply(lastNumber);
        for (int number = 0; number <= lastNumber; number++) {
            byte[] chunk = number == lastNumber ? last : read.apply(number);
            int index = EntitySet.indexIn(chunk, hash.high(), hash.low());
            if (index >= 0) {
                EntitySet.replace(chunk, index, last);
                if (number < lastNumber) {
                    write.accept(number, chunk);
                }
                write.accept(lastNumber, EntitySet.withoutLast(last));
                entitiesByKind[kind.ordinal()]--;
                return true;
            }
        }
        throw new IllegalStateException("an entity of the set is in none of its %d chunks".formatted(lastNumber + 1));
    }

    /** Adds to {@link #acceptedBytes}. */
    public void acceptedBytes(long bytes) {
        acceptedBytes += bytes;
    }

    /** Notes that all segments wholly below a sequence number are gone; it never goes back. */
    public void prunedBelow(long seq) {
        prunedBelow = Math.max(prunedBelow, seq);
    }

    /**
     * What is left when everything of a tenant is deleted: numbers are never given twice, and what the WAL still reports of
     * the old ones does not count.
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
        observed[reason.ordinal()]++;
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
        return rejected[reason.ordinal()];
    }

    /** Signals accepted in observe mode that would have been rejected for this reason. */
    public long observedCount(Reason reason) {
        return observed[reason.ordinal()];
    }

    public EntitySet entities() {
        return entities;
    }

    /** Distinct entities; right even where the {@linkplain #entities() set} itself is not loaded. */
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

    public long sealedSegments() {
        return sealedSegments;
    }

    public long sealedBytes() {
        return sealedBytes;
    }

    /** The record time of the last decision, in ms since the epoch; 0 before the first. */
    public long lastDecisionMs() {
        return lastDecisionMs;
    }

    /** The reason of the last rejection; null before the first. */
    public @Nullable Reason lastRejection() {
        return lastRejection == NO_REASON ? null : REASONS[lastRejection];
    }

    /** The record time of the last rejection, in ms since the epoch; -1 before the first. */
    public long lastRejectionMs() {
        return lastRejectionMs;
    }

    /** The bytes of all accepted signals' values. */
    public long acceptedBytes() {
        return acceptedBytes;
    }

    /** Segments wholly below this sequence number were pruned. */
    public long prunedBelow() {
        return prunedBelow;
    }

    public QuotaWatch watch() {
        return watch;
    }

    /** Whole tokens at a time under a config that has a rate. */
    public long tokens(TenantConfig config, long nowMs) {
        Long rate = config.maxSignalsPerSec();
        return rate == null ? 0 : bucket.tokens(rate, config.burst(), nowMs);
    }

    private static void readAll(ByteBuffer in, long[] values) {
        for (int i = 0; i < values.length; i++) {
            values[i] = in.getLong();
        }
    }

    private static void writeAll(ByteBuffer out, long[] values) {
        for (long value : values) {
            out.putLong(value);
        }
    }
}
