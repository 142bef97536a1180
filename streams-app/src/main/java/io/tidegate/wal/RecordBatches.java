package io.tidegate.wal;

import io.tidegate.tenant.TenantId;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.zip.CRC32C;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.common.record.internal.CompressionType;
import org.apache.kafka.common.record.internal.DefaultRecordBatch;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.record.internal.RecordBatch;
import org.apache.kafka.common.utils.BufferSupplier;
import org.apache.kafka.common.utils.ByteBufferOutputStream;
import org.apache.kafka.common.utils.ByteUtils;
import org.apache.kafka.common.utils.Utils;
import org.jspecify.annotations.Nullable;

/**
 * Kafka's record batches (format v2) in a file. The only class that uses Kafka's record classes.
 *
 * <p>Tidegate uses two fields of a batch in its own way: the base offset is the first sequence number, and the
 * partition leader epoch is the {@linkplain #stamp owner's stamp}, which reveals a batch in another tenant's file. All
 * other fields are as in Kafka. CRC32C covers everything from the attributes on.
 */
final class RecordBatches {
    /** Base offset (8) and length (4), from which the end of a batch follows. */
    private static final int PREFIX_BYTES = 12;

    private static final int LENGTH_AT = 8;
    private static final int MAGIC_AT = 16;
    private static final int HEADER_BYTES = DefaultRecordBatch.RECORD_BATCH_OVERHEAD;

    private static final int ATTRIBUTES_AT = 21;
    private static final int COUNT_AT = DefaultRecordBatch.RECORDS_COUNT_OFFSET;
    private static final int COMPRESSION_MASK = 0x07;

    /**
     * Maximum size of a batch, and of its expanded records, including {@link WalRecord#BYTES_MAX one of the largest}. A
     * larger size is damage, and nothing is allocated for it: a heap of 256 MiB can read every batch.
     */
    private static final int BATCH_BYTES_MAX = 64 * 1024 * 1024;

    /**
     * A longer run of zeros at the end of a file was not left by a crash: a file never extends that far beyond its last
     * batch.
     */
    private static final long ZERO_TAIL_MAX = 4L * BATCH_BYTES_MAX;

    private RecordBatches() {}

    /** Identifies the log that a batch belongs to: CRC32C of {@code <tenant>:<shard>}, as a positive int. */
    static int stamp(TenantId tenant, int shard) {
        CRC32C crc = new CRC32C();
        crc.update((tenant.decimal() + ":" + shard).getBytes(StandardCharsets.US_ASCII));
        return (int) crc.getValue() & Integer.MAX_VALUE;
    }

    /** Returns the compression with this Kafka name, such as {@code lz4}. */
    static Compression compression(String name) {
        return Compression.of(CompressionType.forName(name)).build();
    }

    /**
     * A batch in progress. Writes the same bytes as Kafka's own builder, which spends most of its time on features that
     * a file of one tenant does not need.
     */
    static final class Builder {
        private static final byte NO_ATTRIBUTES = 0;

        private final long firstSeq;
        private final int stamp;
        private final Compression compression;
        private final ByteBuilder bytes;
        private long lastSeq;
        private long firstTimestampMs;
        private long lastTimestampMs = RecordBatch.NO_TIMESTAMP;
        private int count;

        Builder(long firstSeq, int stamp, Compression compression, int bytesExpected) {
            this.firstSeq = firstSeq;
            this.stamp = stamp;
            this.compression = compression;
            bytes = new ByteBuilder(bytesExpected).reset(HEADER_BYTES);
        }

