package io.tidegate.signal;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.ObjectReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;

/** A signal's value read by Tidegate, as a tree, and into an object; the last two check less. */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@SuppressWarnings("NullAway.Init") // JMH calls setUp before anything else
public class ParseBenchmark {
    /** What Jackson fills. */
    @JsonIgnoreProperties(ignoreUnknown = true)
    record Bound(
            @JsonProperty("tenant_id") long tenantId,
            @Nullable String signal,
            @Nullable String item,
            @Nullable String user,
            @Nullable String creator) {}

    @Param({"200", "1000", "10000"})
    private int valueBytes;

    private final SignalParser parser = new SignalParser();
    private final ObjectMapper mapper = new ObjectMapper();
    private final ObjectReader bound = mapper.readerFor(Bound.class);
    private byte[] value;

    @Setup
    public void setUp() {
        String fields = "{\"tenant_id\":523,\"signal\":\"view\",\"item\":\"item-171\",\"user\":\"user-42\","
                + "\"creator\":\"creator-7\",\"number\":123456,\"pad\":\"";
        String end = "\"}";
        value = (fields + "x".repeat(Math.max(0, valueBytes - fields.length() - end.length())) + end)
                .getBytes(StandardCharsets.US_ASCII);
    }

    @Benchmark
    public ParseResult own() {
        return parser.parse(value);
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
