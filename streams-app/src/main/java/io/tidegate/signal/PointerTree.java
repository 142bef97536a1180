package io.tidegate.signal;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.tidegate.signal.FieldSource.Pointer;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * The pointers of a mapping as a tree of names, so that one pass over a value finds all of them. A node is either read
 * (a leaf), or leads to other nodes. Bounded by the mapping's sources × {@link FieldSource#DEPTH_MAX}. Immutable once
 * built; thread-safe.
 */
final class PointerTree {
    /** A name; in an array, also an index. */
    static final class Node {
        private static final Node[] NO_NODES = {};
        private static final SignalField[] NO_FIELDS = {};

        /** Its number in the tree. */
        final int number;

        /** The pointer as text, for messages. */
        final String path;

        private final String name;
        private final byte[] utf8;
        private final long head;
        private final int index;
        private Node[] children = NO_NODES;
        private SignalField[] fields = NO_FIELDS;

        private Node(int number, String path, String name) {
            this.number = number;
            this.path = path;
            this.name = name;
            this.utf8 = name.getBytes(UTF_8);
            this.head = SignalScanner.head(utf8, 0, utf8.length);
            this.index = index(name);
        }

        /** The fields that are read here, which must not be changed; empty if the node only leads to others. */
        SignalField[] fields() {
            return fields;
        }

        boolean isRead() {
            return fields.length > 0;
        }

        /** Whether all fields that are read here are entities. */
        boolean isOfEntities() {
            for (SignalField field : fields) {
                if (!field.isEntity()) {
                    return false;
                }
            }
            return true;
        }

        @Nullable
        Node child(String childName) {
            for (Node child : children) {
                if (child.name.equals(childName)) {
                    return child;
                }
            }
            return null;
        }

        /** Returns the child with these bytes as its name. */
        @Nullable
        Node child(byte[] value, int from, int to) {
            if (children.length == 0) {
                return null;
            }
            long valueHead = SignalScanner.head(value, from, to);
            for (Node child : children) {
                if (child.head == valueHead && child.utf8.length == to - from && child.endsAs(value, from)) {
                    return child;
                }
            }
            return null;
        }

        /** Returns the child for this element of an array. */
        @Nullable
        Node child(int elementIndex) {
            for (Node child : children) {
                if (child.index == elementIndex) {
                    return child;
                }
            }
            return null;
        }

        /** Whether the bytes after the first eight are the same. */
        private boolean endsAs(byte[] value, int from) {
            // A few bytes: a loop is faster than the JDK's comparison of ranges, which is optimized for long ones.
            for (int i = Long.BYTES; i < utf8.length; i++) {
                if (value[from + i] != utf8[i]) {
                    return false;
                }
            }
            return true;
        }

        /** Returns the index that a name denotes in an array, in canonical decimal; -1 if it is not an index. */
        private static int index(String name) {
            int digits = name.length();
            if (digits == 0 || digits > INDEX_DIGITS_MAX || (digits > 1 && name.charAt(0) == '0')) {
                return -1;
            }
            for (int i = 0; i < digits; i++) {
                if (name.charAt(i) < '0' || name.charAt(i) > '9') {
                    return -1;
                }
            }
            return Integer.parseInt(name);
        }
    }

    /** Values are smaller than 10^9 bytes, so no array has more elements. */
    private static final int INDEX_DIGITS_MAX = 9;

    private final Node root = new Node(0, "", "");
    private int nodes = 1;

    PointerTree(SignalMapping mapping) {
        for (SignalField field : SignalField.values()) {
            for (FieldSource source : mapping.of(field)) {
                if (source instanceof Pointer pointer) {
                    add(pointer, field);
                }
            }
        }
    }

    private void add(Pointer pointer, SignalField field) {
        Node node = root;
        String path = "";
        for (String token : pointer.tokens()) {
            path += "/" + token.replace("~", "~0").replace("/", "~1");
            Node child = node.child(token);
            if (child == null) {
                child = new Node(nodes++, path, token);
                node.children = Arrays.copyOf(node.children, node.children.length + 1);
                node.children[node.children.length - 1] = child;
            }
            node = child;
        }
        node.fields = Arrays.copyOf(node.fields, node.fields.length + 1);
        node.fields[node.fields.length - 1] = field;
    }

    Node root() {
        return root;
    }

    /** Returns the number of nodes, which is one more than the largest node number. */
    int size() {
        return nodes;
    }
}
