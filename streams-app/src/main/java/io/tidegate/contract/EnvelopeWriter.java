package io.tidegate.contract;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.tidegate.signal.Signal;
import io.tidegate.tenant.TenantId;
import java.util.Arrays;
import org.apache.kafka.common.header.Header;
import org.jspecify.annotations.Nullable;

/**
 * Collects the signals of one shard for one record of {@code signals-by-tenant}, in the format of {@link Envelope}. Not
 * thread-safe.
 */
public final class EnvelopeWriter {
    private static final int FIRST_CAPACITY = 4 * 1024;

    private byte[] bytes = new byte[FIRST_CAPACITY];
    private int size;
    private int signals;
    private long newestMs;
    private long lastMs;
    private TenantId tenant = TenantId.DEFAULT;
    private @Nullable String lastTopic;

    /** Adds a signal. */
    public void add(RoutedSignal routed) {
        if (size == 0) {
            bytes[size++] = Envelope.VERSION;
        }
        Signal signal = routed.signal();
        byte[] item = signal == null ? null : utf8(signal.item());
        byte[] user = signal == null ? null : utf8(signal.user());
        byte[] creator = signal == null ? null : utf8(signal.creator());
        boolean isParsed =
                signal != null && length(item) + length(user) + length(creator) <= Envelope.ENTITY_ID_BYTES_MAX;
        SourcePosition source = routed.source();
        boolean isNewTopic = !source.topic().equals(lastTopic);
        int flags = (isNewTopic ? Envelope.NEW_TOPIC : 0)
                | (routed.key() != null ? Envelope.KEY : 0)
                | (isParsed ? Envelope.PARSED : 0)
                | (isParsed && item != null ? Envelope.ITEM : 0)
                | (isParsed && user != null ? Envelope.USER : 0)
                | (isParsed && creator != null ? Envelope.CREATOR : 0);
        reserve(1);
        bytes[size++] = (byte) flags;
        fixed(routed.tenant().bits());
        signed(routed.timestampMs() - lastMs);
        if (isNewTopic) {
            sized(source.topic().getBytes(UTF_8));
            lastTopic = source.topic();
        }
        unsigned(source.partition());
        unsigned(source.offset());
        if (routed.key() != null) {
            sized(routed.key());
        }
        unsigned(routed.headers().length);
        for (Header header : routed.headers()) {
            sized(header.key().getBytes(UTF_8));
            if (header.value() == null) {
                unsigned(0);
            } else {
                unsigned(header.value().length + 1L);
                raw(header.value());
            }
        }
        if (isParsed) {
            optional(item);
            optional(user);
            optional(creator);
        }
        sized(routed.value());
        newestMs = signals == 0 ? routed.timestampMs() : Math.max(newestMs, routed.timestampMs());
        lastMs = routed.timestampMs();
        tenant = routed.tenant();
        signals++;
    }

    /** One of the tenants whose signals are in it. */
    public TenantId tenant() {
        return tenant;
    }

    public boolean isEmpty() {
        return signals == 0;
    }

    /** Bytes collected so far. */
    public int size() {
        return size;
    }

    /** The time of the newest signal, which is that of the envelope's record. */
    public long newestMs() {
        return newestMs;
    }

    /** The envelope; the writer is empty again. */
    public byte[] take() {
        byte[] taken = Arrays.copyOf(bytes, size);
        size = 0;
        signals = 0;
        lastMs = 0;
        lastTopic = null;
        if (bytes.length > 2 * Envelope.BYTES_FULL) {
            bytes = new byte[FIRST_CAPACITY]; // after a single large signal
        }
        return taken;
    }

    private void optional(byte @Nullable [] id) {
        if (id != null) {
            sized(id);
        }
    }

    private void sized(byte[] some) {
        unsigned(some.length);
        raw(some);
    }

    private void raw(byte[] some) {
        reserve(some.length);
        System.arraycopy(some, 0, bytes, size, some.length);
        size += some.length;
    }

    private void fixed(long bits) {
        reserve(Long.BYTES);
        for (int shift = Long.SIZE - Byte.SIZE; shift >= 0; shift -= Byte.SIZE) {
            bytes[size++] = (byte) (bits >>> shift);
        }
    }

    private void signed(long number) {
        unsigned((number << 1) ^ (number >> (Long.SIZE - 1)));
    }

    /** Seven bits a byte, the lowest first; the highest bit says that more follow. */
    private void unsigned(long number) {
        reserve(Envelope.VARLONG_BYTES_MAX);
        long rest = number;
        while ((rest & ~0x7FL) != 0) {
            bytes[size++] = (byte) ((rest & 0x7F) | 0x80);
            rest >>>= 7;
        }
        bytes[size++] = (byte) rest;
    }

    private void reserve(int more) {
        if (bytes.length - size < more) {
            bytes = Arrays.copyOf(bytes, Math.max(bytes.length * 2, Math.addExact(size, more)));
        }
    }

    private static byte @Nullable [] utf8(@Nullable String text) {
        return text == null ? null : text.getBytes(UTF_8);
    }

    private static int length(byte @Nullable [] some) {
        return some == null ? 0 : some.length;
    }
}
