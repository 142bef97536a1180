package io.tidegate.streams;

import java.util.ArrayDeque;
import java.util.Deque;
import org.apache.kafka.common.TopicPartition;

/**
 * What a thread was delivered from one partition, and what it has processed of that.
 *
 * <p>{@link #expected} is the first offset that is not accounted for. Every record below it was processed in a transaction
 * that is committed or open; other offsets below it are markers, aborted records or records that retention deleted. While
 * records are pending, it is the offset of the first of them; otherwise it is the consumer's position, unless the position
 * moved on its own. A difference is resolved by asking the brokers whether there are records in between.
 *
 * <p>Example: records 5 and 6 are delivered, and 7 is a marker. Then the position is 8, and the expected offsets are 5, 6
 * and 8 in turn. If the task that has them is closed and its successor is given the records from 8 on, the first of these
 * is not 5, and the thread fails.
 *
 * <p>Not thread-safe; owned by the thread.
 */
final class PartitionProgress {
    private static final long UNKNOWN = -1;

    private final TopicPartition id;
    private final Continuity.Records records;
    private final Deque<long[]> pending = new ArrayDeque<>();
    /** The index of the first record of the first pending batch that is not processed. */
    private int at;

    private long expected = UNKNOWN;
    private long position = UNKNOWN;
    /** Where this thread began; to be compared with the committed offset before the first record is processed. */
    private long start = UNKNOWN;

    private boolean isStartVerified;
    /** What the group has committed; 0 if it has not committed anything. */
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

    /** Records that were delivered and not processed. */
    int pendingCount() {
        int count = -at;
        for (long[] batch : pending) {
            count += batch.length;
        }
        return Math.max(0, count);
    }

    /** The committed offset as the group says it before a task begins. */
    void committedIs(long offset) {
        committed = offset;
    }

    /** The consumer stands at an offset, by a seek or otherwise. */
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

    /** The consumer begins again with the first record that there is, because the brokers do not have its position. */
    void positionIsReset() {
        pending.clear();
        position = UNKNOWN;
        committed = UNKNOWN;
    }

    /** @param next the consumer's position behind the records */
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

    /** The consumer's position moved on over what is no record. */
    void advanced(long next) {
        if (expected == UNKNOWN) {
            start = next;
        }
        if (pending.isEmpty() && expected == position) {
            expected = next;
        }
        position = next;
    }

    /** A stage processes a record. */
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

    /** Before a commit: the offset must be above all that the transaction has, and below all that is not accounted for. */
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

    /** What the transaction had must be processed again. */
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
            throw broken("goes on at offset %d, and there are records from offset %d on that were not processed"
                    .formatted(to, from));
        }
    }

    private IllegalStateException broken(String how) {
        return new IllegalStateException(
                "signals would be lost or decided twice: %s %s; so the thread ends, and another one begins at the committed"
                                .formatted(id, how)
                        + " offset");
    }
}
