package io.tidegate.signal;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import io.tidegate.signal.PointerTree.Node;
import io.tidegate.tenant.TenantId;
import io.tidegate.tenant.TenantRef;
import java.io.IOException;
import org.jspecify.annotations.Nullable;

/**
 * Reads the fields that pointers name in a JSON object, in one streaming pass, without a tree.
 *
 * <p>The whole document is checked. No name on the path to a field may be repeated: with two, two readers could see two
 * tenants. {@link MappedScanner} reads plain values, which are nearly all; the JSON parser reads the rest, and reports
 * every defect. Thread-safe.
 */
final class MappedParser {
    private final PointerTree pointers;
    private final MappedScanner scanner;
    private final JsonObjects objects = new JsonObjects();

    MappedParser(PointerTree pointers) {
        this.pointers = pointers;
        this.scanner = new MappedScanner(pointers);
    }

    /** Reads a value; the result has the fields found, or the defect. */
    Finding parse(byte @Nullable [] value) {
        Finding plain = value == null || value.length == 0 ? null : scanner.scan(value);
        if (plain != null) {
            return plain;
        }
        Finding finding = new Finding(pointers.size());
        if (value == null) {
            finding.defect(Defect.MALFORMED, "the value is null");
        } else if (value.length == 0) {
            finding.defect(Defect.MALFORMED, "the value is empty");
        } else {
            return document(value);
        }
        return finding;
    }

    /** Reads a value with the JSON parser only. */
    Finding document(byte[] value) {
        Finding[] last = {new Finding(pointers.size())};
        ParseResult result = objects.read(value, parser -> {
            // A new object each time, because the value may be read twice.
            last[0] = new Finding(pointers.size());
            object(parser, pointers.root(), last[0]);
            return last[0].result();
        });
        if (result instanceof ParseResult.Defective bad) {
            // Broken JSON outranks the defect of a field, regardless of their order.
            Finding broken = new Finding(0);
            broken.defect(bad.defect(), bad.message());
            return broken;
        }
        return last[0];
    }

    private void object(JsonParser parser, Node node, Finding finding) throws IOException {
        for (String name = parser.nextFieldName(); name != null; name = parser.nextFieldName()) {
            JsonToken token = parser.nextToken();
            value(parser, token, node.child(name), finding);
        }
    }

    private void array(JsonParser parser, Node node, Finding finding) throws IOException {
        int index = 0;
        for (JsonToken token = parser.nextToken(); token != JsonToken.END_ARRAY; token = parser.nextToken()) {
            value(parser, token, node.child(index++), finding);
        }
    }

    private void value(JsonParser parser, JsonToken token, @Nullable Node node, Finding finding) throws IOException {
        if (node == null) {
            parser.skipChildren();
            return;
        }
        if (finding.isRepeated(node)) {
            finding.defect(Defect.MALFORMED, "the field '%s' occurs more than once".formatted(node.path));
        }
        if (node.isRead()) {
            read(parser, token, node, finding);
        } else if (token == JsonToken.START_OBJECT) {
            object(parser, node, finding);
        } else if (token == JsonToken.START_ARRAY) {
            array(parser, node, finding);
        }
    }

    private static void read(JsonParser parser, JsonToken token, Node node, Finding finding) throws IOException {
        boolean isList = token == JsonToken.START_ARRAY;
        for (SignalField field : node.fields()) {
            switch (field) {
                case TENANT -> tenant(parser, token, node, finding);
                case TYPE -> type(parser, token, node, finding);
                default -> {
                    if (!isList) {
                        entity(parser, token, node, field, finding);
                    }
                }
            }
        }
        if (!isList) {
            parser.skipChildren();
            return;
        }
        for (JsonToken next = parser.nextToken(); next != JsonToken.END_ARRAY; next = parser.nextToken()) {
            for (SignalField field : node.fields()) {
                if (field.isEntity()) {
                    entity(parser, next, node, field, finding);
                }
            }
            parser.skipChildren();
        }
    }

    private static void tenant(JsonParser parser, JsonToken token, Node node, Finding finding) throws IOException {
        TenantRef ref = null;
        if (token == JsonToken.VALUE_STRING) {
            ref = TenantRef.tryParse(parser.getText());
        } else if (token == JsonToken.VALUE_NUMBER_INT) {
            TenantId id = TenantId.tryParse(parser.getText());
            ref = id == null ? null : TenantRef.of(id);
        }
        finding.tenant(node, ref);
    }

    private static void type(JsonParser parser, JsonToken token, Node node, Finding finding) throws IOException {
        boolean isScalar =
                token == JsonToken.VALUE_STRING || token == JsonToken.VALUE_NUMBER_INT || token == JsonToken.VALUE_NULL;
        finding.type(node, isScalar, SignalParser.id(parser, token));
    }

    private static void entity(JsonParser parser, JsonToken token, Node node, SignalField field, Finding finding)
            throws IOException {
        if (token == JsonToken.VALUE_NULL) {
            return;
        }
        finding.entity(node, field, SignalParser.id(parser, token));
    }
}
