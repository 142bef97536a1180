package io.tidegate.admission;

import io.tidegate.admission.QuotaWatch.Crossing;
import io.tidegate.tenant.SignalLimit;
import io.tidegate.tenant.TenantConfig;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The buckets of the values of {@code signal} with their own limit, and the watched levels of their rates.
 *
 * <p>Each has a slot, which identifies its section in {@link StoredUsage} and the chunks of its history. It keeps the
 * slot as long as it has a limit. When a limit is removed, its bucket is reset, and the next new value takes over the
 * slot, including the stored chunks that still have to be deleted.
 *
 * <p>Not thread-safe; part of {@link TenantUsage}.
 */
final class SignalBuckets {
    private static final long NONE = -1;

    /** Approximate memory of a bucket, its windows and its map entry, used to bound it. */
    private static final long MEMORY_BYTES = 700;

    private final Map<String, OfType> byType = new HashMap<>();
    private final @Nullable OfType[] slots = new OfType[TenantConfig.SIGNALS_MAX];
    private List<Crossing> left = List.of();

    /** The limits that the buckets have adopted; compared by identity first. */
    private @Nullable Map<String, SignalLimit> adopted;

    /** The bucket and windows of one value of {@code signal}. */
    static final class OfType {
        private String type;
        final TokenBucket bucket;
        private RateWindows windows = new RateWindows();
        private int level;
        private long rate;
        private long burst;

        /** The highest count when a window has just ended, as in {@link QuotaWatch}. */
        private long finished = NONE;

        private OfType(String type, TokenBucket bucket) {
            this.type = type;
            this.bucket = bucket;
        }

        /** The value of {@code signal}. */
        String type() {
            return type;
        }

        int level() {
            return level;
        }

        /** The limit's rate; 0 rejects all. */
        long rate() {
            return rate;
        }

        /** The limit's burst; 0 rejects all. */
        long burst() {
            return burst;
        }

        /** Whether the limit lets no signal pass. */
        boolean isClosed() {
            return rate == 0 || burst == 0;
        }

        /** Adopts the limit for a decision; a closed one leaves the bucket unchanged. */
        void adopt() {
            if (!isClosed()) {
                bucket.adopt(rate, burst);
            }
        }

        /** Whether the limit lets a signal pass now. Requires {@link #adopt} before it. */
        boolean hasToken(long nowMs) {
            return !isClosed() && bucket.has(1, nowMs);
        }

        private void limit(SignalLimit limit) {
            rate = limit.maxSignalsPerSec();
            burst = limit.burst();
        }

        /** Whether the state equals that of a new bucket. */
        private boolean isNew() {
            return !bucket.isUsed() && windows.isEmpty() && level == 0;
        }

        /** Counts a signal that is accepted, or rejected for the rate alone, at its own time. */
        void wanted(long atMs, long latenessMaxMs) {
            if (windows.count(atMs, 1, latenessMaxMs)) {
                finished = windows.highest();
            }
        }
    }

    /** Adopts changed limits: a bucket without a limit is reset. Must be called before each decision. */
    void adopt(Map<String, SignalLimit> limits) {
        if (limits == adopted) {
            return;
        }
        adopted = limits;
        for (OfType one : slots) {
            if (one == null || byType.get(one.type) != one) {
                continue;
            }
            SignalLimit limit = limits.get(one.type);
            if (limit != null) {
                one.limit(limit);
            } else {
                byType.remove(one.type);
                one.bucket.reset();
                if (one.level > 0) {
                    left = new ArrayList<>(left);
                    left.add(new Crossing(QuotaWatch.Quota.SIGNAL_RATE, one.level, 0, 0, 0, NONE, one.type));
                }
            }
        }
    }

    /** Returns the state of a value that has a limit; null if no signal of it was decided under that limit. */
    @Nullable
    OfType find(String type) {
        return byType.get(type);
    }

