package io.tidegate.tools;

import io.tidegate.contract.Router.Route.ToTenant;
import io.tidegate.tools.Doctor.Finding;
import io.tidegate.tools.Doctor.Level;
import io.tidegate.tools.SignalPreview.Explained;
import java.util.List;

/** The doctor's findings about the records of an ingress topic. Pure. */
final class SignalChecks {
    private static final String AREA = "signals";

    private SignalChecks() {}

    /** Judges the records of one topic. */
    static Finding of(String topic, List<Explained> records) {
        if (records.isEmpty()) {
            return new Finding(Level.OK, AREA, topic + " has no record to look at", null);
        }
        String text = "%s: %s".formatted(topic, SignalPreview.summary(records));
        long unusable = records.stream()
                .filter(one -> !(one.route() instanceof ToTenant))
                .count();
        if (unusable == 0) {
            return new Finding(Level.OK, AREA, text, null);
        }
        return new Finding(
                unusable == records.size() ? Level.FAIL : Level.WARN,
                AREA,
                text,
                ("tidegate signals explain --topic %s explains each; the settings signal.… and tenant.source define"
                                + " where a signal has its tenant")
                        .formatted(topic));
    }
}
