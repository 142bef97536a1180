package io.tidegate.signal;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.tidegate.signal.ParseResult.Defective;
import io.tidegate.signal.ParseResult.Parsed;
import io.tidegate.tenant.TenantId;
import java.util.ArrayList;
import java.util.Collections;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The fields that a mapping reads from a record. Values are written with ' for ". */
class SignalReaderTest {
    private static final SignalReader NESTED = reader(
            SignalFormat.JSON,
            "/account/id",
            "/event/type",
            "/payload/sku,/payload/related",
            "/actor/0/id",
            "/by~1who");

    private static SignalReader reader(SignalFormat format, String... places) {
        Map<SignalField, List<FieldSource>> sources = new EnumMap<>(SignalField.class);
        for (int i = 0; i < places.length; i++) {
            sources.put(
                    SignalField.values()[i],
                    places[i].isEmpty()
                            ? List.of()
                            : List.of(places[i].split(",")).stream()
                                    .map(FieldSource::parse)
                                    .toList());
        }
        return new SignalReader(new SignalMapping(format, sources));
    }

    private static byte[] bytes(String text) {
        return text.replace('\'', '"').getBytes(UTF_8);
    }

    private static ParseResult read(SignalReader reader, String value) {
        return reader.read(null, bytes(value), HeaderValues.NONE);
    }

    private static Signal signal(ParseResult result) {
        assertThat(result).isInstanceOf(Parsed.class);
        return ((Parsed) result).signal();
    }

