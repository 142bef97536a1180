package io.tidegate.topology;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.tidegate.admission.Reason;
import io.tidegate.contract.Router.Route.ToUnknown;
import io.tidegate.contract.SourcePosition;
import io.tidegate.contract.TidegateHeaders;
import io.tidegate.tenant.TenantId;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.streams.processor.api.Record;

/**
 * Rejections of signals that refer to their tenant by a name that no tenant has. Route sends them, because without an
 * id no shard can decide. They leave no state.
 */
final class UnknownNames {
    private UnknownNames() {}

    /** Returns the record for {@code quota-exceeded}, unchanged except for its headers; partitioned by the name. */
    static Record<TenantKey, byte[]> rejected(Record<byte[], byte[]> record, String name, SourcePosition source) {
        Headers headers = TidegateHeaders.ofProducer(record.headers().toArray());
        add(headers, TidegateHeaders.REASON, Reason.TENANT_UNKNOWN.id());
        add(headers, TidegateHeaders.MESSAGE, ToUnknown.MESSAGE);
        add(headers, TidegateHeaders.RETRYABLE, "true");
        add(headers, TidegateHeaders.SOURCE_TOPIC, source.topic());
        add(headers, TidegateHeaders.SOURCE_PARTITION, Integer.toString(source.partition()));
        add(headers, TidegateHeaders.SOURCE_OFFSET, Long.toString(source.offset()));
        TenantId spread = TenantId.of(name.hashCode());
        return new Record<>(new TenantKey(spread, record.key()), record.value(), record.timestamp(), headers);
    }

    private static void add(Headers headers, String name, String value) {
        headers.add(name, value.getBytes(UTF_8));
    }
}
