package io.tidegate.wal;

import io.tidegate.tenant.TenantId;

/**
 * A segment that will not change any more: what is reported to {@code wal-segments}.
 *
 * @param tenant whose records it holds
 * @param shard the partition of {@code signals-accepted} that they come from
 * @param firstSeq the first record's sequence number
 * @param lastSeq the last record's sequence number
 * @param bytes the size of the file: what the storage quota is charged
 * @param crc the content checksum ({@link WalRecord#chainedCrc}), the same for every copy
 * @param sealedAtMs the time, in record time, of the record that sealed it
 */
public record SealedSegment(
        TenantId tenant, int shard, long firstSeq, long lastSeq, long bytes, int crc, long sealedAtMs) {
    public long records() {
        return lastSeq - firstSeq + 1;
    }
}
