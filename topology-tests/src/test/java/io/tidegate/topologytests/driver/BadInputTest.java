package io.tidegate.topologytests.driver;

import static io.tidegate.topologytests.driver.TopologyFixture.ACCEPTED;
import static io.tidegate.topologytests.driver.TopologyFixture.DEAD_LETTER;
import static io.tidegate.topologytests.driver.TopologyFixture.T0;
import static io.tidegate.topologytests.driver.TopologyFixture.bytes;
import static io.tidegate.topologytests.driver.TopologyFixture.lines;
import static io.tidegate.topologytests.driver.TopologyFixture.record;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import io.tidegate.contract.RecordSizes;
import io.tidegate.topologytests.driver.TopologyFixture.Draft;
import io.tidegate.topologytests.driver.TopologyFixture.Outcome;
import java.io.ByteArrayOutputStream;
import java.nio.charset.Charset;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.stream.Stream;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.streams.test.TestRecord;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** No input stops the topology, is lost, or affects other signals. */
class BadInputTest {
    private static final int MIB = 1024 * 1024;

    @TempDir(factory = MemoryDir.class)
    private Path dir;

    static Stream<Arguments> badValues() {
        return Stream.of(
                arguments("null", null, "malformed"),
                arguments("empty", new byte[0], "malformed"),
                arguments("blank", bytes(" \n\t "), "malformed"),
                arguments("not JSON", bytes("hello"), "malformed"),
                arguments("zero bytes", new byte[100], "malformed"),
                arguments("an array", bytes("[{\"tenant_id\":42}]"), "malformed"),
                arguments("text", bytes("\"tenant_id\""), "malformed"),
                arguments("a number", bytes("42"), "malformed"),
                arguments("JSON null", bytes("null"), "malformed"),
                arguments("cut short", bytes("{\"tenant_id\":42,\"item\":\"a"), "malformed"),
                arguments("not closed", bytes("{\"tenant_id\":42"), "malformed"),
                arguments("two objects", bytes("{\"tenant_id\":42}{\"tenant_id\":42}"), "malformed"),
                arguments("something behind", bytes("{\"tenant_id\":42} x"), "malformed"),
                arguments("a comment", bytes("{\"tenant_id\":42/* */}"), "malformed"),
                arguments("a trailing comma", bytes("{\"tenant_id\":42,}"), "malformed"),
                arguments("not a number", bytes("{\"tenant_id\":42,\"x\":NaN}"), "malformed"),
                arguments("duplicate tenant_id", bytes("{\"tenant_id\":42,\"tenant_id\":42}"), "malformed"),
                arguments(
                        "tenant_id twice, once escaped",
                        bytes("{\"tenant_id\":42,\"tenant\\u005fid\":7}"),
                        "malformed"),
                arguments("duplicate item", bytes("{\"tenant_id\":42,\"item\":1,\"item\":2}"), "malformed"),
                arguments("1 MB of nothing", new byte[MIB], "too_large"),
                arguments("1 MB of JSON", sized(MIB), "too_large"),
                arguments("10,000 arrays", nested("[", "]", 10_000), "malformed"),
                arguments("10,000 objects", nested("{\"a\":", "}", 10_000), "malformed"),
                arguments("10,000 objects, not closed", bytes("{\"a\":".repeat(10_000)), "malformed"),
                arguments("a tenant_id that is text", tenant("\"42\""), "tenant_invalid"),
                arguments("a tenant_id that is a path", tenant("\"../../etc\""), "tenant_invalid"),
                arguments("a tenant_id that is a float", tenant("42.0"), "tenant_invalid"),
                arguments("a tenant_id in exponents", tenant("4e1"), "tenant_invalid"),
                arguments("a negative tenant_id", tenant("-42"), "tenant_invalid"),
                arguments("a tenant_id of minus zero", tenant("-0"), "tenant_invalid"),
                arguments("a tenant_id of 2^64", tenant("18446744073709551616"), "tenant_invalid"),
                arguments("a tenant_id of 900 digits", tenant("9".repeat(900)), "tenant_invalid"),
                arguments("a tenant_id of 5,000 digits", tenant("9".repeat(5_000)), "malformed"),
                arguments("a tenant_id with a leading zero", tenant("042"), "malformed"),
                arguments("a tenant_id that is null", tenant("null"), "tenant_invalid"),
                arguments("a tenant_id that is true", tenant("true"), "tenant_invalid"),
                arguments("a tenant_id that is an object", tenant("{\"tenant_id\":42}"), "tenant_invalid"),
                arguments("a tenant_id that is a list", tenant("[42]"), "tenant_invalid"),
                arguments("an empty entity", with("\"item\":\"\""), "malformed"),
                arguments("a huge entity", with("\"user\":\"" + "u".repeat(100_000) + "\""), "malformed"),
                arguments("an entity one too long", with("\"user\":\"" + "u".repeat(513) + "\""), "malformed"),
                arguments("an entity of control characters", with("\"creator\":\"\\u0000\\u001b[2J\""), "malformed"),
                arguments("an entity with a C1 control", with("\"creator\":\"a\\u0085b\""), "malformed"),
                arguments("an entity with a raw line feed", with("\"creator\":\"a\nb\""), "malformed"),
                arguments("an entity that is a float", with("\"item\":1.5"), "malformed"),
                arguments("an entity that is true", with("\"item\":true"), "malformed"),
                arguments("an entity that is an object", with("\"item\":{}"), "malformed"),
                arguments("a signal that is a number", with("\"signal\":1"), "malformed"),
                arguments("invalid UTF-8 in a field that is read", invalid("\"item\":\"", 0xC3, 0x28), "malformed"),
                arguments("invalid UTF-8 in a field that is not", invalid("\"note\":\"", 0xFF), "malformed"),
                arguments("UTF-8 cut in the middle", invalid("\"note\":\"", 0xE2, 0x82), "malformed"),
                arguments("UTF-8 in more bytes than needed", invalid("\"note\":\"", 0xC0, 0xAF), "malformed"),
                arguments("half a surrogate pair in UTF-8", invalid("\"note\":\"", 0xED, 0xA0, 0x80), "malformed"),
                arguments("UTF-16", encoded("UTF-16BE"), "malformed"),
                arguments("UTF-16, little-endian", encoded("UTF-16LE"), "malformed"),
                arguments("UTF-32", encoded("UTF-32BE"), "malformed"),
                arguments("an unknown tenant", bytes("{\"tenant_id\":43}"), "tenant_unknown"));
    }

