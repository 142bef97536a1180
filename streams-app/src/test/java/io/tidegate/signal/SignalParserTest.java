package io.tidegate.signal;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidegate.signal.ParseResult.Defective;
import io.tidegate.signal.ParseResult.Parsed;
import io.tidegate.tenant.TenantId;
import io.tidegate.tenant.TenantName;
import java.io.ByteArrayOutputStream;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class SignalParserTest {
    private static final SignalParser PARSER = new SignalParser();

    /** Part of every bad value's content; no message may contain it. */
    private static final String SECRET = "s3cr3t";

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    /** JSON with ' for ". */
    private static byte[] json(String text) {
        return bytes(text.replace('\'', '"'));
    }

    private static Signal parsed(byte[] value) {
        ParseResult result = PARSER.parse(value);
        assertThat(result).isInstanceOf(Parsed.class);
        return ((Parsed) result).signal();
    }

    private static Defective defective(byte[] value) {
        ParseResult result = PARSER.parse(value);
        assertThat(result).isInstanceOf(Defective.class);
        return (Defective) result;
    }

    @Test
    void readsAllFields() {
        assertThat(parsed(json("{'tenant_id':42,'signal':'view','item':'i','user':'u','creator':'c','x':[1,{}]}")))
                .isEqualTo(new Signal(TenantId.of(42), "view", "i", "u", "c"));
    }

    @Test
    void anEmptyObjectIsASignalThatNamesNothing() {
        assertThat(parsed(json("{}"))).isEqualTo(new Signal(null, null, null, null));
        assertThat(parsed(json(" \t\r\n{ } \n"))).isEqualTo(new Signal(null, null, null, null));
    }

    @Test
    void anIntegerIdIsTheSameEntityAsItsText() {
        assertThat(parsed(json("{'item':7,'user':-7,'creator':123456789012345678901234567890}")))
                .isEqualTo(parsed(json("{'item':'7','user':'-7','creator':'123456789012345678901234567890'}")));
    }

    @Test
    void nullIdsAreAbsent() {
        assertThat(parsed(json("{'signal':null,'item':null,'user':null,'creator':null}")))
                .isEqualTo(new Signal(null, null, null, null));
    }

    @ParameterizedTest
    @ValueSource(strings = {"0", "42", "9223372036854775808", "18446744073709551615"})
    void readsTenantIdsInTheFullRange(String id) {
        assertThat(parsed(json("{'tenant_id':" + id + "}")).tenantId()).isEqualTo(TenantId.parse(id));
    }

    @Test
    void readsFieldsAtTheTopLevelOnly() {
        assertThat(parsed(json("{'a':{'tenant_id':'x','item':[],'item':1},'b':[{'user':''}],'tenant_id':1}")))
                .isEqualTo(new Signal(TenantId.of(1), null, null, null));
    }

    @Test
    void readsEscapesInNamesAndIds() {
        assertThat(parsed(json("{'\\u0074enant_id':42,'item':'\\u00fc'}")))
                .isEqualTo(new Signal(TenantId.of(42), "ü", null, null));
        assertThat(parsed(json("{'item':'a\\/b\\\\c','user':'\\ud83d\\ude00'}")))
                .isEqualTo(new Signal(null, "a/b\\c", "😀", null));
    }

    @Test
    void keepsBlanksAndLookalikesInIdsApart() {
        assertThat(parsed(json("{'item':' ','user':'7 ','creator':'é'}"))).isEqualTo(new Signal(null, " ", "7 ", "é"));
    }

    @Test
    void takesAValueOfOneMegabyte() {
        assertThat(parsed(json("{'pad':'" + "x".repeat(1_000_000) + "','item':'i'}"))
                        .items()
                        .get(0))
                .isEqualTo("i");
    }

    @Test
    void takesIdsUpToTheirLongest() {
        String longest = "x".repeat(SignalParser.ENTITY_ID_CHARS_MAX);
        assertThat(parsed(json("{'item':'" + longest + "'}")).items().get(0)).isEqualTo(longest);
        assertThat(defective(json("{'item':'" + longest + "x'}")).defect()).isEqualTo(Defect.MALFORMED);
        assertThat(parsed(json("{'item':" + "7".repeat(512) + "}")).items().get(0))
                .hasSize(512);
        assertThat(defective(json("{'item':" + "7".repeat(513) + "}")).defect()).isEqualTo(Defect.MALFORMED);
    }

    @Test
    void rejectsNullAndEmptyValues() {
        assertThat(PARSER.parse(null)).isEqualTo(new Defective(Defect.MALFORMED, "the value is null"));
        assertThat(defective(new byte[0])).isEqualTo(new Defective(Defect.MALFORMED, "the value is empty"));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                " ",
                "s3cr3t",
                "{",
                "{'a'",
                "{'a':",
                "{'a':1",
                "{'a':1,",
                "{'a':1,}",
                "{,}",
                "{a:1}",
                "{'a':s3cr3t}",
                "{'a':'s3cr3t}",
                "{'a':'\n'}",
                "{'a':'\\x'}",
                "{'a':'\\u12'}",
                "{'a':01}",
                "{'a':+1}",
                "{'a':1.}",
                "{'a':.1}",
                "{'a':1e}",
                "{'a':-}",
                "{'a':0x1}",
                "{'a':NaN}",
                "{'a':Infinity}",
                "{'a':TRUE}",
                "{'a':nul}",
                "{'a':[1,]}",
                "{'a':[1}",
                "{'a':1}}",
                "{'a':1]",
                "{'a':1 'b':2}",
                "{'a':1}/* s3cr3t */",
                "{//s3cr3t\n}",
                "{'tenant_id':007}",
                "{'tenant_id':+7}"
            })
    void rejectsValuesThatAreNotJson(String text) {
        assertThat(defective(json(text)).defect()).isEqualTo(Defect.MALFORMED);
    }

    @ParameterizedTest
    @ValueSource(strings = {"[]", "[{}]", "'s3cr3t'", "42", "null", "true", "1.5"})
    void rejectsJsonThatIsNotAnObject(String text) {
        assertThat(defective(json(text))).isEqualTo(new Defective(Defect.MALFORMED, "the value is not a JSON object"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"{} {}", "{}s3cr3t", "{}1", "{}[]", "{},", "{}\u0000"})
    void rejectsTextAfterTheObject(String text) {
        assertThat(defective(json(text)).defect()).isEqualTo(Defect.MALFORMED);
    }

    @Test
    void reportsASecondDocument() {
        assertThat(defective(json("{} {}")).message()).isEqualTo("something follows the JSON object");
    }

    @ParameterizedTest
    @CsvSource({"[,]", "{'a':,}"})
    @Timeout(120)
    void rejectsTenThousandLevelsOfNestingAndTakesFiveHundred(String open, String close) {
        String deep = "{'x':" + open.repeat(10_000) + "1" + close.repeat(10_000) + "}";
        assertThat(defective(json(deep)).message()).contains("nesting of 500");
        String most = "{'x':" + open.repeat(499) + "1" + close.repeat(499) + "}";
        assertThat(parsed(json(most))).isEqualTo(new Signal(null, null, null, null));
        String oneMore = "{'x':" + open.repeat(500) + "1" + close.repeat(500) + "}";
        assertThat(defective(json(oneMore)).message()).contains("nesting of 500");
    }

    @ParameterizedTest
    @Timeout(120)
    @ValueSource(strings = {"[", "{\"a\":", "[[{\"a\":"})
    void rejectsUnclosedNestingOfAMegabyte(String open) {
        assertThat(defective(bytes("{\"x\":" + open.repeat(300_000))).defect()).isEqualTo(Defect.MALFORMED);
    }

    @Test
    void rejectsHugeNamesAndNumbers() {
        assertThat(defective(json("{'" + "n".repeat(50_001) + "':1}")).message())
                .contains("names of 50000 bytes");
        assertThat(defective(json("{'" + "€".repeat(16_667) + "':1}")).message())
                .contains("names of 50000 bytes");
        assertThat(parsed(json("{'" + "€".repeat(16_666) + "':1}")).tenantId()).isNull();
        assertThat(defective(json("{'x':" + "7".repeat(1_001) + "}")).message()).contains("numbers of 1000");
        assertThat(defective(json("{'tenant_id':" + "7".repeat(900) + "}")).defect())
                .isEqualTo(Defect.TENANT_INVALID);
    }

    @ParameterizedTest
    @ValueSource(strings = {"tenant_id", "signal", "item", "user", "creator"})
    void rejectsARepeatedFieldThatIsRead(String name) {
        String value = name.equals("signal") ? "'a'" : "1";
        assertThat(defective(json("{'%s':%s,'x':1,'%s':%s}".formatted(name, value, name, value))))
                .isEqualTo(new Defective(Defect.MALFORMED, "the field '" + name + "' occurs more than once"));
    }

    @Test
    void rejectsADuplicateHiddenByEscapes() {
        assertThat(defective(json("{'tenant_id':1,'tenant\\u005fid':2}")).message())
                .isEqualTo("the field 'tenant_id' occurs more than once");
        assertThat(defective(json("{'item':null,'item':'a'}")).defect()).isEqualTo(Defect.MALFORMED);
    }

    @Test
    void passesDuplicatesOfFieldsThatAreNotRead() {
        assertThat(parsed(json("{'a':1,'a':2}"))).isEqualTo(new Signal(null, null, null, null));
    }

    @ParameterizedTest
    @ValueSource(strings = {"acme", "org_8Kd", "a b", "Z\u00fcrich", "Zu\u0308rich", "\\u0061cme"})
    void readsATenantsName(String name) {
        Signal signal = parsed(json("{'item':'i','tenant_id':'" + name + "'}"));

        assertThat(signal.tenantId()).isNull();
        assertThat(signal.tenantName()).isEqualTo(TenantName.parse(name.replace("\\u0061", "a")));
        assertThat(signal.items()).containsExactly("i");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "'42'",
                "''",
                "'../../etc'",
                "'t42'",
                "' acme'",
                "42.0",
                "4.2e1",
                "-1",
                "-0",
                "18446744073709551616",
                "99999999999999999999",
                "null",
                "true",
                "[42]",
                "[]",
                "{}",
                "{'tenant_id':42}"
            })
    void rejectsATenantIdThatIsNotAnIntegerInRange(String id) {
        assertThat(defective(json("{'item':'i','tenant_id':" + id + ",'user':'u'}")))
                .isEqualTo(new Defective(
                        Defect.TENANT_INVALID,
                        "the field 'tenant_id' is neither an integer from 0 to 2^64-1 nor a name"));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "''",
                "'\\u0000'",
                "'a\\nb'",
                "'\\u007f'",
                "'\\u0085'",
                "'\\ud83d'",
                "'a\\ude00\\ud83d'",
                "1.0",
                "1e3",
                "true",
                "[]",
                "{}",
                "['a']"
            })
    void rejectsAnEntityIdThatIsEmptyOrAControlCharacterOrNoTextOrInteger(String id) {
        for (String name : List.of("item", "user", "creator")) {
            assertThat(defective(json("{'" + name + "':" + id + "}")))
                    .isEqualTo(new Defective(
                            Defect.MALFORMED,
                            "the field '" + name + "' is not an integer or a text of 1 to 512 characters"
                                    + " without control characters"));
        }
    }

    @Test
    void rejectsAHugeEntityId() {
        assertThat(defective(json("{'item':'" + "x".repeat(1_000_000) + "'}")).message())
                .startsWith("the field 'item' is not");
    }

    @ParameterizedTest
    @ValueSource(strings = {"1", "true", "[]", "{}"})
    void rejectsASignalNameThatIsNotText(String name) {
        assertThat(defective(json("{'signal':" + name + "}")).message()).isEqualTo("the field 'signal' is not text");
    }

    @Test
    void brokenJsonOutranksABadFieldBeforeIt() {
        assertThat(defective(json("{'tenant_id':-1,'x':")).defect()).isEqualTo(Defect.MALFORMED);
        assertThat(defective(json("{'tenant_id':-1} x")).defect()).isEqualTo(Defect.MALFORMED);
    }

    @Test
    void namesTheFirstOfSeveralBadFields() {
        assertThat(defective(json("{'tenant_id':-1,'item':''}")).defect()).isEqualTo(Defect.TENANT_INVALID);
        assertThat(defective(json("{'item':'','tenant_id':-1}")).defect()).isEqualTo(Defect.MALFORMED);
    }

    /** In an id, in a field that is skipped, and in a name. */
    @ParameterizedTest
    @CsvSource({
        "80, a continuation byte alone",
        "ff, a byte that UTF-8 never has",
        "fe, a byte that UTF-8 never has",
        "c3, a lead byte alone",
        "e282, a cut sequence",
        "f09f98, a cut sequence",
        "c080, an overlong zero",
        "c1bf, an overlong ASCII character",
        "e0809f, an overlong sequence",
        "f0808080, an overlong sequence",
        "eda080, a surrogate",
        "edbfbf, a surrogate",
        "f4908080, above the last code point",
        "f8888080, five bytes"
    })
    void rejectsInvalidUtf8Anywhere(String hex, String what) {
        byte[] bad = HexFormat.of().parseHex(hex);
        for (String place : List.of("{'item':'%'}", "{'x':'%'}", "{'%':1}", "{'x':{'y':['%']}}", "{'a%b':1}")) {
            String[] around = place.replace('\'', '"').split("%", -1);
            ByteArrayOutputStream value = new ByteArrayOutputStream();
            value.writeBytes(bytes(around[0]));
            value.writeBytes(bad);
            value.writeBytes(bytes(around[1]));
            assertThat(PARSER.parse(value.toByteArray()))
                    .as("%s (%s) in %s", what, hex, place)
                    .isEqualTo(new Defective(Defect.MALFORMED, "the value is not valid JSON in UTF-8"));
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"UTF-16LE", "UTF-16BE", "UTF-16", "UTF-32LE", "UTF-32BE"})
    void rejectsOtherEncodings(String charset) {
        byte[] value = "{\"tenant_id\":42}".getBytes(Charset.forName(charset));
        assertThat(defective(value).defect()).isEqualTo(Defect.MALFORMED);
    }

    @Test
    void messagesNeverHoldTheContent() {
        for (String text : List.of(
                SECRET,
                "{'" + SECRET + "':" + SECRET + "}",
                "{'a':'" + SECRET,
                "{'tenant_id':'" + SECRET + "\\n'}",
                "{'tenant_id':" + SECRET + "}",
                "{'item':['" + SECRET + "']}",
                "{'item':'" + SECRET + "\\n'}",
                "{'signal':{'" + SECRET + "':1}}",
                "{'" + SECRET + "':1}" + SECRET,
                "{'" + SECRET.repeat(10_000) + "':1}",
                "{'a':'" + SECRET + "\n'}",
                "{'a':'\\" + SECRET + "'}",
                "['" + SECRET + "']")) {
            assertThat(defective(json(text)).message()).doesNotContainIgnoringCase(SECRET);
        }
    }

    @Test
    void rejectsAByteOrderMark() {
        byte[] object = bytes("{\"tenant_id\":42}");
        for (String before : List.of("\uFEFF", "\uFEFF ", " \uFEFF", "\uFEFF\uFEFF")) {
            ByteArrayOutputStream value = new ByteArrayOutputStream();
            value.writeBytes(before.getBytes(StandardCharsets.UTF_8));
            value.writeBytes(object);
            assertThat(PARSER.parse(value.toByteArray())).isInstanceOf(Defective.class);
        }
        assertThat(PARSER.parse(bytes("\uFEFF{}")))
                .isEqualTo(new Defective(Defect.MALFORMED, "the value begins with a byte order mark"));
    }

    /** RFC 8259 allows it, and the parser accepts it in every other text. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "{'x':{'\\ud83d':1},'item':'a'}",
                "{'\\ud83d':1,'item':'a'}",
                "{'\\uDE00\\uD83D':1,'item':'a'}",
                "{'\\ud83d\\ude00':1,'item':'a'}",
                "{'x':'\\ud83d','item':'a'}"
            })
    void acceptsHalfASurrogatePairInNamesAsInTexts(String value) {
        assertThat(PARSER.parse(bytes(value.replace('\'', '"'))))
                .isEqualTo(new Parsed(new Signal(null, "a", null, null)));
        assertThat(PARSER.parse(bytes(value.replace('\'', '"') + "x"))).isInstanceOf(Defective.class);
    }
}
