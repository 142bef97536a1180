package io.tidegate.tools;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidegate.contract.Router.Route;
import io.tidegate.contract.Router.Route.ToDeadLetter;
import io.tidegate.contract.Router.Route.ToTenant;
import io.tidegate.signal.Defect;
import io.tidegate.signal.Signal;
import io.tidegate.tenant.TenantId;
import io.tidegate.tools.Doctor.Finding;
import io.tidegate.tools.Doctor.Level;
import io.tidegate.tools.SignalPreview.Explained;
import java.util.List;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.junit.jupiter.api.Test;

final class SignalChecksTest {
    private static final Explained NAMED = explained(to(42), true);
    private static final Explained OF_DEFAULT = explained(to(0), false);
    private static final Explained MISSING =
            explained(new ToDeadLetter(null, Defect.TENANT_MISSING, "the value has no field tenant_id"), false);
    private static final Explained MALFORMED = explained(new ToDeadLetter(null, Defect.MALFORMED, "not JSON"), false);

    private static Explained explained(Route route, boolean namesTenant) {
        return new Explained(new ConsumerRecord<>("signals", 0, 0, null, new byte[0]), route, namesTenant);
    }

    private static ToTenant to(long tenant) {
        return new ToTenant(TenantId.of(tenant), new Signal(TenantId.of(tenant), null, null, null));
    }

    @Test
    void anEmptyTopicHasNothingWrong() {
        Finding empty = SignalChecks.of("signals", List.of());

        assertThat(empty.level()).isEqualTo(Level.OK);
        assertThat(empty.text()).isEqualTo("signals has no record to look at");
    }

    @Test
    void recordsThatAllReachATenantAreFine() {
        Finding finding = SignalChecks.of("signals", List.of(NAMED, NAMED));

        assertThat(finding.level()).isEqualTo(Level.OK);
        assertThat(finding.text()).isEqualTo("signals: 2 of 2 records name a tenant");
    }

    @Test
    void recordsWithoutATenantAreFineAsLongAsTheyCountForTenantZero() {
        Finding finding = SignalChecks.of("signals", List.of(OF_DEFAULT, OF_DEFAULT));

        assertThat(finding.level()).isEqualTo(Level.OK);
        assertThat(finding.text()).isEqualTo("signals: 0 of 2 records name a tenant; 2 without one count for tenant 0");
    }

    @Test
    void someDeadLettersAreAWarningThatCountsThemByReason() {
        Finding finding = SignalChecks.of("web", List.of(NAMED, MISSING, MALFORMED, MISSING));

        assertThat(finding.level()).isEqualTo(Level.WARN);
        assertThat(finding.text())
                .isEqualTo("web: 1 of 4 records names a tenant; dead letters: malformed 1, tenant_missing 2");
        assertThat(finding.fix()).contains("tidegate signals explain --topic web", "signal.");
    }

    @Test
    void nothingButDeadLettersIsAFailure() {
        Finding finding = SignalChecks.of("signals", List.of(MISSING));

        assertThat(finding.level()).isEqualTo(Level.FAIL);
        assertThat(finding.text()).isEqualTo("signals: 0 of 1 records name a tenant; dead letters: tenant_missing 1");
    }
}
