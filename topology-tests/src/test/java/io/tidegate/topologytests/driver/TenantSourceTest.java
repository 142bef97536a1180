package io.tidegate.topologytests.driver;

import static io.tidegate.topologytests.driver.TopologyFixture.ACCEPTED;
import static io.tidegate.topologytests.driver.TopologyFixture.record;
import static org.assertj.core.api.Assertions.assertThat;

import io.tidegate.contract.TenantSource;
import io.tidegate.tenant.MissingTenants;
import io.tidegate.topologytests.driver.TopologyFixture.Outcome;
import java.nio.file.Path;
import org.apache.kafka.streams.test.TestRecord;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The place of the tenant in a signal, and the result if two places disagree. */
class TenantSourceTest {
    private static final String LARGEST = "18446744073709551615";

    @TempDir(factory = MemoryDir.class)
    private Path dir;

    private TopologyFixture start(TenantSource source, String... topics) {
        TopologyFixture.Setup setup = TopologyFixture.in(dir).tenantSource(source);
        TopologyFixture topology = (topics.length == 0 ? setup : setup.signals(topics)).start();
        topology.config("42", "");
        topology.config(LARGEST, "");
        return topology;
    }

    @Test
    void inTheValueTheKeyAndTheHeaderAreTheProducersOwn() {
        try (TopologyFixture topology = start(TenantSource.VALUE)) {
            Outcome outcome = topology.send(record("{\"tenant_id\":42}")
                    .key("7")
                    .header("tidegate-tenant", "8")
                    .now());

            assertThat(outcome.key()).isEqualTo("42:0");
        }
    }

    @ParameterizedTest
    @CsvSource(
            nullValues = "-",
            value = {
                // header, tenant_id in the value, tenant or reason
                "42, -, 42",
                "42, 42, 42",
                "18446744073709551615, -, 18446744073709551615",
                "-, -, tenant_missing",
                "-, 0, tenant_missing",
                "-, 42, tenant_missing",
                "0, -, 0",
                "42, 7, tenant_mismatch",
                "0, 42, tenant_mismatch",
                "'', -, tenant_invalid",
                "t42, -, tenant_invalid",
                "042, 42, tenant_invalid",
                "'42 ', 42, tenant_invalid",
                "+42, 42, tenant_invalid",
                "-42, -, tenant_invalid",
                "42.0, -, tenant_invalid",
                "18446744073709551616, -, tenant_invalid",
                "../../etc, -, tenant_invalid",
                "٤٢, -, tenant_invalid"
            })
    void inTheHeader(String header, String inValue, String expected) {
        try (TopologyFixture topology = start(TenantSource.HEADER)) {
            TopologyFixture.Draft draft = record(value(inValue)).key("7");
            if (header != null) {
                draft.header("tidegate-tenant", header);
            }

            assertEnds(topology.send(draft.now()), expected);
        }
    }

    @ParameterizedTest
    @CsvSource(
            nullValues = "-",
            value = {
                // key, tenant_id in the value, tenant or reason
                "42, -, 42",
                "42, 42, 42",
                "18446744073709551615, -, 18446744073709551615",
                "-, -, tenant_missing",
                "-, 0, tenant_missing",
                "-, 42, tenant_missing",
                "42, 0, tenant_mismatch",
                "'', -, tenant_invalid",
                "42:0, -, tenant_invalid",
                "007, -, tenant_invalid"
            })
    void inTheKey(String key, String inValue, String expected) {
        try (TopologyFixture topology = start(TenantSource.KEY)) {
            TopologyFixture.Draft draft = record(value(inValue)).header("tidegate-tenant", "7");
            if (key != null) {
                draft.key(key);
            }

            assertEnds(topology.send(draft.now()), expected);
        }
    }

    @ParameterizedTest
    @CsvSource(
            nullValues = "-",
            value = {
                // topic, tenant_id in the value, tenant or reason
                "signals.42, -, 42",
                "signals.42, 42, 42",
                "signals.0, -, 0",
                "prod.signals.18446744073709551615, -, 18446744073709551615",
                "signals.42, 7, tenant_mismatch",
                "signals.42, 0, tenant_mismatch",
                "signals.042, -, tenant_invalid",
                "signals.other, 42, tenant_invalid"
            })
    void inTheTopic(String topic, String inValue, String expected) {
        try (TopologyFixture topology = start(TenantSource.TOPIC, topic, "signals.9")) {
            TestRecord<byte[], byte[]> signal = record(value(inValue))
                    .key("7")
                    .header("tidegate-tenant", "7")
                    .now();

            assertEnds(topology.send(topic, signal), expected);
        }
    }

