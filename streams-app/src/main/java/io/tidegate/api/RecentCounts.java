package io.tidegate.api;

import io.tidegate.admission.Reason;
import io.tidegate.admission.TenantUsage;
import io.tidegate.tenant.TenantId;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.function.BiConsumer;
import org.jspecify.annotations.Nullable;

/**
 * Counts of outcomes in the last hour, for the signals that this instance decided: of all tenants together in steps of ten
 * seconds, of each tenant in steps of thirty. In memory only, and for display; the durable counters are in Kafka.
 *
 * <p>The counts are differences between successive reads of the counters, so they cost the signal path nothing. A shard counts
 * from its second read on, also after it was away. Bounded: beyond {@link #TENANTS_MAX} tenants, or {@link #ROWS_MAX} series,
 * further tenants have no history. Steps are counted from the epoch, so that those of several instances can be added.
 * Thread-safe.
 */
final class RecentCounts {
    /** One outcome of signals: accepted, or rejected for a reason. */
    static final int OUTCOMES = 1 + Reason.values().length;

    static final long SPAN_MS = 3_600_000;
    static final long STEP_MS = 10_000;
    static final long TENANT_STEP_MS = 30_000;
    static final int TENANTS_MAX = 20_000;

    private static final int ROWS_MAX = 20_000; // of 120 ints: 10 MB
    private static final int RECENT_STEPS = 10; // five minutes

    /**
     * The counts of a tenant's last five minutes.
     *
     * @param top the reason of most rejections; null if there were none
     */
    record Recent(long accepted, long rejected, @Nullable Reason top) {}

    /**
     * Counts by step and outcome.
     *
     * @param lastStep the current step, since the epoch
     * @param counts by outcome, the oldest step first; null if there were none at all
     * @param known the steps that were observed
     */
    @SuppressWarnings("ArrayRecordComponent") // not compared
    record Points(long stepMs, long lastStep, int[] @Nullable [] counts, boolean[] known) {}

    /** Sealed WAL bytes of the shards on this instance, as of the last read. */
    record SealedBytes(Set<Integer> shards, long segments, long bytes) {}

    /** Counts by step, as ring buffers: the index of a step is its remainder. */
    private static final class Series {
        private final long stepMs;
        private final int[][] rows = new int[OUTCOMES][];
        private final boolean[] known;
        private long lastStep;

        Series(long stepMs, long nowMs) {
            this.stepMs = stepMs;
            known = new boolean[(int) (SPAN_MS / stepMs)];
            lastStep = nowMs / stepMs;
        }

        /**
         * Advances to the current step. New steps are empty and unknown. If the clock goes back, counts go to the last step.
         */
        void advance(long nowMs) {
            long step = nowMs / stepMs;
            long from = Math.max(lastStep + 1, step - known.length + 1);
            for (long fresh = from; fresh <= step; fresh++) {
                int place = place(fresh);
                known[place] = false;
                for (int[] row : rows) {
                    if (row != null) {
                        row[place] = 0;
                    }
                }
            }
            lastStep = Math.max(lastStep, step);
        }

        private int place(long step) {
            return (int) (step % known.length);
        }

        boolean has(int outcome) {
            return rows[outcome] != null;
        }

        void see() {
            known[place(lastStep)] = true;
        }

        void add(int outcome, long count) {
            if (rows[outcome] == null) {
                rows[outcome] = new int[known.length];
            }
            int place = place(lastStep);
            rows[outcome][place] = (int) Math.min(Integer.MAX_VALUE, rows[outcome][place] + count);
        }

        long sum(int outcome, int steps) {
            long sum = 0;
            if (rows[outcome] != null) {
                for (long step = lastStep; step > lastStep - steps; step--) {
                    sum += rows[outcome][place(step)];
                }
            }
            return sum;
        }

