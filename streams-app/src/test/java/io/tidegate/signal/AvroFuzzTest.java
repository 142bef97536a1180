package io.tidegate.signal;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidegate.signal.ParseResult.Defective;
import io.tidegate.signal.ParseResult.Parsed;
import io.tidegate.signal.WriterSchemas.SchemaLookup.Usable;
import io.tidegate.tenant.TenantRef;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericData;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.io.BinaryDecoder;
import org.apache.avro.io.DecoderFactory;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/**
 * Random schemas and values: the reader must find the same fields as Avro's own reader with the same pointers in a tree of the
 * whole record. Some values are damaged: the reader may then reject a value that Avro still reads, but never vice versa.
 * {@code -Dtidegate.fuzz.values=1000000} sets the number of values.
 */
class AvroFuzzTest {
    private static final int VALUES = Integer.getInteger("tidegate.fuzz.values", 30_000);
    private static final String[] NAMES = {"a", "b", "c", "d"};
    private static final String[] KEYS = {"a", "b", "0", "1", "x y", ""};
    private static final String[] TEXTS = {"7", "sku", "", "ü", "a b", "\n", "x".repeat(513), "18446744073709551615"};

    private static final class Schemas {
        private final SplittableRandom random;
        private int named;

        Schemas(SplittableRandom random) {
            this.random = random;
        }

        Schema record(int depth) {
            List<Schema.Field> fields = new ArrayList<>();
            for (int i = random.nextInt(1, NAMES.length + 1) - 1; i >= 0; i--) {
                fields.add(new Schema.Field(NAMES[i], any(depth + 1, true)));
            }
            return Schema.createRecord("R" + named++, null, null, false, fields);
        }

        private Schema any(int depth, boolean unions) {
            int kind = random.nextInt(depth > 3 ? 10 : 14);
            return switch (kind) {
                case 0, 1 -> Schema.create(Schema.Type.STRING);
                case 2, 3 -> Schema.create(Schema.Type.LONG);
                case 4 -> Schema.create(Schema.Type.INT);
                case 5 ->
                    Schema.create(new Schema.Type[] {
                                Schema.Type.NULL,
                                Schema.Type.BOOLEAN,
                                Schema.Type.FLOAT,
                                Schema.Type.DOUBLE,
                                Schema.Type.BYTES
                            }
                            [random.nextInt(5)]);
                case 6 -> Schema.createEnum("E" + named++, null, null, List.of("A", "B", "C"));
                case 7 -> Schema.createFixed("F" + named++, null, null, random.nextInt(20));
                case 8, 9 ->
                    unions
                            ? Schema.createUnion(Schema.create(Schema.Type.NULL), notNull(any(depth + 1, false)))
                            : Schema.create(Schema.Type.LONG);
                case 10 -> Schema.createArray(any(depth + 1, true));
                case 11 -> Schema.createMap(any(depth + 1, true));
                default -> record(depth);
            };
        }

        private static Schema notNull(Schema schema) {
            return schema.getType() == Schema.Type.NULL ? Schema.create(Schema.Type.LONG) : schema;
        }
    }

    private static Object datum(Schema schema, SplittableRandom random) {
        return switch (schema.getType()) {
            case STRING -> TEXTS[random.nextInt(random.nextInt(4) > 0 ? 2 : TEXTS.length)];
            case LONG -> random.nextInt(4) > 0 ? random.nextInt(100) : random.nextLong();
            case INT -> random.nextInt(4) > 0 ? random.nextInt(100) : random.nextInt();
            case BOOLEAN -> random.nextBoolean();
            case FLOAT -> (float) random.nextDouble();
            case DOUBLE -> random.nextDouble();
            case NULL -> null;
            case BYTES -> ByteBuffer.wrap(new byte[random.nextInt(40)]);
            case FIXED -> new GenericData.Fixed(schema, new byte[schema.getFixedSize()]);
            case ENUM ->
                new GenericData.EnumSymbol(schema, schema.getEnumSymbols().get(random.nextInt(3)));
            case UNION -> datum(schema.getTypes().get(random.nextInt(2)), random);
            case ARRAY -> {
                List<@Nullable Object> list = new ArrayList<>();
                for (int i = random.nextInt(4); i > 0; i--) {
                    list.add(datum(schema.getElementType(), random));
                }
                yield list;
            }
            case MAP -> {
                Map<String, @Nullable Object> map = new HashMap<>();
                for (int i = random.nextInt(4); i > 0; i--) {
                    map.put(KEYS[random.nextInt(KEYS.length)], datum(schema.getValueType(), random));
                }
                yield map;
            }
            case RECORD -> {
                GenericRecord record = new GenericData.Record(schema);
                for (Schema.Field field : schema.getFields()) {
                    record.put(field.pos(), datum(field.schema(), random));
                }
                yield record;
            }
        };
    }

