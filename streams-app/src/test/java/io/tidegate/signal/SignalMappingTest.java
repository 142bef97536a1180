package io.tidegate.signal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tidegate.signal.FieldSource.Pointer;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class SignalMappingTest {
    @Test
    void readsPointersHeadersAndTheKey() {
        assertThat(FieldSource.parse("/a/b")).isEqualTo(new Pointer("/a/b", List.of("a", "b")));
        assertThat(FieldSource.parse("/a~1b/m~0n//0/~01"))
                .isEqualTo(new Pointer("/a~1b/m~0n//0/~01", List.of("a/b", "m~n", "", "0", "~1")));
        assertThat(FieldSource.parse("header:ce_subject")).isEqualTo(new FieldSource.Header("ce_subject"));
        assertThat(FieldSource.parse("key")).isEqualTo(new FieldSource.Key());
    }

    @ParameterizedTest
    @ValueSource(strings = {"a", "a/b", "#/a", "$.a", "Key", "header", "value", " /a"})
    void rejectsAnInvalidPlace(String text) {
        assertThatThrownBy(() -> FieldSource.parse(text)).hasMessageContaining("must be a JSON pointer such as");
    }

    @ParameterizedTest
    @ValueSource(strings = {"/a~", "/~2", "/a~b/c", "/~~0"})
    void rejectsATildeThatEscapesNothing(String text) {
        assertThatThrownBy(() -> FieldSource.parse(text)).hasMessageContaining("~ must be written ~0");
    }

    @Test
    void rejectsPlacesThatAreTooLongTooDeepOrNotText() {
        assertThatThrownBy(() -> FieldSource.parse("/a".repeat(33))).hasMessageContaining("at most 32 names");
        assertThatThrownBy(() -> FieldSource.parse("/" + "a".repeat(512))).hasMessageContaining("512 characters");
        assertThatThrownBy(() -> FieldSource.parse("/\ud83d")).hasMessageContaining("well-formed");
        assertThatThrownBy(() -> FieldSource.parse("/\ufffd")).hasMessageContaining("well-formed");
        assertThatThrownBy(() -> FieldSource.parse("header:")).hasMessageContaining("name of a header");
    }

    private static SignalMapping mapping(SignalFormat format, SignalField field, String... sources) {
        return new SignalMapping(
                format,
                Map.of(field, List.of(sources).stream().map(FieldSource::parse).toList()));
    }

    @Test
    void aTenantAndATypeHaveOnePlace() {
        for (SignalField field : new SignalField[] {SignalField.TENANT, SignalField.TYPE}) {
            assertThatThrownBy(() -> mapping(SignalFormat.JSON, field, "/a", "key"))
                    .hasMessage("%s names 2 places: at most 1 is possible", field.setting());
        }
        assertThat(mapping(SignalFormat.JSON, SignalField.ITEM, "/a", "key").of(SignalField.ITEM))
                .hasSize(2);
    }

    @ParameterizedTest
    @CsvSource({"/a,/a", "header:x,header:x", "key,key"})
    void aPlaceIsNamedOnce(String one, String other) {
        assertThatThrownBy(() -> mapping(SignalFormat.JSON, SignalField.USER, one, other))
                .hasMessageStartingWith("signal.user names the ")
                .hasMessageEndingWith(" twice: each place must be named once");
    }

    @Test
    void noPlaceLiesInsideAnother() {
        assertThatThrownBy(() -> new SignalMapping(
                        SignalFormat.JSON,
                        Map.of(
                                SignalField.ITEM, List.of(FieldSource.parse("/a")),
                                SignalField.USER, List.of(FieldSource.parse("/a/b")))))
                .hasMessage(
                        "signal.user = /a/b lies inside /a, which signal.item reads: a value can be an id, or contain"
                                + " ids, not both");
        assertThat(mapping(SignalFormat.JSON, SignalField.ITEM, "/a", "/ab/c", "/ab/d")
                        .of(SignalField.ITEM))
                .hasSize(3);
    }

    @Test
    void opaqueValuesHaveNoPointers() {
        assertThatThrownBy(() -> mapping(SignalFormat.OPAQUE, SignalField.ITEM, "/a"))
                .hasMessage("signal.item = /a: with signal.format=opaque no value is read: use header:NAME or key");
    }
}
