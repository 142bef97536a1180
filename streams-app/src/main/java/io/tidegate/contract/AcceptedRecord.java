package io.tidegate.contract;

import io.tidegate.wal.WalRecord;
import java.util.Arrays;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.Headers;

/** A record of {@code signals-accepted} as the WAL keeps it: with the producer's key, and without the stages' own headers. */
public final class AcceptedRecord {
    private static final byte[] MARK = new byte[0];

    private AcceptedRecord() {}

    public static WalRecord of(long seq, long timestampMs, byte[] value, Headers headers) {
        Header[] kept = headers.toArray();
        byte[] key = null;
        int count = 0;
        for (Header header : kept) {
            if (header.key().equals(TidegateHeaders.KEY)) {
                key = header.value();
            } else if (!header.key().equals(TidegateHeaders.SEGMENT)) {
                kept[count++] = header;
            }
        }
        return new WalRecord(
                seq, Math.max(0, timestampMs), key, value, count == kept.length ? kept : Arrays.copyOf(kept, count));
    }

    /** Marks, or unmarks, a record as the first of a segment. */
    public static void mark(Headers headers, boolean beginsSegment) {
        if (beginsSegment || headers.lastHeader(TidegateHeaders.SEGMENT) != null) {
            headers.remove(TidegateHeaders.SEGMENT);
        }
        if (beginsSegment) {
            headers.add(TidegateHeaders.SEGMENT, MARK);
        }
    }

    /** Whether a record is marked as the first of a segment. */
    public static boolean beginsSegment(Headers headers) {
        return headers.lastHeader(TidegateHeaders.SEGMENT) != null;
    }
}
