package io.tidegate.admin;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.HexFormat;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.header.Header;
import org.jspecify.annotations.Nullable;

/** Kafka records as JSON, for the command line and the HTTP API alike. */
public final class RecordJson {
    private RecordJson() {}

    /** Adds a record's position and time. */
    public static void putPlace(ObjectNode into, ConsumerRecord<?, ?> record) {
        into.put("topic", record.topic());
        into.put("partition", record.partition());
        into.put("offset", record.offset());
        into.put("timestamp", Instant.ofEpochMilli(record.timestamp()).toString());
    }

    /** Adds bytes as text, or in hexadecimal as {@code <name>_hex} if they are not UTF-8. */
    public static void putBytes(ObjectNode into, String name, byte @Nullable [] bytes) {
        String text = bytes == null ? null : utf8(bytes);
        if (bytes == null || text != null) {
            into.put(name, text);
        } else {
            into.put(name + "_hex", HexFormat.of().formatHex(bytes));
        }
    }

    /**
     * Adds {@code "headers": [{"name": "a", "value": "1"}, …]}: a list, because Kafka keeps the order of headers and
     * allows several of one name.
     */
    public static void putHeaders(ObjectNode into, Iterable<Header> headers) {
        ArrayNode list = into.putArray("headers");
        headers.forEach(header -> addHeader(list, header.key(), header.value()));
    }

    /** Adds one header; a value that is not UTF-8 is {@code value_base64}. */
    public static void addHeader(ArrayNode headers, String name, byte @Nullable [] value) {
        ObjectNode header = headers.addObject().put("name", name);
        String text = value == null ? null : utf8(value);
        if (value == null || text != null) {
            header.put("value", text);
        } else {
            header.put("value_base64", value);
        }
    }

    /** Returns the text of these bytes; null if they are not UTF-8. */
    public static @Nullable String utf8(byte[] bytes) {
        try {
            return StandardCharsets.UTF_8
                    .newDecoder()
                    .decode(ByteBuffer.wrap(bytes))
                    .toString();
        } catch (CharacterCodingException e) {
            return null;
        }
    }
}