        void append(WalRecord record) {
            if (count == 0) {
                firstTimestampMs = record.timestampMs();
            }
            lastSeq = record.seq();
            lastTimestampMs = Math.max(lastTimestampMs, record.timestampMs());
            count++;
            int offset = Math.toIntExact(lastSeq - firstSeq);
            long later = record.timestampMs() - firstTimestampMs;
            Header[] headers = record.headers();
            int size = 1
                    + ByteUtils.sizeOfVarlong(later)
                    + ByteUtils.sizeOfVarint(offset)
                    + sized(record.key())
                    + sized(record.value())
                    + ByteUtils.sizeOfVarint(headers.length);
            for (Header header : headers) {
                int name = Utils.utf8Length(header.key());
                size += ByteUtils.sizeOfVarint(name) + name + sized(header.value());
            }
            bytes.putVarint(size).put(NO_ATTRIBUTES).putVarint(later).putVarint(offset);
            put(record.key());
            put(record.value());
            bytes.putVarint(headers.length);
            for (Header header : headers) {
                bytes.putVarint(Utils.utf8Length(header.key())).putUtf8(header.key());
                put(header.value());
            }
        }

        private static int sized(byte @Nullable [] part) {
            return part == null ? ByteUtils.sizeOfVarint(-1) : ByteUtils.sizeOfVarint(part.length) + part.length;
        }

        private void put(byte @Nullable [] part) {
            bytes.putVarint(part == null ? -1 : part.length).put(part);
        }

        /** Returns the uncompressed size so far. */
        int bytes() {
            return bytes.size();
        }

        /** Finishes the batch and returns its bytes, ready to be written. */
        ByteBuffer build() throws IOException {
            ByteBuffer batch = compression.type() == CompressionType.NONE ? bytes.buffer() : compressed();
            DefaultRecordBatch.writeHeader(
                    batch,
                    firstSeq,
                    Math.toIntExact(lastSeq - firstSeq),
                    batch.limit(),
                    RecordBatch.MAGIC_VALUE_V2,
                    compression.type(),
                    TimestampType.CREATE_TIME,
                    firstTimestampMs,
                    lastTimestampMs,
                    RecordBatch.NO_PRODUCER_ID,
                    RecordBatch.NO_PRODUCER_EPOCH,
                    RecordBatch.NO_SEQUENCE,
                    false,
                    false,
                    false,
                    stamp,
                    count);
            return batch.position(0);
        }

        private ByteBuffer compressed() throws IOException {
            var out = new ByteBufferOutputStream(bytes.size());
            out.position(HEADER_BYTES);
            try (OutputStream compressing = compression.wrapForOutput(out, RecordBatch.MAGIC_VALUE_V2)) {
                bytes.writeTo(compressing, HEADER_BYTES);
            }
            return out.buffer().flip();
        }
    }

    /** A batch whose checksum, header and records have been validated. */
    static final class StoredBatch {
        private final long firstSeq;
        private final int stamp;
        private final long end;
        private final List<WalRecord> records;

        private StoredBatch(long firstSeq, int stamp, long end, List<WalRecord> records) {
            this.firstSeq = firstSeq;
            this.stamp = stamp;
            this.end = end;
            this.records = records;
        }

        long firstSeq() {
            return firstSeq;
        }

        long lastSeq() {
            return firstSeq + records.size() - 1;
        }

        int stamp() {
            return stamp;
        }

        long end() {
            return end;
        }

        /** Returns the records in order, at least one. */
        List<WalRecord> records() {
            return records;
        }
    }

    /**
     * Reads the batch at {@code position} of a file that ends at {@code end}.
     *
     * @throws BadBatchException if the batch there is incomplete or invalid
     */
    static StoredBatch read(FileChannel file, long position, long end) throws IOException, BadBatchException {
        if (end - position < HEADER_BYTES) {
            throw new BadBatchException("%d bytes are too few for a batch".formatted(end - position), true);
        }
        ByteBuffer prefix = ByteBuffer.allocate(PREFIX_BYTES);
        readFully(file, prefix, position);
        long size = (long) prefix.getInt(LENGTH_AT) + PREFIX_BYTES;
        if (size < HEADER_BYTES || size > BATCH_BYTES_MAX) {
            throw new BadBatchException(
                    "a batch of %d bytes is impossible".formatted(size), isZero(file, position, end));
        }
        if (position + size > end) {
            throw new BadBatchException(
                    "the batch has %d bytes and the file ends after %d of them".formatted(size, end - position), true);
        }
        ByteBuffer bytes = ByteBuffer.allocate((int) size);
        readFully(file, bytes, position);
        if (bytes.get(MAGIC_AT) != RecordBatch.MAGIC_VALUE_V2) {
            throw new BadBatchException(
                    "the batch's format is %d, not 2".formatted(bytes.get(MAGIC_AT)), position + size == end);
        }
        DefaultRecordBatch batch = (DefaultRecordBatch)
                MemoryRecords.readableRecords(bytes).batches().iterator().next();
        if (!batch.isValid()) {
            throw new BadBatchException("the batch's checksum is wrong", position + size == end);
        }
        return new StoredBatch(
                batch.baseOffset(), batch.partitionLeaderEpoch(), position + size, records(batch, bytes));
    }

