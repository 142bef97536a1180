package io.tidegate.contract;

import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tidegate.admission.EntityKind;
import io.tidegate.signal.SignalParser;
import io.tidegate.tenant.PlainText;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A value of {@code tenant-commands}: an operator's command on a tenant's state. The key is the tenant's id.
 *
 * <pre>
 *  {"command":"prune-wal","below_seq":1000}
 *  {"command":"forget-entity","kind":"item","id":"sku-1"}
 *  {"command":"delete-tenant"}
 * </pre>
 */
public sealed interface TenantCommand {
    /**
     * Removes all segments whose sequence numbers are all below {@code belowSeq}.
     *
     * @param belowSeq not negative; capped at the tenant's next sequence number
     */
    record PruneWal(long belowSeq) implements TenantCommand {
        public PruneWal {
            if (belowSeq < 0) {
                throw new IllegalArgumentException("below_seq is %d, it cannot be negative".formatted(belowSeq));
            }
        }

        @Override
        public String name() {
            return "prune-wal";
        }
    }

    /** Removes an entity, so that another one has room. */
    record ForgetEntity(EntityKind kind, String id) implements TenantCommand {
        public ForgetEntity {
            if (id.isEmpty() || id.length() > SignalParser.ENTITY_ID_CHARS_MAX || !PlainText.isValid(id)) {
                throw new IllegalArgumentException("id is not a text of 1 to %d characters without control characters"
                        .formatted(SignalParser.ENTITY_ID_CHARS_MAX));
            }
        }

        @Override
        public String name() {
            return "forget-entity";
        }
    }

    /** Removes everything of a tenant except the next sequence number. Its config must be removed first. */
    record DeleteTenant() implements TenantCommand {
        @Override
        public String name() {
            return TidegateHeaders.DELETE_TENANT;
        }
    }

    /** The name in {@code command}, such as {@code prune-wal}. */
    String name();

    default byte[] json() {
        ObjectNode json = Json.MAPPER.createObjectNode().put("command", name());
        if (this instanceof PruneWal prune) {
            json.put("below_seq", prune.belowSeq());
        } else if (this instanceof ForgetEntity forget) {
            json.put("kind", forget.kind().id()).put("id", forget.id());
        }
        return json.toString().getBytes(StandardCharsets.UTF_8);
    }

    /** @throws IllegalArgumentException naming the field and the rule */
    static TenantCommand parse(byte @Nullable [] value) {
        if (value == null || value.length == 0 || value.length > Json.BYTES_MAX) {
            throw new IllegalArgumentException("a command has 1 to %d bytes".formatted(Json.BYTES_MAX));
        }
        JsonNode json = Json.read(value);
        String command = json.path("command").asText();
        return switch (command) {
            case "prune-wal" -> {
                Json.only(json, "command", "below_seq");
                JsonNode below = json.get("below_seq");
                if (below == null || !below.isIntegralNumber() || !below.canConvertToLong()) {
                    throw new IllegalArgumentException("below_seq is not a sequence number");
                }
                yield new PruneWal(below.asLong());
            }
            case "forget-entity" -> {
                Json.only(json, "command", "kind", "id");
                JsonNode id = json.get("id");
                if (id == null || !(id.isTextual() || id.isIntegralNumber())) {
                    throw new IllegalArgumentException("id is not a text or an integer");
                }
                yield new ForgetEntity(Json.kind(json.path("kind").asText()), id.asText());
            }
            case TidegateHeaders.DELETE_TENANT -> {
                Json.only(json, "command");
                yield new DeleteTenant();
            }
            default ->
                throw new IllegalArgumentException("command is not one of prune-wal, forget-entity and delete-tenant");
        };
    }

    /** Reads the JSON strictly: a command that is not understood completely is not executed. */
    final class Json {
        private static final int BYTES_MAX = 16 * 1024;
        private static final JsonMapper MAPPER = JsonMapper.builder()
                .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
                .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
                .build();

        private Json() {}

        private static JsonNode read(byte[] value) {
            try {
                JsonNode json = MAPPER.readTree(value);
                if (json.isObject()) {
                    return json;
                }
            } catch (IOException e) {
                // the parser's message quotes the content
            }
            throw new IllegalArgumentException("the command is not a JSON object");
        }

        private static void only(JsonNode json, String... names) {
            List<String> known = Arrays.asList(names);
            for (Iterator<String> fields = json.fieldNames(); fields.hasNext(); ) {
                if (!known.contains(fields.next())) {
                    throw new IllegalArgumentException("the command has a field that is not one of " + known);
                }
            }
        }

        private static EntityKind kind(String text) {
            EntityKind kind = EntityKind.of(text);
            if (kind == null) {
                throw new IllegalArgumentException("kind is not one of item, user and creator");
            }
            return kind;
        }
    }
}
