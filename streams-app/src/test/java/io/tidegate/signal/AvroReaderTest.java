package io.tidegate.signal;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tidegate.signal.ParseResult.Defective;
import io.tidegate.signal.ParseResult.Parsed;
import io.tidegate.signal.WriterSchemas.SchemaLookup.Unusable;
import io.tidegate.signal.WriterSchemas.SchemaLookup.Usable;
import io.tidegate.tenant.TenantId;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.apache.avro.Schema;
import org.apache.avro.SchemaBuilder;
import org.apache.avro.generic.GenericData;
import org.apache.avro.generic.GenericDatumWriter;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.io.BinaryEncoder;
import org.apache.avro.io.EncoderFactory;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Avro orders, well-formed and hostile. */
class AvroReaderTest {
    private static final int ORDER_ID = 7;
    private static final Schema ORDER = new Schema.Parser().parse("""
                    {"type":"record","name":"Order","namespace":"shop","fields":[
                      {"name":"id","type":"long"},
                      {"name":"price","type":"double"},
                      {"name":"account","type":{"type":"record","name":"Account","fields":[
                        {"name":"paid","type":"boolean"},
                        {"name":"id","type":["null","long","string"]}]}},
                      {"name":"kind","type":{"type":"enum","name":"Kind","symbols":["PLACED","PAID"]}},
                      {"name":"lines","type":{"type":"array","items":{"type":"record","name":"Line","fields":[
                        {"name":"note","type":"string"},
                        {"name":"sku","type":"string"}]}}},
                      {"name":"tags","type":{"type":"array","items":["null","string","int"]}},
                      {"name":"extra","type":{"type":"map","values":"string"}},
                      {"name":"blob","type":"bytes"},
                      {"name":"hash","type":{"type":"fixed","name":"Hash","size":4}}]}""");

    private static SignalReader reader(WriterSchemas schemas, String... fieldsAndPointers) {
        Map<SignalField, List<FieldSource>> sources = new EnumMap<>(SignalField.class);
        for (int i = 0; i < fieldsAndPointers.length; i += 2) {
            sources.put(
                    SignalField.valueOf(fieldsAndPointers[i]),
                    Arrays.stream(fieldsAndPointers[i + 1].split(",", -1))
                            .map(FieldSource::parse)
                            .toList());
        }
        return new SignalReader(new SignalMapping(SignalFormat.AVRO, sources), schemas);
    }

    private static WriterSchemas only(int id, Schema schema) {
        return asked -> asked == id ? new Usable(schema) : new Unusable("is not known");
    }

    private static ParseResult read(Schema schema, byte[] value, String... fieldsAndPointers) {
        return reader(only(ORDER_ID, schema), fieldsAndPointers).read(null, value, HeaderValues.NONE);
    }

    private static Signal parsed(ParseResult result) {
        assertThat(result).isInstanceOf(Parsed.class);
        return ((Parsed) result).signal();
    }

    private static void assertDefect(ParseResult result, Defect defect, String message) {
        assertThat(result).isInstanceOf(Defective.class);
        assertThat(((Defective) result).defect()).as(result.toString()).isEqualTo(defect);
        assertThat(((Defective) result).message()).isEqualTo(message);
    }

    private static GenericRecord order(@Nullable Object accountId) {
        GenericRecord account = new GenericData.Record(ORDER.getField("account").schema());
        account.put("paid", true);
        account.put("id", accountId);
        Schema lineSchema = ORDER.getField("lines").schema().getElementType();
        GenericRecord line = new GenericData.Record(lineSchema);
        line.put("note", "n".repeat(1_000));
        line.put("sku", "shoe-1");
        GenericRecord order = new GenericData.Record(ORDER);
        order.put("id", 99L);
        order.put("price", 1.5);
        order.put("account", account);
        order.put("kind", new GenericData.EnumSymbol(ORDER.getField("kind").schema(), "PAID"));
        order.put("lines", List.of(line));
        order.put("tags", Arrays.asList("red", null, 7, "red"));
        order.put("extra", Map.of("customer", "c-5", "other", "x"));
        order.put("blob", ByteBuffer.wrap(new byte[300]));
        order.put("hash", new GenericData.Fixed(ORDER.getField("hash").schema(), new byte[4]));
        return order;
    }

