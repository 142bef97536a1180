package io.tidegate.admin;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidegate.config.SettingsLoader;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Recommended commands can be pasted from messages, even on a secured cluster. */
class RemedyTest {
    private static List<Remedy> ofKafkasTools(String cluster) {
        return List.of(
                Remedy.setTopicConfig(cluster, "signals", "retention.bytes", "-1"),
                Remedy.addPartitions(cluster, "signals", 8),
                Remedy.upgradeFeature(cluster, "streams.version", 1),
                Remedy.abortTransaction(cluster, "signals", 0, 7),
                Remedy.allow(cluster, "signals", "READ"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"SASL_SSL", "SSL", "sasl_plaintext"})
    void onASecuredClusterEachNamesAFileWithTheClientsSettings(String protocol) {
        String cluster = Remedy.cluster(SettingsLoader.load(
                null, Map.of(), Map.of("bootstrap.servers", "broker:9093", "kafka.security.protocol", protocol)));

        assertThat(ofKafkasTools(cluster))
                .allSatisfy(remedy -> assertThat(remedy.command())
                        .contains(" --bootstrap-server broker:9093 --command-config /path/to/client.properties "));
    }

    @Test
    void withoutSecurityNoneNamesAFile() {
        String cluster =
                Remedy.cluster(SettingsLoader.load(null, Map.of(), Map.of("kafka.security.protocol", "PLAINTEXT")));

        assertThat(ofKafkasTools(cluster))
                .allSatisfy(remedy -> assertThat(remedy.command()).doesNotContain("--command-config"));
        assertThat(Remedy.cluster(SettingsLoader.load(null, Map.of(), Map.of())))
                .doesNotContain("--command-config");
    }
}
