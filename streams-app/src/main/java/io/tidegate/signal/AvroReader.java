package io.tidegate.signal;

import io.tidegate.signal.WriterSchemas.SchemaLookup;
import io.tidegate.signal.WriterSchemas.SchemaLookup.Unusable;
import io.tidegate.signal.WriterSchemas.SchemaLookup.Usable;
import java.io.IOException;
import java.nio.ByteBuffer;
import org.apache.avro.AvroRuntimeException;
import org.apache.avro.Schema;
import org.apache.avro.io.BinaryDecoder;
import org.apache.avro.io.DecoderFactory;
import org.jspecify.annotations.Nullable;

/**
 * Reads the fields that pointers name in an Avro record, in one streaming pass, without a tree.
 *
 * <pre>
 *   byte     0        1 … 4              5 …
 *            0        schema id          the record, in Avro's binary encoding
 *            magic    big-endian
 * </pre>
 *
 * <p>The whole record is checked, and no bytes may follow it. Thread-safe.
 */
public final class AvroReader {
    /** The id of a value without a schema id. */
    public static final long NO_SCHEMA = -1;

    private static final byte MAGIC = 0;
    private static final int HEADER_BYTES = 1 + Integer.BYTES;

    private final PointerTree pointers;
    private final WriterSchemas schemas;

    AvroReader(PointerTree pointers, WriterSchemas schemas) {
        this.pointers = pointers;
        this.schemas = schemas;
    }

    /**
     * Returns the id of the schema that a value was written with, from 0 to 2^31-1; {@link #NO_SCHEMA} if it has none.
     */
    public static long schemaId(byte @Nullable [] value) {
        if (value == null || value.length < HEADER_BYTES || value[0] != MAGIC) {
            return NO_SCHEMA;
        }
        int id = ByteBuffer.wrap(value).getInt(1);
        return id < 0 ? NO_SCHEMA : id;
    }

    /**
     * Reads a value; the result has the fields found, or the defect.
     *
     * @throws SchemaUnavailableException if its schema cannot be looked up now
     */
    Finding read(byte @Nullable [] value) {
        if (value == null) {
            return defect(Defect.MALFORMED, "the value is null");
        }
        long id = schemaId(value);
        if (id == NO_SCHEMA) {
            return defect(Defect.AVRO_FRAMING, framing(value));
        }
        SchemaLookup found = schemas.of((int) id);
        if (found instanceof Unusable unusable) {
            return defect(Defect.SCHEMA_UNKNOWN, "schema id %d %s".formatted(id, unusable.why()));
        }
        Schema schema = ((Usable) found).schema();
        if (schema.getType() != Schema.Type.RECORD) {
            return defect(Defect.SCHEMA_UNKNOWN, "schema id %d is not that of a record".formatted(id));
        }
        return record(value, id, schema);
    }

    private static String framing(byte[] value) {
        if (value.length == 0) {
            return "the value is empty";
        }
        if (value[0] != MAGIC) {
            return "the value begins with the byte 0x%02x: a schema registry's values begin with 0x00"
                    .formatted(value[0]);
        }
        return value.length < HEADER_BYTES
                ? "the value ends before the id of its schema"
                : "the value has a negative schema id";
    }

    private Finding record(byte[] value, long id, Schema schema) {
        Finding finding = new Finding(pointers.size());
        BinaryDecoder decoder =
                DecoderFactory.get().binaryDecoder(value, HEADER_BYTES, value.length - HEADER_BYTES, null);
        try {
            new AvroPass(decoder, value.length, finding).record(schema, pointers.root());
            // An undecodable value outranks the defect of a field, regardless of their order.
            return decoder.isEnd()
                    ? finding
                    : defect(Defect.AVRO_UNDECODABLE, "something follows the record of schema id %d".formatted(id));
        } catch (IOException | AvroRuntimeException e) {
            // Its message can quote the content, which must not reach headers or logs.
            return defect(Defect.AVRO_UNDECODABLE, "the value is not a record of schema id %d".formatted(id));
        }
    }

    private static Finding defect(Defect kind, String message) {
        Finding finding = new Finding(0);
        finding.defect(kind, message);
        return finding;
    }
}
