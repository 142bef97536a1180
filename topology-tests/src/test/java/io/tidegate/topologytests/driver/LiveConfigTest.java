package io.tidegate.topologytests.driver;

import static io.tidegate.topologytests.driver.TopologyFixture.ACCEPTED;
import static io.tidegate.topologytests.driver.TopologyFixture.T0;
import static io.tidegate.topologytests.driver.TopologyFixture.bytes;
import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Configs change while signals flow; invalid ones change nothing. */
class LiveConfigTest {
    @TempDir(factory = MemoryDir.class)
    private Path dir;

    private TopologyFixture topology;

    @BeforeEach
    void start() {
        topology = TopologyFixture.in(dir).start();
    }

    @AfterEach
    void stop() {
        topology.close();
    }

    private String verdict(String tenant) {
        return topology.send(tenant, T0).verdict();
    }

    @Test
    void aChangeHoldsForTheNextSignal() {
        assertThat(verdict("42")).isEqualTo("tenant_unknown");
        topology.config("42", "\"max_signals_per_sec\":0");
        assertThat(verdict("42")).isEqualTo("rate_limited");
        topology.config("42", "\"max_signals_per_sec\":5");
        assertThat(verdict("42")).isEqualTo(ACCEPTED);
        topology.configRecord(bytes("42"), null);
        assertThat(verdict("42")).isEqualTo("tenant_unknown");
        assertThat(topology.rejectedConfigs()).isZero();
    }

    private void plan(String name, @Nullable String fields) {
        topology.configRecord(bytes("plan:" + name), fields == null ? null : bytes("{" + fields + "}"));
    }

    @Test
    void aChangedPlanHoldsForTheNextSignalOfEachTenantOnIt() {
        plan("pro", "\"max_signals_per_sec\":5,\"max_signal_bytes\":1000");
        topology.config("42", "\"plan\":\"pro\"");
        topology.config("43", "\"plan\":\"pro\",\"max_signals_per_sec\":7");
        topology.config("44", "");
        assertThat(topology.verdicts(6, "42", T0)).containsSequence(ACCEPTED, "burst_exceeded");

        plan("pro", "\"max_signals_per_sec\":0,\"max_signal_bytes\":1");

        TopologyFixture.Outcome rejected = topology.send("42", T0);
        assertThat(rejected.verdict()).isEqualTo("signal_too_large");
        assertThat(rejected.header("tidegate.config_offset")).as("of the plan").isEqualTo("4");
        assertThat(verdict("43")).isEqualTo("signal_too_large");
        assertThat(verdict("44")).isEqualTo(ACCEPTED);
        plan("pro", "\"max_signals_per_sec\":0");
        assertThat(verdict("42")).isEqualTo("rate_limited");
        assertThat(verdict("43")).as("its own rate").isEqualTo(ACCEPTED);
    }

    @Test
    void aPlanDecidesModeRegionsAndBlocksOfItsTenants() {
        plan("trial", "\"mode\":\"observe\",\"max_signals_per_sec\":0");
        topology.config("42", "\"plan\":\"trial\"");
        topology.config("43", "\"plan\":\"trial\",\"mode\":\"enforce\"");
        assertThat(verdict("42")).isEqualTo(ACCEPTED);
        assertThat(verdict("43")).isEqualTo("rate_limited");

        plan("trial", "\"required_regions\":[\"eu\"]");
        assertThat(verdict("42")).isEqualTo("region_not_allowed");

        plan("trial", "\"blocked_until\":\"2100-01-01T00:00:00Z\"");
        assertThat(verdict("42")).isEqualTo("tenant_blocked");
    }

    @Test
    void aTenantOnAPlanThatDoesNotExistIsRejectedAndHasNoStateLikeAnUnknownOne() {
        topology.config("42", "\"plan\":\"pro\",\"max_signals_per_sec\":5");
        assertThat(verdict("42")).isEqualTo("tenant_unknown");
        plan("pro", "");
        assertThat(verdict("42")).isEqualTo(ACCEPTED);
        plan("pro", null);
        assertThat(verdict("42")).isEqualTo("tenant_unknown");
        assertThat(topology.rejectedConfigs()).isZero();
    }

    @Test
    void aDeletedDefaultTenantIsUnlimitedAgain() {
        topology.config("0", "\"max_signals_per_sec\":0");
        assertThat(verdict("0")).isEqualTo("rate_limited");

        topology.configRecord(bytes("0"), null);

        assertThat(topology.verdicts(50, "0", T0)).containsOnly(ACCEPTED);
    }

