package io.tidegate.tenant;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.charset.StandardCharsets;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class TenantNameTest {
    @ParameterizedTest
    @ValueSource(
            strings = {
                "acme",
                "ACME",
                "org_8KdQ2",
                "3f2504e0-4f89-11d3-9a0c-0305e82c3301",
                "Acme Inc.",
                "urn:acme:1",
                "a",
                "t42x",
                "tenant",
                "Zürich",
                "テナント",
                "a+b@c.d"
            })
    void commonFormsOfNamesAreAccepted(String text) {
        assertThat(TenantName.parse(text)).isEqualTo(text);
        assertThat(TenantRef.tryParse(text.getBytes(StandardCharsets.UTF_8))).isEqualTo(new TenantRef(null, text));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                " ",
                "42",
                "007",
                "+7",
                "-7",
                "7.0",
                "18446744073709551616",
                "42:0",
                "42 ",
                "t42",
                "T42",
                "t007",
                "٤٢",
                "a/b",
                "../../etc",
                "a\\b",
                "a%2fb",
                "a;b",
                " a",
                "a ",
                "-a",
                "a\u0000",
                "a\nb",
                "a\u200bb",
                "a\u00a0b",
                "a\u2028b",
                "\ud83d",
                "a\ufffd",
                "a\u037e"
            })
    void namesThatLookLikeIdsOrCouldHideInAPathAreRejected(String text) {
        assertThat(TenantName.tryParse(text)).isNull();
        assertThatThrownBy(() -> TenantName.parse(text))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("1 to 128 characters");
    }

    @Test
    void theLengthIsBoundedAfterNormalization() {
        assertThat(TenantName.tryParse("a".repeat(128))).isNotNull();
        assertThat(TenantName.tryParse("a".repeat(129))).isNull();
        assertThat(TenantName.tryParse("e\u0301".repeat(128))).isEqualTo("\u00e9".repeat(128));
        assertThat(TenantName.tryParse("a".repeat(1_000_000))).isNull();
    }

    @Test
    void twoSpellingsOfOneLetterAreOneAndTwoCasesAreTwo() {
        assertThat(TenantName.parse("Zu\u0308rich")).isEqualTo("Z\u00fcrich");
        assertThat(TenantName.parse("acme")).isNotEqualTo(TenantName.parse("Acme"));
    }

    @Test
    void bytesThatAreNotUtf8ReferToNoTenant() {
        assertThat(TenantRef.tryParse(new byte[] {'a', (byte) 0xc3})).isNull();
        assertThat(TenantRef.tryParse(new byte[] {(byte) 0xc0, (byte) 0xae, 'a'}))
                .isNull();
        assertThat(TenantRef.tryParse(new byte[100_000])).isNull();
        assertThat(TenantRef.tryParse((byte[]) null)).isNull();
        assertThat(TenantRef.tryParse("42")).isEqualTo(TenantRef.of(TenantId.of(42)));
    }

    private static TenantConfig config(String names) {
        return TenantConfigJson.parse(
                "{\"tenant_id\":42,\"external_ids\":%s}".formatted(names).getBytes(StandardCharsets.UTF_8));
    }

    @Test
    void aConfigHasItsNamesInFormC() {
        assertThat(config("[\"acme\",\"Zu\\u0308rich\"]").externalIds()).containsExactly("acme", "Z\u00fcrich");
        assertThat(config("null").externalIds()).isEmpty();
        assertThat(TenantConfigJson.parseStored(TenantConfigJson.write(config("[\"acme\"]"))))
                .isEqualTo(config("[\"acme\"]"));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "[\"42\"]",
                "[null]",
                "[\"\"]",
                "[\"acme\",\"acme\"]",
                "[\"Z\\u00fcrich\",\"Zu\\u0308rich\"]",
                "[7]",
                "\"acme\"",
                "[\"a1\",\"a2\",\"a3\",\"a4\",\"a5\",\"a6\",\"a7\",\"a8\",\"a9\",\"a10\",\"a11\",\"a12\",\"a13\",\"a14\",\"a15\",\"a16\",\"a17\"]"
            })
    void aConfigWithOtherNamesIsRejectedNamingTheField(String names) {
        assertThatThrownBy(() -> config(names))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("external_ids");
    }

    @Test
    void theLimitsOfOneTenantCanBeGivenToAnotherButNotItsNames() {
        assertThat(config("[\"acme\"]").withTenantId(TenantId.of(43)).externalIds())
                .isEqualTo(List.of());
    }
}
