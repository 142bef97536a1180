package io.tidegate.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.databind.node.TextNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLGenerator;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import io.tidegate.admin.ConfigFile;
import io.tidegate.tenant.TenantId;
import java.io.IOException;
import java.math.BigInteger;
import org.jspecify.annotations.Nullable;

/** The objects that commands print: JSON with one object per line, or YAML with one document each. */
public final class Json {
    private static final JsonMapper MAPPER = new JsonMapper();

    private Json() {}

    public static ObjectNode object() {
        return MAPPER.createObjectNode();
    }

    public static JsonNode tree(byte[] json) {
        try {
            return MAPPER.readTree(json);
        } catch (IOException e) {
            throw new IllegalArgumentException("not JSON", e);
        }
    }

    /**
     * Converts a file in YAML or JSON, as {@link ConfigFile} reads it, to JSON.
     *
     * @throws IllegalArgumentException with the problem and its place
     */
    static byte[] ofYaml(byte[] file) {
        return ConfigFile.json(ConfigFile.tree(file));
    }

    /** Returns a text in quotes. */
    static String text(String text) {
        return line(TextNode.valueOf(text));
    }

    /** Converts a part of a config. */
    static <T> T to(Class<T> type, JsonNode node) {
        return MAPPER.convertValue(node, type);
    }

    static String line(JsonNode node) {
        try {
            return MAPPER.writeValueAsString(node);
        } catch (JsonProcessingException e) {
            throw new IllegalStateException("a tree is always writable", e);
        }
    }

    /**
     * Returns a document of a YAML stream. All texts are quoted, so that none is read as a number, a date or a terminal
     * command.
     */
    static String yaml(JsonNode node) {
        try {
            return Yaml.MAPPER.writeValueAsString(node).stripTrailing();
        } catch (JsonProcessingException e) {
            throw new IllegalStateException("a tree is always writable", e);
        }
    }

    /** Loaded only by the commands that need it. */
    private static final class Yaml {
        private static final YAMLMapper MAPPER =
                YAMLMapper.builder().disable(YAMLGenerator.Feature.SPLIT_LINES).build();
    }

    /** Adds the tenant in its only form, {@code "tenant_id": 42}, a number up to 2^64-1; null if it is unknown. */
    static void putTenant(ObjectNode into, @Nullable TenantId tenant) {
        into.put("tenant_id", tenant == null ? null : new BigInteger(tenant.decimal()));
    }

    static String pretty(JsonNode node) {
        return node.toPrettyString();
    }
}
