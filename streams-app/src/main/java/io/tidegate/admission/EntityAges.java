package io.tidegate.admission;

import java.nio.ByteBuffer;
import java.util.Arrays;

/**
 * The last times at which the entities of a tenant with {@code entity_idle_ttl} were named, rounded up to a granule.
 *
 * <p>A granule is the largest power of two of milliseconds that is at most ttl ÷ 16. All entities that were last named
 * in the same granule form one generation, identified by the end of its granule. A generation expires as a whole when
 * the tenant's clock is the ttl past that end. So an entity expires between ttl and ttl + ttl ÷ 16 after it was last
 * named, and expiry costs one comparison per generation, however many entities there are.
 *
 * <p>The clock is the newest record time of an accepted signal. A signal is judged at the clock or at its own time,
 * whichever is later; a rejected one does not move the clock. A late signal names entities at its own time, or in the
 * oldest generation that has not expired.
 * <pre>
 *  generations   ends   … │ 4096 │ 8192 │ 12288 │ … │ 65536 │        granule of 4096 ms: ttl 65.536 s to 131.071 s
 *                         └ expires when the clock is at 4096 + ttl  └ the clock is in its granule
 * </pre>
 *
 * <p>Generations are numbered in order; a slot of {@link EntitySet} has the low 16 bits of its generation's number.
 * There are about 34, and a few more after the ttl was changed. Each new one makes the set sweep a part of its slots,
 * so that no slot has a number that is 32,768 behind. The ends are stored, the numbers are not.
 *
 * <p>Not thread-safe; part of {@link EntitySet}.
 */
final class EntityAges {
    /** The end of entities that were stored before the tenant had a ttl. */
    static final long UNDATED = 0;

    /** A number that no generation has. */
    static final int NONE = Integer.MIN_VALUE;

    /**
     * Maximum number of generations that have not expired; beyond it, the newest also takes the entities of later
     * granules.
     */
    static final int GENERATIONS_MAX = 1024;

    private static final int GRANULES = 16;
    private static final int FIRST_CAPACITY = 40;

    /** The largest time; later times are reduced to it, so that no sum overflows. */
    private static final long MS_MAX = Long.MAX_VALUE / 4;

    private static final int HEAD_BYTES = 4 * Long.BYTES + 1 + Short.BYTES;

    private static final long OBJECT_BYTES = 120;

    private final int kinds;
    private long ttlMs;
    private long clockMs;
    private long horizonMs;
    private long onSinceMs;
    private int first;
    private int size;
    private int opened;
    private long living;
    private long[] ends = new long[FIRST_CAPACITY];
    /** The number of entities of each generation by kind, one generation after the other. */
    private long[] counts;

    private EntityAges(int kinds) {
        this.kinds = kinds;
        counts = new long[FIRST_CAPACITY * kinds];
    }

    /**
     * Creates the ages of entities without a known time.
     *
     * @param byKind the number of entities of each kind
     */
    static EntityAges of(long[] byKind) {
        EntityAges ages = new EntityAges(byKind.length);
        ages.ends[0] = UNDATED;
        ages.size = 1;
        for (int kind = 0; kind < byKind.length; kind++) {
            ages.counts[kind] = byKind[kind];
            ages.living += byKind[kind];
        }
        return ages;
    }

    EntityAges copy() {
        EntityAges copy = new EntityAges(kinds);
        copy.ttlMs = ttlMs;
        copy.clockMs = clockMs;
        copy.horizonMs = horizonMs;
        copy.onSinceMs = onSinceMs;
        copy.first = first;
        copy.size = size;
        copy.living = living;
        copy.ends = ends.clone();
        copy.counts = counts.clone();
        return copy;
    }

    /** The limit in force, in ms; 0: nothing expires. */
    long ttlMs() {
        return ttlMs;
    }

    /**
     * Puts a limit into force. If there was none, all entities count as named now; otherwise they keep their times.
     *
     * @param ttlMs 0: nothing expires from now on
     */
    void adopt(long ttlMs, long nowMs) {
        if (this.ttlMs == 0 && ttlMs != 0) {
            clockMs = Math.max(clockMs, Math.min(nowMs, MS_MAX));
            this.ttlMs = ttlMs;
            onSinceMs = endOf(clockMs);
        }
        this.ttlMs = ttlMs;
    }

    /** The number of entities that have not expired. */
    long living() {
        return living;
    }

    /** The number of generations opened so far. */
    int opened() {
        return opened;
    }

    /** The number of the oldest generation that has not expired. */
    int first() {
        return first;
    }

    /** Returns the number of the oldest generation that has not expired when a signal of this time is judged. */
    int firstAt(long nowMs) {
        return first + expiredAt(nowMs);
    }

    /** Returns the number of entities of a kind that expire before a signal of this time is judged. */
    long expiredAt(long nowMs, int kind) {
        long expired = 0;
        for (int i = expiredAt(nowMs) - 1; i >= 0; i--) {
            expired += counts[i * kinds + kind];
        }
        return expired;
    }

    private int expiredAt(long nowMs) {
        long horizon = horizonAt(nowMs);
        int expired = 0;
        while (expired < size && Math.max(ends[expired], onSinceMs) <= horizon) {
            expired++;
        }
        return expired;
    }