    /** Decodes the records of a batch whose checksum is right. Does not trust its header. */
    private static List<WalRecord> records(DefaultRecordBatch batch, ByteBuffer bytes)
            throws IOException, BadBatchException {
        int attributes = bytes.getShort(ATTRIBUTES_AT);
        int count = bytes.getInt(COUNT_AT);
        long first = batch.baseOffset();
        long last = batch.lastOffset();
        CompressionType type = compressionOf(attributes);
        if (type == null) {
            throw new BadBatchException(
                    "the batch's attributes 0x%x are not of a batch of records".formatted(attributes), false);
        }
        if (first < 0 || last < first || last == Long.MAX_VALUE || last - first != count - 1L) {
            throw new BadBatchException(
                    "the batch claims %d records for the sequence numbers %d to %d".formatted(count, first, last),
                    false);
        }
        ByteBuffer content = bytes.duplicate().position(HEADER_BYTES).slice();
        if (type == CompressionType.SNAPPY) {
            SnappyChunks.check(content.duplicate(), BATCH_BYTES_MAX);
        }
        try (InputStream in = Compression.of(type)
                .build()
                .wrapForInput(content, RecordBatch.MAGIC_VALUE_V2, BufferSupplier.NO_CACHING)) {
            return new RecordDecoder(in, BATCH_BYTES_MAX).decode(first, count, batch.baseTimestamp());
        } catch (IOException | RuntimeException e) {
            // All bytes are in memory, so the decompression failed.
            throw new BadBatchException(
                    "the batch is not valid %s data: %s".formatted(type.name, e.getMessage()), false);
        }
    }

    /**
     * Returns the compression of a batch of records; null for any other attributes, such as those of a control batch.
     */
    private static @Nullable CompressionType compressionOf(int attributes) {
        try {
            return (attributes & ~COMPRESSION_MASK) == 0 ? CompressionType.forId(attributes & COMPRESSION_MASK) : null;
        } catch (IllegalArgumentException e) {
            return null;
        }
    }

    /** Whether all bytes from here to the end are zero, as a file system can leave them after a crash. */
    private static boolean isZero(FileChannel file, long position, long end) throws IOException, BadBatchException {
        if (end - position > ZERO_TAIL_MAX) {
            return false;
        }
        ByteBuffer bytes = ByteBuffer.allocate((int) Math.min(1 << 16, end - position));
        for (long at = position; at < end; at += bytes.capacity()) {
            bytes.clear().limit((int) Math.min(bytes.capacity(), end - at));
            readFully(file, bytes, at);
            while (bytes.hasRemaining()) {
                if (bytes.get() != 0) {
                    return false;
                }
            }
        }
        return true;
    }

    /** @throws BadBatchException if the file became shorter: the restart of a writer can truncate a torn tail */
    private static void readFully(FileChannel file, ByteBuffer into, long position)
            throws IOException, BadBatchException {
        long at = position;
        while (into.hasRemaining()) {
            int read = file.read(into, at);
            if (read < 0) {
                throw new BadBatchException(
                        "the file ends at byte %d while byte %d is read".formatted(file.size(), at), true);
            }
            at += read;
        }
        into.flip();
    }
}
