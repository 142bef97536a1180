package io.tidegate.wal;

import io.tidegate.tenant.TenantId;

/**
 * A segment that does not change any more, as reported to {@code wal-segments}.
 *
 * @param tenant the owner of its records
 * @param shard the partition of {@code signals-accepted} that they come from
 * @param firstSeq the first record's sequence number
 * @param lastSeq the last record's sequence number
 * @param bytes the record bytes ({@link WalRecord#ownBytes}), which count against the storage quota
 * @param crc the content checksum ({@link WalRecord#chainedCrc}), the same for every copy
 * @param sealedAtMs the time of the record that begins the next segment
 */
public record SealedSegment(
        TenantId tenant, int shard, long firstSeq, long lastSeq, long bytes, int crc, long sealedAtMs) {
    public long records() {
        return lastSeq - firstSeq + 1;
    }
}
