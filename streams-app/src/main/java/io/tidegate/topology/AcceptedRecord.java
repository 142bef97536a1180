package io.tidegate.topology;

import io.tidegate.wal.WalRecord;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.common.header.internals.RecordHeaders;

/** A record of {@code signals-accepted} as the WAL keeps it: with the producer's key again. */
public final class AcceptedRecord {
    private AcceptedRecord() {}

    public static WalRecord of(long seq, long timestampMs, byte[] value, Headers headers) {
        RecordHeaders kept = new RecordHeaders(headers);
        byte[] producersKey = TidegateHeaders.bytes(kept, TidegateHeaders.KEY);
        kept.remove(TidegateHeaders.KEY);
        return new WalRecord(seq, Math.max(0, timestampMs), producersKey, value, kept.toArray());
    }
}
