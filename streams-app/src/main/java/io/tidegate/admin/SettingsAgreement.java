package io.tidegate.admin;

import io.tidegate.config.Settings;
import java.util.Map;
import java.util.StringJoiner;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * Whether the instances of an application work with the same {@linkplain Settings#deciding deciding} settings.
 *
 * <p>Each instance records its own when it starts, in its claim on {@code signals-accepted}; so the claim has those of the
 * instance that started last. An instance that has others differs from that one. Nothing is stopped for it: a rolling change
 * passes through this state, and it ends with the last restart.
 */
final class SettingsAgreement {
    private SettingsAgreement() {}

    /** What differs between these settings and those in a claim; null if nothing does. */
    static @Nullable String difference(Settings settings, TopicClaim claim) {
        Map<String, String> there = claim.deciding();
        StringJoiner differences = new StringJoiner("; ");
        new TreeMap<>(settings.deciding()).forEach((key, here) -> {
            String other = there.getOrDefault(key, here);
            if (!other.equals(here)) {
                differences.add("%s is %s here, and %s there".formatted(key, shown(here), shown(other)));
            }
        });
        return differences.length() == 0
                ? null
                : ("these settings are not those of the instance of application.id %s that started last: %s. Signals are read and"
                                + " decided by the settings of the instance that has them: give all instances the same. During a"
                                + " rolling change this ends with the last restart")
                        .formatted(settings.applicationId(), differences);
    }

    private static String shown(String value) {
        return value.isEmpty() ? "empty" : value;
    }
}
