package io.tidegate.signal;

import io.tidegate.signal.FieldSource.Pointer;
import java.util.Collections;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;

/**
 * The place of each field of a signal.
 *
 * <p>At most one source for the tenant and for the type; up to {@link #SOURCES_MAX} for each kind of entity. No pointer
 * leads into a place that another one reads: a value is an id (or a list of ids), or it contains ids.
 *
 * @param format the format of the values
 * @param sources by field; a field that is never read has none
 */
public record SignalMapping(SignalFormat format, Map<SignalField, List<FieldSource>> sources) {
    /** The maximum number of sources of one kind of entity. */
    public static final int SOURCES_MAX = 16;

    /** Tidegate's own format. */
    public static final SignalMapping DEFAULT = new SignalMapping(
            SignalFormat.JSON,
            Map.of(
                    SignalField.TENANT, List.of(FieldSource.parse("/tenant_id")),
                    SignalField.TYPE, List.of(FieldSource.parse("/signal")),
                    SignalField.ITEM, List.of(FieldSource.parse("/item")),
                    SignalField.USER, List.of(FieldSource.parse("/user")),
                    SignalField.CREATOR, List.of(FieldSource.parse("/creator"))));

    /** @throws IllegalArgumentException with the setting, the value and the rule */
    public SignalMapping {
        Map<SignalField, List<FieldSource>> all = new EnumMap<>(SignalField.class);
        for (SignalField field : SignalField.values()) {
            all.put(field, List.copyOf(sources.getOrDefault(field, List.of())));
        }
        sources = Collections.unmodifiableMap(all);
        for (SignalField field : SignalField.values()) {
            checkNumber(field, all.get(field));
            for (FieldSource source : all.get(field)) {
                if (source instanceof Pointer pointer) {
                    checkPointer(format, field, pointer, all);
                }
            }
        }
    }

    private static void checkNumber(SignalField field, List<FieldSource> sources) {
        int max = field.isEntity() ? SOURCES_MAX : 1;
        if (sources.size() > max) {
            throw new IllegalArgumentException(
                    "%s names %d places: at most %d is possible".formatted(field.setting(), sources.size(), max));
        }
        for (int i = 0; i < sources.size(); i++) {
            if (sources.indexOf(sources.get(i)) != i) {
                throw new IllegalArgumentException("%s names the %s twice: each place must be named once"
                        .formatted(field.setting(), sources.get(i).place()));
            }
        }
    }

    private static void checkPointer(
            SignalFormat format, SignalField field, Pointer pointer, Map<SignalField, List<FieldSource>> all) {
        if (!format.hasPointers()) {
            throw new IllegalArgumentException("%s = %s: with signal.format=%s no value is read: use header:NAME or key"
                    .formatted(field.setting(), pointer.text(), format.id()));
        }
        all.forEach((otherField, sources) -> {
            for (FieldSource source : sources) {
                if (source instanceof Pointer other && !other.equals(pointer) && pointer.isWithin(other)) {
                    throw new IllegalArgumentException(
                            "%s = %s lies inside %s, which %s reads: a value can be an id, or contain ids, not both"
                                    .formatted(field.setting(), pointer.text(), other.text(), otherField.setting()));
                }
            }
        });
    }

    /** The sources of one field. */
    public List<FieldSource> of(SignalField field) {
        return sources.getOrDefault(field, List.of());
    }
}
