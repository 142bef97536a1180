package io.tidegate.api;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tidegate.admin.RecordJson;
import io.tidegate.contract.TidegateHeaders;
import io.tidegate.http.Json;
import io.tidegate.tenant.TenantConfig;
import io.tidegate.tenant.TenantId;
import java.util.Arrays;
import java.util.function.Function;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.header.Header;
import org.jspecify.annotations.Nullable;

/**
 * A rejection in the form of the API, live and in a search. Long values and headers are truncated, and a large number of headers
 * is cut, so that even the most hostile record has less than 2^20 characters. Immutable.
 */
public final class RejectionJson {
    private static final int VALUE_BYTES_MAX = 16 * 1024;
    private static final int HEADER_BYTES_MAX = 1024;
    private static final int HEADER_NAME_CHARS_MAX = 256;
    private static final int PRODUCERS_HEADERS_MAX = 64;

    /** More than Tidegate adds to a record. A producer can add some of the same names, which come first. */
    private static final int OWN_HEADERS_MAX = 24;

    private static final int UTF8_BYTES_MAX = 4;

    private final Function<TenantId, @Nullable TenantConfig> configs;

    /** @param configs returns the config in force for a tenant; null if it is unknown */
    public RejectionJson(Function<TenantId, @Nullable TenantConfig> configs) {
        this.configs = configs;
    }

    ObjectNode of(ConsumerRecord<byte[], byte[]> record) {
        String tenant = TidegateHeaders.text(record.headers(), TidegateHeaders.TENANT);
        ObjectNode json = Json.object();
        RecordJson.putPlace(json, record);
        json.put("tenant", tenant);
        TenantId id = tenant == null ? null : TenantId.tryParse(tenant);
        TenantJson.putTenantId(json, id);
        TenantConfig config = id == null ? null : configs.apply(id);
        ArrayNode names = json.putArray("tenant_names");
        if (config != null) {
            config.externalIds().forEach(names::add);
        }
        json.put("tenant_label", config == null || config.label().isEmpty() ? null : config.label());
        json.put("reason", TidegateHeaders.text(record.headers(), TidegateHeaders.REASON));
        RecordJson.putBytes(json, "key", truncated(record.key(), HEADER_BYTES_MAX));
        RecordJson.putBytes(json, "value", truncated(record.value(), VALUE_BYTES_MAX));
        json.put("value_bytes", record.value() == null ? 0 : record.value().length);
        putHeaders(json, record.headers().toArray());
        return json;
    }

    /** The first headers of the producer, and the last ones of Tidegate, which come after them. */
    private static void putHeaders(ObjectNode json, Header[] all) {
        int own = 0;
        for (Header header : all) {
            own += isOwn(header) ? 1 : 0;
        }
        ArrayNode headers = json.putArray("headers");
        int producers = 0;
        for (Header header : all) {
            boolean isShown = isOwn(header) ? own-- <= OWN_HEADERS_MAX : ++producers <= PRODUCERS_HEADERS_MAX;
            if (isShown) {
                RecordJson.addHeader(
                        headers,
                        header.key().substring(0, Math.min(header.key().length(), HEADER_NAME_CHARS_MAX)),
                        truncated(header.value(), HEADER_BYTES_MAX));
            }
        }
        json.put("header_count", all.length);
    }

    private static boolean isOwn(Header header) {
        return header.key().startsWith(TidegateHeaders.PREFIX);
    }

    private static byte @Nullable [] truncated(byte @Nullable [] bytes, int max) {
        return bytes == null || bytes.length <= max ? bytes : Arrays.copyOf(bytes, endOfCharacter(bytes, max));
    }

    /** Returns the last end of a character in UTF-8 up to {@code max}; {@code max} itself in other bytes. */
    private static int endOfCharacter(byte[] bytes, int max) {
        int end = max;
        while (end > max - UTF8_BYTES_MAX + 1 && isContinuation(bytes[end])) {
            end--;
        }
        return isContinuation(bytes[end]) ? max : end;
    }

    private static boolean isContinuation(byte one) {
        return (one & 0xC0) == 0x80;
    }
}
