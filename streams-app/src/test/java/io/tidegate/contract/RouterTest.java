package io.tidegate.contract;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidegate.contract.Router.Route;
import io.tidegate.contract.Router.Route.ToDeadLetter;
import io.tidegate.contract.Router.Route.ToTenant;
import io.tidegate.contract.Router.Route.ToUnknown;
import io.tidegate.signal.Defect;
import io.tidegate.signal.Signal;
import io.tidegate.signal.SignalReader;
import io.tidegate.tenant.TenantId;
import io.tidegate.tenant.TenantNames;
import java.nio.charset.StandardCharsets;
import java.util.Locale;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class RouterTest {
    private static final TenantId T42 = TenantId.of(42);
    private static final String PLAIN = "{}";
    private static final String OF_42 = "{\"tenant_id\":42}";
    private static final String OF_43 = "{\"tenant_id\":43}";

    private static byte @Nullable [] bytes(@Nullable String text) {
        return text == null ? null : text.getBytes(StandardCharsets.UTF_8);
    }

    private static Headers headers(@Nullable String... claims) {
        Headers headers = new RecordHeaders();
        for (String claim : claims) {
            headers.add(TidegateHeaders.TENANT_CLAIM, bytes(claim));
        }
        return headers;
    }

    /** The tenant, or the dead letter. */
    private static Object outcome(Route route) {
        return route instanceof ToTenant to ? to.tenant() : route;
    }

    private static Object route(
            TenantSource source, String topic, @Nullable String key, @Nullable String value, Headers headers) {
        return outcome(
                new Router(source, SignalReader.ofDefault()).route(topic, bytes(key), bytes(value), headers, true));
    }

    private static Object byValue(@Nullable String value) {
        return route(TenantSource.VALUE, "signals.7", "7", value, headers("7"));
    }

    private static Object byHeader(String value, @Nullable String... claims) {
        return route(TenantSource.HEADER, "signals.7", "7", value, headers(claims));
    }

    private static Object byKey(@Nullable String key, String value) {
        return route(TenantSource.KEY, "signals.7", key, value, headers("7"));
    }

    private static Object byTopic(String topic, String value) {
        return route(TenantSource.TOPIC, topic, "7", value, headers("7"));
    }

    private static ToDeadLetter invalid(String place) {
        return new ToDeadLetter(
                null,
                Defect.TENANT_INVALID,
                "the " + place + " does not name a tenant: a decimal from 0 to 2^64-1 "
                        + (place.equals("topic") ? "is expected" : "or a name is expected"));
    }

    @Test
    void byValueTheValueAloneCounts() {
        assertThat(byValue(OF_42)).isEqualTo(T42);
        assertThat(byValue("{\"tenant_id\":18446744073709551615}")).isEqualTo(TenantId.of(-1));
    }

    @Test
    void aSignalHasTheFieldsOfItsValue() {
        Route route = new Router(TenantSource.VALUE, SignalReader.ofDefault())
                .route("signals", null, bytes("{\"tenant_id\":42,\"item\":\"a\",\"user\":7}"), headers(), true);
        assertThat(route).isEqualTo(new ToTenant(T42, new Signal(T42, "a", "7", null)));
    }

    @Test
    void byValueASignalThatNamesNoTenantIsTheDefaultTenants() {
        assertThat(byValue(PLAIN)).isEqualTo(TenantId.DEFAULT);
    }

    @Test
    void byValueAnInvalidTenantIsADeadLetterWithoutATenant() {
        assertThat(byValue("{\"tenant_id\":\"../../etc\"}"))
                .isEqualTo(new ToDeadLetter(
                        null,
                        Defect.TENANT_INVALID,
                        "the field 'tenant_id' is neither an integer from 0 to 2^64-1 nor a name"));
    }

    @Test
    void byHeaderTheHeaderCounts() {
        assertThat(byHeader(PLAIN, "42")).isEqualTo(T42);
        assertThat(byHeader(OF_42, "42")).isEqualTo(T42);
        assertThat(byHeader(PLAIN)).isEqualTo(TenantId.DEFAULT);
    }

    @Test
    void byHeaderTheSameClaimTwiceIsOneAndTwoClaimsAreNone() {
        assertThat(byHeader(PLAIN, "42", "42")).isEqualTo(T42);
        assertThat(byHeader(PLAIN, "42", "43")).isEqualTo(invalid("header tidegate-tenant"));
        assertThat(byHeader(PLAIN, "43", "42", "43")).isEqualTo(invalid("header tidegate-tenant"));
        assertThat(byHeader(PLAIN, "42", "x")).isEqualTo(invalid("header tidegate-tenant"));
        assertThat(byHeader(PLAIN, "x", "42")).isEqualTo(invalid("header tidegate-tenant"));
        assertThat(byHeader(PLAIN, "42", null)).isEqualTo(invalid("header tidegate-tenant"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"", " ", "007", "+7", "-1", "7.0", "18446744073709551616", "../../etc", "t42", "\u0000"})
    void aClaimThatIsNotCanonicalIsInvalidInEveryPlace(String claim) {
        assertThat(byHeader(PLAIN, claim)).isEqualTo(invalid("header tidegate-tenant"));
        assertThat(byKey(claim, PLAIN)).isEqualTo(invalid("key"));
        assertThat(byTopic("signals." + claim, PLAIN))
                .isEqualTo(claim.equals("7.0") ? TenantId.DEFAULT : invalid("topic"));
    }

    @Test
    void aNullHeaderIsInvalid() {
        assertThat(byHeader(PLAIN, (String) null)).isEqualTo(invalid("header tidegate-tenant"));
    }

    @Test
    void byKeyTheKeyCountsAndNoKeyIsTheDefaultTenant() {
        assertThat(byKey("42", PLAIN)).isEqualTo(T42);
        assertThat(byKey("42", OF_42)).isEqualTo(T42);
        assertThat(byKey("18446744073709551615", PLAIN)).isEqualTo(TenantId.of(-1));
        assertThat(byKey(null, PLAIN)).isEqualTo(TenantId.DEFAULT);
    }

    @Test
    void byTopicTheLastPartOfTheTopicsNameCounts() {
        assertThat(byTopic("signals.42", PLAIN)).isEqualTo(T42);
        assertThat(byTopic("eu.signals.42", OF_42)).isEqualTo(T42);
        assertThat(byTopic("signals", PLAIN)).isEqualTo(invalid("topic"));
        assertThat(byTopic("signals.", PLAIN)).isEqualTo(invalid("topic"));
        assertThat(byTopic("signals-42", PLAIN)).isEqualTo(invalid("topic"));
        assertThat(byTopic("42", PLAIN)).isEqualTo(invalid("topic"));
    }

    @Test
    void anotherTenantInTheValueIsASpoofWhereverTheTenantIsTrusted() {
        assertThat(byHeader(OF_43, "42"))
                .isEqualTo(new ToDeadLetter(
                        T42,
                        Defect.TENANT_MISMATCH,
                        "the value names tenant t43, the header tidegate-tenant names t42"));
        assertThat(byKey("42", OF_43))
                .isEqualTo(
                        new ToDeadLetter(T42, Defect.TENANT_MISMATCH, "the value names tenant t43, the key names t42"));
        assertThat(byTopic("signals.42", OF_43))
                .isEqualTo(new ToDeadLetter(
                        T42, Defect.TENANT_MISMATCH, "the value names tenant t43, the topic names t42"));
    }

    @Test
    void withoutAClaimAnotherTenantThanTheDefaultInTheValueIsASpoofToo() {
        assertThat(((ToDeadLetter) byHeader(OF_43)).defect()).isEqualTo(Defect.TENANT_MISMATCH);
        assertThat(((ToDeadLetter) byKey(null, OF_43)).defect()).isEqualTo(Defect.TENANT_MISMATCH);
        assertThat(byKey(null, "{\"tenant_id\":0}")).isEqualTo(TenantId.DEFAULT);
    }

    @Test
    void aBadValueOfATrustedTenantIsADeadLetterOfThatTenant() {
        ToDeadLetter expected = new ToDeadLetter(T42, Defect.MALFORMED, "the value is not valid JSON in UTF-8");
        assertThat(byHeader("{", "42")).isEqualTo(expected);
        assertThat(byKey("42", "{")).isEqualTo(expected);
        assertThat(byTopic("signals.42", "{")).isEqualTo(expected);
    }

    @ParameterizedTest
    @EnumSource(TenantSource.class)
    void aNullValueIsADeadLetter(TenantSource source) {
        Object route = route(source, "signals.42", "42", null, headers("42"));
        assertThat(route).isInstanceOf(ToDeadLetter.class);
        assertThat(((ToDeadLetter) route).defect()).isEqualTo(Defect.MALFORMED);
        assertThat(((ToDeadLetter) route).message()).isEqualTo("the value is null");
    }

    @Test
    void sourcesAreNamedInLowerCase() {
        for (TenantSource source : TenantSource.values()) {
            assertThat(TenantSource.of(source.name().toLowerCase(Locale.ROOT))).isEqualTo(source);
        }
    }

    private static Object strict(TenantSource source, @Nullable String key, @Nullable String value, Headers headers) {
        return outcome(new Router(source, SignalReader.ofDefault())
                .route("signals.7", bytes(key), bytes(value), headers, false));
    }

    private static ToDeadLetter missing(String what) {
        return new ToDeadLetter(
                null,
                Defect.TENANT_MISSING,
                what + "; a signal must name its tenant as soon as a tenant other than 0 is configured");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "{}",
                "{\"tenantId\":42}",
                "{\"Tenant_Id\":42}",
                "{\"tenant\":42}",
                "{\"meta\":{\"tenant_id\":42}}",
                "{\"specversion\":\"1.0\",\"type\":\"view\",\"source\":\"/a\",\"id\":\"1\",\"data\":{\"tenant_id\":42}}"
            })
    void aValueWithoutATenantAtItsTopLevelIsADeadLetterWhereOneMustBeNamed(String value) {
        assertThat(strict(TenantSource.VALUE, "42", value, headers("42")))
                .isEqualTo(missing("the value has no field tenant_id"));
    }

    @Test
    void anEmptyTrustedPlaceIsADeadLetterWhereATenantMustBeNamedWhateverTheValueNames() {
        for (String value : new String[] {PLAIN, OF_42, "{\"tenant_id\":0}"}) {
            assertThat(strict(TenantSource.HEADER, "7", value, headers()))
                    .isEqualTo(missing("the header tidegate-tenant is missing"));
            assertThat(strict(TenantSource.KEY, null, value, headers("7"))).isEqualTo(missing("the key is missing"));
        }
    }

    @Test
    void aNamedDefaultTenantIsNotMissing() {
        assertThat(strict(TenantSource.VALUE, null, "{\"tenant_id\":0}", headers()))
                .isEqualTo(TenantId.DEFAULT);
        assertThat(strict(TenantSource.HEADER, null, PLAIN, headers("0"))).isEqualTo(TenantId.DEFAULT);
        assertThat(strict(TenantSource.KEY, "0", PLAIN, headers())).isEqualTo(TenantId.DEFAULT);
    }

    @Test
    void anInvalidTenantIsNotMissing() {
        assertThat(((ToDeadLetter) strict(TenantSource.VALUE, null, "{\"tenant_id\":null}", headers())).defect())
                .isEqualTo(Defect.TENANT_INVALID);
        assertThat(strict(TenantSource.HEADER, null, PLAIN, headers((String) null)))
                .isEqualTo(invalid("header tidegate-tenant"));
        assertThat(strict(TenantSource.KEY, "", PLAIN, headers())).isEqualTo(invalid("key"));
    }

    @Test
    void aNameStandsForItsTenantInEveryPlaceButTheTopic() {
        TenantNames names = name -> name.equals("acme") ? T42 : null;
        for (TenantSource source : new TenantSource[] {TenantSource.HEADER, TenantSource.KEY}) {
            Router router = new Router(source, SignalReader.ofDefault(), names);
            assertThat(outcome(router.route("s", bytes("acme"), bytes(OF_42), headers("acme"), false)))
                    .isEqualTo(T42);
            assertThat(router.route("s", bytes("nobody"), bytes(PLAIN), headers("nobody"), false))
                    .isEqualTo(new ToUnknown("nobody"));
        }
        Router byValue = new Router(TenantSource.VALUE, SignalReader.ofDefault(), names);
        assertThat(outcome(byValue.route("s", null, bytes("{\"tenant_id\":\"acme\"}"), headers(), false)))
                .isEqualTo(T42);
        assertThat(byValue.route("s", null, bytes("{\"tenant_id\":\"Acme\"}"), headers(), true))
                .isEqualTo(new ToUnknown("Acme"));
        Router byTopic = new Router(TenantSource.TOPIC, SignalReader.ofDefault(), names);
        assertThat(byTopic.route("signals.acme", null, bytes(PLAIN), headers(), true))
                .isEqualTo(invalid("topic"));
    }
}
