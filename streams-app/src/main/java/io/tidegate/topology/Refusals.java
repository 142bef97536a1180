package io.tidegate.topology;

import io.tidegate.contract.RecordSizes;
import io.tidegate.contract.Router.Route.ToDeadLetter;
import io.tidegate.contract.SourcePosition;
import io.tidegate.contract.TidegateHeaders;
import io.tidegate.tenant.TenantId;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.streams.processor.api.Record;

/** Writes dead letters: the original record with headers that say why, and where it came from. */
final class Refusals {
    private Refusals() {}

    /** The record for the dead-letter topic, cut to fit it; partitioned by the tenant where one can be told. */
    static Record<TenantKey, byte[]> deadLetter(
            Record<byte[], byte[]> record, ToDeadLetter to, SourcePosition source, RecordSizes sizes) {
        Record<byte[], byte[]> letter =
                fit(record.withHeaders(new RecordHeaders(others(record.headers()))), sizes.deadLetterBytesMax());
        List<Header> headers = new ArrayList<>(List.of(letter.headers().toArray()));
        if (to.tenant() != null) {
            add(headers, TidegateHeaders.TENANT, to.tenant().decimal());
        }
        explain(headers, to.defect().id(), to.message(), source);
        TenantId partitionedBy = to.tenant() == null ? TenantId.DEFAULT : to.tenant();
        return new Record<>(
                new TenantKey(partitionedBy, letter.key()),
                letter.value(),
                letter.timestamp(),
                new RecordHeaders(headers));
    }

    /** Makes a record fit the dead-letter topic: truncates the value first, then drops the producer's headers and key. */
    static Record<byte[], byte[]> fit(Record<byte[], byte[]> record, long bytesMax) {
        long surplus = RecordSizes.of(record.key(), record.value(), record.headers()) - bytesMax;
        if (surplus <= 0) {
            return record;
        }
        long originalBytes = record.value() == null ? 0 : record.value().length;
        Record<byte[], byte[]> fitting = record;
        if (surplus > originalBytes) {
            for (Header header : record.headers().toArray()) {
                fitting.headers().remove(header.key());
            }
            fitting = fitting.withKey(null);
            surplus = originalBytes - bytesMax;
        }
        if (surplus > 0) {
            fitting = fitting.withValue(Arrays.copyOf(record.value(), (int) (originalBytes - surplus)));
        }
        TidegateHeaders.set(fitting.headers(), TidegateHeaders.TRUNCATED_FROM, Long.toString(originalBytes));
        return fitting;
    }

    /** The headers that stay. */
    private static List<Header> others(Headers headers) {
        List<Header> others = new ArrayList<>();
        for (Header header : headers.toArray()) {
            if (!TidegateHeaders.isOnRejections(header.key())) {
                others.add(header);
            }
        }
        return others;
    }

    private static void explain(List<Header> headers, String reason, String message, SourcePosition source) {
        add(headers, TidegateHeaders.REASON, reason);
        add(headers, TidegateHeaders.MESSAGE, message);
        add(headers, TidegateHeaders.RETRYABLE, "false");
        add(headers, TidegateHeaders.SOURCE_TOPIC, source.topic());
        add(headers, TidegateHeaders.SOURCE_PARTITION, Integer.toString(source.partition()));
        add(headers, TidegateHeaders.SOURCE_OFFSET, Long.toString(source.offset()));
    }

    private static void add(List<Header> headers, String name, String value) {
        headers.add(new RecordHeader(name, value.getBytes(StandardCharsets.UTF_8)));
    }
}
