package io.tidegate.streams;

import java.util.ArrayDeque;
import java.util.Deque;
import org.apache.kafka.common.TopicPartition;

/**
 * The records of one partition that a thread was delivered and has processed.
 *
 * <p>{@link #expected} is the first offset that is not accounted for. Every record below it was processed in a
 * transaction that is committed or open; other offsets below it are markers, aborted records or records that retention
 * deleted. While records are pending, it is the offset of the first of them; otherwise it is the consumer's position,
 * unless the position moved unexpectedly. A difference is resolved by asking the brokers whether there are records in
 * between.
 *
 * <p>Example: records 5 and 6 are delivered, and 7 is a marker. Then the position is 8, and the expected offsets are 5,
 * 6 and 8 in turn. If their task is closed and its successor receives the records from 8 on, the first of these is not
 * 5, and the thread fails.
 *
 * <p>Not thread-safe; owned by the thread.
 */
final class PartitionProgress {
    private static final long UNKNOWN = -1;

    private final TopicPartition id;
    private final Continuity.Records records;
    private final Deque<long[]> pending = new ArrayDeque<>();
    /** The index of the first unprocessed record in the first pending batch. */
    private int at;

    private long expected = UNKNOWN;
    private long position = UNKNOWN;
    /**
     * The offset at which this thread started; compared with the committed offset before the first record is processed.
     */
    private long start = UNKNOWN;

    private boolean isStartVerified;
    /** The group's committed offset; 0 if it has not committed anything. */
    private long committed = UNKNOWN;
    /** The first and the last record that the open transaction covers. */
    private long firstInTransaction = UNKNOWN;

    private long lastInTransaction = UNKNOWN;

    PartitionProgress(TopicPartition id, Continuity.Records records) {
        this.id = id;
        this.records = records;
    }

    TopicPartition id() {
        return id;
    }

    /** Whether the group has committed an offset. */
    boolean hasCommitted() {
        return committed > 0;
    }

    boolean isPositioned() {
        return position != UNKNOWN;
    }

    /** Returns the number of records that were delivered and not processed. */
    int pendingCount() {
        int count = -at;
        for (long[] batch : pending) {
            count += batch.length;
        }
        return Math.max(0, count);
    }

    /** Sets the group's committed offset as of the start of a task. */
    void committedIs(long offset) {
        committed = offset;
    }

    /** Sets the consumer's position, after a seek or otherwise. */
    void positionIs(long offset) {
        if (offset == position) {
            return;
        }
        pending.clear();
        position = offset;
        if (expected == UNKNOWN) {
            expected = offset;
            start = offset;
        } else if (offset < expected) {
            if (offset <= lastInTransaction) {
                throw broken("goes back to offset %d, and the open transaction has offset %d"
                        .formatted(offset, lastInTransaction));
            }
            if (offset < committed) {
                throw broken("goes back to offset %d, and offset %d is committed".formatted(offset, committed));
            }
            expected = offset;
        }
    }

    /**
     * Notes that the consumer starts again at the first existing record, because the brokers do not have its position.
     */
    void positionIsReset() {
        pending.clear();
        position = UNKNOWN;
        committed = UNKNOWN;
    }

    /** @param next the consumer's position after the records */
    void delivered(long[] offsets, long next) {
        if (position != UNKNOWN && offsets[0] < position) {
            positionIs(offsets[0]);
        }
        if (expected == UNKNOWN) {
            start = offsets[0];
        } else if (pending.isEmpty() && expected < offsets[0] && expected != position) {
            requireNoRecords(expected, offsets[0]);
        }
        if (pending.isEmpty()) {
            expected = offsets[0];
            at = 0;
        }
        pending.addLast(offsets);
        position = next;
    }

    /** Notes that the consumer's position advanced past offsets without records. */
    void advanced(long next) {
        if (expected == UNKNOWN) {
            start = next;
        }
        if (pending.isEmpty() && expected == position) {
            expected = next;
        }
        position = next;
    }

    /** Notes that a stage processes a record. */
    void processes(long offset) {
        long[] batch = pending.peekFirst();
        if (batch == null || offset != expected) {
            throw broken("offset %d is processed, and offset %d is next".formatted(offset, expected));
        }
        if (!isStartVerified) {
            verifyStart();
        }
        if (++at == batch.length) {
            pending.removeFirst();
            at = 0;
            batch = pending.peekFirst();
        }
        expected = batch == null ? position : batch[at];
        if (firstInTransaction == UNKNOWN) {
            firstInTransaction = offset;
        }
        lastInTransaction = offset;
    }

    private void verifyStart() {
        if (start != UNKNOWN && committed != UNKNOWN) {
            if (start < committed) {
                throw broken("begins at offset %d, and offset %d is committed".formatted(start, committed));
            }
            requireNoRecords(committed, start);
        }
        isStartVerified = true;
    }

    /**
     * Checks an offset before a commit: it must be above all records of the transaction, and not above an unprocessed
     * one.
     */
    void requireCommittable(long offset) {
        if (offset <= lastInTransaction) {
            throw broken("offset %d would be committed, and the transaction has offset %d"
                    .formatted(offset, lastInTransaction));
        }
        if (expected != UNKNOWN && offset > expected) {
            if (!pending.isEmpty()) {
                throw broken(
                        "offset %d would be committed, and offset %d is not processed".formatted(offset, expected));
            }
            requireNoRecords(expected, offset);
            expected = offset;
        }
    }

    boolean isInTransaction() {
        return lastInTransaction != UNKNOWN;
    }

    void transactionCommitted(long offset) {
        committed = offset;
        firstInTransaction = UNKNOWN;
        lastInTransaction = UNKNOWN;
    }

    /** Returns to the first record of the transaction, which must be processed again. */
    void transactionAborted() {
        if (isInTransaction()) {
            pending.clear();
            expected = firstInTransaction;
            firstInTransaction = UNKNOWN;
            lastInTransaction = UNKNOWN;
        }
    }

    private void requireNoRecords(long from, long to) {
        if (from < to && records.exist(id, from, to)) {
            throw broken(
                    "continues at offset %d, but records from offset %d on were not processed".formatted(to, from));
        }
    }

    private IllegalStateException broken(String how) {
        return new IllegalStateException(
                "signals would be lost or decided twice: %s %s; so the thread ends, and another one begins at the committed"
                                .formatted(id, how)
                        + " offset");
    }
}
