package io.tidegate.admission;

import io.tidegate.tenant.TenantConfig;
import java.nio.ByteBuffer;

/**
 * What one tenant has used: the state that decisions are made over. Changed by {@link Admission} alone, except for the
 * stored bytes, which the WAL reports.
 *
 * <p>Stored under the tenant's id, written with each decision; the entities are stored beside it, in the chunks of
 * {@link EntitySet}. Big-endian:
 *
 * <pre>
 *  version = 1 (1)
 *  next sequence number (8)
 *  bucket: level in nano-tokens (8) | refilled at, ms (8) | last full at, ms (8)      -1: never
 *  entity hash key (16)
 *  items (8) | users (8) | creators (8)
 *  sealed segments (8) | sealed bytes (8)
 *  last decision at, ms (8)
 *  reasons n = 7 (1) | rejected by reason (8 × n) | would have been rejected (observe mode), by reason (8 × n)
 * </pre>
 *
 * <p>Not thread-safe; owned by the task that owns the tenant.
 */
public final class TenantUsage {
    private static final byte VERSION = 1;
    private static final Reason[] REASONS = Reason.values();
    private static final int BYTES = 1
            + Long.BYTES
            + TokenBucket.BYTES
            + (2 + EntityKind.ALL.length + 3) * Long.BYTES
            + 1
            + 2 * REASONS.length * Long.BYTES;

    final TokenBucket bucket = new TokenBucket();
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
     * Reads a stored usage. Its entities are to be {@linkplain EntitySet#load loaded} before the next decision.
     *
     * @throws IllegalStateException if the bytes are of an unknown version or cut
     */
    public static TenantUsage read(byte[] stored) {
        if (stored.length != BYTES || stored[0] != VERSION) {
            throw new IllegalStateException(
                    "tenant usage of %d bytes is not of version %d".formatted(stored.length, VERSION));
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
    }

    void rejected(Reason reason, long nowMs) {
        rejected[reason.ordinal()]++;
        lastDecisionMs = nowMs;
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