    private static byte[] tenant(String id) {
        return bytes("{\"tenant_id\":" + id + "}");
    }

    private static byte[] with(String field) {
        return bytes("{\"tenant_id\":42," + field + "}");
    }

    private static byte[] nested(String open, String close, int levels) {
        return with("\"x\":" + open.repeat(levels) + "1" + close.repeat(levels));
    }

    private static byte[] encoded(String charset) {
        return "{\"tenant_id\":42}".getBytes(Charset.forName(charset));
    }

    private static byte[] invalid(String start, int... tail) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        out.writeBytes(bytes("{\"tenant_id\":42," + start));
        for (int octet : tail) {
            out.write(octet);
        }
        out.writeBytes(bytes("\"}"));
        return out.toByteArray();
    }

    /** A signal of exactly this length in bytes. */
    private static byte[] sized(int length) {
        String frame = "{\"tenant_id\":42,\"x\":\"\"}";
        return bytes(frame.replace("\"\"", "\"" + "x".repeat(length - frame.length()) + "\""));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("badValues")
    void aBadValueEndsAloneAndItsNeighboursPass(String what, byte[] value, String reason) {
        try (TopologyFixture topology = start()) {
            Outcome before = topology.send("42", T0, "\"item\":1");
            Outcome bad = topology.send(record(value).key("k").header("h", "v").now());
            Outcome after = topology.send("42", T0, "\"item\":1");

            assertThat(bad.verdict()).as(what).isEqualTo(reason);
            assertThat(bad.key()).isEqualTo("k");
            assertThat(bad.header("h")).isEqualTo("v");
            assertThat(bad.offsetOfSource()).isEqualTo(1);
            if (!reason.equals("too_large")) {
                assertThat(bad.record().value()).isEqualTo(value);
                assertThat(bad.header("tidegate.truncated_from_bytes")).isNull();
            }
            assertThat(before.key()).isEqualTo("42:0");
            assertThat(after.key()).isEqualTo("42:1");
            assertThat(topology.wal("42")).hasSize(2);
        }
    }

    static Stream<Arguments> oddButGoodValues() {
        return Stream.of(
                arguments("the largest that fits", sized(MIB - RecordSizes.HEADROOM_BYTES)),
                arguments("400 levels", nested("[", "]", 400)),
                arguments("the longest entity", with("\"user\":\"" + "u".repeat(512) + "\"")),
                arguments("an entity in other scripts", with("\"user\":\"ü\uD83D\uDE00\\ud83d\\ude00/../\"")),
                arguments("an entity larger than a long", with("\"item\":" + "9".repeat(300))),
                arguments("entities that are null", with("\"item\":null,\"user\":null,\"signal\":null")),
                arguments("a tenant inside another field", with("\"x\":{\"tenant_id\":\"../..\"}")),
                arguments("an unread field twice", with("\"x\":1,\"x\":2")),
                arguments("blanks around", bytes(" \n{ \"tenant_id\" : 42 }\r\n ")));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("oddButGoodValues")
    void anOddValuePasses(String what, byte[] value) {
        try (TopologyFixture topology = start()) {
            Outcome outcome = topology.send(record(value).now());

            assertThat(outcome.verdict()).as(what).isEqualTo(ACCEPTED);
            assertThat(topology.wal("42").get(0).value()).isEqualTo(value);
        }
    }

    private TopologyFixture start() {
        TopologyFixture topology = TopologyFixture.in(dir).start();
        topology.config("42", "");
        return topology;
    }

    /** The size of a record in the topic, without the headroom for Tidegate's own headers. */
    private static long size(TestRecord<byte[], byte[]> record) {
        long bytes = length(record.key()) + length(record.value());
        for (Header header : record.headers()) {
            if (!header.key().startsWith("tidegate.")) {
                bytes += header.key().length() + length(header.value());
            }
        }
        return bytes;
    }

    private static long length(byte[] bytes) {
        return bytes == null ? 0 : bytes.length;
    }

    @Test
    void aValueThatIsTooLargeIsCutToFitTheDeadLetterTopic() {
        try (TopologyFixture topology = start()) {
            byte[] value = sized(5 * MIB);

            Outcome outcome =
                    topology.send(record(value).key("k").header("h", "v").now());

            assertThat(outcome.topic()).isEqualTo(DEAD_LETTER);
            assertThat(outcome.verdict()).isEqualTo("too_large");
            assertThat(outcome.header("tidegate.truncated_from_bytes")).isEqualTo(Integer.toString(5 * MIB));
            assertThat(outcome.header("tidegate.retryable")).isEqualTo("false");
            assertThat(outcome.header("h")).isEqualTo("v");
            assertThat(outcome.key()).isEqualTo("k");
            byte[] kept = outcome.record().value();
            assertThat(kept).isEqualTo(Arrays.copyOf(value, kept.length));
            assertThat(size(outcome.record()))
                    .isBetween(MIB - RecordSizes.HEADROOM_BYTES - 100L, (long) MIB - RecordSizes.HEADROOM_BYTES);
        }
    }

    @Test
    void aRecordFitsUpToTheLastByte() {
        try (TopologyFixture topology =
                TopologyFixture.in(dir).sizes(new RecordSizes(1_000, 1_000)).start()) {
            topology.config("42", "");

            assertThat(topology.send(record(sized(1_000)).now()).verdict()).isEqualTo(ACCEPTED);
            Outcome larger = topology.send(record(sized(1_001)).now());
            assertThat(larger.verdict()).isEqualTo("too_large");
            assertThat(larger.record().value()).hasSize(1_000);
            assertThat(topology.send(record(sized(999)).key("ab").now()).verdict())
                    .isEqualTo("too_large");
            assertThat(topology.send(record(sized(990)).header("ab", "abcdef").now())
                            .verdict())
                    .isEqualTo("too_large");
        }
    }

    @Test
    void aSmallerDeadLetterTopicCutsWhatOtherTopicsTake() {
        try (TopologyFixture topology =
                TopologyFixture.in(dir).sizes(new RecordSizes(1_000, 600)).start()) {
            topology.config("42", "");

            Outcome accepted = topology.send(record(sized(900)).now());
            Outcome malformed = topology.send(record("x".repeat(900)).key("key").now());

            assertThat(accepted.verdict()).isEqualTo(ACCEPTED);
            assertThat(malformed.verdict()).isEqualTo("malformed");
            assertThat(malformed.record().value()).hasSize(597);
            assertThat(malformed.header("tidegate.truncated_from_bytes")).isEqualTo("900");
        }
    }

    @Test
    void hugeHeadersAreDroppedFromTheDeadLetterAndTheValueStays() {
        try (TopologyFixture topology = start()) {
            Draft draft = record("{\"tenant_id\":42}").key("k");
            for (int i = 0; i < 20; i++) {
                draft.header("h" + i, "x".repeat(100_000));
            }

            Outcome outcome = topology.send(draft.now());

            assertThat(outcome.verdict()).isEqualTo("too_large");
            assertThat(outcome.value()).isEqualTo("{\"tenant_id\":42}");
            assertThat(lines(outcome.record().headers())).allMatch(line -> line.startsWith("tidegate."));
            assertThat(outcome.header("tidegate.truncated_from_bytes")).isEqualTo("16");
        }
    }

    @Test
    void hugeHeadersOnANullValueLeaveANullValue() {
        try (TopologyFixture topology = start()) {
            Outcome outcome = topology.send(
                    record((byte[]) null).header("h", "x".repeat(2 * MIB)).now());

            assertThat(outcome.verdict()).isEqualTo("too_large");
            assertThat(outcome.record().value()).isNull();
        }
    }

    @Test
    void aHugeKeyIsDroppedFromTheDeadLetter() {
        try (TopologyFixture topology = start()) {
            Outcome outcome = topology.send(
                    record("{\"tenant_id\":42}").key("k".repeat(2 * MIB)).now());

            assertThat(outcome.verdict()).isEqualTo("too_large");
            assertThat(outcome.record().key()).isNull();
            assertThat(outcome.value()).isEqualTo("{\"tenant_id\":42}");
        }
    }

    @Test
    void everythingHugeAtOnceStillEndsInTheDeadLetterTopic() {
        try (TopologyFixture topology = start()) {
            Outcome outcome = topology.send(record("x".repeat(2 * MIB))
                    .key("k".repeat(4 * MIB))
                    .header("h".repeat(MIB), "x".repeat(MIB))
                    .now());

            assertThat(outcome.verdict()).isEqualTo("too_large");
            assertThat(size(outcome.record())).isLessThanOrEqualTo(MIB - RecordSizes.HEADROOM_BYTES);
            assertThat(outcome.header("tidegate.truncated_from_bytes")).isEqualTo(Integer.toString(2 * MIB));
        }
    }

    @Test
    void manyHeadersThatFitPassUntouched() {
        try (TopologyFixture topology = start()) {
            Draft draft = record("{\"tenant_id\":42}");
            for (int i = 0; i < 2_000; i++) {
                draft.header("h" + i, "x".repeat(100));
            }
            TestRecord<byte[], byte[]> sent = draft.now();

            assertThat(topology.send(sent).verdict()).isEqualTo(ACCEPTED);
            assertThat(topology.wal("42").get(0).headers()).hasSize(2_001);
        }
    }

    @Test
    void noPartOfABadValueOrAStackTraceGetsIntoAHeader() {
        try (TopologyFixture topology = start()) {
            for (String value : new String[] {"SECRET", "{\"tenant_id\":\"SECRET\"}", "{\"item\":\"SECRET\\u0000\"}"}) {
                assertThat(lines(topology.send(record(value).now()).record().headers()))
                        .noneMatch(line -> line.contains("SECRET"))
                        .noneMatch(line -> line.contains("Exception"))
                        .noneMatch(line -> line.contains("\n"));
            }
        }
    }
}
