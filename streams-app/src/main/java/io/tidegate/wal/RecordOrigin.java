package io.tidegate.wal;

import io.tidegate.tenant.TenantId;
import java.util.function.Predicate;

/**
 * Decides about a record that does not continue its tenant's log as admission would have continued it. Called while the
 * record is applied, and only if the shard would stop otherwise.
 */
public interface RecordOrigin {
    /** Attributes every such record to admission, so that the shard stops. */
    RecordOrigin TRUSTED = new RecordOrigin() {
        @Override
        public boolean isGap(TenantId tenant, long nextSeq, long seq) {
            return true;
        }

        @Override
        public boolean isRepeated(TenantId tenant, long seq, Predicate<WalRecord> isStored) {
            return false;
        }
    };

    /** Whether records are missing before a record above the next sequence number. If not, the record is skipped. */
    boolean isGap(TenantId tenant, long nextSeq, long seq);

    /**
     * Whether the topic contains the stored record before a different record with the same sequence number. If so, the
     * files agree with the topic, and the second record is skipped.
     */
    boolean isRepeated(TenantId tenant, long seq, Predicate<WalRecord> isStored);
}
