package io.tidegate.admission;

/**
 * The segment of a tenant's WAL that its next accepted signal belongs to, unless that one begins a new segment.
 *
 * @param firstSeq the sequence number of its first record; -1 if no segment is open
 * @param bytes the record bytes in it
 * @param firstMs the record time of its first record
 */
public record OpenSegment(long firstSeq, long bytes, long firstMs) {
    /** No segment is open: the next accepted signal begins one. */
    public static final OpenSegment NONE = new OpenSegment(-1, 0, 0);

    public boolean isOpen() {
        return firstSeq >= 0;
    }

    /** Whether the segment is too old for a record of this time. */
    public boolean isTooOld(long nowMs, long ageMs) {
        return isOpen() && nowMs >= firstMs && nowMs - firstMs >= ageMs;
    }

    /**
     * Whether a prune below {@code belowSeq} removes all its records, and so its file.
     *
     * @param lastSeq the tenant's last sequence number
     */
    public boolean isRemovedBelow(long belowSeq, long lastSeq) {
        return isOpen() && firstSeq < belowSeq && belowSeq > lastSeq;
    }

    /** Returns the segment with one more record. */
    public OpenSegment with(long seq, long recordBytes, long nowMs) {
        return isOpen()
                ? new OpenSegment(firstSeq, Math.addExact(bytes, recordBytes), firstMs)
                : new OpenSegment(seq, recordBytes, nowMs);
    }
}
