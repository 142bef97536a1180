package io.tidegate.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Map;
import java.util.Properties;
import org.apache.kafka.common.utils.AppInfoParser;
import org.junit.jupiter.api.Test;

class BuildVersionTest {
    private static final Properties KAFKA = properties(Map.of("version", "4.3.1"));

    private static Properties properties(Map<String, String> entries) {
        Properties properties = new Properties();
        properties.putAll(entries);
        return properties;
    }

    @Test
    void namesTheCommitOfTheBuild() {
        var build = properties(Map.of("version", "0.1.0", "commit", "0123456789ab"));

        assertThat(BuildVersion.lines(build, KAFKA))
                .containsExactly(
                        "tidegate 0.1.0", "commit 0123456789ab", "Java " + Runtime.version(), "Kafka client 4.3.1");
    }

    @Test
    void marksABuildOfFilesThatDifferedFromTheCommit() {
        var build = properties(Map.of("version", "0.1.0", "commit", "0123456789ab-dirty"));

        assertThat(BuildVersion.lines(build, KAFKA)).contains("commit 0123456789ab with uncommitted changes");
    }

    @Test
    void isUnknownWithoutTheFileOfTheBuild() {
        assertThat(BuildVersion.lines(new Properties(), new Properties()))
                .contains("tidegate (development)", "commit unknown", "Kafka client unknown");
    }

    @Test
    void readsTheVersionOfTheClientThatRuns() {
        assertThat(new BuildVersion().getVersion()).contains("Kafka client " + AppInfoParser.getVersion());
    }
}