    static byte[] framed(Schema schema, Object datum) {
        return framed(encoder -> {
            try {
                new GenericDatumWriter<>(schema).write(datum, encoder);
            } catch (IOException e) {
                throw new AssertionError(e);
            }
        });
    }

    private static byte[] framed(Consumer<BinaryEncoder> content) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        bytes.writeBytes(ByteBuffer.allocate(5).put((byte) 0).putInt(ORDER_ID).array());
        BinaryEncoder encoder = EncoderFactory.get().directBinaryEncoder(bytes, null);
        content.accept(encoder);
        return bytes.toByteArray();
    }

    /** Numbers in Avro's encoding, after the id of the schema. */
    private static byte[] longs(long... numbers) {
        return framed(encoder -> {
            try {
                for (long number : numbers) {
                    encoder.writeLong(number);
                }
            } catch (IOException e) {
                throw new AssertionError(e);
            }
        });
    }

    @Test
    void findsWhatPointersNameInRecordsArraysMapsAndUnions() {
        Signal signal = parsed(read(
                ORDER,
                framed(ORDER, order(42L)),
                "TENANT",
                "/account/id",
                "TYPE",
                "/kind",
                "ITEM",
                "/lines/0/sku,/tags",
                "USER",
                "/extra/customer",
                "CREATOR",
                "/id"));

        assertThat(signal)
                .isEqualTo(new Signal(
                        TenantId.of(42), "PAID", List.of("shoe-1", "red", "7"), List.of("c-5"), List.of("99")));
    }

    @Test
    void aTenantCanBeAText() {
        assertThat(parsed(read(ORDER, framed(ORDER, order("42")), "TENANT", "/account/id"))
                        .tenantId())
                .isEqualTo(TenantId.of(42));
        assertThat(parsed(read(ORDER, framed(ORDER, order("acme")), "TENANT", "/account/id"))
                        .tenantName())
                .isEqualTo("acme");
        assertDefect(
                read(ORDER, framed(ORDER, order(-1L)), "TENANT", "/account/id"),
                Defect.TENANT_INVALID,
                "the field '/account/id' does not name a tenant: " + SignalReader.TENANT_EXPECTED);
    }

    @Test
    void aNullIsAbsentAlsoForTheTenant() {
        Signal signal = parsed(
                read(ORDER, framed(ORDER, order(null)), "TENANT", "/account/id", "ITEM", "/nowhere,/lines/5/sku"));

        assertThat(signal.tenant()).isNull();
        assertThat(signal.items()).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(strings = {"/price", "/blob", "/hash", "/account", "/account/paid", "/lines", "/extra"})
    void onlyTextsAndIntegersAreIds(String pointer) {
        assertDefect(
                read(ORDER, framed(ORDER, order(1L)), "ITEM", pointer),
                Defect.MALFORMED,
                ("the field '%s' is not an integer, a text or a list of these, of 1 to 512 characters each, without control"
                                + " characters")
                        .formatted(pointer));
        assertDefect(
                read(ORDER, framed(ORDER, order(1L)), "TYPE", pointer),
                Defect.MALFORMED,
                "the field '%s' is neither text nor an integer".formatted(pointer));
    }

    @Test
    void aTypeThatNoConfigCanNameIsAbsent() {
        for (int length : new int[] {513, 5_000}) {
            Schema schema =
                    SchemaBuilder.record("R").fields().requiredString("t").endRecord();
            GenericRecord datum = new GenericData.Record(schema);
            datum.put("t", "x".repeat(length));

            assertThat(parsed(read(schema, framed(schema, datum), "TYPE", "/t")).type())
                    .isNull();
        }
    }

    @Test
    void headersAndTheKeyAreReadBesideTheValue() {
        SignalReader reader = reader(only(ORDER_ID, ORDER), "TENANT", "key", "ITEM", "header:sku,/tags");

        ParseResult result =
                reader.read("42".getBytes(UTF_8), framed(ORDER, order(null)), name -> List.of("h-1".getBytes(UTF_8)));

        assertThat(parsed(result))
                .isEqualTo(new Signal(TenantId.of(42), null, List.of("red", "7", "h-1"), List.of(), List.of()));
    }

    @Test
    void anotherFramingIsNamed() {
        WriterSchemas nobody = id -> {
            throw new AssertionError("no schema is looked up");
        };
        SignalReader reader = reader(nobody, "TENANT", "/account/id");

        assertDefect(
                reader.read(null, "{\"tenant_id\":1}".getBytes(UTF_8), HeaderValues.NONE),
                Defect.AVRO_FRAMING,
                "the value begins with the byte 0x7b: a schema registry's values begin with 0x00");
        assertDefect(reader.read(null, new byte[0], HeaderValues.NONE), Defect.AVRO_FRAMING, "the value is empty");
        assertDefect(
                reader.read(null, new byte[4], HeaderValues.NONE),
                Defect.AVRO_FRAMING,
                "the value ends before the id of its schema");
        assertDefect(
                reader.read(null, new byte[] {0, -1, 0, 0, 0, 0}, HeaderValues.NONE),
                Defect.AVRO_FRAMING,
                "the value has a negative schema id");
        assertDefect(reader.read(null, null, HeaderValues.NONE), Defect.MALFORMED, "the value is null");
    }

    @Test
    void anUnknownSchemaIsNamed() {
        byte[] value = framed(ORDER, order(1L));
        value[4] = 8;
        assertDefect(read(ORDER, value, "TENANT", "/account/id"), Defect.SCHEMA_UNKNOWN, "schema id 8 is not known");
        assertDefect(
                read(Schema.create(Schema.Type.STRING), longs(0), "TENANT", "/account/id"),
                Defect.SCHEMA_UNKNOWN,
                "schema id 7 is not that of a record");
    }

    @Test
    void anUnavailableRegistryIsNotADefectOfTheValue() {
        SignalReader reader = reader(
                id -> {
                    throw new SchemaUnavailableException("the registry is away");
                },
                "TENANT",
                "/account/id");

        assertThatThrownBy(() -> reader.read(null, framed(ORDER, order(1L)), HeaderValues.NONE))
                .isInstanceOf(SchemaUnavailableException.class);
    }

    @Test
    void aValueThatIsTruncatedOrContinuesIsUndecodable() {
        byte[] value = framed(ORDER, order(42L));
        for (int length = 5; length < value.length; length++) {
            assertDefect(
                    read(ORDER, Arrays.copyOf(value, length), "TENANT", "/account/id"),
                    Defect.AVRO_UNDECODABLE,
                    "the value is not a record of schema id 7");
        }
        assertDefect(
                read(ORDER, Arrays.copyOf(value, value.length + 1), "TENANT", "/account/id"),
                Defect.AVRO_UNDECODABLE,
                "something follows the record of schema id 7");
    }

    private static Schema recordOf(String type) {
        return new Schema.Parser()
                .parse("{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"f\",\"type\":%s}]}"
                        .formatted(type));
    }

    private static void assertUndecodable(String type, byte[] value) {
        for (String pointer : new String[] {"/f", "/f/a", "/f/0", "/other"}) {
            assertDefect(
                    read(recordOf(type), value, "ITEM", pointer),
                    Defect.AVRO_UNDECODABLE,
                    "the value is not a record of schema id 7");
        }
    }

    @ParameterizedTest
    @ValueSource(longs = {-1, Long.MIN_VALUE, Long.MAX_VALUE, Integer.MAX_VALUE, 1})
    void impossibleLengthsAreUndecodable(long length) {
        assertUndecodable("\"string\"", longs(length));
        assertUndecodable("\"bytes\"", longs(length));
        assertUndecodable("[\"string\"]", longs(0, length));
        assertUndecodable("{\"type\":\"map\",\"values\":\"int\"}", longs(1, length));
        assertUndecodable("{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\"]}", longs(length));
        assertUndecodable("[\"null\"]", longs(length));
        assertUndecodable("{\"type\":\"array\",\"items\":\"int\"}", longs(length));
        // A block that states a wrong length.
        assertUndecodable("{\"type\":\"array\",\"items\":\"int\"}", longs(-2, length, 5, 5, 0));
    }

    @Test
    void aBlockThatStatesItsLengthIsRead() {
        assertThat(parsed(read(
                                recordOf("{\"type\":\"array\",\"items\":\"int\"}"),
                                longs(-2, 2, 5, 6, 1, 7, 0),
                                "ITEM",
                                "/f"))
                        .items())
                .containsExactly("5", "6", "7");
    }

    /** Counting them one by one would take years. */
    @Test
    @Timeout(120)
    void manyElementsWithoutBytesEndSoon() {
        assertUndecodable("{\"type\":\"array\",\"items\":\"null\"}", longs(Long.MAX_VALUE, 0));
        assertUndecodable(
                "{\"type\":\"array\",\"items\":{\"type\":\"record\",\"name\":\"E\",\"fields\":[]}}",
                longs(1L << 60, 0));
    }

    @Test
    void nestingIsBounded() {
        Schema list = new Schema.Parser()
                .parse("{\"type\":\"record\",\"name\":\"L\",\"fields\":[{\"name\":\"f\",\"type\":[\"null\",\"L\"]}]}");
        long[] deep = new long[SignalParser.NESTING_MAX + 10];
        Arrays.fill(deep, 1);
        deep[deep.length - 1] = 0;
        assertDefect(
                read(list, longs(deep), "ITEM", "/x"),
                Defect.AVRO_UNDECODABLE,
                "the value is not a record of schema id 7");
        assertThat(parsed(read(list, longs(Arrays.copyOfRange(deep, 20, deep.length)), "ITEM", "/x"))
                        .items())
                .isEmpty();

        Schema endless = new Schema.Parser()
                .parse("{\"type\":\"record\",\"name\":\"L\",\"fields\":[{\"name\":\"f\",\"type\":\"L\"}]}");
        assertDefect(
                read(endless, longs(1), "ITEM", "/x"),
                Defect.AVRO_UNDECODABLE,
                "the value is not a record of schema id 7");
    }

    @Test
    void aMapThatNamesAFieldTwiceIsMalformed() {
        byte[] twice = framed(encoder -> {
            try {
                encoder.writeLong(2);
                encoder.writeString("a");
                encoder.writeInt(1);
                encoder.writeString("a");
                encoder.writeInt(2);
                encoder.writeLong(0);
            } catch (IOException e) {
                throw new AssertionError(e);
            }
        });
        assertDefect(
                read(recordOf("{\"type\":\"map\",\"values\":\"int\"}"), twice, "ITEM", "/f/a"),
                Defect.MALFORMED,
                "the field '/f/a' occurs more than once");
    }

    @Test
    void moreEntitiesThanASignalCanNameAreMalformed() {
        long[] numbers = new long[Signal.ENTITIES_MAX + 3];
        Arrays.setAll(numbers, i -> i);
        numbers[0] = Signal.ENTITIES_MAX + 1;
        numbers[numbers.length - 1] = 0;
        assertDefect(
                read(recordOf("{\"type\":\"array\",\"items\":\"long\"}"), longs(numbers), "ITEM", "/f"),
                Defect.MALFORMED,
                "the signal names more than 256 entities");
    }
}
