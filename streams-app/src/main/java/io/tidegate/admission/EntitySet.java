package io.tidegate.admission;

import java.nio.ByteBuffer;
import java.util.function.BiConsumer;
import java.util.function.IntFunction;
import org.jspecify.annotations.Nullable;

/**
 * The distinct entities of one tenant, as 128-bit fingerprints: a {@linkplain EntityTable table} in memory for
 * look-ups, and chunks in a store. A look-up touches no store and allocates nothing.
 *
 * <p>The durable form: fingerprints in the order of arrival, divided into chunks of {@value #CHUNK_ENTITIES} ({@link
 * EntityChunk}). Only the last chunk changes, so each chunk is written once when it is full, and the last one at each
 * commit; {@link #load} reads them back. Chunks are kept in this form until they are {@linkplain #release released}.
 *
 * <p>The set of a tenant with an {@code entity_idle_ttl} has {@linkplain EntityAges ages}. Then
 *
 * <ul>
 *   <li>a slot has two more bytes for the generation: at most 4 bytes per entity. Expired entities stay in the table until
 *       they are swept: at least {@value #SWEPT_FOR_NEW} slots for each entity that is named in a new generation. When a
 *       table of at most 65,536 slots is less than an eighth full, it shrinks; a larger one keeps its memory until
 *       everything has expired or the tenant is read again.
 *   <li>the chunks are a log. An entity that is named in a newer generation is appended again, so at most once per granule,
 *       and its last entry counts. When more than a fifth of the log is obsolete, its oldest chunks are {@linkplain #collect
 *       collected}: their valid entries are appended again. Each signal bounds work and volume by the entries that it appends.
 * </ul>
 *
 * <p>Not thread-safe; owned by the task that owns the tenant.
 */
public final class EntitySet {
    /** Fingerprints in a full chunk. */
    public static final int CHUNK_ENTITIES = 64;

    /** Maximum number of entities of one set: the table is one array. */
    public static final int ENTITIES_MAX = 500_000_000;

    /**
     * Bytes per entity while a table grows: the old one, 3/4 full, and the new one, half full. With ages it is up to
     * 64, for which the rest of the heap has room: a set gets at most half of it.
     */
    public static final int GROWTH_BYTES = 54;

    /** Slots that are swept for each appended entity while there are expired ones. */
    static final int SWEPT_FOR_NEW = 32;

    /** Entries of the log that are collected for each appended entity while too many are obsolete. */
    static final int COLLECTED_FOR_NEW = 8;

    /** Slots and entries for each accepted signal, even if it names no entity. */
    private static final int DONE_FOR_SIGNAL = 4;

    /** The maximum number of new generations until every slot is swept. */
    private static final int GENERATIONS_OF_A_SWEEP = 4096;

    private static final long OBJECT_BYTES = 200;

    private final EntityTable table = new EntityTable();
    private final EntityLog log = new EntityLog();
    private @Nullable EntityAges ages;
    private int due;
    private int openedWhenSwept;

    /** Whether this set is never stored. */
    private boolean detached;

    /** The number of entities in the table, including expired ones that are not swept yet. */
    public int size() {
        return table.size();
    }

    EntityTable table() {
        return table;
    }

    EntityLog log() {
        return log;
    }

    /** The ages of the entities; null if the tenant never had an {@code entity_idle_ttl}. */
    @Nullable
    EntityAges ages() {
        return ages;
    }

    /** The number of the chunk that the next entity goes to. */
    public int tailChunk() {
        return EntityLog.keyOf(log.last());
    }

    /** The first chunk that {@link #chunk} can return. */
    public int firstHeldChunk() {
        return EntityLog.keyOf(log.firstHeld());
    }

    /** Returns the maximum memory of a set of this many entities: a table that has just grown is half full. */
    public static long memoryBytesMax(long entities, boolean withAges) {
        return OBJECT_BYTES + 2L * (EntityChunk.FINGERPRINT_BYTES + (withAges ? Short.BYTES : 0)) * entities;
    }

    /** Returns the approximate memory of this set, used to bound it. */
    public long memoryBytes() {
        return OBJECT_BYTES + table.memoryBytes() + log.memoryBytes() + (ages == null ? 0 : ages.memoryBytes());
    }

