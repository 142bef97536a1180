package io.tidegate.topology;

import io.tidegate.wal.WalRecord;
import java.util.stream.Stream;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.Headers;

/** A record of {@code signals-accepted} as the WAL keeps it: with the producer's key again. */
public final class AcceptedRecord {
    private AcceptedRecord() {}

    public static WalRecord of(long seq, long timestampMs, byte[] value, Headers headers) {
        Header producersKey = headers.lastHeader(TidegateHeaders.KEY);
        Header[] kept = headers.toArray();
        if (producersKey != null) {
            kept = Stream.of(kept)
                    .filter(header -> !header.key().equals(TidegateHeaders.KEY))
                    .toArray(Header[]::new);
        }
        byte[] key = producersKey == null ? null : producersKey.value();
        return new WalRecord(seq, Math.max(0, timestampMs), key, value, kept);
    }
}
