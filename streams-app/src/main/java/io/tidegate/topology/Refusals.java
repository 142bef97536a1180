package io.tidegate.topology;

import io.tidegate.admission.QuotaExceeded;
import io.tidegate.tenant.TenantId;
import io.tidegate.topology.Router.Route.ToDeadLetter;
import java.nio.charset.StandardCharsets;
import java.util.Set;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.streams.processor.api.Record;

/** Writes the answer on a refused record: the original with headers that say why, and where it came from. */
final class Refusals {
    private static final Set<String> OWN = Set.of(
            TidegateHeaders.REASON,
            TidegateHeaders.TENANT,
            TidegateHeaders.MESSAGE,
            TidegateHeaders.LIMIT,
            TidegateHeaders.OBSERVED,
            TidegateHeaders.RETRY_AFTER_MS,
            TidegateHeaders.RETRYABLE,
            TidegateHeaders.SOURCE_TOPIC,
            TidegateHeaders.SOURCE_PARTITION,
            TidegateHeaders.SOURCE_OFFSET,
            TidegateHeaders.CONFIG_OFFSET,
            TidegateHeaders.TRUNCATED_FROM,
            TidegateHeaders.SOURCE,
            TidegateHeaders.KEY);

    private Refusals() {}

    /** The record for the dead-letter topic, cut to fit it; partitioned by the tenant where one can be told. */
    static Record<TenantKey, byte[]> deadLetter(
            Record<byte[], byte[]> record, ToDeadLetter to, SourcePosition source, RecordSizes sizes) {
        removeOwn(record.headers());
        Record<byte[], byte[]> letter = sizes.fitDeadLetter(record);
        Headers headers = letter.headers();
        if (to.tenant() != null) {
            add(headers, TidegateHeaders.TENANT, to.tenant().decimal());
        }
        explain(headers, to.defect().id(), to.message(), false, source);
        TenantId partitionedBy = to.tenant() == null ? TenantId.DEFAULT : to.tenant();
        return letter.withKey(new TenantKey(partitionedBy, letter.key()));
    }

    /** Writes the headers of a record for {@code quota-exceeded}. */
    static void quotaExceeded(Headers headers, QuotaExceeded quota, long configOffset, SourcePosition source) {
        removeOwn(headers);
        add(headers, TidegateHeaders.TENANT, quota.tenant().decimal());
        explain(headers, quota.reason().id(), quota.message(), true, source);
        quota.limit().ifPresent(limit -> add(headers, TidegateHeaders.LIMIT, Long.toString(limit)));
        quota.observed().ifPresent(observed -> add(headers, TidegateHeaders.OBSERVED, Long.toString(observed)));
        quota.retryAfterMs().ifPresent(ms -> add(headers, TidegateHeaders.RETRY_AFTER_MS, Long.toString(ms)));
        if (configOffset >= 0) {
            add(headers, TidegateHeaders.CONFIG_OFFSET, Long.toString(configOffset));
        }
    }

    /** Whatever a producer sent under the names of {@link #OWN} goes. */
    private static void removeOwn(Headers headers) {
        for (Header header : headers.toArray()) {
            if (OWN.contains(header.key())) {
                headers.remove(header.key());
            }
        }
    }

    private static void explain(
            Headers headers, String reason, String message, boolean retryable, SourcePosition source) {
        add(headers, TidegateHeaders.REASON, reason);
        add(headers, TidegateHeaders.MESSAGE, message);
        add(headers, TidegateHeaders.RETRYABLE, Boolean.toString(retryable));
        add(headers, TidegateHeaders.SOURCE_TOPIC, source.topic());
        add(headers, TidegateHeaders.SOURCE_PARTITION, Integer.toString(source.partition()));
        add(headers, TidegateHeaders.SOURCE_OFFSET, Long.toString(source.offset()));
    }

    /** All of {@link #OWN} were removed before, so nothing has to be replaced. */
    private static void add(Headers headers, String name, String value) {
        headers.add(name, value.getBytes(StandardCharsets.UTF_8));
    }
}
