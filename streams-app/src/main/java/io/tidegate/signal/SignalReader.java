package io.tidegate.signal;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.tidegate.signal.FieldSource.Header;
import io.tidegate.signal.FieldSource.Key;
import io.tidegate.signal.FieldSource.Pointer;
import io.tidegate.tenant.TenantRef;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Reads the fields of a mapping from a record's value, headers and key. Thread-safe.
 *
 * <p>{@link SignalParser} reads the default mapping, which is Tidegate's own format only.
 */
public final class SignalReader {
    /** The requirement for a place that refers to a tenant, in messages. */
    public static final String TENANT_EXPECTED = "a decimal from 0 to 2^64-1 or a name is expected";

    /** A field that is read outside the value. */
    private record OtherSource(SignalField field, FieldSource source) {}

    private final SignalMapping mapping;
    private final @Nullable SignalParser own;
    private final @Nullable MappedParser mapped;
    private final @Nullable AvroReader avro;
    private final List<OtherSource> outside = new ArrayList<>();

    /** Creates a reader of values without schemas. */
    public SignalReader(SignalMapping mapping) {
        this(mapping, WriterSchemas.NONE);
    }

    /** @param schemas looks up the schema of each Avro value */
    public SignalReader(SignalMapping mapping, WriterSchemas schemas) {
        this.mapping = mapping;
        boolean isOwn = mapping.equals(SignalMapping.DEFAULT);
        own = isOwn ? new SignalParser() : null;
        mapped = isOwn || mapping.format() != SignalFormat.JSON ? null : new MappedParser(new PointerTree(mapping));
        avro = mapping.format() == SignalFormat.AVRO ? new AvroReader(new PointerTree(mapping), schemas) : null;
        for (SignalField field : SignalField.values()) {
            for (FieldSource source : mapping.of(field)) {
                if (!(source instanceof Pointer)) {
                    outside.add(new OtherSource(field, source));
                }
            }
        }
    }

    /** Returns a reader of Tidegate's own format. */
    public static SignalReader ofDefault() {
        return new SignalReader(SignalMapping.DEFAULT);
    }

    /** The place of the tenant; null if there is none. */
    public @Nullable FieldSource tenantSource() {
        List<FieldSource> sources = mapping.of(SignalField.TENANT);
        return sources.isEmpty() ? null : sources.get(0);
    }

    /**
     * Reads one record.
     *
     * @throws SchemaUnavailableException if the schema of the value cannot be looked up now
     */
    public ParseResult read(byte @Nullable [] key, byte @Nullable [] value, HeaderValues headers) {
        if (own != null) {
            return own.parse(value);
        }
        Finding finding = inValue(value);
        for (int i = 0; i < outside.size() && finding.isSound(); i++) {
            OtherSource one = outside.get(i);
            if (one.source instanceof Header header) {
                for (byte[] text : headers.of(header.name())) {
                    found(one, text, finding);
                }
            } else if (one.source instanceof Key && key != null) {
                found(one, key, finding);
            }
        }
        return finding.result();
    }

    private Finding inValue(byte @Nullable [] value) {
        if (avro != null) {
            return avro.read(value);
        }
        return mapped != null ? mapped.parse(value) : opaque(value);
    }

    /** A null value would delete the records under its key, so it is a defect; any other value passes. */
    private static Finding opaque(byte @Nullable [] value) {
        Finding finding = new Finding(0);
        if (value == null) {
            finding.defect(Defect.MALFORMED, "the value is null");
        }
        return finding;
    }

    private static void found(OtherSource one, byte @Nullable [] bytes, Finding finding) {
        if (one.field == SignalField.TENANT) {
            finding.tenant(one.source, TenantRef.tryParse(bytes));
            return;
        }
        if (bytes == null) {
            return;
        }
        String id = Utf8.isText(bytes) ? SignalParser.checkedId(new String(bytes, UTF_8)) : null;
        if (id == null) {
            finding.defect(
                    Defect.MALFORMED,
                    "the %s is not a text in UTF-8 of 1 to %d characters without control characters"
                            .formatted(one.source.place(), SignalParser.ENTITY_ID_CHARS_MAX));
        } else if (one.field == SignalField.TYPE) {
            if (finding.type() != null && !finding.type().equals(id)) {
                finding.defect(Defect.MALFORMED, "the %s names two types".formatted(one.source.place()));
            }
            finding.type(id);
        } else {
            var unused = finding.entity(one.field, id);
        }
    }
}
