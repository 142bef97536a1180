package io.tidegate.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tidegate.signal.FieldSource;
import io.tidegate.signal.SignalField;
import io.tidegate.signal.SignalFormat;
import io.tidegate.signal.SignalMapping;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SignalSettingsTest {
    private static Settings flags(String... namesAndValues) {
        Map<String, String> flags = new HashMap<>();
        for (int i = 0; i < namesAndValues.length; i += 2) {
            flags.put(namesAndValues[i], namesAndValues[i + 1]);
        }
        return SettingsLoader.load(null, Map.of(), flags);
    }

    @Test
    void withoutSettingsSignalsHaveTidegatesOwnFormat() {
        assertThat(flags().signalMapping()).isEqualTo(SignalMapping.DEFAULT);
        assertThat(flags("signal.item", " /item ").signalMapping()).isEqualTo(SignalMapping.DEFAULT);
        for (String source : new String[] {"header", "key"}) {
            assertThat(flags("tenant.source", source).signalMapping()).isEqualTo(SignalMapping.DEFAULT);
        }
    }

    @Test
    void readsListsAndEmptyPlaces() {
        SignalMapping mapping = flags("signal.item", "/a/b, header:sku,key", "signal.user", "", "signal.type", "")
                .signalMapping();
        assertThat(mapping.of(SignalField.ITEM))
                .containsExactly(FieldSource.parse("/a/b"), FieldSource.parse("header:sku"), FieldSource.parse("key"));
        assertThat(mapping.of(SignalField.USER)).isEmpty();
        assertThat(mapping.of(SignalField.TYPE)).isEmpty();
        assertThat(mapping.of(SignalField.CREATOR)).containsExactly(FieldSource.parse("/creator"));
    }

    @Test
    void opaqueSignalsHaveOnlyThePlacesThatAreSet() {
        SignalMapping mapping = flags("signal.format", "opaque", "signal.tenant", "key", "signal.item", "header:sku")
                .signalMapping();
        assertThat(mapping.format()).isEqualTo(SignalFormat.OPAQUE);
        assertThat(mapping.of(SignalField.TENANT)).containsExactly(FieldSource.parse("key"));
        assertThat(mapping.of(SignalField.ITEM)).containsExactly(FieldSource.parse("header:sku"));
        assertThat(mapping.of(SignalField.USER)).isEmpty();
        assertThat(flags("signal.format", "opaque", "tenant.source", "topic", "topic.signals", "s.1")
                        .signalMapping()
                        .sources()
                        .values())
                .allSatisfy(sources -> assertThat(sources).isEqualTo(List.of()));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "signal.tenant|tenant_id|signal.tenant = tenant_id: must be a JSON pointer",
                "signal.tenant|/a~|signal.tenant = /a~: in a JSON pointer",
                "signal.tenant|/a,/b|signal.tenant = /a,/b: has 2 places",
                "signal.tenant|header:x,key|signal.tenant = header:x,key: has 2 places",
                "signal.type|/a, header:type, key|signal.type = /a, header:type, key: has 3 places",
                "signal.type|/a,|signal.type = /a,: has 2 places",
                "signal.item|/a,b|signal.item = b: must be a JSON pointer",
                "signal.item|/a/~2|signal.item = /a/~2: in a JSON pointer",
                "signal.user|header:|signal.user = header:: header: must be followed",
                "signal.creator|header:tidegate.tenant|signal.creator = header:tidegate.tenant: headers that begin",
                "signal.item|/user/x|signal.item = /user/x lies inside /user, which signal.user reads"
            })
    void namesKeyValueAndRule(String key, String value, String message) {
        assertThatThrownBy(() -> flags(key, value))
                .isInstanceOf(SettingsException.class)
                .hasMessageStartingWith(message);
    }

    @Test
    void anUnknownFormatStopsTheStart() {
        assertThatThrownBy(() -> flags("signal.format", "xml")).hasMessageContaining("signal.format");
    }

    @Test
    void opaqueSignalsHaveNoPointers() {
        assertThatThrownBy(() -> flags("signal.format", "opaque", "signal.tenant", "key", "signal.item", "/item"))
                .hasMessageStartingWith("signal.item = /item: with signal.format=opaque no value is read");
    }

    @ParameterizedTest
    @CsvSource({"header, key", "key, header:x", "key, key", "header, header:tidegate-tenant"})
    void twoSourcesForTheTenantStopTheStart(String source, String place) {
        assertThatThrownBy(() -> flags("tenant.source", source, "signal.tenant", place))
                .hasMessageStartingWith("signal.tenant names the ")
                .hasMessageContaining("tenant.source = " + source + ": two sources for the tenant");
        assertThat(flags("tenant.source", source, "signal.tenant", "/account").signalMapping())
                .isNotNull();
        assertThat(flags("tenant.source", "value", "signal.tenant", place).signalMapping())
                .isNotNull();
    }

    @Test
    void withoutAnyPlaceForTheTenantTheStartStops() {
        for (String[] settings : new String[][] {{"signal.tenant", ""}, {"signal.format", "opaque"}}) {
            assertThatThrownBy(() -> flags(settings))
                    .hasMessageStartingWith("signal.tenant is empty and tenant.source = value");
        }
        assertThat(flags("signal.format", "opaque", "tenants.missing", "default")
                        .signalMapping())
                .isNotNull();
        assertThat(flags("signal.tenant", "", "tenant.source", "key").signalMapping())
                .isNotNull();
    }

    private static final String REGISTRY = "schema.registry.url";

    @Test
    void avroSignalsHaveOnlyThePlacesThatAreSetAndARegistry() {
        Settings settings = flags(
                "signal.format", "avro", "signal.tenant", "/account/id", REGISTRY, "https://one:8081/api, http://two");
        assertThat(settings.signalMapping().format()).isEqualTo(SignalFormat.AVRO);
        assertThat(settings.signalMapping().of(SignalField.TENANT)).containsExactly(FieldSource.parse("/account/id"));
        assertThat(settings.signalMapping().of(SignalField.ITEM)).isEmpty();
        assertThat(settings.schemaRegistry().urls())
                .extracting(Object::toString)
                .containsExactly("https://one:8081/api", "http://two");
        assertThat(flags(REGISTRY, "https://unused").schemaRegistry())
                .as("of another format")
                .isNull();
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "''|schema.registry.url has 0 addresses: with signal.format = avro, name 1 to 8 addresses",
                "http://a,http://b,http://c,http://d,http://e,http://f,http://g,http://h,http://i|schema.registry.url has 9",
                "registry:8081|schema.registry.url = registry:8081: each must be an address such as https://registry:8081",
                "ftp://registry|schema.registry.url = ftp://registry: each must be an address",
                "http://registry?x=1|schema.registry.url = http://registry?x=1: each must be an address",
                "http:///ids|schema.registry.url = http:///ids: each must be an address",
                "http://a b|schema.registry.url = http://a b: each must be an address",
                "http://user:secret@registry|schema.registry.url: an address must not contain a password",
                "http://user:secret@registry?x|schema.registry.url = [hidden]: each must be an address"
            })
    void aRegistryNeedsAddresses(String urls, String message) {
        assertThatThrownBy(() -> flags("signal.format", "avro", "signal.tenant", "/id", REGISTRY, urls))
                .isInstanceOf(SettingsException.class)
                .hasMessageStartingWith(message)
                .hasMessageNotContaining("secret");
    }

    @Test
    void avroSignalsNeedAPlaceForTheTenant() {
        assertThatThrownBy(() -> flags("signal.format", "avro", REGISTRY, "http://registry"))
                .hasMessageStartingWith("signal.tenant is empty and tenant.source = value")
                .hasMessageContaining("or to a JSON pointer");
    }
}
