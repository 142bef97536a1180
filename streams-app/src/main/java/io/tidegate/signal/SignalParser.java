package io.tidegate.signal;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import io.tidegate.signal.ParseResult.Defective;
import io.tidegate.signal.ParseResult.Parsed;
import io.tidegate.tenant.PlainText;
import io.tidegate.tenant.TenantId;
import io.tidegate.tenant.TenantName;
import java.io.IOException;
import org.jspecify.annotations.Nullable;

/**
 * Reads a signal's value in Tidegate's own format ({@link SignalMapping#DEFAULT}) in one streaming pass, without a tree.
 *
 * <p>The whole document is checked, so that everything in a tenant's WAL is JSON. The fields ({@code tenant_id}, {@code
 * signal}, {@code item}, {@code user}, {@code creator}) are read at the top level only, and each may occur once there:
 * with two {@code tenant_id} two readers could see two tenants. Every allocation is bounded: nesting, lengths of names,
 * numbers and ids.
 *
 * <p>{@link SignalScanner} reads plain values, which are nearly all; the JSON parser reads the rest, and reports every
 * defect.
 *
 * <p>Thread-safe.
 */
public final class SignalParser {
    /** The maximum depth of objects and arrays. */
    public static final int NESTING_MAX = 500;

    /** The maximum length of an entity id, in UTF-16 code units. */
    public static final int ENTITY_ID_CHARS_MAX = 512;

    private final JsonObjects objects = new JsonObjects();

    public ParseResult parse(byte @Nullable [] value) {
        if (value == null) {
            return JsonObjects.malformed("the value is null");
        }
        if (value.length == 0) {
            return JsonObjects.malformed("the value is empty");
        }
        Signal plain = SignalScanner.scan(value);
        if (plain != null) {
            return new Parsed(plain);
        }
        return objects.read(value, SignalParser::readObject);
    }

    private static ParseResult readObject(JsonParser parser) throws IOException {
        TenantId tenantId = null;
        String tenantName = null;
        String type = null;
        String item = null;
        String user = null;
        String creator = null;
        int seen = 0;
        Defective defect = null;
        // Read to the end even after a defect: broken JSON outranks it, regardless of the order of the fields.
        for (String name = parser.nextFieldName(); name != null; name = parser.nextFieldName()) {
            JsonToken token = parser.nextToken();
            Field field = Field.named(name);
            if (field == null) {
                parser.skipChildren();
                continue;
            }
            if ((seen & field.bit) != 0) {
                defect = first(defect, JsonObjects.malformed("the field '" + name + "' occurs more than once"));
            }
            seen |= field.bit;
            switch (field) {
                case TENANT_ID -> {
                    tenantId = token == JsonToken.VALUE_NUMBER_INT ? TenantId.tryParse(parser.getText()) : null;
                    tenantName = token == JsonToken.VALUE_STRING ? TenantName.tryParse(parser.getText()) : null;
                    if (tenantId == null && tenantName == null) {
                        defect = first(
                                defect,
                                new Defective(
                                        Defect.TENANT_INVALID,
                                        "the field 'tenant_id' is neither an integer from 0 to 2^64-1 nor a name"));
                    }
                }
                case SIGNAL -> {
                    if (token != JsonToken.VALUE_STRING && token != JsonToken.VALUE_NULL) {
                        defect = first(defect, JsonObjects.malformed("the field 'signal' is not text"));
                    }
                    type = id(parser, token);
                }
                default -> {
                    String id = id(parser, token);
                    if (id == null && token != JsonToken.VALUE_NULL) {
                        defect = first(
                                defect,
                                JsonObjects.malformed("the field '%s' is not an integer or a text of 1 to %d characters"
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
        return defect != null ? defect : new Parsed(new Signal(tenantId, tenantName, type, item, user, creator));
    }

    /** Returns the text or integer at the parser's position if it can be an id; otherwise null. */
    static @Nullable String id(JsonParser parser, JsonToken token) throws IOException {
        if (token != JsonToken.VALUE_STRING && token != JsonToken.VALUE_NUMBER_INT) {
            return null;
        }
        int length = parser.getTextLength();
        return length == 0 || length > ENTITY_ID_CHARS_MAX ? null : checkedId(parser.getText());
    }

    /** Returns {@code text} if it can be an id; otherwise null. */
    static @Nullable String checkedId(String text) {
        return text.isEmpty() || text.length() > ENTITY_ID_CHARS_MAX || !PlainText.isValid(text) ? null : text;
    }

    private static Defective first(@Nullable Defective earlier, Defective later) {
        return earlier != null ? earlier : later;
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
