package io.tidegate.wal;

import java.util.zip.CRC32C;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.utils.Utils;
import org.jspecify.annotations.Nullable;

/**
 * One accepted signal as stored in the WAL.
 *
 * @param seq the tenant's sequence number, from 0 without gap
 * @param timestampMs the signal's time, ms since the epoch
 * @param key the signal's key, or null
 * @param value the signal's value, byte for byte
 * @param headers the signal's headers and its source position
 */
@SuppressWarnings("ArrayRecordComponent") // bytes pass through; instances are not compared
public record WalRecord(long seq, long timestampMs, byte @Nullable [] key, byte @Nullable [] value, Header[] headers) {
    /** Counted for each record besides its contents, so that empty records fill segments too. */
    static final int OVERHEAD_BYTES = 24;

    /** Maximum size of a record: key, value and headers together. */
    public static final int BYTES_MAX = 48 * 1024 * 1024;

    /** The approximate memory of a record or a header besides its bytes, used to bound allocations. */
    public static final int HEADER_BYTES = 64;

    private static final int SCRATCH_BYTES = 512;

    /**
     * Returns the record bytes: contents and a constant, independent of batches and compression. Quotas and segments
     * count these.
     */
    public int ownBytes() {
        int bytes = OVERHEAD_BYTES + length(key) + length(value);
        for (Header header : headers) {
            bytes += header.key().length() + length(header.value());
        }
        return bytes;
    }

    /**
     * Returns the content checksum of a segment up to this record, given that up to the record before: CRC32C over the
     * previous checksum and this record. Its four bytes suffice to continue it, and two copies of a segment with the
     * same records have the same checksum, however the records were batched.
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

    /** Returns a buffer for {@link #chainedCrc}, which grows to the largest record. */
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
