package io.tidegate.signal;

import io.tidegate.signal.ParseResult.Defective;
import io.tidegate.signal.ParseResult.Parsed;
import io.tidegate.signal.PointerTree.Node;
import io.tidegate.tenant.TenantRef;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** The fields of one signal found so far, and its first defect. Not thread-safe; one instance per signal. */
final class Finding {
    /** Up to this many ids of one kind, each is compared with all others. */
    private static final int COMPARED_MAX = 8;

    private static final int KINDS = 3;

    private final int nodes;
    /**
     * A bit for each of the first nodes that was visited. The bits of further nodes, which mappings rarely have, are in
     * an array.
     */
    private long seen;

    private long @Nullable [] seenMore;
    private final @Nullable String[] first = new String[KINDS];
    private Ids @Nullable [] more;
    private @Nullable TenantRef tenant;
    private @Nullable String type;
    private @Nullable Defective defect;
    private int entities;

    /** The distinct ids of one kind. */
    private static final class Ids {
        private final List<String> list = new ArrayList<>();
        private @Nullable Set<String> set;

        boolean add(String id) {
            if (set == null && list.size() == COMPARED_MAX) {
                set = new HashSet<>(list);
            }
            boolean isNew = set == null ? !list.contains(id) : set.add(id);
            if (isNew) {
                list.add(id);
            }
            return isNew;
        }
    }

    /** @param nodes the number of nodes in the tree of pointers */
    Finding(int nodes) {
        this.nodes = nodes;
    }

    /** Whether the place has been visited before. If it had two values, two readers could see two signals. */
    boolean isRepeated(Node node) {
        long bit = 1L << node.number;
        if (node.number < Long.SIZE) {
            boolean repeated = (seen & bit) != 0;
            seen |= bit;
            return repeated;
        }
        if (seenMore == null) {
            seenMore = new long[nodes / Long.SIZE];
        }
        int word = node.number / Long.SIZE - 1;
        boolean repeated = (seenMore[word] & bit) != 0;
        seenMore[word] |= bit;
        return repeated;
    }

    /**
     * Notes how the signal refers to its tenant; returns false if it also refers to another one, or if the reference is
     * invalid (null).
     */
    boolean tenant(@Nullable TenantRef ref) {
        if (ref == null || (tenant != null && !tenant.equals(ref))) {
            return false;
        }
        tenant = ref;
        return true;
    }

    /** Notes the tenant that a field names; null if the field is invalid. */
    void tenant(Node node, @Nullable TenantRef ref) {
        if (!tenant(ref)) {
            tenantDefect("field '%s'".formatted(node.path), ref);
        }
    }

    /** Notes the tenant that another place than the value names; null if the place is invalid. */
    void tenant(FieldSource source, @Nullable TenantRef ref) {
        if (!tenant(ref)) {
            tenantDefect(source.place(), ref);
        }
    }

    private void tenantDefect(String place, @Nullable TenantRef ref) {
        defect(
                Defect.TENANT_INVALID,
                ref == null
                        ? "the %s does not name a tenant: %s".formatted(place, SignalReader.TENANT_EXPECTED)
                        : "the %s names a second tenant".formatted(place));
    }

    void type(@Nullable String text) {
        type = text;
    }

    /** @param isScalar whether the field is a text, an integer or null */
    void type(Node node, boolean isScalar, @Nullable String id) {
        if (!isScalar) {
            defect(Defect.MALFORMED, "the field '%s' is neither text nor an integer".formatted(node.path));
        }
        type(id);
    }

    @Nullable
    String type() {
        return type;
    }

    /** Adds an entity; false if the signal names too many. */
    boolean entity(SignalField field, String id) {
        if (isNew(field.ordinal() - SignalField.ITEM.ordinal(), id)) {
            entities++;
        }
        if (entities > Signal.ENTITIES_MAX) {
            defect(Defect.MALFORMED, "the signal names more than %d entities".formatted(Signal.ENTITIES_MAX));
            return false;
        }
        return true;
    }

    private boolean isNew(int kind, String id) {
        String known = first[kind];
        if (known == null) {
            first[kind] = id;
            return true;
        }
        if (more == null) {
            more = new Ids[KINDS];
        }
        if (more[kind] == null) {
            more[kind] = new Ids();
            more[kind].add(known);
        }
        return more[kind].add(id);
    }

    /** Adds the entity that a field, or an element of it, names; null if it is invalid. */
    void entity(Node node, SignalField field, @Nullable String id) {
        if (id == null) {
            defect(
                    Defect.MALFORMED,
                    "the field '%s' is not an integer, a text or a list of these, of 1 to %d characters each, without control characters"
                            .formatted(node.path, SignalParser.ENTITY_ID_CHARS_MAX));
        } else {
            var unused = entity(field, id);
        }
    }

    /** Records a defect, unless there already is one. */
    void defect(Defect kind, String message) {
        if (defect == null) {
            defect = new Defective(kind, message);
        }
    }

    boolean isSound() {
        return defect == null;
    }

    ParseResult result() {
        return defect != null
                ? defect
                : new Parsed(new Signal(
                        tenant == null ? null : tenant.id(),
                        tenant == null ? null : tenant.name(),
                        type,
                        list(0),
                        list(1),
                        list(2)));
    }

    private List<String> list(int kind) {
        if (more != null && more[kind] != null) {
            return more[kind].list;
        }
        String only = first[kind];
        return only == null ? List.of() : List.of(only);
    }
}