        Points points() {
            int[][] counts = new int[OUTCOMES][];
            boolean[] seen = new boolean[known.length];
            for (int i = 0; i < known.length; i++) {
                int place = place(lastStep - known.length + 1 + i);
                seen[i] = known[place];
                for (int outcome = 0; outcome < OUTCOMES; outcome++) {
                    if (rows[outcome] != null) {
                        counts[outcome] = counts[outcome] == null ? new int[known.length] : counts[outcome];
                        counts[outcome][i] = rows[outcome][place];
                    }
                }
            }
            return new Points(stepMs, lastStep, counts, seen);
        }
    }

    private static final class Tenant {
        private final int shard;
        private long[] counts;
        private @Nullable Series series;
        private long changedMs;

        /** Whether counts were left out for lack of room, so that the others would mislead. */
        private boolean isIncomplete;

        Tenant(int shard, long[] counts) {
            this.shard = shard;
            this.counts = counts;
        }
    }

    @SuppressWarnings("ArrayRecordComponent") // not compared
    private record Shard(long[] counts, SealedBytes sealed) {}

    private final Series whole;
    private final Map<TenantId, Tenant> tenants = new HashMap<>();
    private final Map<Integer, Shard> shards = new HashMap<>();
    private int rows;
    private boolean wasFull;

    RecentCounts(long nowMs) {
        whole = new Series(STEP_MS, nowMs);
    }

    /** One read of a shard's tenants. */
    final class Reading implements BiConsumer<TenantId, TenantUsage> {
        private final int shard;
        private final long nowMs;
        private final boolean first;
        private final long[] sums = new long[OUTCOMES];
        private long sealedSegments;
        private long sealedBytes;

        private Reading(int shard, long nowMs, boolean first) {
            this.shard = shard;
            this.nowMs = nowMs;
            this.first = first;
        }

        @Override
        public void accept(TenantId id, TenantUsage usage) {
            count(id, counts(usage), usage.sealedSegments(), usage.sealedBytes());
        }

        void count(TenantId id, long[] counts, long segments, long bytes) {
            for (int outcome = 0; outcome < OUTCOMES; outcome++) {
                sums[outcome] += counts[outcome];
            }
            sealedSegments += segments;
            sealedBytes += bytes;
            tenant(id, shard, counts, first, nowMs);
        }

        /** @param complete false if the shard was moved away in the meantime */
        void end(boolean complete) {
            SealedBytes sealed = new SealedBytes(Set.of(shard), sealedSegments, sealedBytes);
            RecentCounts.this.end(shard, complete ? new Shard(sums, sealed) : null, nowMs);
        }
    }

    /** Begins a read of a shard. */
    synchronized Reading read(int shard, long nowMs) {
        return new Reading(shard, nowMs, !shards.containsKey(shard));
    }

    /** Drops the counters of shards that are no longer here. Their past counts stay for an hour. */
    synchronized void retain(Set<Integer> own, long nowMs) {
        shards.keySet().retainAll(own);
        tenants.values().removeIf(tenant -> {
            boolean gone = !own.contains(tenant.shard) && nowMs - tenant.changedMs > SPAN_MS;
            rows -= gone ? rows(tenant) : 0;
            return gone;
        });
    }

    private static int rows(Tenant tenant) {
        int rows = 0;
        for (int outcome = 0; tenant.series != null && outcome < OUTCOMES; outcome++) {
            rows += tenant.series.has(outcome) ? 1 : 0;
        }
        return rows;
    }

    private static long[] counts(TenantUsage usage) {
        long[] counts = new long[OUTCOMES];
        counts[0] = usage.acceptedCount();
        for (Reason reason : Reason.values()) {
            counts[1 + reason.ordinal()] = usage.rejectedCount(reason);
        }
        return counts;
    }

