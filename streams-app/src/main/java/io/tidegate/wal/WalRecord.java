package io.tidegate.wal;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.zip.CRC32C;
import org.apache.kafka.common.header.Header;
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
    /** Counted for each record beside its contents, so that a log of empty records is cut into segments too. */
    static final int OVERHEAD_BYTES = 24;

    /** The record's own bytes: what segments are cut by. Independent of batches and compression. */
    int ownBytes() {
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
    int chainedCrc(int previous, CRC32C crc, ByteBuffer scratch) {
        crc.reset();
        scratch.clear();
        scratch.putInt(previous).putLong(seq).putLong(timestampMs);
        scratch.putInt(key == null ? -1 : key.length).putInt(value == null ? -1 : value.length);
        scratch.putInt(headers.length);
        crc.update(scratch.flip());
        update(crc, key);
        update(crc, value);
        for (Header header : headers) {
            byte[] name = header.key().getBytes(StandardCharsets.UTF_8);
            scratch.clear();
            scratch.putInt(name.length).putInt(header.value() == null ? -1 : header.value().length);
            crc.update(scratch.flip());
            crc.update(name, 0, name.length);
            update(crc, header.value());
        }
        return (int) crc.getValue();
    }

    /** Room for the fixed part of {@link #chainedCrc}. */
    static ByteBuffer scratch() {
        return ByteBuffer.allocate(64);
    }

    private static void update(CRC32C crc, byte @Nullable [] bytes) {
        if (bytes != null) {
            crc.update(bytes, 0, bytes.length);
        }
    }

    private static int length(byte @Nullable [] bytes) {
        return bytes == null ? 0 : bytes.length;
    }
}
