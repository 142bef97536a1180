package io.tidegate.topologytests.driver;

import static io.tidegate.topologytests.driver.TopologyFixture.record;
import static org.assertj.core.api.Assertions.assertThat;

import io.tidegate.contract.Envelope;
import io.tidegate.contract.RoutedSignal;
import io.tidegate.contract.StateKeys;
import io.tidegate.contract.TenantSource;
import io.tidegate.signal.FieldSource;
import io.tidegate.signal.SignalField;
import io.tidegate.signal.SignalFormat;
import io.tidegate.signal.SignalMapping;
import io.tidegate.tenant.UnknownTenants;
import io.tidegate.topologytests.driver.TopologyFixture.Outcome;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.apache.kafka.streams.test.TestRecord;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Signals that refer to their tenant by one of its names. */
final class TenantNamesTest {
    private static final String NAMES = "\"external_ids\":[\"acme\",\"org_8Kd\",\"Z\u00fcrich\"]";

    @TempDir(factory = MemoryDir.class)
    private Path dir;

    private static TestRecord<byte[], byte[]> named(String name) {
        return record("{\"tenant_id\":\"" + name + "\",\"item\":\"i\"}").now();
    }

    private static void assertUnknown(Outcome outcome) {
        assertThat(outcome.verdict()).isEqualTo("tenant_unknown");
        assertThat(outcome.topic()).isEqualTo(TopologyFixture.QUOTA_EXCEEDED);
        assertThat(outcome.header("tidegate.tenant")).isNull();
        assertThat(outcome.header("tidegate.source.offset")).isNotNull();
        assertThat(outcome.header("tidegate.retryable")).isEqualTo("true");
    }

    @ParameterizedTest
    @ValueSource(strings = {"acme", "org_8Kd", "Z\u00fcrich", "Zu\u0308rich", "Z\\u00fcrich", "\\u0061cme"})
    void aSignalReachesItsTenantByAnyOfItsNames(String name) {
        try (TopologyFixture topology = TopologyFixture.in(dir).start()) {
            topology.config("42", NAMES);

            Outcome outcome = topology.send(named(name));

            assertThat(outcome.key()).isEqualTo("42:0");
            assertThat(topology.entities("42")).isOne();
            assertThat(topology.wal("42")).hasSize(1);
            assertThat(topology.send("42", TopologyFixture.T0).key())
                    .as("and by its id")
                    .isEqualTo("42:1");
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"Acme", "acme2", "zurich", "nobody"})
    void anUnknownNameIsRejectedAndLeavesNoState(String name) {
        try (TopologyFixture topology = TopologyFixture.in(dir).start()) {
            topology.config("42", NAMES);

            assertUnknown(topology.send(named(name)));
            assertThat(topology.<org.apache.kafka.common.utils.Bytes>store(StateKeys.USAGE)
                            .all()
                            .hasNext())
                    .isFalse();
            assertThat(topology.read(TopologyFixture.BY_TENANT)).isEmpty();
        }
    }

    @Test
    void anUnknownNameIsRejectedAlsoWhereUnknownIdsGetTheDefaultConfig() {
        try (TopologyFixture topology =
                TopologyFixture.in(dir).unknown(UnknownTenants.DEFAULT_CONFIG).start()) {
            topology.config("0", "\"external_ids\":[\"house\"]");

            assertUnknown(topology.send(named("nobody")));
            assertThat(topology.send(named("house")).key()).isEqualTo("0:0");
            assertThat(topology.send("7", TopologyFixture.T0).key()).isEqualTo("7:0");
        }
    }

