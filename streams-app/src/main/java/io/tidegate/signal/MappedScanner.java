package io.tidegate.signal;

import static io.tidegate.signal.SignalScanner.UNSURE;
import static io.tidegate.signal.SignalScanner.blanks;
import static io.tidegate.signal.SignalScanner.byteAt;

import io.tidegate.signal.PointerTree.Node;
import io.tidegate.tenant.TenantId;
import io.tidegate.tenant.TenantRef;
import org.jspecify.annotations.Nullable;

/**
 * A fast path for plain mapped signals, like {@link SignalScanner} for Tidegate's own format. If it is sure, it finds
 * exactly what {@link MappedParser} would find; otherwise it leaves the value to the JSON parser. Pure; thread-safe.
 */
final class MappedScanner {
    private final PointerTree pointers;

    MappedScanner(PointerTree pointers) {
        this.pointers = pointers;
    }

    /** Returns the fields of the value; null if this scanner is not sure. */
    @Nullable
    Finding scan(byte[] value) {
        if (value.length > SignalScanner.BYTES_MAX) {
            return null;
        }
        int at = blanks(value, 0);
        if (byteAt(value, at) != '{') {
            return null;
        }
        Finding finding = new Finding(pointers.size());
        int end = object(value, at, 0, pointers.root(), finding);
        return end != UNSURE && blanks(value, end) == value.length ? finding : null;
    }

    private static int object(byte[] value, int open, int depth, Node node, Finding finding) {
        int at = blanks(value, open + 1);
        if (byteAt(value, at) == '}') {
            return at + 1;
        }
        while (true) {
            int nameEnd = SignalScanner.text(value, at);
            if (nameEnd == UNSURE || nameEnd - at > SignalScanner.NAME_BYTES_MAX) {
                return UNSURE;
            }
            Node child = node.child(value, at + 1, nameEnd);
            at = blanks(value, nameEnd + 1);
            if (byteAt(value, at) != ':') {
                return UNSURE;
            }
            at = blanks(value, at + 1);
            int end = value(value, at, depth, child, finding);
            if (end == UNSURE) {
                return UNSURE;
            }
            at = blanks(value, end);
            int next = byteAt(value, at);
            if (next == '}') {
                return at + 1;
            }
            if (next != ',') {
                return UNSURE;
            }
            at = blanks(value, at + 1);
        }
    }

    /** Returns the end of an array: of ids if its node is read, otherwise of values. */
    private static int array(byte[] value, int open, int depth, Node node, Finding finding) {
        int at = blanks(value, open + 1);
        if (byteAt(value, at) == ']') {
            // Only entities can be a list; a node that is not read has no fields.
            return node.isOfEntities() ? at + 1 : UNSURE;
        }
        for (int index = 0; ; index++) {
            int end = node.isRead()
                    ? scalar(value, at, node, true, finding)
                    : value(value, at, depth, node.child(index), finding);
            if (end == UNSURE) {
                return UNSURE;
            }
            at = blanks(value, end);
            int next = byteAt(value, at);
            if (next == ']') {
                return at + 1;
            }
            if (next != ',') {
                return UNSURE;
            }
            at = blanks(value, at + 1);
        }
    }

    /** Returns the end of the value at {@code at}, whose node is {@code node}. */
    private static int value(byte[] value, int at, int depth, @Nullable Node node, Finding finding) {
        if (node == null) {
            return SignalScanner.value(value, at, depth);
        }
        if (finding.isRepeated(node)) {
            return UNSURE;
        }
        if (node.isRead()) {
            return byteAt(value, at) == '['
                    ? array(value, at, depth, node, finding)
                    : scalar(value, at, node, false, finding);
        }
        return switch (byteAt(value, at)) {
            case '{' -> depth == SignalScanner.DEPTH_MAX ? UNSURE : object(value, at, depth + 1, node, finding);
            case '[' -> depth == SignalScanner.DEPTH_MAX ? UNSURE : array(value, at, depth + 1, node, finding);
            default -> SignalScanner.value(value, at, depth);
        };
    }

    private static int scalar(byte[] value, int at, Node node, boolean inList, Finding finding) {
        int first = byteAt(value, at);
        int from;
        int to;
        int end;
        if (first == '"') {
            from = at + 1;
            to = SignalScanner.text(value, at);
            end = to + 1;
            if (to == UNSURE || to == from || to - from > SignalParser.ENTITY_ID_CHARS_MAX) {
                return UNSURE;
            }
        } else if (first == 'n') {
            from = at;
            to = at;
            end = SignalScanner.literal(value, at, SignalScanner.NULL);
        } else {
            from = at;
            to = SignalScanner.integer(value, at);
            end = to;
        }
        return to != UNSURE && end != UNSURE && found(value, from, to, node, inList, finding) ? end : UNSURE;
    }

    /** @param to equal to {@code from} for null */
    private static boolean found(byte[] value, int from, int to, Node node, boolean inList, Finding finding) {
        String text = null;
        for (SignalField field : node.fields()) {
            if (field == SignalField.TENANT) {
                if (inList || !finding.tenant(tenant(value, from, to))) {
                    return false;
                }
                continue;
            }
            if (inList && !field.isEntity()) {
                return false;
            }
            if (to > from) {
                text = text == null ? SignalScanner.string(value, from, to) : text;
                if (field == SignalField.TYPE) {
                    finding.type(text);
                } else if (!finding.entity(field, text)) {
                    return false;
                }
            }
        }
        return true;
    }

    /** Returns the tenant of a number or a text; null if the parser must decide. */
    private static @Nullable TenantRef tenant(byte[] value, int from, int to) {
        TenantId id = TenantId.tryParse(value, from, to);
        if (id != null) {
            return TenantRef.of(id);
        }
        // Other values than texts are only digits or null here: neither can be a name.
        return to == from ? null : TenantRef.tryParse(SignalScanner.string(value, from, to));
    }
}
