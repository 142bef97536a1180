package io.tidegate.contract;

import org.apache.kafka.common.header.Headers;
import org.jspecify.annotations.Nullable;

/**
 * The place at which a signal was read: its identity. Signals with equal bytes at two positions are two signals.
 *
 * @param topic the ingress topic
 * @param partition its partition
 * @param offset its offset there
 */
public record SourcePosition(String topic, int partition, long offset) {
    /** The form of the header {@link TidegateHeaders#SOURCE}; a topic's name has no slash. */
    @Override
    public String toString() {
        return topic + "/" + partition + "/" + offset;
    }

    /** Reads {@link #toString}; null if {@code text} has another form. */
    public static @Nullable SourcePosition tryParse(@Nullable String text) {
        if (text == null) {
            return null;
        }
        int first = text.indexOf('/');
        int last = text.lastIndexOf('/');
        if (first < 0 || text.indexOf('/', first + 1) != last) {
            return null;
        }
        try {
            int partition = Integer.parseInt(text, first + 1, last, 10);
            long offset = Long.parseLong(text, last + 1, text.length(), 10);
            return new SourcePosition(text.substring(0, first), partition, offset);
        } catch (NumberFormatException e) {
            return null;
        }
    }

    /** Returns the position that a record carries, in either form; null if it has none. */
    public static @Nullable SourcePosition in(Headers headers) {
        SourcePosition inner = tryParse(TidegateHeaders.text(headers, TidegateHeaders.SOURCE));
        if (inner != null) {
            return inner;
        }
        String topic = TidegateHeaders.text(headers, TidegateHeaders.SOURCE_TOPIC);
        String partition = TidegateHeaders.text(headers, TidegateHeaders.SOURCE_PARTITION);
        String offset = TidegateHeaders.text(headers, TidegateHeaders.SOURCE_OFFSET);
        return topic == null || partition == null || offset == null
                ? null
                : tryParse(topic + "/" + partition + "/" + offset);
    }
}