    private long horizonAt(long nowMs) {
        return ttlMs == 0 ? horizonMs : Math.max(horizonMs, Math.max(clockMs, Math.min(nowMs, MS_MAX)) - ttlMs);
    }

    /** Whether the generation of a slot is not older than another. */
    static boolean isSince(short generation, int first) {
        return (short) (generation - first) >= 0;
    }

    /**
     * Moves the clock to the time of an accepted signal.
     *
     * @param byKind the counts by kind, from which expired entities are subtracted
     */
    void advance(long nowMs, long[] byKind) {
        if (ttlMs == 0) {
            if (size == 0) {
                open(horizonMs + 1);
            }
            return;
        }
        clockMs = Math.max(clockMs, Math.min(nowMs, MS_MAX));
        drop(expiredAt(clockMs), byKind);
        horizonMs = horizonAt(clockMs);
        // Every granule since the newest one gets a generation, so that late signals find theirs.
        long newest = Math.max(horizonMs, onSinceMs - 1);
        for (long end = endOf(size == 0 ? newest : Math.max(newest, ends[size - 1]));
                end <= endOf(clockMs);
                end += 1L << shift()) {
            open(end);
        }
    }

    private void drop(int expired, long[] byKind) {
        for (int i = 0; i < expired * kinds; i++) {
            byKind[i % kinds] -= counts[i];
            living -= counts[i];
        }
        if (expired > 0) {
            size -= expired;
            first += expired;
            System.arraycopy(ends, expired, ends, 0, size);
            System.arraycopy(counts, expired * kinds, counts, 0, size * kinds);
        }
    }

    private void open(long end) {
        if (size == GENERATIONS_MAX) {
            return;
        }
        if (size == ends.length) {
            ends = Arrays.copyOf(ends, 2 * size);
            counts = Arrays.copyOf(counts, 2 * size * kinds);
        }
        ends[size] = end;
        Arrays.fill(counts, size * kinds, (size + 1) * kinds, 0);
        size++;
        opened++;
    }

    private int shift() {
        return Long.SIZE - 1 - Long.numberOfLeadingZeros(Math.max(1, ttlMs / GRANULES));
    }

    private long endOf(long atMs) {
        return ((atMs >> shift()) + 1) << shift();
    }

    /**
     * Returns the generation in which an accepted signal of this time names its entities. Requires {@link #advance}
     * before it.
     */
    int generationAt(long nowMs) {
        int at = size - 1;
        if (ttlMs != 0) {
            long end = endOf(Math.min(nowMs, MS_MAX));
            while (at > 0 && ends[at - 1] >= end) {
                at--;
            }
        }
        return first + at;
    }

    /** Returns the number of the generation with this end; {@link #NONE} if it has expired. */
    int generationOf(long end) {
        int at = Arrays.binarySearch(ends, 0, size, end);
        if (at < 0 && -at - 1 == size && size > 0) {
            return first + size - 1; // newer than this usage, which only a concurrent reader can see
        }
        return at < 0 ? NONE : first + at;
    }

    long endOf(int generation) {
        return ends[generation - first];
    }

    void add(int generation, int kind, long change) {
        counts[(generation - first) * kinds + kind] += change;
        living += change;
    }

    /** Subtracts one entity from the generation of a slot that has not expired. */
    void remove(short generation, int kind) {
        add(first + (short) (generation - first), kind, -1);
    }

    long memoryBytes() {
        return OBJECT_BYTES + Long.BYTES * ((long) ends.length + counts.length);
    }

    /** Returns the maximum size of the stored form. */
    int bytesMax() {
        return HEAD_BYTES + size * (1 + kinds) * Varints.BYTES_MAX;
    }

    void write(ByteBuffer out) {
        out.putLong(ttlMs).putLong(clockMs).putLong(horizonMs).putLong(onSinceMs);
        out.put((byte) kinds).putShort((short) size);
        long before = 0;
        for (int i = 0; i < size; i++) {
            Varints.put(out, ends[i] - before);
            before = ends[i];
            for (int kind = 0; kind < kinds; kind++) {
                Varints.put(out, counts[i * kinds + kind]);
            }
        }
    }

    /** @throws IllegalStateException if there are more generations than the limit */
    static EntityAges read(ByteBuffer in) {
        long ttlMs = in.getLong();
        long clockMs = in.getLong();
        long horizonMs = in.getLong();
        long onSinceMs = in.getLong();
        EntityAges ages = new EntityAges(Byte.toUnsignedInt(in.get()));
        int stored = Short.toUnsignedInt(in.getShort());
        if (stored > GENERATIONS_MAX) {
            throw new IllegalStateException(
                    "tenant usage has %d generations of entities, the limit is %d".formatted(stored, GENERATIONS_MAX));
        }
        long before = 0;
        for (int i = 0; i < stored; i++) {
            before += Varints.get(in);
            ages.open(before);
            for (int kind = 0; kind < ages.kinds; kind++) {
                ages.add(i, kind, Varints.get(in));
            }
        }
        ages.ttlMs = ttlMs;
        ages.clockMs = clockMs;
        ages.horizonMs = horizonMs;
        ages.onSinceMs = onSinceMs;
        ages.opened = 0;
        return ages;
    }
}