    @Test
    void theEnvelopeHasTheIdSoThatALaterChangeOfNamesDecidesNothing() {
        try (TopologyFixture topology = TopologyFixture.in(dir).start()) {
            topology.config("42", NAMES);
            topology.send(named("acme"));

            List<RoutedSignal> signals = Envelope.read(
                    topology.read(TopologyFixture.BY_TENANT).get(0).value());
            assertThat(signals.get(0).tenant().decimal()).isEqualTo("42");
            assertThat(signals.get(0).signal().tenantName()).isNull();

            topology.config("42", "");
            assertUnknown(topology.send(named("acme")));
            topology.config("43", NAMES);
            assertThat(topology.send(named("acme")).key()).isEqualTo("43:0");
        }
    }

    @Test
    void aNameThatTwoConfigsHaveRefersToNeitherWhicheverWasWrittenLast() {
        try (TopologyFixture topology = TopologyFixture.in(dir).start()) {
            topology.config("42", NAMES);
            topology.config("7", "\"external_ids\":[\"acme\",\"seven\"]");
            assertUnknown(topology.send(named("acme")));
            assertThat(topology.send(named("seven")).key()).isEqualTo("7:0");

            topology.config("42", NAMES + ",\"max_signals_per_sec\":10");
            assertUnknown(topology.send(named("acme")));
            assertThat(topology.send(named("org_8Kd")).key()).isEqualTo("42:0");

            topology.config("7", "");
            assertThat(topology.send(named("acme")).key()).isEqualTo("42:1");
        }
    }

    @ParameterizedTest
    @CsvSource(
            nullValues = "-",
            value = {
                // header or key, tenant_id in the value, tenant or reason
                "acme, -, 42",
                "acme, 42, 42",
                "42, \"acme\", 42",
                "org_8Kd, \"acme\", 42",
                "acme, \"acme\", 42",
                "acme, 43, tenant_mismatch",
                "43, \"acme\", tenant_mismatch",
                "42, \"nobody\", tenant_mismatch",
                "nobody, 42, tenant_mismatch",
                "nobody, -, tenant_unknown",
                "nobody, \"nobody\", tenant_unknown",
                "t42, -, tenant_invalid",
                "a/b, -, tenant_invalid",
            })
    void aTrustedPlaceCanHaveAName(String trusted, String inValue, String expected) {
        for (TenantSource source : List.of(TenantSource.HEADER, TenantSource.KEY)) {
            try (TopologyFixture topology = TopologyFixture.in(dir.resolve(source.name()))
                    .tenantSource(source)
                    .start()) {
                topology.config("42", NAMES);
                topology.config("43", "");
                TopologyFixture.Draft draft = record(inValue == null ? "{}" : "{\"tenant_id\":" + inValue + "}");
                Outcome outcome = topology.send(
                        (source == TenantSource.KEY ? draft.key(trusted) : draft.header("tidegate-tenant", trusted))
                                .now());

                assertThat(outcome.topic().equals(TopologyFixture.SIGNALS_ACCEPTED) ? "42" : outcome.verdict())
                        .isEqualTo(expected);
            }
        }
    }

    @Test
    void aMappedPlaceCanHaveAName() {
        SignalMapping mapping =
                new SignalMapping(SignalFormat.JSON, Map.of(SignalField.TENANT, List.of(FieldSource.parse("/org/id"))));
        try (TopologyFixture topology = TopologyFixture.in(dir).mapping(mapping).start()) {
            topology.config("42", NAMES);

            assertThat(topology.send(record("{\"org\":{\"id\":\"acme\"}}").now())
                            .key())
                    .isEqualTo("42:0");
            assertThat(topology.send(record("{\"org\":{\"id\":\"Zu\u0308rich\"}}")
                                    .now())
                            .key())
                    .isEqualTo("42:1");
            assertThat(topology.send(record("{\"org\":{\"id\":\"42\"}}").now()).key())
                    .isEqualTo("42:2");
            assertUnknown(topology.send(record("{\"org\":{\"id\":\"nobody\"}}").now()));
            assertThat(topology.send(record("{\"org\":{\"id\":\"007\"}}").now()).verdict())
                    .isEqualTo("tenant_invalid");
        }
    }
}
