package io.tidegate.wal;

import java.util.zip.CRC32C;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.utils.Utils;
import org.jspecify.annotations.Nullable;

/**
 * One accepted signal as the WAL keeps it.
 *
 * @param seq the tenant's sequence number, from 0 without gap
 * @param timestampMs the signal's time, ms since the epoch
 * @param key the signal's key, or null
 * @param value the signal's value, byte for byte
 * @param headers the signal's headers and its source position
 */
@SuppressWarnings("ArrayRecordComponent") // bytes pass through; records are not compared
public record WalRecord(long seq, long timestampMs, byte @Nullable [] key, byte @Nullable [] value, Header[] headers) {
    /** Counted for each record besides its contents, so that empty records fill segments too. */
    static final int OVERHEAD_BYTES = 24;

    /** A record that is larger, key, value and headers together, cannot be stored. */
    public static final int BYTES_MAX = 48 * 1024 * 1024;

    /** The memory of a record or a header beside its bytes, near enough to bound it. */
    public static final int HEADER_BYTES = 64;

    private static final int SCRATCH_BYTES = 512;

    /** The record bytes: contents and a constant, independent of batches and compression. Quotas and segments count these. */
    public int ownBytes() {
        int bytes = OVERHEAD_BYTES + length(key) + length(value);
        for (Header header : headers) {
            bytes += header.key().length() + length(header.value());
        }
        return bytes;
    }

    /**
     * The content checksum of a segment up to this record, from that up to the record before: CRC32C over the previous
     * checksum and this record. It can be carried on from its four bytes, and two copies of a segment that hold the same
     * records have the same one, however their batches were cut.
     */
    int chainedCrc(int previous, ByteBuilder scratch) {
        scratch.reset(0).putInt(previous).putLong(seq).putLong(timestampMs);
        scratch.putInt(lengthOrNull(key)).putInt(lengthOrNull(value)).putInt(headers.length);
        scratch.put(key).put(value);
        for (Header header : headers) {
            scratch.putInt(Utils.utf8Length(header.key())).putInt(lengthOrNull(header.value()));
            scratch.putUtf8(header.key()).put(header.value());
        }
        CRC32C crc = new CRC32C();
        crc.update(scratch.buffer());
        return (int) crc.getValue();
    }

    /** What {@link #chainedCrc} uses; it grows to the largest record. */
    static ByteBuilder scratch() {
        return new ByteBuilder(SCRATCH_BYTES);
    }

    private static int lengthOrNull(byte @Nullable [] bytes) {
        return bytes == null ? -1 : bytes.length;
    }

    private static int length(byte @Nullable [] bytes) {
        return bytes == null ? 0 : bytes.length;
    }
}
