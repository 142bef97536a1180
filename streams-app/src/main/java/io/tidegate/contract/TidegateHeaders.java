package io.tidegate.contract;

import java.nio.charset.StandardCharsets;
import java.util.Set;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.jspecify.annotations.Nullable;

/**
 * The names of the headers that Tidegate writes, all UTF-8 text unless noted, and of the one that it reads.
 *
 * <p>Headers are set, not appended: a producer's headers with these names are replaced.
 */
public final class TidegateHeaders {
    /** Read with {@link TenantSource#HEADER}: the tenant id in decimal, or one of its names. */
    public static final String TENANT_CLAIM = "tidegate-tenant";

    public static final String REASON = "tidegate.reason";

    /** Absent on a rejection of a name that no tenant has, and on dead letters without a usable tenant. */
    public static final String TENANT = "tidegate.tenant";

    public static final String MESSAGE = "tidegate.message";
    public static final String LIMIT = "tidegate.limit";
    public static final String OBSERVED = "tidegate.observed";
    public static final String RETRY_AFTER_MS = "tidegate.retry_after_ms";
    public static final String RETRYABLE = "tidegate.retryable";
    public static final String SOURCE_TOPIC = "tidegate.source.topic";
    public static final String SOURCE_PARTITION = "tidegate.source.partition";
    public static final String SOURCE_OFFSET = "tidegate.source.offset";
    public static final String CONFIG_OFFSET = "tidegate.config_offset";
    public static final String REPLAYS = "tidegate.replays";

    /** On a dead letter that was truncated to fit: the size in bytes of the original value. */
    public static final String TRUNCATED_FROM = "tidegate.truncated_from_bytes";

    /** On a forwarded signal: the regions that forwarded it, in order, separated by commas. */
    public static final String FORWARDED_BY = "tidegate.forwarded_by";

    /**
     * On a forwarded signal: its position in the ingress of the last of these regions, as {@code
     * topic/partition/offset}.
     */
    public static final String FORWARDED_FROM = "tidegate.forwarded_from";

    /** Between the stages, and in the WAL: the source position as {@code topic/partition/offset}. */
    public static final String SOURCE = "tidegate.source";

    /** Between the stages: the producer's key (raw bytes), if it had one. */
    public static final String KEY = "tidegate.key";

    /** On a record of {@code signals-accepted}; has no value: the record begins a segment of its tenant's WAL. */
    public static final String SEGMENT = "tidegate.segment";

    /** On a record of {@code signals-accepted} without a value: the command that the record executes. */
    public static final String COMMAND = "tidegate.command";

    /** With {@link #COMMAND}: segments are pruned. */
    public static final String PRUNE_WAL = "prune-wal";

    /** With {@link #COMMAND}: the tenant is deleted, including the quarantined copies of its bytes. */
    public static final String DELETE_TENANT = "delete-tenant";

    /** On a command and on the events that answer it: the id by which the sender identifies it. */
    public static final String COMMAND_ID = "tidegate.command_id";

    /** On a command: who sent it, as in the history of configs. */
    public static final String BY = "tidegate.by";

    /** The prefix of all names except {@link #TENANT_CLAIM}. */
    public static final String PREFIX = "tidegate.";

    /** The headers with this prefix that stay on a rejected or dead-lettered record: they came with the signal. */
    private static final Set<String> OF_SIGNALS = Set.of(REPLAYS, FORWARDED_BY, FORWARDED_FROM);

    private TidegateHeaders() {}

    /**
     * Returns the producer's headers of a rejected or dead-lettered record, without those that only Tidegate sets
     * there.
     */
    public static Headers ofProducer(Header[] sent) {
        Headers headers = new RecordHeaders();
        for (Header header : sent) {
            if (!header.key().startsWith(PREFIX) || OF_SIGNALS.contains(header.key())) {
                headers.add(header);
            }
        }
        return headers;
    }

    public static void set(Headers headers, String name, String value) {
        set(headers, name, value.getBytes(StandardCharsets.UTF_8));
    }

    public static void set(Headers headers, String name, byte[] value) {
        headers.remove(name);
        headers.add(name, value);
    }

    /** Returns the last value of a header as text; null if it is absent or null. */
    public static @Nullable String text(Headers headers, String name) {
        byte[] value = bytes(headers, name);
        return value == null ? null : new String(value, StandardCharsets.UTF_8);
    }

    public static byte @Nullable [] bytes(Headers headers, String name) {
        Header header = headers.lastHeader(name);
        return header == null ? null : header.value();
    }
}
