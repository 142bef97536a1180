package io.tidegate.topology;

import io.tidegate.contract.RecordSizes;
import io.tidegate.contract.Router.Route.ToDeadLetter;
import io.tidegate.contract.SourcePosition;
import io.tidegate.contract.TidegateHeaders;
import io.tidegate.tenant.TenantId;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.streams.processor.api.Record;

/** Writes dead letters: the original record, with headers for the reason and the source position. */
final class DeadLetters {
    private DeadLetters() {}

    /** Returns the record for the dead-letter topic, truncated to fit; partitioned by the tenant if it is known. */
    static Record<TenantKey, byte[]> of(
            Record<byte[], byte[]> record, ToDeadLetter to, SourcePosition source, RecordSizes sizes) {
        Headers producers = TidegateHeaders.ofProducer(record.headers().toArray());
        Record<byte[], byte[]> letter = fit(record.withHeaders(producers), sizes.deadLetterBytesMax());
        Headers headers = letter.headers();
        if (to.tenant() != null) {
            add(headers, TidegateHeaders.TENANT, to.tenant().decimal());
        }
        add(headers, TidegateHeaders.REASON, to.defect().id());
        add(headers, TidegateHeaders.MESSAGE, to.message());
        add(headers, TidegateHeaders.RETRYABLE, "false");
        add(headers, TidegateHeaders.SOURCE_TOPIC, source.topic());
        add(headers, TidegateHeaders.SOURCE_PARTITION, Integer.toString(source.partition()));
        add(headers, TidegateHeaders.SOURCE_OFFSET, Long.toString(source.offset()));
        TenantId partitionedBy = to.tenant() == null ? TenantId.DEFAULT : to.tenant();
        return new Record<>(new TenantKey(partitionedBy, letter.key()), letter.value(), letter.timestamp(), headers);
    }

    /** Makes a record fit the dead-letter topic: truncates the value first, then drops the producer's headers and key. */
    static Record<byte[], byte[]> fit(Record<byte[], byte[]> record, long bytesMax) {
        long surplus = RecordSizes.sent(record.key(), record.value(), record.headers()) - bytesMax;
        if (surplus <= 0) {
            return record;
        }
        long originalBytes = record.value() == null ? 0 : record.value().length;
        Record<byte[], byte[]> fitting = record;
        if (surplus > originalBytes) {
            // Not removed one by one: each removal reads all headers, of which a record can have hundreds of thousands.
            fitting = record.withHeaders(new RecordHeaders()).withKey(null);
            surplus = originalBytes - bytesMax;
        }
        if (surplus > 0) {
            fitting = fitting.withValue(Arrays.copyOf(record.value(), (int) (originalBytes - surplus)));
        }
        TidegateHeaders.set(fitting.headers(), TidegateHeaders.TRUNCATED_FROM, Long.toString(originalBytes));
        return fitting;
    }

    private static void add(Headers headers, String name, String value) {
        headers.add(name, value.getBytes(StandardCharsets.UTF_8));
    }
}
