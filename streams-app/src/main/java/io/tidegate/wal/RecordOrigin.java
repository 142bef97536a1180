package io.tidegate.wal;

import io.tidegate.tenant.TenantId;
import java.util.function.Predicate;

/**
 * Decides on a record that does not continue its tenant's log as admission would have continued it. Asked while that record is
 * applied, and only where the shard would stop otherwise.
 */
public interface RecordOrigin {
    /** Takes every such record for admission's own, so that the shard stops. */
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

    /** Whether records are missing before a record above the next sequence number; otherwise it is skipped. */
    boolean isGap(TenantId tenant, long nextSeq, long seq);

    /**
     * Whether the topic has the stored record before the one that differs from it under the same sequence number: then the
     * topic is what the files follow, and the second record is skipped.
     */
    boolean isRepeated(TenantId tenant, long seq, Predicate<WalRecord> isStored);
}
