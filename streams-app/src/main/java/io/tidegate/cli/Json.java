package io.tidegate.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.Headers;
import org.jspecify.annotations.Nullable;

/** What commands print with {@code -o json}: one object a line. */
final class Json {
    private static final JsonMapper MAPPER = new JsonMapper();

    private Json() {}

    static ObjectNode object() {
        return MAPPER.createObjectNode();
    }

    static JsonNode tree(byte[] json) {
        try {
            return MAPPER.readTree(json);
        } catch (IOException e) {
            throw new IllegalArgumentException("not JSON", e);
        }
    }

    static String line(JsonNode node) {
        try {
            return MAPPER.writeValueAsString(node);
        } catch (JsonProcessingException e) {
            throw new IllegalStateException("a tree is always writable", e);
        }
    }

    static String pretty(JsonNode node) {
        return node.toPrettyString();
    }

    /** Adds bytes as text, or under {@code <name>_hex} where they are not UTF-8. */
    static void putBytes(ObjectNode into, String name, byte @Nullable [] bytes) {
        if (bytes == null) {
            into.putNull(name);
            return;
        }
        String text = utf8(bytes);
        if (text != null) {
            into.put(name, text);
        } else {
            into.put(name + "_hex", HexFormat.of().formatHex(bytes));
        }
    }

    static void putHeaders(ObjectNode into, Iterable<Header> headers) {
        ObjectNode all = into.putObject("headers");
        for (Header header : headers) {
            putBytes(all, header.key(), header.value());
        }
    }

    static void putHeaders(ObjectNode into, Headers headers) {
        putHeaders(into, (Iterable<Header>) headers);
    }

    static @Nullable String utf8(byte[] bytes) {
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
