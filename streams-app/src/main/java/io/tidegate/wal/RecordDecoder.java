package io.tidegate.wal;

import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.jspecify.annotations.Nullable;

/**
 * Decodes the records of one batch and validates each against the batch's header. A right checksum proves that the
 * bytes are unchanged, not that they are valid records: so every length is checked before anything is allocated, and
 * the expanded size of a batch is bounded.
 *
 * <pre>
 *  record   length (varint) | attributes = 0 (1) | timestamp delta (varlong) | offset delta = index (varint)
 *           | key length (varint), key | value length (varint), value | headers (varint) | header …
 *  header   name length (varint), name in UTF-8 | value length (varint), value        a length of -1 is null
 * </pre>
 *
 * <p>Not thread-safe; one instance per batch.
 */
final class RecordDecoder {
    private static final int BUFFER_BYTES = 16 * 1024;

    private static final int OBJECT_BYTES = WalRecord.HEADER_BYTES;

    private static final int VARINT_BITS = 32;
    private static final int VARLONG_BITS = 64;

    private final InputStream in;
    private final byte[] buffer = new byte[BUFFER_BYTES];
    private int at;
    private int filled;

    /** The number of bytes decoded so far. */
    private long bytes;

    /** The bytes and objects that the rest of the batch may still expand to. */
    private long budget;

    /**
     * @param in the uncompressed records
     * @param bytesMax the maximum size that they may expand to, objects included
     */
    RecordDecoder(InputStream in, long bytesMax) {
        this.in = in;
        this.budget = bytesMax;
    }

    /**
     * Decodes all records of the batch.
     *
     * @throws BadBatchException if they are not {@code count} records with consecutive sequence numbers, or if bytes
     *     follow them
     */
    List<WalRecord> decode(long firstSeq, int count, long firstTimestampMs) throws IOException, BadBatchException {
        List<WalRecord> records = new ArrayList<>();
        for (int index = 0; index < count; index++) {
            try {
                records.add(record(firstSeq, index, firstTimestampMs));
            } catch (EOFException e) {
                throw bad("the batch ends within record %d of %d".formatted(index, count));
            }
        }
        if (at < filled || fill()) {
            throw bad("the batch continues after its %d records".formatted(count));
        }
        return records;
    }

    private WalRecord record(long firstSeq, int index, long firstTimestampMs) throws IOException, BadBatchException {
        int length = varint();
        long start = bytes;
        int attributes = next();
        long later = varlong();
        int offset = varint();
        if (length < 0 || attributes != 0 || offset != index) {
            throw bad("record %d of the batch has length %d, attributes %d and offset %d"
                    .formatted(index, length, attributes, offset));
        }
        spend(OBJECT_BYTES);
        byte[] key = bytes(varint());
        byte[] value = bytes(varint());
        int headerCount = varint();
        if (headerCount < 0) {
            throw bad("record %d of the batch has %d headers".formatted(index, headerCount));
        }
        // Before allocating the array: the count cannot be trusted.
        spend((long) OBJECT_BYTES * headerCount);
        Header[] headers = new Header[headerCount];
        for (int i = 0; i < headerCount; i++) {
            byte[] name = bytes(varint());
            if (name == null) {
                throw bad("a header of record %d of the batch has no name".formatted(index));
            }
            headers[i] = new RecordHeader(utf8(name, index), bytes(varint()));
        }
        if (bytes - start != length) {
            throw bad(
                    "record %d of the batch has %d bytes, its length says %d".formatted(index, bytes - start, length));
        }
        return new WalRecord(firstSeq + index, firstTimestampMs + later, key, value, headers);
    }

    private static String utf8(byte[] name, int index) throws BadBatchException {
        try {
            return StandardCharsets.UTF_8
                    .newDecoder()
                    .decode(ByteBuffer.wrap(name))
                    .toString();
        } catch (CharacterCodingException e) {
            throw bad("a header of record %d of the batch has a name that is not UTF-8".formatted(index));
        }
    }

    private byte @Nullable [] bytes(int length) throws IOException, BadBatchException {
        if (length == -1) {
            return null;
        }
        if (length < 0) {
            throw bad("a length of %d is impossible".formatted(length));
        }
        spend(length);
        byte[] all = new byte[length];
        int copied = 0;
        while (copied < length) {
            if (at == filled && !fill()) {
                throw new EOFException();
            }
            int part = Math.min(length - copied, filled - at);
            System.arraycopy(buffer, at, all, copied, part);
            at += part;
            copied += part;
        }
        bytes += length;
        return all;
    }

    private void spend(long more) throws BadBatchException {
        budget -= more;
        if (budget < 0) {
            throw bad("the batch expands to more than a batch can hold");
        }
    }

    private int varint() throws IOException, BadBatchException {
        int raw = (int) variable(VARINT_BITS);
        return (raw >>> 1) ^ -(raw & 1);
    }

    private long varlong() throws IOException, BadBatchException {
        long raw = variable(VARLONG_BITS);
        return (raw >>> 1) ^ -(raw & 1);
    }

    private long variable(int bits) throws IOException, BadBatchException {
        long value = 0;
        for (int shift = 0; shift < bits; shift += 7) {
            int next = next();
            value |= (next & 0x7fL) << shift;
            if ((next & 0x80) == 0) {
                return value;
            }
        }
        throw bad("a varint is longer than %d bits".formatted(bits));
    }

    private int next() throws IOException {
        if (at == filled && !fill()) {
            throw new EOFException();
        }
        bytes++;
        return buffer[at++] & 0xff;
    }

    private boolean fill() throws IOException {
        at = 0;
        filled = Math.max(0, in.read(buffer, 0, buffer.length));
        return filled > 0;
    }

    private static BadBatchException bad(String message) {
        return new BadBatchException(message, false);
    }
}