    private synchronized void tenant(TenantId id, int shard, long[] counts, boolean first, long nowMs) {
        Tenant tenant = tenants.get(id);
        if (tenant == null) {
            if (tenants.size() >= TENANTS_MAX) {
                wasFull = true;
                return;
            }
            // A tenant that was absent in the last read is new, unless there were too many tenants to keep all of them.
            tenant = new Tenant(shard, first || wasFull ? counts : new long[OUTCOMES]);
            tenants.put(id, tenant);
        }
        for (int outcome = 0; !first && outcome < OUTCOMES; outcome++) {
            long more = counts[outcome] - tenant.counts[outcome];
            if (more > 0) {
                add(tenant, outcome, more, nowMs);
            }
        }
        tenant.counts = counts;
    }

    private void add(Tenant tenant, int outcome, long more, long nowMs) {
        boolean fresh = tenant.series == null || !tenant.series.has(outcome);
        if (fresh && rows >= ROWS_MAX) {
            tenant.isIncomplete = true;
            return;
        }
        rows += fresh ? 1 : 0;
        if (tenant.series == null) {
            tenant.series = new Series(TENANT_STEP_MS, nowMs);
        }
        tenant.series.advance(nowMs);
        tenant.series.add(outcome, more);
        tenant.changedMs = nowMs;
    }

    private synchronized void end(int shard, @Nullable Shard read, long nowMs) {
        Shard before = read == null ? shards.remove(shard) : shards.put(shard, read);
        if (read == null || before == null) {
            return;
        }
        whole.advance(nowMs);
        whole.see();
        for (int outcome = 0; outcome < OUTCOMES; outcome++) {
            // A lower counter means that the tenant was purged.
            whole.add(outcome, Math.max(0, read.counts()[outcome] - before.counts()[outcome]));
        }
    }

    /** Returns the counts of all tenants together. */
    synchronized Points whole(long nowMs) {
        whole.advance(nowMs);
        return whole.points();
    }

    /** Returns the counts of one tenant; null if it has no history here. */
    synchronized @Nullable Points tenant(TenantId id, long nowMs) {
        Tenant tenant = tenants.get(id);
        if (tenant == null || tenant.isIncomplete) {
            return null;
        }
        Series series = tenant.series == null ? new Series(TENANT_STEP_MS, nowMs) : tenant.series;
        series.advance(nowMs);
        Points points = series.points();
        // An idle tenant was observed as often as all tenants together.
        whole.advance(nowMs);
        int each = (int) (TENANT_STEP_MS / STEP_MS);
        Points all = whole.points();
        for (int i = 0; i < points.known().length; i++) {
            long firstOfAll = (points.lastStep() - points.known().length + 1 + i) * each;
            for (int j = 0; j < each; j++) {
                long at = firstOfAll + j - (all.lastStep() - all.known().length + 1);
                points.known()[i] |= at >= 0 && at < all.known().length && all.known()[(int) at];
            }
        }
        return points;
    }

    /** Returns a tenant's last five minutes; null if it has no history. */
    synchronized @Nullable Recent recent(TenantId id, long nowMs) {
        Tenant tenant = tenants.get(id);
        if (tenant == null || tenant.isIncomplete) {
            return null;
        }
        if (tenant.series == null) {
            return new Recent(0, 0, null);
        }
        tenant.series.advance(nowMs);
        long rejected = 0;
        long most = 0;
        Reason top = null;
        for (Reason reason : Reason.values()) {
            long count = tenant.series.sum(1 + reason.ordinal(), RECENT_STEPS);
            rejected += count;
            if (count > most) {
                most = count;
                top = reason;
            }
        }
        return new Recent(tenant.series.sum(0, RECENT_STEPS), rejected, top);
    }

    /** Returns the sealed bytes of the shards on this instance. */
    synchronized SealedBytes sealed() {
        long segments = 0;
        long bytes = 0;
        for (Shard shard : shards.values()) {
            segments += shard.sealed().segments();
            bytes += shard.sealed().bytes();
        }
        return new SealedBytes(Set.copyOf(shards.keySet()), segments, bytes);
    }
}
