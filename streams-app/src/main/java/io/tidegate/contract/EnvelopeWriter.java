package io.tidegate.contract;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.tidegate.signal.Signal;
import io.tidegate.tenant.TenantId;
import java.util.Arrays;
import java.util.List;
import org.apache.kafka.common.header.Header;
import org.jspecify.annotations.Nullable;

/**
 * Collects the signals of one shard for one record of {@code signals-by-tenant}, in the format of {@link Envelope}. Not
 * thread-safe.
 */
public final class EnvelopeWriter {
    private static final byte[][] NONE = {};
    private static final int FIRST_CAPACITY = 4 * 1024;

    private byte[] bytes = new byte[FIRST_CAPACITY];
    private int size;
    private int signals;
    private long newestMs;
    private long lastMs;
    private TenantId tenant = TenantId.DEFAULT;
    private @Nullable String lastTopic;
    private final int foundBytesMax;

    /** Creates a writer for signals that can be parsed again from their bytes alone. */
    public EnvelopeWriter() {
        this(Envelope.FOUND_BYTES_MAX);
    }

    /** @param foundBytesMax {@link Envelope#foundBytesMax} of the signals' format */
    public EnvelopeWriter(int foundBytesMax) {
        this.foundBytesMax = foundBytesMax;
    }

    /** Adds a signal. */
    public void add(RoutedSignal routed) {
        if (size == 0) {
            bytes[size++] = Envelope.VERSION;
        }
        Signal signal = routed.signal();
        byte[] type =
                signal == null || signal.type() == null ? null : signal.type().getBytes(UTF_8);
        byte[][] items = signal == null ? NONE : utf8(signal.items());
        byte[][] users = signal == null ? NONE : utf8(signal.users());
        byte[][] creators = signal == null ? NONE : utf8(signal.creators());
        boolean isParsed = signal != null
                && (type == null ? 0 : type.length) + bytes(items) + bytes(users) + bytes(creators) <= foundBytesMax;
        SourcePosition source = routed.source();
        boolean isNewTopic = !source.topic().equals(lastTopic);
        int flags = (isNewTopic ? Envelope.NEW_TOPIC : 0)
                | (routed.key() != null ? Envelope.KEY : 0)
                | (isParsed ? Envelope.PARSED : 0)
                | (isParsed && items.length > 0 ? Envelope.ITEMS : 0)
                | (isParsed && users.length > 0 ? Envelope.USERS : 0)
                | (isParsed && creators.length > 0 ? Envelope.CREATORS : 0)
                | (isParsed && type != null ? Envelope.TYPE : 0);
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
            if (type != null) {
                sized(type);
            }
            ids(items);
            ids(users);
            ids(creators);
        }
        sized(routed.value());
        newestMs = signals == 0 ? routed.timestampMs() : Math.max(newestMs, routed.timestampMs());
        lastMs = routed.timestampMs();
        tenant = routed.tenant();
        signals++;
    }

    /** The tenant of one of its signals. */
    public TenantId tenant() {
        return tenant;
    }

    public boolean isEmpty() {
        return signals == 0;
    }

    /** The number of bytes collected so far. */
    public int size() {
        return size;
    }

    /** The time of the newest signal, which is that of the envelope's record. */
    public long newestMs() {
        return newestMs;
    }

    /** Returns the envelope and clears the writer. */
    public byte[] take() {
        byte[] taken = Arrays.copyOf(bytes, size);
        size = 0;
        signals = 0;
        lastMs = 0;
        lastTopic = null;
        if (bytes.length > 2 * Envelope.BYTES_FULL) {
            bytes = new byte[FIRST_CAPACITY]; // shrink after a single large signal
        }
        return taken;
    }

    private void ids(byte[][] ids) {
        if (ids.length > 0) {
            unsigned(ids.length);
            for (byte[] id : ids) {
                sized(id);
            }
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

    /** Writes seven bits per byte, the lowest first; the highest bit marks that another byte follows. */
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

    private static byte[][] utf8(List<String> ids) {
        if (ids.isEmpty()) {
            return NONE;
        }
        byte[][] all = new byte[ids.size()][];
        for (int i = 0; i < all.length; i++) {
            all[i] = ids.get(i).getBytes(UTF_8);
        }
        return all;
    }

    private static int bytes(byte[][] ids) {
        int sum = 0;
        for (byte[] id : ids) {
            sum += id.length;
        }
        return sum;
    }
}