    boolean contains(long high, long low) {
        return table.find(high, low) >= 0;
    }

    /** Adds a fingerprint that is not {@linkplain #contains contained} to a set without ages. */
    void add(long high, long low) {
        table.add(high, low, 0);
        log.append(high, low, EntityAges.UNDATED);
    }

    /** Starts keeping ages; existing entities are undated. */
    EntityAges beginAges(long[] byKind) {
        EntityAges begun = EntityAges.of(byKind);
        ages = begun;
        table.date();
        log.date();
        return begun;
    }

    /**
     * Copies the ages of another set for a trial: the other set is loaded into this one, and this one is never stored.
     */
    void copyAges(EntitySet other) {
        if (other.ages != null) {
            ages = other.ages.copy();
            table.date();
            detached = true;
        }
    }

    /** Moves the entity in a slot to a generation, unless it is already in that or a newer one. Moves no slots. */
    void refresh(int slot, int generation, EntityKind kind) {
        EntityAges known = aged();
        short before = table.generation(slot);
        if (!EntityAges.isSince(before, generation)) {
            known.remove(before, kind.ordinal());
            known.add(generation, kind.ordinal(), 1);
            table.generation(slot, generation);
            append(table.high(slot), table.low(slot), known.endOf(generation));
        }
    }

    /** Adds an entity that is absent or expired to a generation. */
    void add(long high, long low, int generation, EntityKind kind) {
        EntityAges known = aged();
        place(known, high, low, generation);
        known.add(generation, kind.ordinal(), 1);
        append(high, low, known.endOf(generation));
    }

    private void append(long high, long low, long end) {
        if (!detached) {
            log.append(high, low, end);
        }
    }

    private void place(EntityAges known, long high, long low, int generation) {
        int slot = table.find(high, low);
        table.generation(slot < 0 ? table.add(high, low, known.first()) : slot, generation);
    }

    private EntityAges aged() {
        if (ages == null) {
            throw new IllegalStateException("the set has no ages");
        }
        return ages;
    }

    /**
     * Does an accepted signal's share of sweeping the table, and notes its share of collecting the log.
     *
     * @param appendedBefore {@link EntityLog#appended()} before the signal
     */
    void settle(long appendedBefore) {
        EntityAges known = aged();
        int named = Math.toIntExact(log.appended() - appendedBefore);
        int opened = known.opened() - openedWhenSwept;
        openedWhenSwept = known.opened();
        if (known.living() == 0 && size() > 0) {
            table.clear();
        } else if (size() > known.living()) {
            long part = (long) opened * (table.slotCount() / GENERATIONS_OF_A_SWEEP + 1);
            table.sweep(known.first(), part + DONE_FOR_SIGNAL + (long) SWEPT_FOR_NEW * named, known.living());
        }
        due = isLogTooLong(known)
                ? Math.min(due + DONE_FOR_SIGNAL + COLLECTED_FOR_NEW * named, Integer.MAX_VALUE / 2)
                : 0;
    }

    private boolean isLogTooLong(EntityAges known) {
        return !detached && log.entries() > known.living() * 5 / 4 + 2 * CHUNK_ENTITIES;
    }

    /**
     * Returns the stored chunk to {@linkplain #collect collect} now; -1 if none is due. Full chunks must have been
     * written before.
     */
    public int dueChunk() {
        return due >= CHUNK_ENTITIES && ages != null && log.head() < log.firstHeld() && isLogTooLong(ages)
                ? EntityLog.keyOf(log.head())
                : -1;
    }

    /**
     * Appends the valid entries of the chunk that is {@linkplain #dueChunk due} again. Then the caller deletes the
     * chunk.
     *
     * @param chunk the stored form; null if the chunk is empty
     */
    public void collect(byte @Nullable [] chunk) {
        EntityAges known = aged();
        int number = log.dropHead();
        due -= CHUNK_ENTITIES;
        if (chunk != null) {
            EntityChunk.readDated(number, chunk, (high, low, end) -> {
                int slot = table.find(high, low);
                int generation = known.generationOf(end);
                if (slot >= 0 && generation != EntityAges.NONE && table.generation(slot) == (short) generation) {
                    append(high, low, end);
                }
            });
        }
    }

