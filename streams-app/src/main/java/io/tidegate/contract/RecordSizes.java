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
 * How large a record may be, known before it is sent: a record that the broker or the producer rejects would abort the
 * whole transaction, and again at each retry.
 *
 * @param recordBytesMax the largest record that all of Tidegate's topics take, as {@link #of} counts it
 * @param deadLetterBytesMax the same for the dead-letter topic
 */
public record RecordSizes(long recordBytesMax, long deadLetterBytesMax) {
    /** What Tidegate's own headers and the batch around a record can add. */
    public static final int HEADROOM_BYTES = 4 * 1024;

    /** Varints around a header's name and value, at their longest. */
    private static final int HEADER_OVERHEAD_BYTES = 10;

    /** More headers than these are counted as the WAL's reader counts them, so that it can read what is accepted. */
    private static final int HEADERS_USUAL = 1000;

    /** Records of {@link WalRecord#BYTES_MAX} and more cannot be stored, whatever the topics take. */
    public RecordSizes {
        recordBytesMax = Math.min(recordBytesMax, WalRecord.BYTES_MAX - HEADROOM_BYTES);
    }

    /** Kafka's default {@code max.message.bytes}. */
    public static RecordSizes kafkaDefaults() {
        long max = 1024 * 1024 - HEADROOM_BYTES;
        return new RecordSizes(max, max);
    }

    /** An upper bound of a record's bytes, without {@link #HEADROOM_BYTES}. */
    public static long of(byte @Nullable [] key, byte @Nullable [] value, Headers headers) {
        long bytes = length(key) + length(value);
        int count = 0;
        for (Header header : headers) {
            bytes += ++count > HEADERS_USUAL ? WalRecord.HEADER_BYTES : 0;
            // A char of a header's name takes at most 3 bytes.
            bytes += header.key().length() * 3L + length(header.value()) + HEADER_OVERHEAD_BYTES;
        }
        return bytes;
    }

    /** The dead letter that a record of so many bytes, as {@link #of} counts them, becomes; null if it is small enough. */
    public @Nullable ToDeadLetter tooLarge(long bytes) {
        return bytes <= recordBytesMax
                ? null
                : new ToDeadLetter(
                        null,
                        Defect.TOO_LARGE,
                        "the record is larger than the %d bytes that Tidegate's topics take".formatted(recordBytesMax));
    }

    /**
     * What becomes of a record that can be read: its route, or a dead letter if what its envelope carries beside its value
     * ({@link Envelope#foundBytesMax}) does not fit.
     *
     * @param bytes as {@link #of} counts them
     */
    public Route withFound(Route route, long bytes, SignalFormat format) {
        if (format != SignalFormat.AVRO || !(route instanceof Route.ToTenant to)) {
            return route;
        }
        Signal signal = to.signal();
        long found = signal.type() == null ? 0 : Utils.utf8Length(signal.type());
        for (List<String> ids : List.of(signal.items(), signal.users(), signal.creators())) {
            for (String id : ids) {
                found += Utils.utf8Length(id);
            }
        }
        return bytes + found <= recordBytesMax
                ? route
                : new ToDeadLetter(
                        to.tenant(),
                        Defect.TOO_LARGE,
                        "the record and its ids are larger than the %d bytes that Tidegate's topics take"
                                .formatted(recordBytesMax));
    }

    private static long length(byte @Nullable [] bytes) {
        return bytes == null ? 0 : bytes.length;
    }
}
