package io.tidegate.topology;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.tidegate.admission.QuotaExceeded;
import io.tidegate.admission.Reason;
import io.tidegate.contract.RoutedSignal;
import io.tidegate.contract.SourcePosition;
import io.tidegate.contract.TidegateHeaders;
import io.tidegate.tenant.TenantId;
import java.nio.charset.StandardCharsets;
import java.util.EnumMap;
import java.util.Map;
import java.util.OptionalLong;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.jspecify.annotations.Nullable;

/**
 * The headers of rejected signals. Encodes headers that many rejections share only once: the reason, the tenant, its
 * config, the limit with its message, and the source topic and partition.
 *
 * <p>Records share headers, which are never changed. The memory is bounded by {@link #TENANTS_MAX}: a tenant replaces
 * the tenant in its slot. Not thread-safe; owned by the admit task.
 */
final class RejectionHeaders {
    /** The number of tenants whose headers are kept; a power of two. */
    static final int TENANTS_MAX = 1024;

    private static final Map<Reason, Header> REASONS = reasons();
    private static final Header RETRYABLE = text(TidegateHeaders.RETRYABLE, "true");

    private final @Nullable OfTenant[] tenants = new @Nullable OfTenant[TENANTS_MAX];
    private Header topic = text(TidegateHeaders.SOURCE_TOPIC, "");
    private String topicName = "";
    private Header partition = text(TidegateHeaders.SOURCE_PARTITION, "0");
    private int partitionNumber;

    /** The headers that all rejections of a tenant share while one config is in force. */
    private static final class OfTenant {
        final TenantId tenant;
        final long configOffset;
        final Header id;
        final @Nullable Header config;
        final @Nullable OfLimit[] limits = new @Nullable OfLimit[Reason.values().length];

        OfTenant(TenantId tenant, long configOffset) {
            this.tenant = tenant;
            this.configOffset = configOffset;
            this.id = text(TidegateHeaders.TENANT, tenant.decimal());
            this.config = configOffset < 0 ? null : number(TidegateHeaders.CONFIG_OFFSET, configOffset);
        }

        OfLimit of(QuotaExceeded quota) {
            int reason = quota.reason().ordinal();
            OfLimit known = limits[reason];
            if (known == null || !known.limit.equals(quota.limit())) {
                known = new OfLimit(quota);
                limits[reason] = known;
            }
            return known;
        }
    }

    /** The headers that a tenant's rejections for one reason share while its limit is the same. */
    private static final class OfLimit {
        final OptionalLong limit;
        final @Nullable Header header;

        /** Null if the message depends on more than the limit. */
        final @Nullable Header message;

        OfLimit(QuotaExceeded quota) {
            limit = quota.limit();
            header = limit.isPresent() ? number(TidegateHeaders.LIMIT, limit.getAsLong()) : null;
            message = quota.observed().isPresent() || quota.signal() != null
                    ? null
                    : text(TidegateHeaders.MESSAGE, quota.message());
        }
    }

    /** Returns the headers of a record for {@code quota-exceeded}: the producer's, then Tidegate's. */
    Headers of(RoutedSignal signal, QuotaExceeded quota, long configOffset) {
        OfTenant ofTenant = ofTenant(quota.tenant(), configOffset);
        OfLimit ofLimit = ofTenant.of(quota);
        SourcePosition source = signal.source();
        Headers headers = TidegateHeaders.ofProducer(signal.headers());
        headers.add(ofTenant.id);
        headers.add(REASONS.get(quota.reason()));
        Header message = ofLimit.message;
        headers.add(
                message != null && quota.observed().isEmpty() && quota.signal() == null
                        ? message
                        : text(TidegateHeaders.MESSAGE, quota.message()));
        headers.add(RETRYABLE);
        headers.add(topic(source.topic()));
        headers.add(partition(source.partition()));
        headers.add(number(TidegateHeaders.SOURCE_OFFSET, source.offset()));
        if (ofLimit.header != null) {
            headers.add(ofLimit.header);
        }
        if (quota.observed().isPresent()) {
            headers.add(number(TidegateHeaders.OBSERVED, quota.observed().getAsLong()));
        }
        if (quota.retryAfterMs().isPresent()) {
            headers.add(
                    number(TidegateHeaders.RETRY_AFTER_MS, quota.retryAfterMs().getAsLong()));
        }
        if (ofTenant.config != null) {
            headers.add(ofTenant.config);
        }
        return headers;
    }

    private OfTenant ofTenant(TenantId tenant, long configOffset) {
        int place = place(tenant);
        OfTenant known = tenants[place];
        if (known == null || known.configOffset != configOffset || !known.tenant.equals(tenant)) {
            known = new OfTenant(tenant, configOffset);
            tenants[place] = known;
        }
        return known;
    }

    /** Returns the slot of a tenant; spreads consecutive ids. */
    static int place(TenantId tenant) {
        long mixed = tenant.bits() * 0x9E3779B97F4A7C15L; // 2^64 divided by the golden ratio
        return (int) (mixed >>> (Long.SIZE - Integer.numberOfTrailingZeros(TENANTS_MAX)));
    }

    private Header topic(String name) {
        if (!name.equals(topicName)) {
            topicName = name;
            topic = text(TidegateHeaders.SOURCE_TOPIC, name);
        }
        return topic;
    }

    private Header partition(int number) {
        if (number != partitionNumber) {
            partitionNumber = number;
            partition = number(TidegateHeaders.SOURCE_PARTITION, number);
        }
        return partition;
    }

    private static Map<Reason, Header> reasons() {
        Map<Reason, Header> headers = new EnumMap<>(Reason.class);
        for (Reason reason : Reason.values()) {
            headers.put(reason, text(TidegateHeaders.REASON, reason.id()));
        }
        return headers;
    }

    private static Header number(String name, long number) {
        return new RecordHeader(name, Long.toString(number).getBytes(StandardCharsets.ISO_8859_1));
    }

    private static Header text(String name, String value) {
        return new RecordHeader(name, value.getBytes(UTF_8));
    }
}
