package io.tidegate.signal;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.exc.StreamConstraintsException;
import io.tidegate.signal.ParseResult.Defective;
import io.tidegate.signal.ParseResult.Parsed;
import io.tidegate.tenant.TenantId;
import java.io.IOException;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Reads a signal's value in one streaming pass, without a tree.
 *
 * <p>The whole document is checked, so that what reaches a tenant's WAL is JSON. The read fields ({@code tenant_id},
 * {@code signal}, {@code item}, {@code user}, {@code creator}) count at the top level only, and each may stand there
 * once: with two {@code tenant_id} two readers could see two tenants. Every allocation is bounded: nesting, lengths of
 * names, numbers and ids.
 *
 * <p>Plain values, nearly all, are read by {@link SignalScanner}; the JSON parser has the rest, and every refusal.
 *
 * <p>Thread-safe.
 */
public final class SignalParser {
    /** Objects and arrays inside one another. */
    public static final int NESTING_MAX = 500;

    /** UTF-16 code units of an entity id. */
    public static final int ENTITY_ID_CHARS_MAX = 512;

    private static final String NOT_JSON = "the value is not valid JSON in UTF-8";
    private static final Defective NOT_READABLE = malformed(NOT_JSON);
    private static final byte[] BYTE_ORDER_MARK = {(byte) 0xEF, (byte) 0xBB, (byte) 0xBF};
    private static final int NUMBER_CHARS_MAX = 1_000;
    private static final int NAME_CHARS_MAX = 50_000;

    private final JsonFactory json = JsonFactory.builder()
            .streamReadConstraints(StreamReadConstraints.builder()
                    .maxNestingDepth(NESTING_MAX)
                    .maxNumberLength(NUMBER_CHARS_MAX)
                    .maxNameLength(NAME_CHARS_MAX)
                    .build())
            // Names are hostile input: not to be kept for the life of the process, nor to fail for how they hash. (The
            // table of names itself is bounded; without it Jackson would decode the bytes first, which is slower.)
            .disable(JsonFactory.Feature.INTERN_FIELD_NAMES)
            .disable(JsonFactory.Feature.FAIL_ON_SYMBOL_HASH_OVERFLOW)
            .build();

    public ParseResult parse(byte @Nullable [] value) {
        if (value == null) {
            return malformed("the value is null");
        }
        if (value.length == 0) {
            return malformed("the value is empty");
        }
        Signal plain = SignalScanner.scan(value);
        if (plain != null) {
            return new Parsed(plain);
        }
        if (!Utf8.isText(value)) {
            return malformed(NOT_JSON);
        }
        if (startsWith(value, BYTE_ORDER_MARK)) {
            // Jackson skips it, but it is not part of JSON (RFC 8259), and other readers reject it.
            return malformed("the value begins with a byte order mark");
        }
        ParseResult result = read(value);
        byte[] readable = result.equals(NOT_READABLE) ? LoneSurrogates.replacedInNames(value) : null;
        return readable == null ? result : read(readable);
    }

    private ParseResult read(byte[] value) {
        try (JsonParser parser = json.createParser(value)) {
            if (parser.nextToken() != JsonToken.START_OBJECT) {
                return malformed("the value is not a JSON object");
            }
            return readObject(parser);
        } catch (StreamConstraintsException e) {
            return malformed("the value exceeds a limit: nesting of %d, names of %d or numbers of %d characters"
                    .formatted(NESTING_MAX, NAME_CHARS_MAX, NUMBER_CHARS_MAX));
        } catch (IOException e) {
            // The parser's own message quotes the content, which must not reach headers or logs.
            return NOT_READABLE;
        }
    }

    private static boolean startsWith(byte[] value, byte[] prefix) {
        return value.length >= prefix.length && Arrays.equals(value, 0, prefix.length, prefix, 0, prefix.length);
    }

    private static ParseResult readObject(JsonParser parser) throws IOException {
        TenantId tenantId = null;
        String item = null;
        String user = null;
        String creator = null;
        int seen = 0;
        Defective defect = null;
        // Read to the end even after a defect: broken JSON outranks it, whatever the order of the fields.
        for (String name = parser.nextFieldName(); name != null; name = parser.nextFieldName()) {
            JsonToken token = parser.nextToken();
            Field field = Field.named(name);
            if (field == null) {
                parser.skipChildren();
                continue;
            }
            if ((seen & field.bit) != 0) {
                defect = first(defect, malformed("the field '" + name + "' stands more than once"));
            }
            seen |= field.bit;
            switch (field) {
                case TENANT_ID -> {
                    tenantId = token == JsonToken.VALUE_NUMBER_INT ? TenantId.tryParse(parser.getText()) : null;
                    if (tenantId == null) {
                        defect = first(
                                defect,
                                new Defective(
                                        Defect.TENANT_INVALID,
                                        "the field 'tenant_id' is not an integer from 0 to 2^64-1"));
                    }
                }
                case SIGNAL -> {
                    if (token != JsonToken.VALUE_STRING && token != JsonToken.VALUE_NULL) {
                        defect = first(defect, malformed("the field 'signal' is not text"));
                    }
                }
                default -> {
                    String id = entityId(parser, token);
                    if (id == null && token != JsonToken.VALUE_NULL) {
                        defect = first(
                                defect,
                                malformed("the field '%s' is not an integer or a text, of 1 to %d characters each,"
                                                .formatted(name, ENTITY_ID_CHARS_MAX)
                                        + " without control characters"));
                    }
                    switch (field) {
                        case ITEM -> item = id;
                        case USER -> user = id;
                        default -> creator = id;
                    }
                }
            }
            parser.skipChildren();
        }
        if (parser.nextToken() != null) {
            return malformed("something follows the JSON object");
        }
        return defect != null ? defect : new Parsed(new Signal(tenantId, item, user, creator));
    }

    private static @Nullable String entityId(JsonParser parser, JsonToken token) throws IOException {
        if (token != JsonToken.VALUE_STRING && token != JsonToken.VALUE_NUMBER_INT) {
            return null;
        }
        int length = parser.getTextLength();
        if (length == 0 || length > ENTITY_ID_CHARS_MAX) {
            return null;
        }
        String id = parser.getText();
        for (int i = 0; i < length; i++) {
            if (Character.isISOControl(id.charAt(i))) {
                return null;
            }
        }
        return id;
    }

    private static Defective first(@Nullable Defective earlier, Defective later) {
        return earlier != null ? earlier : later;
    }

    private static Defective malformed(String message) {
        return new Defective(Defect.MALFORMED, message);
    }

    private enum Field {
        TENANT_ID,
        SIGNAL,
        ITEM,
        USER,
        CREATOR;

        final int bit = 1 << ordinal();

        static @Nullable Field named(String name) {
            return switch (name) {
                case "tenant_id" -> TENANT_ID;
                case "signal" -> SIGNAL;
                case "item" -> ITEM;
                case "user" -> USER;
                case "creator" -> CREATOR;
                default -> null;
            };
        }
    }
}
