package io.tidegate.contract;

/** What the WAL asks of {@code signals-accepted} beside its records. */
@FunctionalInterface
public interface AcceptedTopic {
    /** Whether a partition no longer has its first records. */
    boolean beginningIsGone(int partition);

    /** Whether a partition has committed records from an offset up to, without, another. */
    default boolean hasRecords(int partition, long from, long to) {
        return false;
    }
}
