package io.tidegate.tools;

import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tidegate.config.Settings;
import io.tidegate.config.SettingsException;
import io.tidegate.config.SettingsLoader;
import java.time.Duration;
import java.util.Map;
import org.junit.jupiter.api.Test;

class LoadTopicsTest {
    private static final Settings SETTINGS = SettingsLoader.load(
            null,
            Map.of(),
            Map.of("tenant.source", "topic", "topic.signals", "in.1,in.2,in.42", "ingress.partitioning", "any"));

    private static LoadGenerator of(int tenants) {
        return new LoadGenerator(
                SETTINGS, new LoadGenerator.Plan(tenants, 1, 1.1, 10, 200, Duration.ofSeconds(1), 1, 1, 1, null));
    }

    @Test
    void sendsOnlyToTopicsThatTidegateReads() {
        assertThatCode(of(2)::checkTopics).doesNotThrowAnyException();
        assertThatThrownBy(of(3)::checkTopics)
                .isInstanceOf(SettingsException.class)
                .hasMessageContaining("tenant 3 to the topic in.3, which topic.signals does not name");
    }
}
