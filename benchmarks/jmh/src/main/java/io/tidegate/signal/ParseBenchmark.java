package io.tidegate.signal;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.ObjectReader;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.apache.avro.Schema;
import org.apache.avro.SchemaBuilder;
import org.apache.avro.io.BinaryEncoder;
import org.apache.avro.io.EncoderFactory;
import org.jspecify.annotations.Nullable;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;

/**
 * Reads the value of a signal with Tidegate's parser, as a tree, and into an object. The last two check less. {@link #own} uses
 * the default mapping. {@link #pointersOfDepth3} must take at most a quarter longer for a value of the same size. {@link #avro}
 * reads the same fields of an Avro record.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@SuppressWarnings("NullAway.Init") // JMH calls setUp before anything else
public class ParseBenchmark {
    /** The object that Jackson binds a value to. */
    @JsonIgnoreProperties(ignoreUnknown = true)
    record BoundSignal(
            @JsonProperty("tenant_id") long tenantId,
            @Nullable String signal,
            @Nullable String item,
            @Nullable String user,
            @Nullable String creator) {}

    @Param({"200", "1000", "10000"})
    private int valueBytes;

    private final SignalParser parser = new SignalParser();
    private final ObjectMapper mapper = new ObjectMapper();
    private final ObjectReader bound = mapper.readerFor(BoundSignal.class);
    private final SignalReader pointers = new SignalReader(mapping(SignalFormat.JSON));
    private byte[] value;
    private byte[] nested;
    private byte[] avroValue;
    private SignalReader avroReader;

    private static SignalMapping mapping(SignalFormat format) {
        return new SignalMapping(
                format,
                Map.of(
                        SignalField.TENANT, List.of(FieldSource.parse("/event/who/tenant_id")),
                        SignalField.TYPE, List.of(FieldSource.parse("/event/what/signal")),
                        SignalField.ITEM, List.of(FieldSource.parse("/event/what/item")),
                        SignalField.USER, List.of(FieldSource.parse("/event/who/user")),
                        SignalField.CREATOR, List.of(FieldSource.parse("/event/what/creator"))));
    }

    private static byte[] padded(String fields, String end, int bytes) {
        return (fields + "x".repeat(Math.max(0, bytes - fields.length() - end.length())) + end)
                .getBytes(StandardCharsets.US_ASCII);
    }

    private void setUpAvro() throws IOException {
        Schema who = SchemaBuilder.record("Who")
                .fields()
                .requiredLong("tenant_id")
                .requiredString("user")
                .endRecord();
        Schema what = SchemaBuilder.record("What")
                .fields()
                .requiredString("signal")
                .requiredString("item")
                .requiredString("creator")
                .endRecord();
        Schema event = SchemaBuilder.record("Event")
                .fields()
                .name("who")
                .type(who)
                .noDefault()
                .name("what")
                .type(what)
                .noDefault()
                .endRecord();
        Schema schema = SchemaBuilder.record("Signal")
                .fields()
                .name("event")
                .type(event)
                .noDefault()
                .requiredLong("number")
                .requiredString("pad")
                .endRecord();
        avroReader = new SignalReader(mapping(SignalFormat.AVRO), id -> new WriterSchemas.SchemaLookup.Usable(schema));
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        bytes.write(new byte[5]);
        BinaryEncoder encoder = EncoderFactory.get().directBinaryEncoder(bytes, null);
        encoder.writeLong(523);
        encoder.writeString("user-42");
        encoder.writeString("view");
        encoder.writeString("item-171");
        encoder.writeString("creator-7");
        encoder.writeLong(123_456);
        encoder.writeString("x".repeat(Math.max(0, valueBytes - bytes.size() - 2)));
        avroValue = bytes.toByteArray();
    }

    @Setup
    public void setUp() throws IOException {
        setUpAvro();
        nested = padded(
                "{\"event\":{\"who\":{\"tenant_id\":523,\"user\":\"user-42\"},\"what\":{\"signal\":\"view\","
                        + "\"item\":\"item-171\",\"creator\":\"creator-7\"}},\"number\":123456,\"pad\":\"",
                "\"}",
                valueBytes);
        String fields = "{\"tenant_id\":523,\"signal\":\"view\",\"item\":\"item-171\",\"user\":\"user-42\","
                + "\"creator\":\"creator-7\",\"number\":123456,\"pad\":\"";
        value = padded(fields, "\"}", valueBytes);
    }

    @Benchmark
    public ParseResult own() {
        return parser.parse(value);
    }

    @Benchmark
    public ParseResult pointersOfDepth3() {
        return pointers.read(null, nested, HeaderValues.NONE);
    }

    @Benchmark
    public ParseResult avro() {
        return avroReader.read(null, avroValue, HeaderValues.NONE);
    }

    @Benchmark
    public Object databindTree() throws IOException {
        return mapper.readTree(value);
    }

    @Benchmark
    public Object databindRecord() throws IOException {
        return bound.readValue(value);
    }
}
