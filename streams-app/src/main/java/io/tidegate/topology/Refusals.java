package io.tidegate.topology;

import io.tidegate.admission.QuotaExceeded;
import io.tidegate.topology.Router.Route.ToDeadLetter;
import java.util.List;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.streams.processor.api.Record;

/** Writes the answer on a refused record: the original with headers that say why, and where it came from. */
final class Refusals {
    private static final List<String> OWN = List.of(
            TidegateHeaders.REASON,
            TidegateHeaders.TENANT,
            TidegateHeaders.MESSAGE,
            TidegateHeaders.LIMIT,
            TidegateHeaders.OBSERVED,
            TidegateHeaders.RETRY_AFTER_MS,
            TidegateHeaders.CONFIG_OFFSET,
            TidegateHeaders.TRUNCATED_FROM,
            TidegateHeaders.SOURCE,
            TidegateHeaders.KEY);

    private Refusals() {}

    /** The record for the dead-letter topic, cut to fit it. */
    static Record<byte[], byte[]> deadLetter(
            Record<byte[], byte[]> record, ToDeadLetter to, SourcePosition source, RecordSizes sizes) {
        OWN.forEach(record.headers()::remove);
        Record<byte[], byte[]> letter = sizes.fitDeadLetter(record);
        Headers headers = letter.headers();
        if (to.tenant() != null) {
            TidegateHeaders.set(headers, TidegateHeaders.TENANT, to.tenant().decimal());
        }
        explain(headers, to.defect().id(), to.message(), false, source);
        return letter;
    }

    /** Writes the headers of a record for {@code quota-exceeded}. */
    static void quotaExceeded(Headers headers, QuotaExceeded quota, long configOffset, SourcePosition source) {
        OWN.forEach(headers::remove);
        TidegateHeaders.set(headers, TidegateHeaders.TENANT, quota.tenant().decimal());
        explain(headers, quota.reason().id(), quota.message(), true, source);
        quota.limit().ifPresent(limit -> TidegateHeaders.set(headers, TidegateHeaders.LIMIT, Long.toString(limit)));
        quota.observed()
                .ifPresent(observed -> TidegateHeaders.set(headers, TidegateHeaders.OBSERVED, Long.toString(observed)));
        quota.retryAfterMs()
                .ifPresent(ms -> TidegateHeaders.set(headers, TidegateHeaders.RETRY_AFTER_MS, Long.toString(ms)));
        if (configOffset >= 0) {
            TidegateHeaders.set(headers, TidegateHeaders.CONFIG_OFFSET, Long.toString(configOffset));
        }
    }

    private static void explain(
            Headers headers, String reason, String message, boolean retryable, SourcePosition source) {
        TidegateHeaders.set(headers, TidegateHeaders.REASON, reason);
        TidegateHeaders.set(headers, TidegateHeaders.MESSAGE, message);
        TidegateHeaders.set(headers, TidegateHeaders.RETRYABLE, Boolean.toString(retryable));
        TidegateHeaders.set(headers, TidegateHeaders.SOURCE_TOPIC, source.topic());
        TidegateHeaders.set(headers, TidegateHeaders.SOURCE_PARTITION, Integer.toString(source.partition()));
        TidegateHeaders.set(headers, TidegateHeaders.SOURCE_OFFSET, Long.toString(source.offset()));
    }
}
