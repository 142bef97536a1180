package io.tidegate.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidegate.admission.Admission;
import io.tidegate.admission.TenantUsage;
import io.tidegate.signal.Signal;
import io.tidegate.tenant.PeriodLimit;
import io.tidegate.tenant.PeriodLimit.Per;
import io.tidegate.tenant.TenantConfig;
import io.tidegate.tenant.TenantId;
import java.math.BigInteger;
import java.util.List;
import org.junit.jupiter.api.Test;

class TenantListCommandTest {
    private static final long NOW_MS = 1_000_000;
    private static final long TWO_HOURS_MS = 7_200_000;

    private static TenantConfig limited(PeriodLimit... limits) {
        return TenantConfig.unlimited(TenantId.of(42), "").toBuilder()
                .periods(List.of(limits))
                .build();
    }

    @Test
    void showsThePeriodThatIsUsedMost() {
        TenantConfig config = limited(
                new PeriodLimit(Per.HOUR, BigInteger.valueOf(10), null),
                new PeriodLimit(Per.DAY, BigInteger.valueOf(1_000), BigInteger.valueOf(2_048)));
        assertThat(TenantListCommand.period(null, config, NOW_MS)).isEqualTo("hour 0 / 10");

        TenantUsage usage = TenantUsage.fresh(1, 2);
        new Admission(null).admit(config, usage, new Signal(null, null, null, null), 1_024, NOW_MS);
        assertThat(TenantListCommand.period(usage, config, NOW_MS)).isEqualTo("day 1.0 KiB / 2.0 KiB");
        TenantConfig ofSignals =
                limited(new PeriodLimit(Per.HOUR, BigInteger.valueOf(10), BigInteger.valueOf(100_000)));
        assertThat(TenantListCommand.period(usage, ofSignals, NOW_MS)).isEqualTo("hour 1 / 10");
        assertThat(TenantListCommand.period(usage, ofSignals, NOW_MS + TWO_HOURS_MS))
                .isEqualTo("hour 0 / 10");
    }

    @Test
    void aTenantWithoutALimitOfAPeriodHasNone() {
        assertThat(TenantListCommand.period(TenantUsage.fresh(1, 2), limited(), NOW_MS))
                .isNull();
    }
}
