package io.tidegate.admission;

import java.util.Arrays;
import java.util.function.BiConsumer;

/**
 * The chunks of {@link EntitySet}: fingerprints in the order in which they were appended, {@value
 * EntitySet#CHUNK_ENTITIES} per chunk.
 *
 * <p>Only the last chunk changes. Chunks are kept until they are {@linkplain #release released}. A <em>dated</em> log
 * stores the end of each entry's generation, can have several entries of one entity, and is collected from its first
 * chunk on.
 *
 * <p>Not thread-safe; part of {@link EntitySet}.
 */
final class EntityLog {
    private static final int CHUNK_ENTITIES = EntitySet.CHUNK_ENTITIES;
    private static final int TAIL_DOUBLES_TO = 2 * CHUNK_ENTITIES;
    private static final int TAIL_STEP = 16;

    /** The entries of the chunks from {@link #firstHeld} on. */
    private long[] tail = new long[2];

    /** The end of the generation of each entry in the tail, if the log is dated. */
    private long[] tailEnds = new long[0];

    private boolean dated;
    private long firstHeld;

    /** The first chunk of the log. */
    private long head;

    /** The number of entries that were ever appended. */
    private long appended;

    /** The number of entries that {@link #writeAll} need not write again. */
    private long written;

    /** Returns the number under which a chunk is stored; numbers start again at 0 after the largest. */
    static int keyOf(long chunk) {
        return (int) (chunk & Integer.MAX_VALUE);
    }

    long appended() {
        return appended;
    }

    /** The number of entries, including obsolete ones. */
    long entries() {
        return appended - head * CHUNK_ENTITIES;
    }

    long head() {
        return head;
    }

    /** The chunk that receives the next entry. */
    long last() {
        return appended / CHUNK_ENTITIES;
    }

    long firstHeld() {
        return firstHeld;
    }

    long memoryBytes() {
        return Long.BYTES * ((long) tail.length + tailEnds.length);
    }

    /** Makes the log dated: new entries have the ends of generations; existing ones are undated. */
    void date() {
        dated = true;
        tailEnds = new long[tail.length / 2];
    }

    /** Starts at the end of a stored log; its last chunk must be {@linkplain #loadLast loaded}. */
    void begin(long appendedBefore, long headChunk) {
        appended = appendedBefore;
        written = appendedBefore;
        head = headChunk;
        firstHeld = last();
        date();
    }

    void append(long high, long low, long end) {
        int inTail = Math.toIntExact(appended - firstHeld * CHUNK_ENTITIES);
        if (2 * inTail >= tail.length) {
            tail = Arrays.copyOf(tail, tail.length < TAIL_DOUBLES_TO ? tail.length * 2 : tail.length + TAIL_STEP);
        }
        tail[2 * inTail] = high;
        tail[2 * inTail + 1] = low;
        if (dated) {
            tailEnds = tailEnds.length <= inTail ? Arrays.copyOf(tailEnds, tail.length / 2) : tailEnds;
            tailEnds[inTail] = end;
        }
        appended++;
    }

    /** Whether a stored chunk is the last one and is not full. */
    boolean isLast(int number) {
        return number == keyOf(last()) && appended % CHUNK_ENTITIES > 0;
    }

    /** Loads the stored form of the last chunk. */
    void loadLast(int number, byte[] chunk) {
        long end = appended;
        appended = firstHeld * CHUNK_ENTITIES;
        EntityChunk.readDated(number, chunk, this::append);
        if (appended != end) {
            throw new IllegalStateException("entity chunk %d has %d entries, and the log %d in it"
                    .formatted(number, appended % CHUNK_ENTITIES, end % CHUNK_ENTITIES));
        }
    }

    byte[] chunk(long number) {
        int count = (int) Math.min(CHUNK_ENTITIES, appended - number * CHUNK_ENTITIES);
        if (count <= 0 || number < firstHeld) {
            throw new IllegalArgumentException(
                    "chunk %d of %d entities is released or empty".formatted(number, appended));
        }
        int from = Math.toIntExact(number - firstHeld) * CHUNK_ENTITIES;
        return dated ? EntityChunk.writeDated(tail, tailEnds, from, count) : EntityChunk.write(tail, from, count);
    }

    boolean hasFull() {
        return last() > firstHeld;
    }

    void writeFull(BiConsumer<Integer, byte[]> chunks) {
        for (long number = firstHeld; number < last(); number++) {
            chunks.accept(keyOf(number), chunk(number));
        }
        release();
    }

    void writeAll(BiConsumer<Integer, byte[]> chunks) {
        writeFull(chunks);
        if (appended > written && appended % CHUNK_ENTITIES > 0) {
            chunks.accept(keyOf(last()), chunk(last()));
        }
        written = appended;
    }

    /** Notes that all appended entries are stored. */
    void allWritten() {
        written = appended;
    }

    void release() {
        int released = Math.toIntExact(last() - firstHeld);
        if (released > 0) {
            int from = released * CHUNK_ENTITIES;
            int kept = (int) (appended % CHUNK_ENTITIES);
            System.arraycopy(tail, 2 * from, tail, 0, 2 * kept);
            if (dated) {
                System.arraycopy(tailEnds, from, tailEnds, 0, kept);
            }
            firstHeld += released;
        }
    }

    /** Drops the first chunk and returns its number. */
    int dropHead() {
        return keyOf(head++);
    }

    /** Notes the size of the last stored chunk after an entry was removed from it. */
    void lastHas(int entries) {
        appended = last() * CHUNK_ENTITIES + entries;
    }
}
