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
 * A signal on its way from route to admit: everything that its producer sent, its source position, and the parser's
 * result.
 *
 * @param tenant the tenant of the signal
 * @param timestampMs the time of its record
 * @param source its source position
 * @param key the producer's key, or null
 * @param headers the producer's headers
 * @param value the producer's value
 * @param signal the parsed signal; null if admit has to parse it again
 */
@SuppressWarnings("ArrayRecordComponent") // bytes pass through; instances are not compared
public record RoutedSignal(
        TenantId tenant,
        long timestampMs,
        SourcePosition source,
        byte @Nullable [] key,
        Header[] headers,
        byte[] value,
        @Nullable Signal signal) {
    /** Returns the parsed signal, or parses the value if the parsed signal did not travel with it. */
    public ParseResult parsed(SignalReader reader) {
        return signal != null ? new Parsed(signal) : reader.read(key, value, Router.values(new RecordHeaders(headers)));
    }
}
