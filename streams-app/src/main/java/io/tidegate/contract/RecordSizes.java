package io.tidegate.contract;

import io.tidegate.contract.Router.Route;
import io.tidegate.contract.Router.Route.ToDeadLetter;
import io.tidegate.signal.Defect;
import io.tidegate.signal.Signal;
import io.tidegate.signal.SignalFormat;
import io.tidegate.wal.WalRecord;
import java.util.List;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.common.utils.Utils;
import org.jspecify.annotations.Nullable;

/**
 * The maximum sizes of records, checked before they are sent: a record that the broker or the producer rejects would
 * abort the whole transaction, and again at each retry.
 *
 * @param recordBytesMax the largest record that all of Tidegate's topics accept, measured by {@link #of}
 * @param deadLetterBytesMax the same for the dead-letter topic
 */
public record RecordSizes(long recordBytesMax, long deadLetterBytesMax) {
    /** The maximum that Tidegate's own headers and the batch around a record can add. */
    public static final int HEADROOM_BYTES = 4 * 1024;

    /** The size of the length before an id, which has at most 512 characters. */
    private static final int ID_OVERHEAD_BYTES = 2;

    /** The maximum size of the varints around a header's name and value. */
    private static final int HEADER_OVERHEAD_BYTES = 10;

    /**
     * Above this count, headers are counted as the WAL's reader counts them, so that it can read every accepted record.
     */
    private static final int HEADERS_USUAL = 1000;

    /** Lowers the sizes below {@link WalRecord#BYTES_MAX}, which cannot be stored, whatever the topics accept. */
    public RecordSizes {
        recordBytesMax = Math.min(recordBytesMax, WalRecord.BYTES_MAX - HEADROOM_BYTES);
    }

    /** Kafka's default {@code max.message.bytes}. */
    public static RecordSizes kafkaDefaults() {
        long max = 1024 * 1024 - HEADROOM_BYTES;
        return new RecordSizes(max, max);
    }

    /** Returns an upper bound of the size of a record that the WAL can store, without {@link #HEADROOM_BYTES}. */
    public static long of(byte @Nullable [] key, byte @Nullable [] value, Headers headers) {
        return bytes(key, value, headers, WalRecord.HEADER_BYTES);
    }

    /** Returns an upper bound of the size of a record that is only sent, without {@link #HEADROOM_BYTES}. */
    public static long sent(byte @Nullable [] key, byte @Nullable [] value, Headers headers) {
        return bytes(key, value, headers, 0);
    }

    private static long bytes(byte @Nullable [] key, byte @Nullable [] value, Headers headers, int unusualHeaderBytes) {
        long bytes = length(key) + length(value);
        int count = 0;
        for (Header header : headers) {
            bytes += ++count > HEADERS_USUAL ? unusualHeaderBytes : 0;
            // A char of a header's name takes at most 3 bytes.
            bytes += header.key().length() * 3L + length(header.value()) + HEADER_OVERHEAD_BYTES;
        }
        return bytes;
    }

    /** Returns the dead letter for a record of this size, measured by {@link #of}; null if it is small enough. */
    public @Nullable ToDeadLetter tooLarge(long bytes) {
        return bytes <= recordBytesMax
                ? null
                : new ToDeadLetter(
                        null,
                        Defect.TOO_LARGE,
                        "the record is larger than the %d bytes that Tidegate's topics accept"
                                .formatted(recordBytesMax));
    }

    /**
     * Returns the route of a readable record, or a dead letter if the type and ids that its envelope carries besides
     * its value ({@link Envelope#foundBytesMax}) do not fit.
     *
     * @param bytes the size of the record, measured by {@link #of}
     */
    public Route withFound(Route route, long bytes, SignalFormat format) {
        if (format != SignalFormat.AVRO || !(route instanceof Route.ToTenant to)) {
            return route;
        }
        return bytes + ofFound(to.signal()) <= recordBytesMax
                ? route
                : new ToDeadLetter(
                        to.tenant(),
                        Defect.TOO_LARGE,
                        "the record and its ids are larger than the %d bytes that Tidegate's topics accept"
                                .formatted(recordBytesMax));
    }

    /** Returns the size of a signal's type and ids. */
    public static long ofFound(Signal signal) {
        long found = signal.type() == null ? 0 : Utils.utf8Length(signal.type());
        for (List<String> ids : List.of(signal.items(), signal.users(), signal.creators())) {
            for (String id : ids) {
                found += Utils.utf8Length(id) + ID_OVERHEAD_BYTES;
            }
        }
        return found;
    }

    private static long length(byte @Nullable [] bytes) {
        return bytes == null ? 0 : bytes.length;
    }
}
