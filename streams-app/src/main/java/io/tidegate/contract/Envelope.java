package io.tidegate.contract;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.tidegate.signal.Signal;
import io.tidegate.signal.SignalFormat;
import io.tidegate.tenant.TenantId;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.jspecify.annotations.Nullable;

/**
 * The value of a record of {@code signals-by-tenant}: many signals of one shard. Format: docs/envelope-format.md.
 *
 * <p>An envelope is read as a whole before any of its signals is decided: a value that is not an envelope, or of another
 * version, has no effect.
 */
public final class Envelope {
    public static final byte VERSION = 2;

    /** Lacks the type, and has at most one id of each kind. */
    private static final byte FIRST_VERSION = 1;

    /** The size at which an envelope is sent; a larger signal travels alone. */
    public static final int BYTES_FULL = 128 * 1024;

    /**
     * The maximum bytes of a type and ids that are carried besides the value. If there are more, admit parses the value
     * again.
     */
    static final int FOUND_BYTES_MAX = 1024;

    /**
     * Returns the maximum bytes of a type and ids that are carried besides a value of this format. For Avro, there is
     * no limit: to parse a value again, admit would need its schema, and would have to wait for the registry.
     */
    public static int foundBytesMax(SignalFormat format) {
        return format == SignalFormat.AVRO ? Integer.MAX_VALUE : FOUND_BYTES_MAX;
    }

    static final int VARLONG_BYTES_MAX = 10;

    static final int NEW_TOPIC = 1;
    static final int KEY = 2;
    static final int PARSED = 4;
    static final int ITEMS = 8;
    static final int USERS = 16;
    static final int CREATORS = 32;
    static final int TYPE = 64;
    private static final int FIRST_FLAGS = NEW_TOPIC | KEY | PARSED | ITEMS | USERS | CREATORS;
    private static final int KNOWN_FLAGS = FIRST_FLAGS | TYPE;

    private final byte[] bytes;
    private int at;

    private Envelope(byte[] bytes) {
        this.bytes = bytes;
    }

    /**
     * Reads an envelope.
     *
     * @throws IllegalArgumentException if it is not one, or of another version; the message has the error and the byte
     */
    public static List<RoutedSignal> read(byte @Nullable [] bytes) {
        if (bytes == null) {
            throw new IllegalArgumentException("the record has no envelope");
        }
        Envelope envelope = new Envelope(bytes);
        try {
            return envelope.signals();
        } catch (ArrayIndexOutOfBoundsException e) {
            throw envelope.broken("is truncated", e);
        }
    }

    private List<RoutedSignal> signals() {
        byte version = bytes[at++];
        if (version != VERSION && version != FIRST_VERSION) {
            throw new IllegalArgumentException("an envelope of version %d, and this Tidegate reads versions %d to %d"
                    .formatted(version, FIRST_VERSION, VERSION));
        }
        boolean isFirst = version == FIRST_VERSION;
        List<RoutedSignal> signals = new ArrayList<>();
        String topic = null;
        long lastMs = 0;
        while (at < bytes.length) {
            int flags = bytes[at++];
            if ((flags & ~(isFirst ? FIRST_FLAGS : KNOWN_FLAGS)) != 0) {
                throw broken("has unknown flags", null);
            }
            TenantId tenant = TenantId.of(fixed());
            long timestampMs = lastMs + signed();
            lastMs = timestampMs;
            if (timestampMs < 0) {
                throw broken("has a negative time", null);
            }
            if ((flags & NEW_TOPIC) != 0) {
                topic = text();
            }
            if (topic == null) {
                throw broken("names no source topic", null);
            }
            SourcePosition source = new SourcePosition(topic, size(), unsigned());
            byte[] key = (flags & KEY) != 0 ? some() : null;
            Header[] headers = headers();
            Signal signal = (flags & PARSED) == 0
                    ? null
                    : new Signal(
                            tenant,
                            (flags & TYPE) != 0 ? text() : null,
                            (flags & ITEMS) != 0 ? ids(isFirst) : List.of(),
                            (flags & USERS) != 0 ? ids(isFirst) : List.of(),
                            (flags & CREATORS) != 0 ? ids(isFirst) : List.of());
            signals.add(new RoutedSignal(tenant, timestampMs, source, key, headers, some(), signal));
        }
        if (signals.isEmpty()) {
            throw broken("has no signal", null);
        }
        return signals;
    }

    private List<String> ids(boolean isFirst) {
        int count = isFirst ? 1 : size();
        if (count == 1) {
            return List.of(text());
        }
        if (count > Signal.ENTITIES_MAX) {
            throw broken("has too many ids", null);
        }
        String[] ids = new String[count];
        for (int i = 0; i < count; i++) {
            ids[i] = text();
        }
        if (new HashSet<>(Arrays.asList(ids)).size() < count) {
            throw broken("has an id twice", null); // it would count twice
        }
        return List.of(ids);
    }

    private Header[] headers() {
        int count = size();
        if (count > bytes.length - at) {
            throw broken("is truncated", null); // checked before the allocation
        }
        Header[] headers = new Header[count];
        for (int i = 0; i < count; i++) {
            String name = text();
            long length = unsigned();
            headers[i] = new RecordHeader(name, length == 0 ? null : some(length - 1));
        }
        return headers;
    }

    private String text() {
        int length = size();
        return new String(bytes, skip(length), length, UTF_8);
    }

    private byte[] some() {
        return some(unsigned());
    }

    private byte[] some(long length) {
        if (length < 0 || length > bytes.length - at) {
            throw broken("is truncated", null);
        }
        byte[] some = new byte[(int) length];
        System.arraycopy(bytes, skip((int) length), some, 0, some.length);
        return some;
    }

    /** Reads a number of bytes or headers, or a partition. */
    private int size() {
        long size = unsigned();
        if (size < 0 || size > Integer.MAX_VALUE) {
            throw broken("has a size out of range", null);
        }
        return (int) size;
    }

    private int skip(int length) {
        if (length > bytes.length - at) {
            throw broken("is truncated", null);
        }
        int from = at;
        at += length;
        return from;
    }

    private long fixed() {
        long bits = 0;
        for (int i = 0; i < Long.BYTES; i++) {
            bits = (bits << Byte.SIZE) | (bytes[at++] & 0xFF);
        }
        return bits;
    }

    private long signed() {
        long coded = unsigned();
        return (coded >>> 1) ^ -(coded & 1);
    }

    private long unsigned() {
        long number = 0;
        for (int shift = 0; shift < Long.SIZE; shift += 7) {
            byte part = bytes[at++];
            number |= (long) (part & 0x7F) << shift;
            if (part >= 0) {
                return number;
            }
        }
        throw broken("has a number of too many bytes", null);
    }

    private IllegalArgumentException broken(String how, @Nullable Exception cause) {
        return new IllegalArgumentException(
                "the envelope %s at byte %d of %d".formatted(how, Math.min(at, bytes.length), bytes.length), cause);
    }
}
