package io.tidegate.tenant;

import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.DeserializationContext;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonMappingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.MapperFeature;
import com.fasterxml.jackson.databind.ObjectReader;
import com.fasterxml.jackson.databind.ObjectWriter;
import com.fasterxml.jackson.databind.SerializerProvider;
import com.fasterxml.jackson.databind.cfg.CoercionAction;
import com.fasterxml.jackson.databind.cfg.CoercionInputShape;
import com.fasterxml.jackson.databind.deser.std.StdDeserializer;
import com.fasterxml.jackson.databind.exc.ValueInstantiationException;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.module.SimpleModule;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.databind.ser.std.StdSerializer;
import com.fasterxml.jackson.databind.ser.std.ToStringSerializer;
import com.fasterxml.jackson.databind.type.LogicalType;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * {@link TenantConfig} as JSON.
 *
 * <p>There are two ways to read. A config that is written through Tidegate is read {@linkplain #parse strictly}, so
 * that a misspelt limit is an error and not "unlimited". A config that is already in the topic is read {@linkplain
 * #parseStored leniently}, so that an older instance can run beside a newer one that knows more fields. Neither turns
 * text or fractions into numbers, or numbers into text or modes.
 */
public final class TenantConfigJson {
    private static final JsonMapper MAPPER = JsonMapper.builder()
            .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
            .enable(DeserializationFeature.FAIL_ON_READING_DUP_TREE_KEY)
            .disable(DeserializationFeature.ACCEPT_FLOAT_AS_INT)
            .disable(MapperFeature.ALLOW_COERCION_OF_SCALARS)
            .enable(DeserializationFeature.FAIL_ON_NUMBERS_FOR_ENUMS)
            .withCoercionConfig(
                    LogicalType.Textual,
                    text -> text.setCoercion(CoercionInputShape.Integer, CoercionAction.Fail)
                            .setCoercion(CoercionInputShape.Float, CoercionAction.Fail)
                            .setCoercion(CoercionInputShape.Boolean, CoercionAction.Fail))
            .addModule(new SimpleModule()
                    .addSerializer(Instant.class, ToStringSerializer.instance)
                    .addDeserializer(Instant.class, new InstantDeserializer())
                    .addSerializer(Duration.class, new DurationSerializer())
                    .addDeserializer(Duration.class, new DurationDeserializer())
                    .addSerializer(Ceiling.class, new CeilingSerializer())
                    .addDeserializer(Ceiling.class, new CeilingDeserializer()))
            .build();
    private static final List<String> NOT_OF_PLANS = List.of("tenant_id", "plan", "external_ids");
    private static final String UNLIMITED = "unlimited";
    private static final String CEILING = "ceiling";
    private static final List<String> NOT_OF_TENANTS = List.of(CEILING);
    private static final List<String> MAY_SAY_UNLIMITED = Stream.concat(
                    TenantConfig.LIMITS.stream(), Stream.of(TenantConfig.ENTITY_IDLE_TTL))
            .toList();
    private static final byte[] UNLIMITED_TEXT = "\"unlimited\"".getBytes(StandardCharsets.US_ASCII);
    private static final ObjectReader STRICT = MAPPER.readerFor(TenantConfig.class);
    private static final ObjectReader LENIENT = STRICT.without(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES);
    private static final ObjectWriter WRITER = MAPPER.writerFor(TenantConfig.class);

    private TenantConfigJson() {}

    /**
     * Reads a config that a person or a program wants to write: unknown fields are rejected.
     *
     * @throws IllegalArgumentException naming the field and the violated rule
     */
    public static TenantConfig parse(byte[] json) {
        TenantConfig config = read(STRICT, withUnlimitedListed(json), NOT_OF_TENANTS);
        if (config.ceiling() != null) {
            throw new IllegalArgumentException("ceiling: is a field of plans, not of tenants");
        }
        return config;
    }

    /**
     * Reads a config from the {@code tenant-configs} topic: unknown fields are ignored.
     *
     * @throws IllegalArgumentException naming the field and the violated rule
     */
    public static TenantConfig parseStored(byte[] json) {
        return read(LENIENT, withKnownUnlimited(json), NOT_OF_TENANTS);
    }

    /** Leaves out limits of {@code unlimited} that only a newer build knows. */
    private static byte[] withKnownUnlimited(byte[] json) {
        return whereUnlimited(json, config -> {
            if (!(config.path(UNLIMITED) instanceof ArrayNode listed)) {
                return false;
            }
            listed.removeIf(name -> !LimitRules.isUnlimited(name.asText()));
            return true;
        });
    }

    /**
     * Applies a merge patch (RFC 7396) to a config: a value replaces the field, null removes it, and fields inside an
     * object are replaced one by one. A limit that gets a value is no longer unlimited.
     *
     * @throws IllegalArgumentException naming the field and the violated rule
     */
    public static TenantConfig patched(TenantConfig base, ObjectNode patch) {
        ObjectNode merged = MAPPER.valueToTree(base);
        List<String> unlimited =
                base.unlimited().stream().filter(field -> !patch.has(field)).toList();
        merged.set(UNLIMITED, MAPPER.valueToTree(unlimited));
        merge(merged, patch);
        return parse(bytes(merged));
    }

    /**
     * Applies a merge patch to a plan.
     *
     * @throws IllegalArgumentException naming the field and the violated rule
     */
    public static Plan patchedPlan(String name, TenantConfig base, ObjectNode patch) {
        ObjectNode merged = MAPPER.valueToTree(base);
        merged.remove(NOT_OF_PLANS);
        merge(merged, patch);
        if (!patch.path(CEILING).isEmpty() && merged.path(CEILING) instanceof ObjectNode ceiling) {
            ceiling.removeIf(limit -> limit.isNull() || (limit.isContainerNode() && limit.isEmpty()));
            if (ceiling.isEmpty()) {
                merged.remove(CEILING); // all its limits were removed
            }
        }
        return parsePlan(name, bytes(merged));
    }

    private static void merge(ObjectNode target, ObjectNode patch) {
        patch.properties().forEach(field -> {
            if (field.getValue() instanceof ObjectNode inner) {
                ObjectNode within = target.get(field.getKey()) instanceof ObjectNode object
                        ? object
                        : target.putObject(field.getKey());
                merge(within, inner);
            } else if (field.getValue().isNull()) {
                target.remove(field.getKey());
            } else {
                target.set(field.getKey(), field.getValue());
            }
        });
    }

    /** Moves limits with the text "unlimited" to the list {@code unlimited}, which older builds ignore. */
    private static byte[] withUnlimitedListed(byte[] json) {
        return whereUnlimited(json, config -> {
            JsonNode listed = config.path(UNLIMITED);
            if (!(listed.isMissingNode() || listed.isNull() || listed.isArray())) {
                return false;
            }
            ArrayNode unlimited = MAPPER.createArrayNode();
            listed.forEach(unlimited::add);
            for (String field : MAY_SAY_UNLIMITED) {
                if (config.path(field).isTextual()
                        && config.path(field).asText().equals(UNLIMITED)) {
                    config.remove(field);
                    unlimited.add(field);
                }
            }
            config.set(UNLIMITED, unlimited);
            return true;
        });
    }

    /**
     * Changes an object that has the text "unlimited".
     *
     * @param change returns false to leave the bytes as they are; the reader reports what is wrong with them
     */
    private static byte[] whereUnlimited(byte[] json, Predicate<ObjectNode> change) {
        if (!contains(json, UNLIMITED_TEXT)) {
            return json;
        }
        try {
            return MAPPER.readTree(json) instanceof ObjectNode config && change.test(config) ? bytes(config) : json;
        } catch (IOException e) {
            return json;
        }
    }

    private static boolean contains(byte[] bytes, byte[] part) {
        for (int at = 0; at + part.length <= bytes.length; at++) {
            if (Arrays.equals(bytes, at, at + part.length, part, 0, part.length)) {
                return true;
            }
        }
        return false;
    }

    private static byte[] bytes(JsonNode tree) {
        try {
            return MAPPER.writeValueAsBytes(tree);
        } catch (JsonProcessingException e) {
            throw new IllegalStateException("a tree is always writable", e);
        }
    }

    public static byte[] write(TenantConfig config) {
        try {
            return WRITER.writeValueAsBytes(config);
        } catch (JsonProcessingException e) {
            throw new IllegalStateException("a valid config is always writable", e);
        }
    }

    /**
     * Reads a plan that a person or a program wants to write: unknown fields are rejected.
     *
     * @throws IllegalArgumentException naming the field and the violated rule
     */
    public static Plan parsePlan(String name, byte[] json) {
        return readPlan(STRICT, name, json);
    }

    /**
     * Reads a plan from the {@code tenant-configs} topic: unknown fields are ignored.
     *
     * @throws IllegalArgumentException naming the field and the violated rule
     */
    public static Plan parseStoredPlan(String name, byte[] json) {
        return readPlan(LENIENT, name, json);
    }

    /** Writes the fields of a plan, without the fields that only tenants have. */
    public static byte[] writePlan(TenantConfig fields) {
        try {
            ObjectNode tree = MAPPER.valueToTree(fields);
            tree.remove(NOT_OF_PLANS);
            return MAPPER.writeValueAsBytes(tree);
        } catch (JsonProcessingException e) {
            throw new IllegalStateException("a valid plan is always writable", e);
        }
    }

    /** Returns the fields in which two configs differ, by their names in JSON. */
    static List<String> difference(TenantConfig one, TenantConfig other) {
        ObjectNode first = MAPPER.valueToTree(one);
        ObjectNode second = MAPPER.valueToTree(other);
        Set<String> names = new TreeSet<>();
        first.fieldNames().forEachRemaining(names::add);
        second.fieldNames().forEachRemaining(names::add);
        return names.stream()
                .filter(name -> !first.path(name).equals(second.path(name)))
                .toList();
    }

    /**
     * Returns the fields that a config sets, including those set to unlimited, by their names in JSON; a plan supplies
     * the others.
     */
    public static Set<String> fieldsSet(TenantConfig config) {
        Set<String> names = new TreeSet<>(config.unlimited());
        MAPPER.valueToTree(config).properties().forEach(field -> {
            JsonNode value = field.getValue();
            boolean empty = value.isNull()
                    || (value.isContainerNode() && value.isEmpty())
                    || (value.isTextual() && value.asText().isEmpty());
            if (!empty) {
                names.add(field.getKey());
            }
        });
        return names;
    }

    private static Plan readPlan(ObjectReader reader, String name, byte[] json) {
        try {
            if (!(MAPPER.readTree(json) instanceof ObjectNode tree)) {
                throw new IllegalArgumentException("a plan is an object in { }");
            }
            for (String field : NOT_OF_PLANS) {
                if (tree.has(field)) {
                    throw new IllegalArgumentException(field + ": is not a field of a plan");
                }
            }
            tree.put("tenant_id", 0);
            byte[] named = bytes(tree);
            return new Plan(name, read(reader, reader == STRICT ? withUnlimitedListed(named) : named, NOT_OF_PLANS));
        } catch (IOException e) {
            throw new IllegalArgumentException("plan '%s': %s".formatted(name, JsonFaults.describe(e)), e);
        } catch (IllegalArgumentException e) {
            // The messages name tenant 0 as the owner of the config, which is wrong here.
            String rule = String.valueOf(e.getMessage()).replace(TenantId.DEFAULT + ": ", "");
            throw new IllegalArgumentException("plan '%s': %s".formatted(name, rule), e);
        }
    }

    private static TenantConfig read(ObjectReader reader, byte[] json, List<String> excluded) {
        try (JsonParser parser = reader.createParser(json)) {
            return read(reader, parser, excluded);
        } catch (IOException e) {
            throw new IllegalArgumentException(JsonFaults.describe(e, excluded), e);
        }
    }

    /** Reads a config. The parser must stay open while a failure is described, because it knows the wrong value. */
    private static TenantConfig read(ObjectReader reader, JsonParser parser, List<String> excluded) {
        try {
            TenantConfig config = reader.readValue(parser);
            if (config == null) {
                throw new IllegalArgumentException("config is JSON null, an object is expected");
            }
            return config;
        } catch (IOException e) {
            throw new IllegalArgumentException(JsonFaults.describe(e, excluded), e);
        }
    }

    private static final class CeilingSerializer extends StdSerializer<Ceiling> {
        private static final long serialVersionUID = 1L;

        CeilingSerializer() {
            super(Ceiling.class);
        }

        /** Writes only the limits that the ceiling names. */
        @Override
        public void serialize(Ceiling ceiling, JsonGenerator out, SerializerProvider provider) throws IOException {
            ObjectNode tree = MAPPER.valueToTree(ceiling.limits());
            Set<String> set = fieldsSet(ceiling.limits());
            tree.retain(TenantConfig.LIMITS.stream().filter(set::contains).toList());
            out.writeTree(tree);
        }
    }

    private static final class CeilingDeserializer extends StdDeserializer<Ceiling> {
        private static final long serialVersionUID = 1L;

        CeilingDeserializer() {
            super(Ceiling.class);
        }

        @Override
        public @Nullable Ceiling deserialize(JsonParser parser, DeserializationContext context) throws IOException {
            JsonNode json = context.readTree(parser);
            if (!(json instanceof ObjectNode tree)) {
                throw JsonMappingException.from(parser, "an object with limits is expected");
            }
            boolean strict = context.isEnabled(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES);
            List<String> names = new ArrayList<>();
            tree.fieldNames().forEachRemaining(names::add);
            for (String name : names) {
                if (!TenantConfig.LIMITS.contains(name)) {
                    if (strict) {
                        throw JsonMappingException.from(
                                parser,
                                "'%s' is not a limit; limits: %s"
                                        .formatted(JsonFaults.quoted(name), String.join(", ", TenantConfig.LIMITS)));
                    }
                    tree.remove(name);
                }
            }
            if (!strict && !names.isEmpty() && tree.isEmpty()) {
                return null; // a ceiling of limits that only a newer build knows
            }
            tree.put("tenant_id", 0);
            try {
                return new Ceiling(context.readTreeAsValue(tree, TenantConfig.class));
            } catch (ValueInstantiationException e) {
                throw JsonMappingException.from(parser, rule(e.getCause() == null ? e : e.getCause()));
            } catch (IllegalArgumentException e) {
                throw JsonMappingException.from(parser, rule(e));
            }
        }

        /** Returns the message without the owner's name: a ceiling has no owner. */
        private static String rule(Throwable broken) {
            return String.valueOf(broken.getMessage())
                    .replace(TenantId.DEFAULT + ": ", "")
                    .replace(CEILING + ": ", "");
        }
    }

    private static final class InstantDeserializer extends StdDeserializer<Instant> {
        private static final long serialVersionUID = 1L;

        InstantDeserializer() {
            super(Instant.class);
        }

        @Override
        public Instant deserialize(JsonParser parser, DeserializationContext context) throws IOException {
            if (parser.currentToken() != JsonToken.VALUE_STRING) {
                throw JsonMappingException.from(parser, "an ISO time such as 2026-01-31T12:00:00Z is expected");
            }
            // Blank text is invalid too: read as null, it would unblock the tenant.
            String text = parser.getText();
            try {
                return Instant.parse(text);
            } catch (DateTimeException e) {
                throw JsonMappingException.from(
                        parser,
                        "'%s' is not an ISO time such as 2026-01-31T12:00:00Z".formatted(JsonFaults.quoted(text)));
            }
        }
    }

    private static final class DurationSerializer extends StdSerializer<Duration> {
        private static final long serialVersionUID = 1L;

        DurationSerializer() {
            super(Duration.class);
        }

        @Override
        public void serialize(Duration value, JsonGenerator out, SerializerProvider provider) throws IOException {
            out.writeString(IdleTtl.text(value));
        }
    }

    private static final class DurationDeserializer extends StdDeserializer<Duration> {
        private static final long serialVersionUID = 1L;

        DurationDeserializer() {
            super(Duration.class);
        }

        @Override
        public Duration deserialize(JsonParser parser, DeserializationContext context) throws IOException {
            if (parser.currentToken() != JsonToken.VALUE_STRING) {
                throw JsonMappingException.from(parser, IdleTtl.RULE + " in quotes is expected");
            }
            try {
                return IdleTtl.parse(parser.getText());
            } catch (IllegalArgumentException e) {
                throw JsonMappingException.from(parser, e.getMessage());
            }
        }
    }
}