    /**
     * Returns chunk {@code number} in its stored form.
     *
     * @throws IllegalArgumentException if it was released, or is empty
     */
    public byte[] chunk(int number) {
        return log.chunk(number);
    }

    /** Whether a chunk is full and not {@linkplain #writeFull written} yet. */
    public boolean hasFull() {
        return log.hasFull();
    }

    /** Passes on the full chunks by number, and {@linkplain #release releases} them. */
    public void writeFull(BiConsumer<Integer, byte[]> chunks) {
        log.writeFull(chunks);
    }

    /** Passes on all chunks that changed since the last call. */
    public void writeAll(BiConsumer<Integer, byte[]> chunks) {
        log.writeAll(chunks);
    }

    /** Drops all full chunks from memory. They must have been stored: they never change again. */
    public void release() {
        log.release();
    }

    /**
     * Makes room for {@code entities} at once, instead of growing step by step.
     *
     * @throws IllegalStateException if that is more than one set can hold
     */
    public void expect(long entities) {
        if (entities > ENTITIES_MAX) {
            throw new IllegalStateException(
                    "%d entities of one tenant are more than %d".formatted(entities, ENTITIES_MAX));
        }
        table.expect(entities, ages == null ? 0 : ages.first());
    }

    /** Whether there are stored chunks to {@linkplain #load load}. */
    public boolean isStored(long entities) {
        return ages == null ? entities > 0 : log.entries() > 0;
    }

    /**
     * Reads chunk {@code number} back. Without ages, chunks must be loaded in order from 0.
     *
     * @throws IllegalStateException if the chunk is of an unknown version, truncated, or out of order
     */
    public void load(int number, byte[] chunk) {
        EntityAges known = ages;
        if (known == null) {
            if ((long) number * CHUNK_ENTITIES != size()) {
                throw new IllegalStateException("entity chunk %d follows %d entities".formatted(number, size()));
            }
            EntityChunk.read(number, chunk, (high, low, end) -> add(high, low));
            log.release();
            log.allWritten();
            return;
        }
        EntityChunk.readDated(number, chunk, (high, low, end) -> {
            int generation = known.generationOf(end);
            if (generation != EntityAges.NONE) {
                int slot = table.find(high, low);
                if (slot < 0 || !EntityAges.isSince(table.generation(slot), generation)) {
                    place(known, high, low, generation);
                }
            }
        });
        if (!detached && log.isLast(number)) {
            log.loadLast(number, chunk);
        }
    }

    /**
     * Removes an entity from all stored chunks of the log. In memory, only the ages change: the set must be loaded
     * again.
     *
     * @return false if the entity is absent or expired
     */
    boolean forgetDated(
            long high,
            long low,
            EntityKind kind,
            IntFunction<byte @Nullable []> read,
            BiConsumer<Integer, byte[]> write) {
        EntityAges known = aged();
        int slot = table.find(high, low);
        if (slot < 0 || table.isExpired(slot, known.first())) {
            return false;
        }
        known.remove(table.generation(slot), kind.ordinal());
        long last = log.last();
        for (long chunkNumber = log.head(); chunkNumber <= last; chunkNumber++) {
            int number = EntityLog.keyOf(chunkNumber);
            byte[] chunk = read.apply(number);
            byte[] left = chunk == null ? null : EntityChunk.without(number, chunk, high, low);
            if (left != null) {
                write.accept(number, left);
                if (log.isLast(number)) {
                    log.lastHas(EntityChunk.entries(number, left));
                }
            }
        }
        return true;
    }

    /** Reads the ages section of a stored usage. */
    void readAges(ByteBuffer in) {
        log.begin(in.getLong(), in.getLong());
        table.date();
        ages = EntityAges.read(in);
    }

    void writeAges(ByteBuffer out) {
        out.putLong(log.appended()).putLong(log.head());
        aged().write(out);
    }

    /** Returns the maximum size of the form that {@link #writeAges} writes. */
    int agesBytesMax() {
        return ages == null ? 0 : 2 * Long.BYTES + ages.bytesMax();
    }
}