    private static byte[] damaged(byte[] value, SplittableRandom random) {
        int at = random.nextInt(5, value.length + 1);
        return switch (random.nextInt(3)) {
            case 0 -> Arrays.copyOf(value, at);
            case 1 -> Arrays.copyOf(value, value.length + random.nextInt(1, 4));
            default -> {
                byte[] changed = value.clone();
                if (at < changed.length) {
                    changed[at] = (byte) random.nextInt();
                }
                yield changed;
            }
        };
    }

    @Test
    void findsWhatAvroFindsWithTheSamePointers() {
        long seed = Long.getLong("tidegate.fuzz.seed", 17);
        SplittableRandom random = new SplittableRandom(seed);
        int parsed = 0;
        int defective = 0;
        for (int step = 0; step < VALUES; ) {
            Schema schema = new Schemas(random).record(0);
            SignalMapping mapping = mapping(random);
            SignalReader reader = new SignalReader(mapping, id -> new Usable(schema));
            for (int i = 0; i < 20 && step < VALUES; i++, step++) {
                byte[] whole = AvroReaderTest.framed(schema, datum(schema, random));
                boolean isDamaged = random.nextInt(5) == 0;
                byte[] value = isDamaged ? damaged(whole, random) : whole;
                String at = "seed %d, step %d, %s, %s: %s"
                        .formatted(
                                seed,
                                step,
                                mapping.sources(),
                                schema,
                                HexFormat.of().formatHex(value));
                ParseResult result = reader.read(null, value, HeaderValues.NONE);
                Object tree = tree(schema, value);
                if (tree == null) {
                    assertThat(result).as(at).isInstanceOf(Defective.class);
                    assertThat(((Defective) result).defect()).as(at).isEqualTo(Defect.AVRO_UNDECODABLE);
                    defective++;
                } else if (result instanceof Parsed found) {
                    assertThat(FuzzedSignals.sorted(found.signal())).as(at).isEqualTo(expected(tree, mapping));
                    parsed++;
                } else if (((Defective) result).defect() == Defect.AVRO_UNDECODABLE) {
                    assertThat(isDamaged).as(at).isTrue();
                } else if (!isDamaged) {
                    assertThat(expected(tree, mapping))
                            .as("%s, for %s", at, result)
                            .isNull();
                    defective++;
                }
            }
        }
        assertThat(parsed).as("seed %d: both outcomes occur", seed).isBetween(VALUES / 10, VALUES * 19 / 20);
        assertThat(defective).as("seed %d: both outcomes occur", seed).isGreaterThan(VALUES / 20);
    }

    /** Random bytes, for schemas of all kinds: each read ends, with a signal or a defect. */
    @Test
    void anyBytesAreReadOrUndecodable() {
        long seed = Long.getLong("tidegate.fuzz.seed", 19);
        SplittableRandom random = new SplittableRandom(seed);
        for (int step = 0; step < VALUES / 5; step++) {
            Schema schema = new Schemas(random).record(0);
            byte[] value = new byte[random.nextInt(5, 60)];
            random.nextBytes(value);
            for (int i = 5; i < value.length; i++) {
                // Mostly small numbers, so that a value has many elements.
                value[i] = random.nextInt(4) > 0 ? (byte) random.nextInt(8) : value[i];
            }
            value[0] = 0;
            value[1] &= 0x7f;
            String at = "seed %d, step %d, %s: %s"
                    .formatted(seed, step, schema, HexFormat.of().formatHex(value));

            ParseResult result =
                    new SignalReader(mapping(random), id -> new Usable(schema)).read(null, value, HeaderValues.NONE);

            assertThat(result).as(at).isNotNull();
            if (tree(schema, value) == null) {
                assertThat(result).as(at).isInstanceOf(Defective.class);
            }
        }
    }

