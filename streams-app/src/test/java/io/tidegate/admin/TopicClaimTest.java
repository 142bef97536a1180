package io.tidegate.admin;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.tidegate.config.Settings;
import io.tidegate.config.SettingsLoader;
import java.util.Map;
import org.apache.kafka.common.Uuid;
import org.junit.jupiter.api.Test;

/** The claims that an application records on the topics that it uses. */
final class TopicClaimTest {
    private static final Settings UNKEYED = settings(Map.of());
    private static final Settings KEYED = settings(Map.of("ingress.partitioning", "tenant"));

    private static Settings settings(Map<String, String> flags) {
        return SettingsLoader.load(null, Map.of(), flags);
    }

    private static TopicClaim claim(TopicRole role, Settings settings) {
        TopicState topic = new TopicState(role.title(), role, Uuid.randomUuid(), 8, 1, Map.of());
        return TopicClaim.of(topic, settings, false, null, "2026-11-26T15:00:00Z");
    }

    @Test
    void aClaimIsReadAsItWasWritten() {
        for (Settings settings : new Settings[] {UNKEYED, KEYED}) {
            TopicClaim claim = claim(TopicRole.ACCEPTED, settings);

            assertThat(TopicClaim.parse(claim.key(), claim.json())).isEqualTo(claim);
            assertThat(claim.ingressPartitioning()).isEqualTo(settings.ingressPartitioning());
        }
    }

    /** Otherwise the claim of an application that does not use the setting would differ between versions. */
    @Test
    void onlyAKeyedIngressIsRecordedAndOnlyOnTheTopicThatBelongsToTheState() {
        assertThat(new String(claim(TopicRole.ACCEPTED, UNKEYED).json(), UTF_8)).doesNotContain("ingress");
        assertThat(new String(claim(TopicRole.SIGNALS, KEYED).json(), UTF_8)).doesNotContain("ingress");
        assertThat(new String(claim(TopicRole.ACCEPTED, KEYED).json(), UTF_8)).contains("\"ingress\":\"tenant\"");
    }

    private static final Settings MAPPED =
            settings(Map.of("signal.tenant", "/account/id", "tenants.missing", "default"));

    @Test
    void settingsThatDecideAreRecordedIfTheyAreNotTheDefaults() {
        assertThat(new String(claim(TopicRole.ACCEPTED, UNKEYED).json(), UTF_8)).doesNotContain("settings");
        assertThat(new String(claim(TopicRole.SIGNALS, MAPPED).json(), UTF_8)).doesNotContain("settings");

        TopicClaim claim = claim(TopicRole.ACCEPTED, MAPPED);

        assertThat(claim.settings())
                .containsOnly(Map.entry("signal.tenant", "/account/id"), Map.entry("tenants.missing", "default"));
        assertThat(TopicClaim.parse(claim.key(), claim.json())).isEqualTo(claim);
        assertThat(claim.deciding()).isEqualTo(MAPPED.deciding());
    }

    @Test
    void differencesFromTheSettingsOfTheLastInstanceAreNamed() {
        assertThat(SettingsAgreement.difference(MAPPED, claim(TopicRole.ACCEPTED, MAPPED)))
                .isNull();
        assertThat(SettingsAgreement.difference(UNKEYED, claim(TopicRole.ACCEPTED, KEYED)))
                .as("of settings that are compared elsewhere")
                .isNull();

        assertThat(SettingsAgreement.difference(UNKEYED, claim(TopicRole.ACCEPTED, MAPPED)))
                .contains(
                        "signal.tenant is /tenant_id here, and /account/id there; tenants.missing is reject here, and default"
                                + " there");
        Settings opaque = settings(Map.of("signal.format", "opaque", "signal.tenant", "key"));
        assertThat(SettingsAgreement.difference(opaque, claim(TopicRole.ACCEPTED, UNKEYED)))
                .contains("signal.format is opaque here, and json there")
                .contains("signal.item is empty here, and /item there");
    }

    /** Checks values in another spelling. */
    @Test
    void settingsThatMeanTheSameDoNotDiffer() {
        Settings spelled = settings(Map.of("signal.item", " /item ", "lateness.max.ms", "060000"));

        assertThat(claim(TopicRole.ACCEPTED, spelled).settings()).isNull();
    }
}
