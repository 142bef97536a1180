package io.tidegate.contract;

import io.tidegate.wal.WalRecord;
import java.util.Arrays;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.jspecify.annotations.Nullable;

/**
 * A record of {@code signals-accepted} as stored in the WAL: with the producer's key, and without the stages' own
 * headers.
 */
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

    /**
     * Returns the evidence that admission did not write a record; null if there is none. Admission writes a tenant's
     * records to the tenant's shard, and sets a source position on each signal and a command on each prune. A record
     * that forges all of these cannot be recognized here: only ACLs prevent it.
     *
     * @param key null if it could not be parsed
     */
    public static @Nullable String foreign(
            @Nullable NumberedKey key, byte @Nullable [] value, Headers headers, int shard, int shards) {
        if (key == null) {
            return "its key is not <tenant>:<sequence number>";
        }
        if (TenantPartitions.of(key.tenant(), shards) != shard) {
            return "its tenant belongs to another shard";
        }
        if (value == null) {
            String command = TidegateHeaders.text(headers, TidegateHeaders.COMMAND);
            return TidegateHeaders.PRUNE_WAL.equals(command) || TidegateHeaders.DELETE_TENANT.equals(command)
                    ? null
                    : "it has neither a value nor a command";
        }
        return SourcePosition.tryParse(TidegateHeaders.text(headers, TidegateHeaders.SOURCE)) == null
                ? "it has no source position"
                : null;
    }

    /** Returns the headers of an accepted signal: the producer's, its source position, and the producer's key. */
    public static Headers headers(RoutedSignal signal) {
        Headers headers = new RecordHeaders(signal.headers());
        TidegateHeaders.set(headers, TidegateHeaders.SOURCE, signal.source().toString());
        headers.remove(TidegateHeaders.KEY);
        if (signal.key() != null) {
            headers.add(TidegateHeaders.KEY, signal.key());
        }
        return headers;
    }

    /** Sets or removes the mark of a record that begins a segment. */
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