    /** Returns the state of a value with a limit in the {@linkplain #adopt adopted} ones; null if it has no limit. */
    @Nullable
    OfType limited(String type) {
        OfType known = byType.get(type);
        SignalLimit limit = known != null || adopted == null ? null : adopted.get(type);
        if (limit != null) {
            known = add(type, freeSlot());
            known.limit(limit);
        }
        return known;
    }

    private OfType add(String type, int slot) {
        OfType before = slots[slot];
        OfType one = new OfType(type, before == null ? new TokenBucket() : before.bucket);
        slots[slot] = one;
        byType.put(type, one);
        return one;
    }

    private int freeSlot() {
        for (int slot = 0; slot < slots.length; slot++) {
            OfType one = slots[slot];
            if (one == null || byType.get(one.type) != one) {
                return slot;
            }
        }
        throw new IllegalStateException("more values of signal have a bucket than can have a limit");
    }

    /** Adds the crossings since the last call. */
    List<Crossing> look(List<Crossing> found) {
        List<Crossing> all = left.isEmpty() ? found : new ArrayList<>(found);
        if (!left.isEmpty()) {
            all.addAll(left);
            left = List.of();
        }
        for (OfType one : slots) {
            if (one == null || one.finished == NONE) {
                continue;
            }
            SignalLimit limit = adopted == null ? null : adopted.get(one.type);
            if (limit != null) {
                Crossing crossing = QuotaWatch.crossing(one.type, one.level, one.finished, limit.maxSignalsPerSec());
                if (crossing != null) {
                    one.level = crossing.level();
                    all = new ArrayList<>(all);
                    all.add(crossing);
                }
            }
            one.finished = NONE;
        }
        return all;
    }

    /** Returns the bucket in a slot; null if there is none. */
    @Nullable
    TokenBucket bucket(int slot) {
        OfType one = slots[slot];
        return one == null ? null : one.bucket;
    }

    boolean isLate(long atMs) {
        for (OfType one : slots) {
            if (one != null && one.bucket.isLate(atMs)) {
                return true;
            }
        }
        return false;
    }

    boolean isBeyondHistory(long atMs) {
        for (OfType one : slots) {
            if (one != null && one.bucket.isBeyondHistory(atMs)) {
                return true;
            }
        }
        return false;
    }

    long memoryBytes() {
        long sum = 0;
        for (OfType one : slots) {
            sum += one == null ? 0 : MEMORY_BYTES + one.bucket.memoryBytes();
        }
        return sum;
    }

    /** Whether a slot has state to store. */
    boolean isStored(int slot) {
        OfType one = slots[slot];
        return one != null && byType.get(one.type) == one && !one.isNew();
    }

    /** Returns the maximum size of the form that {@link #write} writes for all slots. */
    int bytesMax() {
        int sum = 0;
        for (OfType one : slots) {
            if (one != null) {
                sum += Short.BYTES + 3 * one.type.length() + 1 + one.windows.bytesBefore();
                sum += TokenBucket.BYTES + TokenBucket.HISTORY_BYTES;
            }
        }
        return sum;
    }

    void write(int slot, ByteBuffer out) {
        OfType one = slots[slot];
        if (one == null) {
            throw new IllegalStateException("nothing is in slot " + slot);
        }
        byte[] name = one.type.getBytes(StandardCharsets.UTF_8);
        out.putShort((short) name.length).put(name).put((byte) one.level);
        one.windows.writeBefore(out);
        one.bucket.write(out);
        one.bucket.writeHistory(out);
    }

    /** Reads the form that {@link #write} wrote, up to the history of the bucket, which follows; returns the bucket. */
    TokenBucket read(int slot, ByteBuffer in) {
        byte[] name = new byte[Short.toUnsignedInt(in.getShort())];
        in.get(name);
        OfType one = add(new String(name, StandardCharsets.UTF_8), slot);
        one.level = in.get();
        one.windows.readAll(in);
        one.bucket.read(in);
        return one.bucket;
    }
}
