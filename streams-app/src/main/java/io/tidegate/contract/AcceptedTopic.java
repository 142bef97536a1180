package io.tidegate.contract;

import io.tidegate.tenant.TenantId;
import io.tidegate.wal.WalRecord;
import java.util.function.Predicate;

/** What the WAL asks of {@code signals-accepted} beside its records. */
@FunctionalInterface
public interface AcceptedTopic {
    /** Whether a partition no longer has its first records. */
    boolean beginningIsGone(int partition);

    /** Whether a partition has committed records from an offset up to, without, another. */
    default boolean hasRecords(int partition, long from, long to) {
        return false;
    }

    /**
     * Whether records are missing before a record whose sequence number is above its tenant's next one. They are missing if
     * admission wrote that record; if it did not, the record is to be skipped.
     *
     * @param nextSeq the sequence number that the tenant's WAL expects
     * @param seq that of the record
     * @param offset of the record
     */
    default boolean isGap(int partition, TenantId tenant, long nextSeq, long seq, long offset) {
        return true;
    }

    /**
     * Whether a partition has, not far before an offset, the record that the WAL stores under a sequence number. Then the record
     * at that offset is a second one under this number, which admission did not write, and not the sign of a topic that
     * lost records.
     *
     * @param isStored recognises the stored record
     */
    default boolean hasEarlier(int partition, TenantId tenant, long seq, long offset, Predicate<WalRecord> isStored) {
        return false;
    }
}
