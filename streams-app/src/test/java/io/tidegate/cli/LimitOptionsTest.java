package io.tidegate.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.tidegate.tenant.SignalLimit;
import io.tidegate.tenant.TenantConfig;
import io.tidegate.tenant.TenantId;
import java.math.BigInteger;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import picocli.CommandLine;
import picocli.CommandLine.Model.CommandSpec;

final class LimitOptionsTest {
    private static final TenantConfig ON_PLAN =
            TenantConfig.unlimited(TenantId.of(42), "").toBuilder().plan("pro").build();

    private static TenantConfig set(TenantConfig base, String... options) {
        LimitOptions limits = new LimitOptions();
        new CommandLine(CommandSpec.forAnnotatedObject(limits)).parseArgs(options);
        return limits.apply(base);
    }

    private static TenantConfig unset(TenantConfig base, String... options) {
        LimitFlags limits = new LimitFlags();
        new CommandLine(CommandSpec.forAnnotatedObject(limits)).parseArgs(options);
        return limits.without(base);
    }

    @Test
    void unlimitedIsNoLimitWhateverThePlanSays() {
        TenantConfig unlimited =
                set(ON_PLAN, "--rate=unlimited", "--items=unlimited", "--period=unlimited", "--storage=unlimited");
        assertThat(unlimited.unlimited())
                .containsExactly("max_items", "max_signals_per_sec", "max_storage_bytes", "periods");

        TenantConfig limited = set(unlimited, "--items=5", "--period=day=7");
        assertThat(limited.unlimited()).containsExactly("max_signals_per_sec", "max_storage_bytes");
        assertThat(limited.maxItems()).isEqualTo(BigInteger.valueOf(5));

        TenantConfig ofPlan = unset(limited, "--rate");
        assertThat(ofPlan.unlimited()).containsExactly("max_storage_bytes");
        assertThat(set(limited, "--items=unlimited").maxItems()).isNull();
    }

    @Test
    void anUnlimitedIdleTtlEndsThatOfThePlanUntilItIsSetOrUnset() {
        TenantConfig never = set(ON_PLAN, "--entity-idle-ttl=unlimited");
        assertThat(never.unlimited()).containsExactly("entity_idle_ttl");
        TenantConfig plan = TenantConfig.unlimited(TenantId.DEFAULT, "").toBuilder()
                .entityIdleTtl(Duration.ofDays(30))
                .build();
        assertThat(never.completedBy(plan).entityIdleTtl()).isNull();
        assertThat(unset(never, "--entity-idle-ttl").completedBy(plan).entityIdleTtl())
                .isEqualTo(Duration.ofDays(30));
        TenantConfig own = set(never, "--entity-idle-ttl=12h");
        assertThat(own.unlimited()).isEmpty();
        assertThat(own.completedBy(plan).entityIdleTtl()).isEqualTo(Duration.ofHours(12));
    }

    @Test
    void aCeilingCannotNameTheIdleTtl() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> CeilingOption.apply(List.of("entity-idle-ttl=30d"), null))
                .withMessageStartingWith("--ceiling: ceiling: entity_idle_ttl is not a limit; limits: ");
    }

    @Test
    void withoutAPlanUnlimitedIsTheSameAsNotSet() {
        TenantConfig limited = set(TenantConfig.unlimited(TenantId.of(42), ""), "--items=5");
        assertThat(set(limited, "--items=unlimited")).isEqualTo(unset(limited, "--items"));
    }

    @Test
    void limitsOfSignalsAreSetAndTakenAwayOneByOne() {
        TenantConfig first = set(ON_PLAN, "--signal=click=10/s,20", "--signal=a=b=3");
        assertThat(first.signals())
                .isEqualTo(Map.of("click", new SignalLimit(10L, 20L), "a=b", new SignalLimit(3L, null)));
        TenantConfig second = set(first, "--signal=click=", "--signal=view=5");
        assertThat(second.signals())
                .isEqualTo(Map.of("a=b", new SignalLimit(3L, null), "view", new SignalLimit(5L, null)));
        assertThat(set(second, "--signal=unlimited").signals()).isEmpty();
        assertThat(set(second, "--signal=unlimited").unlimited()).containsExactly("signals");
        assertThat(unset(second, "--signal").signals()).isEmpty();
        assertThatIllegalArgumentException()
                .isThrownBy(() -> set(ON_PLAN, "--signal=a=1", "--signal=a=2"))
                .withMessage("--signal: a is named twice");
    }

    @Test
    void aCeilingIsSetLimitByLimit() {
        var first = CeilingOption.apply(List.of("rate=500/s", "entities=20000"), null);
        assertThat(first.limits().maxSignalsPerSec()).isEqualTo(500);
        var second = CeilingOption.apply(List.of("rate=600/s", "period=day=7", "signal=click=3"), first);
        assertThat(second.limits().maxSignalsPerSec()).isEqualTo(600);
        assertThat(second.limits().maxEntities()).isEqualTo(BigInteger.valueOf(20_000));
        assertThat(second.limits().periods()).hasSize(1);
        assertThat(second.limits().signals()).containsOnlyKeys("click");
    }
}
