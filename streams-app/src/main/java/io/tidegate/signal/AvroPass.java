package io.tidegate.signal;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.tidegate.signal.PointerTree.Node;
import io.tidegate.tenant.TenantRef;
import java.io.IOException;
import org.apache.avro.Schema;
import org.apache.avro.io.BinaryDecoder;
import org.jspecify.annotations.Nullable;

/**
 * One pass over a record in Avro's binary encoding.
 *
 * <p>Every length is checked against the remaining bytes before anything is allocated or skipped. Elements are read one
 * by one, even if a block has its size for skipping, because another reader would read them. Values without bytes, such
 * as arrays of nulls, cost steps, which are bounded by the length of the value. Not thread-safe; one instance per
 * value.
 */
final class AvroPass {
    /** The number of steps per byte of the value. Each value is a step, including nested ones. */
    private static final long STEPS_A_BYTE = 32;

    private static final long STEPS_MIN = 10_000;

    /** The maximum bytes of a text that can be an id: four per character. */
    private static final int TEXT_BYTES_MAX = 4 * SignalParser.ENTITY_ID_CHARS_MAX;

    /** Replaces any text that is too long for an id. */
    private static final String TOO_LONG = "x".repeat(SignalParser.ENTITY_ID_CHARS_MAX + 1);

    private final BinaryDecoder decoder;
    private final Finding finding;
    private long stepsLeft;
    /** Whether the last value was text or an integer. */
    private boolean isText;

    AvroPass(BinaryDecoder decoder, int bytes, Finding finding) {
        this.decoder = decoder;
        this.finding = finding;
        stepsLeft = STEPS_MIN + bytes * STEPS_A_BYTE;
    }

    /** Reads a record from its first byte. */
    void record(Schema schema, Node node) throws IOException {
        fields(schema, node, 1);
    }

    private void fields(Schema schema, @Nullable Node node, int depth) throws IOException {
        for (Schema.Field field : schema.getFields()) {
            child(field.schema(), node == null ? null : node.child(field.name()), depth);
        }
    }

    /** Reads a field, or an element of an array or a map. */
    private void child(Schema schema, @Nullable Node node, int depth) throws IOException {
        if (node != null && finding.isRepeated(node)) {
            finding.defect(Defect.MALFORMED, "the field '%s' occurs more than once".formatted(node.path));
        }
        value(schema, node, depth);
    }

    private void value(Schema declared, @Nullable Node node, int depth) throws IOException {
        Schema schema = branch(declared, depth);
        if (node != null && node.isRead()) {
            read(schema, node, depth);
        } else {
            pass(schema, node, depth);
        }
    }

    /** Returns the schema of the next value: that of its branch, if it is a union. */
    private Schema branch(Schema declared, int depth) throws IOException {
        step(depth);
        if (declared.getType() != Schema.Type.UNION) {
            return declared;
        }
        int index = decoder.readIndex();
        if (index < 0 || index >= declared.getTypes().size()) {
            throw new IOException("no branch of the union");
        }
        return declared.getTypes().get(index);
    }

    private void step(int depth) throws IOException {
        if (depth > SignalParser.NESTING_MAX || --stepsLeft < 0) {
            throw new IOException("nested too deep, or too many values without bytes");
        }
    }

    /** Reads a value that is not an id; it may contain ids. */
    private void pass(Schema schema, @Nullable Node node, int depth) throws IOException {
        switch (schema.getType()) {
            case RECORD -> fields(schema, node, depth + 1);
            case ARRAY -> array(schema, node, depth + 1);
            case MAP -> map(schema, node, depth + 1);
            case UNION -> throw new IOException("a union in a union");
            default -> scalar(schema);
        }
    }

    private void scalar(Schema schema) throws IOException {
        switch (schema.getType()) {
            case NULL -> decoder.readNull();
            case BOOLEAN -> decoder.readBoolean();
            case INT -> decoder.readInt();
            case LONG -> decoder.readLong();
            case FLOAT -> decoder.readFloat();
            case DOUBLE -> decoder.readDouble();
            case ENUM -> symbol(schema);
            case FIXED -> skip(schema.getFixedSize());
            case STRING, BYTES -> skip(length());
            default -> throw new IOException("not a scalar: " + schema.getType());
        }
    }

