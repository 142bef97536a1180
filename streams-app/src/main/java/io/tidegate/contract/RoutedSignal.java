package io.tidegate.contract;

import io.tidegate.signal.ParseResult;
import io.tidegate.signal.ParseResult.Parsed;
import io.tidegate.signal.Signal;
import io.tidegate.signal.SignalReader;
import io.tidegate.tenant.TenantId;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.jspecify.annotations.Nullable;

/**
 * A signal on its way from route to admit: all that its producer sent, where it was read, and what the parser found.
 *
 * @param tenant whose signal it is
 * @param timestampMs the time of its record
 * @param source where it was read
 * @param key the producer's key, or null
 * @param headers the producer's headers
 * @param value the producer's value
 * @param signal what was read of it; null if admit has to read it again
 */
@SuppressWarnings("ArrayRecordComponent") // bytes pass through; signals are not compared
public record RoutedSignal(
        TenantId tenant,
        long timestampMs,
        SourcePosition source,
        byte @Nullable [] key,
        Header[] headers,
        byte[] value,
        @Nullable Signal signal) {
    /** What was read of it, or what the reader reads again where that did not travel with it. */
    public ParseResult parsed(SignalReader reader) {
        return signal != null ? new Parsed(signal) : reader.read(key, value, Router.values(new RecordHeaders(headers)));
    }
}
