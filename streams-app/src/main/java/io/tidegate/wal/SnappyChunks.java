package io.tidegate.wal;

import java.nio.ByteBuffer;

/**
 * Checks the lengths in a Snappy stream, because Snappy's reader allocates these lengths before it reads.
 *
 * <pre>
 *  header   magic (8) | version (4) | compatible version (4)
 *  chunk    length (4) | uncompressed length (varint) | compressed bytes
 * </pre>
 */
final class SnappyChunks {
    private static final int HEADER_BYTES = 16;
    private static final int VARINT_BITS = 32;

    private SnappyChunks() {}

    /**
     * @throws BadBatchException if a chunk is longer than the stream, or all chunks expand to more than {@code
     *     bytesMax}
     */
    static void check(ByteBuffer stream, long bytesMax) throws BadBatchException {
        stream.position(Math.min(HEADER_BYTES, stream.limit()));
        long expanded = 0;
        while (stream.remaining() >= Integer.BYTES) {
            int length = stream.getInt();
            if (length < 0 || length > stream.remaining()) {
                throw new BadBatchException("a chunk of %d bytes does not fit the batch".formatted(length), false);
            }
            expanded += uncompressed(stream.duplicate());
            if (expanded > bytesMax) {
                throw new BadBatchException("the batch expands to more than a batch can hold", false);
            }
            stream.position(stream.position() + length);
        }
    }

    private static long uncompressed(ByteBuffer chunk) {
        long length = 0;
        for (int shift = 0; shift < VARINT_BITS && chunk.hasRemaining(); shift += 7) {
            byte next = chunk.get();
            length |= (next & 0x7fL) << shift;
            if (next >= 0) {
                return length;
            }
        }
        return length;
    }
}