    private static Defective defective(ParseResult result) {
        assertThat(result).isInstanceOf(Defective.class);
        return (Defective) result;
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "\\u0061", "ü"})
    void readsNestedFieldsListsAndElementsWhetherPlainOrNot(String pad) {
        assertThat(signal(read(
                        NESTED,
                        "{'x':'" + pad + "','account':{'id':42,'name':'a'},'event':{'type':'view'},"
                                + "'payload':{'sku':'s-1','related':['s-2',3,null,'s-1']},"
                                + "'actor':[{'id':'u-1'},{'id':'u-2'}],'by/who':'c','item':'not read'}")))
                .isEqualTo(
                        new Signal(TenantId.of(42), "view", List.of("s-1", "s-2", "3"), List.of("u-1"), List.of("c")));
    }

    @Test
    void namesThatBeginAlikeAreDifferentFields() {
        SignalReader reader = reader(
                SignalFormat.JSON,
                "/t",
                "",
                "/abcdefg,/abcdefgh,/abcdefghi",
                "/abcdefghijklmnop,/",
                "/abcdefghijklmnoq");
        assertThat(signal(read(
                        reader,
                        "{'abcdefg':7,'abcdefgh':8,'abcdefghi':9,'abcdefghj':10,'abcdefgH':11,'abcdefghijklmnop':16,"
                                + "'abcdefghijklmnoq':17,'abcdefghijklmnopq':18,'':0,'t':1}")))
                .isEqualTo(new Signal(TenantId.of(1), null, List.of("7", "8", "9"), List.of("16", "0"), List.of("17")));
        assertThat(signal(read(reader, "{'':5}"))).isEqualTo(new Signal(null, null, "5", null));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "{}",
                "{'account':null,'event':7,'payload':[],'actor':{},'by':1}",
                "{'account':{},'event':{'type':null},'payload':{'sku':null,'related':[]},'actor':[],'by/who':null}",
                "{'account':'42','payload':'s','actor':[[{'id':1}]]}",
                "{'id':1,'account.id':2,'Account':{'id':3},'nested':{'account':{'id':4}}}"
            })
    void findsNothingInOtherPlaces(String value) {
        assertThat(signal(read(NESTED, value))).isEqualTo(new Signal(null, null, null, null));
    }

    @ParameterizedTest
    @ValueSource(strings = {"42", "'42'", "18446744073709551615", "'18446744073709551615'", "'\\u0034'"})
    void readsATenantThatIsAnIntegerOrItsText(String id) {
        assertThat(signal(read(NESTED, "{'account':{'id':" + id + "}}")).tenantId())
                .isNotNull();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "null",
                "'t42'",
                "'042'",
                "-1",
                "4.2",
                "'4.2'",
                "true",
                "{}",
                "[42]",
                "[]",
                "18446744073709551616",
                "''"
            })
    void aTenantThatIsNotAnIdIsInvalid(String id) {
        assertThat(read(NESTED, "{'account':{'id':" + id + "}}"))
                .isEqualTo(
                        new Defective(
                                Defect.TENANT_INVALID,
                                "the field '/account/id' does not name a tenant: a decimal from 0 to 2^64-1 or a name is expected"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"''", "{}", "true", "1.5", "'\\n'", "[[]]", "['a',{}]", "[true]", "['']"})
    void anInvalidIdIsMalformed(String id) {
        assertThat(defective(read(NESTED, "{'payload':{'sku':" + id + "}}")))
                .isEqualTo(new Defective(
                        Defect.MALFORMED,
                        "the field '/payload/sku' is not an integer, a text or a list of these, of 1 to 512 characters each,"
                                + " without control characters"));
    }

    @ParameterizedTest
    @CsvSource(
            quoteCharacter = '"',
            delimiter = '|',
            value = {
                "{'account':{'id':1,'id':1}}|/account/id",
                "{'account':{'id':1},'account':{}}|/account",
                "{'payload':{'sku':1,'sku':null}}|/payload/sku",
                "{'actor':[],'actor':[{'id':1}]}|/actor",
                "{'by/who':1,'by\\u002fwho':2}|/by~1who"
            })
    void aRepeatedNameOnTheWayToAFieldIsMalformed(String value, String path) {
        assertThat(defective(read(NESTED, value)))
                .isEqualTo(new Defective(Defect.MALFORMED, "the field '%s' occurs more than once".formatted(path)));
    }

    @Test
    void aRepeatedNameIsFoundAtAnyPlaceAmongMany() {
        List<FieldSource> items = new ArrayList<>();
        List<String> fields = new ArrayList<>();
        for (int i = 0; i < SignalMapping.SOURCES_MAX; i++) {
            String way = String.join("/", Collections.nCopies(FieldSource.DEPTH_MAX - 1, "n"));
            items.add(FieldSource.parse("/f" + i + "/" + way));
            fields.add("'f%d':%s%s%s"
                    .formatted(i, "{'n':".repeat(FieldSource.DEPTH_MAX - 1), i, "}".repeat(FieldSource.DEPTH_MAX - 1)));
        }
        SignalReader reader = new SignalReader(new SignalMapping(SignalFormat.JSON, Map.of(SignalField.ITEM, items)));
        String sound = String.join(",", fields);

        assertThat(signal(read(reader, "{%s}".formatted(sound))).items()).hasSize(SignalMapping.SOURCES_MAX);
        for (int i = 0; i < SignalMapping.SOURCES_MAX; i++) {
            assertThat(defective(read(reader, "{%s,%s}".formatted(sound, fields.get(i))))
                            .message())
                    .isEqualTo("the field '/f%d' occurs more than once".formatted(i));
        }
    }

    @Test
    void aRepeatedNameInAnotherPlaceIsAllowed() {
        assertThat(signal(read(NESTED, "{'x':1,'x':2,'actor':[{'id':1},{'id':2,'id':3}]}"))
                        .users())
                .containsExactly("1");
    }

    @Test
    void brokenJsonOutranksEveryField() {
        for (String value :
                new String[] {"{'account':{'id':'x'}", "{'account':{'id':'x'},}", "{'account':{'id':'x'}}}"}) {
            assertThat(defective(read(NESTED, value)).message()).doesNotContain("/account/id");
        }
        assertThat(defective(read(NESTED, "[]")).message()).isEqualTo("the value is not a JSON object");
        assertThat(defective(NESTED.read(null, null, HeaderValues.NONE)).message())
                .isEqualTo("the value is null");
        assertThat(defective(NESTED.read(null, new byte[0], HeaderValues.NONE)).message())
                .isEqualTo("the value is empty");
    }

    @ParameterizedTest
    @ValueSource(strings = {"", ",'x':'ü'"})
    void aSignalNamesABoundedNumberOfEntities(String more) {
        String most = IntStream.range(0, Signal.ENTITIES_MAX)
                .mapToObj(i -> "'i" + i + "'")
                .collect(Collectors.joining(","));
        assertThat(signal(read(NESTED, "{'payload':{'related':[" + most + ",'i0','i1']}" + more + "}"))
                        .items())
                .hasSize(Signal.ENTITIES_MAX);
        assertThat(defective(read(NESTED, "{'payload':{'related':[" + most + "]},'by/who':'one more'" + more + "}")))
                .isEqualTo(new Defective(Defect.MALFORMED, "the signal names more than 256 entities"));
    }

    private static HeaderValues headers(Map<String, List<byte @Nullable []>> headers) {
        return name -> headers.getOrDefault(name, List.of());
    }

    private static final SignalReader OPAQUE =
            reader(SignalFormat.OPAQUE, "header:tenant", "header:type", "header:sku,key", "header:user", "");

    private static ParseResult opaque(Map<String, List<byte @Nullable []>> headers, byte @Nullable [] key) {
        return OPAQUE.read(key, new byte[] {0, -1, '{'}, headers(headers));
    }

    @Test
    void opaqueValuesHaveTheirFieldsInHeadersAndTheKey() {
        Signal signal = signal(opaque(
                Map.of(
                        "tenant", List.of(bytes("42"), bytes("42")),
                        "type", List.of(bytes("bought")),
                        "sku", List.of(bytes("a"), bytes("ü"), bytes("a")),
                        "creator", List.of(bytes("not read"))),
                bytes("k")));
        assertThat(signal)
                .isEqualTo(new Signal(TenantId.of(42), "bought", List.of("a", "ü", "k"), List.of(), List.of()));
        assertThat(signal(opaque(Map.of(), null))).isEqualTo(new Signal(null, null, null, null));
    }

    @Test
    void anyBytesPassAsAnOpaqueValueExceptNull() {
        for (byte[] value : new byte[][] {{}, {0}, bytes("{'tenant_id':"), new byte[1000]}) {
            assertThat(OPAQUE.read(null, value, HeaderValues.NONE)).isInstanceOf(Parsed.class);
        }
        assertThat(defective(OPAQUE.read(null, null, HeaderValues.NONE)).message())
                .isEqualTo("the value is null");
    }

    @Test
    void defectsInHeadersAreNamed() {
        Defective invalid = new Defective(
                Defect.TENANT_INVALID,
                "the header 'tenant' does not name a tenant: a decimal from 0 to 2^64-1 or a name is expected");
        assertThat(opaque(Map.of("tenant", List.of(bytes("007"))), null)).isEqualTo(invalid);
        assertThat(opaque(Map.of("tenant", List.of(bytes("1"), bytes("2"))), null))
                .isEqualTo(new Defective(Defect.TENANT_INVALID, "the header 'tenant' names a second tenant"));
        assertThat(opaque(Map.of("type", List.of(bytes("a"), bytes("b"))), null))
                .isEqualTo(new Defective(Defect.MALFORMED, "the header 'type' names two types"));
        for (byte[] bad : new byte[][] {{}, {-1}, {0}, bytes("\n"), new byte[513]}) {
            assertThat(opaque(Map.of("sku", List.of(bad)), null))
                    .isEqualTo(
                            new Defective(
                                    Defect.MALFORMED,
                                    "the header 'sku' is not a text in UTF-8 of 1 to 512 characters without control characters"));
            assertThat(defective(opaque(Map.of(), bad)).message()).startsWith("the key is not a text in UTF-8");
        }
    }

    @Test
    void theDefaultMappingReadsTidegatesOwnFormat() {
        assertThat(signal(read(SignalReader.ofDefault(), "{'tenant_id':1,'signal':'s','item':2}")))
                .isEqualTo(new Signal(TenantId.of(1), "s", "2", null, null));
        assertThat(defective(read(SignalReader.ofDefault(), "{'item':['a']}")).message())
                .startsWith("the field 'item' is not an integer or a text");
    }
}