    private void array(Schema schema, @Nullable Node node, int depth) throws IOException {
        int index = 0;
        for (Block block = block(); block != null; block = block()) {
            for (long i = 0; i < block.count; i++) {
                child(schema.getElementType(), node == null ? null : node.child(index), depth);
                index = Math.min(index + 1, Integer.MAX_VALUE - 1);
            }
            block.end();
        }
    }

    private void map(Schema schema, @Nullable Node node, int depth) throws IOException {
        for (Block block = block(); block != null; block = block()) {
            for (long i = 0; i < block.count; i++) {
                int length = length();
                Node child = null;
                if (node != null && length <= FieldSource.CHARS_MAX * 4) {
                    child = node.child(new String(bytes(length), UTF_8));
                } else {
                    skip(length);
                }
                child(schema.getValueType(), child, depth);
            }
            block.end();
        }
    }

    /** A block of elements. */
    private final class Block {
        private final long count;
        private final long bytes;
        private final int left;

        /** @param bytes the size given in the value; negative if there is none */
        Block(long count, long bytes) {
            this.count = count;
            this.bytes = bytes;
            left = decoder.remainingBytes();
        }

        void end() throws IOException {
            if (bytes >= 0 && bytes != left - decoder.remainingBytes()) {
                throw new IOException("a block is not as long as it says");
            }
        }
    }

    private @Nullable Block block() throws IOException {
        long count = decoder.readLong();
        if (count == 0) {
            return null;
        }
        if (count > 0) {
            return new Block(count, -1);
        }
        long bytes = decoder.readLong();
        if (count == Long.MIN_VALUE || bytes < 0) {
            throw new IOException("a block of impossible size");
        }
        return new Block(-count, bytes);
    }

    /** Reads the length of a text or of bytes, which must not exceed the remaining bytes. */
    private int length() throws IOException {
        long length = decoder.readLong();
        if (length < 0 || length > decoder.remainingBytes()) {
            throw new IOException("longer than what is left");
        }
        return (int) length;
    }

    private byte[] bytes(int length) throws IOException {
        byte[] bytes = new byte[length];
        decoder.readFixed(bytes, 0, length);
        return bytes;
    }

    private void skip(int length) throws IOException {
        if (length > decoder.remainingBytes()) {
            throw new IOException("longer than what is left");
        }
        decoder.skipFixed(length);
    }

    private String symbol(Schema schema) throws IOException {
        int index = decoder.readEnum();
        if (index < 0 || index >= schema.getEnumSymbols().size()) {
            throw new IOException("no symbol of the enum");
        }
        return schema.getEnumSymbols().get(index);
    }

    private void read(Schema schema, Node node, int depth) throws IOException {
        if (schema.getType() != Schema.Type.ARRAY) {
            String text = text(schema, depth);
            for (SignalField field : node.fields()) {
                found(field, text, node);
            }
            return;
        }
        isText = false;
        for (SignalField field : node.fields()) {
            if (!field.isEntity()) {
                found(field, "", node);
            }
        }
        for (Block block = block(); block != null; block = block()) {
            for (long i = 0; i < block.count; i++) {
                String text = text(branch(schema.getElementType(), depth + 1), depth + 1);
                for (SignalField field : node.fields()) {
                    if (field.isEntity()) {
                        found(field, text, node);
                    }
                }
            }
            block.end();
        }
    }

    /** Reads a value as text; null if it is null, empty if it is not {@linkplain #isText text}. */
    private @Nullable String text(Schema schema, int depth) throws IOException {
        isText = true;
        switch (schema.getType()) {
            case NULL -> {
                return null;
            }
            case INT -> {
                return Integer.toString(decoder.readInt());
            }
            case LONG -> {
                return Long.toString(decoder.readLong());
            }
            case ENUM -> {
                return symbol(schema);
            }
            case STRING -> {
                int length = length();
                if (length > TEXT_BYTES_MAX) {
                    skip(length);
                    return TOO_LONG;
                }
                byte[] utf8 = bytes(length);
                isText = Utf8.isText(utf8);
                return isText ? new String(utf8, UTF_8) : "";
            }
            default -> {
                pass(schema, null, depth);
                isText = false;
                return "";
            }
        }
    }

    private void found(SignalField field, @Nullable String text, Node node) {
        if (text == null) {
            return;
        }
        String id = SignalParser.checkedId(text);
        switch (field) {
            case TENANT -> finding.tenant(node, TenantRef.tryParse(text));
            case TYPE -> finding.type(node, isText, id);
            default -> finding.entity(node, field, id);
        }
    }
}
