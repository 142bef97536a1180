package io.tidegate.tenant;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.DeserializationContext;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonMappingException;
import com.fasterxml.jackson.databind.MapperFeature;
import com.fasterxml.jackson.databind.ObjectReader;
import com.fasterxml.jackson.databind.ObjectWriter;
import com.fasterxml.jackson.databind.deser.std.FromStringDeserializer;
import com.fasterxml.jackson.databind.exc.UnrecognizedPropertyException;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.module.SimpleModule;
import com.fasterxml.jackson.databind.ser.std.ToStringSerializer;
import java.io.IOException;
import java.time.DateTimeException;
import java.time.Instant;
import java.util.stream.Collectors;

/**
 * {@link TenantConfig} as JSON.
 *
 * <p>Two ways to read, because the two sides differ: what is written through Tidegate is read {@linkplain #parse
 * strictly}, so that a misspelt limit is an error and not "unlimited"; what is already in the topic is read {@linkplain
 * #parseStored leniently}, so that an older instance can run beside a newer one that knows more fields. Neither turns
 * text or fractions into numbers.
 */
public final class TenantConfigJson {
    private static final JsonMapper MAPPER = JsonMapper.builder()
            .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
            .enable(DeserializationFeature.FAIL_ON_READING_DUP_TREE_KEY)
            .enable(DeserializationFeature.FAIL_ON_NUMBERS_FOR_ENUMS)
            .disable(DeserializationFeature.ACCEPT_FLOAT_AS_INT)
            .disable(MapperFeature.ALLOW_COERCION_OF_SCALARS)
            .addModule(new SimpleModule()
                    .addSerializer(Instant.class, ToStringSerializer.instance)
                    .addDeserializer(Instant.class, new InstantDeserializer()))
            .build();
    private static final ObjectReader STRICT = MAPPER.readerFor(TenantConfig.class);
    private static final ObjectReader LENIENT = STRICT.without(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES);
    private static final ObjectWriter WRITER = MAPPER.writerFor(TenantConfig.class);

    private TenantConfigJson() {}

    /**
     * Reads a config that a person or a program wants to write: unknown fields are refused.
     *
     * @throws IllegalArgumentException saying which field breaks which rule
     */
    public static TenantConfig parse(byte[] json) {
        return read(STRICT, json);
    }

    /**
     * Reads a config from the {@code tenant-configs} topic: unknown fields are ignored.
     *
     * @throws IllegalArgumentException saying which field breaks which rule
     */
    public static TenantConfig parseStored(byte[] json) {
        return read(LENIENT, json);
    }

    public static byte[] write(TenantConfig config) {
        try {
            return WRITER.writeValueAsBytes(config);
        } catch (JsonProcessingException e) {
            throw new IllegalStateException("a valid config is always writable", e);
        }
    }

    private static TenantConfig read(ObjectReader reader, byte[] json) {
        try {
            TenantConfig config = reader.readValue(json);
            if (config == null) {
                throw new IllegalArgumentException("config is JSON null, an object is expected");
            }
            return config;
        } catch (UnrecognizedPropertyException e) {
            throw new IllegalArgumentException(
                    "unknown field '%s'; known: %s"
                            .formatted(
                                    e.getPropertyName(),
                                    e.getKnownPropertyIds().stream()
                                            .map(Object::toString)
                                            .sorted()
                                            .collect(Collectors.joining(", "))),
                    e);
        } catch (JsonMappingException e) {
            String field = e.getPath().isEmpty() ? "config" : e.getPath().get(0).getFieldName();
            String rule = e.getCause() instanceof IllegalArgumentException cause
                    ? cause.getMessage()
                    : firstLine(e.getOriginalMessage());
            throw new IllegalArgumentException("%s: %s".formatted(field, rule), e);
        } catch (JsonProcessingException e) {
            throw new IllegalArgumentException("not JSON: " + firstLine(e.getOriginalMessage()), e);
        } catch (IOException e) {
            throw new IllegalArgumentException("not JSON: " + firstLine(e.getMessage()), e);
        }
    }

    private static String firstLine(String text) {
        int end = text.indexOf('\n');
        return end < 0 ? text : text.substring(0, end);
    }

    private static final class InstantDeserializer extends FromStringDeserializer<Instant> {
        private static final long serialVersionUID = 1L;

        InstantDeserializer() {
            super(Instant.class);
        }

        @Override
        public Instant deserialize(JsonParser parser, DeserializationContext context) throws IOException {
            if (!parser.hasToken(JsonToken.VALUE_STRING)) {
                throw JsonMappingException.from(parser, "an ISO time such as 2026-01-31T12:00:00Z is expected");
            }
            // Not through the parent, which takes empty text for null: that would unblock a tenant.
            return _deserialize(parser.getText(), context);
        }

        @Override
        protected Instant _deserialize(String text, DeserializationContext context) throws IOException {
            try {
                return Instant.parse(text);
            } catch (DateTimeException e) {
                throw JsonMappingException.from(
                        context, "'" + text + "' is not an ISO time such as 2026-01-31T12:00:00Z", e);
            }
        }
    }
}