    private static SignalMapping mapping(SplittableRandom random) {
        while (true) {
            Map<SignalField, List<FieldSource>> sources = new EnumMap<>(SignalField.class);
            for (SignalField field : SignalField.values()) {
                Set<FieldSource> ofField = new LinkedHashSet<>();
                for (int count = random.nextInt(field.isEntity() ? 3 : 2); count > 0; count--) {
                    StringBuilder pointer = new StringBuilder();
                    for (int depth = random.nextInt(1, 4); depth > 0; depth--) {
                        String[] names = random.nextInt(3) == 0 ? KEYS : NAMES;
                        pointer.append('/').append(names[random.nextInt(names.length)]);
                    }
                    ofField.add(FieldSource.parse(pointer.toString()));
                }
                sources.put(field, List.copyOf(ofField));
            }
            try {
                return new SignalMapping(SignalFormat.AVRO, sources);
            } catch (IllegalArgumentException e) {
                // A place lies inside another one: draws new ones.
            }
        }
    }

    /** The value that Avro reads, if no bytes follow it. */
    private static @Nullable Object tree(Schema schema, byte[] value) {
        try {
            BinaryDecoder decoder = DecoderFactory.get().binaryDecoder(value, 5, value.length - 5, null);
            Object tree = new GenericDatumReader<>(schema).read(null, decoder);
            return decoder.isEnd() ? tree : null;
        } catch (IOException | RuntimeException e) {
            return null;
        }
    }

    /** The value at a pointer; null if there is none. */
    private static @Nullable Object at(Object tree, FieldSource source) {
        Object here = tree;
        for (String token : ((FieldSource.Pointer) source).tokens()) {
            if (here instanceof GenericRecord record) {
                here = record.hasField(token) ? record.get(token) : null;
            } else if (here instanceof Map<?, ?> map) {
                Object found = null;
                for (Map.Entry<?, ?> entry : map.entrySet()) {
                    found = entry.getKey().toString().equals(token) ? entry.getValue() : found;
                }
                here = found;
            } else if (here instanceof List<?> list && token.matches("0|[1-9]\\d{0,8}")) {
                int index = Integer.parseInt(token);
                here = index < list.size() ? list.get(index) : null;
            } else {
                here = null;
            }
        }
        return here;
    }

    private static @Nullable String text(Object value) {
        boolean isText = value instanceof CharSequence
                || value instanceof Long
                || value instanceof Integer
                || value instanceof GenericData.EnumSymbol;
        return isText ? value.toString() : null;
    }

    private static @Nullable String id(Object value) {
        String text = text(value);
        return text == null
                        || text.isEmpty()
                        || text.length() > 512
                        || text.chars().anyMatch(Character::isISOControl)
                ? null
                : text;
    }

    /** The signal; null if one of its fields is invalid. */
    private static @Nullable Signal expected(Object tree, SignalMapping mapping) {
        TenantRef tenant = null;
        String type = null;
        for (FieldSource source : mapping.of(SignalField.TENANT)) {
            Object value = at(tree, source);
            if (value != null) {
                tenant = text(value) == null ? null : TenantRef.tryParse(String.valueOf(text(value)));
                if (tenant == null) {
                    return null;
                }
            }
        }
        for (FieldSource source : mapping.of(SignalField.TYPE)) {
            Object value = at(tree, source);
            if (value != null && text(value) == null) {
                return null;
            }
            type = value == null ? null : id(value);
        }
        List<List<String>> ids = new ArrayList<>();
        for (SignalField field : new SignalField[] {SignalField.ITEM, SignalField.USER, SignalField.CREATOR}) {
            Set<String> found = new LinkedHashSet<>();
            for (FieldSource source : mapping.of(field)) {
                Object value = at(tree, source);
                Collection<?> all = value instanceof List<?> list ? list : value == null ? List.of() : List.of(value);
                for (Object one : all) {
                    if (one == null) {
                        continue;
                    }
                    String id = id(one);
                    if (id == null) {
                        return null;
                    }
                    found.add(id);
                }
            }
            ids.add(found.stream().sorted().toList());
        }
        return FuzzedSignals.of(tenant, type, ids);
    }
}
