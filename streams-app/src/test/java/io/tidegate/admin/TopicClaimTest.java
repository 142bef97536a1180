package io.tidegate.admin;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.tidegate.config.Settings;
import io.tidegate.config.SettingsLoader;
import java.util.Map;
import org.apache.kafka.common.Uuid;
import org.junit.jupiter.api.Test;

/** What an application records about itself on the topics that it uses. */
final class TopicClaimTest {
    private static final Settings UNKEYED = settings(Map.of());
    private static final Settings KEYED = settings(Map.of("ingress.partitioning", "tenant"));

    private static Settings settings(Map<String, String> flags) {
        return SettingsLoader.load(null, Map.of(), flags);
    }

    private static TopicClaim claim(TopicRole role, Settings settings) {
        TopicState topic = new TopicState(role.title(), role, Uuid.randomUuid(), 8, 1, Map.of());
        return TopicClaim.of(topic, settings, "2026-11-26T15:00:00Z");
    }

    @Test
    void aClaimIsReadAsItWasWritten() {
        for (Settings settings : new Settings[] {UNKEYED, KEYED}) {
            TopicClaim claim = claim(TopicRole.ACCEPTED, settings);

            assertThat(TopicClaim.parse(claim.key(), claim.json())).isEqualTo(claim);
            assertThat(claim.ingressPartitioning()).isEqualTo(settings.ingressPartitioning());
        }
    }

    /** So that a claim of an application that does not use the setting is the same in every version. */
    @Test
    void onlyAKeyedIngressIsRecordedAndOnlyOnTheTopicThatBelongsToTheState() {
        assertThat(new String(claim(TopicRole.ACCEPTED, UNKEYED).json(), UTF_8)).doesNotContain("ingress");
        assertThat(new String(claim(TopicRole.SIGNALS, KEYED).json(), UTF_8)).doesNotContain("ingress");
        assertThat(new String(claim(TopicRole.ACCEPTED, KEYED).json(), UTF_8)).contains("\"ingress\":\"tenant\"");
    }
}