    @Test
    void aSignalWithoutATenantCountsForTheDefaultTenantUntilAnotherTenantIsConfigured() {
        TestRecord<byte[], byte[]> misspelt = record("{\"tenantId\":42}").now();
        try (TopologyFixture topology = TopologyFixture.in(dir).start()) {
            assertEnds(topology.send(misspelt), "0");
            topology.config("0", "\"max_signals_per_sec\":1000");
            assertThat(topology.send(misspelt).key()).isEqualTo("0:1");

            topology.config("42", "\"blocked_until\":\"2100-01-01T00:00:00Z\"");
            Outcome missing = topology.send(misspelt);
            assertThat(missing.verdict()).isEqualTo("tenant_missing");
            assertThat(missing.header("tidegate.tenant")).isNull();
            assertThat(missing.header("tidegate.retryable")).isEqualTo("false");
            assertThat(missing.value()).isEqualTo("{\"tenantId\":42}");
            assertThat(topology.send(record("{\"tenant_id\":0}").now()).key()).isEqualTo("0:2");

            topology.configRecord(TopologyFixture.bytes("42"), TopologyFixture.bytes("not a config"));
            assertEnds(topology.send(misspelt), "tenant_missing");
            topology.configRecord(TopologyFixture.bytes("42"), null);
            assertThat(topology.send(misspelt).key()).isEqualTo("0:3");
        }
    }

    @ParameterizedTest
    @CsvSource({"VALUE", "HEADER", "KEY"})
    void whereSoConfiguredASignalWithoutATenantAlwaysCountsForTheDefaultTenant(TenantSource source) {
        try (TopologyFixture topology = TopologyFixture.in(dir)
                .tenantSource(source)
                .missing(MissingTenants.DEFAULT)
                .start()) {
            topology.config("42", "");

            assertEnds(topology.send(record("{}").now()), "0");
        }
    }

    @Test
    void eachTopicsOffsetsCountOnTheirOwn() {
        try (TopologyFixture topology = start(TenantSource.TOPIC, "signals.42", "signals.7")) {
            topology.send("signals.7", record("{}").now());
            Outcome accepted = topology.send("signals.42", record("{}").now());
            Outcome rejected = topology.send("signals.7", record("{}").now());

            assertThat(accepted.header("tidegate.source")).isEqualTo("signals.42/0/0");
            assertThat(rejected.header("tidegate.source.topic")).isEqualTo("signals.7");
            assertThat(rejected.offsetOfSource()).isEqualTo(1);
        }
    }

    @Test
    void equalHeadersAgreeAndDifferentOnesAreNoTenant() {
        try (TopologyFixture topology = start(TenantSource.HEADER)) {
            assertEnds(
                    topology.send(record("{}")
                            .header("tidegate-tenant", "42")
                            .header("tidegate-tenant", "42")
                            .now()),
                    "42");
            assertEnds(
                    topology.send(record("{}")
                            .header("tidegate-tenant", "7")
                            .header("tidegate-tenant", "42")
                            .now()),
                    "tenant_invalid");
            assertEnds(
                    topology.send(record("{}")
                            .header("tidegate-tenant", null)
                            .header("tidegate-tenant", "42")
                            .now()),
                    "tenant_invalid");
        }
    }

    @Test
    void aSpoofCountsForTheTrustedTenant() {
        try (TopologyFixture topology = start(TenantSource.KEY)) {
            Outcome spoof = topology.send(record("{\"tenant_id\":42}").key("7").now());

            assertThat(spoof.verdict()).isEqualTo("tenant_mismatch");
            assertThat(spoof.header("tidegate.tenant")).isEqualTo("7");
            assertThat(spoof.header("tidegate.message")).isEqualTo("the value names tenant t42, the key names t7");
            assertThat(topology.wal("42")).isEmpty();
            assertThat(topology.wal("7")).isEmpty();
        }
    }

    @Test
    void aBadValueCountsForTheTrustedTenant() {
        try (TopologyFixture topology = start(TenantSource.HEADER)) {
            Outcome bad = topology.send(
                    record("no JSON").header("tidegate-tenant", "42").now());

            assertThat(bad.verdict()).isEqualTo("malformed");
            assertThat(bad.header("tidegate.tenant")).isEqualTo("42");
        }
    }

    private static String value(String tenantId) {
        return tenantId == null ? "{\"signal\":\"click\"}" : "{\"tenant_id\":" + tenantId + "}";
    }

    private static void assertEnds(Outcome outcome, String expected) {
        if (Character.isDigit(expected.charAt(0))) {
            assertThat(outcome.verdict()).isEqualTo(ACCEPTED);
            assertThat(outcome.key()).isEqualTo(expected + ":0");
        } else {
            assertThat(outcome.verdict()).isEqualTo(expected);
        }
    }
}
