package io.tidegate.wal;

import java.io.IOException;
import java.io.OutputStream;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/** A growable buffer for appending bytes. Big-endian. Not thread-safe. */
final class ByteBuilder {
    private static final int VARINT_BYTES_MAX = 10;
    private static final VarHandle INTS = MethodHandles.byteArrayViewVarHandle(int[].class, ByteOrder.BIG_ENDIAN);
    private static final VarHandle LONGS = MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.BIG_ENDIAN);

    private byte[] bytes;
    private int size;

    ByteBuilder(int bytesExpected) {
        bytes = new byte[bytesExpected];
    }

    int size() {
        return size;
    }

    /** Clears the buffer and leaves {@code skipped} bytes at its start for the caller to fill in later. */
    ByteBuilder reset(int skipped) {
        size = 0;
        need(skipped);
        size = skipped;
        return this;
    }

    ByteBuilder putInt(int value) {
        need(Integer.BYTES);
        INTS.set(bytes, size, value);
        size += Integer.BYTES;
        return this;
    }

    ByteBuilder putLong(long value) {
        need(Long.BYTES);
        LONGS.set(bytes, size, value);
        size += Long.BYTES;
        return this;
    }

    /**
     * Appends a number as {@link org.apache.kafka.common.utils.ByteUtils#writeVarint} and {@code writeVarlong} do,
     * which agree on ints: zigzag, seven bits per byte, the lowest first.
     */
    ByteBuilder putVarint(long value) {
        need(VARINT_BYTES_MAX);
        long left = value << 1 ^ value >> 63;
        while ((left & ~0x7fL) != 0) {
            bytes[size++] = (byte) (left | 0x80);
            left >>>= 7;
        }
        bytes[size++] = (byte) left;
        return this;
    }

    ByteBuilder put(byte value) {
        need(1);
        bytes[size++] = value;
        return this;
    }

    /** Appends nothing if null. */
    ByteBuilder put(byte @Nullable [] more) {
        if (more != null) {
            need(more.length);
            System.arraycopy(more, 0, bytes, size, more.length);
            size += more.length;
        }
        return this;
    }

    /** Appends text as UTF-8. Header names are nearly always short and ASCII; these allocate nothing. */
    ByteBuilder putUtf8(String text) {
        int length = text.length();
        need(length);
        for (int i = 0; i < length; i++) {
            char next = text.charAt(i);
            if (next > 0x7f) {
                return put(text.getBytes(StandardCharsets.UTF_8));
            }
            bytes[size + i] = (byte) next;
        }
        size += length;
        return this;
    }

    private void need(int more) {
        if (more > bytes.length - size) {
            bytes = Arrays.copyOf(bytes, Math.max(size + more, size + size / 2));
        }
    }

    void writeTo(OutputStream out, int from) throws IOException {
        out.write(bytes, from, size - from);
    }

    /** Returns the bytes themselves, not a copy. */
    ByteBuffer buffer() {
        return ByteBuffer.wrap(bytes, 0, size);
    }
}
