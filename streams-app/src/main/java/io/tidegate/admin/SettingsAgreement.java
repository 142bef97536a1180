package io.tidegate.admin;

import io.tidegate.config.Settings;
import java.util.Map;
import java.util.StringJoiner;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * Compares the {@linkplain Settings#deciding deciding} settings of the instances of an application.
 *
 * <p>Each instance records its settings at start, in its claim on {@code signals-accepted}, so the claim has the settings of
 * the instance that started last. Other instances compare theirs with it. A difference stops nothing: it is normal during a
 * rolling change, and ends with the last restart.
 */
final class SettingsAgreement {
    private SettingsAgreement() {}

    /** Returns how these settings differ from those in a claim; null if they do not. */
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
