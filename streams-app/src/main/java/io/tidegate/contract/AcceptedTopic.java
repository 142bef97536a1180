package io.tidegate.contract;

import io.tidegate.tenant.TenantId;
import io.tidegate.wal.WalRecord;
import java.util.function.Predicate;

/** Answers the WAL's questions about {@code signals-accepted}. */
@FunctionalInterface
public interface AcceptedTopic {
    /** Whether a partition no longer has its first records. */
    boolean beginningIsGone(int partition);

    /** Whether a partition has committed records from one offset up to, but not including, another. */
    default boolean hasRecords(int partition, long from, long to) {
        return false;
    }

    /**
     * Whether records are missing before a record whose sequence number is above its tenant's next one. They are
     * missing if admission wrote that record; otherwise, the WAL must skip the record.
     *
     * @param nextSeq the sequence number that the tenant's WAL expects
     * @param seq the sequence number of the record
     * @param offset the offset of the record
     */
    default boolean isGap(int partition, TenantId tenant, long nextSeq, long seq, long offset) {
        return true;
    }

    /**
     * Whether a partition has, not far before an offset, the record that the WAL stores under a sequence number. If so,
     * the record at that offset repeats the number and was not written by admission; it does not mean that the topic
     * lost records.
     *
     * @param isStored recognizes the stored record
     */
    default boolean hasEarlier(int partition, TenantId tenant, long seq, long offset, Predicate<WalRecord> isStored) {
        return false;
    }
}
