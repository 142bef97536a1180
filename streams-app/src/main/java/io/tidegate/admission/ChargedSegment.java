package io.tidegate.admission;

import java.nio.ByteBuffer;

/**
 * A sealed segment that a tenant is charged for, as it is stored: {@code record bytes (8) | last seq (8)}.
 *
 * @param bytes the record bytes in it
 * @param lastSeq the sequence number of its last record
 */
public record ChargedSegment(long bytes, long lastSeq) {
    /** @param newestSeq the tenant's last sequence number: that of entries from before they had their own is at most this */
    public static ChargedSegment read(byte[] stored, long newestSeq) {
        ByteBuffer in = ByteBuffer.wrap(stored);
        return new ChargedSegment(in.getLong(), in.hasRemaining() ? in.getLong() : newestSeq);
    }

    /** Returns the record bytes of a stored segment. */
    public static long bytesOf(byte[] stored) {
        return ByteBuffer.wrap(stored).getLong();
    }

    public byte[] write() {
        return ByteBuffer.allocate(2 * Long.BYTES)
                .putLong(bytes)
                .putLong(lastSeq)
                .array();
    }
}