    @Test
    void theLevelOfTheBucketCarriesOverCappedAtTheNewSize() {
        topology.config("42", "\"max_signals_per_sec\":10");
        topology.verdicts(4, "42", T0);

        topology.config("42", "\"max_signals_per_sec\":20");
        assertThat(topology.verdicts(3, "42", T0)).containsOnly(ACCEPTED);

        topology.config("42", "\"max_signals_per_sec\":10,\"burst_signals\":2");
        assertThat(topology.verdicts(3, "42", T0)).containsExactly(ACCEPTED, ACCEPTED, "burst_exceeded");
    }

    @Test
    void sequenceNumbersContinueAfterATenantWasDeletedAndCreatedAgain() {
        topology.config("42", "");
        topology.send("42", T0);
        topology.configRecord(bytes("42"), null);
        topology.send("42", T0);
        topology.config("42", "");

        assertThat(topology.send("42", T0).key()).isEqualTo("42:1");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "not JSON",
                "null",
                "[]",
                "42",
                "{}",
                "{\"tenant_id\":42",
                "{\"tenant_id\":42} {}",
                "{\"tenant_id\":43,\"max_signals_per_sec\":null}",
                "{\"tenant_id\":\"42\"}",
                "{\"tenant_id\":42.0}",
                "{\"tenant_id\":-42}",
                "{\"tenant_id\":null}",
                "{\"tenant_id\":42,\"tenant_id\":42}",
                "{\"tenant_id\":42,\"max_signals_per_sec\":-1}",
                "{\"tenant_id\":42,\"max_signals_per_sec\":4294967296}",
                "{\"tenant_id\":42,\"max_signals_per_sec\":1.5}",
                "{\"tenant_id\":42,\"max_signals_per_sec\":\"1\"}",
                "{\"tenant_id\":42,\"burst_signals\":-1}",
                "{\"tenant_id\":42,\"max_entities\":-1}",
                "{\"tenant_id\":42,\"max_entities\":18446744073709551616}",
                "{\"tenant_id\":42,\"max_storage_bytes\":-1}",
                "{\"tenant_id\":42,\"required_regions\":[\"../eu\"]}",
                "{\"tenant_id\":42,\"required_regions\":[null]}",
                "{\"tenant_id\":42,\"required_regions\":\"eu-1\"}",
                "{\"tenant_id\":42,\"mode\":\"off\"}",
                "{\"tenant_id\":42,\"mode\":1}",
                "{\"tenant_id\":42,\"mode\":\"\"}",
                "{\"tenant_id\":42,\"max_entities\":\"\"}",
                "{\"tenant_id\":42,\"blocked_until\":\"\"}",
                "{\"tenant_id\":42,\"blocked_until\":\"tomorrow\"}",
                "{\"tenant_id\":42,\"blocked_until\":1800000000}",
                "{\"tenant_id\":42,\"label\":{}}"
            })
    void aBadConfigIsCountedAndTheLastGoodOneStays(String bad) {
        topology.config("42", "\"max_signals_per_sec\":0");
        topology.config("43", "\"max_signals_per_sec\":0");

        topology.configRecord(bytes("42"), bytes(bad));

        assertThat(topology.rejectedConfigs()).isEqualTo(1);
        assertThat(verdict("42")).isEqualTo("rate_limited");
        assertThat(verdict("43")).isEqualTo("rate_limited");
    }

    @Test
    void aDeeplyNestedConfigIsRejected() {
        topology.config("42", "\"max_signals_per_sec\":0");

        topology.configRecord(
                bytes("42"), bytes("{\"tenant_id\":42,\"x\":" + "[".repeat(100_000) + "]".repeat(100_000) + "}"));

        assertThat(topology.rejectedConfigs()).isEqualTo(1);
        assertThat(verdict("42")).isEqualTo("rate_limited");
    }

    @ParameterizedTest
    @CsvSource(
            nullValues = "-",
            value = {"-", "''", "t42", "042", "+42", "'42 '", "18446744073709551616", "../42"})
    void aConfigWithoutATenantInItsKeyIsCountedAndSetsNothing(String key) {
        topology.configRecord(key == null ? null : bytes(key), bytes("{\"tenant_id\":42}"));
        topology.configRecord(key == null ? null : bytes(key), null);

        assertThat(topology.rejectedConfigs()).isEqualTo(2);
        assertThat(verdict("42")).isEqualTo("tenant_unknown");
    }

    @Test
    void aFieldOfALaterVersionIsIgnored() {
        topology.config("42", "\"max_signals_per_sec\":0,\"a_later_limit\":{\"deep\":[1]}");

        assertThat(topology.rejectedConfigs()).isZero();
        assertThat(verdict("42")).isEqualTo("rate_limited");
    }

    @Test
    void aGoodConfigAfterABadOneCounts() {
        topology.configRecord(bytes("42"), bytes("bad"));
        assertThat(verdict("42")).isEqualTo("tenant_unknown");

        topology.config("42", "");

        assertThat(verdict("42")).isEqualTo(ACCEPTED);
        assertThat(topology.rejectedConfigs()).isEqualTo(1);
    }
}
